// Package pandotest runs Jaeger's own code against the binary: the storage
// integration suite of its repository through its clients of both versions of
// the remote storage protocol.
package pandotest

// Package pandotest runs Jaeger's own code, of version 1.76, against the binary.
//
//	storage_test.go  the storage integration suite of its repository, through its
//	                 clients of both versions of the remote storage protocol, and
//	                 of the archive; its cases of dependencies, throughput and
//	                 probabilities skip, as these protocols have no call to write
//	                 them
//	query_test.go    its query service, with the server as its storage, beside the
//	                 server's own HTTP API: both must answer the same
//	rpc_test.go      its clients of api_v2, and OpenTelemetry's sampler for it
//	badger_test.go   the import of directories that its badger storage wrote
//
// The binary is built from this repository; PANDO_BINARY names another one. All of
// it is one package, as compiling what Jaeger needs takes minutes. After a change
// of go.mod, `GONOSUMDB='*' GOFLAGS=-mod=mod go mod tidy`.
package pandotest

// Package server is the composition root: it reads the configuration, builds
// every part of the process in order, connects them, and takes them down in the
// reverse order.
//
//	Config ─► Open: data directory lock
//	            ├─ meta: embedded etcd, catalog          (data/meta)
//	            ├─ jobs, caches, events
//	            ├─ node: log, tablets, replication groups (data/log, data/tablets)
//	            ├─ router, search
//	            └─ gateways: otlp, jaeger, ui, admin
//	        ─► Serve: listeners; each port answers every protocol
//
// One listener speaks all protocols: the first bytes of a connection tell native
// gRPC (HTTP/2 with prior knowledge) from everything else (mux.go). Well-known
// ports are aliases: further listeners in front of the same two servers.
//
// Nothing below this package reads flags, the environment or the configuration
// file.
package server

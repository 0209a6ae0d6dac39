// Package jaegerstore makes Pando a remote storage of Jaeger's: the gRPC services
// through which Jaeger's collector, query service and tools reach a backend that
// lives in another process.
//
//	jaeger.storage.v2   TraceReader ───────┐   filters, pages, spans,
//	  (Jaeger 2)        DependencyReader ──┤   summaries
//	                    Capabilities       │                    ┌─► Store
//	                                       ├─► Gateway ─ Target ┤
//	jaeger.storage.v1   SpanReaderPlugin ──┤     │              └─► Spans
//	  (Jaeger 1, and 2  SpanWriterPlugin ──┤     └─ archive, if there is one:
//	   before 2.6)      StreamingSpan… ────┤        the Archive… services, and all
//	                    Archive… ──────────┤        others with pando-archive: true
//	                    Dependencies… ─────┘
//	                    PluginCapabilities
//
// Version 2 writes through OTLP's TraceService, which is the OTLP gateway's.
//
// Rules. A message of spans carries those of one trace, is never empty, and the
// messages of a trace are neighbours; only FindSpans mixes traces, because its
// order says so. A token of a next page comes with the last message. What a
// request asks for and this version does not know is refused, never dropped: the
// answer would be more than was asked for. No more than 32 traces of a request
// are in memory at a time, nor more than 4 MiB of a stream that writes.
//
// Start reading at Gateway; readv2.go is the protocol of today.
package jaegerstore

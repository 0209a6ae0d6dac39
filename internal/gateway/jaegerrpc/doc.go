// Package jaegerrpc serves version 2 of Jaeger's gRPC API, jaeger.api_v2, to the
// clients, agents and tools that speak it:
//
//	QueryService      GetTrace, FindTraces (streams), ArchiveTrace, GetServices,
//	                  GetOperations, GetDependencies
//	CollectorService  PostSpans
//	SamplingManager   GetSamplingStrategy; also GET /sampling?service=NAME and
//	                  /api/sampling?service=NAME, which older clients ask
//
//	PostSpans ─► wire.DecodePostSpans ─► wire.AppendExport ─► Spans.Export
//	FindTraces ─► search.Query ─► Store.FindPage ─► serve.TraceReader ─► wire.Encoder ─► chunks
//	GetSamplingStrategy ─► Adaptive, or Strategies of a file
//
// Spans cross as bytes: a request is not decoded by protobuf, which refuses text
// that is not UTF-8, and an answer is built without an object per span and tag.
//
// Adaptive sampling is Jaeger's rule: once a minute, the probability of each
// operation moves towards the one at which a target of traces per second is
// stored. It needs no store of its own; what it steers by, the rate of root
// spans, is what the trace store counts anyway.
//
// Start reading at gateway.go; query.go, collector.go and sampling.go are the
// services, strategies.go and adaptive.go say where strategies come from.
package jaegerrpc

// Package jaeger serves Jaeger's query API, so that the Jaeger page, Grafana's
// Jaeger data source and other clients of Jaeger read from Pando unchanged.
//
// Three surfaces over one Store:
//
//	legacy HTTP   /api/services, /api/services/{service}/operations,
//	              /api/operations, /api/traces, /api/traces/{id},
//	              /api/archive/{id}, /api/transform,
//	              /api/dependencies, /api/metrics/…      Jaeger's own JSON
//	api/v3 HTTP   /api/v3/services, operations, traces, traces/{id},
//	              trace-summaries, spans, dependencies   OTLP JSON
//	api/v3 gRPC   jaeger.api_v3.QueryService             OTLP protobuf
//
//	URL parameters ─┐
//	POST body ──────┼─► searchParams ─► search.Query ─► Store.FindIDs
//	gRPC message ───┘                                        │ ids
//	                                                         ▼
//	   bytes ◄── spanEncoder / otlpEncoder / serve ◄─ Adjuster ◄─ traceReader
//	                                                         ▲
//	                                  Archive, for ids that the Store has no more
//
// Summaries and spans need no second step: Store.SummariesPage and
// Store.FindSpans answer with a page and the token of the next.
//
// Whole traces are never gathered: traceReader gets a few at a time, encoders
// append to one buffer that goes out as it fills. The first traces are read
// before the status line is written, so most failures have their status code; a
// later one cuts the connection, because half an answer must not look whole.
//
// Adjuster repairs traces on their way out (clocks, shared ids, copies) unless a
// request asks for them raw. It copies what it changes: behind the spans it is
// given may be memory that others read.
//
// Where the surfaces differ from each other (limits, time units, what an absent
// parameter means, error documents) they do so as Jaeger 1.76 and 2.x do.
// docs/api/jaeger.md lists what we answer differently from Jaeger, and why.
//
// What the gateways of Jaeger's protocols share is in the packages below: wire
// knows messages, serve knows how they are answered.
//
// Start reading at gateway.go, then search.go, legacy.go, v3query.go, v3http.go,
// v3grpc.go, v3spans.go; adjust.go stands alone.
package jaeger

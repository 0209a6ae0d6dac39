// Package jaeger serves Jaeger's query API, so that the Jaeger page, Grafana's
// Jaeger data source and other clients of Jaeger read from Pando unchanged.
//
// Three surfaces over one Store:
//
//	legacy HTTP   /api/services, /api/services/{service}/operations,
//	              /api/operations, /api/traces, /api/traces/{id},
//	              /api/dependencies                      Jaeger's own JSON
//	api/v3 HTTP   /api/v3/services, operations, traces, traces/{id},
//	              trace-summaries, dependencies          OTLP JSON
//	api/v3 gRPC   jaeger.api_v3.QueryService             OTLP protobuf
//
//	URL parameters ─┐
//	POST body ──────┼─► searchParams ─► search.Query ─► Store.FindIDs
//	gRPC message ───┘                                        │ ids
//	                                                         ▼
//	   bytes ◄── spanEncoder / otlpEncoder / trace.AppendOTLP ◄── traceReader
//
// Whole traces are never gathered: traceReader gets a few at a time, encoders
// append to one buffer that goes out as it fills. The first traces are read
// before the status line is written, so most failures have their status code; a
// later one cuts the connection, because half an answer must not look whole.
//
// Where the surfaces differ from each other (limits, time units, what an absent
// parameter means, error documents) they do so as Jaeger 1.76 and 2.x do.
// docs/api/jaeger.md lists what we answer differently from Jaeger, and why.
//
// Start reading at gateway.go, then search.go, legacy.go, v3http.go, v3grpc.go.
package jaeger

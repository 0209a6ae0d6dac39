// Package otlp is the front door for OpenTelemetry traces: OTLP over gRPC
// (TraceService.Export) and over HTTP (POST /v1/traces, protobuf and JSON).
//
//	gRPC ──► rawcodec ──┐                              ┌─► answer: full or
//	                    ├─► wire bytes ─► trace.Builder ┤   partial success
//	HTTP ──► body.go ───┘   (JSON: converted)           └─► Traces.WriteTraces
//
// Requests are never unmarshalled into objects. Both protocols share Gateway's
// export, one budget for bytes in flight, and the tables in status.go that map
// error classes to codes.
//
// The answers follow the OTLP specification 1.x. Spans that break a rule are
// counted in a partial success; everything else about a request is all or
// nothing. Retryable answers carry a delay: RetryInfo over gRPC, Retry-After
// over HTTP. Pressure is noticed before a body is read: that is why Export is
// registered as a stream of one message, which is the same on the wire but
// lets the handler run before gRPC has gathered the message.
//
// Start reading at Gateway, then http.go and grpc.go.
package otlp

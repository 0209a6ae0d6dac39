// Package e2e lets programs of other people talk to the real binary: what they
// send must come back the same over every way of reading. Only tests live here,
// in a module of their own, so that SDKs stay out of the product's dependencies.
//
//	OpenTelemetry SDK for Go      gRPC, HTTP/protobuf      ─┐       ┌─► page API
//	OpenTelemetry SDK for         gRPC, HTTP/protobuf,      │       ├─► Jaeger JSON
//	  JavaScript (sdk.mjs)        HTTP/JSON                 ├─► pando ├─► Jaeger api/v3 HTTP
//	telemetrygen                  gRPC, HTTP/protobuf      ─┘       ├─► Jaeger api/v3 gRPC (grpcurl)
//	                                                                └─► pando trace get, search
//
// Every client tells the same story (story_test.go), every reader returns the
// same kind of span (span_test.go). Services that call each other come back as
// names, dependencies and summaries (calls_test.go). The binary is built from
// this repository; PANDO_BINARY names another one. JavaScript needs Node and
// `npm ci` here.
package e2e

// Package e2e lets programs of other people talk to the real binary: what they
// send must come back the same over every way of reading. Only tests live here,
// in a module of their own, so that SDKs stay out of the product's dependencies.
//
//	OpenTelemetry SDK for Go      gRPC, HTTP/protobuf      ─┐       ┌─► page API
//	  JavaScript (sdk.mjs)        the same, HTTP/JSON       │       ├─► Jaeger JSON
//	  Python (sdk.py)             gRPC, HTTP/protobuf       ├─► pando ├─► Jaeger api/v3 HTTP
//	  Java (Sdk.java)             gRPC, HTTP/protobuf       │       ├─► Jaeger api/v3 gRPC (grpcurl)
//	telemetrygen                  gRPC, HTTP/protobuf      ─┘       └─► pando trace get, search
//
// Every client tells the same story (story_test.go), every reader returns the
// same kind of span (span_test.go). Services that call each other come back as
// names, dependencies and summaries (calls_test.go). Requests that Grafana, Kiali
// and Jaeger's pages send are answered as the golden files of the gateway say
// (replay_test.go).
//
// The binary is built from this repository; PANDO_BINARY names another one. What
// the scripts need, `make setup` installs beside them, as the lock files say:
// package-lock.json, requirements.txt (venv/) and jars.sha256 (jars/). Without it
// tests fail; PANDO_SKIP_SCRIPTS=1 leaves all scripts out.
package e2e

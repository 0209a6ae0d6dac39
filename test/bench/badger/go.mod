// Jaeger keeps its storages in internal packages. A module whose path begins
// with Jaeger's may import them; this one does, and re-exports the few calls
// that the comparison needs. It is never published: test/bench replaces it.
module github.com/jaegertracing/jaeger/pandobench

go 1.26.8

require (
	github.com/jaegertracing/jaeger v1.76.0
	github.com/jaegertracing/jaeger-idl v0.6.0
	go.opentelemetry.io/collector/pdata v1.46.0
	go.uber.org/zap v1.27.1
	google.golang.org/grpc v1.85.0
)

package e2e

import (
	"errors"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// linkedTrace and linkedSpan are what the story links to: nothing that we know.
const (
	linkedTrace = "0af7651916cd43dd8448eb211c80319c"
	linkedSpan  = "b7ad6b7169203331"
)

// told is what a client says it has sent: a request to a cart that reads from a
// database, which fails.
type told struct {
	TraceID string `json:"traceId"`
	Root    string `json:"root"`
	Child   string `json:"child"`
}

// spans returns the story as readers must tell it.
func (s told) spans(service string) []span {
	return byName([]span{
		{
			ID: s.Root, Service: service, Name: "GET /cart", Kind: "server",
			Attributes: map[string]string{"http.response.status_code": itoa(500), "e2e.client": service},
		},
		{
			ID: s.Child, Parent: s.Root, Service: service, Name: "SELECT", Kind: "client", Failed: true, Message: "it broke",
			Attributes: map[string]string{"flag": "true", "ratio": "0.5", "list": `["a","b"]`, "text": "grüße <&> \"quoted\""},
			Events:     []string{"exception"}, Links: []string{linkedSpan},
		},
	})
}

// TestSDKs has every SDK tell the story over every transport, and reads it back
// in every way.
func TestSDKs(t *testing.T) {
	for service, tell := range map[string]func(t *testing.T, service string) told{
		"go-grpc":       func(t *testing.T, service string) told { return tellGo(t, service, goGRPC(t)) },
		"go-http-proto": func(t *testing.T, service string) told { return tellGo(t, service, goHTTP(t)) },
		"js-grpc":       tellJS("grpc"),
		"js-http-proto": tellJS("proto"),
		"js-http-json":  tellJS("json"),
		"py-grpc":       tellPython("grpc"),
		"py-http-proto": tellPython("proto"),
		"java-grpc":     tellJava("grpc"),
		"java-http":     tellJava("http/protobuf"),
	} {
		t.Run(service, func(t *testing.T) {
			story := tell(t, service)
			for _, r := range readers {
				t.Run(r.name, func(t *testing.T) { readBack(t, r, story, service) })
			}
		})
	}
}

func readBack(t *testing.T, r reader, story told, service string) {
	want := story.spans(service)
	for i := range want {
		r.carries(&want[i])
	}
	if got := r.trace(t, story.TraceID); !reflect.DeepEqual(got, want) {
		t.Errorf("trace %s:\n got %+v\nwant %+v", story.TraceID, got, want)
	}
	for key, value := range map[string]string{"e2e.client": service, "http.response.status_code": "500", "flag": "true", "ratio": "0.5"} {
		if got := r.search(t, service, key, value); !reflect.DeepEqual(got, []string{story.TraceID}) {
			t.Errorf("search %s=%s: %v, want %s", key, value, got, story.TraceID)
		}
	}
	if got := r.search(t, service, "flag", "false"); len(got) > 0 {
		t.Errorf("search for what nobody sent finds %v", got)
	}
}

func goGRPC(t *testing.T) sdktrace.SpanExporter {
	t.Helper()
	e, err := otlptracegrpc.New(t.Context(), otlptracegrpc.WithInsecure(), otlptracegrpc.WithEndpoint(pando.addr), otlptracegrpc.WithCompressor("gzip"))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func goHTTP(t *testing.T) sdktrace.SpanExporter {
	t.Helper()
	e, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpointURL("http://"+pando.addr+"/v1/traces"), otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// tellGo tells the story as a Go service would.
func tellGo(t *testing.T, service string, exporter sdktrace.SpanExporter) told {
	t.Helper()
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter, sdktrace.WithBatchTimeout(time.Hour)),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", service))))
	tracer := provider.Tracer("e2e", trace.WithInstrumentationVersion("1.0"))
	ctx, root := tracer.Start(t.Context(), "GET /cart", trace.WithSpanKind(trace.SpanKindServer))
	_, child := tracer.Start(ctx, "SELECT", trace.WithSpanKind(trace.SpanKindClient), trace.WithLinks(trace.Link{SpanContext: linked(t)}))
	child.SetAttributes(attribute.Bool("flag", true), attribute.Float64("ratio", 0.5),
		attribute.StringSlice("list", []string{"a", "b"}), attribute.String("text", `grüße <&> "quoted"`))
	child.RecordError(errors.New("boom"))
	child.SetStatus(codes.Error, "it broke")
	child.End()
	root.SetAttributes(attribute.Int("http.response.status_code", 500), attribute.String("e2e.client", service))
	root.End()
	if err := provider.Shutdown(t.Context()); err != nil { // exports, and says if that failed
		t.Fatal(err)
	}
	return told{
		TraceID: root.SpanContext().TraceID().String(), Root: root.SpanContext().SpanID().String(), Child: child.SpanContext().SpanID().String(),
	}
}

func linked(t *testing.T) trace.SpanContext {
	t.Helper()
	traceID, err := trace.TraceIDFromHex(linkedTrace)
	if err != nil {
		t.Fatal(err)
	}
	spanID, err := trace.SpanIDFromHex(linkedSpan)
	if err != nil {
		t.Fatal(err)
	}
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: spanID, TraceFlags: trace.FlagsSampled})
}

// tellJS has Node tell it.
func tellJS(protocol string) func(t *testing.T, service string) told {
	return tellScript("node", "sdk.mjs", protocol)
}

// tellPython has the Python of ./venv tell it.
func tellPython(protocol string) func(t *testing.T, service string) told {
	return tellScript("venv/bin/python", "sdk.py", protocol)
}

// tellJava has the JDK compile and tell it, with the SDK of ./jars.
func tellJava(protocol string) func(t *testing.T, service string) told {
	return tellScript("java", "-cp", "jars/*", "Sdk.java", protocol)
}

// tellScript has a script tell it that is named with what comes before the
// address and the service.
func tellScript(program string, args ...string) func(t *testing.T, service string) told {
	return func(t *testing.T, service string) told {
		t.Helper()
		if os.Getenv("PANDO_SKIP_SCRIPTS") != "" {
			t.Skip("PANDO_SKIP_SCRIPTS is set")
		}
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%v: run make setup, or set PANDO_SKIP_SCRIPTS", err)
		}
		var s told
		decode(t, command(t, program, slices.Concat(args, []string{pando.addr, service})...), &s)
		return s
	}
}

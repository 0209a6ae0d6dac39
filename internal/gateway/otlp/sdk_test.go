package otlp

import (
	"errors"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	sdkresource "go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
)

// openStore takes spans of any time.
type openStore struct{ store }

func (*openStore) Bounds() base.TimeRange { return base.AllTime }

// The OpenTelemetry SDK for Go, unchanged, must see its spans stored as it made
// them.
func TestOpenTelemetrySDK(t *testing.T) {
	s := &openStore{}
	g, err := New(s, Options{Resource: 1})
	if err != nil {
		t.Fatal(err)
	}
	exporter, err := otlptracegrpc.New(t.Context(), otlptracegrpc.WithGRPCConn(connect(t, g)), otlptracegrpc.WithCompressor("gzip"))
	if err != nil {
		t.Fatal(err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter),
		sdktrace.WithResource(sdkresource.NewSchemaless(attribute.String("service.name", "cart"))))
	tracer := provider.Tracer("lib", oteltrace.WithInstrumentationVersion("1.2"))
	ctx, parent := tracer.Start(t.Context(), "parent", oteltrace.WithSpanKind(oteltrace.SpanKindServer))
	_, child := tracer.Start(ctx, "child", oteltrace.WithLinks(oteltrace.LinkFromContext(ctx)))
	child.SetAttributes(attribute.StringSlice("list", []string{"a", "b"}), attribute.Int("n", 7), attribute.Float64("f", 0.5))
	child.RecordError(errors.New("boom"))
	child.SetStatus(otelcodes.Error, "it broke")
	child.End()
	parent.End()
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.names(); got != "cart/child cart/parent" {
		t.Fatalf("stored %q", got)
	}
	c, p := &s.mu.spans[0], &s.mu.spans[1]
	if c.ParentID != p.SpanID || c.TraceID != p.TraceID || p.Kind != trace.KindServer || !p.ParentID.IsZero() {
		t.Errorf("child %v of %v, parent %v", c.SpanID, c.ParentID, p.SpanID)
	}
	if c.StatusCode != trace.StatusError || c.StatusMessage != "it broke" || c.Scope.Name != "lib" || c.Scope.Version != "1.2" {
		t.Errorf("status %d %q, scope %+v", c.StatusCode, c.StatusMessage, c.Scope)
	}
	if len(c.Attrs) != 3 || c.Attrs[0].Value.Dbl != 0.5 || len(c.Attrs[1].Value.List) != 2 || c.Attrs[2].Value.Int != 7 {
		t.Errorf("attributes %+v", c.Attrs)
	}
	if len(c.Events) != 1 || c.Events[0].Name != "exception" || len(c.Links) != 1 || c.Links[0].SpanID != p.SpanID {
		t.Errorf("events %+v, links %+v", c.Events, c.Links)
	}
}

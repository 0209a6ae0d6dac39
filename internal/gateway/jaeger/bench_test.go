package jaeger

import (
	"fmt"
	"io"
	"testing"

	"github.com/pandodb/pando/internal/model/trace"
)

// benchTrace has n spans of 20 services with 11 attributes and an event each.
func benchTrace(n int) trace.Trace {
	t := newTrace(1)
	var resources []*trace.Resource
	for i := range 20 {
		resources = append(resources, &trace.Resource{Attrs: []trace.Attr{
			text("host.name", fmt.Sprintf("node-%d", i)), text("service.name", fmt.Sprintf("service-%d", i)),
		}})
	}
	scope := &trace.Scope{Name: "go.opentelemetry.io/contrib/net/http", Version: "0.60.0"}
	t.Spans = make([]trace.Span, n)
	for i := range t.Spans {
		s := &t.Spans[i]
		*s = trace.Span{
			TraceID: t.ID, SpanID: spanID(uint64(i + 1)), ParentID: spanID(uint64(i / 3)), Name: "GET /api/cart/items", Kind: trace.KindServer,
			StartNanos: 1_795_176_000_000_000_000 + uint64(i)*1000, EndNanos: 1_795_176_000_000_500_000 + uint64(i)*1000,
			Resource: resources[i%20], Scope: scope,
			Events: []trace.Event{{TimeNanos: 1_795_176_000_000_100_000, Name: "cache miss", Attrs: []trace.Attr{text("key", "item")}}},
		}
		for j := range 8 {
			s.Attrs = append(s.Attrs, text(fmt.Sprintf("app.tag.%d", j), fmt.Sprintf("value-%d-of-span", j)))
		}
		s.Attrs = append(s.Attrs,
			trace.Attr{Key: "http.response.status_code", Value: trace.Value{Kind: trace.KindInt, Int: 200}},
			trace.Attr{Key: "http.retry", Value: trace.Value{Kind: trace.KindBool, Int: 1}},
			trace.Attr{Key: "load", Value: trace.Value{Kind: trace.KindDouble, Dbl: 0.731}})
	}
	return t
}

type countingWriter int64

func (w *countingWriter) Write(p []byte) (int, error) {
	*w += countingWriter(len(p))
	return len(p), nil
}

var _ io.Writer = (*countingWriter)(nil)

func BenchmarkLegacyJSON(b *testing.B) {
	for _, n := range []int{100, 100_000} {
		t := benchTrace(n)
		b.Run(fmt.Sprintf("spans=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var w countingWriter
				out := &output{w: &w, buf: make([]byte, 0, 2*flushBytes)}
				var enc spanEncoder
				enc.encode(out, &t)
				out.flush()
				b.SetBytes(int64(w))
			}
		})
	}
}

func BenchmarkOTLPJSON(b *testing.B) {
	for _, n := range []int{100, 100_000} {
		t := benchTrace(n)
		b.Run(fmt.Sprintf("spans=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var w countingWriter
				out := &output{w: &w, buf: make([]byte, 0, 2*flushBytes)}
				var enc otlpEncoder
				enc.encode(out, t.Spans)
				out.flush()
				b.SetBytes(int64(w))
			}
		})
	}
}

package otlp

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// sink is a Traces that forgets.
type sink struct{}

func (sink) Bounds() base.TimeRange                           { return base.AllTime }
func (sink) WriteTraces(context.Context, *column.Batch) error { return nil }

func BenchmarkHTTP(b *testing.B) {
	var spans []*tracepb.Span
	for i := range 1000 {
		s := span(fmt.Sprintf("GET /cart/%d", i%50), 1500)
		s.SpanId = fmt.Appendf(nil, "%08d", i)
		spans = append(spans, s)
	}
	plain := marshal(b, request(spans...))
	for encoding, body := range map[string][]byte{"identity": plain, "gzip": deflate(b, plain)} {
		b.Run(encoding, func(b *testing.B) {
			g, err := New(sink{}, Options{Resource: 1})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(plain)))
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, TracesPath, bytes.NewReader(body))
				r.Header.Set("Content-Type", "application/x-protobuf")
				r.Header.Set("Content-Encoding", encoding)
				w := httptest.NewRecorder()
				g.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatal(w.Body)
				}
			}
		})
	}
}

func BenchmarkGRPC(b *testing.B) {
	var spans []*tracepb.Span
	for i := range 1000 {
		s := span("GET /cart", 1500)
		s.SpanId = fmt.Appendf(nil, "%08d", i)
		spans = append(spans, s)
	}
	g, err := New(sink{}, Options{Resource: 1})
	if err != nil {
		b.Fatal(err)
	}
	client, req := dial(b, g), request(spans...)
	b.SetBytes(int64(len(marshal(b, req))))
	b.ReportAllocs()
	for b.Loop() { // the client's marshalling included
		if _, err := client.Export(b.Context(), req); err != nil {
			b.Fatal(err)
		}
	}
}

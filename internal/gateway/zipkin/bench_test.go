package zipkin

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
)

// benchBodies are 1,000 spans such as tracers send them, in both encodings.
func benchBodies() (doc, wire []byte) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 1000 {
		s := randomSpan(rng)
		s.tags = []tag{{"http.method", "GET"}, {"http.path", "/api/orders/1234"}, {"http.status_code", "200"}, {"mvc.controller.class", "Orders"}}
		s.annotations, s.local = nil, endpoint{service: "shop", v4: netip.AddrFrom4([4]byte{10, 0, 0, byte(rng.IntN(4))})}
		doc = appendSpan(append(doc, ','), &s)
		wire = appendProto(wire, &s)
	}
	doc[0] = '['
	return append(doc, ']'), wire
}

func BenchmarkConvert(b *testing.B) {
	doc, wire := benchBodies()
	for name, in := range map[string]func() (spanReader, []byte){
		"json":  func() (spanReader, []byte) { return newJSONSpans(doc), doc },
		"proto": func() (spanReader, []byte) { return newProtoSpans(wire), wire },
	} {
		b.Run(name, func(b *testing.B) {
			_, body := in()
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			dst := make([]byte, 0, 2*len(doc))
			for b.Loop() {
				reader, _ := in()
				if _, err := newModeler(base.SystemClock).export(reader, dst, 64<<20); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkShow(b *testing.B) {
	doc, _ := benchBodies()
	sent, err := readAll(newJSONSpans(doc))
	if err != nil {
		b.Fatal(err)
	}
	m := newModeler(base.SystemClock)
	spans := make([]trace.Span, len(sent))
	for i := range sent {
		spans[i] = m.model(&sent[i])
	}
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	dst := make([]byte, 0, 2*len(doc))
	for b.Loop() {
		var w shower
		var s span
		out := dst[:0]
		for i := range spans {
			w.show(&s, &spans[i])
			out = appendSpan(out, &s)
		}
	}
}

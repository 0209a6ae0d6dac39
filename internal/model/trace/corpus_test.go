package trace_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/corpus"
	"github.com/pandodb/pando/internal/model/trace"
)

// requests returns the corpus' first requests and their spans.
func requests(tb testing.TB, n, requestSpans int) (reqs [][]byte, spans int) {
	tb.Helper()
	c := corpus.New(corpus.Config{Traces: n * requestSpans, RequestSpans: requestSpans})
	c.Requests(func(req []byte, count int) bool {
		reqs, spans = append(reqs, bytes.Clone(req)), spans+count
		return len(reqs) < n
	})
	return reqs, spans
}

// A corpus request becomes a batch that is smaller than itself, and building it
// from what it reads as gives the same spans.
func TestCorpusSurvivesTwice(t *testing.T) {
	reqs, _ := requests(t, 5, 1000)
	b := trace.NewBuilder(trace.Options{})
	build := func(req []byte) []trace.Span {
		b.Reset(1, base.AllTime)
		if err := b.Add(req); err != nil || b.Rejected().Count > 0 {
			t.Fatal(err, b.Rejected())
		}
		batch := b.Finish()
		if batch.SizeBytes() > len(req) {
			t.Errorf("batch of %d bytes for a request of %d", batch.SizeBytes(), len(req))
		}
		spans, err := trace.ReadSpans(batch)
		if err != nil {
			t.Fatal(err)
		}
		return spans
	}
	for _, req := range reqs {
		once := trace.AppendOTLP(nil, build(req))
		twice := trace.AppendOTLP(nil, build(once))
		if !bytes.Equal(once, twice) {
			t.Fatal("spans differ after the second way through")
		}
	}
}

func BenchmarkBuilderCorpus(b *testing.B) {
	for _, size := range []int{100, 1000, 8000} {
		b.Run(fmt.Sprintf("spans=%d", size), func(b *testing.B) {
			reqs, spans := requests(b, 4, size)
			wire, memory := 0, 0
			for _, r := range reqs {
				wire += len(r)
			}
			builder := trace.NewBuilder(trace.Options{})
			b.ReportAllocs()
			b.SetBytes(int64(wire))
			for b.Loop() {
				memory = 0
				for _, req := range reqs {
					builder.Reset(1, base.AllTime)
					if err := builder.Add(req); err != nil {
						b.Fatal(err)
					}
					memory += builder.Finish().SizeBytes()
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*spans), "ns/span")
			b.ReportMetric(float64(wire)/float64(spans), "wire-B/span")
			b.ReportMetric(float64(memory)/float64(spans), "batch-B/span")
		})
	}
}

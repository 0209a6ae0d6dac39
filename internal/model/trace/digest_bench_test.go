package trace_test

import (
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/corpus"
	"github.com/pandodb/pando/internal/memtable"
	"github.com/pandodb/pando/internal/model/trace"
)

// BenchmarkDigest folds a hundred thousand spans of the corpus and reads the
// digest back.
func BenchmarkDigest(b *testing.B) {
	builder, spans := trace.NewBuilder(trace.Options{}), 0
	var runs []*memtable.Run
	for req, n := range corpus.New(corpus.Config{Traces: 5_000}).Requests {
		builder.Reset(1, base.AllTime)
		if err := builder.Add(req); err != nil {
			b.Fatal(err)
		}
		batch := builder.Finish()
		runs = append(runs, &memtable.Run{Batch: batch, Time: batch.TimeRange()})
		spans += n
	}
	rows := memtable.Sort(runs, base.AllTime, column.DropExact).Batch()
	digest := trace.Layout().Digest
	perSpan := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(spans), "ns/span")
	}
	var raw []byte
	b.Run("fold", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f := digest.New()
			if err := f.Add(rows); err != nil {
				b.Fatal(err)
			}
			raw = f.Append(raw[:0])
		}
		perSpan(b)
		b.ReportMetric(float64(len(raw))/float64(spans), "B/span")
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := digest.Decode(raw); err != nil {
				b.Fatal(err)
			}
		}
		perSpan(b)
	})
}

package router

import (
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/catalog"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/corpus"
	"github.com/pandodb/pando/internal/model/trace"
)

// tabletMap returns the map of a group of so many tablets, all in one
// replication group.
func tabletMap(t testing.TB, shards int) *catalog.TabletMap {
	t.Helper()
	var tablets []catalog.Tablet
	for i, r := range catalog.PreSplit(shards) {
		tablets = append(tablets, catalog.Tablet{
			ID: base.TabletID(i + 1), Group: 1, Start: r.Start, End: r.End, ReplicationGroup: 1, Epoch: 1,
		})
	}
	m, err := catalog.NewTabletMap(tablets)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// BenchmarkSplit cuts requests of corpus T by tablet and encodes the pieces, as a
// write does; log-B/span is what the log carries for each span.
func BenchmarkSplit(b *testing.B) {
	var batches []*column.Batch
	spans := 0
	builder := trace.NewBuilder(trace.Options{})
	for req, n := range corpus.New(corpus.Config{Traces: 400}).Requests {
		builder.Reset(1, base.AllTime)
		if err := builder.Add(req); err != nil {
			b.Fatal(err)
		}
		batches = append(batches, builder.Finish())
		spans += n
	}
	for _, shards := range []int{1, 2, 8} {
		m := tabletMap(b, shards)
		b.Run(map[int]string{1: "tablets=1", 2: "tablets=2", 8: "tablets=8"}[shards], func(b *testing.B) {
			b.ReportAllocs()
			var logged, held int
			var buf []byte
			for b.Loop() {
				logged, held = 0, 0
				for _, batch := range batches {
					for _, g := range split(batch, m) {
						for _, w := range g.writes {
							buf = column.AppendBatch(buf[:0], w.Batch)
							logged += len(buf)
							held += w.Batch.SizeBytes()
						}
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(spans), "ns/span")
			b.ReportMetric(float64(logged)/float64(spans), "log-B/span")
			b.ReportMetric(float64(held)/float64(spans), "memory-B/span")
		})
	}
}

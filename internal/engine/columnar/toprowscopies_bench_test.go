package columnar_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/corpus"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/jobs"
	"github.com/pandodb/pando/internal/mergepolicy"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/part"
)

// copiesTablet has the same spans many times, the first half in a part per copy
// and the rest in memory, as a sender that does not hear the answers leaves them.
func copiesTablet(b *testing.B, traces, copies int) *columnar.Tablet {
	b.Helper()
	pool := jobs.New(jobs.Options{})
	b.Cleanup(pool.Close)
	t, err := columnar.Open(columnar.Options{
		FS: vfs.NewMem(), Dir: "tablet", ID: 1, Layout: trace.Layout(), Jobs: pool, Cache: part.NewCache(64 << 20),
		SegmentInterval: 24 * time.Hour, MemtableBytes: 1 << 30, Merge: mergepolicy.Options{FanIn: 1000},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = t.Close() })
	var batches []*column.Batch
	builder := trace.NewBuilder(trace.Options{})
	for req := range corpus.New(corpus.Config{Traces: traces, Spread: time.Second}).Requests {
		builder.Reset(1, base.AllTime)
		if err := builder.Add(req); err != nil {
			b.Fatal(err)
		}
		batches = append(batches, builder.Finish())
	}
	index := uint64(0)
	for i := range copies {
		for _, batch := range batches {
			index++
			t.Apply(base.Position{Term: 1, Index: index}, batch)
		}
		if i >= copies/2 {
			continue
		}
		if err := t.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	return t
}

// BenchmarkTopRowsCopies reads a page of a third of the spans, newest first,
// where each is there many times: the cost of a span is that of its copies.
func BenchmarkTopRowsCopies(b *testing.B) {
	for _, copies := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("copies=%d", copies), func(b *testing.B) {
			tablets := []*columnar.Tablet{copiesTablet(b, 1000, copies)}
			order := []columnar.OrderTerm{{Col: columnar.RowTime, Desc: true}, {Col: columnar.RowKey, From: 12}, {Col: columnar.RowID}}
			req := &columnar.TopRowsRequest{Time: base.AllTime, Order: order, Limit: 3000}
			b.ReportAllocs()
			pages, cpu := 0, cpuSeconds(b)
			for b.Loop() {
				page, err := topRows(b.Context(), tablets, req)
				if err != nil {
					b.Fatal(err)
				}
				if len(page.Marks) != req.Limit {
					b.Fatalf("page of %d rows", len(page.Marks))
				}
				pages++
			}
			b.ReportMetric(1000*(cpuSeconds(b)-cpu)/float64(pages), "cpu-ms/op")
		})
	}
}

package columnar_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/corpus"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/jobs"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/part"
)

// topRowsTablets fills tablets with the traces of corpus T, spread by key, and
// merges them, as a node would have them. It returns how many spans there are.
func topRowsTablets(b *testing.B, tablets, traces int) ([]*columnar.Tablet, int) {
	b.Helper()
	pool := jobs.New(jobs.Options{})
	b.Cleanup(pool.Close)
	out := make([]*columnar.Tablet, tablets)
	cache := part.NewCache(256 << 20)
	for i := range out {
		t, err := columnar.Open(columnar.Options{
			FS: vfs.Default, Dir: b.TempDir(), ID: base.TabletID(i + 1), Layout: trace.Layout(), Jobs: pool, Cache: cache,
			SegmentInterval: 24 * time.Hour,
		})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = t.Close() })
		out[i] = t
	}
	builder, spans, index := trace.NewBuilder(trace.Options{}), 0, uint64(0)
	for req, n := range corpus.New(corpus.Config{Traces: traces}).Requests {
		builder.Reset(1, base.AllTime)
		if err := builder.Add(req); err != nil {
			b.Fatal(err)
		}
		index++
		spans += n
		all := builder.Finish()
		rows := make([][]uint32, tablets)
		for i := range all.Rows {
			t := int(all.Key(i)[4]) * tablets >> 8
			rows[t] = append(rows[t], uint32(i))
		}
		for i, t := range out {
			t.Apply(base.Position{Term: 1, Index: index}, all.Extract(rows[i]))
		}
	}
	for _, t := range out {
		if err := errors.Join(t.Flush(b.Context()), t.Compact(b.Context())); err != nil {
			b.Fatal(err)
		}
	}
	return out, spans
}

// topRows asks all tablets at once and merges, as the router does.
func topRows(ctx context.Context, tablets []*columnar.Tablet, req *columnar.TopRowsRequest) (*columnar.RowPage, error) {
	views, found, batches := make([]*columnar.View, len(tablets)), make([]*columnar.FoundRows, len(tablets)), make([]*column.Batch, len(tablets))
	each := func(fn func(i int) error) error {
		errs := make([]error, len(tablets))
		var wg sync.WaitGroup
		for i := range tablets {
			wg.Go(func() { errs[i] = fn(i) })
		}
		wg.Wait()
		return errors.Join(errs...)
	}
	err := each(func(i int) (err error) {
		if views[i], err = tablets[i].View(); err != nil {
			return err
		}
		found[i], err = views[i].FindRows(ctx, req)
		return err
	})
	if err != nil {
		return nil, err
	}
	merge := columnar.MergeRows(req, found)
	err = each(func(i int) (err error) {
		defer views[i].Close()
		batches[i], err = found[i].Read(ctx, merge.Rows(i), merge.MaxBytes())
		return err
	})
	if err != nil {
		return nil, err
	}
	return merge.Page(batches), nil
}

// BenchmarkTopRows reads pages of 100 spans, all columns, of two tablets.
// PANDO_BENCH_TRACES sets how many traces they have.
func BenchmarkTopRows(b *testing.B) {
	traces := corpusTraces
	if s := os.Getenv("PANDO_BENCH_TRACES"); s != "" {
		var err error
		if traces, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	tablets, spans := topRowsTablets(b, 2, traces)
	b.Logf("%d spans", spans)
	rest := []columnar.OrderTerm{{Col: columnar.RowTime, Desc: true}, {Col: columnar.RowKey, From: 12}, {Col: columnar.RowID}}
	orders := []struct {
		name  string
		order []columnar.OrderTerm
	}{
		{"duration-desc", append([]columnar.OrderTerm{{Col: trace.ColDuration, Desc: true}}, rest...)},
		{"duration-asc", append([]columnar.OrderTerm{{Col: trace.ColDuration}}, rest...)},
		{"start-desc", rest},
		{"trace-id", []columnar.OrderTerm{rest[1], rest[0], rest[2]}},
		{"span-id", []columnar.OrderTerm{rest[2], rest[0], rest[1]}},
		{"key", []columnar.OrderTerm{{Col: columnar.RowKey}, rest[0], rest[2]}},
	}
	lo := column.IntValue(1e6)
	three := columnar.Expr{Op: columnar.OpAnd, Kids: []columnar.Expr{
		{Op: columnar.OpEqual, Col: trace.ColKind, Value: column.IntValue(3)},
		{Op: columnar.OpRange, Col: trace.ColDuration, Lo: &lo},
		{Op: columnar.OpExists, Col: trace.ColResource, Tag: "service.name"},
	}}
	for _, o := range orders {
		req := columnar.TopRowsRequest{Time: base.AllTime, Order: o.order, Limit: 100}
		benchPages(b, o.name, tablets, req)
		req.Filter = three
		benchPages(b, o.name+"-filtered", tablets, req)
	}
}

// benchPages measures the first, tenth and thousandth page.
func benchPages(b *testing.B, name string, tablets []*columnar.Tablet, req columnar.TopRowsRequest) {
	for _, n := range []int{1, 10, 1000} {
		b.Run(fmt.Sprintf("%s/page=%d", name, n), func(b *testing.B) {
			r := req
			skipRows(b, tablets, &r, 100*(n-1))
			b.ReportAllocs()
			var took []time.Duration
			cpu := cpuSeconds(b)
			for b.Loop() {
				start := time.Now()
				page, err := topRows(b.Context(), tablets, &r)
				if err != nil {
					b.Fatal(err)
				}
				if len(page.Marks) == 0 {
					b.Skip("no such page")
				}
				took = append(took, time.Since(start))
			}
			b.ReportMetric(1000*(cpuSeconds(b)-cpu)/float64(len(took)), "cpu-ms/op")
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

// skipRows moves the request behind its first n rows.
func skipRows(b *testing.B, tablets []*columnar.Tablet, req *columnar.TopRowsRequest, n int) {
	b.Helper()
	for n > 0 {
		ask := *req
		ask.Limit, ask.Columns = min(n, columnar.MaxTopRows), []column.ID{}
		page, err := topRows(b.Context(), tablets, &ask)
		if err != nil {
			b.Fatal(err)
		}
		if n -= len(page.Marks); !page.More && n > 0 {
			b.Skip("no such page")
		}
		req.After = &page.Marks[len(page.Marks)-1]
	}
}

// BenchmarkTopRowsFilters reads pages of 100 spans that a long list of integers
// and a test of documents let pass, some blocks at a time.
func BenchmarkTopRowsFilters(b *testing.B) {
	tablets, spans := topRowsTablets(b, 1, corpusTraces)
	b.Logf("%d spans", spans)
	list := make([]column.Value, 8000)
	for i := range list {
		list[i] = column.IntValue(1e6 + int64(i*7919%len(list)))
	}
	order := []columnar.OrderTerm{{Col: columnar.RowTime, Desc: true}, {Col: columnar.RowKey, From: 12}, {Col: columnar.RowID}}
	for name, x := range map[string]columnar.Expr{
		"list": {Op: columnar.OpIn, Col: trace.ColDuration, Values: list},
		"test": {Op: columnar.OpTest, Col: trace.ColEvents, Test: func(v column.Value) bool { return len(v.Bytes)%64 == 3 }},
	} {
		benchPages(b, name, tablets, columnar.TopRowsRequest{Filter: x, Time: base.AllTime, Order: order, Limit: 100})
	}
}

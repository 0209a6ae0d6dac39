package search

import (
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	load "github.com/pandodb/pando/internal/corpus"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/jobs"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/part"
	"github.com/pandodb/pando/internal/query/expression"
)

// corpusTablet returns a tenth of corpus T in final parts, and its time range.
func corpusTablet(b *testing.B) (*Traces, base.TimeRange) {
	b.Helper()
	pool := jobs.New(jobs.Options{})
	b.Cleanup(pool.Close)
	tablet, err := columnar.Open(columnar.Options{
		FS: vfs.NewMem(), Dir: "tablet", ID: 1, Layout: trace.Layout(), Jobs: pool, Cache: part.NewCache(256 << 20),
		SegmentInterval: 24 * time.Hour,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := tablet.Close(); err != nil {
			b.Error(err)
		}
	})
	c := load.New(load.Config{Traces: 5_000})
	builder, index := trace.NewBuilder(trace.Options{}), uint64(0)
	for req := range c.Requests {
		builder.Reset(testResource, base.AllTime)
		if err := builder.Add(req); err != nil {
			b.Fatal(err)
		}
		index++
		tablet.Apply(base.Position{Term: 1, Index: index}, builder.Finish())
	}
	if err := tablet.Compact(b.Context()); err != nil {
		b.Fatal(err)
	}
	return NewTraces(tabletStore{tablet}, testResource), base.TimeRange{Start: 1, End: base.AllTime.End}
}

var benchFilters = []struct{ name, text string }{
	{"none", ""},
	{"equal", `resource.service = "checkout" and span.status = error and span.duration > 1ms`},
	{"three", `resource.service = "checkout" and "http.response.status_code" >= 500 and span.duration > 1ms`},
	{"regex", `span.name ~ "Cart|Order" and span.kind = server and span.duration > 1ms`},
	{"negated", `span.status != ok and not span.kind = client and exists http.route`},
	{"event", `event.name = exception and span.duration > 1ms`},
	{"since", `event.timeSinceStart > 1ms and span.status = error`},
	{"end", `span.endTime > 1970-01-01T00:00:01Z and span.status = error`},
}

func benchFilter(b *testing.B, text string) *expression.Call {
	b.Helper()
	if text == "" {
		return nil
	}
	f, err := expression.Parse(text)
	if err != nil {
		b.Fatalf("%s: %v", text, err)
	}
	return f
}

// BenchmarkFindPage finds a page of 20 traces.
func BenchmarkFindPage(b *testing.B) {
	traces, all := corpusTablet(b)
	for _, f := range benchFilters {
		b.Run(f.name, func(b *testing.B) {
			q := &Query{Filter: benchFilter(b, f.text), Time: all, Page: &Page{Size: 20}}
			found := 0
			b.ReportAllocs()
			for b.Loop() {
				page, _, err := traces.FindPage(b.Context(), q)
				if err != nil {
					b.Fatal(err)
				}
				found = len(page)
			}
			b.ReportMetric(float64(found), "traces")
		})
	}
}

// BenchmarkFindSpans finds a page of 100 spans by duration: the first and one
// behind it.
func BenchmarkFindSpans(b *testing.B) {
	traces, all := corpusTablet(b)
	for _, f := range benchFilters {
		q := &SpanQuery{Filter: benchFilter(b, f.text), Time: all, OrderBy: []SpanSort{{Field: SpanDuration, Desc: true}}, Page: Page{Size: 100}}
		for page := range 2 {
			b.Run(fmt.Sprintf("%s/page=%d", f.name, page+1), func(b *testing.B) {
				found, next := 0, ""
				b.ReportAllocs()
				for b.Loop() {
					spans, token, err := traces.FindSpans(b.Context(), q)
					if err != nil {
						b.Fatal(err)
					}
					found, next = len(spans), token
				}
				b.ReportMetric(float64(found), "spans")
				if page == 0 {
					q.Page.Token = next
				}
			})
		}
	}
}

// BenchmarkRowTest evaluates filters row by row, over the rows of one batch.
func BenchmarkRowTest(b *testing.B) {
	builder := trace.NewBuilder(trace.Options{})
	builder.Reset(testResource, base.AllTime)
	for req := range load.New(load.Config{Traces: 200}).Requests {
		if err := builder.Add(req); err != nil {
			b.Fatal(err)
		}
	}
	batch := builder.Finish()
	rows := make([]uint32, batch.Rows)
	for i := range rows {
		rows[i] = uint32(i)
	}
	for _, f := range append(benchFilters[1:], []struct{ name, text string }{
		{"pair", `span.client.address = resource.host.name`},
		{"order", `attr["url.path"] < attr["http.route"]`},
	}...) {
		b.Run(f.name, func(b *testing.B) {
			x, err := rowFilter(benchFilter(b, f.text))
			if err != nil {
				b.Fatal(err)
			}
			var dst []uint32
			b.ReportAllocs()
			for b.Loop() {
				dst = x.Rows.Select(batch, rows, dst[:0])
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(rows)), "ns/row")
		})
	}
}

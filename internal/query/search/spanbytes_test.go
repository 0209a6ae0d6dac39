package search

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/jobs"
	"github.com/pandodb/pando/internal/model/trace"
)

// TestLargeSpans walks spans of which a few dozen fill a page: all with the same
// large attribute, with one of their own, and with a small one. Each comes once, and no page takes much more than it may.
func TestLargeSpans(t *testing.T) {
	const large = 100 << 10
	shared, r := strings.Repeat("x", large), rand.NewChaCha8([32]byte{1})
	for _, f := range []struct {
		name  string
		value func(i int) string
		pages int // at least
	}{
		{"shared", func(int) string { return shared }, 3},
		{"own", func(int) string { return randomText(r, large) }, 3},
		{"small", func(i int) string { return fmt.Sprint(i) }, 1},
	} {
		t.Run(f.name, func(t *testing.T) {
			spans := make([]trace.Span, 250)
			for i := range spans {
				s := &spans[i]
				s.TraceID, s.SpanID, s.Name = trace.ID{1, byte(i % 7)}, trace.SpanID{1, byte(i)}, "large"
				s.StartNanos, s.EndNanos = testStart+uint64(i/3), testStart+uint64(i)
				s.Resource, s.Scope = &trace.Resource{}, &trace.Scope{}
				s.Attrs = []trace.Attr{{Key: "body", Value: trace.Value{Kind: trace.KindString, Str: f.value(i)}}}
			}
			walkLarge(t, spans, f.pages)
		})
	}
}

// randomText returns text that nothing compresses well.
func randomText(r *rand.ChaCha8, n int) string {
	b := make([]byte, n)
	_, _ = r.Read(b)
	for i := range b {
		b[i] = ' ' + b[i]%90
	}
	return string(b)
}

// walkLarge stores the spans, half of them in a part, and reads them by pages.
func walkLarge(t *testing.T, spans []trace.Span, pages int) {
	t.Helper()
	pool := jobs.New(jobs.Options{})
	t.Cleanup(pool.Close)
	tablet, err := columnar.Open(columnar.Options{
		FS: vfs.NewMem(), Dir: "tablet", ID: 1, Layout: trace.Layout(), Jobs: pool, SegmentInterval: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tablet.Close() }()
	builder := trace.NewBuilder(trace.Options{})
	for i, half := range [][]trace.Span{spans[:len(spans)/2], spans[len(spans)/2:]} {
		builder.Reset(testResource, base.AllTime)
		if err := builder.Add(trace.AppendOTLP(nil, half)); err != nil || builder.Rejected().Count > 0 {
			t.Fatal(err, builder.Rejected())
		}
		tablet.Apply(base.Position{Term: 1, Index: uint64(i + 1)}, builder.Finish())
		if i > 0 {
			break
		}
		if err := tablet.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	traces := NewTraces(tabletStore{tablet}, testResource)
	q := &SpanQuery{Time: base.TimeRange{Start: int64(testStart), End: int64(testStart) + int64(time.Hour)}, Page: Page{Size: len(spans)}}
	seen, read := make(map[trace.SpanID]bool), 0
	for ; read == 0 || q.Page.Token != ""; read++ {
		page, next, err := traces.FindSpans(t.Context(), q)
		if err != nil || len(page) == 0 {
			t.Fatalf("page %d: %d spans, %v", read, len(page), err)
		}
		size := 0
		for i := range page {
			size += len(page[i].Attrs[0].Value.Str)
			if seen[page[i].SpanID] {
				t.Fatalf("page %d has span %s again", read, page[i].SpanID)
			}
			seen[page[i].SpanID] = true
		}
		if size > maxSpanBytes && len(page) > 1 {
			t.Errorf("page %d: %d spans of %d bytes", read, len(page), size)
		}
		q.Page.Token = next
	}
	if len(seen) != len(spans) || read < pages {
		t.Errorf("%d spans in %d pages, want %d in %d or more", len(seen), read, len(spans), pages)
	}
}

// TestFittingSpans counts what spans share for each of them.
func TestFittingSpans(t *testing.T) {
	text := column.Vector{ID: column.ID{Type: column.String, Name: "t"}, Codes: []uint32{0, 0, 0}}
	text.Dict.Append(make([]byte, 91))
	num := column.Vector{ID: column.ID{Type: column.Int64, Name: "nn"}, Rows: []uint32{1}, Ints: []int64{1}}
	b := &column.Batch{Rows: 3, Cols: []column.Vector{num, text}}
	for limit, want := range map[int]int{0: 1, 100: 1, 209: 1, 210: 2, 309: 2, 310: 3, 1000: 3} {
		if got := fittingSpans(b, limit); got != want {
			t.Errorf("%d bytes: %d spans, want %d", limit, got, want)
		}
	}
	if n := fittingSpans(&column.Batch{}, 1); n != 0 {
		t.Errorf("%d spans of none", n)
	}
}

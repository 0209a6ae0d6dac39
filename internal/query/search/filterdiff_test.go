package search

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/jobs"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/part"
	"github.com/pandodb/pando/internal/query/expression"
)

// corpus is random spans in a real tablet: some in parts, merged and not, some in
// memtables.
type corpus struct {
	*random
	seed   uint64
	tablet *columnar.Tablet
	spans  []trace.Span // distinct, as they read back
	// columns is how many attributes of a batch get columns. With few, one span
	// may be stored in two ways, and then counts as two.
	columns int
	// repeats says whether some spans share their identity or are written twice.
	repeats bool
	taken   map[string]bool // identities, without repeats
	traces  *Traces
}

// tabletStore is a Store of one tablet.
type tabletStore struct{ tablet *columnar.Tablet }

func viewed[T any](s tabletStore, read func(*columnar.View) (T, error)) (T, error) {
	v, err := s.tablet.View()
	if err != nil {
		var none T
		return none, err
	}
	defer v.Close()
	return read(v)
}

func (s tabletStore) TopKeys(ctx context.Context, req *columnar.TopRequest) ([]columnar.Top, error) {
	return viewed(s, func(v *columnar.View) ([]columnar.Top, error) { return v.TopKeys(ctx, req) })
}

func (s tabletStore) TopRows(ctx context.Context, req *columnar.TopRowsRequest) (*columnar.RowPage, error) {
	return viewed(s, func(v *columnar.View) (*columnar.RowPage, error) { return v.TopRows(ctx, req) })
}

func (s tabletStore) ReadKeys(ctx context.Context, req *columnar.ReadRequest) ([]*column.Batch, error) {
	return viewed(s, func(v *columnar.View) ([]*column.Batch, error) { return v.ReadKeys(ctx, req) })
}

func (s tabletStore) Distinct(ctx context.Context, refs []column.Ref) ([]columnar.Tuple, error) {
	return viewed(s, func(v *columnar.View) ([]columnar.Tuple, error) { return v.Distinct(ctx, refs) })
}

func (s tabletStore) Digests(ctx context.Context, time base.TimeRange, visit func(*columnar.Digest) error) error {
	_, err := viewed(s, func(v *columnar.View) (int, error) { return 0, v.Digests(ctx, time, visit) })
	return err
}

const testResource = 7

// newCorpus fills a tablet with some hundred spans.
func newCorpus(t *testing.T, seed uint64, repeats bool) *corpus {
	t.Helper()
	pool := jobs.New(jobs.Options{})
	t.Cleanup(pool.Close)
	tablet, err := columnar.Open(columnar.Options{
		FS: vfs.NewMem(), Dir: "tablet", ID: 1, Layout: trace.Layout(), Jobs: pool, Cache: part.NewCache(4 << 20),
		SegmentInterval: 2 * time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tablet.Close(); err != nil {
			t.Error(err)
		}
	})
	c := &corpus{random: &random{rand.New(rand.NewPCG(seed, 3))}, seed: seed, tablet: tablet, repeats: repeats, taken: map[string]bool{}}
	c.traces = NewTraces(tabletStore{tablet}, testResource)
	c.columns = oneOf(*c.random, []int{2, 5, 100})
	seen := make(map[string]bool)
	for batch := range 8 {
		c.write(t, uint64(batch+1), 10+c.IntN(50), seen)
		switch {
		case batch == 3:
			err = tablet.Compact(t.Context())
		case batch < 6 && c.chance(60):
			err = tablet.Flush(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// write adds a batch of n spans, some of which repeat others.
func (c *corpus) write(t *testing.T, index uint64, n int, seen map[string]bool) {
	resources := []*trace.Resource{{}, c.resource(), c.resource(), c.resource()}
	scopes := []*trace.Scope{{}, c.scope(), c.scope()}
	var spans []trace.Span
	for range n {
		s := c.span(resources, scopes)
		id := fmt.Sprint(s.TraceID, s.SpanID, s.StartNanos)
		if !c.repeats && c.taken[id] {
			continue
		}
		c.taken[id] = true
		if c.repeats && len(c.spans) > 0 && c.chance(10) {
			s = oneOf(*c.random, c.spans)
			if c.columns < len(testKeys) || c.chance(50) {
				s.Name += fmt.Sprint("!", index) // the same span with other content
			}
		}
		spans = append(spans, s)
	}
	for i := range spans {
		// Attributes come back ascending by key. The flags, for which no filter
		// asks, number the distinct spans.
		s := &spans[i]
		s.Attrs = slices.Clone(s.Attrs)
		slices.SortStableFunc(s.Attrs, func(a, b trace.Attr) int { return strings.Compare(a.Key, b.Key) })
		if s.Flags == 0 || !seen[encode(s)] {
			s.Flags = uint32(len(c.spans) + 1)
			seen[encode(s)] = true
			c.spans = append(c.spans, *s)
		}
	}
	b := trace.NewBuilder(trace.Options{MaxColumns: c.columns})
	b.Reset(testResource, base.AllTime)
	if err := b.Add(trace.AppendOTLP(nil, spans)); err != nil || b.Rejected().Count > 0 {
		t.Fatal(err, b.Rejected())
	}
	c.tablet.Apply(base.Position{Term: 1, Index: index}, b.Finish())
}

// encode returns the whole span as bytes.
func encode(s *trace.Span) string { return string(trace.AppendOTLP(nil, []trace.Span{*s})) }

// rounds returns how much a random test does: n, or what PANDO_SEARCH_ROUNDS says.
func rounds(t *testing.T, n int) int {
	if s := os.Getenv("PANDO_SEARCH_ROUNDS"); s != "" {
		v, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	return n
}

// validFilter draws a filter that search takes.
func (c *corpus) validFilter() *expression.Call {
	for {
		if f := c.filter(3); f.Validate() == nil {
			return f
		}
	}
}

func (c *corpus) times() base.TimeRange {
	start := int64(testStart) + int64(c.IntN(4))
	if c.chance(50) {
		return base.TimeRange{Start: int64(testStart) - 10, End: int64(testStart) + int64(24*time.Hour)}
	}
	return base.TimeRange{Start: start, End: start + oneOf(*c.random, []int64{1, 3, int64(time.Hour), int64(3 * time.Hour)})}
}

// matching returns the spans that a naive search finds.
func (c *corpus) matching(f *expression.Call, time base.TimeRange) []*trace.Span {
	var out []*trace.Span
	for i := range c.spans {
		s := &c.spans[i]
		if time.Contains(int64(s.StartNanos)) && (f == nil || naive{span: s}.holds(f)) {
			out = append(out, s)
		}
	}
	return out
}

// TestAgainstNaive compares what random filters find with what a naive evaluator
// finds, lowered and, the other way to evaluate them, row by row.
//
// PANDO_SEARCH_ROUNDS=1000 go test -run TestAgainstNaive ./internal/query/search
// searches for longer.
func TestAgainstNaive(t *testing.T) {
	filters, hits := 0, 0
	for seed := range uint64(rounds(t, 12)) {
		c := newCorpus(t, seed, false)
		for range 400 {
			f, time := c.validFilter(), c.times()
			want := c.matching(f, time)
			if len(want) > 0 && len(want) < len(c.spans) {
				hits++
			}
			filters++
			c.check(t, f, time, want)
		}
	}
	t.Logf("%d filters, %d of them split the spans", filters, hits)
}

func (c *corpus) check(t *testing.T, f *expression.Call, time base.TimeRange, want []*trace.Span) {
	t.Helper()
	lowered, err := c.traces.lowerFilter(f)
	if err != nil {
		t.Fatalf("seed %d: %s: %v", c.seed, f, err)
	}
	byRow, err := rowFilter(f)
	if err != nil {
		t.Fatalf("seed %d: %s: %v", c.seed, f, err)
	}
	for name, x := range map[string]columnar.Expr{"lowered": lowered, "by row": byRow} {
		page, err := c.traces.store.TopRows(t.Context(), &columnar.TopRowsRequest{
			Filter: x, Time: time, Limit: MaxPage, Columns: []column.ID{trace.ColFlags},
		})
		if err != nil {
			t.Fatalf("seed %d: %s: %v", c.seed, f, err)
		}
		if diff := differ(c.numbered(page), want); diff != "" {
			t.Fatalf("seed %d, %s filter over %v\n%s\n%s", c.seed, name, time, f, diff)
		}
	}
}

// numbered returns the spans of a page by their numbers.
func (c *corpus) numbered(page *columnar.RowPage) []*trace.Span {
	if page.Batch == nil || page.Batch.Rows == 0 {
		return nil
	}
	numbers := page.Batch.Col(trace.ColFlags).Ints
	out := make([]*trace.Span, len(numbers))
	for i, n := range numbers {
		out[i] = &c.spans[n-1]
	}
	return out
}

// differ tells what one answer has and the other has not, in any order.
func differ(got, want []*trace.Span) string {
	count := make(map[uint32]int)
	for _, s := range got {
		count[s.Flags]++
	}
	for _, s := range want {
		count[s.Flags]--
	}
	out := ""
	tell := func(list []*trace.Span, sign int, word string) {
		for _, s := range list {
			if count[s.Flags]*sign > 0 && len(out) < 4000 {
				out += fmt.Sprintf("%s: %+v\n  resource %+v\n  scope %+v\n", word, *s, *s.Resource, *s.Scope)
			}
		}
	}
	tell(got, 1, "found too much")
	tell(want, -1, "not found")
	return out
}

// TestSpanPages walks random pages in random orders: every span once, in order.
func TestSpanPages(t *testing.T) {
	for seed := range uint64(rounds(t, 3)) {
		c := newCorpus(t, 1000+seed, true)
		for range 40 {
			q := &SpanQuery{Time: c.times(), Page: Page{Size: 1 + c.IntN(30)}}
			if c.chance(70) {
				q.Filter = c.validFilter()
			}
			for _, f := range c.Perm(int(spanFields))[:c.IntN(int(spanFields)+1)] {
				q.OrderBy = append(q.OrderBy, SpanSort{Field: SpanField(f), Desc: c.chance(50)})
			}
			var got []*trace.Span
			for {
				spans, next, err := c.traces.FindSpans(t.Context(), q)
				if err != nil {
					t.Fatalf("seed %d: %+v: %v", c.seed, q, err)
				}
				if len(spans) > q.Page.Size || next != "" && len(spans) == 0 {
					t.Fatalf("seed %d: a page of %d spans of %d, next %q", c.seed, len(spans), q.Page.Size, next)
				}
				for i := range spans {
					got = append(got, &spans[i])
					if stored := &c.spans[spans[i].Flags-1]; encode(&spans[i]) != encode(stored) {
						t.Fatalf("seed %d: found %+v\nstored %+v", c.seed, spans[i], *stored)
					}
				}
				if q.Page.Token = next; next == "" {
					break
				}
			}
			if diff := differ(got, c.matching(q.Filter, q.Time)); diff != "" {
				t.Fatalf("seed %d: %+v %s\n%s", c.seed, q, q.Filter, diff)
			}
			if !slices.IsSortedFunc(got, func(a, b *trace.Span) int { return compareSpans(q.OrderBy, a, b) }) {
				t.Fatalf("seed %d: %+v: spans are not in order", c.seed, q)
			}
		}
	}
}

// compareSpans orders spans as the contract of SpanQuery says.
func compareSpans(order []SpanSort, a, b *trace.Span) int {
	order = append(slices.Clone(order), SpanSort{Field: SpanStart, Desc: true}, SpanSort{Field: SpanTraceID}, SpanSort{Field: SpanSpanID})
	for _, o := range order {
		c := 0
		switch o.Field {
		case SpanStart:
			c = cmp.Compare(a.StartNanos, b.StartNanos)
		case SpanDuration:
			c = cmp.Compare(int64(a.EndNanos-a.StartNanos), int64(b.EndNanos-b.StartNanos))
		case SpanTraceID:
			c = bytes.Compare(a.TraceID[:], b.TraceID[:])
		case SpanSpanID:
			c = bytes.Compare(a.SpanID[:], b.SpanID[:])
		}
		if o.Desc {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// TestTracePages walks random pages of traces and of summaries: every trace once,
// in order.
func TestTracePages(t *testing.T) {
	for seed := range uint64(rounds(t, 6)) {
		c := newCorpus(t, 2000+seed, true)
		for range 60 {
			q := &Query{Filter: c.validFilter(), Time: c.times(), Order: Order(c.IntN(2))}
			if c.chance(20) { // a condition beside the filter
				q.Service = oneOf(*c.random, testTexts)
			}
			want := c.traceOrder(q)
			q.Limit = MaxLimit
			all, err := c.traces.FindIDs(t.Context(), q)
			if err != nil || !slices.Equal(all, want) {
				t.Fatalf("seed %d: %s: found %v, want %v: %v", c.seed, q.Filter, all, want, err)
			}
			q.Limit, q.Page = 0, &Page{Size: 1 + c.IntN(5)}
			var found, summed []trace.ID
			for {
				page, next, err := c.traces.FindPage(t.Context(), q)
				if err != nil {
					t.Fatalf("seed %d: %v", c.seed, err)
				}
				for _, f := range page {
					found = append(found, f.ID)
				}
				sums, next2, err := c.traces.SummariesPage(t.Context(), q)
				if err != nil || next != next2 {
					t.Fatalf("seed %d: summaries go on at %q, traces at %q: %v", c.seed, next2, next, err)
				}
				for i := range sums {
					summed = append(summed, sums[i].ID)
				}
				if q.Page.Token = next; next == "" {
					break
				}
			}
			if !slices.Equal(found, want) || !slices.Equal(summed, want) {
				t.Fatalf("seed %d: %s in pages of %d:\n%v, and in summaries\n%v, want\n%v", c.seed, q.Filter, q.Page.Size, found, summed, want)
			}
		}
	}
}

// traceOrder returns the traces of the matching spans in the query's order.
func (c *corpus) traceOrder(q *Query) []trace.ID {
	best := make(map[trace.ID]int64)
	service := &expression.Field{Level: expression.LevelResource, Name: "service"}
	for _, s := range c.matching(q.Filter, q.Time) {
		if q.Service != "" && !slices.Contains(naive{span: s}.values(service), any(q.Service)) {
			continue
		}
		v := int64(s.StartNanos)
		if q.Order == Slowest {
			v = int64(s.EndNanos - s.StartNanos)
		}
		if old, ok := best[s.TraceID]; !ok || v > old {
			best[s.TraceID] = v
		}
	}
	var ids []trace.ID
	for id := range best {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b trace.ID) int {
		return cmp.Or(cmp.Compare(best[b], best[a]), bytes.Compare(a[:], b[:]))
	})
	return ids
}

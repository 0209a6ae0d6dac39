package trace

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// twinSummaries computes summaries from whole spans, the obvious way.
func twinSummaries(spans []Span) []Summary {
	type identity struct {
		trace         ID
		id, parent    SpanID
		start, end    uint64
		service, name string
		failed        bool
	}
	byTrace := map[ID][]identity{}
	seen := map[identity]bool{}
	for i := range spans {
		s := &spans[i]
		x := identity{s.TraceID, s.SpanID, s.ParentID, s.StartNanos, s.StartNanos + s.DurationNanos(), s.Resource.Service(), s.Name, s.StatusCode == StatusError}
		if !seen[x] {
			seen[x] = true
			byTrace[s.TraceID] = append(byTrace[s.TraceID], x)
		}
	}
	var out []Summary
	for id, list := range byTrace {
		slices.SortFunc(list, func(a, b identity) int {
			return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.id.RowID(), b.id.RowID()))
		})
		sum := Summary{ID: id, StartNanos: list[0].start, Spans: uint32(len(list))}
		services := map[string]ServiceCount{}
		rooted := false
		for _, x := range list {
			sum.EndNanos = max(sum.EndNanos, x.end)
			c := services[x.service]
			c.Service = x.service
			c.Spans++
			if x.failed {
				c.Errors++
				sum.Errors++
			}
			services[x.service] = c
			known := slices.ContainsFunc(list, func(y identity) bool { return y.id == x.parent && x.parent != x.id })
			if !known && !x.parent.IsZero() {
				sum.Orphans++
			}
			if !known && !rooted {
				rooted, sum.RootService, sum.RootName = true, x.service, x.name
			}
		}
		for _, c := range services {
			sum.Services = append(sum.Services, c)
		}
		slices.SortFunc(sum.Services, func(a, b ServiceCount) int { return cmp.Compare(a.Service, b.Service) })
		out = append(out, sum)
	}
	slices.SortFunc(out, func(a, b Summary) int { return cmp.Compare(a.ID.String(), b.ID.String()) })
	return out
}

func randomForest(r *rand.Rand) []Span {
	resources := []*Resource{{}}
	for i := range 4 {
		resources = append(resources, &Resource{Attrs: []Attr{{Key: "service.name", Value: Value{Kind: KindString, Str: fmt.Sprintf("s%d", i)}}}})
	}
	var spans []Span
	for range r.IntN(60) {
		s := Span{
			TraceID: ID{15: byte(1 + r.IntN(4))}, SpanID: SpanID{7: byte(1 + len(spans))},
			ParentID: SpanID{7: byte(r.IntN(len(spans) + 5))}, StartNanos: 100 + r.Uint64N(1000), Name: fmt.Sprint(r.IntN(3)),
			StatusCode: int32(r.IntN(3)), Resource: resources[r.IntN(len(resources))], Scope: &Scope{},
		}
		s.EndNanos = s.StartNanos + r.Uint64N(500)
		if r.IntN(10) == 0 {
			s.EndNanos = s.StartNanos - r.Uint64N(100)
		}
		spans = append(spans, s)
		if r.IntN(5) == 0 {
			spans = append(spans, s) // sent twice
		}
	}
	r.Shuffle(len(spans), func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
	return spans
}

func TestSummariesAgreeWithTwin(t *testing.T) {
	builder := NewBuilder(Options{})
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 9))
		spans := randomForest(r)
		want := fmt.Sprintf("%+v", twinSummaries(spans))
		batch := build(t, builder, AppendOTLP(nil, spans))
		got := must(Summaries(batch))
		if s := fmt.Sprintf("%+v", got); s != want && len(spans) > 0 {
			t.Fatalf("seed %d:\ngot  %s\nwant %s", seed, s, want)
		}
		// Any cut into partial summaries gives the same.
		var parts [3]Summarizer
		var cuts [3][]uint32
		for row := range uint32(batch.Rows) {
			p := r.IntN(3)
			cuts[p] = append(cuts[p], row)
		}
		var all Summarizer
		for i := range parts {
			if err := parts[i].Add(batch.Select(cuts[i])); err != nil {
				t.Fatal(err)
			}
			parts[i].Summaries()
			all.Merge(&parts[i])
		}
		if s := fmt.Sprintf("%+v", all.Summaries()); s != want && len(spans) > 0 {
			t.Fatalf("seed %d, merged:\ngot  %s\nwant %s", seed, s, want)
		}
	}
}

func TestSummaryNeedsOnlyItsColumns(t *testing.T) {
	batch := build(t, NewBuilder(Options{}), AppendOTLP(nil, randomForest(rand.New(rand.NewPCG(5, 9)))))
	want := fmt.Sprint(must(Summaries(batch)))
	batch.Cols = slices.DeleteFunc(batch.Cols, func(v column.Vector) bool { return !slices.Contains(SummaryColumns, v.ID) })
	if got := fmt.Sprint(must(Summaries(batch))); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	batch.Cols = nil
	if got := must(Summaries(batch)); len(got) == 0 || got[0].Services[0].Service != "" {
		t.Errorf("without columns: %+v", got)
	}
	batch.Keys.Data[5] ^= 1
	if _, err := Summaries(batch); !base.IsCorruption(err) {
		t.Errorf("damaged key: %v", err)
	}
}

func BenchmarkSummaries(b *testing.B) {
	r := rand.New(rand.NewPCG(4, 9))
	var spans []Span
	for range 50 {
		spans = append(spans, randomForest(r)...)
	}
	batch := build(b, NewBuilder(Options{}), AppendOTLP(nil, spans))
	b.ReportAllocs()
	for b.Loop() {
		must(Summaries(batch))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch.Rows), "ns/span")
}

// A resource has one service name, wherever it is read: the first, if it is text.
func TestServiceIsText(t *testing.T) {
	name := func(v Value) Attr { return Attr{Key: "service.name", Value: v} }
	for _, x := range []struct {
		attrs []Attr
		want  string
	}{
		{nil, ""},
		{[]Attr{{Key: "other"}, name(Value{Kind: KindString, Str: "a"}), name(Value{Kind: KindString, Str: "b"})}, "a"},
		{[]Attr{name(Value{Kind: KindBytes, Str: "\xff"})}, ""},
		{[]Attr{name(Value{Kind: KindInt, Int: 7}), name(Value{Kind: KindString, Str: "b"})}, ""},
	} {
		r := &Resource{Attrs: x.attrs}
		doc := appendGroupDoc(nil, nil, appendResource(nil, r))
		if got, raw := r.Service(), string(ServiceOf(doc)); got != x.want || raw != x.want {
			t.Errorf("%v: Service %q, ServiceOf %q, want %q", x.attrs, got, raw, x.want)
		}
	}
}

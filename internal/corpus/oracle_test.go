package corpus

import (
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pandodb/pando/internal/base"
)

// bruteForce answers a query from the decoded spans alone.
func bruteForce(traces [][]Span, q Query) []Hit {
	var hits []Hit
	for i, spans := range traces {
		hit := Hit{Index: i, TraceID: spans[0].TraceID, Start: -1, Duration: -1}
		for k := range spans {
			if q.Matches(&spans[k]) {
				hit.Start = max(hit.Start, spans[k].Start)
				hit.Duration = max(hit.Duration, spans[k].Duration())
			}
		}
		if hit.Start >= 0 {
			hits = append(hits, hit)
		}
	}
	slices.SortFunc(hits, func(a, b Hit) int { return q.Compare(a, b) })
	if q.Limit > 0 && len(hits) > q.Limit {
		hits = hits[:q.Limit]
	}
	return hits
}

func smallOracle(tb testing.TB) (*Corpus, *Oracle, [][]Span) {
	tb.Helper()
	cfg := Config{Traces: 800}
	c := New(cfg)
	traces := make([][]Span, c.Len())
	for i := range traces {
		traces[i] = c.Trace(i)
	}
	return c, NewOracle(cfg), traces
}

func TestOracleEqualsBruteForce(t *testing.T) {
	t.Parallel()
	_, o, traces := smallOracle(t)
	for seed := range uint64(2) {
		for _, class := range Classes() {
			queries := o.Queries(class, 10, seed)
			if len(queries) != 10 {
				t.Errorf("seed %d: %d queries of class %v", seed, len(queries), class)
			}
			for _, q := range queries {
				if want, got := bruteForce(traces, q), o.Find(q); !slices.Equal(want, got) {
					t.Fatalf("seed %d: %+v (-want +got):\n%s", seed, q, cmp.Diff(want, got))
				}
			}
		}
	}
}

// Random conjunctions of what random spans have, at all levels.
func TestOracleEqualsBruteForceOnRandomQueries(t *testing.T) {
	t.Parallel()
	_, o, traces := smallOracle(t)
	src := newSource(1, streamQuery, 99)
	for n := range 300 {
		spans := traces[src.pick(len(traces))]
		q := randomQuery(&src, &spans[src.pick(len(spans))])
		want, got := bruteForce(traces, q), o.Find(q)
		if !slices.Equal(want, got) {
			t.Fatalf("query %d: %+v (-want +got):\n%s", n, q, cmp.Diff(want, got))
		}
		if q.Limit == 0 && o.Count(q) != len(want) {
			t.Fatalf("query %d: Count is %d, Find returns %d", n, o.Count(q), len(want))
		}
	}
}

func randomQuery(src *source, s *Span) Query {
	q := Query{Slowest: src.chance(5_000), Limit: src.pick(3) * 7}
	if src.chance(5_000) {
		q.Service = s.Resource.Service
	}
	if src.chance(3_000) {
		q.Operation = s.Name
	}
	if src.chance(3_000) {
		q.Start, q.End = s.Start-int64(src.below(1<<38)), s.Start+1
	}
	if src.chance(2_000) {
		q.MinDuration, q.MaxDuration = s.Duration(), 2*s.Duration()
	}
	for range src.pick(4) {
		q.Tags = append(q.Tags, randomTag(src, s))
	}
	return q
}

func randomTag(src *source, s *Span) Tag {
	level := Level(src.pick(int(LevelScope) + 1))
	attrs := slices.Clone(s.Attrs)
	switch level {
	case LevelResource:
		attrs = s.Resource.Attrs
	case LevelScope:
		return Tag{level, "name", String(s.Scope.Name)}
	case LevelAny:
		attrs = append(attrs, s.Resource.Attrs...)
		if src.chance(1_000) {
			return Tag{level, "error", Bool(src.chance(5_000))}
		}
	}
	for _, e := range s.Events {
		if level == LevelEvent || level == LevelAny {
			attrs = append(attrs, e.Attrs...)
		}
	}
	for _, l := range s.Links {
		if level == LevelLink {
			attrs = l.Attrs
		}
	}
	a := attrs[src.pick(len(attrs))]
	if src.chance(500) {
		a.Value = String(a.Value.Text())
	}
	return Tag{level, a.Key, a.Value}
}

func TestOracleLookups(t *testing.T) {
	t.Parallel()
	c, o, traces := smallOracle(t)
	spans := 0
	operations := make(map[string]map[OperationKind]bool)
	for i, trace := range traces {
		spans += len(trace)
		got, ok := o.Trace(c.TraceID(i))
		if !ok || !reflect.DeepEqual(trace, got) {
			t.Fatalf("trace %d: %s", i, cmp.Diff(trace, got))
		}
		for _, s := range trace {
			if operations[s.Resource.Service] == nil {
				operations[s.Resource.Service] = make(map[OperationKind]bool)
			}
			operations[s.Resource.Service][OperationKind{s.Name, s.Kind}] = true
		}
	}
	if o.Len() != len(traces) || o.Spans() != spans {
		t.Errorf("%d traces with %d spans, want %d with %d", o.Len(), o.Spans(), len(traces), spans)
	}
	if got, want := o.Services(), slices.Sorted(maps.Keys(operations)); !slices.Equal(got, want) {
		t.Errorf("services %v, want %v", got, want)
	}
	for service, want := range operations {
		got := o.Operations(service)
		if len(got) != len(want) {
			t.Errorf("%s has %d operations, want %d", service, len(got), len(want))
		}
		for i, op := range got {
			if !want[op] || i > 0 && (op.Name < got[i-1].Name || op.Name == got[i-1].Name && op.Kind <= got[i-1].Kind) {
				t.Errorf("%s: operation %d, %v, is unknown or out of order", service, i, op)
			}
		}
	}
	if _, ok := o.Trace(TraceID{1}); ok || len(o.Operations("nobody")) != 0 {
		t.Error("something unknown was found")
	}
	if n := o.Count(Query{Service: "nobody"}) + o.Count(Query{Operation: "nothing"}) + o.Count(Query{TraceID: TraceID{1}}); n != 0 {
		t.Errorf("%d traces match what does not exist", n)
	}
}

// The median answers of the published comparison.
func TestQueriesHitAsPublished(t *testing.T) {
	if testing.Short() {
		t.Skip("scans a million spans")
	}
	t.Parallel()
	o := NewOracle(Config{})
	f := func(class Class, low, high int) {
		t.Helper()
		var counts []int
		for _, q := range o.Queries(class, 60, 7) {
			counts = append(counts, o.Count(q))
		}
		slices.Sort(counts)
		p50 := counts[len(counts)/2]
		t.Logf("%-24v p50 %4d, %d to %d", class, p50, counts[0], counts[len(counts)-1])
		if p50 < low || p50 > high {
			t.Errorf("%v: p50 is %d hits, want %d to %d", class, p50, low, high)
		}
	}
	f(ClassTraceByID, 1, 1)
	f(ClassMissingTrace, 0, 0)
	f(ClassOperation, 100, 200)    // published: 152
	f(ClassUniqueTagService, 1, 1) // 1
	f(ClassTenantService, 9, 18)   // 13
	f(ClassTwoTags, 1, 4)          // 2
	f(ClassErrorService, 20, 60)   // 40
	f(ClassDurationRange, 6, 8)    // 7
	f(ClassMinDuration, 2, 4)      // 3
	f(ClassUniqueTag, 1, 1)        // 1
	f(ClassSlowest, 20, 3000)
	f(ClassFilter, 20, 3000)
}

func TestParseClass(t *testing.T) {
	for _, c := range Classes() {
		if got, err := ParseClass(c.String()); got != c || err != nil {
			t.Errorf("ParseClass(%q) = %v, %v", c, got, err)
		}
	}
	for _, name := range []string{"", "nothing"} {
		if _, err := ParseClass(name); base.ClassOf(err) != base.ClassInvalid {
			t.Errorf("ParseClass(%q): %v", name, err)
		}
	}
}

func TestOracleOfShop(t *testing.T) {
	t.Parallel()
	shop := NewShop(ShopConfig{PerMinute: 60})
	var traces [][]Span
	start := DefaultBase
	for spans := range shop.Traces(base.TimeRange{Start: start, End: start + int64(3*time.Minute)}) {
		traces = append(traces, spans)
	}
	o := NewOracleOf(len(traces), func(i int) []Span { return traces[i] })
	q := Query{Service: "catalog", Tags: []Tag{{LevelAny, "service.name", String("catalog")}}, Slowest: true, Limit: 20}
	if diff := cmp.Diff(bruteForce(traces, q), o.Find(q)); diff != "" || len(o.Find(q)) != 20 {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func BenchmarkFind(b *testing.B) {
	_, o, _ := smallOracle(b)
	for _, class := range []Class{ClassOperation, ClassTenantService, ClassUniqueTag} {
		q := o.Queries(class, 1, 1)[0]
		b.Run(class.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				o.Find(q)
			}
			b.ReportMetric(float64(o.Spans())*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

package search

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	load "github.com/pandodb/pando/internal/corpus"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/jobs"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/part"
)

// redTablet is a tablet of spans that call each other, and what was sent.
type redTablet struct {
	*columnar.Tablet
	r      *rand.Rand
	now    time.Time
	index  uint64
	spans  []trace.Span // distinct
	traces *Traces
}

var redEpoch = time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC) // clocks change in Europe

func newRedTablet(t testing.TB, seed uint64, ttl time.Duration) *redTablet {
	t.Helper()
	x := &redTablet{r: rand.New(rand.NewPCG(seed, 1)), now: redEpoch.Add(6 * time.Hour)}
	pool := jobs.New(jobs.Options{})
	t.Cleanup(pool.Close)
	var err error
	x.Tablet, err = columnar.Open(columnar.Options{
		FS: vfs.NewMem(), Dir: "tablet", ID: 1, Layout: trace.Layout(), Jobs: pool, Cache: part.NewCache(64 << 20),
		SegmentInterval: 2 * time.Hour, TTL: ttl, Clock: func() time.Time { return x.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	x.traces = NewTraces(tabletStore{x.Tablet}, testResource)
	return x
}

// write applies one batch of the spans.
func (x *redTablet) write(t testing.TB, spans []trace.Span) {
	t.Helper()
	b := trace.NewBuilder(trace.Options{})
	b.Reset(testResource, base.AllTime)
	if err := b.Add(trace.AppendOTLP(nil, spans)); err != nil {
		t.Fatal(err)
	}
	x.index++
	x.Apply(base.Position{Term: 1, Index: x.index}, b.Finish())
}

// makeSpans returns traces whose spans lie within ten minutes of each other, some
// of their parents missing, all spans shuffled.
func (x *redTablet) makeSpans(traces int) []trace.Span {
	r := x.r
	var out []trace.Span
	for range traces {
		var id trace.ID
		for i := range id {
			id[i] = byte(r.Uint32())
		}
		start := redEpoch.Add(time.Duration(r.Int64N(int64(5 * time.Hour))))
		for n := range 1 + r.IntN(12) {
			at := start.Add(time.Duration(r.Int64N(int64(10 * time.Minute))))
			s := trace.Span{
				TraceID: id, SpanID: trace.SpanID{7: byte(n + 1)}, StartNanos: uint64(at.UnixNano()), Scope: &trace.Scope{},
				Name: fmt.Sprint("op", r.IntN(4)), Kind: trace.Kind(r.IntN(6)), StatusCode: int32(r.IntN(3)),
				Resource: &trace.Resource{Attrs: []trace.Attr{{Key: "service.name", Value: trace.Value{Kind: trace.KindString, Str: fmt.Sprint("svc", r.IntN(5))}}}},
			}
			if n > 0 {
				s.ParentID = trace.SpanID{7: byte(1 + r.IntN(n+2))} // itself and one that never comes, too
			}
			s.EndNanos = s.StartNanos + r.Uint64N(1e9)
			out = append(out, s)
		}
	}
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// twinTraffic sums up durations the slow way.
func twinTraffic(spans []trace.Span) Traffic {
	var l trace.Latency
	out := Traffic{Calls: uint64(len(spans))}
	for i := range spans {
		l.Add(trace.BucketOf(spans[i].DurationNanos()), 1)
		if spans[i].StatusCode == trace.StatusError {
			out.Errors++
		}
	}
	out.P50, out.P95, out.P99 = uint64(l.Quantile(0.5)), uint64(l.Quantile(0.95)), uint64(l.Quantile(0.99))
	return out
}

// twinGraph is the graph of distinct spans that start in the minutes.
func twinGraph(spans []trace.Span, r base.TimeRange) *Graph {
	g := &Graph{Time: r, Services: []ServiceTraffic{}, Edges: []Dependency{}}
	type ref struct {
		trace trace.ID
		span  trace.SpanID
	}
	service := make(map[ref]string)
	for i := range spans {
		service[ref{spans[i].TraceID, spans[i].SpanID}] = spans[i].Resource.Service()
	}
	edges, services, all := map[edge][]trace.Span{}, map[string][]trace.Span{}, map[string]uint64{}
	messages := map[edge]uint64{}
	for _, s := range spans {
		if !r.Contains(int64(s.StartNanos)) {
			continue
		}
		own := s.Resource.Service()
		all[own]++
		if s.Kind == trace.KindServer || s.Kind == trace.KindConsumer {
			services[own] = append(services[own], s)
		}
		if s.ParentID.IsZero() {
			continue
		}
		parent, ok := service[ref{s.TraceID, s.ParentID}]
		switch {
		case !ok:
			g.Orphans++
		case parent != own:
			edges[edge{parent, own}] = append(edges[edge{parent, own}], s)
			if s.Kind == trace.KindConsumer {
				messages[edge{parent, own}]++
			}
		}
	}
	for name, n := range all {
		g.Services = append(g.Services, ServiceTraffic{Service: name, Traffic: twinTraffic(services[name]), Spans: n})
	}
	for e, list := range edges {
		x := twinTraffic(list)
		g.Edges = append(g.Edges, Dependency{
			Parent: e.parent, Child: e.child, Calls: x.Calls, Errors: x.Errors,
			P50: x.P50, P95: x.P95, P99: x.P99, Messages: messages[e],
		})
	}
	slices.SortFunc(g.Services, func(a, b ServiceTraffic) int { return cmp.Compare(a.Service, b.Service) })
	slices.SortFunc(g.Edges, func(a, b Dependency) int {
		return cmp.Or(cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.Child, b.Child))
	})
	return g
}

// outwards rounds to whole minutes.
func outwards(r base.TimeRange) base.TimeRange {
	const m = int64(time.Minute)
	return base.TimeRange{Start: r.Start / m * m, End: (r.End + m - 1) / m * m}
}

// check compares the graph of some random ranges with the twin's.
func (x *redTablet) check(t *testing.T, what string) {
	t.Helper()
	day := base.TimeRange{Start: redEpoch.UnixNano(), End: redEpoch.Add(24 * time.Hour).UnixNano()}
	ranges := []base.TimeRange{day}
	for range 4 {
		start := redEpoch.UnixNano() + x.r.Int64N(int64(5*time.Hour))
		ranges = append(ranges, base.TimeRange{Start: start, End: start + 1 + x.r.Int64N(int64(2*time.Hour))})
	}
	for _, r := range ranges {
		g, err := x.traces.ServiceGraph(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := fmt.Sprintf("%+v", g), fmt.Sprintf("%+v", twinGraph(x.spans, outwards(r))); got != want {
			t.Fatalf("%s, %v:\ngot  %s\nwant %s", what, r, got, want)
		}
	}
}

// TestServiceGraphAgreesWithTwin: parents lie in the same batch, in other batches,
// parts and segments, come later or never; merges change nothing.
func TestServiceGraphAgreesWithTwin(t *testing.T) {
	for seed := range uint64(12) {
		x := newRedTablet(t, seed, 0)
		for step := range 10 {
			spans := x.makeSpans(30)
			for len(spans) > 0 {
				n := min(len(spans), 1+x.r.IntN(60))
				x.write(t, spans[:n])
				x.spans, spans = append(x.spans, spans[:n]...), spans[n:]
				if x.r.IntN(6) == 0 {
					x.check(t, fmt.Sprintf("seed %d step %d: in memory", seed, step))
				}
				if x.r.IntN(4) == 0 {
					if err := x.Flush(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			x.check(t, fmt.Sprintf("seed %d step %d", seed, step))
			if step%4 == 3 {
				if err := x.Compact(t.Context()); err != nil {
					t.Fatal(err)
				}
				x.check(t, fmt.Sprintf("seed %d step %d: merged", seed, step))
			}
		}
	}
}

// TestServiceGraphOfRepeats: spans that were sent again count once when they are
// merged.
func TestServiceGraphOfRepeats(t *testing.T) {
	for seed := range uint64(8) {
		x := newRedTablet(t, 100+seed, 0)
		x.spans = x.makeSpans(150)
		for range 4 {
			for range 3 {
				spans := slices.Clone(x.spans)
				x.r.Shuffle(len(spans), func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
				x.write(t, spans[:x.r.IntN(len(spans))])
			}
			if err := x.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		x.write(t, x.spans)
		if err := x.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
		x.check(t, fmt.Sprintf("seed %d", seed))
	}
}

// TestServiceGraphEndsWithRetention: a minute that has begun to expire is gone.
func TestServiceGraphEndsWithRetention(t *testing.T) {
	x := newRedTablet(t, 7, 3*time.Hour)
	all := x.makeSpans(200)
	for _, s := range all { // calls of expired parents stay calls of parents that are still in a part
		s.ParentID = trace.SpanID{}
		x.spans = append(x.spans, s)
	}
	x.write(t, x.spans)
	if err := x.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		deadline := x.now.Add(-3 * time.Hour).UnixNano()
		const m = int64(time.Minute)
		kept := base.TimeRange{Start: (deadline + m - 1) / m * m, End: redEpoch.Add(24 * time.Hour).UnixNano()}
		g, err := x.traces.ServiceGraph(t.Context(), base.TimeRange{Start: redEpoch.UnixNano(), End: kept.End})
		if err != nil {
			t.Fatal(err)
		}
		want := twinGraph(x.spans, kept)
		want.Time = g.Time
		if got, want := fmt.Sprintf("%+v", g), fmt.Sprintf("%+v", want); got != want {
			t.Fatalf("at %v:\ngot  %s\nwant %s", x.now, got, want)
		}
		x.now = x.now.Add(time.Duration(x.r.Int64N(int64(10 * time.Minute))))
	}
}

// TestMetricsAgreeWithTwin slides windows over operations and services.
func TestMetricsAgreeWithTwin(t *testing.T) {
	x := newRedTablet(t, 3, 0)
	for range 4 {
		spans := x.makeSpans(100)
		x.write(t, spans)
		x.spans = append(x.spans, spans...)
		if err := x.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 60 {
		start := redEpoch.UnixNano() + x.r.Int64N(int64(5*time.Hour))
		if i%3 == 0 {
			start = start / int64(time.Minute) * int64(time.Minute)
		}
		q := &MetricsQuery{
			Time: base.TimeRange{Start: start, End: start + x.r.Int64N(int64(2*time.Hour))},
			Step: time.Duration(x.r.Int64N(int64(20 * time.Minute))), Window: time.Duration(x.r.Int64N(int64(30 * time.Minute))),
			GroupByOperation: x.r.IntN(2) == 0, Quantiles: []float64{0.5, 0.95},
		}
		if x.r.IntN(2) == 0 {
			q.Services, q.Kinds = []string{"svc1", "svc3", "none"}, []trace.Kind{trace.KindServer, trace.KindClient}
		}
		if x.r.IntN(3) == 0 {
			q.Operations = []string{"op2"}
		}
		got, err := x.traces.Metrics(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range got {
			for _, p := range s.Points {
				want := twinPoint(x.spans, q, s, p.Time)
				if fmt.Sprint(p) != fmt.Sprint(want) {
					t.Fatalf("%+v\n%s %s: %+v, want %+v", q, s.Service, s.Operation, p, want)
				}
			}
		}
		if len(got) == 0 && len(q.Services) == 0 && len(q.Operations) == 0 {
			t.Errorf("%+v: no series", q)
		}
	}
}

// twinPoint counts the spans of a point one by one.
func twinPoint(spans []trace.Span, q *MetricsQuery, s Series, at int64) Point {
	var found []trace.Span
	end := int64(math.Ceil(float64(at)/float64(time.Minute))) * int64(time.Minute)
	window := base.TimeRange{Start: end - int64(wholeMinutes(q.Window))*int64(time.Minute), End: end}
	for _, x := range spans {
		if x.Resource.Service() == s.Service && (!q.GroupByOperation || x.Name == s.Operation) && wants(q.Operations, x.Name) &&
			wants(q.Kinds, x.Kind) && window.Contains(int64(x.StartNanos)) {
			found = append(found, x)
		}
	}
	sum := twinTraffic(found)
	p := Point{Time: at, Calls: sum.Calls, Errors: sum.Errors}
	if sum.Calls > 0 {
		var l trace.Latency
		for i := range found {
			l.Add(trace.BucketOf(found[i].DurationNanos()), 1)
		}
		p.Latencies = []float64{l.Quantile(0.5), l.Quantile(0.95)}
	}
	return p
}

func TestMetricsQueryIsBounded(t *testing.T) {
	hour := base.TimeRange{Start: 0, End: int64(time.Hour)}
	for _, c := range []struct {
		q    MetricsQuery
		want base.Class
	}{
		{MetricsQuery{Time: base.TimeRange{Start: 2, End: 1}}, base.ClassInvalid},
		{MetricsQuery{Time: hour, Step: -1}, base.ClassInvalid},
		{MetricsQuery{Time: hour, Window: -1}, base.ClassInvalid},
		{MetricsQuery{Time: base.AllTime}, base.ClassTooLarge},
		{MetricsQuery{Time: hour, Step: math.MaxInt64}, 0},
		{MetricsQuery{Time: hour, Window: math.MaxInt64}, 0},
		{MetricsQuery{Time: base.AllTime, Step: math.MaxInt64}, 0},
		{MetricsQuery{Time: base.AllTime, Step: 1 << 62, Window: math.MaxInt64}, 0},
		{MetricsQuery{Time: hour, Quantiles: make([]float64, 17)}, base.ClassTooLarge},
		{MetricsQuery{Time: hour, Quantiles: []float64{1.1}}, base.ClassInvalid},
		{MetricsQuery{Time: hour, Quantiles: []float64{math.NaN()}}, base.ClassInvalid},
	} {
		if _, err := NewTraces(&fakeStore{}, 1).Metrics(t.Context(), &c.q); (err == nil) != (c.want == 0) || err != nil && base.ClassOf(err) != c.want {
			t.Errorf("%+v: %v", c.q, err)
		}
	}
	if _, err := NewTraces(&fakeStore{}, 1).Metrics(t.Context(), &MetricsQuery{Time: hour}); err != nil {
		t.Error(err)
	}
	if _, err := NewTraces(&fakeStore{}, 1).Dependencies(t.Context(), base.TimeRange{}); base.ClassOf(err) != base.ClassInvalid {
		t.Errorf("an empty range: %v", err)
	}
	if _, err := NewTraces(&fakeStore{}, 1).Dependencies(t.Context(), base.AllTime); err != nil {
		t.Error(err)
	}
}

// TestMetricsOfLongSteps: the points of a step and a window as long as time are
// right: what began before a point counts there.
func TestMetricsOfLongSteps(t *testing.T) {
	q := &MetricsQuery{Time: base.TimeRange{Start: -1 << 62, End: 1 << 62}, Step: 1 << 61, Window: math.MaxInt64}
	f := newMetricsFolder(q)
	var d trace.Digest
	d.Operations = []trace.OperationCells{{Service: "s", Minutes: trace.Minutes{Cells: []trace.Cell{{Minute: -5, Calls: 1}, {Minute: 5, Calls: 2}}}}}
	if err := f.add(&d, f.minutes, nil); err != nil {
		t.Fatal(err)
	}
	var calls []uint64
	for _, p := range f.points(f.series[seriesKey{service: "s"}]) {
		calls = append(calls, p.Calls)
	}
	if want := []uint64{0, 0, 1, 3}; !slices.Equal(calls, want) {
		t.Errorf("calls %v, want %v", calls, want)
	}
}

// TestDroppedOrphans: spans that a digest dropped, the oldest without a parent, are
// no orphans of the time after them.
func TestDroppedOrphans(t *testing.T) {
	d := &trace.Digest{Dropped: 7, Texts: []string{"s"}, Open: []trace.OpenCall{{Minute: 100}, {Minute: 90}, {Minute: 200}}}
	for m, want := range map[minutes]uint64{{0, 300}: 10, {90, 95}: 8, {91, 300}: 2, {300, 400}: 0} {
		f := graphFolder{services: make(map[string]*cellSum), edges: make(map[edge]*cellSum)}
		if err := f.add(d, m, nil); err != nil || f.orphans != want {
			t.Errorf("minutes %v: %d orphans, want %d; %v", m, f.orphans, want, err)
		}
	}
}

// TestServiceGraphIsBounded: a graph of too many calls is refused while it grows.
func TestServiceGraphIsBounded(t *testing.T) {
	f := graphFolder{services: make(map[string]*cellSum), edges: make(map[edge]*cellSum)}
	var err error
	for n := 0; err == nil && n < 2*maxGraph; {
		var d trace.Digest
		for range 1000 {
			d.Edges = append(d.Edges, trace.EdgeCells{Parent: "a", Child: fmt.Sprint(n), Minutes: trace.Minutes{Cells: []trace.Cell{{Calls: 1}}}})
			n++
		}
		err = f.add(&d, minutes{-1, 1}, nil)
	}
	if base.ClassOf(err) != base.ClassTooLarge || len(f.edges) > maxGraph+1000 {
		t.Errorf("%d calls between services: %v", len(f.edges), err)
	}
}

// TestMetricsAnswerIsBounded: too many series are refused while they come.
func TestMetricsAnswerIsBounded(t *testing.T) {
	f := newMetricsFolder(&MetricsQuery{Time: base.TimeRange{Start: 0, End: int64(10_000 * time.Minute)}, GroupByOperation: true})
	var d trace.Digest
	for i := range 100 {
		o := trace.OperationCells{Service: "s", Name: fmt.Sprint(i)}
		o.Cells = []trace.Cell{{Minute: int32(i), Calls: 1}}
		d.Operations = append(d.Operations, o)
	}
	if err := f.add(&d, f.minutes, nil); base.ClassOf(err) != base.ClassTooLarge || len(f.series)*len(f.times) > maxAllPoints {
		t.Errorf("%d series of %d points, %v", len(f.series), len(f.times), err)
	}
}

// BenchmarkServiceGraph asks for the published corpus, a million spans in an hour.
func BenchmarkServiceGraph(b *testing.B) {
	for _, merged := range []bool{false, true} {
		b.Run(fmt.Sprintf("merged=%v", merged), func(b *testing.B) {
			c := load.New(load.Config{Base: redEpoch.UnixNano()})
			x := newRedTablet(b, 1, 0)
			builder, spans := trace.NewBuilder(trace.Options{}), 0
			for req, n := range c.Requests {
				builder.Reset(testResource, base.AllTime)
				if err := builder.Add(req); err != nil {
					b.Fatal(err)
				}
				x.index++
				x.Apply(base.Position{Term: 1, Index: x.index}, builder.Finish())
				spans += n
			}
			if merged {
				if err := x.Compact(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			hour := base.TimeRange{Start: redEpoch.UnixNano(), End: redEpoch.Add(time.Hour).UnixNano()}
			began := time.Now()
			g, err := x.traces.ServiceGraph(b.Context(), hour)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(time.Since(began).Microseconds())/1000, "ms-first")
			b.Logf("%d spans, %d parts, %d in memory; %d services, %d edges, %d orphans", spans, x.Stats().Parts, x.Stats().MemoryRows, len(g.Services), len(g.Edges), g.Orphans)
			var took []time.Duration
			b.ResetTimer()
			for b.Loop() {
				began := time.Now()
				if _, err := x.traces.Dependencies(b.Context(), hour); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
		})
	}
}

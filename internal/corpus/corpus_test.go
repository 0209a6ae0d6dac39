package corpus

import (
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"testing"
	"time"
)

// Golden hashes: FNV-1a over the first traces, each as one plain request, and
// over the first requests of the stream. They change only together with
// doc.go, since another language's generator relies on them.
const (
	goldenTraces   = 0x41820153c21ebb98
	goldenRequests = 0x0dab535f8f15efb1
)

func TestGolden(t *testing.T) {
	c := New(Config{})
	traces, requests := fnv.New64a(), fnv.New64a()
	for i := range 100 {
		traces.Write(AppendRequest(nil, c.Trace(i)))
	}
	n := 0
	for req := range c.Requests {
		requests.Write(req)
		if n++; n == 10 {
			break
		}
	}
	if got := traces.Sum64(); got != goldenTraces {
		t.Errorf("traces hash to %#x, want %#x", got, uint64(goldenTraces))
	}
	if got := requests.Sum64(); got != goldenRequests {
		t.Errorf("requests hash to %#x, want %#x", got, uint64(goldenRequests))
	}
}

func TestTracesArePure(t *testing.T) {
	a, b := New(Config{Seed: 5, Traces: 100}), New(Config{Seed: 5, Traces: 100})
	other := New(Config{Seed: 6, Traces: 100})
	for i := a.Len() - 1; i >= 0; i-- {
		x := AppendRequest(nil, a.Trace(i))
		if string(x) != string(AppendRequest(nil, b.Trace(i))) {
			t.Fatalf("trace %d differs between two corpora of one seed", i)
		}
		if string(x) == string(AppendRequest(nil, other.Trace(i))) {
			t.Fatalf("trace %d is the same under another seed", i)
		}
	}
}

// stats are what the published load states about itself.
type stats struct {
	spans, bytes      int
	sizes, roots      []int64
	names             map[string]bool
	values            map[key]map[uint64]bool
	roles             [4]int
	attrs             int
	attrsMin          int
	attrsMax          int
	failed, withEvent int
	links, orders     int
}

func measure(c *Corpus) *stats {
	st := &stats{names: make(map[string]bool), values: make(map[key]map[uint64]bool), attrsMin: math.MaxInt}
	for k := range keyCount {
		st.values[k] = make(map[uint64]bool)
	}
	for req, n := range c.Requests {
		st.bytes += len(req)
		st.spans += n
	}
	var d draft
	for i := range c.Len() {
		c.fill(&d, i)
		st.addTrace(&d)
	}
	slices.Sort(st.sizes)
	slices.Sort(st.roots)
	return st
}

func (st *stats) addTrace(d *draft) {
	st.sizes = append(st.sizes, int64(len(d.spans)))
	st.roots = append(st.roots, d.spans[0].duration)
	if d.link.present {
		st.links++
	}
	if d.order != 0 {
		st.orders++
	}
	for i := range d.spans {
		s := &d.spans[i]
		st.names[fmt.Sprint(d.cat.instances[s.instance].service, d.name(s))] = true
		st.roles[s.role]++
		n := s.attrs.end - s.attrs.start
		st.attrs += n
		st.attrsMin, st.attrsMax = min(st.attrsMin, n), max(st.attrsMax, n)
		if s.failed {
			st.failed++
		}
		if s.events.end > s.events.start {
			st.withEvent++
		}
		for _, a := range d.attrs[s.attrs.start:s.attrs.end] {
			st.values[a.key][a.num] = true
		}
	}
}

func quantile(sorted []int64, q float64) float64 {
	return float64(sorted[int(q*float64(len(sorted)-1))])
}

// The whole published load against its published figures; see doc.go for those
// that are not expected to agree.
func TestStatistics(t *testing.T) {
	if testing.Short() {
		t.Skip("draws a million spans")
	}
	t.Parallel()
	st := measure(New(Config{}))
	near := func(what string, got, want, tolerance float64) {
		t.Helper()
		t.Logf("%-24s %14.2f (published %g)", what, got, want)
		if math.Abs(got-want) > tolerance*want {
			t.Errorf("%s is %.3f, want %.3f ± %.0f %%", what, got, want, 100*tolerance)
		}
	}
	spans := float64(st.spans)
	near("spans", spans, 1_035_673, 0.01)
	near("bytes per span", float64(st.bytes)/spans, 569, 0.02)
	near("size p50", quantile(st.sizes, 0.5), 19, 0)
	near("size p99", quantile(st.sizes, 0.99), 40, 0)
	near("size min", quantile(st.sizes, 0), 8, 0)
	near("size max", quantile(st.sizes, 1), 40, 0)
	near("root p50 ms", quantile(st.roots, 0.5)/1e6, 37, 0.05)
	near("root p90 ms", quantile(st.roots, 0.9)/1e6, 82, 0.05)
	near("root p99 ms", quantile(st.roots, 0.99)/1e6, 127, 0.05)
	near("service+name pairs", float64(len(st.names)), 2471, 0.05)
	near("attributes per span", float64(st.attrs)/spans, 10.3, 0.02)
	near("attributes min", float64(st.attrsMin), 9, 0)
	near("attributes max", float64(st.attrsMax), 14, 0)
	near("spans with events", float64(st.withEvent)/spans, 0.10, 0.05)
	near("failed spans %", 100*float64(st.failed)/spans, 0.24, 0.05)
	near("linked traces %", 100*float64(st.links)/DefaultTraces, 1, 0.10)
	near("traces with order %", 100*float64(st.orders)/DefaultTraces, 5, 0.05)
	for k, want := range map[key]float64{
		keyRPCSystem: 1, keyHTTPStatus: 5, keyDBSystem: 5, keyUserAgent: 11, keyFeatureFlag: 30,
		keyTenant: 200, keyHTTPRoute: 179, keyServerAddress: 329,
	} {
		near(keys[k].name, float64(len(st.values[k])), want, 0.02)
	}
	if n := len(st.values[keyDBQuery]); n < 2_000 || n > 9_000 {
		t.Errorf("%d distinct query texts, want thousands", n)
	}
}

func TestTraceShape(t *testing.T) {
	t.Parallel()
	c := New(Config{Traces: 3000})
	step := int64(time.Hour) / 3000
	for i := range c.Len() {
		spans := c.Trace(i)
		if low := c.Config().Base + int64(i)*step; spans[0].Start < low || spans[0].Start >= low+step {
			t.Fatalf("trace %d starts %d ns into its slot", i, spans[0].Start-low)
		}
		at := make(map[SpanID]*Span)
		for k := range spans {
			s := &spans[k]
			p := at[s.Parent]
			if (p == nil) != (k == 0) {
				t.Fatalf("trace %d span %d: parent does not come before it", i, k)
			}
			if s.End <= s.Start || p != nil && (s.Start < p.Start || s.End > p.End) {
				t.Fatalf("trace %d span %d: [%d, %d) is not within its parent", i, k, s.Start, s.End)
			}
			if p != nil && s.Kind != KindServer && s.Resource != p.Resource {
				t.Fatalf("trace %d span %d: leaves its process without a call", i, k)
			}
			if at[s.SpanID] != nil {
				t.Fatalf("trace %d: span id %x twice", i, s.SpanID)
			}
			at[s.SpanID] = s
			checkAttrs(t, s)
		}
	}
}

func checkAttrs(t *testing.T, s *Span) {
	t.Helper()
	seen := make(map[string]bool)
	for _, a := range s.Attrs {
		if seen[a.Key] {
			t.Fatalf("span %s has %s twice", s.Name, a.Key)
		}
		seen[a.Key] = true
		// One-byte lengths of the fast encoder.
		if text := a.Value.Str; len(a.Key)+len(text) > 110 && a.Key != "db.query.text" && a.Key != "user_agent.original" {
			t.Fatalf("%s = %q is too long", a.Key, text)
		}
	}
	if len(s.Resource.Attrs) != 12 {
		t.Fatalf("resource of %s has %d attributes", s.Resource.Service, len(s.Resource.Attrs))
	}
}

func TestEveryOtherOperationIsCalled(t *testing.T) {
	for seed := range uint64(20) {
		c := newCatalogue(seed)
		called := make(map[int]bool)
		for _, op := range c.operations {
			for _, callee := range op.calls {
				called[callee] = true
				if c.services[op.service].tier >= c.services[c.operations[callee].service].tier {
					t.Fatalf("seed %d: %s calls upwards", seed, op.name)
				}
			}
		}
		if got, want := len(called), len(c.operations)-50; got != want {
			t.Errorf("seed %d: %d operations are called, want %d", seed, got, want)
		}
	}
}

func BenchmarkRequests(b *testing.B) {
	c := New(Config{Traces: 10_000})
	b.ReportAllocs()
	spans, bytes := 0, 0
	for b.Loop() {
		for req, n := range c.Requests {
			spans += n
			bytes += len(req)
		}
	}
	b.SetBytes(int64(bytes / b.N))
	b.ReportMetric(float64(spans)/b.Elapsed().Seconds(), "spans/s")
}

func BenchmarkTrace(b *testing.B) {
	c := New(Config{})
	b.ReportAllocs()
	spans, i := 0, 0
	for b.Loop() {
		spans += len(c.Trace(i % c.Len()))
		i++
	}
	b.ReportMetric(float64(spans)/b.Elapsed().Seconds(), "spans/s")
}

package search

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/model/trace"
)

// Traffic sums up calls. Durations are nanoseconds, off by 3.2 % at most.
type Traffic struct {
	Calls  uint64
	Errors uint64
	P50    uint64
	P95    uint64
	P99    uint64
}

// Dependency is the calls of one service by another: spans whose parent belongs
// to another service. Durations are those of the called spans.
type Dependency struct {
	Parent string
	Child  string
	Calls  uint64
	Errors uint64
	P50    uint64
	P95    uint64
	P99    uint64
	// Messages is how many of the calls a consumer span received.
	Messages uint64
}

// ServiceTraffic is what a service was asked to do: its server and consumer spans.
type ServiceTraffic struct {
	Service string
	Traffic
	Spans uint64 // of any kind
}

// Graph is who did what and called whom in some minutes.
type Graph struct {
	Time     base.TimeRange   // whole minutes
	Services []ServiceTraffic // ascending by name
	Edges    []Dependency     // ascending by names
	// Orphans counts spans whose parent is not known: what they are calls of
	// cannot be told.
	Orphans uint64
}

// Dependencies returns who called whom in spans that start in the time range,
// rounded outwards to whole minutes, ascending by names. It reads what every part
// keeps for the purpose, no spans.
func (t *Traces) Dependencies(ctx context.Context, time base.TimeRange) ([]Dependency, error) {
	g, err := t.ServiceGraph(ctx, time)
	if err != nil {
		return nil, err
	}
	return g.Edges, nil
}

// ServiceGraph returns services and the calls between them in spans that start in
// the time range, rounded outwards to whole minutes; too many are an error of
// class base.ClassTooLarge. A parent counts wherever it
// lies, if it starts within an hour of what its part holds of the trace. Spans that
// were sent again may count twice until a merge drops them.
func (t *Traces) ServiceGraph(ctx context.Context, time base.TimeRange) (*Graph, error) {
	if time.Empty() {
		return nil, base.Errorf(base.ClassInvalid, "time range is empty: start %d is not before end %d", time.Start, time.End)
	}
	f := graphFolder{services: make(map[string]*cellSum), edges: make(map[edge]*cellSum)}
	m := minutesOf(time)
	if err := t.eachDigest(ctx, m, f.add); err != nil {
		return nil, err
	}
	g := f.graph()
	g.Time = m.timeRange()
	return g, nil
}

// maxGraph is how many services and how many callers and called a graph may have:
// more than anybody could look at, and some 100 MB.
const maxGraph = 100_000

// edge names the calls of one service by another.
type edge struct{ parent, child string }

// cellSum sums up cells.
type cellSum struct {
	latency  trace.Latency
	errors   uint64
	messages uint64
	spans    uint64
}

// add sums up cells and says how many calls they are.
func (s *cellSum) add(cells []trace.Cell) (calls uint64) {
	for i := range cells {
		s.latency.AddCell(&cells[i])
		s.errors += uint64(cells[i].Errors)
	}
	return callsOf(cells)
}

// graphFolder folds digests into a Graph.
type graphFolder struct {
	services map[string]*cellSum
	edges    map[edge]*cellSum
	orphans  uint64
}

func sumOf[K comparable](sums map[K]*cellSum, key K) *cellSum {
	s := sums[key]
	if s == nil {
		s = &cellSum{}
		sums[key] = s
	}
	return s
}

func (f *graphFolder) add(d *trace.Digest, m minutes, links []*columnar.Links) error {
	for i := range d.Operations {
		o := &d.Operations[i]
		cells := o.Between(m.lo, m.hi)
		if len(cells) == 0 {
			continue
		}
		s := sumOf(f.services, o.Service)
		s.spans += callsOf(cells)
		if o.Kind == trace.KindServer || o.Kind == trace.KindConsumer {
			s.add(cells)
		}
	}
	for i := range d.Edges {
		e := &d.Edges[i]
		cells := e.Between(m.lo, m.hi)
		if len(cells) == 0 {
			continue
		}
		s := sumOf(f.edges, edge{e.Parent, e.Child})
		if calls := s.add(cells); e.Kind == trace.KindConsumer {
			s.messages += calls
		}
	}
	f.addOpen(d, m, links)
	if len(f.services) > maxGraph || len(f.edges) > maxGraph {
		return base.Errorf(base.ClassTooLarge, "%d services and %d calls between them, and more: at most %d of each, ask for a shorter time", len(f.services), len(f.edges), maxGraph)
	}
	return nil
}

// addOpen counts the open calls of which a parent was found.
func (f *graphFolder) addOpen(d *trace.Digest, m minutes, links []*columnar.Links) {
	of, names := callers(d, links)
	sums := make(map[[2]uint32]*cellSum) // by caller and service
	oldest := int32(math.MaxInt32)
	for i := range d.Open {
		o := &d.Open[i]
		oldest = min(oldest, o.Minute)
		if !m.contains(o.Minute) || of != nil && of[i] == ownCall {
			continue
		}
		if of == nil || of[i] == noCaller {
			f.orphans++
			continue
		}
		key := [2]uint32{uint32(of[i]), o.Service}
		s := sums[key]
		if s == nil {
			s = sumOf(f.edges, edge{names[of[i]], d.Texts[o.Service]})
			sums[key] = s
		}
		s.latency.Add(o.Bucket, 1)
		if o.Failed {
			s.errors++
		}
		if o.Kind == trace.KindConsumer {
			s.messages++
		}
	}
	if m.lo <= oldest { // those that were dropped are no younger
		f.orphans += d.Dropped
	}
}

func callsOf(cells []trace.Cell) (n uint64) {
	for i := range cells {
		n += uint64(cells[i].Calls)
	}
	return n
}

func (s *cellSum) traffic() Traffic {
	quantile := func(q float64) uint64 { return uint64(s.latency.Quantile(q)) }
	return Traffic{Calls: s.latency.Calls(), Errors: s.errors, P50: quantile(0.5), P95: quantile(0.95), P99: quantile(0.99)}
}

func (f *graphFolder) graph() *Graph {
	g := &Graph{Services: make([]ServiceTraffic, 0, len(f.services)), Edges: make([]Dependency, 0, len(f.edges)), Orphans: f.orphans}
	for name, s := range f.services {
		g.Services = append(g.Services, ServiceTraffic{Service: name, Traffic: s.traffic(), Spans: s.spans})
	}
	for e, s := range f.edges {
		x := s.traffic()
		g.Edges = append(g.Edges, Dependency{
			Parent: e.parent, Child: e.child, Calls: x.Calls, Errors: x.Errors,
			P50: x.P50, P95: x.P95, P99: x.P99, Messages: s.messages,
		})
	}
	slices.SortFunc(g.Services, func(a, b ServiceTraffic) int { return cmp.Compare(a.Service, b.Service) })
	slices.SortFunc(g.Edges, func(a, b Dependency) int {
		return cmp.Or(cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.Child, b.Child))
	})
	return g
}

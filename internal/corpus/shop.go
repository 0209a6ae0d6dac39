package corpus

import (
	"cmp"
	"encoding/binary"
	"iter"
	"slices"
	"time"

	"github.com/pandodb/pando/internal/base"
)

// ShopConfig chooses a shop.
type ShopConfig struct {
	// Seed of everything; zero means DefaultSeed.
	Seed uint64
	// PerMinute is the mean number of traces per minute over a day; zero means
	// 300. A shop with a lower rate has a subset of the traces of one with a
	// higher rate, so a thin back-fill and a dense live feed agree.
	PerMinute int
	// Incident is when the planted fault is live; empty means never.
	Incident base.TimeRange
}

// Shop is the demo's workload: twelve services of a web shop, whose traces read
// like those of a real one. What happens in a minute is a pure function of
// (seed, minute), so any cut of time into slices yields the same traces.
//
// The planted fault: during Incident, release 2.5.0 of the recommendation
// service asks the catalog for related products one by one instead of in one
// batch (N+1), and the query that this uses lacks an index. Product pages,
// and nothing else, become many times slower.
//
// A Shop is immutable and safe for concurrent use.
type Shop struct {
	cfg      ShopConfig
	services [shopServices]shopService
}

// NewShop returns the shop of the configuration.
func NewShop(cfg ShopConfig) *Shop {
	if cfg.Seed == 0 {
		cfg.Seed = DefaultSeed
	}
	if cfg.PerMinute <= 0 {
		cfg.PerMinute = 300
	}
	s := &Shop{cfg: cfg}
	src := newSource(cfg.Seed, streamShop, 0)
	for i := range s.services {
		s.services[i] = newShopService(&src, shopPlan[i])
	}
	return s
}

// Services returns the names of the shop's services, the front door first.
func (s *Shop) Services() []string {
	out := make([]string, len(s.services))
	for i := range s.services {
		out[i] = s.services[i].name
	}
	return out
}

// Request is one ExportTraceServiceRequest.
type Request struct {
	Body  []byte
	Spans int
}

// shopRequestSpans is the size from which a request is closed. Traces are not
// cut.
const shopRequestSpans = 1000

// Slice returns the traces that start in [t0, t1) as requests, in order of
// start. A trace that starts just before t1 ends after it, by less than ten
// seconds.
func (s *Shop) Slice(t0, t1 int64) []Request {
	var out []Request
	var pending []Span
	flush := func() {
		out = append(out, Request{AppendRequest(nil, pending), len(pending)})
		pending = pending[:0]
	}
	for spans := range s.Traces(base.TimeRange{Start: t0, End: t1}) {
		pending = append(pending, spans...)
		if len(pending) >= shopRequestSpans {
			flush()
		}
	}
	if len(pending) > 0 {
		flush()
	}
	return out
}

// Traces yields the traces that start in r, in order of start. The spans belong
// to the caller.
func (s *Shop) Traces(r base.TimeRange) iter.Seq[[]Span] {
	return func(yield func([]Span) bool) {
		if r.Empty() {
			return
		}
		first, last := floorMinute(r.Start), floorMinute(r.End-1)
		for minute := first; minute <= last; minute++ {
			for _, v := range s.visits(minute) {
				if r.Contains(v.start) && !yield(s.tell(v)) {
					return
				}
			}
		}
	}
}

func floorMinute(t int64) int64 {
	minute := t / int64(time.Minute)
	if t%int64(time.Minute) < 0 {
		minute--
	}
	return minute
}

// visit is one trace before it is told.
type visit struct {
	start int64
	src   source
}

// visits returns the visits of a minute, in order of start.
func (s *Shop) visits(minute int64) []visit {
	out := make([]visit, s.cfg.PerMinute*dayPercent(minute)/100)
	for i := range out {
		src := newSource(s.cfg.Seed, streamShop, uint64(minute)<<20+uint64(i)+1)
		start := minute*int64(time.Minute) + int64(src.below(uint64(time.Minute)))
		out[i] = visit{start, src}
	}
	slices.SortFunc(out, func(a, b visit) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.src.state, b.src.state))
	})
	return out
}

// dayPercent is the load of a minute against the day's mean: a triangle from
// 60 at 4:00 UTC to 140 at 16:00 UTC.
func dayPercent(minute int64) int {
	const day = 24 * 60
	m := ((minute-4*60)%day + day) % day
	return 60 + int(80*min(m, day-m)/(day/2))
}

// tell plays one visit.
func (s *Shop) tell(v visit) []Span {
	t := &teller{shop: s, src: v.src, now: v.start, failing: s.cfg.Incident.Contains(v.start)}
	binary.BigEndian.PutUint64(t.trace[:8], t.src.next())
	binary.BigEndian.PutUint64(t.trace[8:], t.src.next())
	for i := range t.instances {
		t.instances[i] = t.src.pick(podsPerService)
	}
	t.user = t.src.below(8_000)
	t.session = t.src.next()
	x := t.src.pick(storyWeight)
	for i := range stories {
		if x < stories[i].weight {
			stories[i].tell(t)
			break
		}
		x -= stories[i].weight
	}
	return t.spans
}

package browser

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

// fixture is a ui.Store over invented traces of a web shop. It is empty until
// filled, and the same for the same seed and time.
type fixture struct {
	filled atomic.Bool
	traces []*trace.Trace // descending by start
	byID   map[trace.ID]*trace.Trace
}

// Ids of the traces the browser script opens by name.
var (
	bigTraceID     = trace.ID{15: 0xb1}
	damagedTraceID = trace.ID{15: 0xda}
	chainTraceID   = trace.ID{15: 0xcc}
)

const bigTraceSpans = 100_000

func newFixture(now time.Time) *fixture {
	f := &fixture{byID: map[trace.ID]*trace.Trace{}}
	for i := range 160 {
		rng := rand.New(rand.NewPCG(7, uint64(i)))
		start := now.Add(-time.Duration(rng.IntN(50*60)) * time.Second)
		f.add(newShop(rng, shopTraceID(i), start).visit(i))
	}
	rng := rand.New(rand.NewPCG(7, 1_000_000))
	f.add(newShop(rng, bigTraceID, now.Add(-50*time.Minute)).batch(bigTraceSpans))
	f.add(newShop(rng, damagedTraceID, now.Add(-40*time.Minute)).damaged())
	f.add(newShop(rng, chainTraceID, now.Add(-45*time.Minute)).chain(3000))
	slices.SortFunc(f.traces, func(a, b *trace.Trace) int {
		return cmp.Compare(b.Spans[0].StartNanos, a.Spans[0].StartNanos)
	})
	return f
}

func shopTraceID(i int) (id trace.ID) {
	binary.BigEndian.PutUint64(id[:], 0x4bf92f3577b34da6*uint64(i+1))
	binary.BigEndian.PutUint64(id[8:], 0xa3ce929d0e0e4736*uint64(i+3))
	return id
}

func (f *fixture) add(t *trace.Trace) {
	slices.SortFunc(t.Spans, func(a, b trace.Span) int {
		return cmp.Or(cmp.Compare(a.StartNanos, b.StartNanos), slices.Compare(a.SpanID[:], b.SpanID[:]))
	})
	f.traces = append(f.traces, t)
	f.byID[t.ID] = t
}

// Services implements ui.Store.
func (f *fixture) Services(context.Context) ([]string, error) {
	if !f.filled.Load() {
		return nil, nil
	}
	seen := map[string]bool{}
	for _, t := range f.traces {
		for _, c := range summarize(t).Services {
			seen[c.Service] = true
		}
	}
	names := make([]string, 0, len(seen))
	for name := range seen {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// Operations implements ui.Store.
func (f *fixture) Operations(_ context.Context, service string) ([]trace.Operation, error) {
	var ops []trace.Operation
	for _, t := range f.traces {
		for i := range t.Spans {
			s := &t.Spans[i]
			op := trace.Operation{Name: s.Name, Kind: s.Kind}
			if s.Resource.Service() == service && !slices.Contains(ops, op) {
				ops = append(ops, op)
			}
		}
	}
	slices.SortFunc(ops, func(a, b trace.Operation) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
	})
	return ops, nil
}

// Search implements ui.Store.
func (f *fixture) Search(_ context.Context, q search.Query) ([]trace.Summary, error) {
	if q.Operation == "break the store" {
		return nil, base.Errorf(base.ClassOverload, "64 queries are waiting")
	}
	type hit struct {
		trace    *trace.Trace
		duration uint64
	}
	var hits []hit
	for _, t := range f.traces {
		best, found := uint64(0), false
		for i := range t.Spans {
			if matches(&t.Spans[i], &q) {
				best, found = max(best, t.Spans[i].DurationNanos()), true
			}
		}
		if found && f.filled.Load() {
			hits = append(hits, hit{t, best})
		}
	}
	if q.Order == search.Slowest {
		slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(b.duration, a.duration) })
	}
	out := make([]trace.Summary, 0, q.Limit)
	for _, h := range hits[:min(len(hits), q.Limit)] {
		out = append(out, summarize(h.trace))
	}
	return out, nil
}

func matches(s *trace.Span, q *search.Query) bool {
	switch d := s.DurationNanos(); {
	case !q.Time.Contains(int64(s.StartNanos)),
		q.Service != "" && s.Resource.Service() != q.Service,
		q.Operation != "" && s.Name != q.Operation,
		q.Kind != trace.KindUnspecified && s.Kind != q.Kind,
		q.ErrorsOnly && s.StatusCode != trace.StatusError,
		d < q.MinDuration || (q.MaxDuration > 0 && d > q.MaxDuration):
		return false
	}
	for _, tag := range q.Tags {
		if !hasTag(s.Attrs, tag) && !hasTag(s.Resource.Attrs, tag) {
			return false
		}
	}
	return true
}

func hasTag(attrs []trace.Attr, tag search.Tag) bool {
	return slices.ContainsFunc(attrs, func(a trace.Attr) bool {
		return a.Key == tag.Key && textOf(a.Value) == tag.Value.Str
	})
}

func textOf(v trace.Value) string {
	switch v.Kind {
	case trace.KindInt:
		return strconv.FormatInt(v.Int, 10)
	case trace.KindBool:
		return strconv.FormatBool(v.Int != 0)
	default:
		return v.Str
	}
}

// Trace implements ui.Store.
func (f *fixture) Trace(_ context.Context, id trace.ID) (*trace.Trace, error) {
	if t := f.byID[id]; t != nil {
		return t, nil
	}
	return nil, base.Errorf(base.ClassNotFound, "trace %s is not here", id)
}

// Span implements ui.Store.
func (f *fixture) Span(ctx context.Context, id trace.ID, span trace.SpanID) ([]trace.Span, error) {
	t, err := f.Trace(ctx, id)
	if err != nil {
		return nil, err
	}
	var out []trace.Span
	for i := range t.Spans {
		if t.Spans[i].SpanID == span {
			out = append(out, t.Spans[i])
		}
	}
	if out == nil {
		return nil, base.Errorf(base.ClassNotFound, "span %s is not in trace %s", span, id)
	}
	return out, nil
}

func summarize(t *trace.Trace) trace.Summary {
	s := trace.Summary{ID: t.ID, StartNanos: t.Spans[0].StartNanos}
	known := map[trace.SpanID]bool{}
	for i := range t.Spans {
		known[t.Spans[i].SpanID] = true
	}
	counts := map[string]*trace.ServiceCount{}
	for i := range t.Spans {
		span := &t.Spans[i]
		s.EndNanos = max(s.EndNanos, span.EndNanos)
		s.Spans++
		name := span.Resource.Service()
		if counts[name] == nil {
			counts[name] = &trace.ServiceCount{Service: name}
		}
		counts[name].Spans++
		if span.StatusCode == trace.StatusError {
			s.Errors++
			counts[name].Errors++
		}
		if known[span.ParentID] {
			continue
		}
		if !span.ParentID.IsZero() {
			s.Orphans++
		}
		if s.RootName == "" {
			s.RootService, s.RootName = name, span.Name
		}
	}
	for _, c := range counts {
		s.Services = append(s.Services, *c)
	}
	slices.SortFunc(s.Services, func(a, b trace.ServiceCount) int { return cmp.Compare(a.Service, b.Service) })
	return s
}

func str(key, value string) trace.Attr {
	return trace.Attr{Key: key, Value: trace.Value{Kind: trace.KindString, Str: value}}
}

func num(key string, value int64) trace.Attr {
	return trace.Attr{Key: key, Value: trace.Value{Kind: trace.KindInt, Int: value}}
}

func word(format string, args ...any) string { return fmt.Sprintf(format, args...) }

package browser

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

// fixture is a ui.Store over invented traces of a web shop: searches run on a
// real tablet, single traces come as they were invented, damage and all. It is
// empty until filled, and the same for the same seed and time.
type fixture struct {
	filled atomic.Bool
	traces []*trace.Trace
	byID   map[trace.ID]*trace.Trace
	tablet *search.Traces
}

// Ids of the traces the browser script opens by name.
var (
	bigTraceID     = trace.ID{15: 0xb1}
	damagedTraceID = trace.ID{15: 0xda}
	chainTraceID   = trace.ID{15: 0xcc}
	hostileTraceID = trace.ID{15: 0xbd}
)

const bigTraceSpans = 100_000

func newFixture(t *testing.T, now time.Time) *fixture {
	t.Helper()
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
	f.add(newShop(rng, hostileTraceID, now.Add(-55*time.Minute)).hostile())
	f.tablet = search.NewTraces(newTablet(t, f.traces), testResource)
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
		for i := range t.Spans {
			seen[t.Spans[i].Resource.Service()] = true
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

// SummariesPage implements ui.Store.
func (f *fixture) SummariesPage(ctx context.Context, q *search.Query) ([]trace.Summary, string, error) {
	switch {
	case q.Operation == "break the store":
		return nil, "", base.Errorf(base.ClassOverload, "64 queries are waiting")
	case !f.filled.Load():
		return nil, "", nil
	}
	return f.tablet.SummariesPage(ctx, q)
}

// FindSpans implements ui.Store.
func (f *fixture) FindSpans(ctx context.Context, q *search.SpanQuery) ([]trace.Span, string, error) {
	return f.tablet.FindSpans(ctx, q)
}

// ServiceGraph implements ui.Store.
func (f *fixture) ServiceGraph(ctx context.Context, time base.TimeRange) (*search.Graph, error) {
	return f.tablet.ServiceGraph(ctx, time)
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

func str(key, value string) trace.Attr {
	return trace.Attr{Key: key, Value: trace.Value{Kind: trace.KindString, Str: value}}
}

func num(key string, value int64) trace.Attr {
	return trace.Attr{Key: key, Value: trace.Value{Kind: trace.KindInt, Int: value}}
}

func word(format string, args ...any) string { return fmt.Sprintf(format, args...) }

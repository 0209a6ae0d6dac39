package jaeger

import (
	"context"
	"math"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

const (
	// chunkTraces is how many traces are in memory at a time for one request.
	chunkTraces = 32
	// hintSlack widens a client's guess of when a trace happened: clients guess
	// from the part of a trace that they saw, and spans beyond must not be lost.
	// A day keeps the guess useful, since segments are about that long.
	hintSlack = 24 * time.Hour
)

// lookup says which traces to read, and how.
type lookup struct {
	ids     []trace.ID
	time    base.TimeRange // about when they start; zero is any time
	raw     bool           // as stored: no repairs
	archive bool           // those that are not in the store may be in the archive
}

// traceReader reads traces by id, a few at a time, in the order of the ids.
type traceReader struct {
	store   Store
	archive Store // nil: look nowhere else
	adjust  func(*trace.Trace)
	refs    []search.Ref
	chunk   int // refs asked for at a time
}

// newTraceReader returns a reader of the traces.
func (g *Gateway) newTraceReader(l lookup) *traceReader {
	r := &traceReader{store: g.store, refs: make([]search.Ref, len(l.ids)), chunk: chunkTraces}
	for i, id := range l.ids {
		r.refs[i] = search.Ref{ID: id, Time: l.time}
	}
	if l.archive {
		r.archive = g.archive
	}
	if !l.raw {
		r.adjust = g.adjuster.Adjust
	}
	return r
}

// next returns some traces, at least one, or none at the end. Traces that are
// not there are skipped. If some are too large together, it goes on with fewer
// at a time.
func (r *traceReader) next(ctx context.Context) ([]trace.Trace, error) {
	for len(r.refs) > 0 {
		refs := r.refs[:min(len(r.refs), r.chunk)]
		found, err := r.get(ctx, refs)
		if base.ClassOf(err) == base.ClassTooLarge && len(refs) > 1 {
			r.chunk = len(refs) / 2
			continue
		}
		if err != nil {
			return nil, err
		}
		r.refs = r.refs[len(refs):]
		ordered := make([]trace.Trace, 0, len(found))
		for _, ref := range refs {
			t := found[ref.ID]
			if t == nil {
				continue
			}
			delete(found, ref.ID) // asked for twice, answered once
			if r.adjust != nil {
				r.adjust(t)
			}
			ordered = append(ordered, *t)
		}
		if len(ordered) > 0 {
			return ordered, nil
		}
	}
	return nil, nil
}

// get returns the traces of the refs that the store has or, where it has none,
// the archive.
func (r *traceReader) get(ctx context.Context, refs []search.Ref) (map[trace.ID]*trace.Trace, error) {
	found := make(map[trace.ID]*trace.Trace, len(refs))
	keep := func(traces []trace.Trace, err error) error {
		for i := range traces {
			if len(traces[i].Spans) > 0 {
				found[traces[i].ID] = &traces[i]
			}
		}
		return err
	}
	if err := keep(r.store.Get(ctx, refs...)); err != nil || r.archive == nil {
		return found, err
	}
	var missing []search.Ref
	for _, ref := range refs {
		if found[ref.ID] == nil {
			missing = append(missing, ref)
		}
	}
	if len(missing) == 0 {
		return found, nil
	}
	return found, keep(r.archive.Get(ctx, missing...))
}

// hint returns the time range of a look-up by id from what the client knows of
// its start and end, either of which may be missing.
func hint(start int64, hasStart bool, end int64, hasEnd bool) (base.TimeRange, error) {
	if !hasStart && !hasEnd {
		return base.TimeRange{}, nil
	}
	if hasStart && hasEnd && end < start {
		return base.TimeRange{}, base.Errorf(base.ClassInvalid, "time range is reversed: it ends before it starts")
	}
	r := base.AllTime
	if hasStart && start > math.MinInt64+int64(hintSlack) {
		r.Start = start - int64(hintSlack)
	}
	if hasEnd && end < math.MaxInt64-int64(hintSlack) {
		r.End = end + int64(hintSlack)
	}
	return r, nil
}

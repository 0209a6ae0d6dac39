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

// traceReader reads traces by id, a few at a time, in the order of the ids.
type traceReader struct {
	store Store
	refs  []search.Ref
	chunk int // refs asked for at a time
}

// newTraceReader returns a reader of the traces that start about the time, which
// may be the zero range: any time.
func (g *Gateway) newTraceReader(ids []trace.ID, time base.TimeRange) *traceReader {
	refs := make([]search.Ref, len(ids))
	for i, id := range ids {
		refs[i] = search.Ref{ID: id, Time: time}
	}
	return &traceReader{store: g.store, refs: refs, chunk: chunkTraces}
}

// next returns some traces, at least one, or none at the end. Traces that are
// not there are skipped. If some are too large together, it goes on with fewer
// at a time.
func (r *traceReader) next(ctx context.Context) ([]trace.Trace, error) {
	for len(r.refs) > 0 {
		refs := r.refs[:min(len(r.refs), r.chunk)]
		found, err := r.store.Get(ctx, refs...)
		if base.ClassOf(err) == base.ClassTooLarge && len(refs) > 1 {
			r.chunk = len(refs) / 2
			continue
		}
		if err != nil {
			return nil, err
		}
		r.refs = r.refs[len(refs):]
		byID := make(map[trace.ID]*trace.Trace, len(found))
		for i := range found {
			byID[found[i].ID] = &found[i]
		}
		ordered := make([]trace.Trace, 0, len(found))
		for _, ref := range refs {
			if t := byID[ref.ID]; t != nil && len(t.Spans) > 0 {
				ordered = append(ordered, *t)
				delete(byID, ref.ID) // asked for twice, answered once
			}
		}
		if len(ordered) > 0 {
			return ordered, nil
		}
	}
	return nil, nil
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

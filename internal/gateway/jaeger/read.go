package jaeger

import (
	"context"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/serve"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
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
	traces *serve.TraceReader
	adjust func(*trace.Trace) // nil: as stored
}

// newTraceReader returns a reader of the traces.
func (g *Gateway) newTraceReader(l lookup) *traceReader {
	refs := make([]search.Ref, len(l.ids))
	for i, id := range l.ids {
		refs[i] = search.Ref{ID: id, Time: l.time}
	}
	var store serve.Getter = g.store
	if l.archive && g.archive != nil {
		store = archived{store: g.store, archive: g.archive}
	}
	r := &traceReader{traces: serve.NewTraceReader(store, refs)}
	if !l.raw {
		r.adjust = g.adjuster.Adjust
	}
	return r
}

// next returns some traces, at least one, or none at the end. Traces that are
// not there are skipped.
func (r *traceReader) next(ctx context.Context) ([]trace.Trace, error) {
	traces, err := r.traces.Next(ctx)
	if err != nil || r.adjust == nil {
		return traces, err
	}
	for i := range traces {
		r.adjust(&traces[i])
	}
	return traces, nil
}

// archived gets traces from a store or, those that it does not have, from an
// archive.
type archived struct{ store, archive serve.Getter }

// Get implements serve.Getter.
func (a archived) Get(ctx context.Context, refs ...search.Ref) ([]trace.Trace, error) {
	found, err := a.store.Get(ctx, refs...)
	if err != nil {
		return nil, err
	}
	have := make(map[trace.ID]bool, len(found))
	for i := range found {
		have[found[i].ID] = len(found[i].Spans) > 0
	}
	var missing []search.Ref
	for _, ref := range refs {
		if !have[ref.ID] {
			missing = append(missing, ref)
		}
	}
	if len(missing) == 0 {
		return found, nil
	}
	more, err := a.archive.Get(ctx, missing...)
	return append(found, more...), err
}

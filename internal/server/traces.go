package server

import (
	"context"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/catalog"
	"github.com/pandodb/pando/internal/cluster/router"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

// Traces is one trace resource as gateways use it: it adapts the router and the
// searcher to the interfaces that they declare.
type Traces struct {
	*search.Traces
	group *router.Group
	spec  catalog.Group
	clock base.Clock
	// steady is the clock of retention, which may differ from the wall clock after
	// that was set.
	steady base.Clock
}

// WriteTraces makes the batch durable.
func (t *Traces) WriteTraces(ctx context.Context, b *column.Batch) error {
	return t.group.Write(ctx, b)
}

// Bounds returns the span start times that are taken now, by either clock: a
// wall clock that jumps must not turn away spans.
func (t *Traces) Bounds() base.TimeRange {
	wall, steady := columnar.WritableAt(t.clock(), t.spec.TTL), columnar.WritableAt(t.steady(), t.spec.TTL)
	return base.TimeRange{Start: min(wall.Start, steady.Start), End: max(wall.End, steady.End)}
}

// Trace returns every known span of a trace, or a not-found error.
func (t *Traces) Trace(ctx context.Context, id trace.ID) (*trace.Trace, error) {
	found, err := t.Get(ctx, search.Ref{ID: id})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, base.Errorf(base.ClassNotFound, "trace %s is not here: it was never sent, is older than the retention, or its id is misspelt", id)
	}
	return &found[0], nil
}

// uiStore adapts Traces to the page.
type uiStore struct{ *Traces }

// Operations returns a service's operations of all kinds.
func (s uiStore) Operations(ctx context.Context, service string) ([]trace.Operation, error) {
	return s.Traces.Operations(ctx, service, trace.KindUnspecified)
}

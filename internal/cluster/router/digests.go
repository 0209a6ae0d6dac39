package router

import (
	"context"
	"sync"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/engine/columnar"
)

// Digests calls visit with what all places of all tablets with rows in the time
// range say about them, in no order, one call at a time, until it returns an error.
// A key's rows lie in one tablet, so that nothing that one refers to lies in another.
func (g *Group) Digests(ctx context.Context, time base.TimeRange, visit func(*columnar.Digest) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	return g.each(ctx, func(_ int, v *columnar.View) error {
		return v.Digests(ctx, time, func(d *columnar.Digest) error {
			mu.Lock()
			defer mu.Unlock()
			if ctx.Err() != nil { // visit has had enough, or the caller
				return context.Cause(ctx)
			}
			err := visit(d)
			if err != nil {
				cancel(err)
			}
			return err
		})
	})
}

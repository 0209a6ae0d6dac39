package router

import (
	"context"
	"sync"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/engine/columnar"
)

// Digests returns what all places of all tablets with rows in the time range say
// about them, in no order. A key's rows lie in one tablet, so that nothing that one
// refers to lies in another.
func (g *Group) Digests(ctx context.Context, time base.TimeRange) ([]columnar.Digest, error) {
	var mu sync.Mutex
	var all []columnar.Digest
	err := g.each(ctx, func(_ int, v *columnar.View) error {
		digests, err := v.Digests(ctx, time)
		mu.Lock()
		defer mu.Unlock()
		all = append(all, digests...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

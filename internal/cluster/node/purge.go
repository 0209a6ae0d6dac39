package node

import (
	"context"

	"github.com/pandodb/pando/internal/base"
)

// Purge drops every row of the tablets that was acknowledged before the call,
// durably, and returns when readers no longer see any. It needs no room: it makes
// some.
func (n *Node) Purge(ctx context.Context, tablets ...base.TabletID) error {
	byGroup := make(map[*group][]TabletBatch)
	for _, id := range tablets {
		h := n.hosted(id)
		if h == nil || h.group.replica.Load() == nil {
			return base.Errorf(base.ClassUnavailable, "tablet %d is not on this node", id)
		}
		byGroup[h.group] = append(byGroup[h.group], TabletBatch{Tablet: id})
	}
	for g, list := range byGroup {
		if _, err := g.replica.Load().Propose(ctx, appendPurge(nil, list), list); err != nil {
			return err
		}
	}
	for _, id := range tablets { // acknowledged is committed: wait until it is applied
		t, err := n.caughtUp(ctx, id)
		if err != nil {
			return err
		}
		if err := t.Err(); err != nil {
			return err
		}
	}
	return nil
}

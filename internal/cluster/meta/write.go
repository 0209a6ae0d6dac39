package meta

import (
	"cmp"
	"context"
	"errors"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/catalog"
)

// ErrNotLeader says that this catalog may not write, or no longer. It is of
// class unavailable: another node may.
var ErrNotLeader = base.Errorf(base.ClassUnavailable, "catalog: not the leader")

// txn is a write under construction.
type txn struct {
	compares []Compare
	ops      []Op
	err      error // the first failure; no write happens then
}

// put writes v, read before at the revision (zero: it must be new).
func (t *txn) put(key string, revision uint64, v any) {
	value, err := catalog.AppendValue(nil, key, v)
	if err != nil && t.err == nil {
		t.err = err
	}
	t.compares = append(t.compares, Compare{key, revision})
	t.ops = append(t.ops, Op{key, value})
}

// remove deletes the key, read before at the revision.
func (t *txn) remove(key string, revision uint64) {
	t.compares = append(t.compares, Compare{key, revision})
	t.ops = append(t.ops, Op{Key: key})
}

// allocate takes n IDs of the space and returns the first. Once per space and
// transaction.
func (t *txn) allocate(v *View, s Space, n int) uint64 {
	at := v.counters[s]
	first := max(at.Next, 1)
	if n < 1 || first > s.max() || uint64(n) > s.max()-first {
		if t.err == nil {
			t.err = base.Errorf(base.ClassTooLarge, "%s IDs are used up at %d", s, first)
		}
		return 0
	}
	t.put(nextKey(s), at.revision, counter{Next: first + uint64(n)})
	return first
}

// write plans a transaction on the current view and performs it. It returns a
// view that contains it; or the current view, if the plan has no operation. A
// conflict is not tried again: among our own writes there is none, and another
// writer's means that we no longer lead.
func (c *Catalog) write(ctx context.Context, plan func(*View, *txn) error) (*View, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	// An earlier call may have been cut short between its commit and its view.
	v, err := c.Wait(ctx, c.written)
	if err = cmp.Or(err, c.stopped()); err != nil {
		return nil, err
	}
	if c.fence == 0 || v.leader.Revision != c.fence {
		return nil, ErrNotLeader
	}
	t := &txn{compares: []Compare{{keyLeader, c.fence}}}
	if err := errors.Join(plan(v, t), t.err); err != nil {
		return nil, err
	}
	if len(t.ops) == 0 {
		return v, nil
	}
	return c.commit(ctx, t)
}

// commit performs the transaction and waits for its view. Waiting also makes
// the next plan see it.
func (c *Catalog) commit(ctx context.Context, t *txn) (*View, error) {
	revision, err := c.opts.Store.Txn(ctx, t.compares, t.ops)
	if errors.Is(err, ErrCompare) {
		return nil, c.whyRefused(ctx)
	}
	if err != nil {
		return nil, err
	}
	c.written = revision
	return c.Wait(ctx, revision)
}

// whyRefused tells the loss of the leadership from other conflicts.
func (c *Catalog) whyRefused(ctx context.Context) error {
	leader, _, err := c.opts.Store.Get(ctx, keyLeader)
	if err != nil {
		return err
	}
	if leader.Revision != c.fence {
		return ErrNotLeader
	}
	// A transaction whose outcome we were not told has happened after all, and
	// the view had not caught up. The caller may try again.
	return ErrCompare
}

// Lead makes this catalog the one that may write, on behalf of the node, and
// returns its epoch. The leader before, wherever it is, is fenced off from that
// moment. Who should lead is decided elsewhere; this only makes it safe. If
// another catalog takes the lead at the same time, one of the two gets
// ErrNotLeader.
func (c *Catalog) Lead(ctx context.Context, node base.NodeID) (epoch uint64, err error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	// The key is read from the store: a view that lags would lose to itself.
	old, _, err := c.opts.Store.Get(ctx, keyLeader)
	if err != nil {
		return 0, err
	}
	var last Leader
	if err := decode(&old, &last, &last.Revision); err != nil {
		return 0, err
	}
	t := &txn{}
	t.put(keyLeader, old.Revision, Leader{Epoch: last.Epoch + 1, Node: node})
	revision, err := c.opts.Store.Txn(ctx, t.compares, t.ops)
	if errors.Is(err, ErrCompare) {
		return 0, ErrNotLeader
	}
	if err != nil {
		return 0, err
	}
	// From this view on nobody else has written: plans are made on the truth.
	if _, err := c.Wait(ctx, revision); err != nil {
		return 0, err
	}
	c.fence = revision
	return last.Epoch + 1, nil
}

// AllocateIDs takes n consecutive IDs of the space for the caller and returns
// the first. They are never handed out again, used or not.
func (c *Catalog) AllocateIDs(ctx context.Context, s Space, n int) (first uint64, err error) {
	if s == 0 || s >= spaceEnd {
		return 0, base.Errorf(base.ClassBug, "allocate IDs of %v", s)
	}
	_, err = c.write(ctx, func(v *View, t *txn) error {
		first = t.allocate(v, s, n)
		return nil
	})
	return first, err
}

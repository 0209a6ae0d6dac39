package meta

import (
	"bytes"
	"context"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/catalog"
)

// ReplaceTablets replaces the tablets of a group in one step: a split, a merge
// or a move. old is the map the caller planned on; if it is no longer current
// the error is ErrCompare. It returns the new map.
//
// The new tablets must cover the key space; every ID must be one of old's or
// have been allocated; and a tablet of old's ID whose range or home changed must
// have a higher epoch, so that requests routed by an old map are refused.
// Anything else is of class invalid.
func (c *Catalog) ReplaceTablets(ctx context.Context, old *catalog.TabletMap, tablets []catalog.Tablet) (*catalog.TabletMap, error) {
	next, err := catalog.NewTabletMap(tablets)
	if err != nil {
		return nil, err
	}
	v, err := c.write(ctx, func(v *View, t *txn) error {
		g, ok := v.groups.get(old.Group())
		if !ok {
			return base.Errorf(base.ClassNotFound, "group %d does not exist", old.Group())
		}
		if g.tablets != old {
			return ErrCompare
		}
		if err := v.checkSuccession(old, next); err != nil {
			return err
		}
		t.put(tabletsKey(old.Group()), g.tabletsRevision, next.AppendTablets(nil))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return v.TabletMap(old.Group())
}

// checkSuccession refuses a map that may not follow old.
func (v *View) checkSuccession(old, next *catalog.TabletMap) error {
	if next.Group() != old.Group() {
		return base.Errorf(base.ClassInvalid, "tablets of group %d for group %d", next.Group(), old.Group())
	}
	before := make(map[base.TabletID]*catalog.Tablet, old.Len())
	for i := range old.Len() {
		before[old.At(i).ID] = old.At(i)
	}
	for i := range next.Len() {
		t := next.At(i)
		if _, ok := v.replication.get(t.ReplicationGroup); !ok {
			return base.Errorf(base.ClassInvalid, "tablet %d: replication group %d does not exist", t.ID, t.ReplicationGroup)
		}
		was := before[t.ID]
		switch {
		case was == nil && uint64(t.ID) >= v.counters[SpaceTablets].Next:
			return base.Errorf(base.ClassInvalid, "tablet ID %d was not allocated", t.ID)
		case was != nil && !sameTablet(was, t) && t.Epoch <= was.Epoch:
			return base.Errorf(base.ClassInvalid, "tablet %d changes but its epoch goes from %d to %d", t.ID, was.Epoch, t.Epoch)
		}
	}
	return nil
}

func sameTablet(a, b *catalog.Tablet) bool {
	return bytes.Equal(a.Start, b.Start) && bytes.Equal(a.End, b.End) &&
		a.ReplicationGroup == b.ReplicationGroup && a.Epoch == b.Epoch
}

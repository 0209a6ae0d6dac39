package meta

import (
	"cmp"
	"context"
	"slices"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/catalog"
)

// CreateGroup declares a group, pre-splits its key space into g.ShardNum tablets
// and spreads them over the replication groups, fewest tablets first. It returns
// the group as stored. Errors: invalid, conflict if the name is taken or no
// replication group has as many replicas as g asks for, too large beyond the
// limit of groups, ErrNotLeader.
func (c *Catalog) CreateGroup(ctx context.Context, g catalog.Group) (catalog.Group, error) {
	return c.createGroup(ctx, g, false)
}

// EnsureGroup returns the group of g's name, creating it like CreateGroup if it
// is missing. A group that exists is returned as it is, however it differs from
// g; use UpdateGroup to change it. Any catalog may ensure what exists.
func (c *Catalog) EnsureGroup(ctx context.Context, g catalog.Group) (catalog.Group, error) {
	if old, err := c.View().Group(g.Name); err == nil {
		return old, nil
	}
	return c.createGroup(ctx, g, true)
}

func (c *Catalog) createGroup(ctx context.Context, g catalog.Group, mayExist bool) (catalog.Group, error) {
	if err := g.Validate(); err != nil {
		return catalog.Group{}, err
	}
	v, err := c.write(ctx, func(v *View, t *txn) error {
		if _, exists := v.groupNames.get(g.Name); exists {
			if mayExist {
				return nil
			}
			return base.Errorf(base.ClassConflict, "group %q exists", g.Name)
		}
		if v.groups.size >= c.opts.MaxGroups {
			return base.Errorf(base.ClassTooLarge, "there are %d groups, the limit is %d", v.groups.size, c.opts.MaxGroups)
		}
		return planGroup(v, t, g)
	})
	if err != nil {
		return catalog.Group{}, err
	}
	return v.Group(g.Name)
}

// planGroup adds the group and its tablets to the transaction.
func planGroup(v *View, t *txn, g catalog.Group) error {
	homes, err := assignTablets(v, g)
	if err != nil {
		return err
	}
	g.ID = catalog.GroupID(t.allocate(v, SpaceGroups, 1))
	first := t.allocate(v, SpaceTablets, g.ShardNum)
	tablets := make([]catalog.Tablet, g.ShardNum)
	for i, r := range catalog.PreSplit(g.ShardNum) {
		tablets[i] = catalog.Tablet{
			ID: base.TabletID(first) + base.TabletID(i), Group: g.ID,
			Start: r.Start, End: r.End, ReplicationGroup: homes[i], Epoch: 1,
		}
	}
	t.put(groupKey(g.ID), 0, g)
	t.put(tabletsKey(g.ID), 0, tablets)
	return nil
}

// assignTablets chooses a replication group for each of g's first tablets: of
// those with exactly the replicas g asks for, else with more, the one that
// carries fewest tablets, of these the lowest ID. It depends on the view only.
func assignTablets(v *View, g catalog.Group) ([]base.GroupID, error) {
	fit := v.ReplicationGroups()
	fit = slices.DeleteFunc(fit, func(r ReplicationGroup) bool { return len(r.Replicas) < g.Replicas })
	if len(fit) == 0 {
		return nil, base.Errorf(base.ClassConflict, "group %q asks for %d replicas, which no replication group has (there are %d nodes)",
			g.Name, g.Replicas, v.nodes.size)
	}
	least := slices.MinFunc(fit, func(a, b ReplicationGroup) int { return cmp.Compare(len(a.Replicas), len(b.Replicas)) })
	fit = slices.DeleteFunc(fit, func(r ReplicationGroup) bool { return len(r.Replicas) > len(least.Replicas) })
	load := v.tabletLoad()
	homes := make([]base.GroupID, g.ShardNum)
	for i := range homes {
		best := slices.MinFunc(fit, func(a, b ReplicationGroup) int {
			return cmp.Or(cmp.Compare(load[a.ID], load[b.ID]), cmp.Compare(a.ID, b.ID))
		})
		homes[i] = best.ID
		load[best.ID]++
	}
	return homes, nil
}

// tabletLoad counts the tablets of each replication group.
func (v *View) tabletLoad() map[base.GroupID]int {
	load := map[base.GroupID]int{}
	for _, g := range v.groups.all() {
		for i := range g.tablets.Len() {
			load[g.tablets.At(i).ReplicationGroup]++
		}
	}
	return load
}

// UpdateGroup changes what may change of a group: TTL and replicas. g.Revision
// must be that of the group as the caller read it, or the error is ErrCompare.
// It returns the group as stored. Placement acts on a change of replicas later.
func (c *Catalog) UpdateGroup(ctx context.Context, g catalog.Group) (catalog.Group, error) {
	v, err := c.write(ctx, func(v *View, t *txn) error {
		old, err := v.Group(g.Name)
		if err != nil {
			return err
		}
		if old.Revision != g.Revision {
			return ErrCompare
		}
		if err := old.ValidateChange(g); err != nil {
			return err
		}
		t.put(groupKey(g.ID), g.Revision, g)
		return nil
	})
	if err != nil {
		return catalog.Group{}, err
	}
	return v.Group(g.Name)
}

// DeleteGroup removes a group that has no resources, with its tablets. Who hosts
// the tablets learns it from the view and removes their data. Errors: not found,
// conflict if there are resources.
func (c *Catalog) DeleteGroup(ctx context.Context, name string) error {
	_, err := c.write(ctx, func(v *View, t *txn) error {
		g, err := v.groupByName(name)
		if err != nil {
			return err
		}
		if n := g.resources.size; n > 0 {
			return base.Errorf(base.ClassConflict, "group %q has %d resources; delete them first", name, n)
		}
		t.remove(groupKey(g.group.ID), g.group.Revision)
		t.remove(tabletsKey(g.group.ID), g.tabletsRevision)
		return nil
	})
	return err
}

package meta

import (
	"context"
	"slices"

	"github.com/pandodb/pando/internal/base"
)

// maxReplicationGroups bounds one call of EnsureReplicationGroups, and with it
// the size of its transaction.
const maxReplicationGroups = 100

// RegisterNode makes the node of the identity known at the address and returns
// it with its ID. The same identity keeps its ID and gets the new address; an
// unknown one becomes a new node. n.ID is not looked at. Any catalog may
// register what is registered already; else the errors are invalid, ErrNotLeader.
func (c *Catalog) RegisterNode(ctx context.Context, n Node) (Node, error) {
	if err := n.Validate(); err != nil {
		return Node{}, err
	}
	if old, ok := c.View().nodeOf(n.Identity); ok && old.Address == n.Address {
		return old, nil
	}
	v, err := c.write(ctx, func(v *View, t *txn) error {
		old, ok := v.nodeOf(n.Identity)
		n.ID = old.ID
		if !ok {
			n.ID = base.NodeID(t.allocate(v, SpaceNodes, 1))
		}
		t.put(nodeKey(n.ID), old.Revision, n)
		return nil
	})
	if err != nil {
		return Node{}, err
	}
	return v.Node(n.ID)
}

// nodeOf returns the node of the identity. Clusters have few nodes: it is a scan.
func (v *View) nodeOf(identity string) (Node, bool) {
	for _, n := range v.nodes.all() {
		if n.Identity == identity {
			return *n, true
		}
	}
	return Node{}, false
}

// EnsureReplicationGroups makes sure that at least n replication groups have
// exactly these replicas, creating what is missing, and returns all of those.
// Errors: invalid if a node is unknown or named twice, ErrNotLeader.
func (c *Catalog) EnsureReplicationGroups(ctx context.Context, n int, replicas []base.NodeID) ([]ReplicationGroup, error) {
	replicas = slices.Sorted(slices.Values(replicas))
	if n < 1 || n > maxReplicationGroups {
		return nil, base.Errorf(base.ClassInvalid, "%d replication groups, outside 1..%d", n, maxReplicationGroups)
	}
	if len(replicas) == 0 || len(slices.Compact(slices.Clone(replicas))) < len(replicas) {
		return nil, base.Errorf(base.ClassInvalid, "replicas %v are none or name a node twice", replicas)
	}
	if have := c.View().replicationOn(replicas); len(have) >= n {
		return have, nil
	}
	v, err := c.write(ctx, func(v *View, t *txn) error {
		for _, id := range replicas {
			if _, err := v.Node(id); err != nil {
				return base.Mark(base.ClassInvalid, err)
			}
		}
		missing := n - len(v.replicationOn(replicas))
		if missing <= 0 {
			return nil
		}
		first := base.GroupID(t.allocate(v, SpaceReplicationGroups, missing))
		for i := range missing {
			g := ReplicationGroup{ID: first + base.GroupID(i), Replicas: replicas}
			t.put(replicationKey(g.ID), 0, g)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return v.replicationOn(replicas), nil
}

// replicationOn returns the replication groups with exactly the replicas.
func (v *View) replicationOn(replicas []base.NodeID) []ReplicationGroup {
	return slices.DeleteFunc(v.ReplicationGroups(), func(r ReplicationGroup) bool {
		return !slices.Equal(r.Replicas, replicas)
	})
}

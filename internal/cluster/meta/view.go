package meta

import (
	"cmp"
	"slices"
	"strings"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/catalog"
)

// View is the catalog as of one revision. It is immutable and safe for
// concurrent use; what it returns is shared and not to be modified. Look-ups
// by name or ID are a hash look-up; lists are built at each call.
type View struct {
	revision uint64
	leader   Leader
	counters [spaceEnd]counter

	groups      table[catalog.GroupID, *groupView]
	groupNames  table[string, catalog.GroupID]
	resources   table[base.ResourceID, *catalog.Resource]
	nodes       table[base.NodeID, *Node]
	replication table[base.GroupID, *ReplicationGroup]
}

// groupView is a group with what belongs to it. While a change is applied the
// group or its tablets may be missing; in a published view both are there.
type groupView struct {
	group           *catalog.Group
	tablets         *catalog.TabletMap
	tabletsRevision uint64
	resources       table[string, *catalog.Resource]
}

// TabletMapper is how those who place or route rows see tablets: the seam for
// tablet maps that are stored elsewhere than in etcd.
type TabletMapper interface {
	// TabletMap returns the current map of the group, or an error of class not
	// found.
	TabletMap(catalog.GroupID) (*catalog.TabletMap, error)
}

// Revision returns the store's revision up to which the view is complete.
func (v *View) Revision() uint64 { return v.revision }

// Leader returns who may write; Epoch 0 means nobody has yet.
func (v *View) Leader() Leader { return v.leader }

// Group returns the group of the name, or an error of class not found.
func (v *View) Group(name string) (catalog.Group, error) {
	g, err := v.groupByName(name)
	if err != nil {
		return catalog.Group{}, err
	}
	return *g.group, nil
}

func (v *View) groupByName(name string) (*groupView, error) {
	id, ok := v.groupNames.get(name)
	if !ok {
		return nil, base.Errorf(base.ClassNotFound, "group %q does not exist", name)
	}
	g, _ := v.groups.get(id)
	return g, nil
}

// GroupByID returns the group of the ID, or an error of class not found.
func (v *View) GroupByID(id catalog.GroupID) (catalog.Group, error) {
	g, ok := v.groups.get(id)
	if !ok {
		return catalog.Group{}, base.Errorf(base.ClassNotFound, "group %d does not exist", id)
	}
	return *g.group, nil
}

// Groups returns all groups in the order of their names.
func (v *View) Groups() []catalog.Group {
	list := make([]catalog.Group, 0, v.groups.size)
	for _, g := range v.groups.all() {
		list = append(list, *g.group)
	}
	slices.SortFunc(list, func(a, b catalog.Group) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Resource returns the resource of the name in the group of the name, or an
// error of class not found that says which of the two is missing.
func (v *View) Resource(group, name string) (catalog.Resource, error) {
	g, err := v.groupByName(group)
	if err != nil {
		return catalog.Resource{}, err
	}
	r, ok := g.resources.get(name)
	if !ok {
		return catalog.Resource{}, base.Errorf(base.ClassNotFound, "resource %q does not exist in group %q", name, group)
	}
	return *r, nil
}

// ResourceByID returns the resource of the ID, or an error of class not found.
func (v *View) ResourceByID(id base.ResourceID) (catalog.Resource, error) {
	r, ok := v.resources.get(id)
	if !ok {
		return catalog.Resource{}, base.Errorf(base.ClassNotFound, "resource %d does not exist", id)
	}
	return *r, nil
}

// Resources returns the resources of the group in the order of their names;
// none if there is no such group.
func (v *View) Resources(id catalog.GroupID) []catalog.Resource {
	g, ok := v.groups.get(id)
	if !ok {
		return nil
	}
	list := make([]catalog.Resource, 0, g.resources.size)
	for _, r := range g.resources.all() {
		list = append(list, *r)
	}
	slices.SortFunc(list, func(a, b catalog.Resource) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// TabletMap implements TabletMapper for this view.
func (v *View) TabletMap(id catalog.GroupID) (*catalog.TabletMap, error) {
	g, ok := v.groups.get(id)
	if !ok {
		return nil, base.Errorf(base.ClassNotFound, "group %d does not exist", id)
	}
	return g.tablets, nil
}

// Node returns the node of the ID, or an error of class not found.
func (v *View) Node(id base.NodeID) (Node, error) {
	n, ok := v.nodes.get(id)
	if !ok {
		return Node{}, base.Errorf(base.ClassNotFound, "node %d does not exist", id)
	}
	return *n, nil
}

// Nodes returns all nodes in the order of their IDs.
func (v *View) Nodes() []Node {
	list := make([]Node, 0, v.nodes.size)
	for _, n := range v.nodes.all() {
		list = append(list, *n)
	}
	slices.SortFunc(list, func(a, b Node) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// ReplicationGroup returns the replication group of the ID, or an error of
// class not found.
func (v *View) ReplicationGroup(id base.GroupID) (ReplicationGroup, error) {
	r, ok := v.replication.get(id)
	if !ok {
		return ReplicationGroup{}, base.Errorf(base.ClassNotFound, "replication group %d does not exist", id)
	}
	return *r, nil
}

// ReplicationGroups returns all replication groups in the order of their IDs.
func (v *View) ReplicationGroups() []ReplicationGroup {
	list := make([]ReplicationGroup, 0, v.replication.size)
	for _, r := range v.replication.all() {
		list = append(list, *r)
	}
	slices.SortFunc(list, func(a, b ReplicationGroup) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

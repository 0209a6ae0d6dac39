package meta

import (
	"strings"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/catalog"
)

// viewEdit turns one view into the next. It is for one goroutine.
type viewEdit struct {
	next        View
	groups      *tableEdit[catalog.GroupID, *groupView]
	groupNames  *tableEdit[string, catalog.GroupID]
	resources   *tableEdit[base.ResourceID, *catalog.Resource]
	nodes       *tableEdit[base.NodeID, *Node]
	replication *tableEdit[base.GroupID, *ReplicationGroup]
	// open are the groups this edit has already copied, with their resources.
	open map[catalog.GroupID]*groupEdit
}

type groupEdit struct {
	groupView
	resources *tableEdit[string, *catalog.Resource]
}

// apply returns the view that follows v by the entries, complete up to the
// revision. v stays as it is. Any error means that no sound view follows.
func (v *View) apply(entries []Entry, revision uint64) (*View, error) {
	e := &viewEdit{
		next: *v, groups: v.groups.edit(), groupNames: v.groupNames.edit(), resources: v.resources.edit(),
		nodes: v.nodes.edit(), replication: v.replication.edit(), open: map[catalog.GroupID]*groupEdit{},
	}
	for i := range entries {
		if err := e.entry(&entries[i]); err != nil {
			return nil, err
		}
	}
	if err := e.closeGroups(); err != nil {
		return nil, err
	}
	e.next.revision = revision
	e.next.groups, e.next.groupNames, e.next.resources = e.groups.done(), e.groupNames.done(), e.resources.done()
	e.next.nodes, e.next.replication = e.nodes.done(), e.replication.done()
	return &e.next, nil
}

// entry applies one written or deleted key.
func (e *viewEdit) entry(en *Entry) error {
	switch {
	case strings.HasPrefix(en.Key, keyResource):
		return e.resource(en)
	case strings.HasPrefix(en.Key, keyGroup):
		return e.group(en)
	case strings.HasPrefix(en.Key, keyTablets):
		return e.tablets(en)
	case strings.HasPrefix(en.Key, keyNext):
		return e.counter(en)
	case strings.HasPrefix(en.Key, keyReplication):
		return e.replicationGroup(en)
	case strings.HasPrefix(en.Key, keyNode):
		return e.node(en)
	case en.Key == keyLeader:
		e.next.leader = Leader{}
		return decode(en, &e.next.leader, &e.next.leader.Revision)
	}
	return nil // a later release's; this one neither reads nor writes it
}

// decode parses the entry's value into v and its revision into revision. A
// deleted entry leaves both as they are.
func decode(en *Entry, v any, revision *uint64) error {
	if en.Value == nil {
		return nil
	}
	if err := catalog.DecodeValue(en.Key, en.Value, v); err != nil {
		return err
	}
	*revision = en.Revision
	return nil
}

// misplaced is the error for a sound value whose ID is not its key's.
func misplaced(en *Entry, id uint64) error {
	return base.Corruptionf(en.Key, 0, "value is of ID %d", id)
}

// edit returns the group opened for change; it is new if there was none.
func (e *viewEdit) edit(id catalog.GroupID) *groupEdit {
	if g := e.open[id]; g != nil {
		return g
	}
	g := &groupEdit{}
	if old, ok := e.groups.get(id); ok {
		g.groupView = *old
	}
	g.resources = g.groupView.resources.edit()
	e.open[id] = g
	return g
}

// closeGroups publishes the groups that were opened, and checks that each has
// what a group must have.
func (e *viewEdit) closeGroups() error {
	for id, g := range e.open {
		if g.group == nil {
			if g.tablets != nil || g.resources.size > 0 {
				return base.Corruptionf(groupKey(id), 0, "group is missing but has tablets or resources")
			}
			e.groups.remove(id)
			continue
		}
		if g.tablets == nil {
			return base.Corruptionf(tabletsKey(id), 0, "tablets of group %d are missing", id)
		}
		view := g.groupView
		view.resources = g.resources.done()
		e.groups.put(id, &view)
	}
	return nil
}

func (e *viewEdit) group(en *Entry) error {
	id, err := keyID(en.Key, keyGroup, 8)
	if err != nil {
		return err
	}
	g := e.edit(catalog.GroupID(id))
	if g.group != nil {
		e.groupNames.remove(g.group.Name)
		g.group = nil
	}
	if en.Value == nil {
		return nil
	}
	group := &catalog.Group{}
	if err := decode(en, group, &group.Revision); err != nil {
		return err
	}
	if uint64(group.ID) != id {
		return misplaced(en, uint64(group.ID))
	}
	if twin, exists := e.groupNames.get(group.Name); exists {
		return base.Corruptionf(en.Key, 0, "group %d has the name %q too", twin, group.Name)
	}
	e.groupNames.put(group.Name, group.ID)
	g.group = group
	return nil
}

func (e *viewEdit) tablets(en *Entry) error {
	id, err := keyID(en.Key, keyTablets, 8)
	if err != nil {
		return err
	}
	g := e.edit(catalog.GroupID(id))
	g.tablets, g.tabletsRevision = nil, 0
	if en.Value == nil {
		return nil
	}
	var list []catalog.Tablet
	if err := decode(en, &list, &g.tabletsRevision); err != nil {
		return err
	}
	m, err := catalog.NewTabletMap(list)
	if err != nil {
		return base.Corruptionf(en.Key, 0, "%w", err)
	}
	if uint64(m.Group()) != id {
		return misplaced(en, uint64(m.Group()))
	}
	g.tablets = m
	return nil
}

func (e *viewEdit) resource(en *Entry) error {
	id, err := keyID(en.Key, keyResource, 8)
	if err != nil {
		return err
	}
	if old, exists := e.resources.get(base.ResourceID(id)); exists {
		e.edit(old.Group).resources.remove(old.Name)
		e.resources.remove(old.ID)
	}
	if en.Value == nil {
		return nil
	}
	r := &catalog.Resource{}
	if err := decode(en, r, &r.Revision); err != nil {
		return err
	}
	if uint64(r.ID) != id {
		return misplaced(en, uint64(r.ID))
	}
	g := e.edit(r.Group)
	if twin, exists := g.resources.get(r.Name); exists {
		return base.Corruptionf(en.Key, 0, "resource %d has the name %q too", twin.ID, r.Name)
	}
	g.resources.put(r.Name, r)
	e.resources.put(r.ID, r)
	return nil
}

func (e *viewEdit) counter(en *Entry) error {
	name := strings.TrimPrefix(en.Key, keyNext)
	for s := Space(1); s < spaceEnd; s++ {
		if s.String() == name {
			e.next.counters[s] = counter{}
			return decode(en, &e.next.counters[s], &e.next.counters[s].revision)
		}
	}
	return nil // a later release's
}

func (e *viewEdit) replicationGroup(en *Entry) error {
	id, err := keyID(en.Key, keyReplication, 16)
	if err != nil {
		return err
	}
	if en.Value == nil {
		e.replication.remove(base.GroupID(id))
		return nil
	}
	r := &ReplicationGroup{}
	if err := decode(en, r, &r.Revision); err != nil {
		return err
	}
	if uint64(r.ID) != id {
		return misplaced(en, uint64(r.ID))
	}
	e.replication.put(r.ID, r)
	return nil
}

func (e *viewEdit) node(en *Entry) error {
	id, err := keyID(en.Key, keyNode, 16)
	if err != nil {
		return err
	}
	if en.Value == nil {
		e.nodes.remove(base.NodeID(id))
		return nil
	}
	n := &Node{}
	if err := decode(en, n, &n.Revision); err != nil {
		return err
	}
	if uint64(n.ID) != id {
		return misplaced(en, uint64(n.ID))
	}
	e.nodes.put(n.ID, n)
	return nil
}

package meta

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/catalog"
)

func openCatalog(t testing.TB, o Options) *Catalog {
	t.Helper()
	c, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// lead opens a catalog that may write, on a store where one node with four
// replication groups is registered.
func lead(t testing.TB, s Store) *Catalog {
	t.Helper()
	c := openCatalog(t, Options{Store: s})
	if _, err := c.Lead(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	n, err := c.RegisterNode(t.Context(), Node{Identity: "first", Address: "127.0.0.1:4317"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.EnsureReplicationGroups(t.Context(), 4, []base.NodeID{n.ID}); err != nil {
		t.Fatal(err)
	}
	return c
}

// eachCatalog runs the test with a leading catalog on both stores.
func eachCatalog(t *testing.T, test func(*testing.T, *Catalog)) {
	t.Helper()
	eachStore(t, func(t *testing.T, s compacter) {
		c := lead(t, s)
		defer c.Close()
		test(t, c)
	})
}

func wantClass(t testing.TB, err error, want base.Class, texts ...string) {
	t.Helper()
	if err == nil || base.ClassOf(err) != want {
		t.Errorf("got %v, want class %v", err, want)
		return
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%q lacks %q", err, text)
		}
	}
}

func named(name string) catalog.Group {
	g := catalog.DefaultGroup()
	g.Name = name
	return g
}

func TestGroups(t *testing.T) {
	eachCatalog(t, func(t *testing.T, c *Catalog) {
		ctx := t.Context()
		start := c.View()
		g, err := c.EnsureGroup(ctx, catalog.DefaultGroup())
		if err != nil {
			t.Fatal(err)
		}
		want := catalog.DefaultGroup()
		want.ID, want.Revision = 1, start.Revision()+1
		if diff := cmp.Diff(want, g); diff != "" {
			t.Errorf("created:\n%s", diff)
		}
		m := must(c.TabletMap(g.ID))
		if m.Len() != 2 || m.At(0).ID != 1 || m.At(0).ReplicationGroup != 1 || m.At(1).ID != 2 || m.At(1).ReplicationGroup != 2 || m.At(1).Epoch != 1 {
			t.Errorf("tablets %+v", m.AppendTablets(nil))
		}
		changed := want
		changed.TTL = 0
		if again, err := c.EnsureGroup(ctx, changed); err != nil || again != g {
			t.Errorf("ensured again: %+v, %v", again, err)
		}
		_, err = c.CreateGroup(ctx, want)
		wantClass(t, err, base.ClassConflict, `group "default" exists`)
		_, err = c.CreateGroup(ctx, catalog.Group{Name: "a/b"})
		wantClass(t, err, base.ClassInvalid, "forbidden character", "kind 0")

		other := must(c.CreateGroup(ctx, named("another")))
		if names := groupNames(c.View()); other.ID != 2 || names != "another default" {
			t.Errorf("groups %s, new ID %d", names, other.ID)
		}
		// The second group's tablets go to the groups that carry none yet.
		if m := must(c.TabletMap(other.ID)); m.At(0).ReplicationGroup != 3 || m.At(1).ReplicationGroup != 4 {
			t.Errorf("tablets %+v", m.AppendTablets(nil))
		}
		if _, err := start.Group("default"); base.ClassOf(err) != base.ClassNotFound {
			t.Errorf("an old view shows a later group: %v", err)
		}
		if byID, err := c.View().GroupByID(g.ID); err != nil || byID != g {
			t.Errorf("by ID: %+v, %v", byID, err)
		}
	})
}

// must returns the value of a call that cannot fail in this test.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func groupNames(v *View) string {
	var names []string
	for _, g := range v.Groups() {
		names = append(names, g.Name)
	}
	return strings.Join(names, " ")
}

func TestUpdateAndDeleteGroup(t *testing.T) {
	eachCatalog(t, func(t *testing.T, c *Catalog) {
		ctx := t.Context()
		g := must(c.CreateGroup(ctx, named("a")))
		next := g
		next.TTL = 30 * 24 * time.Hour
		got, err := c.UpdateGroup(ctx, next)
		if err != nil || got.TTL != next.TTL || got.Revision <= g.Revision {
			t.Errorf("updated to %+v, %v", got, err)
		}
		_, err = c.UpdateGroup(ctx, next)
		if !errors.Is(err, ErrCompare) {
			t.Errorf("update of an old revision: %v", err)
		}
		next = got
		next.Kind = catalog.KindMetrics
		_, err = c.UpdateGroup(ctx, next)
		wantClass(t, err, base.ClassConflict, "kind is fixed")
		_, err = c.UpdateGroup(ctx, named("none"))
		wantClass(t, err, base.ClassNotFound)

		must(c.CreateResource(ctx, "a", catalog.DefaultResource()))
		wantClass(t, c.DeleteGroup(ctx, "a"), base.ClassConflict, "has 1 resources")
		if err := c.DeleteResource(ctx, "a", "spans"); err != nil {
			t.Fatal(err)
		}
		if err := c.DeleteGroup(ctx, "a"); err != nil {
			t.Fatal(err)
		}
		wantClass(t, c.DeleteGroup(ctx, "a"), base.ClassNotFound)
		if _, err := c.TabletMap(g.ID); base.ClassOf(err) != base.ClassNotFound {
			t.Errorf("tablets of a deleted group: %v", err)
		}
		again := must(c.CreateGroup(ctx, named("a")))
		if m := must(c.TabletMap(again.ID)); again.ID != g.ID+1 || m.At(0).ID != 3 {
			t.Errorf("IDs were used again: group %d, tablet %d", again.ID, m.At(0).ID)
		}
	})
}

func TestResources(t *testing.T) {
	eachCatalog(t, func(t *testing.T, c *Catalog) {
		ctx := t.Context()
		g := must(c.CreateGroup(ctx, named("a")))
		h := must(c.CreateGroup(ctx, named("b")))
		r := must(c.EnsureResource(ctx, "a", catalog.Resource{Name: "x", Spec: json.RawMessage(`{"tags": ["t"]}`)}))
		want := catalog.Resource{ID: 1, Group: g.ID, Name: "x", Spec: json.RawMessage(`{"tags":["t"]}`), Revision: c.View().Revision()}
		if diff := cmp.Diff(want, r); diff != "" {
			t.Errorf("created:\n%s", diff)
		}
		if again := must(c.EnsureResource(ctx, "a", catalog.Resource{Name: "x"})); !cmp.Equal(again, r) {
			t.Errorf("ensured again: %+v", again)
		}
		_, err := c.CreateResource(ctx, "a", catalog.Resource{Name: "x"})
		wantClass(t, err, base.ClassConflict, `resource "x" exists in group "a"`)
		_, err = c.CreateResource(ctx, "none", catalog.Resource{Name: "x"})
		wantClass(t, err, base.ClassNotFound, `group "none"`)
		_, err = c.CreateResource(ctx, "a", catalog.Resource{Name: ".."})
		wantClass(t, err, base.ClassInvalid)
		_, err = c.View().Resource("a", "none")
		wantClass(t, err, base.ClassNotFound, `resource "none" does not exist in group "a"`)

		twin := must(c.CreateResource(ctx, "b", catalog.Resource{Name: "x"}))
		first := must(c.CreateResource(ctx, "a", catalog.Resource{Name: "A"}))
		if twin.ID != 2 || twin.Group != h.ID || first.ID != 3 {
			t.Errorf("%+v, %+v", twin, first)
		}
		if list := c.View().Resources(g.ID); len(list) != 2 || list[0].Name != "A" || list[1].ID != r.ID {
			t.Errorf("listed %+v", list)
		}
		if list := c.View().Resources(99); list != nil {
			t.Errorf("listed %+v of no group", list)
		}

		r.Spec = nil
		updated := must(c.UpdateResource(ctx, r))
		if byID := must(c.View().ResourceByID(r.ID)); updated.Spec != nil || !cmp.Equal(byID, updated) {
			t.Errorf("updated to %+v", byID)
		}
		_, err = c.UpdateResource(ctx, r)
		if !errors.Is(err, ErrCompare) {
			t.Errorf("update of an old revision: %v", err)
		}
		updated.Name = "y"
		_, err = c.UpdateResource(ctx, updated)
		wantClass(t, err, base.ClassConflict, "fixed at creation")

		if err := c.DeleteResource(ctx, "a", "x"); err != nil {
			t.Fatal(err)
		}
		wantClass(t, c.DeleteResource(ctx, "a", "x"), base.ClassNotFound)
		if next := must(c.CreateResource(ctx, "a", catalog.Resource{Name: "x"})); next.ID != 4 {
			t.Errorf("an ID was used again: %d", next.ID)
		}
	})
}

func TestLimits(t *testing.T) {
	s := NewMemStore()
	defer mustClose(t, s)
	setup := lead(t, s)
	setup.Close()
	c := openCatalog(t, Options{Store: s, MaxGroups: 1, MaxResources: 1})
	defer c.Close()
	ctx := t.Context()
	must(c.Lead(ctx, 1))
	must(c.CreateGroup(ctx, named("a")))
	_, err := c.CreateGroup(ctx, named("b"))
	wantClass(t, err, base.ClassTooLarge, "the limit is 1")
	must(c.CreateResource(ctx, "a", catalog.Resource{Name: "x"}))
	_, err = c.CreateResource(ctx, "a", catalog.Resource{Name: "y"})
	wantClass(t, err, base.ClassTooLarge, "the limit is 1")
	three := named("c")
	three.Replicas = 3
	wide := lead(t, s)
	defer wide.Close()
	_, err = wide.CreateGroup(ctx, three)
	wantClass(t, err, base.ClassConflict, "3 replicas", "1 nodes")
}

func TestNodesAndReplicationGroups(t *testing.T) {
	eachCatalog(t, func(t *testing.T, c *Catalog) {
		ctx := t.Context()
		two := must(c.RegisterNode(ctx, Node{Identity: "second", Address: "b:1"}))
		if two.ID != 2 {
			t.Errorf("second node is %+v", two)
		}
		rev := c.View().Revision()
		if again := must(c.RegisterNode(ctx, Node{Identity: "second", Address: "b:1"})); again != two || c.View().Revision() != rev {
			t.Errorf("registering again: %+v at %d", again, c.View().Revision())
		}
		if moved := must(c.RegisterNode(ctx, Node{Identity: "second", Address: "b:2"})); moved.ID != two.ID || moved.Address != "b:2" {
			t.Errorf("moved: %+v", moved)
		}
		_, err := c.RegisterNode(ctx, Node{Identity: "/"})
		wantClass(t, err, base.ClassInvalid, "identity", "address")

		both := []base.NodeID{2, 1}
		groups := must(c.EnsureReplicationGroups(ctx, 2, both))
		want := []ReplicationGroup{{ID: 5, Replicas: []base.NodeID{1, 2}}, {ID: 6, Replicas: []base.NodeID{1, 2}}}
		ignore := cmpopts.IgnoreFields(ReplicationGroup{}, "Revision")
		if diff := cmp.Diff(want, groups, ignore); diff != "" {
			t.Error(diff)
		}
		if more := must(c.EnsureReplicationGroups(ctx, 3, both)); len(more) != 3 || more[2].ID != 7 {
			t.Errorf("three are %+v", more)
		}
		if fewer := must(c.EnsureReplicationGroups(ctx, 1, both)); len(fewer) != 3 {
			t.Errorf("one is %+v", fewer)
		}
		for _, replicas := range [][]base.NodeID{nil, {1, 1}, {3}} {
			_, err := c.EnsureReplicationGroups(ctx, 9, replicas)
			wantClass(t, err, base.ClassInvalid)
		}
		_, err = c.EnsureReplicationGroups(ctx, maxReplicationGroups+1, both)
		wantClass(t, err, base.ClassInvalid)
		if n := must(c.EnsureReplicationGroups(ctx, maxReplicationGroups, []base.NodeID{2})); len(n) != maxReplicationGroups {
			t.Errorf("%d groups", len(n))
		}

		// A group of two replicas goes to replication groups of two.
		g := named("wide")
		g.Replicas, g.ShardNum = 2, 4
		g = must(c.CreateGroup(ctx, g))
		var homes []base.GroupID
		for _, tablet := range must(c.TabletMap(g.ID)).AppendTablets(nil) {
			homes = append(homes, tablet.ReplicationGroup)
		}
		if !slices.Equal(homes, []base.GroupID{5, 6, 7, 5}) {
			t.Errorf("tablets live on %v", homes)
		}
		if nodes := c.View().Nodes(); len(nodes) != 2 || nodes[1].ID != 2 {
			t.Errorf("nodes %+v", nodes)
		}
		_, err = c.View().Node(9)
		wantClass(t, err, base.ClassNotFound)
		_, err = c.View().ReplicationGroup(999)
		wantClass(t, err, base.ClassNotFound)
		if r := must(c.View().ReplicationGroup(5)); r.ID != 5 {
			t.Errorf("%+v", r)
		}
	})
}

func TestReplaceTablets(t *testing.T) {
	eachCatalog(t, func(t *testing.T, c *Catalog) {
		ctx := t.Context()
		g := must(c.CreateGroup(ctx, named("a")))
		old := must(c.TabletMap(g.ID))
		id := must(c.AllocateIDs(ctx, SpaceTablets, 1))
		if id != 3 {
			t.Fatalf("allocated %d", id)
		}
		// Split the first tablet: it keeps the lower half.
		split := old.AppendTablets(nil)
		cut := []byte{0x40, 0, 0, 0, 0, 0, 0, 0}
		upper := catalog.Tablet{ID: base.TabletID(id), Group: g.ID, Start: cut, End: split[0].End, ReplicationGroup: 4, Epoch: 1}
		split[0].End = cut
		split = append(split, upper)
		f := func(change func([]catalog.Tablet), want base.Class, text string) {
			t.Helper()
			tablets := slices.Clone(split)
			tablets[0].Epoch = 2
			change(tablets)
			_, err := c.ReplaceTablets(ctx, old, tablets)
			wantClass(t, err, want, text)
		}
		f(func(ts []catalog.Tablet) { ts[0].Epoch = 1 }, base.ClassInvalid, "epoch goes from 1 to 1")
		f(func(ts []catalog.Tablet) { ts[1].Epoch, ts[1].ReplicationGroup = 1, 3 }, base.ClassInvalid, "epoch goes")
		f(func(ts []catalog.Tablet) { ts[2].ID = 4 }, base.ClassInvalid, "tablet ID 4 was not allocated")
		f(func(ts []catalog.Tablet) { ts[2].ReplicationGroup = 99 }, base.ClassInvalid, "replication group 99")
		f(func(ts []catalog.Tablet) { ts[2].Start = ts[2].End }, base.ClassInvalid, "tablet")
		f(func(ts []catalog.Tablet) { ts[0].Group, ts[1].Group, ts[2].Group = 7, 7, 7 }, base.ClassInvalid, "tablets of group 7")

		split[0].Epoch = 2
		m, err := c.ReplaceTablets(ctx, old, split)
		if err != nil || m.Len() != 3 || m.Locate(1<<62).ID != 3 {
			t.Fatalf("split into %+v, %v", m, err)
		}
		if _, err := c.ReplaceTablets(ctx, old, split); !errors.Is(err, ErrCompare) {
			t.Errorf("replacing an old map: %v", err)
		}
		if old.Len() != 2 {
			t.Error("the old map changed")
		}
	})
}

func TestLeadFencesTheOneBefore(t *testing.T) {
	eachStore(t, func(t *testing.T, s compacter) {
		ctx := t.Context()
		reader := openCatalog(t, Options{Store: s})
		defer reader.Close()
		_, err := reader.CreateGroup(ctx, named("x"))
		if !errors.Is(err, ErrNotLeader) || base.ClassOf(err) != base.ClassUnavailable {
			t.Errorf("a catalog that never led: %v", err)
		}
		a, b := lead(t, s), openCatalog(t, Options{Store: s})
		defer a.Close()
		defer b.Close()
		must(a.CreateGroup(ctx, named("x")))
		if epoch := must(b.Lead(ctx, 2)); epoch != 2 {
			t.Errorf("epoch %d", epoch)
		}
		// b saw all of a's writes when it began to lead.
		if _, err := b.View().Group("x"); err != nil {
			t.Error(err)
		}
		_, err = a.CreateGroup(ctx, named("y"))
		if !errors.Is(err, ErrNotLeader) {
			t.Errorf("the fenced leader: %v", err)
		}
		g := must(b.CreateGroup(ctx, named("y")))
		// Everybody learns it; and ensuring what exists needs no leader.
		v := must(reader.Wait(ctx, g.Revision))
		if v.Leader().Node != 2 || v.Leader().Epoch != 2 {
			t.Errorf("leader %+v", v.Leader())
		}
		if again, err := reader.EnsureGroup(ctx, named("y")); err != nil || again != g {
			t.Errorf("ensured %+v, %v", again, err)
		}
		if epoch := must(a.Lead(ctx, 1)); epoch != 3 {
			t.Errorf("epoch %d", epoch)
		}
		must(a.CreateGroup(ctx, named("z")))
	})
}

// TestFencedWriteInFlight loses the leadership between plan and transaction.
func TestFencedWriteInFlight(t *testing.T) {
	s := NewMemStore()
	defer mustClose(t, s)
	slow := &hookStore{Store: s}
	a, b := lead(t, slow), openCatalog(t, Options{Store: s})
	defer a.Close()
	defer b.Close()
	slow.beforeTxn = func() {
		slow.beforeTxn = nil
		must(b.Lead(t.Context(), 2))
	}
	_, err := a.CreateGroup(t.Context(), named("x"))
	if !errors.Is(err, ErrNotLeader) {
		t.Errorf("got %v", err)
	}
	if _, err := b.View().Group("x"); base.ClassOf(err) != base.ClassNotFound {
		t.Errorf("a fenced write happened: %v", err)
	}
}

func TestConcurrentWritersOfOneCatalog(t *testing.T) {
	eachCatalog(t, func(t *testing.T, c *Catalog) {
		ctx := t.Context()
		must(c.CreateGroup(ctx, named("a")))
		const writers, each = 4, 25
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					name := fmt.Sprintf("r%d", i) // all writers ensure the same names
					if w == 0 {
						name = fmt.Sprintf("own%d", i)
					}
					if _, err := c.EnsureResource(ctx, "a", catalog.Resource{Name: name}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		list := c.View().Resources(1)
		ids := map[base.ResourceID]bool{}
		for _, r := range list {
			ids[r.ID] = true
		}
		if len(list) != 2*each || len(ids) != 2*each {
			t.Errorf("%d resources with %d IDs", len(list), len(ids))
		}
	})
}

func TestReopenSeesTheSame(t *testing.T) {
	eachStore(t, func(t *testing.T, s compacter) {
		c := lead(t, s)
		ctx := t.Context()
		for i := range 5 {
			name := fmt.Sprint("g", i)
			must(c.CreateGroup(ctx, named(name)))
			must(c.CreateResource(ctx, name, catalog.Resource{Name: "r"}))
		}
		if err := c.DeleteResource(ctx, "g3", "r"); err != nil {
			t.Fatal(err)
		}
		before := c.View()
		c.Close()
		again := openCatalog(t, Options{Store: s})
		defer again.Close()
		if diff := cmp.Diff(dump(before), dump(again.View())); diff != "" {
			t.Error(diff)
		}
	})
}

// dump is everything a view shows.
func dump(v *View) map[string]any {
	d := map[string]any{
		"revision": v.Revision(), "leader": v.Leader(), "nodes": v.Nodes(), "replication": v.ReplicationGroups(), "groups": v.Groups(),
	}
	for _, g := range v.Groups() {
		d["resources of "+g.Name] = v.Resources(g.ID)
		d["tablets of "+g.Name] = must(v.TabletMap(g.ID)).AppendTablets(nil)
	}
	for s := Space(1); s < spaceEnd; s++ {
		d["next "+s.String()] = v.counters[s].Next
	}
	return d
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewMemStore()
		defer mustClose(t, s)
		c := lead(t, s)
		rev := c.View().Revision()
		var got *View
		var wg sync.WaitGroup
		wg.Go(func() { got = must(c.Wait(t.Context(), rev+1)) })
		synctest.Wait()
		must(c.CreateGroup(t.Context(), named("a")))
		wg.Wait()
		if _, err := got.Group("a"); err != nil {
			t.Error(err)
		}
		var closed error
		wg.Go(func() { _, closed = c.Wait(t.Context(), 1<<60) })
		synctest.Wait()
		c.Close()
		wg.Wait()
		if !errors.Is(closed, ErrClosed) {
			t.Errorf("waiting on a closed catalog: %v", closed)
		}
		if _, err := c.View().Group("a"); err != nil {
			t.Errorf("the last view is gone: %v", err)
		}
	})
}

func TestAllocateIDs(t *testing.T) {
	eachCatalog(t, func(t *testing.T, c *Catalog) {
		a := must(c.AllocateIDs(t.Context(), SpaceTablets, 10))
		b := must(c.AllocateIDs(t.Context(), SpaceTablets, 1))
		if a != 1 || b != 11 {
			t.Errorf("allocated from %d and %d", a, b)
		}
		_, err := c.AllocateIDs(t.Context(), SpaceResources, 1<<32)
		wantClass(t, err, base.ClassTooLarge, "resource IDs are used up")
		_, err = c.AllocateIDs(t.Context(), spaceEnd, 1)
		wantClass(t, err, base.ClassBug)
		if next := must(c.AllocateIDs(t.Context(), SpaceResources, 1)); next != 1 {
			t.Errorf("a refused allocation took IDs up to %d", next)
		}
	})
}

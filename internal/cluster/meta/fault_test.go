package meta

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/catalog"
)

// hookStore lets a test step between the catalog and its store.
type hookStore struct {
	Store
	beforeTxn func()
	// txnErr is returned by Txn after the transaction happened.
	txnErr error
	// watchErrs is how often Watch fails at once.
	watchErrs atomic.Int32
	watchErr  error
}

func (h *hookStore) Txn(ctx context.Context, compares []Compare, ops []Op) (uint64, error) {
	if f := h.beforeTxn; f != nil {
		f()
	}
	rev, err := h.Store.Txn(ctx, compares, ops)
	if h.txnErr != nil {
		return 0, h.txnErr
	}
	return rev, err
}

func (h *hookStore) Watch(ctx context.Context, prefix string, after uint64, fn func(Change) error) error {
	if h.watchErrs.Add(-1) >= 0 {
		return h.watchErr
	}
	return h.Store.Watch(ctx, prefix, after, fn)
}

// TestOpenRefusesDamage flips one bit of every stored value in turn.
func TestOpenRefusesDamage(t *testing.T) {
	s := NewMemStore()
	defer mustClose(t, s)
	c := lead(t, s)
	must(c.CreateGroup(t.Context(), named("a")))
	must(c.CreateResource(t.Context(), "a", catalog.DefaultResource()))
	c.Close()
	entries, _ := mustList(t, s, keyRoot)
	if len(entries) < 10 {
		t.Fatalf("only %d keys", len(entries))
	}
	for _, e := range entries {
		for _, at := range []int{0, len(e.Value) / 2, len(e.Value) - 1} {
			damaged := bytes.Clone(e.Value)
			damaged[at] ^= 0x10
			mustTxn(t, s, nil, Op{e.Key, damaged})
			_, err := Open(t.Context(), Options{Store: s})
			if !base.IsCorruption(err) || !strings.Contains(err.Error(), e.Key) {
				t.Errorf("byte %d of %s: %v", at, e.Key, err)
			}
		}
		mustTxn(t, s, nil, Op{e.Key, e.Value})
	}
	openCatalog(t, Options{Store: s}).Close()
}

// TestOpenRefusesInconsistency stores sound values that contradict each other.
func TestOpenRefusesInconsistency(t *testing.T) {
	f := func(wants string, ops ...Op) {
		t.Helper()
		s := NewMemStore()
		defer mustClose(t, s)
		c := lead(t, s)
		must(c.CreateGroup(t.Context(), named("a")))
		must(c.CreateResource(t.Context(), "a", catalog.Resource{Name: "r"}))
		c.Close()
		mustTxn(t, s, nil, ops...)
		again, err := Open(t.Context(), Options{Store: s})
		if err == nil {
			again.Close()
		}
		if wants == "" && err == nil {
			return
		}
		if !base.IsCorruption(err) || !strings.Contains(err.Error(), wants) {
			t.Errorf("got %v, want %q", err, wants)
		}
	}
	sealed := func(key string, v any) Op { return Op{key, must(catalog.AppendValue(nil, key, v))} }
	twin := named("a")
	twin.ID = 2
	f("group 1 has the name \"a\" too", sealed(groupKey(2), twin))
	f("value is of ID 2", sealed(groupKey(3), twin))
	f("tablets of group 1 are missing", Op{Key: tabletsKey(1)})
	f("group is missing but has tablets", Op{Key: groupKey(1)})
	f("tablet map: no tablets", sealed(tabletsKey(1), []catalog.Tablet{}))
	f("value is of ID 9", sealed(tabletsKey(1), []catalog.Tablet{{ID: 1, Group: 9, ReplicationGroup: 1, Epoch: 1}}))
	f("resource 1 has the name \"r\" too", sealed(resourceKey(2), catalog.Resource{ID: 2, Group: 1, Name: "r"}))
	f("value is of ID 7", sealed(resourceKey(2), catalog.Resource{ID: 7, Group: 1, Name: "s"}))
	f("group is missing", sealed(resourceKey(2), catalog.Resource{ID: 2, Group: 5, Name: "s"}))
	f("value is of ID 9", sealed(nodeKey(1), Node{ID: 9}))
	f("value is of ID 9", sealed(replicationKey(1), ReplicationGroup{ID: 9}))
	for _, prefix := range []string{keyGroup, keyTablets, keyResource, keyReplication, keyNode} {
		for _, id := range []string{"1", "xxxxxxxx", "00000000", "0000000000000000"} {
			f("key does not end in", put(prefix+id, "x"))
		}
	}
	// What another release keeps beside is none of our business.
	f("", put(keyRoot+"procedure/1", "x"), put(keyNext+"procedure", "x"), put("pando/2/group/1", "x"))
}

// TestDamageStopsTheView damages a value under a running catalog.
func TestDamageStopsTheView(t *testing.T) {
	eachStore(t, func(t *testing.T, s compacter) {
		var log bytes.Buffer
		c := openCatalog(t, Options{Store: s, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		must(c.Lead(t.Context(), 1))
		before := c.View()
		rev := mustTxn(t, s, nil, put(groupKey(1), "garbage"))
		if _, err := c.Wait(t.Context(), rev); !base.IsCorruption(err) {
			t.Errorf("waiting for a damaged revision: %v", err)
		}
		if c.View() != before {
			t.Error("the view moved")
		}
		if _, err := c.AllocateIDs(t.Context(), SpaceTablets, 1); !base.IsCorruption(err) {
			t.Errorf("a write beside damage: %v", err)
		}
		if _, now := mustList(t, s, keyRoot); now != rev {
			t.Error("a write beside damage happened")
		}
		c.Close()
		if !strings.Contains(log.String(), "catalog stopped") || !strings.Contains(log.String(), groupKey(1)) {
			t.Errorf("logged %q", log.String())
		}
	})
}

func TestBrokenWatchIsBegunAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewMemStore()
		defer mustClose(t, s)
		writer := lead(t, s)
		defer writer.Close()
		h := &hookStore{Store: s, watchErr: base.Errorf(base.ClassUnavailable, "connection lost")}
		h.watchErrs.Store(3)
		c := openCatalog(t, Options{Store: h})
		defer c.Close()
		g := must(writer.CreateGroup(t.Context(), named("a")))
		if _, err := must(c.Wait(t.Context(), g.Revision)).Group("a"); err != nil {
			t.Error(err)
		}
	})
}

func TestCompactedWatchIsLoadedAnew(t *testing.T) {
	eachStore(t, func(t *testing.T, s compacter) {
		writer := lead(t, s)
		defer writer.Close()
		started := make(chan struct{})
		h := &lateStore{Store: s, start: started}
		c := openCatalog(t, Options{Store: h})
		defer c.Close()
		var g catalog.Group
		for i := range 3 {
			g = must(writer.CreateGroup(t.Context(), named(fmt.Sprint("g", i))))
		}
		if err := s.Compact(t.Context(), g.Revision-1); err != nil {
			t.Fatal(err)
		}
		close(started)
		if names := groupNames(must(c.Wait(t.Context(), g.Revision))); names != "g0 g1 g2" {
			t.Errorf("groups %s", names)
		}
	})
}

// lateStore begins its watches when told.
type lateStore struct {
	Store
	start chan struct{}
}

func (l *lateStore) Watch(ctx context.Context, prefix string, after uint64, fn func(Change) error) error {
	<-l.start
	return l.Store.Watch(ctx, prefix, after, fn)
}

// TestUnknownOutcome loses the answer of a transaction that happened.
func TestUnknownOutcome(t *testing.T) {
	eachStore(t, func(t *testing.T, s compacter) {
		h := &hookStore{Store: s}
		c := lead(t, h)
		defer c.Close()
		lost := base.Errorf(base.ClassUnavailable, "timed out")
		before := c.View().Revision()
		h.txnErr = lost
		if _, err := c.CreateGroup(t.Context(), named("a")); !errors.Is(err, lost) {
			t.Errorf("got %v", err)
		}
		h.txnErr = nil
		must(c.Wait(t.Context(), before+1)) // the watch tells
		g, err := c.EnsureGroup(t.Context(), named("a"))
		if err != nil || g.ID != 1 {
			t.Errorf("ensured %+v, %v", g, err)
		}
	})
}

// TestCancelledWriteIsSeenByTheNext cancels a write between its commit and its
// view; the next write must be planned behind it.
func TestCancelledWriteIsSeenByTheNext(t *testing.T) {
	s := NewMemStore()
	defer mustClose(t, s)
	lead(t, s).Close()
	start := make(chan struct{}, 1)
	c := openCatalog(t, Options{Store: &gateStore{Store: s, gate: start}})
	defer c.Close()
	// Lead waits for its view, so the gate opens for it once.
	start <- struct{}{}
	must(c.Lead(t.Context(), 1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.CreateGroup(ctx, named("a")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(start)
	if g, err := c.EnsureGroup(t.Context(), named("a")); err != nil || g.ID != 1 {
		t.Errorf("ensured %+v, %v", g, err)
	}
}

// gateStore passes one change of a watch for each value in the gate.
type gateStore struct {
	Store
	gate chan struct{}
}

func (g *gateStore) Watch(ctx context.Context, prefix string, after uint64, fn func(Change) error) error {
	return g.Store.Watch(ctx, prefix, after, func(c Change) error {
		select {
		case <-g.gate:
		case <-ctx.Done():
			return watchEnd(ctx)
		}
		return fn(c)
	})
}

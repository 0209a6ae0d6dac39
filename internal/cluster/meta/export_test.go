package meta

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/catalog"
)

// exampleView is a catalog with one group as a single node declares it.
func exampleView(t testing.TB) *View {
	t.Helper()
	c, err := Open(t.Context(), Options{Store: NewMemStore()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Lead(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	n, err := c.RegisterNode(t.Context(), Node{Identity: "0a1b", Address: "127.0.0.1:7070"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.EnsureReplicationGroups(t.Context(), 1, []base.NodeID{n.ID}); err != nil {
		t.Fatal(err)
	}
	g := catalog.DefaultGroup()
	g.ShardNum = 2
	if g, err = c.EnsureGroup(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	if _, err := c.EnsureResource(t.Context(), g.Name, catalog.DefaultResource()); err != nil {
		t.Fatal(err)
	}
	return c.View()
}

// TestExport gives the view back, equal in everything that readers ask for.
func TestExport(t *testing.T) {
	v := exampleView(t)
	data, err := v.AppendExport([]byte("before"))
	if err != nil {
		t.Fatal(err)
	}
	data = data[len("before"):]
	got, err := ParseExport("CATALOG", data)
	if err != nil {
		t.Fatal(err)
	}
	again, err := got.AppendExport(nil)
	if err != nil || !bytes.Equal(again, data) {
		t.Errorf("exported again: %q, %v", again, err)
	}
	g, err := got.Group(catalog.DefaultGroup().Name)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := got.TabletMap(g.ID); err != nil || m.Len() != 2 {
		t.Errorf("tablets: %v", err)
	}
	if _, err := got.Resource(g.Name, catalog.DefaultResource().Name); err != nil {
		t.Error(err)
	}
}

// TestExportGolden pins the bytes.
func TestExportGolden(t *testing.T) {
	data, err := exampleView(t).AppendExport(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%q %x %s", data[:8], data[8:20], data[20:]); got != exportGolden {
		t.Errorf("bytes changed:\n got %s\nwant %s", got, exportGolden)
	}
}

// TestExportDamage flips and cuts every byte.
func TestExportDamage(t *testing.T) {
	good, err := exampleView(t).AppendExport(nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x04
		if _, err := ParseExport("CATALOG", bad); !base.IsCorruption(err) {
			t.Fatalf("byte %d flipped: %v", i, err)
		}
		if _, err := ParseExport("CATALOG", good[:i]); !base.IsCorruption(err) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
}

func FuzzParseExport(f *testing.F) {
	f.Add([]byte(exportMagic))
	f.Add([]byte("PandoCat\x01\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00{}"))
	if good, err := exampleView(f).AppendExport(nil); err == nil {
		f.Add(good)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := ParseExport("x", data)
		if err != nil {
			return
		}
		if _, err := v.AppendExport(nil); err != nil {
			t.Fatal(err)
		}
	})
}

const exportGolden = `"PandoCat" 01000000fa010000057f70b9 {"revision":6,"nodes":[{"id":1,"identity":"0a1b","address":"127.0.0.1:7070"}],"replication_groups":[{"id":1,"replicas":[1]}],"groups":[{"group":{"id":1,"name":"default","kind":1,"shard_num":2,"segment_interval_nanos":86400000000000,"ttl_nanos":604800000000000,"replicas":1},"tablets":[{"id":1,"group":1,"start":null,"end":"gAAAAAAAAAA=","replication_group":1,"epoch":1},{"id":2,"group":1,"start":"gAAAAAAAAAA=","end":null,"replication_group":1,"epoch":1}],"resources":[{"id":1,"group":1,"name":"spans"}]}]}`

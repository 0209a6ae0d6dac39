package catalog

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/pandodb/pando/internal/base"
)

func TestValidateName(t *testing.T) {
	f := func(name string, ok bool) {
		t.Helper()
		err := ValidateName(name)
		if (err == nil) != ok {
			t.Errorf("ValidateName(%q) = %v", name, err)
		}
		if err != nil && base.ClassOf(err) != base.ClassInvalid {
			t.Errorf("ValidateName(%q): class %v", name, base.ClassOf(err))
		}
	}
	f("a", true)
	f("spans", true)
	f("Az09!-_.*'()", true)
	f("...", true)
	f(".hidden", true)
	f(strings.Repeat("x", MaxNameBytes), true)
	f("", false)
	f(".", false)
	f("..", false)
	f(strings.Repeat("x", MaxNameBytes+1), false)
	f("a/b", false)
	f(`a\b`, false)
	f("a b", false)
	f("a\x00", false)
	f("é", false)
	f("\xff", false)
}

func TestKind(t *testing.T) {
	for k, want := range map[Kind]string{1: "traces", 2: "metrics", 3: "streams", 4: "tables"} {
		if k.String() != want || !k.Valid() || k.Segmented() != (k != KindTables) {
			t.Errorf("kind %d is %q, valid %v, segmented %v", uint8(k), k, k.Valid(), k.Segmented())
		}
		if got, err := ParseKind(want); err != nil || got != k {
			t.Errorf("ParseKind(%q) = %v, %v", want, got, err)
		}
	}
	if _, err := ParseKind("logs"); base.ClassOf(err) != base.ClassInvalid {
		t.Errorf("ParseKind(logs) = %v", err)
	}
	if Kind(0).Valid() || Kind(5).Valid() || Kind(9).String() != "kind(9)" {
		t.Error("an undeclared kind passes")
	}
}

func TestGroupValidate(t *testing.T) {
	f := func(change func(*Group), wants ...string) {
		t.Helper()
		g := DefaultGroup()
		change(&g)
		err := g.Validate()
		if len(wants) == 0 {
			if err != nil {
				t.Errorf("%+v: %v", g, err)
			}
			return
		}
		if err == nil || base.ClassOf(err) != base.ClassInvalid {
			t.Errorf("%+v: %v of class %v", g, err, base.ClassOf(err))
			return
		}
		for _, want := range wants {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: %q lacks %q", g, err, want)
			}
		}
	}
	f(func(*Group) {})
	f(func(g *Group) { g.ShardNum, g.Replicas = MaxShards, MaxReplicas })
	f(func(g *Group) { g.TTL = 0 })
	f(func(g *Group) { g.TTL = g.SegmentInterval })
	f(func(g *Group) { g.Kind, g.SegmentInterval = KindTables, 0 })
	f(func(g *Group) { g.Kind = KindTables }, "tables have no segments")
	f(func(g *Group) { g.TTL = g.SegmentInterval - 1 }, "shorter than segment_interval")
	f(func(g *Group) { g.SegmentInterval = MinSegmentInterval - 1 }, "segment_interval")
	f(func(g *Group) { g.SegmentInterval = MaxSegmentInterval + 1 }, "segment_interval")
	f(func(g *Group) { g.TTL = MaxTTL + 1 }, "ttl")
	f(func(g *Group) { *g = Group{TTL: -1} },
		"name is empty", "kind 0", "shard_num 0", "replicas 0", "ttl -1ns")
	f(func(g *Group) {
		*g = Group{Name: "..", Kind: KindMetrics, ShardNum: MaxShards + 1, Replicas: MaxReplicas + 1}
	},
		"reserved", "shard_num 1025", "segment_interval 0s", "replicas 10")
}

func TestGroupValidateChange(t *testing.T) {
	g := DefaultGroup()
	f := func(change func(*Group), want base.Class, text string) {
		t.Helper()
		next := g
		change(&next)
		err := g.ValidateChange(next)
		if text == "" {
			if err != nil {
				t.Error(err)
			}
			return
		}
		if base.ClassOf(err) != want || !strings.Contains(err.Error(), text) {
			t.Errorf("got %v of class %v, want %q of class %v", err, base.ClassOf(err), text, want)
		}
	}
	f(func(n *Group) { n.TTL, n.Replicas = 30*24*time.Hour, 3 }, 0, "")
	f(func(n *Group) { n.Kind = KindStreams }, base.ClassConflict, "kind is fixed")
	f(func(n *Group) { n.ShardNum = 3 }, base.ClassConflict, "shard_num is fixed")
	f(func(n *Group) { n.Name = "other" }, base.ClassConflict, "name is fixed")
	f(func(n *Group) { n.SegmentInterval = time.Hour }, base.ClassConflict, "segment_interval is fixed")
	f(func(n *Group) { n.Replicas = 0 }, base.ClassInvalid, "replicas 0")
}

func TestResourceValidate(t *testing.T) {
	f := func(r Resource, want string) {
		t.Helper()
		err := r.Validate()
		if want == "" {
			if err != nil {
				t.Error(err)
			}
			return
		}
		if base.ClassOf(err) != base.ClassInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	f(DefaultResource(), "")
	f(Resource{Name: "a", Spec: json.RawMessage(`{"tags":["x"]}`)}, "")
	f(Resource{Name: "a/b"}, "forbidden character at byte 1")
	f(Resource{Name: "a", Spec: json.RawMessage(`{`)}, "not a JSON document")
	f(Resource{Spec: make(json.RawMessage, MaxSpecBytes+1)}, "the limit is 262144")
	f(Resource{Spec: make(json.RawMessage, MaxSpecBytes+1)}, "name is empty")
}

package catalog

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pandodb/pando/internal/base"
)

var rewrite = flag.Bool("rewrite", false, "rewrite golden files")

func mustAppend(t testing.TB, key string, v any) []byte {
	t.Helper()
	data, err := AppendValue(nil, key, v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestValueGolden(t *testing.T) {
	for name, v := range map[string]any{
		"group": Group{
			ID: 1, Name: "default", Kind: KindTraces, ShardNum: 2,
			SegmentInterval: 24 * time.Hour, TTL: 168 * time.Hour, Replicas: 1, Revision: 77,
		},
		"resource": Resource{ID: 3, Group: 1, Name: "it's", Spec: json.RawMessage(`{ "tags": ["<a>"] }`), Revision: 77},
		"tablets":  preSplitTablets(2),
	} {
		data := mustAppend(t, "test/"+name, v)
		path := filepath.Join("testdata", "value_"+name+".hex")
		if *rewrite {
			if err := os.WriteFile(path, []byte(hex.Dump(data)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), hex.Dump(data)); diff != "" {
			t.Errorf("%s: stored bytes changed (run with -rewrite if meant):\n%s", name, diff)
		}
	}
}

func TestValueRoundTrip(t *testing.T) {
	want := Resource{ID: 3, Group: 1, Name: "it's", Spec: json.RawMessage(`{"tags":["a"]}`)}
	data := mustAppend(t, "k", want)
	var got Resource
	if err := DecodeValue("k", data, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	clear(data)
	if got.Name != "it's" || string(got.Spec) != `{"tags":["a"]}` {
		t.Error("the decoded value keeps the stored bytes")
	}
	prefix := mustAppend(t, "k", want)
	if again, err := AppendValue([]byte("head"), "k", want); err != nil || !bytes.Equal(again, append([]byte("head"), prefix...)) {
		t.Errorf("appending behind other bytes changes the value: %q, %v", again, err)
	}
}

func TestValueDetectsEveryBitFlip(t *testing.T) {
	key := "pando/group/1"
	data := mustAppend(t, key, Group{ID: 1, Name: "default"})
	for bit := range len(data) * 8 {
		data[bit/8] ^= 1 << (bit % 8)
		var g Group
		if err := DecodeValue(key, data, &g); !base.IsCorruption(err) || !strings.Contains(err.Error(), key) {
			t.Fatalf("bit %d: %v", bit, err)
		}
		data[bit/8] ^= 1 << (bit % 8)
	}
	for n := range len(data) {
		var g Group
		if err := DecodeValue(key, data[:n], &g); !base.IsCorruption(err) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	var g Group
	if err := DecodeValue("pando/group/2", data, &g); !base.IsCorruption(err) {
		t.Errorf("a value under another key: %v", err)
	}
	if err := DecodeValue(key, append(data, 0), &g); !base.IsCorruption(err) {
		t.Errorf("a byte behind the value: %v", err)
	}
}

// sealed returns a value with a right checksum around any version and payload.
func sealed(key string, version byte, payload string) []byte {
	data := binary.LittleEndian.AppendUint32([]byte{version}, uint32(len(payload)))
	data = binary.LittleEndian.AppendUint32(data, valueChecksum(key, data, []byte(payload)))
	return append(data, payload...)
}

func TestValueOfAnotherRelease(t *testing.T) {
	f := func(data []byte, want base.Class) {
		t.Helper()
		var g Group
		if err := DecodeValue("k", data, &g); base.ClassOf(err) != want {
			t.Errorf("%q: %v of class %v, want %v", data, err, base.ClassOf(err), want)
		}
	}
	f(sealed("k", 2, `{}`), base.ClassUnavailable)
	f(sealed("k", 1, `{"new_field":1}`), base.ClassUnavailable)
	f(sealed("k", 1, `{"name":7}`), base.ClassUnavailable)
	f(sealed("k", 1, `{} {}`), base.ClassCorruption)
	f(sealed("k", 1, ``), base.ClassUnavailable)
}

func TestAppendValueRefuses(t *testing.T) {
	if _, err := AppendValue(nil, "k", make(chan int)); err == nil {
		t.Error("a channel was encoded")
	}
	if _, err := AppendValue(nil, "k", strings.Repeat("x", maxPayloadBytes)); base.ClassOf(err) != base.ClassTooLarge {
		t.Errorf("an oversized value: %v", err)
	}
}

func FuzzDecodeValue(f *testing.F) {
	f.Add("k", mustAppend(f, "k", Group{ID: 1, Name: "default"}))
	f.Add("k", sealed("k", 1, `{"spec":[[[[]]]]}`))
	f.Add("k", sealed("k", 1, `{"start":"gAAAAAAAAAA="}`))
	f.Add("", []byte{})
	f.Fuzz(func(t *testing.T, key string, data []byte) {
		// Damaged as it comes, and with its checksum repaired: the parser behind
		// the checksum must be as robust as the checksum.
		for _, d := range [][]byte{data, sealed(key, 1, string(data[:min(len(data), 1<<16)]))} {
			var r Resource
			err := DecodeValue(key, d, &r)
			if err != nil {
				if _, ok := errors.AsType[*base.Error](err); !ok {
					t.Fatalf("%v has no class", err)
				}
				continue
			}
			again, err := AppendValue(nil, key, r)
			if err != nil {
				t.Fatal(err)
			}
			var second Resource
			if err := DecodeValue(key, again, &second); err != nil {
				t.Fatal(err)
			}
			if final := mustAppend(t, key, second); !bytes.Equal(final, again) {
				t.Fatalf("not canonical: %q and %q", again, final)
			}
		}
	})
}

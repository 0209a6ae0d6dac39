package catalog

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pandodb/pando/internal/base"
)

// preSplitTablets returns the tablets a new group of shardNum shards has.
func preSplitTablets(shardNum int) []Tablet {
	var tablets []Tablet
	for i, r := range PreSplit(shardNum) {
		tablets = append(tablets, Tablet{
			ID: base.TabletID(i + 1), Group: 1, Start: r.Start, End: r.End, ReplicationGroup: 1, Epoch: 1,
		})
	}
	return tablets
}

func mustMap(t testing.TB, tablets []Tablet) *TabletMap {
	t.Helper()
	m, err := NewTabletMap(tablets)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPlacementKey(t *testing.T) {
	f := func(key string, want uint64) {
		t.Helper()
		if got := PlacementKey([]byte(key)); got != want {
			t.Errorf("PlacementKey(%q) = %x, want %x", key, got, want)
		}
	}
	f("", 0)
	f("\x00\x00\x00\x09", 0)
	f("\x00\x00\x00\x09\x01", 1<<56)
	f("\x00\x00\x00\x09\x01\x02\x03\x04\x05\x06\x07", 0x0102030405060700)
	f("\x00\x00\x00\x09\x01\x02\x03\x04\x05\x06\x07\x08", 0x0102030405060708)
	f("\x00\x00\x00\x09\x01\x02\x03\x04\x05\x06\x07\x08tail", 0x0102030405060708)
	f("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", math.MaxUint64)
}

func TestPlacementKeyIsMonotonicInsideResource(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	random := func() string {
		b := make([]byte, 4+rng.IntN(12))
		for i := range b[4:] {
			b[4+i] = byte(rng.IntN(3))
		}
		return string(b)
	}
	for range 10_000 {
		a, b := random(), random()
		if a > b {
			a, b = b, a
		}
		if PlacementKey([]byte(a)) > PlacementKey([]byte(b)) {
			t.Fatalf("%x < %x, but not their placement keys", a, b)
		}
	}
}

func TestPreSplit(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5, 16, 1000, MaxShards} {
		m := mustMap(t, preSplitTablets(n))
		if m.Len() != n {
			t.Fatalf("%d shards became %d tablets", n, m.Len())
		}
		least, most := uint64(math.MaxUint64), uint64(0)
		for i := range n {
			size := -m.At(i).first() // wraps: 2^64 - start
			if i+1 < n {
				size = m.At(i+1).first() - m.At(i).first()
			}
			least, most = min(least, size), max(most, size)
		}
		if n > 1 && most-least > 1 {
			t.Errorf("%d shards: sizes %d to %d", n, least, most)
		}
	}
	if got := fmt.Sprintf("%x", PreSplit(3)); got != "[{ 5555555555555555} {5555555555555555 aaaaaaaaaaaaaaaa} {aaaaaaaaaaaaaaaa }]" {
		t.Errorf("PreSplit(3) = %s", got)
	}
}

func TestPreSplitRefusesBadNumbers(t *testing.T) {
	for _, n := range []int{0, -1, MaxShards + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("PreSplit(%d) returned", n)
				}
			}()
			PreSplit(n)
		}()
	}
}

func TestTabletMapRefuses(t *testing.T) {
	f := func(shards int, change func([]Tablet) []Tablet, wants ...string) {
		t.Helper()
		m, err := NewTabletMap(change(preSplitTablets(shards)))
		if m != nil || base.ClassOf(err) != base.ClassInvalid {
			t.Errorf("got %v, %v of class %v", m, err, base.ClassOf(err))
			return
		}
		for _, want := range wants {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q lacks %q", err, want)
			}
		}
	}
	f(2, func([]Tablet) []Tablet { return nil }, "no tablets")
	f(4, func(ts []Tablet) []Tablet { return append(ts[:1], ts[2:]...) }, "tablet 1 ends at 4000000000000000 but tablet 3 starts at 8000000000000000")
	f(4, func(ts []Tablet) []Tablet { return ts[1:] }, "tablet 2 is first but starts at 4")
	f(4, func(ts []Tablet) []Tablet { return ts[:3] }, "tablet 3 is last but ends at c")
	f(4, func(ts []Tablet) []Tablet { ts[1].End = ts[2].End; return ts }, "tablet 2 ends at c")
	f(4, func(ts []Tablet) []Tablet { ts[0].End = nil; return ts }, "tablet 1")
	f(4, func(ts []Tablet) []Tablet { ts[2].Start = nil; return ts }, "tablet")
	f(2, func(ts []Tablet) []Tablet { ts[1].Start, ts[0].End = []byte("short"), []byte("short"); return ts }, "start has 5 bytes", "end has 5 bytes")
	f(2, func(ts []Tablet) []Tablet { ts[1].End = []byte{}; return ts }, "end has 0 bytes")
	f(2, func(ts []Tablet) []Tablet { ts[1].ID = 1; return ts }, "tablet 1 occurs twice")
	f(2, func(ts []Tablet) []Tablet { ts[1].Group = 7; return ts }, "tablet 2 is of group 7, tablet 1 of 1")
	f(2, func(ts []Tablet) []Tablet { ts[0] = Tablet{Group: 1, End: ts[0].End}; return ts },
		"id is zero", "replication group is zero", "epoch is zero")
	f(2, func(ts []Tablet) []Tablet {
		zero := make([]byte, PlacementBytes)
		return append(ts, Tablet{ID: 3, Group: 1, Start: zero, End: zero, ReplicationGroup: 1, Epoch: 1})
	}, "tablet")
}

func TestTabletMapLocateAgainstScan(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{1, 2, 3, 7, 64, MaxShards} {
		tablets := preSplitTablets(n)
		rng.Shuffle(n, func(i, j int) { tablets[i], tablets[j] = tablets[j], tablets[i] })
		m := mustMap(t, tablets)
		probe := func(p uint64) {
			t.Helper()
			var want *Tablet
			for i := range m.Len() {
				if m.At(i).Contains(p) {
					if want != nil {
						t.Fatalf("%d shards: tablets %d and %d hold %x", n, want.ID, m.At(i).ID, p)
					}
					want = m.At(i)
				}
			}
			if got := m.Locate(p); got != want || m.At(m.LocateIndex(p)) != want {
				t.Fatalf("%d shards: Locate(%x) = %v, want %v", n, p, got, want)
			}
		}
		for range 200 {
			probe(rng.Uint64())
		}
		for i := range m.Len() {
			start := m.At(i).first()
			probe(start)
			probe(start - 1)
			probe(start + 1)
		}
	}
}

func TestTabletMapKeepsItsOwnCopy(t *testing.T) {
	tablets := preSplitTablets(2)
	m := mustMap(t, tablets)
	tablets[0].ID = 99
	out := m.AppendTablets(nil)
	out[1].ID = 98
	if m.At(0).ID != 1 || m.At(1).ID != 2 || m.Find(2) != m.At(1) || m.Find(99) != nil || m.Group() != 1 {
		t.Errorf("the map follows its callers' slices: %+v", m.tablets)
	}
}

func FuzzTabletMap(f *testing.F) {
	f.Add([]byte{}, uint64(0))
	f.Add([]byte("\x80\x00\x00\x00\x00\x00\x00\x00"), uint64(1)<<63)
	f.Add([]byte("\x80\x00\x00\x00\x00\x00\x00\x00\x40\x00\x00\x00\x00\x00\x00\x00"), uint64(7))
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x00"), uint64(7))
	f.Fuzz(func(t *testing.T, bounds []byte, placement uint64) {
		// Cut the space at each bound in the order given: most are refused.
		tablets := []Tablet{{ID: 1, Group: 1, ReplicationGroup: 1, Epoch: 1}}
		for ; len(bounds) >= PlacementBytes; bounds = bounds[PlacementBytes:] {
			last := &tablets[len(tablets)-1]
			last.End = bounds[:PlacementBytes]
			next := *last
			next.ID, next.Start, next.End = last.ID+1, last.End, nil
			tablets = append(tablets, next)
		}
		m, err := NewTabletMap(tablets)
		if err != nil {
			return
		}
		got := m.Locate(placement)
		for i := range m.Len() {
			if m.At(i).Contains(placement) != (m.At(i) == got) {
				t.Fatalf("Locate(%x) = %d, but %d disagrees", placement, got.ID, m.At(i).ID)
			}
		}
	})
}

func BenchmarkTabletMapLocate(b *testing.B) {
	for _, n := range []int{2, 16, 256} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m := mustMap(b, preSplitTablets(n))
			keys := make([][]byte, 1024)
			rng := rand.New(rand.NewPCG(5, 6))
			for i := range keys {
				keys[i] = binary.BigEndian.AppendUint64(make([]byte, 4, 12), rng.Uint64())
			}
			b.ReportAllocs()
			sum := 0
			for i := 0; b.Loop(); i++ {
				sum += m.LocateIndex(PlacementKey(keys[i&1023]))
			}
			_ = sum
		})
	}
}

package node

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pandodb/pando/internal/base"
)

// TestPurge: acknowledged is gone for good, over a power cut, and what is written
// after stays.
func TestPurge(t *testing.T) {
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 3))
		m := newMachine(t, 2)
		m.start()
		for tablet := range 2 {
			if err := m.write(base.TabletID(tablet+1), 50); err != nil {
				t.Fatal(err)
			}
		}
		if seed%2 == 0 {
			if err := m.node.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.node.Purge(t.Context(), 1, 2); err != nil {
			t.Fatal(err)
		}
		if n := m.rows(); n != 0 {
			t.Fatalf("seed %d: %d rows after a purge", seed, n)
		}
		if err := m.write(1, 5); err != nil {
			t.Fatal(err)
		}
		left := m.rows()
		m.crash(r)
		m.start()
		if n := m.rows(); n != left || n == 0 {
			t.Fatalf("seed %d: %d rows after a crash, want %d", seed, n, left)
		}
		if err := m.node.Purge(t.Context(), 9); base.ClassOf(err) != base.ClassUnavailable {
			t.Errorf("purge of a tablet that is not here: %v", err)
		}
		m.stop()
	}
}

// TestPurgeCommand reads back what it writes, and refuses what is cut short.
func TestPurgeCommand(t *testing.T) {
	wire := appendPurge(nil, []TabletBatch{{Tablet: 1}, {Tablet: 300}})
	if want := []byte{2, 2, 1, 0xac, 2}; !slices.Equal(wire, want) {
		t.Errorf("bytes % x, want % x", wire, want)
	}
	got, err := decodeCommand(wire)
	if err != nil || len(got) != 2 || got[0] != (TabletBatch{Tablet: 1}) || got[1] != (TabletBatch{Tablet: 300}) {
		t.Errorf("%+v, %v", got, err)
	}
	for n := range wire {
		if _, err := decodeCommand(wire[:n]); !base.IsCorruption(err) {
			t.Errorf("the first %d bytes: %v", n, err)
		}
	}
}

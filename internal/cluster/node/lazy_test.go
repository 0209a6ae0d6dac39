package node

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestLazySync: with syncs that lag, a power cut may take the newest writes, but
// never what is in parts, and nothing that is written after the restart.
func TestLazySync(t *testing.T) {
	lost := false
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 11))
		m := newMachine(t, 2)
		m.opts.SyncEvery = time.Hour
		m.start()
		write := func(n int) {
			t.Helper()
			for range n {
				if err := m.write(1, 20); err != nil {
					t.Fatal(err)
				}
			}
		}
		write(1 + r.IntN(10))
		if err := m.node.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		inParts := m.rows()
		write(r.IntN(5))
		before := m.rows()
		m.crash(r)
		m.start()
		after := m.rows()
		if after < inParts || after > before {
			t.Fatalf("seed %d: %d rows after the power cut, %d were in parts and %d written", seed, after, inParts, before)
		}
		lost = lost || after < before
		write(3)
		m.stop()
		m.start()
		if got := m.rows(); got != after+3 {
			t.Fatalf("seed %d: %d rows after 3 more and a restart, want %d", seed, got, after+3)
		}
		m.stop()
	}
	if !lost {
		t.Error("no power cut took anything: the syncs do not lag, and the test tests nothing")
	}
}

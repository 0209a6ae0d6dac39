package columnar

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// rowsLeft counts the rows that a scan sees.
func (h *harness) rowsLeft() (rows int) {
	h.t.Helper()
	v, err := h.tablet.View()
	if err != nil {
		h.t.Fatal(err)
	}
	defer v.Close()
	err = v.Scan(h.t.Context(), &ScanRequest{Time: base.AllTime}, func(b *column.Batch) error {
		rows += b.Rows
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return rows
}

func (h *harness) purge() {
	h.log = append(h.log, &column.Batch{}) // takes its place; replay skips it
	h.tablet.Purge(base.Position{Term: 1, Index: uint64(len(h.log))})
	h.twin.rows = nil
	if err := h.tablet.Err(); err != nil {
		h.t.Fatalf("seed %d: purge: %v", h.seed, err)
	}
}

// TestPurge drops rows in memtables and parts, keeps a view taken before, keeps
// what comes after, and survives power cuts at any moment.
func TestPurge(t *testing.T) {
	for seed := range uint64(60) {
		h := newHarness(t, seed, column.KeepAll)
		h.close()
		mem := vfs.NewCrashableMem()
		h.fs = mem
		h.open()
		for range 1 + h.r.IntN(4) {
			h.apply(40)
			if h.r.IntN(2) == 0 {
				if err := h.tablet.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		before, err := h.tablet.View()
		if err != nil {
			t.Fatal(err)
		}
		h.purge()
		if n := h.rowsLeft(); n != 0 {
			t.Fatalf("seed %d: %d rows after the purge", seed, n)
		}
		seen := 0
		err = before.Scan(t.Context(), &ScanRequest{Time: base.AllTime}, func(b *column.Batch) error {
			seen += b.Rows
			return nil
		})
		if before.Close(); err != nil || seen == 0 {
			t.Fatalf("seed %d: a view from before sees %d rows, %v", seed, seen, err)
		}
		after := h.r.IntN(50)
		if after > 0 {
			h.apply(after)
		}
		if h.r.IntN(2) == 0 {
			if err := h.tablet.Compact(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		clone := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: h.r.IntN(101), RNG: h.r})
		h.close()
		h.fs = clone
		h.open()
		if n := h.rowsLeft(); n != after {
			t.Fatalf("seed %d: %d rows after a crash, want %d", seed, n, after)
		}
		h.close()
	}
}

// TestPurgeDuringFlushAndMerge: whatever they carry when a purge overtakes them,
// none of it comes back.
func TestPurgeDuringFlushAndMerge(t *testing.T) {
	for seed := range uint64(40) {
		h := newHarness(t, seed, column.KeepAll)
		for range 6 {
			h.apply(60)
			h.tablet.Seal() // flushed and merged in the background
		}
		h.purge()
		h.apply(7)
		if err := h.tablet.Compact(t.Context()); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if n := h.rowsLeft(); n != 7 {
			t.Fatalf("seed %d: %d rows, want the 7 that came after", seed, n)
		}
		h.close()
	}
}

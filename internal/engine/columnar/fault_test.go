package columnar

import (
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// TestErrorAtEveryCall fails the n-th I/O call of a workload of flushes, merges
// and a reopen, for n = 0, 1, … until none is left. Nothing acknowledged may be
// lost: what the manifest lacks comes back from the log.
func TestErrorAtEveryCall(t *testing.T) {
	for n := int64(0); ; n++ {
		h := newHarness(t, 12, column.DropExact)
		h.close()
		mem := vfs.NewCrashableMem()
		var calls atomic.Int64
		calls.Store(-1)
		h.fs = errorfs.Wrap(mem, errorfs.InjectorFunc(func(errorfs.Op) error {
			if calls.Add(1) == n {
				return errorfs.ErrInjected
			}
			return nil
		}))
		h.log, h.twin.rows = nil, nil
		err := h.faultyWork(t)
		if err != nil && !errors.Is(err, errorfs.ErrInjected) && base.ClassOf(err) != base.ClassUnavailable {
			t.Fatalf("call %d: %v", n, err)
		}
		h.fs = mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(uint64(n), 5))})
		h.opts.FS = h.fs
		h.open()
		view, err := h.tablet.View()
		if err != nil {
			t.Fatal(err)
		}
		h.checkScan(t.Context(), view, h.twin.live())
		view.Close()
		h.close()
		if calls.Load() < n {
			if n < 50 {
				t.Fatalf("only %d calls: the workload tests nothing", n)
			}
			return
		}
	}
}

// faultyWork applies, flushes, merges and reopens; it stops at the first error.
// Rows count as acknowledged once they are in h.log, whatever happens here.
func (h *harness) faultyWork(t *testing.T) error {
	h.opts.FS = h.fs
	open := func() error {
		tablet, err := Open(h.opts)
		if err != nil {
			return err
		}
		h.tablet = tablet
		for i := tablet.FlushedIndex(); i < uint64(len(h.log)); i++ {
			tablet.Apply(base.Position{Term: 1, Index: i + 1}, h.log[i])
		}
		return nil
	}
	if err := open(); err != nil {
		return err
	}
	for range 2 {
		for range 2 {
			h.apply(12)
			if err := h.tablet.Flush(t.Context()); err != nil {
				return errors.Join(err, h.tablet.Close())
			}
		}
		if err := h.tablet.Compact(t.Context()); err != nil {
			return errors.Join(err, h.tablet.Close())
		}
	}
	if err := h.tablet.Close(); err != nil {
		return err
	}
	if err := open(); err != nil {
		return err
	}
	return h.tablet.Close()
}

// TestDamageIsNeverServed flips one byte of a part's file. Whatever reads it
// either gets the right answer or a corruption error; after that the part is
// aside, answers go on without it and say so.
func TestDamageIsNeverServed(t *testing.T) {
	found := 0
	for seed := range uint64(120) {
		h := newHarness(t, 2*seed+1, column.DropExact) // odd: no cache
		h.apply(150)
		if err := h.tablet.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.close()
		path := flipByte(t, h.fs, h.opts.Dir, h.r)
		tablet, err := Open(h.opts)
		if err != nil {
			t.Fatalf("seed %d: %s: a damaged part must not stop the tablet: %v", seed, path, err)
		}
		h.tablet = tablet
		if h.tablet.Stats().Quarantined == 0 && !h.answersOrFails(t) {
			h.close()
			continue // the flip hit bytes this query does not read, or spare ones
		}
		found++
		if h.tablet.Stats().Quarantined == 0 {
			t.Fatalf("seed %d: %s: damage was reported but the part is still live", seed, path)
		}
		view, err := h.tablet.View()
		if err != nil {
			t.Fatal(err)
		}
		if len(view.Quarantined()) == 0 {
			t.Errorf("seed %d: answers do not say that they are partial", seed)
		}
		if err := view.Scan(t.Context(), &ScanRequest{Time: base.AllTime}, func(*column.Batch) error { return nil }); err != nil {
			t.Errorf("seed %d: %s: after quarantine: %v", seed, path, err)
		}
		view.Close()
		h.close()
	}
	if found < 60 {
		t.Errorf("only %d of 120 flips were noticed", found)
	}
}

// answersOrFails scans everything and reports whether damage was found. A wrong
// answer without an error fails the test.
func (h *harness) answersOrFails(t *testing.T) bool {
	view, err := h.tablet.View()
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	var got []twinRow
	err = view.Scan(t.Context(), &ScanRequest{Time: base.AllTime}, func(b *column.Batch) error {
		got = append(got, rowsOf(b)...)
		return nil
	})
	if err == nil {
		h.compare("scan of a damaged tablet", got, h.twin.live())
		live := h.twin.live()
		_, err = view.TopKeys(t.Context(), &TopRequest{Filter: Expr{Op: OpEqual, Col: colUser, Value: live[0].cols[colName]}, Time: base.AllTime, Limit: 1})
	}
	if err != nil && !base.IsCorruption(err) {
		t.Fatalf("damage gave an error of another class: %v", err)
	}
	return err != nil
}

// flipByte flips one bit of a random file of a part.
func flipByte(t *testing.T, fs vfs.FS, dir string, r *rand.Rand) string {
	t.Helper()
	var files []string
	var walk func(dir string)
	walk = func(dir string) {
		names, err := fs.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			p := fs.PathJoin(dir, n)
			switch {
			case isDir(fs, p):
				walk(p)
			case !strings.HasSuffix(n, ".snp"):
				files = append(files, p)
			}
		}
	}
	walk(dir)
	path := files[r.IntN(len(files))]
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	data[r.IntN(len(data))] ^= 1 << r.IntN(8)
	w, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Sync(), w.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

package columnar

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// committed returns the harness's log as a follower is given it, from index on.
func (h *harness) committed(index uint64) []Committed {
	var out []Committed
	for i := index; i <= uint64(len(h.log)); i++ {
		c := Committed{Pos: base.Position{Term: 1, Index: i}, Batch: h.log[i-1]}
		if c.Batch.Rows == 0 {
			c.Batch = nil // see harness.purge
		}
		out = append(out, c)
	}
	return out
}

// follow returns a follower that fails the test when it writes.
func (h *harness) follow() *Follower {
	h.t.Helper()
	opts := h.opts
	opts.FS = errorfs.Wrap(h.fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			h.t.Errorf("a follower writes: %v", op)
			return errorfs.ErrInjected
		}
		return nil
	}))
	f, err := Follow(opts)
	if err != nil {
		h.t.Fatal(err)
	}
	return f
}

// through lets check ask the follower instead of the tablet.
func (h *harness) through(f *Follower, check func()) {
	own := h.tablet
	h.tablet = f.Tablet()
	check()
	h.tablet = own
}

// TestFollower compares a follower with the model after every step of its owner,
// whose flushes and merges go on in the background meanwhile. It is given the
// whole log, or what the manifest lacked when the log was read.
func TestFollower(t *testing.T) {
	for seed := range uint64(60) {
		h := newHarness(t, seed, []column.Rule{column.DropExact, column.KeepAll, column.NewestWins}[seed%3])
		f := h.follow()
		covered := uint64(0)
		for range 25 {
			switch h.r.IntN(6) {
			case 0:
				h.purge()
			case 1:
				h.apply(30)
				h.tablet.Seal()
			default:
				h.step(t.Context())
			}
			if h.r.IntN(3) == 0 {
				continue
			}
			from := covered
			if h.r.IntN(2) == 0 {
				from = max(from, min(h.tablet.SafeIndex(), uint64(len(h.log)))) // the log was compacted
			}
			var err error
			if covered, err = f.Refresh(h.committed(from+1), covered); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			h.through(f, func() { h.check(t.Context()) })
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		h.close()
	}
}

// missingFS lists no snapshot for some time, as a directory may while one replaces
// another.
type missingFS struct {
	vfs.FS
	times int
}

func (m *missingFS) List(dir string) ([]string, error) {
	names, err := m.FS.List(dir)
	if m.times--; m.times >= 0 {
		names = slices.DeleteFunc(names, func(n string) bool { return strings.HasSuffix(n, ".snp") })
	}
	return names, err
}

// TestFollowerMissesSnapshots: a tablet that had a snapshot is not empty because
// none is listed.
func TestFollowerMissesSnapshots(t *testing.T) {
	h := newHarness(t, 3, column.KeepAll)
	h.apply(50)
	if err := h.tablet.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	fs := &missingFS{FS: h.fs}
	opts := h.opts
	opts.FS = fs
	f, err := Follow(opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, times := range []int{0, 1, 3, reloads} {
		fs.times = times
		if _, err := f.Refresh(nil, 0); (err != nil) != (times == reloads) {
			t.Fatalf("missed %d times: %v", times, err)
		}
		h.through(f, func() { h.check(t.Context()) })
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	h.close()
}

// TestFollowerOfBusyTablet refreshes and reads while the owner flushes and merges
// as fast as it can: whole batches, and all that were applied before.
func TestFollowerOfBusyTablet(t *testing.T) {
	h := newHarness(t, 7, column.KeepAll)
	h.close()
	h.opts.MemtableBytes, h.opts.WideRows = 1, 60
	h.open()
	f := h.follow()
	var mu sync.Mutex // of h.log
	var done sync.WaitGroup
	done.Go(func() {
		for range 400 {
			mu.Lock()
			h.apply(8)
			mu.Unlock()
		}
	})
	for rows := 0; rows < 400*8; {
		mu.Lock()
		log := h.committed(1)
		mu.Unlock()
		if _, err := f.Refresh(log, 0); err != nil {
			t.Fatal(err)
		}
		reader := &harness{t: t, tablet: f.Tablet()}
		if rows = reader.rowsLeft(); rows < len(log)*8 || rows%8 != 0 {
			t.Fatalf("%d rows, at least %d were applied", rows, len(log)*8)
		}
	}
	done.Wait()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	h.close()
}

// TestFollowerOfDamage answers without a damaged part and says so, before and
// after the owner has set it aside; what the owner is not told stays where it is.
func TestFollowerOfDamage(t *testing.T) {
	h := newHarness(t, 3, column.KeepAll)
	for range 2 {
		h.apply(50)
		if err := h.tablet.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	f := h.follow()
	var victim string
	if _, err := f.Refresh(nil, 1<<40); !errors.Is(err, ErrLogTooShort) {
		t.Errorf("a log that begins too late: %v", err)
	}
	for _, g := range h.tablet.mu.cur.snap.Segments {
		victim = h.fs.PathJoin(h.tablet.partDir(g.Start, g.Parts[0].ID), "metadata.json")
		break
	}
	data := readFile(t, h.fs, victim)
	writeWhole(t, h.fs, victim, "{")
	if _, err := f.Refresh(nil, 0); err != nil {
		t.Fatal(err)
	}
	if n := len(f.Tablet().Quarantined()); n != 1 {
		t.Errorf("%d parts are missing, want 1", n)
	}
	if n := len(h.tablet.Quarantined()); n != 0 {
		t.Errorf("the owner has set %d parts aside", n)
	}
	h.through(f, func() {
		if n := h.rowsLeft(); n == 0 || n >= 100 {
			t.Errorf("%d rows without the damaged part", n)
		}
	})
	if err := f.Tablet().Flush(t.Context()); base.ClassOf(err) != base.ClassConflict {
		t.Errorf("flush of another's tablet: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	writeWhole(t, h.fs, victim, data)
	f = h.follow()
	if _, err := f.Refresh(nil, 0); err != nil || len(f.Tablet().Quarantined()) != 0 {
		t.Errorf("after the repair: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	h.close()
}

// TestFollowerOfNothing shows an empty tablet before its directory is made, and
// names a damaged manifest.
func TestFollowerOfNothing(t *testing.T) {
	h := newHarness(t, 4, column.KeepAll)
	h.close()
	h.opts.Dir = "tablets/later"
	f := h.follow()
	if _, err := f.Refresh(nil, 0); err != nil {
		t.Fatal(err)
	}
	h.log = nil
	h.open()
	h.apply(5)
	if _, err := f.Refresh(h.committed(1), 0); err != nil {
		t.Fatal(err)
	}
	h.through(f, func() {
		if n := h.rowsLeft(); n != 5 {
			t.Errorf("%d rows, want 5", n)
		}
	})
	writeWhole(t, h.fs, "tablets/later/00000000000000ff.snp", "PNMF")
	if _, err := f.Refresh(nil, 0); !base.IsCorruption(err) || !strings.Contains(err.Error(), "00000000000000ff.snp") {
		t.Errorf("a damaged manifest: %v", err)
	}
	h.through(f, func() {
		if n := h.rowsLeft(); n != 5 {
			t.Errorf("%d rows after a failed refresh, want those of before", n)
		}
	})
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	h.close()
}

func readFile(t *testing.T, fs vfs.FS, path string) string {
	t.Helper()
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, info.Size())
	if _, err := f.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func writeWhole(t *testing.T, fs vfs.FS, path, data string) {
	t.Helper()
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(data)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

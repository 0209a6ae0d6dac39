package columnar

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/manifest"
)

// openRepaired opens the harness's tablet with Repair and replays the log behind
// an index.
func (h *harness) openRepaired(after uint64) (told []Rebuilt) {
	h.t.Helper()
	o := h.opts
	o.FS, o.Repair, o.Aside = h.fs, true, "damaged/tablet-1"
	o.OnRebuilt = func(r Rebuilt) { told = append(told, r) }
	var err error
	if h.tablet, err = Open(o); err != nil {
		h.t.Fatalf("seed %d: open with repair: %v", h.seed, err)
	}
	for i := after; i < uint64(len(h.log)); i++ {
		pos := base.Position{Term: 1, Index: i + 1}
		if h.log[i].Rows == 0 {
			h.tablet.Purge(pos)
		}
		h.tablet.Apply(pos, h.log[i])
	}
	return told
}

// harmManifest damages what says which parts are live.
func harmManifest(t *testing.T, fs vfs.FS, r *rand.Rand) (what, path string) {
	t.Helper()
	epoch, err := manifest.Newest(fs, "tablets/1")
	if err != nil || epoch == 0 {
		t.Fatalf("epoch %d, %v", epoch, err)
	}
	names, _ := fs.List("tablets/1")
	slices.Sort(names)
	names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasSuffix(n, ".snp") })
	path = fs.PathJoin("tablets/1", names[len(names)-1])
	data := readFile(t, fs, path)
	at := r.IntN(len(data))
	switch r.IntN(4) {
	case 0:
		for _, n := range names { // an older one would be believed
			if err := fs.Remove(fs.PathJoin("tablets/1", n)); err != nil {
				t.Fatal(err)
			}
		}
		return "removed", path
	case 1:
		writeWhole(t, fs, path, data[:at])
		return "cut", path
	case 2:
		writeWhole(t, fs, "tablets/1/zz.snp", "no manifest")
		return "strange", "tablets/1/zz.snp"
	default:
		b := []byte(data)
		b[at] ^= 0x20
		writeWhole(t, fs, path, string(b))
		return "flipped", path
	}
}

// TestRebuild loses the manifest after a power cut: parts and what the log still
// has, the rows behind the last flush, make every row again, once; also after the
// next crash.
func TestRebuild(t *testing.T) {
	rebuilt := 0
	for seed := range uint64(80) {
		h := newHarness(t, seed, []column.Rule{column.DropExact, column.NewestWins}[seed%2])
		h.close()
		mem := vfs.NewCrashableMem()
		h.fs, h.log, h.twin.rows = mem, nil, nil
		h.open()
		h.apply(20)
		if err := h.tablet.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 12 {
			h.step(t.Context())
		}
		flushed := h.tablet.FlushedIndex()
		clone := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: h.r.IntN(101), RNG: h.r})
		h.close()
		h.fs = clone
		what, path := harmManifest(t, clone, h.r)
		if what != "removed" {
			o := h.opts
			o.FS = clone
			if _, err := Open(o); !base.IsCorruption(err) {
				t.Fatalf("seed %d: manifest %s: %v", seed, what, err)
			}
		}
		told := h.openRepaired(flushed)
		for _, r := range told {
			rebuilt++
			if what != "removed" && (!base.IsCorruption(r.Why) || len(r.Aside) == 0) {
				t.Errorf("seed %d: manifest %s: told of %+v", seed, what, r)
			}
		}
		if what != "removed" {
			readFile(t, clone, "damaged/tablet-1/"+clone.PathBase(path))
		}
		h.check(t.Context())
		if err := h.tablet.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.apply(10)
		h.check(t.Context())
		again := clone.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: h.r.IntN(101), RNG: h.r})
		h.close()
		h.fs = again
		h.open()
		h.check(t.Context())
		h.close()
	}
	if rebuilt < 60 {
		t.Errorf("%d manifests were rebuilt", rebuilt)
	}
}

// TestRebuildAfterPurge: the log says what a purge took; nothing of it is back.
func TestRebuildAfterPurge(t *testing.T) {
	h := newHarness(t, 2, column.DropExact)
	h.apply(30)
	if err := h.tablet.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.purge()
	h.apply(9)
	if err := h.tablet.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.close()
	harmManifest(t, h.fs, rand.New(rand.NewPCG(1, 1)))
	h.openRepaired(0)
	h.check(t.Context())
	h.close()
}

// TestRebuildOfDamagedParts sets aside the parts that cannot be opened, names those
// that had been before, and uses none of their numbers again.
func TestRebuildOfDamagedParts(t *testing.T) {
	h := newHarness(t, 6, column.DropExact)
	for range 3 {
		h.apply(40)
		if err := h.tablet.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var live []manifest.Part
	var dirs []string
	for _, g := range h.tablet.mu.cur.snap.Segments {
		for _, p := range g.Parts {
			live, dirs = append(live, p), append(dirs, h.tablet.partDir(g.Start, p.ID))
		}
	}
	if err := h.tablet.quarantine(live[0].ID, base.Corruptionf("x", 1, "test")); err != nil {
		t.Fatal(err)
	}
	next := h.tablet.mu.nextPart
	h.close()
	writeWhole(t, h.fs, dirs[1]+"/meta.bin", "nonsense")
	harmManifest(t, h.fs, rand.New(rand.NewPCG(1, 2)))
	told := h.openRepaired(uint64(len(h.log)))
	if len(told) != 1 || told[0].Parts != len(live)-2 || told[0].Damaged != 2 {
		t.Fatalf("told %+v, of %d parts", told, len(live))
	}
	if n := len(h.tablet.Quarantined()); n != 2 {
		t.Errorf("%d parts are set aside, want 2", n)
	}
	if h.tablet.mu.nextPart < next {
		t.Errorf("next part %v, want at least %v", h.tablet.mu.nextPart, next)
	}
	h.close()
}

// TestRebuildRefuses where rows would come twice.
func TestRebuildRefuses(t *testing.T) {
	h := newHarness(t, 4, column.KeepAll)
	h.apply(40)
	if err := h.tablet.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.close()
	writeWhole(t, h.fs, "tablets/1/zz.snp", "no manifest")
	o := h.opts
	o.Repair, o.Aside = true, "damaged"
	if _, err := Open(o); !base.IsCorruption(err) || !strings.Contains(err.Error(), "twice") {
		t.Errorf("%v", err)
	}
	o.Aside = ""
	if _, err := Open(o); err == nil {
		t.Error("opened without a place for what is damaged")
	}
}

// TestLostManifestIsDamage: a tablet has a manifest from its first moment, so
// parts without one are not debris. Without repair they stay where they are.
func TestLostManifestIsDamage(t *testing.T) {
	h := newHarness(t, 1, column.DropExact)
	if epoch, err := manifest.Newest(h.fs, "tablets/1"); err != nil || epoch != 1 {
		t.Errorf("a new tablet is at epoch %d, %v", epoch, err)
	}
	h.apply(100)
	if err := h.tablet.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows := h.rowsLeft()
	h.close()
	names, err := h.fs.List("tablets/1")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if strings.HasSuffix(n, ".snp") {
			if err := h.fs.Remove("tablets/1/" + n); err != nil {
				t.Fatal(err)
			}
		}
	}
	o := h.opts
	o.FS = h.fs
	if tablet, err := Open(o); !base.IsCorruption(err) {
		t.Fatalf("opened %v, %v, want a corruption error", tablet, err)
	}
	h.openRepaired(uint64(len(h.log))) // nothing comes from the log
	if got := h.rowsLeft(); got != rows {
		t.Errorf("%d rows after the repair, want %d", got, rows)
	}
	h.close()
}

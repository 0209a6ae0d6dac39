package wal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/pandodb/pando/internal/base"
)

// step is what was known after an append, and where the log ended then.
type step struct {
	twins   map[base.GroupID]*twin
	next    Write // what followed; a prefix of it may be there, too
	segment uint64
	end     int64
}

// storyOf writes a log of some segments and returns its disk, closed, with what
// was known after each append.
func storyOf(t *testing.T, seed uint64) (*vfs.MemFS, []step) {
	t.Helper()
	fs := vfs.NewCrashableMem()
	l := mustOpen(t, testOptions(fs))
	w := newWorkload(seed, 3)
	var steps []step
	note := func() {
		twins := map[base.GroupID]*twin{}
		for id, tw := range w.twins {
			twins[id] = tw.clone()
		}
		steps = append(steps, step{twins: twins, segment: l.w.seg.number, end: l.w.enc.end()})
	}
	note()
	for range 120 {
		id := w.group()
		tw := w.twins[id]
		if w.rng.IntN(30) == 0 && tw.state.Commit > tw.compacted.Index {
			if err := l.Compact(id, tw.state.Commit); err != nil {
				t.Fatal(err)
			}
			tw.compact(tw.state.Commit)
			mustAppend(t, l)
		} else {
			wr := w.next(id)
			mustAppend(t, l, wr)
			tw.write(wr)
			steps[len(steps)-1].next = wr
		}
		note()
	}
	mustClose(t, l)
	return fs, steps
}

// harm damages one file of the log and returns the first byte that is not what
// was written.
func harm(t *testing.T, fs vfs.FS, r *rand.Rand, steps []step) (what string, segment uint64, at int64) {
	t.Helper()
	numbers, _, err := listFiles(fs, "data/log")
	if err != nil {
		t.Fatal(err)
	}
	segment = numbers[r.IntN(len(numbers))]
	path := "data/log/" + segmentName(segment, logSuffix)
	end := int64(minSegmentBytes)
	if last := steps[len(steps)-1]; segment == last.segment {
		end = last.end
	}
	at = r.Int64N(end)
	if r.IntN(3) == 0 {
		at = r.Int64N(headerUsed)
	}
	switch r.IntN(6) {
	case 0:
		if err := fs.Remove(path); err != nil {
			t.Fatal(err)
		}
		return "removed", segment, 0
	case 1:
		data := readAllOf(t, fs, path)
		rewriteFile(t, fs, path, data[:at])
		return "cut", segment, at
	case 2:
		rewriteFile(t, fs, path, append(readAllOf(t, fs, path), 1, 2, 3))
		return "grown", segment, minSegmentBytes
	case 3:
		data := readAllOf(t, fs, path)
		clear(data[at:min(at+1+r.Int64N(4000), int64(len(data)))])
		rewriteFile(t, fs, path, data)
		return "zeroed", segment, at
	default:
		flip(t, fs, path, at)
		return "flipped", segment, at
	}
}

func readAllOf(t *testing.T, fs vfs.FS, path string) []byte {
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
	if _, err := f.ReadAt(b, 0); err != nil && len(b) > 0 {
		t.Fatal(err)
	}
	return b
}

func rewriteFile(t *testing.T, fs vfs.FS, path string, data []byte) {
	t.Helper()
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := syncDir(fs, fs.PathDir(path)); err != nil {
		t.Fatal(err)
	}
}

// held returns the steps whose knowledge the log holds, as far back as it goes.
func held(l *Log, steps []step) (last int, diff string) {
	for i, s := range slices.Backward(steps) {
		diff = ""
		for id, tw := range s.twins {
			d := heldGroup(l.Group(id), tw)
			if d != "" && s.next.Group == id {
				for _, part := range prefixes(tw, s.next) {
					if heldGroup(l.Group(id), part) == "" {
						d = ""
					}
				}
			}
			if d != "" {
				diff = fmt.Sprintf("step %d: group %d: %s", i, id, d)
				break
			}
		}
		if diff == "" {
			return i, ""
		}
	}
	return -1, diff
}

// heldGroup compares entries and last index; older ones may be gone.
func heldGroup(g *Group, want *twin) string {
	if g.LastIndex() != want.last() {
		return fmt.Sprintf("last %d, want %d", g.LastIndex(), want.last())
	}
	got, err := readAll(g)
	if err != nil {
		return err.Error()
	}
	for i := range got {
		if got[i].Index <= want.compacted.Index {
			continue
		}
		if d := diffEntry(&got[i], &want.entries[got[i].Index-want.compacted.Index-1]); d != "" {
			return d
		}
	}
	return ""
}

// TestRepair harms logs in every way and place: either Open takes them, or it
// does so after a repair. What is there is what was known at one moment, and not
// before the last append that lies wholly before the harm; it takes writes, and
// opens again without the option.
func TestRepair(t *testing.T) {
	repaired := 0
	for seed := range uint64(12) {
		disk, steps := storyOf(t, seed)
		for round := range uint64(120) {
			r := rand.New(rand.NewPCG(seed, round))
			fs := disk.CrashClone(vfs.CrashCloneCfg{})
			what, segment, at := harm(t, fs, r, steps)
			name := fmt.Sprintf("seed %d round %d: segment %d %s at %d", seed, round, segment, what, at)
			oldest, _, err := listFiles(disk, "data/log")
			if err != nil {
				t.Fatal(err)
			}
			opts := testOptions(fs)
			l, err := Open(opts)
			if err != nil {
				if !base.IsCorruption(err) {
					t.Fatalf("%s: %v", name, err)
				}
				repaired++
				l = mustRepair(t, name, fs)
			}
			i, diff := held(l, steps)
			lost := segment == oldest[0] // with the oldest one's beginning, all may be
			if i < 0 && (!lost || !emptied(l)) {
				t.Fatalf("%s: holds nothing that was ever there: %s", name, diff)
			}
			for n := range steps {
				s := &steps[n]
				if before := s.segment < segment || s.segment == segment && s.end <= at; before && n > i && !lost {
					t.Fatalf("%s: holds step %d, but step %d ended at %d of segment %d", name, i, n, s.end, s.segment)
				}
			}
			goOn(t, name, l, opts)
		}
	}
	if repaired < 500 {
		t.Errorf("%d repairs only", repaired)
	}
}

// mustRepair repairs and opens the log.
func mustRepair(t *testing.T, name string, fs vfs.FS) *Log {
	t.Helper()
	if _, err := Repair(fs, "data/log", "data/damaged/log"); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	opts := testOptions(fs)
	opts.Repair = true
	l, err := Open(opts)
	if err != nil {
		t.Fatalf("%s: after the repair: %v", name, err)
	}
	return l
}

func emptied(l *Log) bool { return len(l.Groups()) == 0 }

// goOn appends to the log and opens it again, without the option.
func goOn(t *testing.T, name string, l *Log, opts Options) {
	t.Helper()
	g := l.Group(1)
	next := g.LastIndex() + 1
	mustAppend(t, l, Write{Group: 1, Entries: entries(1, next, 99, 3, 50), State: &HardState{Term: 99, Commit: next}})
	mustClose(t, l)
	l, err := Open(opts)
	if err != nil {
		t.Fatalf("%s: opened again: %v", name, err)
	}
	got, err := l.Group(1).Entries(next, next+3, 1<<20)
	if err != nil || len(got) != 3 || diffEntry(&got[0], &entries(1, next, 99, 1, 50)[0]) != "" {
		t.Fatalf("%s: opened again, %d entries, %v", name, len(got), err)
	}
	mustClose(t, l)
}

// TestRepairIsNotInTheWay leaves sound and torn logs as they are.
func TestRepairIsNotInTheWay(t *testing.T) {
	disk, steps := storyOf(t, 3)
	report, err := Repair(disk, "data/log", "data/damaged/log")
	if err != nil || report.Damage != nil || len(report.Aside) > 0 {
		t.Fatalf("a sound log: %+v, %v", report, err)
	}
	if _, err := disk.Stat("data/damaged"); err == nil {
		t.Error("a directory was made for nothing")
	}
	last := steps[len(steps)-1]
	path := "data/log/" + segmentName(last.segment, logSuffix)
	data := readAllOf(t, disk, path)
	clear(data[last.end-20:])
	rewriteFile(t, disk, path, data)
	if report, err = Repair(disk, "data/log", "data/damaged/log"); err != nil || report.Damage != nil {
		t.Fatalf("a torn log: %+v, %v", report, err)
	}
	l := mustOpen(t, testOptions(disk))
	if i, diff := held(l, steps); i < len(steps)-2 {
		t.Errorf("a torn log: step %d of %d: %s", i, len(steps), diff)
	}
	mustClose(t, l)
}

// TestRepairLeavesNewerVersions: a log that a later program writes is sound, and
// stays where it is.
func TestRepairLeavesNewerVersions(t *testing.T) {
	disk, _ := storyOf(t, 3)
	numbers, _, err := listFiles(disk, "data/log")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []uint64{numbers[0], numbers[len(numbers)-1]} {
		fs := disk.CrashClone(vfs.CrashCloneCfg{})
		path := "data/log/" + segmentName(n, logSuffix)
		data := readAllOf(t, fs, path)
		binary.LittleEndian.PutUint32(data[8:], segmentVersion+1)
		binary.LittleEndian.PutUint32(data[60:], crc32.Checksum(data[:60], castagnoli))
		rewriteFile(t, fs, path, data)
		if _, err := Open(testOptions(fs)); base.ClassOf(err) != base.ClassInvalid {
			t.Errorf("segment %d: opened: %v", n, err)
		}
		if _, err := Repair(fs, "data/log", "data/damaged/log"); base.ClassOf(err) != base.ClassInvalid {
			t.Errorf("segment %d: repaired: %v", n, err)
		}
		if _, err := fs.Stat("data/damaged"); err == nil {
			t.Errorf("segment %d: files were put aside", n)
		}
	}
}

// TestRepairReports tells what was damaged, what was lost, and keeps the bytes.
func TestRepairReports(t *testing.T) {
	disk, steps := storyOf(t, 5)
	numbers, _, err := listFiles(disk, "data/log")
	if err != nil || len(numbers) < 3 {
		t.Fatalf("%d segments, %v", len(numbers), err)
	}
	path := "data/log/" + segmentName(numbers[1], logSuffix)
	flip(t, disk, path, headerBytes+4000)
	damaged := readAllOf(t, disk, path)
	report, err := Repair(disk, "data/log", "data/damaged/log")
	if err != nil {
		t.Fatal(err)
	}
	if !base.IsCorruption(report.Damage) || report.Path != path || report.Offset > headerBytes+4000 || report.Lost == 0 {
		t.Errorf("%+v", report)
	}
	if want := len(numbers) - 1; len(report.Aside) != want && len(report.Aside) != want+1 {
		t.Errorf("%d files were put aside, want %d: %v", len(report.Aside), want, report.Aside)
	}
	kept := readAllOf(t, disk, "data/damaged/log/"+segmentName(numbers[1], logSuffix))
	if string(kept) != string(damaged) {
		t.Error("the damaged file is not kept as it was")
	}
	l := mustOpen(t, testOptions(disk))
	if i, diff := held(l, steps); i < 0 {
		t.Error(diff)
	}
	mustClose(t, l)
}

// TestRepairIsInterrupted cuts the power before every write of a repair, and
// fails every call: another repair ends as the first would have.
func TestRepairIsInterrupted(t *testing.T) {
	for seed := range uint64(4) {
		disk, steps := storyOf(t, seed)
		numbers, _, err := listFiles(disk, "data/log")
		if err != nil {
			t.Fatal(err)
		}
		flip(t, disk, "data/log/"+segmentName(numbers[0], logSuffix), headerBytes+7000)
		want := -2
		for n := int32(0); ; n++ {
			fs := disk.CrashClone(vfs.CrashCloneCfg{})
			calls, r := int32(-1), rand.New(rand.NewPCG(seed, uint64(n)))
			var clone *vfs.MemFS
			failing := errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
				if op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
					return nil
				}
				if calls++; calls != n {
					return nil
				}
				clone = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.IntN(101), RNG: r})
				return errorfs.ErrInjected
			}))
			_, err := Repair(failing, "data/log", "data/damaged/log")
			if clone == nil {
				clone = fs
			} else if err != nil && !strings.Contains(err.Error(), "injected") {
				t.Fatalf("seed %d call %d: %v", seed, n, err)
			}
			l := mustRepair(t, fmt.Sprintf("seed %d call %d", seed, n), clone)
			i, diff := held(l, steps)
			if want == -2 {
				want = i
			}
			if i != want {
				t.Fatalf("seed %d call %d: holds step %d, want %d: %s", seed, n, i, want, diff)
			}
			mustClose(t, l)
			if calls < n {
				break
			}
		}
	}
}

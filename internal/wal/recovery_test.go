package wal

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/pandodb/pando/internal/base"
)

// idleGroups writes groups that need no entry any more: all that is left of
// them is what the start of each segment repeats.
func idleGroups(t *testing.T, l *Log) map[base.GroupID]*twin {
	t.Helper()
	idle := map[base.GroupID]*twin{}
	for id := base.GroupID(2); id <= 5; id++ {
		wr := Write{
			Group: id, Entries: entries(id, 1, 3, 2, 20),
			State: &HardState{Term: 3, Vote: uint64(id), Commit: 2}, Meta: fmt.Appendf(nil, "meta of %d", id),
		}
		mustAppend(t, l, wr)
		if err := l.Compact(id, 2); err != nil {
			t.Fatal(err)
		}
		mustAppend(t, l)
		idle[id] = &twin{}
		idle[id].write(wr)
		idle[id].compact(2)
	}
	return idle
}

// rolledLog returns the disk after the first group commit of segment 2, and
// what its idle groups hold.
func rolledLog(t *testing.T) (*vfs.MemFS, map[base.GroupID]*twin) {
	t.Helper()
	mem := vfs.NewCrashableMem()
	var rolled atomic.Bool
	opts := testOptions(mem)
	opts.Events.SegmentCreated = func(string) { rolled.Store(true) }
	l := mustOpen(t, opts)
	idle := idleGroups(t, l)
	for i := uint64(1); !rolled.Load(); i++ {
		mustAppend(t, l, Write{Group: 1, Entries: entries(1, i, 1, 1, 900)})
	}
	fs := mem.CrashClone(vfs.CrashCloneCfg{})
	mustClose(t, l)
	return fs, idle
}

func checkIdle(l *Log, idle map[base.GroupID]*twin) error {
	for id, tw := range idle {
		if d := tw.diff(l.Group(id)); d != "" {
			return fmt.Errorf("group %d: %s", id, d)
		}
	}
	return nil
}

// TestTornDumpIsWrittenAnew tears the first group commit of a segment at every
// place. What the segment repeats of the ones before must be whole again before
// those go.
func TestTornDumpIsWrittenAnew(t *testing.T) {
	fs, idle := rolledLog(t)
	path := "data/log/" + segmentName(2, logSuffix)
	whole := readFile(t, fs, path)
	for cut := headerBytes; cut < len(whole) && !allZero(whole[cut:]); cut += recordAlign {
		torn := fs.CrashClone(vfs.CrashCloneCfg{})
		b := bytes.Clone(whole)
		clear(b[cut:])
		writeFile(t, torn, path, b)
		if err := compactAndReopen(t, torn, idle); err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// compactAndReopen lets the first segment go and looks at what is left.
func compactAndReopen(t *testing.T, fs vfs.FS, idle map[base.GroupID]*twin) error {
	t.Helper()
	l := mustOpen(t, testOptions(fs))
	if err := checkIdle(l, idle); err != nil {
		return err
	}
	if err := l.Compact(1, l.Group(1).LastIndex()); err != nil {
		return err
	}
	mustAppend(t, l)
	mustClose(t, l)
	if _, err := fs.Stat("data/log/" + segmentName(1, logSuffix)); err == nil {
		return errors.New("segment 1 is still there")
	}
	l, err := Open(testOptions(fs))
	if err != nil {
		return err
	}
	defer mustClose(t, l)
	return checkIdle(l, idle)
}

// TestCrashWhileOpening cuts the power at every file operation of an Open that
// finds segment 2 empty and segment 1 superfluous.
func TestCrashWhileOpening(t *testing.T) {
	mem := vfs.NewCrashableMem()
	var crashed atomic.Pointer[vfs.MemFS]
	opts := testOptions(mem)
	opts.Events.SegmentCreated = func(string) { // its first record is not written yet
		crashed.CompareAndSwap(nil, mem.CrashClone(vfs.CrashCloneCfg{}))
	}
	l := mustOpen(t, opts)
	idle := idleGroups(t, l)
	for i := uint64(1); crashed.Load() == nil; i++ {
		mustAppend(t, l, Write{Group: 1, Entries: entries(1, i, 1, 1, 100)})
		if err := l.Compact(1, i); err != nil {
			t.Fatal(err)
		}
		mustAppend(t, l)
	}
	mustClose(t, l)

	disk := crashed.Load()
	var mu sync.Mutex
	var points []crashPoint
	l = mustOpen(t, testOptions(errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			mu.Lock()
			defer mu.Unlock()
			points = append(points, crashPoint{fs: disk.CrashClone(vfs.CrashCloneCfg{}), op: fmt.Sprint(op.Kind, " ", op.Path)})
		}
		return nil
	}))))
	mustClose(t, l)
	for i, p := range points {
		l, err := Open(testOptions(p.fs))
		if err != nil {
			t.Fatalf("crash %d before %s: %v", i, p.op, err)
		}
		if err := checkIdle(l, idle); err != nil {
			t.Errorf("crash %d before %s: %v", i, p.op, err)
		}
		mustClose(t, l)
	}
}

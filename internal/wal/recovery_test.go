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

// forgetfulFS notes what is written at which offset of which segment: what a
// disk has that dropped the writes before, though the page cache shows them.
type forgetfulFS struct {
	vfs.FS
	mu     sync.Mutex
	writes map[string][]written
}

type written struct {
	at   int64
	data []byte
}

func (f *forgetfulFS) OpenReadWrite(path string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	file, err := f.FS.OpenReadWrite(path, c, opts...)
	return &forgetfulFile{File: file, fs: f, path: path}, err
}

type forgetfulFile struct {
	vfs.File
	fs   *forgetfulFS
	path string
}

func (f *forgetfulFile) WriteAt(b []byte, at int64) (int, error) {
	f.fs.mu.Lock()
	f.fs.writes[f.path] = append(f.fs.writes[f.path], written{at, bytes.Clone(b)})
	f.fs.mu.Unlock()
	return f.File.WriteAt(b, at)
}

// TestLastCommitIsSyncedAgain: the sync of the last group commit failed and the
// process ended. The next one reads that commit from the page cache, though it
// is not on disk and no later sync would write it.
func TestLastCommitIsSyncedAgain(t *testing.T) {
	f := func(name string, fs *vfs.MemFS) {
		t.Helper()
		path, from, to := lastCommit(t, fs)
		lost := fs.CrashClone(vfs.CrashCloneCfg{}) // the disk itself
		b := readFile(t, lost, path)
		clear(b[from:to])

		cached := &forgetfulFS{FS: fs, writes: map[string][]written{}}
		l := mustOpen(t, testOptions(cached))
		last := l.Group(1).LastIndex()
		mustClose(t, l)
		for _, w := range cached.writes[path] {
			copy(b[w.at:], w.data)
		}
		writeFile(t, lost, path, b)
		for other, ws := range cached.writes {
			if other == path {
				continue
			}
			if _, err := lost.Stat(other); err != nil {
				continue // a new spare
			}
			o := readFile(t, lost, other)
			for _, w := range ws {
				copy(o[w.at:], w.data)
			}
			writeFile(t, lost, other, o)
		}
		l, err := Open(testOptions(lost))
		if err != nil {
			t.Errorf("%s: power cut after the restart: %v", name, err)
			return
		}
		defer mustClose(t, l)
		if got := l.Group(1).LastIndex(); got != last {
			t.Errorf("%s: power cut after the restart: last entry %d, want %d", name, got, last)
		}
	}
	inside := vfs.NewCrashableMem()
	l := mustOpen(t, testOptions(inside))
	for i := range uint64(3) {
		mustAppend(t, l, Write{Group: 1, Entries: entries(1, 1+2*i, 1, 2, 100)})
	}
	f("inside a segment", inside.CrashClone(vfs.CrashCloneCfg{}))
	mustClose(t, l)

	mem := vfs.NewCrashableMem()
	var rolled atomic.Pointer[vfs.MemFS]
	opts := testOptions(mem)
	opts.Events.SegmentCreated = func(string) { rolled.CompareAndSwap(nil, mem.CrashClone(vfs.CrashCloneCfg{})) }
	l = mustOpen(t, opts)
	for i := uint64(1); rolled.Load() == nil; i += 2 {
		mustAppend(t, l, Write{Group: 1, Entries: entries(1, i, 1, 2, 400)})
	}
	f("end of a segment", rolled.Load())
	mustClose(t, l)
}

// lastCommit returns where the last group commit of a log lies.
func lastCommit(t *testing.T, fs vfs.FS) (path string, from, to int64) {
	t.Helper()
	err := Inspect(fs, "data/log", func(r Record) error {
		if r.Durable == r.Seq-1 {
			from = r.Offset
		}
		path, to = r.Path, r.Offset+recordBytes(len(r.Data))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return path, from, to
}

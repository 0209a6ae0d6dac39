package wal

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/pandodb/pando/internal/base"
)

// tailTwin is what a reader of a Tail knows of the groups.
type tailTwin struct {
	entries  map[base.GroupID][]Entry
	restarts int
}

func (w *tailTwin) restart() {
	w.entries = map[base.GroupID][]Entry{}
	w.restarts++
}

func (w *tailTwin) visit(r Record) error {
	list := w.entries[r.Group]
	switch r.Kind {
	case KindEntry:
		for len(list) > 0 && list[len(list)-1].Index >= r.Index {
			list = list[:len(list)-1]
		}
		list = append(list, Entry{Index: r.Index, Term: r.Term, Type: r.Type, Data: bytes.Clone(r.Data)})
	default:
		list = nil
	}
	w.entries[r.Group] = list
	return nil
}

// diff compares the entries that are not compacted.
func (w *tailTwin) diff(id base.GroupID, want *twin) string {
	got := w.entries[id]
	for len(got) > 0 && got[0].Index <= want.compacted.Index {
		got = got[1:]
	}
	if len(got) != len(want.entries) {
		return fmt.Sprintf("%d entries behind %d, want %d", len(got), want.compacted.Index, len(want.entries))
	}
	for i := range got {
		if d := diffEntry(&got[i], &want.entries[i]); d != "" {
			return d
		}
	}
	return ""
}

// TestTail follows random logs over reopenings and removed segments: after each
// Read it knows what was appended.
func TestTail(t *testing.T) {
	for seed := range uint64(16) {
		fs := vfs.NewMem()
		tail, known := NewTail(fs, "data/log"), &tailTwin{}
		read := func(step int, w *workload) {
			t.Helper()
			if err := tail.Read(known.restart, known.visit); err != nil {
				t.Fatalf("seed %d step %d: %v", seed, step, err)
			}
			for id, tw := range w.twins {
				if d := known.diff(id, tw); d != "" {
					t.Fatalf("seed %d step %d: group %d: %s", seed, step, id, d)
				}
			}
		}
		w := newWorkload(seed, 3)
		read(-1, w)
		l := mustOpen(t, testOptions(fs))
		rare := 1 + w.rng.IntN(60) // how seldom it reads: segments may have gone
		for step := range 400 {
			id := w.group()
			tw := w.twins[id]
			switch n := w.rng.IntN(40); {
			case n == 0:
				mustClose(t, l)
				l = mustOpen(t, testOptions(fs))
			case n < 4 && tw.state.Commit > tw.compacted.Index:
				if err := l.Compact(id, tw.state.Commit); err != nil {
					t.Fatal(err)
				}
				tw.compact(tw.state.Commit)
				mustAppend(t, l)
			default:
				wr := w.next(id)
				mustAppend(t, l, wr)
				tw.write(wr)
			}
			if w.rng.IntN(rare) == 0 {
				read(step, w)
			}
		}
		mustClose(t, l)
		read(400, w)
		if rare == 1 && known.restarts > 2 {
			t.Errorf("seed %d: %d restarts of a reader that keeps up", seed, known.restarts)
		}
		tail.Close()
	}
}

// TestTailOfRunningLog reads while the log is written, rolled and pruned as fast
// as it goes: entries come in order, without a gap, and those acknowledged before
// a Read are there after it.
func TestTailOfRunningLog(t *testing.T) {
	fs := vfs.NewMem()
	l := mustOpen(t, testOptions(fs))
	var acked atomic.Uint64
	done := make(chan error, 1)
	go func() {
		for i := uint64(1); i <= 3000; i++ {
			if err := l.Append(noCtx, []Write{{Group: 1, Entries: entries(1, i, 1, 1, 300)}}); err != nil {
				done <- err
				return
			}
			acked.Store(i)
			if i%20 == 0 {
				if err := l.Compact(1, i-5); err != nil {
					done <- err
					return
				}
			}
		}
		done <- nil
	}()
	tail := NewTail(fs, "data/log")
	defer tail.Close()
	last := uint64(0)
	for running := true; running; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		default:
		}
		atLeast, fresh := acked.Load(), false
		err := tail.Read(func() { fresh = true }, func(r Record) error {
			if r.Index != last+1 && !fresh {
				return fmt.Errorf("entry %d follows %d", r.Index, last)
			}
			if want := entries(1, r.Index, 1, 1, 300)[0]; !bytes.Equal(r.Data, want.Data) {
				return fmt.Errorf("entry %d holds %.20q", r.Index, r.Data)
			}
			last, fresh = r.Index, false
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if last < atLeast {
			t.Fatalf("read up to %d, %d was acknowledged before", last, atLeast)
		}
	}
	mustClose(t, l)
}

// TestTailOfDamagedLog flips every eighth byte of a closed log: the reader says
// so, or what it shows is what is there.
func TestTailOfDamagedLog(t *testing.T) {
	fs := vfs.NewMem()
	l := mustOpen(t, testOptions(fs))
	for i := uint64(1); i <= 12; i++ {
		mustAppend(t, l, Write{Group: 1, Entries: entries(1, i, 1, 1, 40)})
	}
	mustClose(t, l)
	path := "data/log/" + segmentName(1, logSuffix)
	end := int64(headerBytes)
	if err := Inspect(fs, "data/log", func(r Record) error {
		end = r.Offset + recordBytes(len(r.Data))
		if r.Kind == KindClose {
			end = r.Offset // nothing after it proves that it was there
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, live := range []bool{false, true} {
		for at := int64(headerBytes); at < end; at += 8 {
			disk := vfs.NewMem()
			copyFile(t, fs, disk, path)
			tail, known := NewTail(disk, "data/log"), &tailTwin{}
			if live { // it has read half of it before
				flip(t, disk, path, end/2+headerBytes/2)
				_ = tail.Read(known.restart, known.visit)
				flip(t, disk, path, end/2+headerBytes/2)
			}
			flip(t, disk, path, at)
			err := tail.Read(known.restart, known.visit)
			if !base.IsCorruption(err) {
				t.Fatalf("live %v, byte %d flipped: %v, %d entries", live, at, err, len(known.entries[1]))
			}
			tail.Close()
		}
	}
}

// TestTailOfLogDamagedAtRest damages a record that follows new ones, in a log that
// its owner leaves alone then: the Read after the one that stopped there tells.
func TestTailOfLogDamagedAtRest(t *testing.T) {
	fs := vfs.NewMem()
	l := mustOpen(t, testOptions(fs))
	defer mustClose(t, l)
	add := func(from, to uint64) {
		for i := from; i <= to; i++ {
			mustAppend(t, l, Write{Group: 1, Entries: entries(1, i, 1, 1, 40)})
		}
	}
	add(1, 3)
	tail, known := NewTail(fs, "data/log"), &tailTwin{}
	defer tail.Close()
	for range 3 {
		if err := tail.Read(known.restart, known.visit); err != nil || len(known.entries[1]) != 3 {
			t.Fatalf("%d entries, %v", len(known.entries[1]), err)
		}
	}
	add(4, 7)
	at := int64(0)
	path := "data/log/" + segmentName(1, logSuffix)
	if err := Inspect(fs, "data/log", func(r Record) error {
		if r.Kind == KindEntry && r.Index == 5 {
			at = r.Offset
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	flip(t, fs, path, at)
	err := tail.Read(known.restart, known.visit)
	if err == nil {
		err = tail.Read(known.restart, known.visit)
	}
	if !base.IsCorruption(err) {
		t.Errorf("%d of 7 entries, %v", len(known.entries[1]), err)
	}
	flip(t, fs, path, at)
	if err := tail.Read(known.restart, known.visit); err != nil || len(known.entries[1]) != 7 {
		t.Errorf("sound again: %d entries, %v", len(known.entries[1]), err)
	}
}

// TestTailAfterErrors fails every read in turn: the Read says so, and the next one
// shows everything.
func TestTailAfterErrors(t *testing.T) {
	mem := vfs.NewMem()
	l := mustOpen(t, testOptions(mem))
	w := newWorkload(3, 2)
	grow := func() {
		for range 40 {
			id := w.group()
			wr := w.next(id)
			mustAppend(t, l, wr)
			w.twins[id].write(wr)
		}
	}
	grow()
	for n := 0; ; n++ {
		calls := -1
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(errorfs.Op) error {
			if calls++; calls == n {
				return errorfs.ErrInjected
			}
			return nil
		}))
		tail, known := NewTail(fs, "data/log"), &tailTwin{}
		err := tail.Read(known.restart, known.visit)
		if n%3 == 0 {
			grow()
		}
		if err == nil {
			err = tail.Read(known.restart, known.visit)
		}
		if err == nil && calls >= n && n > 0 && known.restarts == 0 {
			t.Fatalf("call %d failed and nobody noticed", n)
		}
		if err := tail.Read(known.restart, known.visit); err != nil {
			t.Fatalf("after call %d: %v", n, err)
		}
		for id, tw := range w.twins {
			if d := known.diff(id, tw); d != "" {
				t.Fatalf("after call %d: group %d: %s", n, id, d)
			}
		}
		tail.Close()
		if calls < n {
			break
		}
	}
	mustClose(t, l)
}

func copyFile(t *testing.T, from, to vfs.FS, path string) {
	t.Helper()
	if err := to.MkdirAll(to.PathDir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := vfs.CopyAcrossFS(from, path, to, path); err != nil {
		t.Fatal(err)
	}
}

func flip(t *testing.T, fs vfs.FS, path string, at int64) {
	t.Helper()
	f, err := fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x10
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

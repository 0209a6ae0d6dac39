package wal

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/pandodb/pando/internal/base"
)

func TestAppendReadReopen(t *testing.T) {
	fs := vfs.NewMem()
	l := mustOpen(t, testOptions(fs))
	want := &twin{}
	for _, wr := range []Write{
		{Group: 7, Entries: entries(7, 1, 1, 5, 100), State: &HardState{Term: 1, Vote: 9, Commit: 2}},
		{Group: 7, Entries: entries(7, 4, 2, 3, 0), Meta: []byte("voters")},
		{Group: 7, Entries: []Entry{{Index: 7, Term: 2}}},
	} {
		mustAppend(t, l, wr)
		want.write(wr)
	}
	for range 2 {
		if d := want.diff(l.Group(7)); d != "" {
			t.Fatal(d)
		}
		if got := l.Groups(); !slices.Equal(got, []base.GroupID{7}) {
			t.Fatalf("groups %v", got)
		}
		mustClose(t, l)
		l = mustOpen(t, testOptions(fs))
	}
	mustClose(t, l)
}

func TestGroupReadsOutsideTheLog(t *testing.T) {
	l := mustOpen(t, testOptions(vfs.NewMem()))
	defer mustClose(t, l)
	g := l.Group(1)
	if g.FirstIndex() != 1 || g.LastIndex() != 0 || len(l.Groups()) != 0 {
		t.Errorf("unknown group has entries %d to %d", g.FirstIndex(), g.LastIndex())
	}
	mustAppend(t, l, Write{Group: 1, Entries: entries(1, 1, 3, 10, 50)})
	if err := l.Compact(1, 4); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l)
	f := func(lo, hi uint64, want error) {
		t.Helper()
		if _, err := g.Entries(lo, hi, 1<<20); !errors.Is(err, want) {
			t.Errorf("Entries(%d, %d): %v, want %v", lo, hi, err, want)
		}
	}
	f(4, 6, ErrCompacted)
	f(5, 12, ErrUnavailable)
	f(5, 11, nil)
	f(5, 5, nil)
	term := func(i, want uint64, wantErr error) {
		t.Helper()
		if got, err := g.Term(i); got != want || !errors.Is(err, wantErr) {
			t.Errorf("Term(%d) = %d, %v", i, got, err)
		}
	}
	term(3, 0, ErrCompacted)
	term(4, 3, nil)
	term(10, 3, nil)
	term(11, 0, ErrUnavailable)
	if es, _ := g.Entries(5, 11, 0); len(es) != 1 {
		t.Errorf("a bound of 0 bytes gives %d entries, want 1", len(es))
	}
}

func TestAppendRefusals(t *testing.T) {
	l := mustOpen(t, testOptions(vfs.NewMem()))
	defer mustClose(t, l)
	mustAppend(t, l, Write{Group: 1, Entries: entries(1, 1, 1, 6, 10), State: &HardState{Term: 1, Commit: 4}})
	f := func(name string, want base.Class, ws ...Write) {
		t.Helper()
		if err := l.Append(t.Context(), ws); err == nil || base.ClassOf(err) != want {
			t.Errorf("%s: %v, want class %v", name, err, want)
		}
	}
	f("no group", base.ClassInvalid, Write{})
	f("gap", base.ClassInvalid, Write{Group: 1, Entries: entries(1, 8, 1, 1, 0)})
	f("gap inside", base.ClassInvalid, Write{Group: 1, Entries: []Entry{{Index: 7, Term: 1}, {Index: 9, Term: 1}}})
	f("committed", base.ClassInvalid, Write{Group: 1, Entries: entries(1, 4, 2, 1, 0)})
	f("term 0", base.ClassInvalid, Write{Group: 1, Entries: entries(1, 7, 0, 1, 0)})
	f("commit", base.ClassInvalid, Write{Group: 1, State: &HardState{Term: 1, Commit: 7}})
	f("twice", base.ClassInvalid, Write{Group: 1}, Write{Group: 1})
	f("reset back", base.ClassInvalid, Write{Group: 1, Reset: &base.Position{Term: 1, Index: 3}})
	f("entry size", base.ClassTooLarge, Write{Group: 1, Entries: entries(1, 7, 1, 1, minSegmentBytes/4)})
	f("meta size", base.ClassTooLarge, Write{Group: 1, Meta: make([]byte, minSegmentBytes/4)})
	if err := l.Compact(1, 7); base.ClassOf(err) != base.ClassInvalid {
		t.Errorf("compact behind the end: %v", err)
	}
	mustAppend(t, l, Write{Group: 1, Entries: entries(1, 7, 1, 1, 10)})
}

func TestCompactionRemovesSegments(t *testing.T) {
	fs := vfs.NewMem()
	var created, removed int
	opts := testOptions(fs)
	opts.Events = Events{
		SegmentCreated: func(string) { created++ },
		SegmentRemoved: func(string) { removed++ },
	}
	l := mustOpen(t, opts)
	mustAppend(t, l, Write{Group: 2, Entries: entries(2, 1, 1, 3, 100), Meta: []byte("m2")})
	want := &twin{}
	for i := range 60 {
		wr := Write{Group: 1, Entries: entries(1, uint64(1+10*i), 1, 10, 150)}
		mustAppend(t, l, wr)
		want.write(wr)
	}
	if err := l.Compact(1, 595); err != nil {
		t.Fatal(err)
	}
	want.compact(595)
	mustAppend(t, l)
	if removed != 0 {
		t.Errorf("%d segments removed that group 2 needs", removed)
	}
	pins, logBytes := l.OldestPinned()
	if len(pins) != 1 || pins[0] != (Pin{Group: 2, Index: 3}) || logBytes != int64(created+1)*minSegmentBytes {
		t.Errorf("pins %v, %d bytes", pins, logBytes)
	}
	if err := l.Compact(2, 3); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l)
	if removed < 5 || removed > created {
		t.Errorf("removed %d of %d segments", removed, created)
	}
	mustClose(t, l)
	l = mustOpen(t, testOptions(fs))
	defer mustClose(t, l)
	if d := want.diff(l.Group(1)); d != "" {
		t.Error(d)
	}
	if g := l.Group(2); g.LastIndex() != 3 || g.FirstIndex() != 4 || string(g.Meta()) != "m2" {
		t.Errorf("group 2: entries %d to %d, meta %q", g.FirstIndex(), g.LastIndex(), g.Meta())
	}
}

func TestForget(t *testing.T) {
	fs := vfs.NewMem()
	l := mustOpen(t, testOptions(fs))
	mustAppend(t, l, Write{Group: 1, Entries: entries(1, 1, 1, 3, 10)}, Write{Group: 2, Entries: entries(2, 1, 1, 3, 10)})
	if err := l.Forget(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := l.Groups(); !slices.Equal(got, []base.GroupID{2}) || l.Group(1).LastIndex() != 0 {
			t.Errorf("groups %v", got)
		}
		mustClose(t, l)
		l = mustOpen(t, testOptions(fs))
	}
	mustAppend(t, l, Write{Group: 1, Entries: entries(1, 1, 9, 1, 10)})
	mustClose(t, l)
}

// TestRandomAgainstTwin compares the log with the obvious one, over restarts,
// segment ends, tiny caches and compactions.
func TestRandomAgainstTwin(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			fs := vfs.NewMem()
			opts := testOptions(fs)
			opts.CacheBytes = []int64{-1, 2000, 0}[seed%3]
			l := mustOpen(t, opts)
			w := newWorkload(seed, 3)
			for step := range 400 {
				id := w.group()
				tw := w.twins[id]
				switch n := w.rng.IntN(40); {
				case n == 0:
					mustClose(t, l)
					l = mustOpen(t, opts)
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
				for id, tw := range w.twins {
					if d := tw.diff(l.Group(id)); d != "" {
						t.Fatalf("step %d: group %d: %s", step, id, d)
					}
				}
			}
			mustClose(t, l)
		})
	}
}

func TestManyGroupsAtOnce(t *testing.T) {
	fs := vfs.NewMem()
	opts := testOptions(fs)
	opts.QueueBytes, opts.CacheBytes = 4000, 5000
	l := mustOpen(t, opts)
	var wg sync.WaitGroup
	const perGroup = 80
	for id := base.GroupID(1); id <= 16; id++ {
		wg.Go(func() {
			for i := range uint64(perGroup) {
				mustAppendAsyncSafe(t, l, Write{Group: id, Entries: entries(id, 1+i, 1, 1, 90)})
				if i%20 == 19 {
					if err := l.Compact(id, i); err != nil {
						t.Error(err)
					}
				}
			}
		})
		wg.Go(func() {
			for g := l.Group(id); g.LastIndex() < perGroup; runtime.Gosched() {
				es, err := g.Entries(max(g.FirstIndex(), 1), g.LastIndex()+1, 2000)
				if err != nil && !errors.Is(err, ErrCompacted) && !errors.Is(err, ErrUnavailable) {
					t.Error(err)
					return
				}
				for i := range es {
					if want := payload(id, es[i].Index, 1, 90); string(es[i].Data) != string(want) {
						t.Errorf("group %d entry %d: %q", id, es[i].Index, es[i].Data)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	mustClose(t, l)
	l = mustOpen(t, opts)
	defer mustClose(t, l)
	for id := base.GroupID(1); id <= 16; id++ {
		if es, err := readAll(l.Group(id)); err != nil || es[len(es)-1].Index != perGroup {
			t.Errorf("group %d: %d entries, %v", id, len(es), err)
		}
	}
}

// mustAppendAsyncSafe may be called off the test's goroutine.
func mustAppendAsyncSafe(t *testing.T, l *Log, ws ...Write) {
	if err := l.Append(t.Context(), ws); err != nil {
		t.Error(err)
	}
}

func TestCloseRefusesAndDrains(t *testing.T) {
	l := mustOpen(t, testOptions(vfs.NewMem()))
	done := make(chan error, 20)
	for i := range uint64(20) {
		err := l.AppendAsync(t.Context(), []Write{{Group: 1, Entries: entries(1, i+1, 1, 1, 20)}}, func(err error) { done <- err })
		if err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, l)
	for range 20 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if err := l.Append(t.Context(), nil); base.ClassOf(err) != base.ClassUnavailable {
		t.Errorf("append to a closed log: %v", err)
	}
	if err := l.Close(); base.ClassOf(err) != base.ClassUnavailable {
		t.Errorf("second close: %v", err)
	}
}

func TestAppendHonoursContext(t *testing.T) {
	l := mustOpen(t, testOptions(vfs.NewMem()))
	defer mustClose(t, l)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Append(ctx, []Write{{Group: 1}}); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestOpenTwiceIsRefused(t *testing.T) {
	fs := vfs.NewMem()
	l := mustOpen(t, testOptions(fs))
	defer mustClose(t, l)
	if _, err := Open(testOptions(fs)); base.ClassOf(err) != base.ClassConflict {
		t.Errorf("second open: %v", err)
	}
}

func TestOptionsValidate(t *testing.T) {
	err := Options{SegmentBytes: 5, QueueBytes: -1}.Validate()
	for _, want := range []string{"no directory", "segment of 5", "queue of -1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

func TestOtherSegmentSizeAtReopen(t *testing.T) {
	fs := vfs.NewMem()
	opts := testOptions(fs)
	want := &twin{}
	for i, size := range []int64{4 * minSegmentBytes, minSegmentBytes, 8 * minSegmentBytes} {
		opts.SegmentBytes = size
		l := mustOpen(t, opts)
		for j := range uint64(30) {
			wr := Write{Group: 1, Entries: entries(1, uint64(i)*30+j+1, 1, 1, int(size/4-100))}
			mustAppend(t, l, wr)
			want.write(wr)
		}
		if d := want.diff(l.Group(1)); d != "" {
			t.Fatalf("size %d: %s", size, d)
		}
		mustClose(t, l)
	}
}

// TestFileSystemWithoutPreallocation: some cannot, and some are interrupted by
// any signal. The space is then taken by writing it.
func TestFileSystemWithoutPreallocation(t *testing.T) {
	for _, cause := range []error{syscall.EOPNOTSUPP, syscall.ENOSYS, syscall.EINTR} {
		fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind == errorfs.OpFilePreallocate {
				return cause
			}
			return nil
		}))
		l, err := Open(testOptions(fs))
		if err != nil {
			t.Errorf("%v: %v", cause, err)
			continue
		}
		for i := range uint64(30) { // into the second segment
			mustAppend(t, l, Write{Group: 1, Entries: entries(1, i+1, 1, 1, 1000)})
		}
		mustClose(t, l)
	}
}

// TestPoisonedLogMakesNoSegment: a failed sync of the directory poisons, and
// one that is tried again may claim success.
func TestPoisonedLogMakesNoSegment(t *testing.T) {
	l := mustOpen(t, testOptions(vfs.NewMem()))
	_ = l.poison(errInjected)
	if _, err := l.create(9, false); !errors.Is(err, ErrPoisoned) {
		t.Errorf("segment of a poisoned log: %v", err)
	}
	if err := l.Close(); !errors.Is(err, ErrPoisoned) {
		t.Errorf("close: %v", err)
	}
}

func TestNoMetaStaysNoMeta(t *testing.T) {
	fs := vfs.NewMem()
	l := mustOpen(t, testOptions(fs))
	for i := range uint64(30) { // the second segment repeats it
		mustAppend(t, l, Write{Group: 1, Entries: entries(1, i+1, 1, 1, 1000)})
	}
	mustClose(t, l)
	l = mustOpen(t, testOptions(fs))
	defer mustClose(t, l)
	if m := l.Group(1).Meta(); m != nil {
		t.Errorf("meta %q, want nil", m)
	}
}

// TestFullDiskIsFreedByCompaction: when not even the smallest entry fits, what
// lets segments go still does, also after a restart.
func TestFullDiskIsFreedByCompaction(t *testing.T) {
	mem := vfs.NewMem()
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if names, _ := mem.List("data/log"); op.Kind == errorfs.OpFilePreallocate && len(names) > 4 {
			return syscall.ENOSPC // LOCK, two segments, the spare and this one
		}
		return nil
	}))
	l := mustOpen(t, testOptions(fs))
	next := uint64(1)
	fill := func(bytes int) {
		t.Helper()
		for {
			err := l.Append(t.Context(), []Write{{Group: 1, Entries: entries(1, next, 1, 1, bytes)}})
			if err != nil {
				if base.ClassOf(err) != base.ClassOverload || !errors.Is(err, syscall.ENOSPC) {
					t.Fatal(err)
				}
				return
			}
			next++
		}
	}
	fill(500)
	fill(1)
	mustClose(t, l)
	l = mustOpen(t, testOptions(fs))
	defer mustClose(t, l)
	fill(1)
	if err := l.Compact(1, next-1); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l)
	if first := l.Group(1).FirstIndex(); first != next {
		t.Fatalf("compacted to %d, want %d", first, next)
	}
	for l.Pressure() != nil {
		runtime.Gosched() // another try is on its way
	}
	mustAppend(t, l, Write{Group: 1, Entries: entries(1, next, 1, 1, 1000)})
}

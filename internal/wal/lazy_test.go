package wal

import (
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/pandodb/pando/internal/base"
)

func lazyOptions(fs vfs.FS, every time.Duration) Options {
	o := testOptions(fs)
	o.SyncEvery = every
	return o
}

// TestLazySyncSurvivesAKill: what was acknowledged is with the kernel, so the end
// of the process takes nothing away.
func TestLazySyncSurvivesAKill(t *testing.T) {
	for seed := range uint64(20) {
		mem := vfs.NewCrashableMem()
		w := newWorkload(seed, 2)
		h := newHistory(w)
		l := mustOpen(t, lazyOptions(mem, time.Hour))
		if err := runWorkload(l, w, h, 80); err != nil {
			t.Fatal(err)
		}
		killed := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(seed, 4))})
		mustClose(t, l)
		if err := recoverAndGoOn(crashPoint{fs: killed, known: h}, seed); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// TestLazySyncAfterAPowerCut: the log opens without damage, whatever was not
// synced, holds a beginning of each group's entries and all that a barrier made
// durable, and goes on.
func TestLazySyncAfterAPowerCut(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 5))
		mem := vfs.NewCrashableMem()
		l := mustOpen(t, lazyOptions(mem, time.Hour))
		const id = base.GroupID(1)
		all := entries(id, 1, 1, 40, 700)
		sure := rng.IntN(30)
		for i := range all {
			if err := l.Append(noCtx, []Write{{Group: id, Entries: all[i : i+1]}}); err != nil {
				t.Fatal(err)
			}
			if i == sure {
				if err := l.Append(noCtx, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		cut := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
		mustClose(t, l)
		l = mustOpen(t, lazyOptions(cut, time.Hour))
		last := l.Group(id).LastIndex()
		if last < uint64(sure)+1 || last > 40 {
			t.Fatalf("seed %d: %d entries are left, %d were made durable", seed, last, sure+1)
		}
		got, err := readAll(l.Group(id))
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if string(got[i].Data) != string(all[i].Data) {
				t.Fatalf("seed %d: entry %d differs", seed, i+1)
			}
		}
		if err := l.Append(noCtx, []Write{{Group: id, Entries: entries(id, last+1, 2, 3, 10)}}); err != nil {
			t.Fatal(err)
		}
		mustClose(t, l)
	}
}

// TestLazySyncIsInTime: after the interval a power cut takes nothing away, also
// when nothing is written any more.
func TestLazySyncIsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := vfs.NewCrashableMem()
		o := lazyOptions(mem, time.Second)
		o.Clock = time.Now // of the bubble
		l := mustOpen(t, o)
		if err := l.Append(noCtx, []Write{{Group: 1, Entries: entries(1, 1, 1, 3, 10)}}); err != nil {
			t.Fatal(err)
		}
		early := mem.CrashClone(vfs.CrashCloneCfg{})
		time.Sleep(1100 * time.Millisecond) // of the bubble's clock
		synctest.Wait()
		late := mem.CrashClone(vfs.CrashCloneCfg{})
		mustClose(t, l)
		for want, fs := range map[uint64]*vfs.MemFS{0: early, 3: late} {
			l := mustOpen(t, testOptions(fs))
			if got := l.Group(1).LastIndex(); got != want {
				t.Errorf("%d entries are left, want %d", got, want)
			}
			mustClose(t, l)
		}
	})
}

// TestLazySyncFails: when the sync that nobody waits for fails, the log is
// poisoned and its writer rests until Close.
func TestLazySyncFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		var looks atomic.Int64 // at the clock
		o := lazyOptions(errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
			if broken.Load() && (op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSync) {
				return errors.New("disk is gone")
			}
			return nil
		})), time.Second)
		o.Clock = func() time.Time {
			if looks.Add(1) > 1000 {
				panic("the writer spins")
			}
			return time.Now()
		}
		l := mustOpen(t, o)
		if err := l.Append(noCtx, []Write{{Group: 1, Entries: entries(1, 1, 1, 3, 10)}}); err != nil {
			t.Fatal(err)
		}
		broken.Store(true)
		time.Sleep(time.Minute) // of the bubble's clock
		if err := l.Append(noCtx, nil); !errors.Is(err, ErrPoisoned) {
			t.Errorf("append to a log whose sync failed: %v", err)
		}
		if err := l.Close(); !errors.Is(err, ErrPoisoned) {
			t.Errorf("close: %v", err)
		}
	})
}

package wal

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/pandodb/pando/internal/base"
)

// history is what a client knows: the state after every acknowledged write,
// and the write on the way.
type history struct {
	sync.Mutex
	acked   map[base.GroupID]*twin
	pending []Write // the append not yet acknowledged
	compact map[base.GroupID]uint64
}

func (h *history) clone() *history {
	h.Lock()
	defer h.Unlock()
	c := &history{acked: map[base.GroupID]*twin{}, pending: slices.Clone(h.pending), compact: maps.Clone(h.compact)}
	for id, tw := range h.acked {
		c.acked[id] = tw.clone()
	}
	return c
}

// check compares a group after a crash: it shows what was acknowledged, and
// of the append on the way a prefix of its records.
func (h *history) check(l *Log) error {
	for id, acked := range h.acked {
		states := []*twin{acked}
		for _, wr := range h.pending {
			if wr.Group == id {
				states = append(states, prefixes(acked, wr)...)
			}
		}
		if err := anyOf(l.Group(id), states, h.compact[id]); err != nil {
			return fmt.Errorf("group %d: %w", id, err)
		}
	}
	return nil
}

// prefixes returns the states after each record of a write.
func prefixes(from *twin, wr Write) []*twin {
	var out []*twin
	add := func(part Write) {
		from = from.clone()
		from.write(part)
		out = append(out, from)
	}
	if wr.Reset != nil {
		add(Write{Reset: wr.Reset})
	}
	for i := range wr.Entries {
		add(Write{Entries: wr.Entries[i : i+1]})
	}
	if wr.State != nil {
		add(Write{State: wr.State})
	}
	if wr.Meta != nil {
		add(Write{Meta: wr.Meta})
	}
	return out
}

// anyOf checks that the group is in one of the states, compacted or not.
func anyOf(g *Group, states []*twin, compacted uint64) error {
	var diffs []error
	for _, s := range states {
		d := s.diff(g)
		if d == "" {
			return nil
		}
		diffs = append(diffs, errors.New(d))
		if compacted > s.compacted.Index && compacted <= s.last() {
			c := s.clone()
			c.compact(compacted)
			if c.diff(g) == "" {
				return nil
			}
		}
	}
	return errors.Join(diffs...)
}

// runWorkload appends until an error or the end, keeping the history.
func runWorkload(l *Log, w *workload, h *history, steps int) error {
	for range steps {
		id := w.group()
		tw := w.twins[id]
		if w.rng.IntN(8) == 0 && tw.state.Commit > tw.compacted.Index {
			h.Lock()
			h.compact[id] = tw.state.Commit
			h.Unlock()
			if err := l.Compact(id, tw.state.Commit); err != nil {
				return err
			}
			if err := l.Append(noCtx, nil); err != nil {
				return err
			}
			tw.compact(tw.state.Commit)
			h.Lock()
			h.acked[id].compact(tw.state.Commit)
			h.Unlock()
			continue
		}
		wr := w.next(id)
		h.Lock()
		h.pending = []Write{wr}
		h.Unlock()
		if err := l.Append(noCtx, []Write{wr}); err != nil {
			return err
		}
		h.Lock()
		h.acked[id].write(wr)
		h.pending = nil
		h.Unlock()
		tw.write(wr)
	}
	return nil
}

func newHistory(w *workload) *history {
	h := &history{acked: map[base.GroupID]*twin{}, compact: map[base.GroupID]uint64{}}
	for id := range w.twins {
		h.acked[id] = &twin{}
	}
	return h
}

// crashPoint is a disk as a power cut would leave it, and what a client knew.
type crashPoint struct {
	fs    *vfs.MemFS
	known *history
	op    string
}

// TestCrashAtEveryOperation cuts the power before every file operation of a
// workload, keeping none, some or all of what was not synced, and opens what
// is left, twice: what was acknowledged is there, nothing else but a prefix
// of the append on the way, and the log goes on working.
func TestCrashAtEveryOperation(t *testing.T) {
	steps, seeds := 120, 4
	if testing.Short() {
		steps, seeds = 40, 1
	}
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			points := recordCrashes(t, seed, steps)
			for i, p := range points {
				if err := recoverAndGoOn(p, seed+uint64(i)); err != nil {
					t.Fatalf("seed %d: crash %d before %s: %v", seed, i, p.op, err)
				}
			}
			t.Logf("%d crashes", len(points))
		})
	}
}

func recordCrashes(t *testing.T, seed uint64, steps int) []crashPoint {
	mem := vfs.NewCrashableMem()
	rng := rand.New(rand.NewPCG(seed, 2))
	w := newWorkload(seed, 2)
	h := newHistory(w)
	var mu sync.Mutex
	var points []crashPoint
	crash := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsRead {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		for _, keep := range []int{0, 30, 100} {
			// Known is taken first: what is acknowledged after it may be
			// missing in known, never the other way around.
			known := h.clone()
			fs := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: keep, RNG: rng})
			points = append(points, crashPoint{fs, known, fmt.Sprint(op.Kind, " ", op.Path, " keep ", keep)})
		}
		return nil
	})
	l := mustOpen(t, testOptions(errorfs.Wrap(mem, crash)))
	if err := runWorkload(l, w, h, steps); err != nil {
		t.Fatal(err)
	}
	mustClose(t, l)
	return points
}

func recoverAndGoOn(p crashPoint, seed uint64) error {
	rng := rand.New(rand.NewPCG(seed, 3))
	for round := range 2 {
		l, err := Open(testOptions(p.fs))
		if err != nil {
			return fmt.Errorf("open %d: %w", round, err)
		}
		if err := p.known.check(l); err != nil {
			_ = l.Close()
			return fmt.Errorf("open %d: %w", round, err)
		}
		// Settle on what is there, add to it, and cut the power again.
		p.known = settled(l, p.known)
		for id, tw := range p.known.acked {
			wr := Write{Group: id, Entries: entries(id, tw.last()+1, 99, 3, rng.IntN(3000))}
			if err := l.Append(noCtx, []Write{wr}); err != nil {
				return err
			}
			tw.write(wr)
		}
		if err := p.known.check(l); err != nil {
			return fmt.Errorf("after append %d: %w", round, err)
		}
		next := p.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rng})
		if err := l.Close(); err != nil {
			return err
		}
		p.fs = next
	}
	return nil
}

// settled returns the state of the log as a new history.
func settled(l *Log, old *history) *history {
	h := &history{acked: map[base.GroupID]*twin{}, compact: map[base.GroupID]uint64{}}
	for id := range old.acked {
		g := l.Group(id)
		es, _ := readAll(g)
		h.acked[id] = &twin{compacted: g.Compacted(), entries: es, state: g.HardState(), meta: g.Meta()}
	}
	return h
}

var errInjected = errors.New("injected")

// TestEveryOperationFails lets the n-th file operation fail, for every n:
// nothing panics, nothing acknowledged is lost, and unless the log still
// works it is poisoned and says so.
func TestEveryOperationFails(t *testing.T) {
	steps := 60
	if testing.Short() {
		steps = 25
	}
	for n := int64(0); ; n++ {
		mem := vfs.NewCrashableMem()
		var count atomic.Int64
		var failed atomic.Pointer[string]
		inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
			if count.Add(1)-1 == n {
				what := fmt.Sprint(op.Kind, " ", op.Path)
				failed.Store(&what)
				return errInjected
			}
			return nil
		})
		w := newWorkload(5, 2)
		h := newHistory(w)
		if err := failingRun(mem, errorfs.Wrap(mem, inject), w, h, steps); err != nil {
			t.Fatalf("operation %d, %s: %v", n, *failed.Load(), err)
		}
		if failed.Load() == nil {
			t.Logf("%d operations", n)
			return
		}
		p := crashPoint{fs: mem.CrashClone(vfs.CrashCloneCfg{}), known: h}
		if err := recoverAndGoOn(p, uint64(n)); err != nil {
			t.Fatalf("operation %d, %s: %v", n, *failed.Load(), err)
		}
	}
}

// failingRun returns an error if the log misbehaves.
func failingRun(mem *vfs.MemFS, fs vfs.FS, w *workload, h *history, steps int) error {
	l, err := Open(testOptions(fs))
	if err != nil {
		if !errors.Is(err, errInjected) {
			return fmt.Errorf("open hides the cause: %w", err)
		}
		if names, _ := mem.List(""); len(names) == 0 {
			return nil // not even the directory
		}
		if l, err = Open(testOptions(fs)); err != nil {
			return fmt.Errorf("second open: %w", err)
		}
	}
	err = runWorkload(l, w, h, steps)
	closeErr := l.Close()
	switch {
	case err == nil || base.ClassOf(err) == base.ClassOverload:
		return nil // the spare could not be made: pressure, and no loss
	case !errors.Is(err, ErrPoisoned) || !errors.Is(err, errInjected) || base.ClassOf(err) != base.ClassUnavailable:
		return fmt.Errorf("append: %w", err)
	case !errors.Is(closeErr, ErrPoisoned):
		return fmt.Errorf("close after poison: %w", closeErr)
	}
	select {
	case <-l.Failed():
		return nil
	default:
		return errors.New("Failed is not closed")
	}
}

// TestKillThenPowerCut lets the process die at every file operation, which
// loses nothing that was written, starts it anew, and cuts the power then:
// what the first process did not sync, the second must.
func TestKillThenPowerCut(t *testing.T) {
	steps := 60
	if testing.Short() {
		steps = 25
	}
	for n := int64(0); ; n++ {
		mem := vfs.NewCrashableMem()
		var count atomic.Int64
		var at atomic.Pointer[string]
		kill := errorfs.InjectorFunc(func(op errorfs.Op) error {
			if count.Add(1)-1 < n {
				return nil
			}
			what := fmt.Sprint(op.Kind, " ", op.Path)
			at.CompareAndSwap(nil, &what)
			return errInjected
		})
		w := newWorkload(7, 2)
		h := newHistory(w)
		l, err := Open(testOptions(errorfs.Wrap(mem, kill)))
		if err == nil {
			err = errors.Join(runWorkload(l, w, h, steps), l.Close())
		}
		if err == nil {
			t.Logf("%d operations", n)
			return
		}
		if err := restartAndCutPower(mem, h); err != nil {
			t.Fatalf("killed at operation %d, %s: %v", n, *at.Load(), err)
		}
	}
}

func restartAndCutPower(mem *vfs.MemFS, known *history) error {
	l, err := Open(testOptions(mem))
	if err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	if err := known.check(l); err != nil {
		return errors.Join(fmt.Errorf("restart: %w", err), l.Close())
	}
	known = settled(l, known)
	for id, tw := range known.acked { // into the next segments
		wr := Write{Group: id, Entries: entries(id, tw.last()+1, 99, 10, 900)}
		if err := l.Append(noCtx, []Write{wr}); err != nil {
			return errors.Join(err, l.Close())
		}
		tw.write(wr)
	}
	cut := mem.CrashClone(vfs.CrashCloneCfg{})
	if err := l.Close(); err != nil {
		return err
	}
	if l, err = Open(testOptions(cut)); err != nil {
		return fmt.Errorf("after the power cut: %w", err)
	}
	return errors.Join(known.check(l), l.Close())
}

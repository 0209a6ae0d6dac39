package replica

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/wal"
)

// ledger is what clients know: which proposals were acknowledged, where.
type ledger struct {
	sync.Mutex
	acked map[base.Position]string
	// durable is what the state machine had made durable.
	durable uint64
}

func (l *ledger) clone() *ledger {
	l.Lock()
	defer l.Unlock()
	c := &ledger{acked: maps.Clone(l.acked), durable: l.durable}
	return c
}

// TestAcknowledgedSurvivesPowerCuts lets clients propose while the power is
// cut, at random and with random remains of what was not synced: after each
// cut everything acknowledged is applied again, in order, from behind the
// durable index on, and nothing twice.
func TestAcknowledgedSurvivesPowerCuts(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			cuts := recordCuts(t, seed)
			for i, c := range cuts {
				if err := checkCut(t, c); err != nil {
					t.Fatalf("seed %d, cut %d: %v", seed, i, err)
				}
			}
			t.Logf("%d cuts, %d acknowledged before the last", len(cuts), len(cuts[len(cuts)-1].known.acked))
		})
	}
}

type cut struct {
	fs    *vfs.MemFS
	known *ledger
}

func recordCuts(t *testing.T, seed uint64) []cut {
	mem := vfs.NewCrashableMem()
	rng := rand.New(rand.NewPCG(seed, 1))
	led := &ledger{acked: map[base.Position]string{}}
	var mu sync.Mutex
	var cuts []cut
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && rng.IntN(3) == 0 {
			known := led.clone() // before the disk: it may know less, never more
			clone := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
			cuts = append(cuts, cut{clone, known})
		}
		return nil
	}))
	n := mustNode(t, fs)
	sm := &machine{}
	g := n.open(t, 1, sm)
	var wg sync.WaitGroup
	for c := range 4 {
		wg.Go(func() {
			for i := range 40 {
				text := fmt.Sprintf("client %d, proposal %d %0*d", c, i, 100*(i%9), 0)
				pos, err := g.Propose(noCtx, []byte(text), nil)
				if err != nil {
					t.Error(err)
					return
				}
				led.Lock()
				led.acked[pos] = text
				led.Unlock()
				if c == 0 && i%10 == 9 {
					flush(g, sm, led)
				}
			}
		})
	}
	wg.Wait()
	n.close(t)
	return cuts
}

// flush makes what was applied durable, as a tablet does.
func flush(g *Group, sm *machine, led *ledger) {
	index := g.AppliedIndex()
	led.Lock()
	led.durable = index
	led.Unlock()
	sm.setDurable(index)
	g.NoteDurable()
}

func checkCut(t *testing.T, c cut) error {
	n := mustNode(t, c.fs)
	defer n.close(t)
	sm := &machine{durable: c.known.durable}
	if n.log.Group(1).LastIndex() < sm.durable {
		return fmt.Errorf("log ends at %d, %d was applied", n.log.Group(1).LastIndex(), sm.durable)
	}
	// The cut may fall behind a flush the ledger did not know of: the state
	// machine is then at least where the log was truncated.
	sm.durable = max(sm.durable, n.log.Group(1).Compacted().Index)
	g := n.open(t, 1, sm) // machine panics when something comes twice or out of order
	index, err := g.ReadIndex(t.Context())
	if err != nil {
		return err
	}
	if err := g.WaitApplied(t.Context(), index); err != nil {
		return err
	}
	got := map[base.Position]string{}
	for _, a := range sm.snapshot() {
		got[a.Position] = string(a.Data)
	}
	for pos, text := range c.known.acked {
		if pos.Index > sm.durable && got[pos] != text {
			return fmt.Errorf("acknowledged %.30q at %v, replayed %.30q", text, pos, got[pos])
		}
	}
	_, err = g.Propose(t.Context(), []byte("and on"), nil)
	return err
}

// TestEveryFileOperationFails lets the n-th file operation fail, for every n:
// nothing hangs or panics, and what was acknowledged is there afterwards.
func TestEveryFileOperationFails(t *testing.T) {
	injected := errors.New("injected")
	for n := int64(0); ; n++ {
		mem := vfs.NewCrashableMem()
		var count atomic.Int64
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if count.Add(1)-1 == n {
				return fmt.Errorf("%w: %v %s", injected, op.Kind, op.Path)
			}
			return nil
		}))
		known, err := proposeSome(fs)
		if err != nil && !errors.Is(err, injected) {
			t.Fatalf("operation %d: %v", n, err)
		}
		if len(known.acked) > 0 {
			if err := checkCut(t, cut{mem.CrashClone(vfs.CrashCloneCfg{}), known}); err != nil {
				t.Fatalf("operation %d: %v", n, err)
			}
		}
		if count.Load() <= n {
			t.Logf("%d operations", n)
			return
		}
	}
}

// proposeSome proposes until something fails, over the end of a segment.
func proposeSome(fs vfs.FS) (*ledger, error) {
	led := &ledger{acked: map[base.Position]string{}}
	l, err := wal.Open(wal.Options{FS: fs, Dir: "log", SegmentBytes: 16 << 10})
	if err != nil {
		return led, err
	}
	h, err := NewHost(Options{Node: 1, Log: l})
	if err != nil {
		return led, err
	}
	g, err := h.Open(noCtx, GroupOptions{ID: 1, StateMachine: &machine{}})
	stop := make(chan struct{})
	var ticking sync.WaitGroup
	ticking.Go(func() { // a refused append is written again at a tick
		for {
			select {
			case <-stop:
				return
			default:
				h.Tick()
				runtime.Gosched()
			}
		}
	})
	for i := 0; err == nil && i < 12; i++ {
		text := fmt.Sprintf("proposal %d %02000d", i, 0)
		var pos base.Position
		if pos, err = g.Propose(noCtx, []byte(text), nil); err == nil {
			led.acked[pos] = text
		}
	}
	close(stop)
	ticking.Wait()
	return led, errors.Join(err, h.Close(), l.Close())
}

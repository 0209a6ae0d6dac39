package replica

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/wal"
)

func TestProposeApplyReopen(t *testing.T) {
	fs := vfs.NewMem()
	n := mustNode(t, fs)
	sm := &machine{}
	g := n.open(t, 1, sm)
	var positions []base.Position
	for i := range 10 {
		pos, err := g.Propose(t.Context(), fmt.Appendf(nil, "entry %d", i), i)
		if err != nil {
			t.Fatal(err)
		}
		positions = append(positions, pos)
	}
	index, err := g.ReadIndex(t.Context())
	if err != nil || index < positions[9].Index {
		t.Fatalf("read index %d, %v; last position %v", index, err, positions[9])
	}
	if err := g.WaitApplied(t.Context(), index); err != nil {
		t.Fatal(err)
	}
	for i, a := range sm.snapshot() {
		if a.Position != positions[i] || string(a.Data) != fmt.Sprintf("entry %d", i) || a.Local != i {
			t.Errorf("applied %v %q %v, want %v", a.Position, a.Data, a.Local, positions[i])
		}
	}
	if s := g.Status(); s.Leader != 1 || s.Applied != index || s.Commit != index || s.Term != positions[9].Term {
		t.Errorf("status %+v", s)
	}
	n.close(t)

	n = mustNode(t, fs)
	defer n.close(t)
	again := &machine{durable: positions[3].Index}
	g = n.open(t, 1, again)
	index, _ = g.ReadIndex(t.Context())
	if err := g.WaitApplied(t.Context(), index); err != nil {
		t.Fatal(err)
	}
	got := again.snapshot()
	if len(got) != 6 {
		t.Fatalf("replayed %d entries, want 6", len(got))
	}
	for i, a := range got {
		if a.Position != positions[4+i] || string(a.Data) != fmt.Sprintf("entry %d", 4+i) || a.Local != nil {
			t.Errorf("replayed %v %q %v, want %v", a.Position, a.Data, a.Local, positions[4+i])
		}
	}
}

func TestNoteDurableTruncatesTheLog(t *testing.T) {
	fs := vfs.NewMem()
	n := mustNode(t, fs)
	sm := &machine{}
	g := n.open(t, 1, sm)
	var last base.Position
	for range 50 {
		var err error
		if last, err = g.Propose(t.Context(), make([]byte, 1000), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.WaitApplied(t.Context(), last.Index); err != nil {
		t.Fatal(err)
	}
	sm.setDurable(last.Index - 1)
	g.NoteDurable()
	n.close(t) // drains
	n = mustNode(t, fs)
	if got := n.log.Group(1).FirstIndex(); got != last.Index {
		t.Errorf("log starts at %d, want %d", got, last.Index)
	}
	again := &machine{durable: last.Index - 1}
	g = n.open(t, 1, again)
	index, _ := g.ReadIndex(t.Context())
	if err := g.WaitApplied(t.Context(), index); err != nil {
		t.Fatal(err)
	}
	if got := again.snapshot(); len(got) != 1 || got[0].Index != last.Index {
		t.Errorf("replayed %d entries", len(got))
	}
	n.close(t)

	n = mustNode(t, fs)
	defer n.close(t)
	for _, durable := range []uint64{last.Index - 2, 1 << 40} {
		_, err := n.host.Open(t.Context(), GroupOptions{ID: 1, StateMachine: &machine{durable: durable}})
		if !base.IsCorruption(err) {
			t.Errorf("durable %d against a log from %d on: %v", durable, last.Index, err)
		}
	}
}

func TestTicksTruncateToo(t *testing.T) {
	n := mustNode(t, vfs.NewMem())
	defer n.close(t)
	sm := &machine{}
	g := n.open(t, 1, sm)
	pos, err := g.Propose(t.Context(), []byte("x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.WaitApplied(t.Context(), pos.Index); err != nil {
		t.Fatal(err)
	}
	sm.setDurable(pos.Index)
	for n.log.Group(1).FirstIndex() <= pos.Index {
		n.host.Tick()
	}
}

func TestProposeRefusals(t *testing.T) {
	n := mustNode(t, vfs.NewMem())
	sm := &machine{}
	g := n.open(t, 1, sm)
	f := func(data []byte, want base.Class) {
		t.Helper()
		if _, err := g.Propose(t.Context(), data, nil); base.ClassOf(err) != want || err == nil {
			t.Errorf("%d bytes: %v, want class %v", len(data), err, want)
		}
	}
	f(nil, base.ClassInvalid)
	f(make([]byte, n.log.MaxEntryBytes()+1), base.ClassTooLarge)
	if _, err := g.Propose(t.Context(), make([]byte, n.log.MaxEntryBytes()), nil); err != nil {
		t.Error(err)
	}
	if _, err := n.host.Open(t.Context(), GroupOptions{ID: 1, StateMachine: sm}); base.ClassOf(err) != base.ClassConflict {
		t.Errorf("second open: %v", err)
	}
	if _, err := n.host.Open(t.Context(), GroupOptions{ID: 2}); base.ClassOf(err) != base.ClassInvalid {
		t.Errorf("no state machine: %v", err)
	}
	n.close(t)
	f([]byte("late"), base.ClassUnavailable)
	if _, err := g.ReadIndex(t.Context()); base.ClassOf(err) != base.ClassUnavailable {
		t.Errorf("read of a closed group: %v", err)
	}
	if err := g.WaitApplied(t.Context(), 1<<40); base.ClassOf(err) != base.ClassUnavailable {
		t.Errorf("wait on a closed group: %v", err)
	}
	if err := g.Close(); base.ClassOf(err) != base.ClassUnavailable {
		t.Errorf("second close: %v", err)
	}
	if _, err := n.host.Open(t.Context(), GroupOptions{ID: 3, StateMachine: sm}); base.ClassOf(err) != base.ClassUnavailable {
		t.Errorf("open on a closed host: %v", err)
	}
}

// TestSlowStateMachinePushesBack: proposals are acknowledged while nothing is
// applied, up to the bound, and refused as overload from there.
func TestSlowStateMachinePushesBack(t *testing.T) {
	n := &node{log: mustLog(t, vfs.NewMem())}
	var err error
	n.host, err = NewHost(Options{Node: 1, Log: n.log, UnappliedBytes: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	sm := &machine{block: make(chan struct{}), entered: make(chan struct{}, 1)}
	g := n.open(t, 1, sm)
	for i := range 10 {
		if _, err := g.Propose(t.Context(), make([]byte, 1000), nil); err != nil {
			t.Fatalf("proposal %d: %v", i, err)
		}
	}
	<-sm.entered
	_, err = g.Propose(t.Context(), make([]byte, 1000), nil)
	if base.ClassOf(err) != base.ClassOverload {
		t.Fatalf("proposal over the bound: %v", err)
	}
	if got := g.UnappliedBytes(); got != 10_000 {
		t.Errorf("%d bytes wait to be applied, want 10,000", got)
	}
	if g.AppliedIndex() > 1 { // 1 is the leader's own, empty entry
		t.Errorf("applied %d", g.AppliedIndex())
	}
	close(sm.block)
	index, _ := g.ReadIndex(t.Context())
	if err := g.WaitApplied(t.Context(), index); err != nil {
		t.Fatal(err)
	}
	for { // the bytes are given back right after applying
		_, err := g.Propose(t.Context(), make([]byte, 1000), nil)
		if err == nil {
			break
		}
		if base.ClassOf(err) != base.ClassOverload {
			t.Fatal(err)
		}
	}
	n.close(t)
}

func TestFailedLogFailsEverything(t *testing.T) {
	mem := vfs.NewMem()
	var broken atomic.Bool
	injected := errors.New("injected")
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && op.Kind == errorfs.OpFileSyncData && strings.Contains(op.Path, "0000000000000001") {
			return injected
		}
		return nil
	}))
	n := mustNode(t, fs)
	g := n.open(t, 1, &machine{})
	if _, err := g.Propose(t.Context(), []byte("good"), nil); err != nil {
		t.Fatal(err)
	}
	broken.Store(true)
	for range 2 {
		_, err := g.Propose(t.Context(), []byte("bad"), nil)
		if !errors.Is(err, wal.ErrPoisoned) || !errors.Is(err, injected) || base.ClassOf(err) != base.ClassUnavailable {
			t.Errorf("propose: %v", err)
		}
	}
	if _, err := g.ReadIndex(t.Context()); !errors.Is(err, wal.ErrPoisoned) {
		t.Errorf("read index: %v", err)
	}
	if err := g.Err(); !errors.Is(err, wal.ErrPoisoned) {
		t.Errorf("the group does not say why it failed: %v", err)
	}
	if err := g.WaitApplied(t.Context(), 1<<40); !errors.Is(err, wal.ErrPoisoned) {
		t.Errorf("wait: %v", err)
	}
	if err := n.host.Close(); err != nil {
		t.Error(err)
	}
	if err := n.log.Close(); !errors.Is(err, wal.ErrPoisoned) {
		t.Errorf("close log: %v", err)
	}
}

// TestFullDiskRefusesAndResumes: with no room for the next segment proposals
// are refused, none is lost, and all goes on when there is room.
func TestFullDiskRefusesAndResumes(t *testing.T) {
	mem := vfs.NewMem()
	var full atomic.Bool
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && op.Kind == errorfs.OpOpen && strings.HasSuffix(op.Path, ".tmp") {
			return errors.New("no space left on device")
		}
		return nil
	}))
	n := mustNode(t, fs)
	sm := &machine{}
	g := n.open(t, 1, sm)
	full.Store(true)
	acked, refused := 0, 0
	for refused < 3 {
		ctx, cancel := context.WithCancel(t.Context())
		go func() { // a refused append is repeated by ticks; here it cannot succeed
			for n.log.Pressure() == nil {
				if ctx.Err() != nil {
					return
				}
				runtime.Gosched()
			}
			cancel()
		}()
		_, err := g.Propose(ctx, make([]byte, 3000), nil)
		switch {
		case err == nil:
			acked++
		case base.ClassOf(err) == base.ClassOverload || errors.Is(err, context.Canceled):
			refused++
		default:
			t.Fatal(err)
		}
		cancel()
	}
	full.Store(false)
	for n.log.Pressure() != nil {
		runtime.Gosched() // another try is on its way
	}
	stopTicks := make(chan struct{})
	var ticking sync.WaitGroup
	ticking.Go(func() {
		for {
			select {
			case <-stopTicks:
				return
			default:
				n.host.Tick()
			}
		}
	})
	pos, err := g.Propose(t.Context(), []byte("last"), nil)
	if err != nil {
		t.Fatal(err)
	}
	close(stopTicks)
	ticking.Wait()
	if err := g.WaitApplied(t.Context(), pos.Index); err != nil {
		t.Fatal(err)
	}
	if got := len(sm.snapshot()); got < acked+1 || got > acked+refused+1 {
		t.Errorf("applied %d, acknowledged %d, refused %d", got, acked+1, refused)
	}
	n.close(t)
}

func TestManyClientsManyGroups(t *testing.T) {
	n := mustNode(t, vfs.NewMem())
	const groups, clients, each = 4, 8, 50
	machines := make([]*machine, groups)
	var wg sync.WaitGroup
	for i := range groups {
		machines[i] = &machine{}
		g := n.open(t, base.GroupID(i+1), machines[i])
		for c := range clients {
			wg.Go(func() {
				for j := range each {
					text := fmt.Sprintf("%d/%d/%d", i, c, j)
					pos, err := g.Propose(noCtx, []byte(text), text)
					if err == nil {
						err = g.WaitApplied(noCtx, pos.Index)
					}
					if err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Go(func() {
			for range 200 {
				n.host.Tick()
				g.NoteDurable()
			}
		})
	}
	wg.Wait()
	for i, m := range machines {
		seen := map[string]bool{}
		for _, a := range m.snapshot() {
			if string(a.Data) != a.Local || seen[string(a.Data)] {
				t.Errorf("group %d: %q with local %v", i+1, a.Data, a.Local)
			}
			seen[string(a.Data)] = true
		}
		if len(seen) != clients*each {
			t.Errorf("group %d applied %d entries", i+1, len(seen))
		}
	}
	n.close(t)
}

// TestOpenOnAFullDisk says so, instead of waiting for ticks that may begin
// only when all groups are open.
func TestOpenOnAFullDisk(t *testing.T) {
	mem := vfs.NewMem()
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpOpen && strings.HasSuffix(op.Path, "2.tmp") {
			return errors.New("no space left on device")
		}
		return nil
	}))
	n := mustNode(t, fs)
	defer n.close(t)
	err := n.open(t, 1, &machine{}).Close()
	for i := uint64(1); err == nil; i++ { // another group fills the segment
		err = n.log.Append(t.Context(), []wal.Write{{Group: 9, Entries: []wal.Entry{{Index: i, Term: 1}}}})
	}
	if base.ClassOf(err) != base.ClassOverload {
		t.Fatal(err)
	}
	_, err = n.host.Open(t.Context(), GroupOptions{ID: 1, StateMachine: &machine{}})
	if base.ClassOf(err) != base.ClassOverload {
		t.Errorf("open: %v", err)
	}
}

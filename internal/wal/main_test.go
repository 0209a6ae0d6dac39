package wal

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"github.com/pandodb/pando/internal/base"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// zeroReader makes identities and nonces the same in every run.
type zeroReader struct{}

func (zeroReader) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func testOptions(fs vfs.FS) Options {
	return Options{FS: fs, Dir: "data/log", SegmentBytes: minSegmentBytes}
}

func mustOpen(t testing.TB, opts Options) *Log {
	t.Helper()
	l, err := Open(opts)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return l
}

func mustClose(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

func mustAppend(t testing.TB, l *Log, ws ...Write) {
	t.Helper()
	if err := l.Append(t.Context(), ws); err != nil {
		t.Fatalf("append: %v", err)
	}
}

// entries returns n entries from index first on, with data that tells them
// apart.
func entries(group base.GroupID, first, term uint64, n, bytes int) []Entry {
	es := make([]Entry, n)
	for i := range es {
		index := first + uint64(i)
		es[i] = Entry{Index: index, Term: term, Type: uint8(index % 3), Data: payload(group, index, term, bytes)}
	}
	return es
}

func payload(group base.GroupID, index, term uint64, bytes int) []byte {
	b := fmt.Appendf(nil, "%d/%d/%d ", group, index, term)
	for len(b) < bytes {
		b = append(b, byte(len(b)*7)^byte(index))
	}
	return b
}

// twin is the obvious log: what a group must look like.
type twin struct {
	compacted base.Position
	entries   []Entry // from compacted.Index+1 on
	state     HardState
	meta      []byte
}

func (w *twin) last() uint64 { return w.compacted.Index + uint64(len(w.entries)) }

func (w *twin) term(i uint64) uint64 {
	if i == w.compacted.Index {
		return w.compacted.Term
	}
	return w.entries[i-w.compacted.Index-1].Term
}

func (w *twin) write(wr Write) {
	if wr.Reset != nil {
		w.compacted, w.entries = *wr.Reset, nil
	}
	if len(wr.Entries) > 0 {
		keep := wr.Entries[0].Index - w.compacted.Index - 1
		w.entries = append(w.entries[:keep:keep], wr.Entries...)
	}
	if wr.State != nil {
		w.state = *wr.State
	}
	if wr.Meta != nil {
		w.meta = wr.Meta
	}
}

func (w *twin) compact(i uint64) {
	if i > w.compacted.Index {
		term := w.term(i)
		w.entries = w.entries[i-w.compacted.Index:]
		w.compacted = base.Position{Term: term, Index: i}
	}
}

func (w *twin) clone() *twin {
	c := *w
	c.entries = append([]Entry(nil), w.entries...)
	return &c
}

// diff returns how a group differs from its twin, "" if it does not.
func (w *twin) diff(g *Group) string {
	if got := g.Compacted(); got != w.compacted {
		return fmt.Sprintf("compacted at %v, want %v", got, w.compacted)
	}
	if g.FirstIndex() != w.compacted.Index+1 || g.LastIndex() != w.last() {
		return fmt.Sprintf("entries %d to %d, want %d to %d", g.FirstIndex(), g.LastIndex(), w.compacted.Index+1, w.last())
	}
	if got := g.HardState(); got != w.state {
		return fmt.Sprintf("state %v, want %v", got, w.state)
	}
	if !bytes.Equal(g.Meta(), w.meta) {
		return fmt.Sprintf("meta %q, want %q", g.Meta(), w.meta)
	}
	got, err := readAll(g)
	if err != nil {
		return err.Error()
	}
	for i := range w.entries {
		if d := diffEntry(&got[i], &w.entries[i]); d != "" {
			return d
		}
	}
	return ""
}

func diffEntry(got, want *Entry) string {
	if got.Index != want.Index || got.Term != want.Term || got.Type != want.Type || !bytes.Equal(got.Data, want.Data) {
		return fmt.Sprintf("entry %d/%d/%d %.20q, want %d/%d/%d %.20q", got.Index, got.Term, got.Type, got.Data, want.Index, want.Term, want.Type, want.Data)
	}
	return ""
}

// readAll reads a group in pieces, as a replica that catches up does.
func readAll(g *Group) ([]Entry, error) {
	var all []Entry
	last := g.LastIndex()
	for next := g.FirstIndex(); next <= last; {
		es, err := g.Entries(next, last+1, 3000)
		if err != nil {
			return nil, fmt.Errorf("read from %d: %w", next, err)
		}
		all = append(all, es...)
		next += uint64(len(es))
	}
	return all, nil
}

// workload makes random writes that a replica could make.
type workload struct {
	rng   *rand.Rand
	twins map[base.GroupID]*twin
	terms map[base.GroupID]uint64
}

func newWorkload(seed uint64, groups int) *workload {
	w := &workload{rng: rand.New(rand.NewPCG(seed, 1)), twins: map[base.GroupID]*twin{}, terms: map[base.GroupID]uint64{}}
	for id := base.GroupID(1); id <= base.GroupID(groups); id++ {
		w.twins[id], w.terms[id] = &twin{}, 1
	}
	return w
}

func (w *workload) group() base.GroupID { return base.GroupID(1 + w.rng.IntN(len(w.twins))) }

// next returns a write for a group, without telling the twin.
func (w *workload) next(id base.GroupID) Write {
	tw := w.twins[id]
	wr := Write{Group: id}
	first := tw.last() + 1
	switch w.rng.IntN(12) {
	case 0: // a new leader replaces what was not committed
		w.terms[id]++
		first = max(tw.state.Commit, tw.compacted.Index) + 1
	case 1:
		w.terms[id]++
		wr.Reset = &base.Position{Term: w.terms[id], Index: tw.last() + uint64(w.rng.IntN(5))}
		first = wr.Reset.Index + 1
	case 2:
		wr.Meta = fmt.Appendf(nil, "meta %d of %d", w.rng.IntN(1000), id)
	}
	n := w.rng.IntN(6)
	wr.Entries = entries(id, first, w.terms[id], n, w.rng.IntN(700))
	if w.rng.IntN(3) == 0 {
		last := first - 1 + uint64(n)
		commit := tw.state.Commit
		if commit < last {
			commit += w.rng.Uint64N(last-commit) + 1
		}
		wr.State = &HardState{Term: w.terms[id], Vote: uint64(w.rng.IntN(3)), Commit: commit}
	}
	return wr
}

// noCtx is for code that runs on no test's goroutine.
var noCtx = context.Background()

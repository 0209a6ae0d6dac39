package memtable

import (
	"bytes"
	"cmp"
	"slices"
	"sync"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// Run is one appended batch with its key index.
type Run struct {
	*column.Batch
	Time base.TimeRange // of the rows

	memo   sync.Map // what readers derived from the batch, by their own keys
	once   sync.Once
	keys   []uint32 // key codes, ascending by key
	starts []uint32 // rows of keys[i] are rows[starts[i]:starts[i+1]]
	rows   []uint32 // grouped by key, ascending within one
}

// Memo returns what build made for the key, building it at the first call. It
// lives as long as the Run. Two first calls at once may both build.
func (r *Run) Memo(key any, build func() any) any {
	if v, ok := r.memo.Load(key); ok {
		return v
	}
	v, _ := r.memo.LoadOrStore(key, build())
	return v
}

// RowsOf returns the rows whose key equals key, ascending. The first call on a
// Run builds the index. The slice must not be changed.
func (r *Run) RowsOf(key []byte) []uint32 {
	r.once.Do(r.buildIndex)
	i, ok := slices.BinarySearchFunc(r.keys, key, func(code uint32, k []byte) int {
		return bytes.Compare(r.Keys.Value(code), k)
	})
	if !ok {
		return nil
	}
	return r.rows[r.starts[i]:r.starts[i+1]]
}

// RowsBetween returns the rows whose key lies in [lo, hi), ascending; a nil hi is
// unbounded. The slice is the caller's.
func (r *Run) RowsBetween(lo, hi []byte) []uint32 {
	r.once.Do(r.buildIndex)
	at := func(key []byte) int {
		i, _ := slices.BinarySearchFunc(r.keys, key, func(code uint32, k []byte) int {
			return bytes.Compare(r.Keys.Value(code), k)
		})
		return i
	}
	from, to := at(lo), len(r.keys)
	if hi != nil {
		to = at(hi)
	}
	if from >= to {
		return nil
	}
	rows := slices.Clone(r.rows[r.starts[from]:r.starts[to]])
	slices.Sort(rows)
	return rows
}

// SortedKeys returns the distinct keys, ascending. They alias the batch.
func (r *Run) SortedKeys() [][]byte {
	r.once.Do(r.buildIndex)
	out := make([][]byte, len(r.keys))
	for i, c := range r.keys {
		out[i] = r.Keys.Value(c)
	}
	return out
}

// buildIndex groups the rows by key with one counting sort. Equal keys under
// different codes are merged, since a batch's Keys need not be distinct.
func (r *Run) buildIndex() {
	n := r.Keys.Len()
	codes := make([]uint32, n)
	for i := range codes {
		codes[i] = uint32(i)
	}
	slices.SortFunc(codes, func(a, b uint32) int {
		if c := bytes.Compare(r.Keys.Value(a), r.Keys.Value(b)); c != 0 {
			return c
		}
		return cmp.Compare(a, b)
	})
	rank := make([]uint32, n)
	r.keys = codes[:0]
	for _, c := range codes {
		if k := len(r.keys); k == 0 || !bytes.Equal(r.Keys.Value(r.keys[k-1]), r.Keys.Value(c)) {
			r.keys = append(r.keys, c)
		}
		rank[c] = uint32(len(r.keys) - 1)
	}
	r.starts = make([]uint32, len(r.keys)+1)
	for _, c := range r.KeyCodes {
		r.starts[rank[c]+1]++
	}
	for i := range r.keys {
		r.starts[i+1] += r.starts[i]
	}
	next := slices.Clone(r.starts)
	r.rows = make([]uint32, r.Rows)
	for row, c := range r.KeyCodes {
		r.rows[next[rank[c]]] = uint32(row)
		next[rank[c]]++
	}
}

// Table is a memtable.
type Table struct {
	mu struct {
		sync.Mutex
		runs  []*Run // entries never change: a View keeps a prefix
		small int    // how many of the last runs are small
		rows  int
		bytes int
		first base.Position
		last  base.Position
	}
}

// Append adds a batch that was committed at pos. Batches come in log order.
func (t *Table) Append(pos base.Position, b *column.Batch) {
	run := &Run{Batch: b, Time: b.TimeRange()}
	size := b.SizeBytes()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.mu.runs) == 0 {
		t.mu.first = pos
	}
	t.mu.runs = append(t.mu.runs, run)
	t.mu.rows += b.Rows
	t.mu.bytes += size
	t.mu.last = pos
	if t.mu.small++; b.Rows >= smallRows {
		t.mu.small = 0
	}
	if t.mu.small == joinRuns {
		t.joinLocked()
	}
}

const (
	// smallRows is what makes a run small: a reader's cost per run outweighs that
	// of its rows.
	smallRows = 256
	// joinRuns is how many small runs become one. A row is copied at most
	// smallRows/joinRuns times that way, some microseconds for each small batch.
	joinRuns = 32
)

// joinLocked replaces the last small runs by one with all their rows: clients that
// send a span at a time must not make every reader visit thousands of runs.
func (t *Table) joinLocked() {
	at := len(t.mu.runs) - t.mu.small
	joined := Sort(t.mu.runs[at:], base.AllTime, column.KeepAll).Batch()
	for _, run := range t.mu.runs[at:] {
		t.mu.bytes -= run.SizeBytes()
	}
	t.mu.bytes += joined.SizeBytes()
	t.mu.runs = append(slices.Clone(t.mu.runs[:at]), &Run{Batch: joined, Time: joined.TimeRange()})
	t.mu.small = 1
	if joined.Rows >= smallRows {
		t.mu.small = 0
	}
}

// First returns the log position of the oldest batch, and false when empty.
func (t *Table) First() (base.Position, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.first, len(t.mu.runs) > 0
}

// View is what a memtable held at one moment.
type View struct {
	Runs  []*Run
	Rows  int
	Bytes int           // memory of the batches
	Last  base.Position // of the newest batch, zero when empty
}

// View returns the rows appended so far.
func (t *Table) View() View {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(t.mu.runs)
	return View{Runs: t.mu.runs[:n:n], Rows: t.mu.rows, Bytes: t.mu.bytes, Last: t.mu.last}
}

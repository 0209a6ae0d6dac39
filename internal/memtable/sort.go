package memtable

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/invariants"
)

// absent marks a row that is not in the sorted order: dropped as redundant or
// outside the time range.
const absent = ^uint32(0)

// Sorted is one order over the rows of several batches.
type Sorted struct {
	runs []*Run
	refs []ref      // the rows in order
	pos  [][]uint32 // pos[run][row] is the row's place in refs, or absent
}

// ref names a row of a run.
type ref struct {
	run uint32
	row uint32
}

// Sort orders the rows of the runs whose time lies in r by identity and drops
// those that rule makes redundant. Of rows that are exact duplicates the first
// appended stays.
func Sort(runs []*Run, r base.TimeRange, rule column.Rule) *Sorted {
	s := &Sorted{runs: runs}
	ranks, keys := rankKeys(runs)
	s.place(ranks, keys, r)
	s.reconcile(rule)
	s.pos = make([][]uint32, len(runs))
	for i, run := range runs {
		s.pos[i] = make([]uint32, run.Rows)
		for j := range s.pos[i] {
			s.pos[i][j] = absent
		}
	}
	for i, x := range s.refs {
		s.pos[x.run][x.row] = uint32(i)
	}
	return s
}

// Rows returns the number of rows in the order.
func (s *Sorted) Rows() int { return len(s.refs) }

// rankKeys gives every key code of every run the rank of its key among all
// distinct keys.
func rankKeys(runs []*Run) (ranks [][]uint32, keys int) {
	seen := make(map[string]uint32)
	var distinct [][]byte
	ranks = make([][]uint32, len(runs))
	for i, run := range runs {
		ranks[i] = make([]uint32, run.Keys.Len())
		for c := range ranks[i] {
			k := run.Keys.Value(uint32(c))
			id, ok := seen[string(k)]
			if !ok {
				id = uint32(len(distinct))
				seen[string(k)] = id
				distinct = append(distinct, k)
			}
			ranks[i][c] = id
		}
	}
	order := make([]uint32, len(distinct))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int { return bytes.Compare(distinct[a], distinct[b]) })
	rankOf := make([]uint32, len(distinct))
	for rank, id := range order {
		rankOf[id] = uint32(rank)
	}
	for i := range ranks {
		for c, id := range ranks[i] {
			ranks[i][c] = rankOf[id]
		}
	}
	return ranks, len(distinct)
}

// place counts the rows into their key's range of refs and sorts each range.
func (s *Sorted) place(ranks [][]uint32, keys int, r base.TimeRange) {
	next := make([]uint32, keys+1)
	for i, run := range s.runs {
		for row, c := range run.KeyCodes {
			if r.Contains(run.Times[row]) {
				next[ranks[i][c]+1]++
			}
		}
	}
	for k := range keys {
		next[k+1] += next[k]
	}
	s.refs = make([]ref, next[keys])
	starts := slices.Clone(next)
	for i, run := range s.runs {
		for row, c := range run.KeyCodes {
			if r.Contains(run.Times[row]) {
				k := ranks[i][c]
				s.refs[next[k]] = ref{uint32(i), uint32(row)}
				next[k]++
			}
		}
	}
	for k := range keys {
		slices.SortFunc(s.refs[starts[k]:starts[k+1]], s.compareInKey)
	}
}

// compareInKey orders rows of one key by time, id and arrival.
func (s *Sorted) compareInKey(a, b ref) int {
	ra, rb := s.runs[a.run], s.runs[b.run]
	if c := cmp.Compare(ra.Times[a.row], rb.Times[b.row]); c != 0 {
		return c
	}
	if c := cmp.Compare(ra.IDs[a.row], rb.IDs[b.row]); c != 0 {
		return c
	}
	if c := cmp.Compare(a.run, b.run); c != 0 {
		return c
	}
	return cmp.Compare(a.row, b.row)
}

// reconcile drops redundant rows from refs.
func (s *Sorted) reconcile(rule column.Rule) {
	if rule == column.KeepAll {
		return
	}
	out := s.refs[:0] // never ahead of the rows still to be looked at
	for i := 0; i < len(s.refs); {
		end := i + 1
		for end < len(s.refs) && s.sameIdentity(s.refs[i], s.refs[end], rule) {
			end++
		}
		switch group := s.refs[i:end]; {
		case len(group) == 1:
			out = append(out, group[0])
		case rule == column.NewestWins:
			out = append(out, group[len(group)-1]) // ascending by version
		case len(group) <= maxPairwise:
			out = s.appendDistinct(out, group)
		default:
			out = s.appendHashed(out, group)
		}
		i = end
	}
	s.refs = out
}

// maxPairwise is how many rows of one identity are compared with each other.
// More come from senders that reuse ids, without bound: those are hashed first.
const maxPairwise = 8

// appendDistinct appends the rows of one identity that equal none before them.
func (s *Sorted) appendDistinct(out, group []ref) []ref {
	first := len(out)
	for _, x := range group {
		if !s.holds(out[first:], x) {
			out = append(out, x)
		}
	}
	return out
}

// appendHashed is appendDistinct in time linear in the rows.
func (s *Sorted) appendHashed(out, group []ref) []ref {
	kept := make(map[uint64][]ref, len(group))
	for _, x := range group {
		h := column.HashRow(s.runs[x.run].Batch, int(x.row))
		if !s.holds(kept[h], x) {
			kept[h] = append(kept[h], x)
			out = append(out, x)
		}
	}
	return out
}

func (s *Sorted) sameIdentity(a, b ref, rule column.Rule) bool {
	ra, rb := s.runs[a.run], s.runs[b.run]
	return ra.Times[a.row] == rb.Times[b.row] &&
		(rule == column.NewestWins || ra.IDs[a.row] == rb.IDs[b.row]) &&
		bytes.Equal(ra.Key(int(a.row)), rb.Key(int(b.row)))
}

// holds reports whether one of the rows equals x in every column.
func (s *Sorted) holds(rows []ref, x ref) bool {
	for _, y := range rows {
		if column.EqualRows(s.runs[x.run].Batch, int(x.row), s.runs[y.run].Batch, int(y.row)) {
			return true
		}
	}
	return false
}

// Identity fills dst with the identities of the rows [lo, hi) of the order.
func (s *Sorted) Identity(dst *column.Identity, lo, hi int) {
	dst.Reset()
	for _, x := range s.refs[lo:hi] {
		run := s.runs[x.run]
		dst.Append(run.Key(int(x.row)), run.Times[x.row], run.IDs[x.row])
	}
}

// Columns returns the columns any row may have, ascending.
func (s *Sorted) Columns() []column.ID {
	seen := make(map[column.ID]struct{})
	var ids []column.ID
	for _, run := range s.runs {
		for i := range run.Cols {
			id := run.Cols[i].ID
			if _, ok := seen[id]; !ok {
				seen[id] = struct{}{}
				ids = append(ids, id)
			}
		}
	}
	slices.SortFunc(ids, column.ID.Compare)
	return ids
}

// Batch returns the rows in order as one self-contained batch.
func (s *Sorted) Batch() *column.Batch {
	var id column.Identity
	s.Identity(&id, 0, s.Rows())
	b := &column.Batch{Rows: s.Rows(), Keys: id.Keys, Times: id.Times, IDs: id.IDs, KeyCodes: make([]uint32, 0, s.Rows())}
	for code, n := range id.Runs {
		for range n {
			b.KeyCodes = append(b.KeyCodes, uint32(code))
		}
	}
	for _, c := range s.Columns() {
		v := column.Vector{ID: c}
		switch {
		case c.Type.Coded():
			v.Rows, v.Codes = scatter(s, c, func(in *column.Vector) []uint32 { return appendUsed(&v.Dict, in) })
		case c.Type == column.Float64:
			v.Rows, v.Floats = scatter(s, c, func(in *column.Vector) []float64 { return in.Floats })
		default:
			v.Rows, v.Ints = scatter(s, c, func(in *column.Vector) []int64 { return in.Ints })
		}
		if v.Len() > 0 {
			b.Cols = append(b.Cols, v)
		}
	}
	return b
}

// appendUsed copies the dictionary values that v's rows use to dst and returns
// the rows' codes in it. A value used twice is copied once.
func appendUsed(dst *column.Dict, v *column.Vector) []uint32 {
	out := make([]uint32, len(v.Codes))
	moved := make(map[uint32]uint32)
	for i, c := range v.Codes {
		to, ok := moved[c]
		if !ok {
			to = dst.Append(v.Dict.Value(c))
			moved[c] = to
		}
		out[i] = to
	}
	return out
}

// Sink takes one column's values in row order, as a part's column writer does.
// Rows are ascending over all calls; nil rows mean the next rows without a gap.
type Sink interface {
	MapDict(d *column.Dict) []uint32
	AppendCodes(rows, codes []uint32) error
	AppendInts(rows []uint32, vals []int64) error
	AppendFloats(rows []uint32, vals []float64) error
}

// WriteColumn sends the column's values to dst in the order of the rows.
func (s *Sorted) WriteColumn(id column.ID, dst Sink) error {
	switch {
	case id.Type.Coded():
		rows, codes := scatter(s, id, func(v *column.Vector) []uint32 {
			m := dst.MapDict(&v.Dict)
			out := make([]uint32, len(v.Codes))
			for i, c := range v.Codes {
				out[i] = m[c]
			}
			return out
		})
		return dst.AppendCodes(rows, codes)
	case id.Type == column.Float64:
		return dst.AppendFloats(scatter(s, id, func(v *column.Vector) []float64 { return v.Floats }))
	default:
		return dst.AppendInts(scatter(s, id, func(v *column.Vector) []int64 { return v.Ints }))
	}
}

// scatter brings the column's values of all runs into the order. The returned
// rows are nil when every row has a value.
func scatter[T any](s *Sorted, id column.ID, values func(*column.Vector) []T) ([]uint32, []T) {
	n := 0
	cols := make([]*column.Vector, len(s.runs))
	for i, run := range s.runs {
		if cols[i] = run.Col(id); cols[i] != nil {
			n += cols[i].Len()
		}
	}
	if n < len(s.refs)/16 {
		return scatterSparse(s, cols, n, values)
	}
	vals := make([]T, len(s.refs))
	present := make([]bool, len(s.refs))
	count := 0
	for i, v := range cols {
		if v == nil {
			continue
		}
		pos, in := s.pos[i], values(v)
		for j, x := range in {
			row := uint32(j)
			if v.Rows != nil {
				row = v.Rows[j]
			}
			if p := pos[row]; p != absent {
				vals[p], present[p] = x, true
				count++
			}
		}
	}
	if count == len(s.refs) {
		return nil, vals
	}
	rows := make([]uint32, 0, count)
	for p, ok := range present {
		if ok {
			vals[len(rows)] = vals[p]
			rows = append(rows, uint32(p))
		}
	}
	return rows, vals[:len(rows)]
}

// scatterSparse is scatter for columns with few values: it sorts the values
// instead of walking all rows, so that thousands of rare columns stay cheap.
func scatterSparse[T any](s *Sorted, cols []*column.Vector, n int, values func(*column.Vector) []T) ([]uint32, []T) {
	type entry struct {
		row uint32
		val T
	}
	entries := make([]entry, 0, n)
	for i, v := range cols {
		if v == nil {
			continue
		}
		for j, x := range values(v) {
			row := uint32(j)
			if v.Rows != nil {
				row = v.Rows[j]
			}
			if p := s.pos[i][row]; p != absent {
				entries = append(entries, entry{p, x})
			}
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.row, b.row) })
	rows, vals := make([]uint32, len(entries)), make([]T, len(entries))
	for i, e := range entries {
		rows[i], vals[i] = e.row, e.val
		invariants.Check(i == 0 || rows[i-1] < e.row, "row %d placed twice", e.row)
	}
	return rows, vals
}

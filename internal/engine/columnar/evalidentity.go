package columnar

import (
	"bytes"
	"cmp"
	"context"
	"math"
	"slices"
	"sort"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/index"
	"github.com/pandodb/pando/internal/memtable"
	"github.com/pandodb/pando/internal/part"
)

// identityFamily is the family of the columns below, which no layout has.
const identityFamily = math.MaxUint8

// A row's identity as columns of a filter. Every row has a value in each; they
// are not read into batches, which have identities anyway.
var (
	RowKey  = column.ID{Family: identityFamily, Type: column.Bytes, Name: "key"}
	RowTime = column.ID{Family: identityFamily, Type: column.Int64, Name: "time"}
	// RowID holds the bits of an id, which is unsigned: ranges order it so.
	RowID = column.ID{Family: identityFamily, Type: column.Int64, Name: "id"}
)

// onIdentity reports whether the leaf is over a row's key, time or id.
func (x *Expr) onIdentity() bool {
	return x.Col.Family == identityFamily && (x.Col == RowKey || x.Col == RowTime || x.Col == RowID)
}

// identityInts tests times or ids against a leaf over them.
type identityInts struct {
	x      *Expr
	lo, hi int64 // closed interval in which all that pass lie
	flip   int64 // is applied to a value by xor to order it
	within bool  // all in the interval pass
}

func newIdentityInts(x *Expr) identityInts {
	t := identityInts{x: x, lo: math.MinInt64, hi: math.MaxInt64}
	if x.Col == RowID {
		t.flip = math.MinInt64
	}
	switch x.Op {
	case OpEqual:
		t.lo, t.within = x.Value.Int^t.flip, true
		t.hi = t.lo
	case OpRange:
		if t.within = true; x.Lo != nil {
			t.lo = x.Lo.Int ^ t.flip
		}
		if x.Hi != nil {
			t.hi = x.Hi.Int ^ t.flip
		}
	case OpIn:
		t.lo, t.hi = math.MaxInt64, math.MinInt64
		for _, v := range x.Values {
			t.lo, t.hi = min(t.lo, v.Int^t.flip), max(t.hi, v.Int^t.flip)
		}
	case OpExists:
		t.within = true
	case OpTrue, OpAnd, OpOr, OpNot, OpTest, OpRows: // bound nothing
	}
	return t
}

func (t *identityInts) matches(v int64) bool {
	if w := v ^ t.flip; w < t.lo || t.hi < w {
		return false
	}
	return t.within || t.x.matches(column.IntValue(v))
}

// appendRows appends those of the rows that pass, of the block that begins at
// first.
func (t *identityInts) appendRows(dst []uint32, id *column.Identity, rows []uint32, first uint32) []uint32 {
	if t.x.Col == RowTime {
		for _, r := range rows {
			if t.matches(id.Times[r-first]) {
				dst = append(dst, r)
			}
		}
		return dst
	}
	for _, r := range rows {
		if t.matches(int64(id.IDs[r-first])) {
			dst = append(dst, r)
		}
	}
	return dst
}

// excludes and includes say that no, or every, row with a time in r passes.
func (t *identityInts) excludes(r base.TimeRange) bool {
	lo, hi := closed(r)
	return hi < t.lo || t.hi < lo
}

func (t *identityInts) includes(r base.TimeRange) bool {
	lo, hi := closed(r)
	return t.within && t.lo <= lo && hi <= t.hi
}

// closed returns the first and the last time that rows of a run, part or block
// with the range may have. A range cannot tell the last nanosecond there is.
func closed(r base.TimeRange) (lo, hi int64) {
	if r.End == math.MaxInt64 {
		return r.Start, r.End
	}
	return r.Start, r.End - 1
}

// identityLeaf answers a leaf over keys, times or ids.
func (e *partEval) identityLeaf(ctx context.Context, x *Expr, within *index.Set) (*index.Set, error) {
	if x.Op == OpExists {
		return e.all(within), nil
	}
	if x.Col != RowKey {
		return e.intsLeaf(ctx, x, within)
	}
	if keys, ok := x.equals(); ok {
		return e.keysLeaf(ctx, keys, within)
	}
	return e.keyTestLeaf(ctx, x, within)
}

// keysLeaf looks keys up one by one: the key filter first, then the blocks that
// have the key. Of ascending keys, those of one block are found at one reading.
func (e *partEval) keysLeaf(ctx context.Context, keys []column.Value, within *index.Set) (*index.Set, error) {
	var spans []rowSpan
	var id *column.Identity
	read := -1 // the block that id is of
	for i := range keys {
		if i%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		key := keys[i].Bytes
		if !e.part.MayContainKey(key) {
			continue
		}
		lo, hi, _ := e.part.FindKey(key)
		for b := lo; b < hi; b++ {
			info := e.part.Block(b)
			first := uint32(info.FirstRow)
			if within != nil && within.CountRange(first, first+uint32(info.Rows)) == 0 {
				continue
			}
			if b != read {
				var err error
				if id, err = e.part.ReadIdentity(b); err != nil {
					return nil, err
				}
				read = b
			}
			if from, to := rowsOfKey(id, key); from < to {
				spans = append(spans, rowSpan{first + from, first + to})
			}
		}
	}
	slices.SortFunc(spans, func(a, b rowSpan) int { return cmp.Compare(a.first, b.first) })
	var rows []uint32
	for i, s := range spans {
		if i > 0 && s == spans[i-1] { // the key was asked for twice
			continue
		}
		rows = s.appendRows(rows)
	}
	return e.restrict(rows, within), nil
}

// rowSpan is the rows [first, end).
type rowSpan struct{ first, end uint32 }

func (s rowSpan) appendRows(dst []uint32) []uint32 {
	for r := s.first; r < s.end; r++ {
		dst = append(dst, r)
	}
	return dst
}

// rowsOfKey returns the rows [first, end) of a block that have the key.
func rowsOfKey(id *column.Identity, key []byte) (first, end uint32) {
	k, ok := findKey(&id.Keys, key)
	if !ok {
		return 0, 0
	}
	for _, r := range id.Runs[:k] {
		first += r
	}
	return first, first + id.Runs[k]
}

// keyTestLeaf tests every key of the blocks that hold candidates.
func (e *partEval) keyTestLeaf(ctx context.Context, x *Expr, within *index.Set) (*index.Set, error) {
	var rows []uint32
	from := 0
	if x.Op == OpRange && x.Lo != nil {
		from = e.part.SeekKey(x.Lo.Bytes)
	}
	meta := e.part.Meta()
	if !x.keysOverlap(meta.MinKey, meta.MaxKey) {
		return e.none(), nil
	}
	err := e.blocks(ctx, within, func(b int, info part.BlockInfo) error {
		if b < from {
			return nil
		}
		id, err := e.part.ReadIdentity(b)
		if err != nil {
			return err
		}
		n := id.Keys.Len()
		if !x.keysOverlap(id.Keys.Value(0), id.Keys.Value(uint32(n-1))) {
			return nil
		}
		s := rowSpan{end: uint32(info.FirstRow)}
		for k := range n {
			s = rowSpan{s.end, s.end + id.Runs[k]}
			if within != nil && within.CountRange(s.first, s.end) == 0 {
				continue
			}
			if x.matches(column.Value{Type: column.Bytes, Bytes: id.Keys.Value(uint32(k))}) {
				rows = s.appendRows(rows)
			}
		}
		return nil
	})
	return e.restrict(rows, within), err
}

// intsLeaf answers a leaf over times or ids. Times are read only of blocks that
// the leaf's bounds cut.
func (e *partEval) intsLeaf(ctx context.Context, x *Expr, within *index.Set) (*index.Set, error) {
	test := newIdentityInts(x)
	times := x.Col == RowTime
	switch meta := e.part.Meta(); {
	case test.lo > test.hi || times && test.excludes(meta.Time):
		return e.none(), nil
	case times && test.includes(meta.Time):
		return e.all(within), nil
	}
	var rows, buf []uint32
	err := e.blocks(ctx, within, func(b int, info part.BlockInfo) error {
		if times && test.excludes(info.Time) {
			return nil
		}
		buf = blockRows(within, info, buf[:0])
		if times && test.includes(info.Time) {
			rows = append(rows, buf...)
			return nil
		}
		id, err := e.part.ReadIdentity(b)
		if err != nil {
			return err
		}
		rows = test.appendRows(rows, id, buf, uint32(info.FirstRow))
		return nil
	})
	return e.restrict(rows, nil), err
}

// blockRows appends the candidates of a block; nil candidates are all rows.
func blockRows(within *index.Set, info part.BlockInfo, dst []uint32) []uint32 {
	s := rowSpan{uint32(info.FirstRow), uint32(info.FirstRow + info.Rows)}
	if within != nil {
		return within.Slice(s.first, s.end, dst)
	}
	return s.appendRows(dst)
}

// rowsByIdentity returns the rows of a memtable batch that pass a leaf over keys,
// times or ids.
func rowsByIdentity(run *memtable.Run, x *Expr) []uint32 {
	switch {
	case x.Op == OpExists:
		return rowSpan{0, uint32(run.Rows)}.appendRows(nil)
	case x.Col == RowKey:
		return keyRows(run, x)
	case x.Col == RowTime:
		return timeRows(run, x)
	}
	test := newIdentityInts(x)
	var rows []uint32
	for r, v := range run.IDs {
		if test.matches(int64(v)) {
			rows = append(rows, uint32(r))
		}
	}
	return rows
}

func timeRows(run *memtable.Run, x *Expr) (rows []uint32) {
	test := newIdentityInts(x)
	if test.excludes(run.Time) {
		return nil
	}
	for r, v := range run.Times {
		if test.matches(v) {
			rows = append(rows, uint32(r))
		}
	}
	return rows
}

// keyRows looks few keys up in the run's index and tests each of its keys when
// there are more to look up.
func keyRows(run *memtable.Run, x *Expr) (rows []uint32) {
	if keys, ok := x.equals(); ok && len(keys) < run.Keys.Len() {
		for i := range keys {
			rows = append(rows, run.RowsOf(keys[i].Bytes)...)
		}
		slices.Sort(rows)
		return slices.Compact(rows)
	}
	pass := make([]bool, run.Keys.Len())
	for c := range pass {
		pass[c] = x.matches(column.Value{Type: column.Bytes, Bytes: run.Keys.Value(uint32(c))})
	}
	for r, c := range run.KeyCodes {
		if pass[c] {
			rows = append(rows, uint32(r))
		}
	}
	return rows
}

// findKey returns the place of a key in a sorted dictionary of keys.
func findKey(keys *column.Dict, key []byte) (k int, ok bool) {
	n := keys.Len()
	k = sort.Search(n, func(i int) bool { return bytes.Compare(keys.Value(uint32(i)), key) >= 0 })
	return k, k < n && bytes.Equal(keys.Value(uint32(k)), key)
}

// keysOverlap reports whether a key in [lo, hi] may pass the leaf.
func (x *Expr) keysOverlap(lo, hi []byte) bool {
	return x.Op != OpRange || (x.Lo == nil || bytes.Compare(x.Lo.Bytes, hi) <= 0) &&
		(x.Hi == nil || bytes.Compare(lo, x.Hi.Bytes) <= 0)
}

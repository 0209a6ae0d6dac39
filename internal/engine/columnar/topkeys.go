package columnar

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/memtable"
	"github.com/pandodb/pando/internal/part"
)

// TopRequest asks for the keys whose matching rows reach the greatest values.
type TopRequest struct {
	Filter Expr
	Time   base.TimeRange // of matching rows
	// By is the Int64 column to order by; the zero ID orders by row time. A row
	// without a value counts as zero.
	By column.ID
	// Limit is how many keys to return; at least 1.
	Limit int
	// TieFrom is how many leading key bytes do not count when equal values are
	// ordered by key, ascending.
	TieFrom int
}

// Validate reports why the request cannot be answered, as a base.ClassInvalid or
// base.ClassTooLarge error.
func (r *TopRequest) Validate() error {
	switch {
	case r.Limit < 1:
		return base.Errorf(base.ClassInvalid, "limit %d: want at least 1", r.Limit)
	case r.By != (column.ID{}) && r.By.Type != column.Int64:
		return base.Errorf(base.ClassInvalid, "order by column %v: want one of integers", r.By)
	case r.TieFrom < 0:
		return base.Errorf(base.ClassInvalid, "ties from key byte %d: want 0 or more", r.TieFrom)
	}
	return r.Filter.Validate()
}

// Top is a key with the greatest value among its matching rows.
type Top struct {
	Key   []byte
	Value int64
}

// CompareTops orders tops by value descending, then key from byte tieFrom
// ascending.
func CompareTops(a, b Top, tieFrom int) int {
	if c := cmp.Compare(b.Value, a.Value); c != 0 {
		return c
	}
	return bytes.Compare(a.Key[min(tieFrom, len(a.Key)):], b.Key[min(tieFrom, len(b.Key)):])
}

// TopKeys returns the best keys, best first. It is exact over memtables and
// parts: a key's rows may lie in any number of them. Parts and blocks that
// cannot reach the list any more are skipped by their time range or zone. It
// looks at rows before they are reconciled, so under column.NewestWins a row
// that a newer version hides still counts.
func (v *View) TopKeys(ctx context.Context, req *TopRequest) ([]Top, error) {
	if err := req.Validate(); err != nil {
		return nil, err
	}
	time := v.clip(req.Time)
	top := topList{limit: req.Limit, tieFrom: req.TieFrom, at: make(map[string]int)}
	for _, run := range v.runs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		topOfRun(v.layout, run, req, time, &top)
	}
	parts := slices.Clone(v.parts)
	slices.SortStableFunc(parts, func(a, b *part.Part) int { return cmp.Compare(b.Meta().Time.End, a.Meta().Time.End) })
	for _, p := range parts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if req.By == (column.ID{}) && !top.mayEnter(p.Meta().Time.End-1) {
			break // ordered by time: no later part can be better
		}
		e := partEval{layout: v.layout, part: p, memo: &v.tablet.memo}
		if err := e.top(ctx, req, time, &top); err != nil {
			return nil, v.damaged(p, err)
		}
	}
	return top.sorted(), nil
}

// topOfRun offers the matching rows of a memtable batch.
func topOfRun(l *column.Layout, run *memtable.Run, req *TopRequest, r base.TimeRange, top *topList) {
	set := evalRun(l, run, &req.Filter, r)
	if set.Len() == 0 {
		return
	}
	by := run.Col(req.By)
	for _, row := range set.AppendTo(nil) {
		val := int64(0)
		if req.By == (column.ID{}) {
			val = run.Times[row]
		} else if by != nil {
			if p, ok := by.Find(row); ok {
				val = by.Ints[p]
			}
		}
		top.offer(run.Key(int(row)), val)
	}
}

// top offers the matching rows of the part.
func (e *partEval) top(ctx context.Context, req *TopRequest, r base.TimeRange, top *topList) error {
	set, err := e.rows(ctx, &req.Filter, r)
	if err != nil || set.Len() == 0 {
		return err
	}
	col := -1
	if req.By != (column.ID{}) {
		if c, ok := e.part.Column(req.By); ok {
			col = c
		}
	}
	var buf []uint32
	return e.blocks(ctx, set, func(b int, info part.BlockInfo) error {
		if !e.blockMayEnter(b, col, info, req, top) {
			return nil
		}
		buf = set.Slice(uint32(info.FirstRow), uint32(info.FirstRow+info.Rows), buf[:0])
		return e.topOfBlock(b, col, info, req, buf, top)
	})
}

// blockMayEnter asks time range or zone whether the block can still improve the
// list.
func (e *partEval) blockMayEnter(b, col int, info part.BlockInfo, req *TopRequest, top *topList) bool {
	if req.By == (column.ID{}) {
		return top.mayEnter(info.Time.End - 1)
	}
	if col < 0 {
		return top.mayEnter(0)
	}
	_, hi, ok := e.part.Zone(col, b)
	return !ok || top.mayEnter(max(hi, 0))
}

func (e *partEval) topOfBlock(b, col int, info part.BlockInfo, req *TopRequest, rows []uint32, top *topList) error {
	id, err := e.part.ReadIdentity(b)
	if err != nil {
		return err
	}
	var by *column.Vector
	if col >= 0 {
		if by, err = e.intValues(b, col); err != nil {
			return err
		}
	}
	key, end := 0, uint32(0) // id.Keys[key] ends before row end
	if len(id.Runs) > 0 {
		end = id.Runs[0]
	}
	for _, abs := range rows {
		row := abs - uint32(info.FirstRow)
		for row >= end {
			key++
			end += id.Runs[key]
		}
		val := int64(0)
		switch {
		case req.By == (column.ID{}):
			val = id.Times[row]
		case by != nil:
			if p, ok := by.Find(row); ok {
				val = by.Ints[p]
			}
		}
		if top.mayEnter(val) {
			top.offer(id.Keys.Value(uint32(key)), val)
		}
	}
	return nil
}

// intValues reads an Int64 column of a block; a dictionary's codes become
// values. It returns nil when the block has none.
func (e *partEval) intValues(b, col int) (*column.Vector, error) {
	v, err := e.part.ReadColumn(b, col)
	if err != nil || e.part.ColumnInfo(col).Mode != part.Dict {
		return v, err
	}
	terms, err := e.part.Values(col)
	if err != nil {
		return nil, err
	}
	out := &column.Vector{ID: v.ID, Rows: v.Rows, Ints: make([]int64, len(v.Codes))}
	for i, c := range v.Codes {
		out.Ints[i] = column.TermValue(column.Int64, terms.Value(c)).Int
	}
	return out, nil
}

// topList keeps the best keys seen so far: a heap with the worst on top and a
// map from key to place.
type topList struct {
	limit   int
	tieFrom int
	heap    []Top
	at      map[string]int
}

// mayEnter reports whether a value could still enter or improve the list.
func (t *topList) mayEnter(value int64) bool {
	return len(t.heap) < t.limit || value >= t.heap[0].Value
}

// offer adds the key or raises its value. The key is copied when kept.
func (t *topList) offer(key []byte, value int64) {
	if i, ok := t.at[string(key)]; ok {
		if value > t.heap[i].Value {
			t.heap[i].Value = value
			t.down(i)
		}
		return
	}
	if len(t.heap) < t.limit {
		x := Top{Key: bytes.Clone(key), Value: value}
		t.heap = append(t.heap, x)
		t.at[string(x.Key)] = len(t.heap) - 1
		t.up(len(t.heap) - 1)
		return
	}
	if CompareTops(Top{key, value}, t.heap[0], t.tieFrom) >= 0 {
		return
	}
	delete(t.at, string(t.heap[0].Key))
	t.heap[0] = Top{Key: bytes.Clone(key), Value: value}
	t.at[string(key)] = 0
	t.down(0)
}

// worse reports whether entry i ranks behind entry j.
func (t *topList) worse(i, j int) bool { return CompareTops(t.heap[i], t.heap[j], t.tieFrom) > 0 }

func (t *topList) swap(i, j int) {
	t.heap[i], t.heap[j] = t.heap[j], t.heap[i]
	t.at[string(t.heap[i].Key)], t.at[string(t.heap[j].Key)] = i, j
}

func (t *topList) up(i int) {
	for i > 0 && t.worse(i, (i-1)/2) {
		t.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
}

func (t *topList) down(i int) {
	for {
		k := 2*i + 1
		if k >= len(t.heap) {
			return
		}
		if k+1 < len(t.heap) && t.worse(k+1, k) {
			k++
		}
		if !t.worse(k, i) {
			return
		}
		t.swap(i, k)
		i = k
	}
}

func (t *topList) sorted() []Top {
	slices.SortFunc(t.heap, func(a, b Top) int { return CompareTops(a, b, t.tieFrom) })
	return t.heap
}

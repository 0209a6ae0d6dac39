package columnar

import (
	"bytes"
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/index"
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
	// After asks for the page behind a Top: for keys whose best matching row, over
	// all there are, comes after it in the order of CompareTops. Nil asks for the
	// first page.
	After *Top
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
	case r.By != (column.ID{}) && (r.By.Type != column.Int64 || r.By.Family == identityFamily):
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
// ascending, then the whole key: no two keys are equal.
func CompareTops(a, b Top, tieFrom int) int {
	if c := cmp.Compare(b.Value, a.Value); c != 0 {
		return c
	}
	if c := bytes.Compare(a.Key[min(tieFrom, len(a.Key)):], b.Key[min(tieFrom, len(b.Key)):]); c != 0 {
		return c
	}
	return bytes.Compare(a.Key, b.Key)
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
	q := newTopQuery(v, req)
	if req.After == nil {
		return q.collect(ctx, nil, req.Limit)
	}
	return q.page(ctx)
}

// topQuery is one TopKeys on its way. What it found out about a run or part
// serves all its steps.
type topQuery struct {
	view *View
	req  *TopRequest
	time base.TimeRange
	// keyed is the condition of verify, cond[0] in one of the keys AND cond[1] the
	// filter. Leaves of the filter have one address in both: partEval knows them
	// by it.
	keyed Expr
	cond  [2]Expr
	runs  []topRun  // ordered by time: by its end, latest first
	parts []topPart // likewise
}

// topPart is a part and its matching rows, nil until they were asked for.
type topPart struct {
	partEval
	col  int // of the order in the part; -1 without one
	rows *index.Set
}

func newTopQuery(v *View, req *TopRequest) *topQuery {
	q := &topQuery{view: v, req: req, time: v.clip(req.Time)}
	q.cond = [2]Expr{{Op: OpIn, Col: RowKey, sorted: true}, req.Filter.prepare()}
	q.keyed = Expr{Op: OpAnd, Kids: q.cond[:]}
	q.runs = make([]topRun, len(v.runs))
	for i, run := range v.runs {
		q.runs[i] = topRun{Run: run}
	}
	q.parts = make([]topPart, len(v.parts))
	for i, p := range v.parts {
		q.parts[i] = topPart{partEval: partEval{layout: v.layout, part: p, memo: &v.tablet.memo}, col: -1}
		if c, ok := p.Column(req.By); ok {
			q.parts[i].col = c
		}
	}
	if q.byTime() {
		slices.SortStableFunc(q.runs, func(a, b topRun) int { return cmp.Compare(b.Time.End, a.Time.End) })
		slices.SortStableFunc(q.parts, func(a, b topPart) int {
			return cmp.Compare(b.part.Meta().Time.End, a.part.Meta().Time.End)
		})
	}
	return q
}

// byTime reports whether keys are ordered by the times of their rows.
func (q *topQuery) byTime() bool { return q.req.By == (column.ID{}) }

// collect returns the first limit keys after the cursor, each by its best
// matching row after the cursor; with a cursor, some may have a better row
// elsewhere that is not.
func (q *topQuery) collect(ctx context.Context, cursor *Top, limit int) ([]Top, error) {
	top := &topList{limit: limit, tieFrom: q.req.TieFrom, after: cursor, at: make(map[string]int)}
	for i := range q.runs {
		r := &q.runs[i]
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !q.mayEnter(top, r.Time) {
			continue
		}
		for _, k := range q.keysOf(r) {
			top.offer(r.Keys.Value(k.code), k.best)
		}
	}
	for i := range q.parts {
		p := &q.parts[i]
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !q.mayEnter(top, p.part.Meta().Time) {
			continue
		}
		if err := q.offerPart(ctx, p, top); err != nil {
			return nil, q.view.damaged(p.part, err)
		}
	}
	return top.sorted(), nil
}

// mayEnter reports whether rows with times in r could still enter the list.
func (q *topQuery) mayEnter(top *topList, r base.TimeRange) bool {
	return !q.byTime() || top.mayEnter(closed(r))
}

// topRun is a memtable batch and its keys with matching rows, known once asked
// for.
type topRun struct {
	*memtable.Run
	known bool
	keys  []runKey
}

// runKey is a key of a batch, by its code, and the best value of its matching
// rows there.
type runKey struct {
	code uint32
	best int64
}

// keysOf returns the keys with matching rows.
func (q *topQuery) keysOf(r *topRun) []runKey {
	if r.known {
		return r.keys
	}
	r.known = true
	set := evalRun(q.view.layout, r.Run, &q.cond[1], q.time)
	if set.Len() == 0 {
		return nil
	}
	by := r.Col(q.req.By)
	at := make([]uint32, r.Keys.Len()) // by code: place in r.keys plus one
	for _, row := range set.AppendTo(nil) {
		val := int64(0)
		if q.byTime() {
			val = r.Times[row]
		} else if by != nil {
			if p, ok := by.Find(row); ok {
				val = by.Ints[p]
			}
		}
		c := r.KeyCodes[row]
		if at[c] == 0 {
			r.keys = append(r.keys, runKey{c, val})
			at[c] = uint32(len(r.keys))
			continue
		}
		k := &r.keys[at[c]-1]
		k.best = max(k.best, val)
	}
	return r.keys
}

// offerPart offers the matching rows of a part.
func (q *topQuery) offerPart(ctx context.Context, p *topPart, top *topList) error {
	if p.rows == nil {
		set, err := p.partEval.rows(ctx, &q.cond[1], q.time)
		if err != nil {
			return err
		}
		p.rows = set
	}
	return q.eachBlock(ctx, p, p.rows, topVisit{want: top.mayEnter, key: top.offer})
}

// topVisit looks at rows key by key.
type topVisit struct {
	want func(lo, hi int64) bool // whether values in the interval matter
	key  func(key []byte, best int64)
}

// eachBlock shows the keys of the rows and the best value that each has in a
// block, block by block.
func (q *topQuery) eachBlock(ctx context.Context, p *topPart, rows *index.Set, visit topVisit) error {
	var buf []uint32
	return p.blocks(ctx, rows, func(b int, info part.BlockInfo) error {
		if lo, hi := q.bounds(p, b, info); !visit.want(lo, hi) {
			return nil
		}
		id, err := p.part.ReadIdentity(b)
		if err != nil {
			return err
		}
		var by *column.Vector
		if p.col >= 0 {
			if by, err = p.intValues(b, p.col); err != nil {
				return err
			}
		}
		buf = blockRows(rows, info, buf[:0])
		bestOfBlock(id, topValues{times: q.byTime(), by: by, first: uint32(info.FirstRow)}, buf, visit.key)
		return nil
	})
}

// bounds returns the smallest and the largest value that rows of a block may have.
func (q *topQuery) bounds(p *topPart, b int, info part.BlockInfo) (lo, hi int64) {
	switch {
	case q.byTime():
		return closed(info.Time)
	case p.col < 0:
		return 0, 0
	}
	lo, hi, ok := p.part.Zone(p.col, b)
	switch {
	case ok && p.part.ColumnInfo(p.col).Values == p.universe():
		return lo, hi
	case ok: // a row without a value counts as zero
		return min(lo, 0), max(hi, 0)
	case p.part.HasZone(p.col):
		return 0, 0
	}
	return math.MinInt64, math.MaxInt64
}

// topValues is where a block's rows have the values to order by.
type topValues struct {
	times bool
	by    *column.Vector // nil when no row has a value
	first uint32         // the block's first row
}

func (v *topValues) of(id *column.Identity, row uint32) int64 {
	if v.times {
		return id.Times[row]
	}
	if v.by != nil {
		if at, ok := v.by.Find(row); ok {
			return v.by.Ints[at]
		}
	}
	return 0
}

// bestOfBlock calls visit with the keys of the rows, ascending, and the best
// value of each.
func bestOfBlock(id *column.Identity, values topValues, rows []uint32, visit func(key []byte, best int64)) {
	key, end := 0, uint32(0) // id.Keys[key] ends before row end
	if len(id.Runs) > 0 {
		end = id.Runs[0]
	}
	for len(rows) > 0 {
		for rows[0]-values.first >= end {
			key++
			end += id.Runs[key]
		}
		best, n := int64(math.MinInt64), 0
		for n < len(rows) && rows[n]-values.first < end {
			best = max(best, values.of(id, rows[n]-values.first))
			n++
		}
		visit(id.Keys.Value(uint32(key)), best)
		rows = rows[n:]
	}
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
	out := resolved(v, terms, &column.Vector{})
	return &out, nil
}

package columnar

import (
	"context"
	"math"
	"slices"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/memtable"
)

// rowScan offers the rows of a view to a list. Sources are numbered: first the
// runs, then the parts. It works from the cheap to the dear, so that a row is
// refused as early as can be:
//
//	parts, blocks   by time range and zone of the first term, the best first
//	rows            by the first term's values alone: one column of the block
//	                by the filter, where it is not known for the part already
//	places          by all terms, in the list
//	content         only of the rows of the page, and of those that tie
type rowScan struct {
	view  *View
	req   *TopRowsRequest
	time  base.TimeRange
	all   bool // the filter lets every row pass
	order *rowOrder
	list  *topRowList
	parts []partFilter
	pick  rowPicker
	row   topRow // memory of the row on offer
	cols  []intColumn
	rows  []uint32
}

func newRowScan(v *View, asked *TopRowsRequest) *rowScan {
	req := *asked
	req.Filter = asked.Filter.prepare()
	s := &rowScan{view: v, req: &req, time: v.clip(req.Time), all: req.Filter.matchesAll(), order: newRowOrder(req.Order)}
	s.parts = make([]partFilter, len(v.parts))
	s.row.vals = make([]int64, len(s.order.terms))
	s.cols = make([]intColumn, len(s.order.terms))
	places := req.Limit + 1 // one more tells whether there is more
	var after *topRow
	if req.After != nil {
		after = s.order.row(req.After)
		places++ // all rows of the mark's own place may be before it
	}
	s.list = newTopRowList(s.order, places, after)
	s.limitFirst()
	return s
}

// limitFirst has the filter's bounds of the first term limit the list and, being
// of times, the time range: blocks without a match are not even visited.
func (s *rowScan) limitFirst() {
	s.time = s.time.Intersect(closedRange(s.req.Filter.bounds(RowTime)))
	if t := &s.order.terms[0]; t.kind == colTerm {
		lo, hi := s.req.Filter.bounds(t.col)
		lo, hi = lo^t.mask, hi^t.mask
		s.list.first, s.list.last = min(lo, hi), max(lo, hi)
	}
}

// closedRange returns the times from lo to hi, both included.
func closedRange(lo, hi int64) base.TimeRange {
	if hi == math.MaxInt64 {
		return base.TimeRange{Start: lo, End: hi} // whose last nanosecond is in no range
	}
	return base.TimeRange{Start: lo, End: hi + 1}
}

// bounds returns what the values of an Int64 column lie between in rows that
// match, an absent one being zero; lo > hi says that none matches.
func (x *Expr) bounds(col column.ID) (lo, hi int64) {
	lo, hi = math.MinInt64, math.MaxInt64
	switch {
	case x.Op == OpAnd:
		for i := range x.Kids {
			l, h := x.Kids[i].bounds(col)
			lo, hi = max(lo, l), min(hi, h)
		}
	case x.Col != col:
	case x.Op == OpEqual:
		return x.Value.Int, x.Value.Int
	case x.Op == OpRange:
		if x.Lo != nil {
			lo = x.Lo.Int
		}
		if x.Hi != nil {
			hi = x.Hi.Int
		}
	}
	return lo, hi
}

// matchesAll reports that the filter lets every row pass.
func (x *Expr) matchesAll() bool {
	if x.Op == OpAnd {
		return !slices.ContainsFunc(x.Kids, func(k Expr) bool { return !k.matchesAll() })
	}
	return x.Op == OpTrue
}

// run offers all rows that can be among the first.
func (s *rowScan) run(ctx context.Context) error {
	for i, run := range s.view.runs {
		if err := ctx.Err(); err != nil {
			return err
		}
		if run.Time.Overlaps(s.time) {
			s.memory(int32(i), run)
		}
	}
	if s.order.terms[0].kind == keyTerm {
		return s.byKey(ctx)
	}
	return s.byBound(ctx)
}

// memory offers the rows of a memtable run.
func (s *rowScan) memory(src int32, run *memtable.Run) {
	b := rowBlock{rows: run.Rows, times: run.Times, ids: run.IDs, keys: &run.Keys, codes: run.KeyCodes}
	b.cols = s.columns()
	for i, t := range s.order.terms {
		if t.kind == colTerm {
			b.cols[i].v = run.Col(t.col)
		}
	}
	s.pick.reset(b.rows)
	if !s.all {
		s.pick.all = false
		s.pick.rows = evalRun(s.view.layout, run, &s.req.Filter, s.time).AppendTo(s.pick.rows[:0])
	}
	s.firstTerm(&b)
	if s.all && !s.time.Covers(run.Time) {
		s.pick.inTime(b.times, s.time)
	}
	s.offer(src, &b)
}

// columns returns memory for the columns of a rowBlock, one at a time.
func (s *rowScan) columns() []intColumn {
	for i := range s.cols {
		s.cols[i].v, s.cols[i].terms = nil, nil
	}
	return s.cols
}

// firstTerm keeps the candidates that the first term lets be among the first.
func (s *rowScan) firstTerm(b *rowBlock) {
	t := &s.order.terms[0]
	if t.kind == keyTerm {
		if s.list.full || s.list.after != nil {
			s.pick.keysOf(b, s.list)
		}
		return
	}
	w := window{mask: t.mask}
	if w.first, w.last = s.list.window(); w.first == math.MinInt64 && w.last == math.MaxInt64 {
		return
	}
	if w.first > w.last {
		s.pick.drop()
		return
	}
	switch t.kind {
	case timeTerm:
		between(&s.pick, b.times, w)
	case idTerm:
		between(&s.pick, b.ids, w)
	default:
		s.pick.column(&b.cols[0], w)
	}
}

// offer offers the candidates to the list.
func (s *rowScan) offer(src int32, b *rowBlock) {
	s.pick.list()
	x, at := &s.row, newKeyCursor(b)
	x.src = src
	for _, r := range s.pick.rows {
		for i := range s.order.terms {
			switch t := &s.order.terms[i]; t.kind {
			case keyTerm:
			case timeTerm:
				x.vals[i] = b.times[r] ^ t.mask
			case idTerm:
				x.vals[i] = int64(b.ids[r]) ^ t.mask
			case colTerm:
				x.vals[i] = b.cols[i].at(r) ^ t.mask
			}
		}
		x.key, x.row = b.keys.Value(at.code(r)), b.first+r
		s.list.offer(x)
	}
}

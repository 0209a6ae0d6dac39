package columnar

import (
	"cmp"
	"slices"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/index"
	"github.com/pandodb/pando/internal/memtable"
)

// evalRun returns the rows of a memtable batch that match x and whose time lies
// in r. Values are tested once per distinct value, then rows by code.
func evalRun(l *column.Layout, run *memtable.Run, x *Expr, r base.TimeRange) *index.Set {
	set := &index.Set{}
	if !run.Time.Overlaps(r) {
		set.Reset(run.Rows)
		return set
	}
	e := runEval{layout: l, run: run}
	if r.Covers(run.Time) {
		e.eval(x, nil, set)
		return set
	}
	if x.effort() >= testEffort { // test rows in time only
		var within index.Set
		within.SetRows(run.Rows, e.inTime(allRows(run.Rows), r))
		e.eval(x, &within, set)
		set.And(&within)
		return set
	}
	e.eval(x, nil, set)
	if set.Len() > 0 {
		set.SetRows(run.Rows, e.inTime(set.AppendTo(nil), r))
	}
	return set
}

// runEval finds the rows of one memtable batch that match a filter.
type runEval struct {
	layout *column.Layout
	run    *memtable.Run
}

// inTime keeps the rows whose time lies in r, in place.
func (e *runEval) inTime(rows []uint32, r base.TimeRange) []uint32 {
	kept := rows[:0]
	for _, row := range rows {
		if r.Contains(e.run.Times[row]) {
			kept = append(kept, row)
		}
	}
	return kept
}

// eval makes out the rows that match x, of those within (nil: of all). Other rows
// may be in out or not: the caller intersects.
func (e *runEval) eval(x *Expr, within, out *index.Set) {
	n := e.run.Rows
	switch x.Op {
	case OpTrue:
		out.SetRange(n, 0, uint32(n))
	case OpAnd:
		e.evalAnd(x.Kids, within, out)
	case OpOr:
		e.evalOr(x.Kids, within, out)
	case OpNot:
		e.eval(&x.Kids[0], within, out)
		out.Not()
	case OpRows:
		out.SetRows(n, rowsOfRun(e.run, x, within))
	default:
		out.SetRows(n, e.leaf(x, within))
	}
}

// evalAnd evaluates look-ups first and tests last.
func (e *runEval) evalAnd(kids []Expr, within, out *index.Set) {
	if within != nil {
		out.CopyFrom(within)
	} else {
		out.SetRange(e.run.Rows, 0, uint32(e.run.Rows))
	}
	var kid index.Set
	for _, x := range byEffort(kids) {
		e.eval(x, out, &kid)
		if out.And(&kid); out.Len() == 0 {
			return
		}
	}
}

// evalOr evaluates tests last, and only for rows that nothing else lets pass.
func (e *runEval) evalOr(kids []Expr, within, out *index.Set) {
	var kid, left index.Set
	out.Reset(e.run.Rows)
	for _, x := range byEffort(kids) {
		if x.effort() < testEffort || out.Len() == 0 {
			e.eval(x, within, &kid)
			out.Or(&kid)
			continue
		}
		left.CopyFrom(out)
		left.Not()
		if within != nil {
			left.And(within)
		}
		e.eval(x, &left, &kid)
		kid.And(&left)
		out.Or(&kid)
	}
}

// What conditions cost beside each other, roughly.
const (
	keyEffort   = 0 // a look-up
	plainEffort = 1 // a comparison
	testEffort  = 2 // a call of a Test
	rowsEffort  = 3 // a RowTest
)

// effort ranks what a condition costs.
func (x *Expr) effort() int {
	switch _, equals := x.equals(); {
	case x.Op == OpRows:
		return rowsEffort
	case x.Op == OpTest:
		return testEffort
	case equals && x.Col == RowKey:
		return keyEffort
	}
	most := plainEffort
	for i := range x.Kids {
		most = max(most, x.Kids[i].effort())
	}
	return most
}

// byEffort returns the conditions, look-ups first and tests last.
func byEffort(kids []Expr) []*Expr {
	order := make([]*Expr, len(kids))
	for i := range kids {
		order[i] = &kids[i]
	}
	slices.SortStableFunc(order, func(a, b *Expr) int { return cmp.Compare(a.effort(), b.effort()) })
	return order
}

// leaf returns the rows that pass a leaf. Where values are tested one by one and
// the candidates have fewer than there are, it looks at candidates only.
func (e *runEval) leaf(x *Expr, within *index.Set) []uint32 {
	if x.onIdentity() {
		return rowsByIdentity(e.run, x)
	}
	v := e.run.Col(x.Col)
	var docs docIndex
	if v != nil && x.Col.Type == column.Doc {
		if _, equals := x.equals(); equals {
			docs = runDocs(e.layout, e.run, v)
		}
	}
	tested := x.Op == OpTest || x.Col.Type == column.Doc && docs == nil
	if v != nil && tested && within != nil && within.Len() < v.Dict.Len() {
		return matchFew(nil, candidateRows{layout: e.layout, v: v, rows: within.AppendTo(nil)}, x)
	}
	return matchVector(e.layout, v, e.run.Rows, x, docs)
}

// matchVector returns the rows, of a batch of n, whose value in v passes the
// leaf x. A nil v is a column without values. Codes index v's own dictionary.
// docs may be the index of that dictionary.
func matchVector(l *column.Layout, v *column.Vector, n int, x *Expr, docs docIndex) []uint32 {
	if v == nil {
		if !x.matchesAbsent() {
			return nil
		}
		return allRows(n)
	}
	var pass []bool // by position
	switch {
	case v.ID.Type.Coded():
		pass = make([]bool, len(v.Codes))
		ok := matchDict(l, v, x, docs)
		for i, c := range v.Codes {
			pass[i] = ok[c]
		}
	case v.ID.Type == column.Float64:
		pass = make([]bool, len(v.Floats))
		for i, f := range v.Floats {
			pass[i] = x.matches(column.Value{Type: v.ID.Type, Float: f})
		}
	default:
		pass = matchInts(v, x)
	}
	return passedRows(v, pass, n, x.matchesAbsent())
}

// matchDict tests every value of the vector's dictionary.
func matchDict(l *column.Layout, v *column.Vector, x *Expr, docs docIndex) []bool {
	ok := make([]bool, v.Dict.Len())
	if v.ID.Type == column.Doc {
		for _, c := range matchDocs(l, &v.Dict, docs, x) {
			ok[c] = true
		}
		return ok
	}
	for c := range ok {
		ok[c] = x.matches(column.Value{Type: v.ID.Type, Bytes: v.Dict.Value(uint32(c))})
	}
	return ok
}

// matchInts tests integers against the leaf, if it can as one closed interval.
func matchInts(v *column.Vector, x *Expr) []bool {
	lo, hi, ok := intBounds(x)
	pass := make([]bool, len(v.Ints))
	switch {
	case !ok:
	case x.Op == OpIn || x.Op == OpTest:
		for i, n := range v.Ints {
			pass[i] = lo <= n && n <= hi && x.matches(column.Value{Type: v.ID.Type, Int: n})
		}
	default:
		for i, n := range v.Ints {
			pass[i] = lo <= n && n <= hi
		}
	}
	return pass
}

// passedRows turns passed positions into rows; absent says whether rows without
// a value pass too.
func passedRows(v *column.Vector, pass []bool, n int, absent bool) []uint32 {
	var rows []uint32
	if v.Rows == nil {
		for i, ok := range pass {
			if ok {
				rows = append(rows, uint32(i))
			}
		}
		return rows
	}
	next := uint32(0)
	for i, ok := range pass {
		if absent {
			for ; next < v.Rows[i]; next++ {
				rows = append(rows, next)
			}
			next = v.Rows[i] + 1
		}
		if ok {
			rows = append(rows, v.Rows[i])
		}
	}
	for ; absent && next < uint32(n); next++ {
		rows = append(rows, next)
	}
	return rows
}

func allRows(n int) []uint32 { return rowSpan{0, uint32(n)}.appendRows(make([]uint32, 0, n)) }

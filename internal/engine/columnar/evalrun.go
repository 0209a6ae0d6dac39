package columnar

import (
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
	evalRunExpr(l, run, x, set)
	if r.Covers(run.Time) || set.Len() == 0 {
		return set
	}
	rows := set.AppendTo(nil)
	kept := rows[:0]
	for _, row := range rows {
		if r.Contains(run.Times[row]) {
			kept = append(kept, row)
		}
	}
	set.SetRows(run.Rows, kept)
	return set
}

func evalRunExpr(l *column.Layout, run *memtable.Run, x *Expr, out *index.Set) {
	var kid index.Set
	switch x.Op {
	case OpTrue:
		out.SetRange(run.Rows, 0, uint32(run.Rows))
	case OpAnd:
		out.SetRange(run.Rows, 0, uint32(run.Rows))
		for i := range x.Kids {
			evalRunExpr(l, run, &x.Kids[i], &kid)
			if out.And(&kid); out.Len() == 0 {
				return
			}
		}
	case OpOr:
		out.Reset(run.Rows)
		for i := range x.Kids {
			evalRunExpr(l, run, &x.Kids[i], &kid)
			out.Or(&kid)
		}
	case OpNot:
		evalRunExpr(l, run, &x.Kids[0], out)
		out.Not()
	default:
		v := run.Col(x.Col)
		var docs docIndex
		if v != nil && x.Col.Type == column.Doc && x.Op == OpEqual {
			docs = runDocs(l, run, v)
		}
		out.SetRows(run.Rows, matchVector(l, v, run.Rows, x, docs))
	}
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

// matchInts tests integers against the leaf as one closed interval.
func matchInts(v *column.Vector, x *Expr) []bool {
	lo, hi, ok := intBounds(x)
	pass := make([]bool, len(v.Ints))
	if !ok {
		return pass
	}
	for i, n := range v.Ints {
		pass[i] = lo <= n && n <= hi
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

func allRows(n int) []uint32 {
	rows := make([]uint32, n)
	for i := range rows {
		rows[i] = uint32(i)
	}
	return rows
}

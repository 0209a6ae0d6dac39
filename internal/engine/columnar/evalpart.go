package columnar

import (
	"context"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/index"
	"github.com/pandodb/pando/internal/part"
)

// partEval finds the rows of one part that match a filter. For each condition it
// takes the cheapest way the part offers:
//
//	dictionary column   term → ordinals → postings, or, for dense terms and for
//	                    few remaining candidates, the bit-packed codes
//	raw column          value filters or zones pick blocks, their values are read
//	documents           the few distinct documents are expanded once
//	keys                key filter → block → rows, for each key asked for
//	tests               each term once, or those that the candidates have
//
// Conditions of an AND run from the most to the least selective, each only over
// the rows the ones before it left (late materialisation).
//
// A partEval serves one query: it may be asked several times for the same tree
// and then remembers the terms that passed. It is not safe for concurrent use.
type partEval struct {
	layout *column.Layout
	part   *part.Part
	memo   *memo // nil remembers nothing

	leaves map[*Expr]*leafTerms
}

// rows returns the rows that match x and whose time lies in r.
func (e *partEval) rows(ctx context.Context, x *Expr, r base.TimeRange) (*index.Set, error) {
	meta := e.part.Meta()
	if !meta.Time.Overlaps(r) {
		return e.none(), nil
	}
	if !r.Covers(meta.Time) && x.effort() >= testEffort { // test rows in time only
		lo, hi := column.IntValue(r.Start), column.IntValue(r.End-1)
		return e.evalAnd(ctx, append(conjuncts(nil, x), &Expr{Op: OpRange, Col: RowTime, Lo: &lo, Hi: &hi}), nil)
	}
	set, err := e.eval(ctx, x, nil)
	if err != nil || set.Len() == 0 || r.Covers(meta.Time) {
		return set, err
	}
	return e.inTime(ctx, set, r)
}

func (e *partEval) universe() int { return e.part.Meta().Rows }

func (e *partEval) none() *index.Set {
	s := &index.Set{}
	s.Reset(e.universe())
	return s
}

func (e *partEval) all(within *index.Set) *index.Set {
	s := &index.Set{}
	if within != nil {
		s.CopyFrom(within)
		return s
	}
	s.SetRange(e.universe(), 0, uint32(e.universe()))
	return s
}

// eval returns the rows within the candidates (nil: all rows) that match x. The
// result is the caller's to change.
func (e *partEval) eval(ctx context.Context, x *Expr, within *index.Set) (*index.Set, error) {
	switch x.Op {
	case OpTrue:
		return e.all(within), nil
	case OpAnd:
		return e.evalAnd(ctx, conjuncts(nil, x), within)
	case OpOr:
		return e.evalOr(ctx, x.Kids, within)
	case OpNot:
		s, err := e.eval(ctx, &x.Kids[0], within)
		if err != nil {
			return nil, err
		}
		out := e.all(within)
		out.AndNot(s)
		return out, nil
	default:
		return e.leaf(ctx, x, within)
	}
}

// conjuncts appends the conditions all of which a row must match to match x.
func conjuncts(dst []*Expr, x *Expr) []*Expr {
	if x.Op != OpAnd {
		return append(dst, x)
	}
	for i := range x.Kids {
		dst = conjuncts(dst, &x.Kids[i])
	}
	return dst
}

// evalAnd returns the rows that match all kids.
func (e *partEval) evalAnd(ctx context.Context, kids []*Expr, within *index.Set) (*index.Set, error) {
	order, err := e.order(ctx, kids)
	if err != nil || len(order) < len(kids) {
		return e.none(), err
	}
	cur := within
	for _, k := range order {
		s, err := e.eval(ctx, k, cur)
		if err != nil || s.Len() == 0 {
			return s, err
		}
		cur = s
	}
	if cur == within { // no condition at all
		return e.all(within), nil
	}
	return cur, nil
}

// evalOr evaluates tests last, and only for rows that nothing else lets pass.
func (e *partEval) evalOr(ctx context.Context, kids []Expr, within *index.Set) (*index.Set, error) {
	out := e.none()
	for _, x := range byEffort(kids) {
		left := within
		if x.effort() >= testEffort && out.Len() > 0 {
			left = e.all(within)
			left.AndNot(out)
		}
		s, err := e.eval(ctx, x, left)
		if err != nil {
			return nil, err
		}
		out.Or(s)
	}
	return out, nil
}

func (e *partEval) leaf(ctx context.Context, x *Expr, within *index.Set) (*index.Set, error) {
	switch {
	case x.Op == OpRows:
		return e.rowsLeaf(ctx, x, within)
	case x.onIdentity():
		return e.identityLeaf(ctx, x, within)
	}
	col, ok := e.part.Column(x.Col)
	absent := x.matchesAbsent()
	if !ok {
		if absent {
			return e.all(within), nil
		}
		return e.none(), nil
	}
	var out *index.Set
	var err error
	if e.part.ColumnInfo(col).Mode == part.Dict {
		out, err = e.dictLeaf(ctx, col, x, within)
	} else {
		out, err = e.rawLeaf(ctx, col, x, within)
	}
	if err != nil || !absent || e.part.ColumnInfo(col).Values == e.universe() {
		return out, err
	}
	have, err := e.leaf(ctx, &Expr{Op: OpExists, Col: x.Col, Tag: x.Tag}, within)
	if err != nil {
		return nil, err
	}
	rest := e.all(within)
	rest.AndNot(have)
	out.Or(rest)
	return out, nil
}

// inTime keeps the rows whose time lies in r, reading times only of blocks that
// the range cuts.
func (e *partEval) inTime(ctx context.Context, set *index.Set, r base.TimeRange) (*index.Set, error) {
	var rows, buf []uint32
	err := e.blocks(ctx, set, func(b int, info part.BlockInfo) error {
		if !info.Time.Overlaps(r) {
			return nil
		}
		buf = set.Slice(uint32(info.FirstRow), uint32(info.FirstRow+info.Rows), buf[:0])
		if r.Covers(info.Time) {
			rows = append(rows, buf...)
			return nil
		}
		id, err := e.part.ReadIdentity(b)
		if err != nil {
			return err
		}
		for _, row := range buf {
			if r.Contains(id.Times[row-uint32(info.FirstRow)]) {
				rows = append(rows, row)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	set.SetRows(e.universe(), rows)
	return set, nil
}

// blocks calls visit for every block that holds a candidate row, until ctx ends.
func (e *partEval) blocks(ctx context.Context, within *index.Set, visit func(b int, info part.BlockInfo) error) error {
	if within == nil {
		for b := range e.part.Meta().Blocks {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := visit(b, e.part.Block(b)); err != nil {
				return err
			}
		}
		return nil
	}
	for row, ok := within.Next(0); ok; {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := e.part.BlockOfRow(int(row))
		info := e.part.Block(b)
		if err := visit(b, info); err != nil {
			return err
		}
		row, ok = within.Next(uint32(info.FirstRow + info.Rows))
	}
	return nil
}

// restrict makes a set of ascending rows and keeps the candidates among them.
func (e *partEval) restrict(rows []uint32, within *index.Set) *index.Set {
	s := &index.Set{}
	s.SetRows(e.universe(), rows)
	if within != nil {
		s.And(within)
	}
	return s
}

package columnar

import (
	"context"
	"math"
	"slices"

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
//
// Conditions of an AND run from the most to the least selective, each only over
// the rows the ones before it left (late materialisation).
type partEval struct {
	layout *column.Layout
	part   *part.Part
	memo   *memo // nil remembers nothing
}

// rows returns the rows that match x and whose time lies in r.
func (e *partEval) rows(ctx context.Context, x *Expr, r base.TimeRange) (*index.Set, error) {
	meta := e.part.Meta()
	if !meta.Time.Overlaps(r) {
		return e.none(), nil
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
		return e.evalAnd(ctx, x.Kids, within)
	case OpOr:
		out := e.none()
		for i := range x.Kids {
			s, err := e.eval(ctx, &x.Kids[i], within)
			if err != nil {
				return nil, err
			}
			out.Or(s)
		}
		return out, nil
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

func (e *partEval) evalAnd(ctx context.Context, kids []Expr, within *index.Set) (*index.Set, error) {
	type costed struct {
		x    *Expr
		cost int
	}
	order := make([]costed, len(kids))
	for i := range kids {
		c, err := e.cost(&kids[i])
		if err != nil {
			return nil, err
		}
		if c == 0 {
			return e.none(), nil
		}
		order[i] = costed{&kids[i], c}
	}
	slices.SortStableFunc(order, func(a, b costed) int { return a.cost - b.cost })
	cur := within
	for _, k := range order {
		s, err := e.eval(ctx, k.x, cur)
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

// cost estimates how many rows a condition leaves, plus what reading them costs;
// zero means that no row can match.
func (e *partEval) cost(x *Expr) (int, error) {
	n := e.universe()
	switch x.Op {
	case OpTrue, OpNot:
		return 2 * n, nil
	case OpAnd, OpOr:
		sum, least := 0, math.MaxInt
		for i := range x.Kids {
			c, err := e.cost(&x.Kids[i])
			if err != nil {
				return 0, err
			}
			sum, least = sum+c, min(least, c)
		}
		if x.Op == OpAnd {
			return min(least, 2*n), nil
		}
		return sum, nil
	case OpExists, OpEqual, OpRange: // leaves, below
	}
	col, ok := e.part.Column(x.Col)
	if !ok {
		if x.matchesAbsent() {
			return 2 * n, nil
		}
		return 0, nil
	}
	if x.matchesAbsent() {
		return 2 * n, nil
	}
	if e.part.ColumnInfo(col).Mode != part.Dict {
		if x.Op == OpEqual {
			return 1 + n/256, nil
		}
		return n, nil
	}
	ords, err := e.ordinals(col, x)
	if err != nil || ords.empty() {
		return 0, err
	}
	p, err := e.part.Postings(col)
	if err != nil || p == nil {
		return n, err
	}
	return ords.count(p), nil
}

func (e *partEval) leaf(ctx context.Context, x *Expr, within *index.Set) (*index.Set, error) {
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

// dictLeaf answers a leaf over a dictionary column.
func (e *partEval) dictLeaf(ctx context.Context, col int, x *Expr, within *index.Set) (*index.Set, error) {
	ords, err := e.ordinals(col, x)
	if err != nil || ords.empty() {
		return e.none(), err
	}
	p, err := e.part.Postings(col)
	if err != nil {
		return nil, err
	}
	if p == nil || ords.dense(p) || within != nil && within.Len() < ords.count(p)/8 {
		return e.scanCodes(ctx, col, ords, within)
	}
	out := &index.Set{}
	out.Reset(e.universe())
	var buf []uint32
	var s index.Set
	for ord := range ords.each() {
		if ords.single() {
			_, err = p.Rows(out, ord)
		} else if buf, err = p.AppendRows(buf[:0], ord); err == nil {
			s.SetRows(e.universe(), buf)
			out.Or(&s)
		}
		if err != nil {
			return nil, err
		}
	}
	if within != nil {
		out.And(within)
	}
	return out, nil
}

// scanCodes finds the rows whose code is one of ords by reading the code pages
// of the blocks that hold candidates.
func (e *partEval) scanCodes(ctx context.Context, col int, ords ordSet, within *index.Set) (*index.Set, error) {
	test := ords.bits(e.part.ColumnInfo(col).Distinct)
	var rows []uint32
	err := e.blocks(ctx, within, func(b int, info part.BlockInfo) error {
		v, err := e.part.ReadColumn(b, col)
		if err != nil {
			return err
		}
		first := uint32(info.FirstRow)
		if v.Rows == nil {
			for i, c := range v.Codes {
				if test[c] {
					rows = append(rows, first+uint32(i))
				}
			}
			return nil
		}
		for i, c := range v.Codes {
			if test[c] {
				rows = append(rows, first+v.Rows[i])
			}
		}
		return nil
	})
	return e.restrict(rows, within), err
}

// rawLeaf answers a leaf over a raw column: filters and zones choose blocks.
func (e *partEval) rawLeaf(ctx context.Context, col int, x *Expr, within *index.Set) (*index.Set, error) {
	may, err := e.candidateBlocks(col, x)
	if err != nil {
		return nil, err
	}
	var rows, buf []uint32
	err = e.blocks(ctx, within, func(b int, info part.BlockInfo) error {
		if may != nil && !may[b] || !e.zoneOverlaps(col, b, x) {
			return nil
		}
		v, err := e.part.ReadColumn(b, col)
		if err != nil {
			return err
		}
		if within != nil && v.Rows == nil && x.Col.Type == column.Int64 {
			buf = within.Slice(uint32(info.FirstRow), uint32(info.FirstRow+info.Rows), buf[:0])
			rows = matchFewInts(rows, v, buf, uint32(info.FirstRow), x)
			return nil
		}
		y := *x
		y.ZeroAbsent = false // the caller adds absent rows
		for _, r := range matchVector(e.layout, v, info.Rows, &y, nil) {
			rows = append(rows, uint32(info.FirstRow)+r)
		}
		return nil
	})
	return e.restrict(rows, within), err
}

// matchFewInts appends those of the candidate rows whose value passes the leaf.
// v has a value for every row of the block that begins at first.
func matchFewInts(dst []uint32, v *column.Vector, candidates []uint32, first uint32, x *Expr) []uint32 {
	lo, hi, ok := intBounds(x)
	if !ok {
		return dst
	}
	for _, r := range candidates {
		if n := v.Ints[r-first]; lo <= n && n <= hi {
			dst = append(dst, r)
		}
	}
	return dst
}

// candidateBlocks asks the value filters which blocks may hold the value; nil
// means every block.
func (e *partEval) candidateBlocks(col int, x *Expr) ([]bool, error) {
	if x.Op != OpEqual {
		return nil, nil
	}
	var hash uint64
	if x.Col.Type == column.Doc {
		hash, _ = column.HashTag(nil, column.Tag{Name: []byte(x.Tag), Value: x.Value})
	} else {
		hash = column.HashTerm(x.Value.AppendTerm(nil))
	}
	list, err := e.part.MayContainBlocks(nil, col, hash)
	may := make([]bool, e.part.Meta().Blocks)
	for _, b := range list {
		may[b] = true
	}
	return may, err
}

func (e *partEval) zoneOverlaps(col, block int, x *Expr) bool {
	if x.Col.Type != column.Int64 {
		return true
	}
	zlo, zhi, ok := e.part.Zone(col, block)
	lo, hi, sane := intBounds(x)
	return sane && (!ok || lo <= zhi && zlo <= hi)
}

// intBounds returns the closed interval of integers that pass the leaf, and
// false when none can.
func intBounds(x *Expr) (lo, hi int64, ok bool) {
	lo, hi = math.MinInt64, math.MaxInt64
	switch x.Op {
	case OpEqual:
		return x.Value.Int, x.Value.Int, x.Value.Type == x.Col.Type
	case OpRange:
		if x.Lo != nil {
			lo = x.Lo.Int
		}
		if x.Hi != nil {
			hi = x.Hi.Int
		}
	case OpTrue, OpAnd, OpOr, OpNot, OpExists: // bound nothing
	}
	return lo, hi, lo <= hi
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

package columnar

import (
	"context"
	"math"

	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/index"
	"github.com/pandodb/pando/internal/part"
)

// rawLeaf answers a leaf over a raw column: filters and zones choose blocks.
func (e *partEval) rawLeaf(ctx context.Context, col int, x *Expr, within *index.Set) (*index.Set, error) {
	may, err := e.candidateBlocks(col, x, within)
	if err != nil {
		return nil, err
	}
	y := *x
	y.ZeroAbsent = false // the caller adds absent rows
	var rows, buf []uint32
	err = e.blocks(ctx, within, func(b int, info part.BlockInfo) error {
		if !e.zoneOverlaps(col, b, x) {
			return nil
		}
		if ok, err := may.has(e.part, col, b); err != nil || !ok {
			return err
		}
		v, err := e.part.ReadColumn(b, col)
		if err != nil {
			return err
		}
		first := uint32(info.FirstRow)
		if within != nil {
			buf = blockRows(within, info, buf[:0])
			if len(buf) < v.Len() || v.ID.Type.Coded() { // each value is tested by itself
				rows = matchFew(rows, candidateRows{e.layout, v, buf, first}, &y)
				return nil
			}
		}
		for _, r := range matchVector(e.layout, v, info.Rows, &y, nil) {
			rows = append(rows, first+r)
		}
		return nil
	})
	return e.restrict(rows, within), err
}

// candidateRows are rows of a block that begins at first, and its values.
type candidateRows struct {
	layout *column.Layout
	v      *column.Vector
	rows   []uint32 // of the part, ascending
	first  uint32
}

// matchFew appends those of the candidate rows whose value passes the leaf.
func matchFew(dst []uint32, c candidateRows, x *Expr) []uint32 {
	if c.v.ID.Type == column.Int64 && (x.Op == OpEqual || x.Op == OpRange) {
		return matchFewInts(dst, c, x)
	}
	for _, r := range c.rows {
		at, ok := c.v.Find(r - c.first)
		if !ok {
			continue
		}
		if c.v.ID.Type == column.Doc {
			ok = x.docMatches(c.layout, c.v.Dict.Value(c.v.Codes[at]))
		} else {
			ok = x.matches(c.v.At(at))
		}
		if ok {
			dst = append(dst, r)
		}
	}
	return dst
}

func matchFewInts(dst []uint32, c candidateRows, x *Expr) []uint32 {
	lo, hi, ok := intBounds(x)
	if !ok {
		return dst
	}
	if c.v.Rows == nil {
		ints := c.v.Ints
		for _, r := range c.rows {
			if n := ints[r-c.first]; lo <= n && n <= hi {
				dst = append(dst, r)
			}
		}
		return dst
	}
	for _, r := range c.rows {
		if at, ok := c.v.Find(r - c.first); ok && lo <= c.v.Ints[at] && c.v.Ints[at] <= hi {
			dst = append(dst, r)
		}
	}
	return dst
}

// blockChoice says which blocks may hold one of some values.
type blockChoice struct {
	table  []bool   // by block; nil when hashes are asked block by block
	hashes []uint64 // nil with a nil table: every block may
}

// maxFilterValues is how many values a block's filter is asked for: it is wrong
// about once in a hundred, so that many values say yes to most blocks.
const maxFilterValues = 128

// candidateBlocks asks the value filters which blocks may hold a value that
// passes.
func (e *partEval) candidateBlocks(col int, x *Expr, within *index.Set) (blockChoice, error) {
	values, ok := x.equals()
	if !ok || len(values) > maxFilterValues || !e.part.ColumnInfo(col).Indexed {
		return blockChoice{}, nil
	}
	hashes := make([]uint64, len(values))
	var scratch []byte
	for i := range values {
		if x.Col.Type == column.Doc {
			hashes[i], scratch = column.HashTag(scratch, column.Tag{Name: []byte(x.Tag), Value: values[i]})
			continue
		}
		scratch = values[i].AppendTerm(scratch[:0])
		hashes[i] = column.HashTerm(scratch)
	}
	blocks := e.part.Meta().Blocks
	if within != nil && within.Len() < blocks/4 {
		return blockChoice{hashes: hashes}, nil
	}
	may := blockChoice{table: make([]bool, blocks)}
	var list []uint32
	for _, hash := range hashes {
		var err error
		if list, err = e.part.MayContainBlocks(list[:0], col, hash); err != nil {
			return blockChoice{}, err
		}
		for _, b := range list {
			may.table[b] = true
		}
	}
	return may, nil
}

// has reports whether the block may hold one of the values.
func (c *blockChoice) has(p *part.Part, col, block int) (bool, error) {
	if c.table != nil {
		return c.table[block], nil
	}
	for _, hash := range c.hashes {
		if ok, err := p.MayContain(col, block, hash); ok || err != nil {
			return ok, err
		}
	}
	return c.hashes == nil, nil
}

func (e *partEval) zoneOverlaps(col, block int, x *Expr) bool {
	if x.Col.Type != column.Int64 {
		return true
	}
	zlo, zhi, ok := e.part.Zone(col, block)
	lo, hi, sane := intBounds(x)
	return sane && (!ok || lo <= zhi && zlo <= hi)
}

// intBounds returns the closed interval in which all integers lie that pass the
// leaf, and false when none can pass. Of OpEqual and OpRange, every integer of
// the interval passes.
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
	case OpIn:
		if n := len(x.Values); x.sorted && n > 0 {
			return x.Values[0].Int, x.Values[n-1].Int, true
		}
		return lo, hi, len(x.Values) > 0
	case OpTrue, OpAnd, OpOr, OpNot, OpExists, OpTest, OpRows: // bound nothing
	}
	return lo, hi, lo <= hi
}

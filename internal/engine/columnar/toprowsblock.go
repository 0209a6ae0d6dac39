package columnar

import (
	"slices"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/index"
)

// rowBlock is what an order needs of a run, or of one block of a part.
type rowBlock struct {
	rows  int
	first uint32 // of the block in its part
	times []int64
	ids   []uint64
	keys  *column.Dict
	// The key of every row: of runs a code, of blocks run lengths.
	codes []uint32
	runs  []uint32
	// cols has an entry per term; those of columns are set.
	cols []intColumn
}

// intColumn is an Int64 column of a rowBlock.
type intColumn struct {
	v     *column.Vector // nil: no row has a value
	terms *index.Terms   // of a dictionary column: v.Codes are ordinals in it
	buf   []byte
}

// at returns the value of a row, zero when it has none.
func (c *intColumn) at(row uint32) int64 {
	if c.v == nil {
		return 0
	}
	if c.v.Rows == nil {
		return c.value(int(row))
	}
	pos, ok := slices.BinarySearch(c.v.Rows, row)
	if !ok {
		return 0
	}
	return c.value(pos)
}

// value returns the value at a position of the vector.
func (c *intColumn) value(pos int) int64 {
	if c.terms == nil {
		return c.v.Ints[pos]
	}
	c.buf = c.terms.Append(c.buf[:0], c.v.Codes[pos])
	return column.TermValue(column.Int64, c.buf).Int
}

// window is a closed interval of masked integers.
type window struct {
	mask        int64
	first, last int64 // first <= last
}

func (w window) contains(v int64) bool {
	v ^= w.mask
	return w.first <= v && v <= w.last
}

// appendBetween appends the positions of the values that lie in the window.
func appendBetween[T int64 | uint64 | uint32](dst []uint32, vals []T, w window) []uint32 {
	span := uint64(w.last) - uint64(w.first)
	for i, v := range vals {
		if uint64(int64(v)^w.mask)-uint64(w.first) <= span {
			dst = append(dst, uint32(i))
		}
	}
	return dst
}

// keepBetween keeps the rows, positions in vals, whose value lies in the window.
func keepBetween[T int64 | uint64 | uint32](rows []uint32, vals []T, w window) []uint32 {
	span, kept := uint64(w.last)-uint64(w.first), rows[:0]
	for _, r := range rows {
		if uint64(int64(vals[r])^w.mask)-uint64(w.first) <= span {
			kept = append(kept, r)
		}
	}
	return kept
}

// rowPicker holds the candidates of one block at a time.
type rowPicker struct {
	rows  []uint32
	all   bool    // every row of the block is one; rows is empty
	dense []int64 // memory of a column with absent values
	n     int
}

// reset makes all rows of a block the candidates.
func (p *rowPicker) reset(rows int) { p.rows, p.all, p.n = p.rows[:0], true, rows }

// drop leaves no candidate.
func (p *rowPicker) drop() { p.rows, p.all = p.rows[:0], false }

func (p *rowPicker) none() bool { return !p.all && len(p.rows) == 0 }

// between keeps the candidates whose value lies in the window.
func between[T int64 | uint64 | uint32](p *rowPicker, vals []T, w window) {
	if p.all {
		p.rows, p.all = appendBetween(p.rows[:0], vals, w), false
		return
	}
	p.rows = keepBetween(p.rows, vals, w)
}

// column keeps the candidates whose value in the column lies in the window.
func (p *rowPicker) column(c *intColumn, w window) {
	switch {
	case c.v == nil || c.v.Rows != nil && len(c.v.Rows) == 0:
		if !w.contains(0) {
			p.drop()
		}
	case c.v.Rows != nil:
		p.dense = slices.Grow(p.dense[:0], p.n)[:p.n]
		clear(p.dense)
		for pos, r := range c.v.Rows {
			p.dense[r] = c.value(pos)
		}
		between(p, p.dense, w)
	case c.terms != nil:
		lo, hi := w.first^w.mask, w.last^w.mask // of the values, in any order
		first, end := c.terms.Range(column.IntValue(min(lo, hi)).AppendTerm(nil), append(column.IntValue(max(lo, hi)).AppendTerm(nil), 0))
		if first >= end {
			p.drop()
			return
		}
		between(p, c.v.Codes, window{first: int64(first), last: int64(end) - 1})
	default:
		between(p, c.v.Ints, w)
	}
}

// inTime keeps the candidates whose time lies in r.
func (p *rowPicker) inTime(times []int64, r base.TimeRange) {
	if r.Start >= r.End {
		p.drop()
		return
	}
	between(p, times, window{first: r.Start, last: r.End - 1})
}

// keysOf keeps the candidates whose key the list can still take, the key being
// the first term.
func (p *rowPicker) keysOf(b *rowBlock, l *topRowList) {
	pass := make([]bool, b.keys.Len())
	for k := range pass {
		key := b.keys.Value(uint32(k))
		pass[k] = !l.beforeKeys(key) && !l.behindKeys(key)
	}
	if p.all {
		p.list()
	}
	kept, at := p.rows[:0], newKeyCursor(b)
	for _, r := range p.rows {
		if pass[at.code(r)] {
			kept = append(kept, r)
		}
	}
	p.rows = kept
}

// list makes the list of candidates explicit.
func (p *rowPicker) list() {
	if !p.all {
		return
	}
	p.rows, p.all = p.rows[:0], false
	for r := range uint32(p.n) {
		p.rows = append(p.rows, r)
	}
}

// keyCursor finds the keys of ascending rows.
type keyCursor struct {
	b   *rowBlock
	key uint32
	end uint32 // of the key's rows, in blocks
}

func newKeyCursor(b *rowBlock) keyCursor {
	c := keyCursor{b: b}
	if b.codes == nil && len(b.runs) > 0 {
		c.end = b.runs[0]
	}
	return c
}

// code returns the place of the row's key in b.keys.
func (c *keyCursor) code(row uint32) uint32 {
	if c.b.codes != nil {
		return c.b.codes[row]
	}
	for row >= c.end {
		c.key++
		c.end += c.b.runs[c.key]
	}
	return c.key
}

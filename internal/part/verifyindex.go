package part

import (
	"math"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// Checksums tell damage, not a writer that went wrong: an index that lacks a row
// hides it from every query that asks the index, for good, since a merge believes
// the pages and queries believe the index. columnCheck compares the two.
type columnCheck struct {
	p       *Part
	col     int
	values  int
	left    []termCheck // by ordinal; nil where the column has no postings
	sum     uint64      // of all rows in lists, in any order, less those seen
	numbers []int64     // by ordinal, where a Dict column has zones
	group   [][]byte    // filters of the present group of blocks
	term    []byte
}

// termCheck is what the postings say about a term.
type termCheck struct {
	rows  int // not yet seen in a page
	dense bool
}

func newColumnCheck(p *Part, col int) (columnCheck, error) {
	c := columnCheck{p: p, col: col}
	m := &p.meta.columns[col]
	if m.mode != Dict {
		return c, nil
	}
	if m.zone != nil {
		v, err := p.values(col)
		if err != nil {
			return c, err
		}
		c.numbers = v.ints
	}
	x, err := p.Postings(col)
	if err != nil || x == nil {
		return c, err
	}
	c.left = make([]termCheck, m.distinct)
	var rows []uint32
	for i := range c.left {
		ord := uint32(i)
		c.left[i] = termCheck{rows: x.Count(ord), dense: x.Dense(ord)}
		if rows, err = x.AppendRows(rows[:0], ord); err != nil {
			return c, err
		}
		for _, row := range rows {
			c.sum += hashPosting(row, ord)
		}
	}
	return c, nil
}

// page takes the column's values in a block.
func (c *columnCheck) page(block int, v *column.Vector) error {
	c.values += max(len(v.Codes), len(v.Ints), len(v.Floats))
	if err := c.zone(block, v); err != nil {
		return err
	}
	if m := &c.p.meta.columns[c.col]; m.mode == Raw {
		return c.filter(block, v)
	}
	if c.left == nil {
		return nil
	}
	first := c.p.meta.blocks[block].firstRow
	for i, ord := range v.Codes {
		row := first + uint32(i)
		if v.Rows != nil {
			row = first + v.Rows[i]
		}
		c.left[ord].rows--
		if !c.left[ord].dense {
			c.sum -= hashPosting(row, ord)
		}
	}
	return nil
}

// zone compares the block's bounds with its values.
func (c *columnCheck) zone(block int, v *column.Vector) error {
	if !c.p.HasZone(c.col) {
		return nil
	}
	lo, hi := int64(math.MaxInt64), int64(math.MinInt64)
	for _, n := range v.Ints {
		lo, hi = min(lo, n), max(hi, n)
	}
	if c.numbers != nil {
		for _, ord := range v.Codes {
			lo, hi = min(lo, c.numbers[ord]), max(hi, c.numbers[ord])
		}
	}
	zlo, zhi, ok := c.p.Zone(c.col, block)
	if ok != (lo <= hi) || ok && (zlo != lo || zhi != hi) {
		return c.corruptf(metaName, "block %d: zone %d to %d, values %d to %d", block, zlo, zhi, lo, hi)
	}
	return nil
}

// filter asks the block's filter for every value. Documents are left out: what
// their tags are only the layout knows.
func (c *columnCheck) filter(block int, v *column.Vector) error {
	if len(c.p.meta.columns[c.col].filters) == 0 || v.ID.Type == column.Doc {
		return nil
	}
	var err error
	if block%filterBlocks == 0 { // blocks come in order, and there is no cache
		if c.group, err = c.p.filterGroup(c.col, block/filterBlocks); err != nil {
			return err
		}
	}
	for i := range v.Len() {
		c.term = v.At(i).AppendTerm(c.term[:0])
		if !filterAllows(c.group, block, column.HashTerm(c.term)) {
			return c.corruptf(filterName, "block %d: filter excludes value %d, %.40q", block, i, c.term)
		}
	}
	return nil
}

// finish compares the postings with what the pages held.
func (c *columnCheck) finish() error {
	if want := c.p.meta.columns[c.col].values; c.values != want {
		return c.corruptf(metaName, "%d values, want %d", c.values, want)
	}
	for ord := range c.left {
		if n := c.left[ord].rows; n != 0 {
			return c.corruptf(indexName, "term %d has %d rows more in the postings than in pages", ord, n)
		}
	}
	if c.sum != 0 {
		return c.corruptf(indexName, "postings have other rows than pages")
	}
	return nil
}

func (c *columnCheck) corruptf(file, format string, args ...any) error {
	return base.Corruptionf(c.p.path(file), 0, "column %v: %w", c.p.meta.columns[c.col].id, corruptf(format, args...))
}

// hashPosting spreads a row of a term over 64 bits, so that sums of different
// sets differ.
func hashPosting(row, ord uint32) uint64 { return hashWord(uint64(row)<<32 | uint64(ord)) }

package part

import (
	"sort"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/encoding/floatenc"
	"github.com/pandodb/pando/internal/encoding/intenc"
	"github.com/pandodb/pando/internal/filter"
)

// Value filters of raw columns lie in filter.bin, a unit for every filterBlocks
// blocks of a column:
//
//	section ints  length of each block's filter, zero for none
//	filters       filter.AppendBloom
const filterBlocks = 64

// filterGroups returns the number of filter units of a column.
func filterGroups(blocks int) int { return (blocks + filterBlocks - 1) / filterBlocks }

// rawBlock collects the values of the block a raw column is at.
type rawBlock struct {
	c          *ColumnWriter
	block      int
	start, end uint32 // rows of the block
	rows       []uint32
	ints       []int64
	floats     []float64
	dict       column.Dict // values in row order, not distinct

	hashes  hashSet
	scratch []byte
	term    []byte
	lengths []int64 // of the filters of the present group
	filters []byte
}

func (b *rawBlock) reset(c *ColumnWriter) {
	b.c, b.block, b.start = c, 0, 0
	b.end = c.w.meta.blocks[0].rows
	b.lengths, b.filters = b.lengths[:0], b.filters[:0]
	b.clear()
}

func (b *rawBlock) clear() {
	b.rows, b.ints, b.floats = b.rows[:0], b.ints[:0], b.floats[:0]
	b.dict.Reset()
}

// seek goes to the block of the row, which lies behind the present one.
func (b *rawBlock) seek(row uint32) {
	blocks := b.c.w.meta.blocks
	b.block = sort.Search(len(blocks), func(i int) bool { return blocks[i].firstRow > row }) - 1
	b.start = blocks[b.block].firstRow
	b.end = b.start + blocks[b.block].rows
}

// addCodes adds values of the column's interning table.
func (b *rawBlock) addCodes(codes []uint32) {
	switch {
	case b.c.coded:
		b.addValues(&b.c.bytes.vals, codes)
	case b.c.id.Type == column.Float64:
		for _, code := range codes {
			b.floats = append(b.floats, valueOf(column.Float64, b.c.words.vals[code]).Float)
		}
	default:
		for _, code := range codes {
			b.ints = append(b.ints, int64(b.c.words.vals[code]))
		}
	}
}

// addValues adds values of a dictionary. What would exceed a page is dropped
// and makes the column fail.
func (b *rawBlock) addValues(d *column.Dict, codes []uint32) {
	for _, code := range codes {
		v := d.Value(code)
		if len(v) > maxUnitBytes/2-len(b.dict.Data) {
			b.c.fail(base.Errorf(base.ClassTooLarge, "column %v: page of more than %d bytes", b.c.id, maxUnitBytes/2))
			return
		}
		b.dict.Append(v)
	}
}

// flushBlock writes the page and the filter of the present block.
func (c *ColumnWriter) flushBlock() error {
	b := &c.block
	if c.err != nil || len(b.rows) == 0 {
		return c.err
	}
	if err := c.begin(); err != nil {
		return err
	}
	b.scratch = c.appendRawPage(b.scratch[:0])
	if err := c.w.pages.page(b.block, b.scratch); err != nil {
		return err
	}
	if c.zone != nil {
		for _, v := range b.ints {
			c.zone.add(uint32(b.block), v)
		}
	}
	err := c.addFilter()
	b.clear()
	return err
}

// appendRawPage appends the page of the present block.
func (c *ColumnWriter) appendRawPage(dst []byte) []byte {
	b := &c.block
	blockRows := int(b.end - b.start)
	switch {
	case c.coded:
		return appendBytesBody(c.appendPageHead(dst, pageBytes, b.rows, b.block), &b.dict)
	case c.id.Type == column.Float64:
		return floatenc.AppendFloats(c.appendPageHead(dst, pageFloats, b.rows, b.block), b.floats)
	case c.spec.Codec == column.CodecIDRef:
		refs := b.ints
		if len(refs) < blockRows {
			refs = make([]int64, blockRows)
			for i, r := range b.rows {
				refs[r] = b.ints[i]
			}
		}
		dst = c.appendPageHead(dst, pageIDRefs, b.rows, b.block)
		return intenc.AppendIDRefs(dst, refs, c.w.ids[b.start:b.end], c.w.runs[b.block])
	default:
		return intenc.AppendInts(c.appendPageHead(dst, pageInts, b.rows, b.block), b.ints)
	}
}

// addFilter adds the filter of the present block to its group.
func (c *ColumnWriter) addFilter() error {
	if c.spec.NoIndex {
		return nil
	}
	b := &c.block
	group := b.block / filterBlocks
	for group > len(c.columnMeta().filters) {
		if err := c.flushFilters(); err != nil {
			return err
		}
	}
	for len(b.lengths) < b.block%filterBlocks {
		b.lengths = append(b.lengths, 0)
	}
	c.hashBlock()
	start := len(b.filters)
	b.filters = filter.AppendBloom(b.filters, b.hashes.hashes(), filter.DefaultBitsPerKey)
	b.lengths = append(b.lengths, int64(len(b.filters)-start))
	return nil
}

// hashBlock collects the hashes of what can be asked for: values, and the tags
// of documents.
func (c *ColumnWriter) hashBlock() {
	b := &c.block
	b.hashes.reset()
	switch {
	case c.id.Type == column.Doc:
		emit := func(t column.Tag) bool {
			var hash uint64
			hash, b.term = column.HashTag(b.term, t)
			b.hashes.add(hash)
			return true
		}
		for i := range b.dict.Len() {
			c.w.o.Layout.Expand(c.id, b.dict.Value(uint32(i)), emit)
		}
	case c.coded:
		for i := range b.dict.Len() {
			b.hashes.add(column.HashTerm(b.dict.Value(uint32(i))))
		}
	case c.id.Type == column.Float64:
		for _, v := range b.floats {
			b.term = column.FloatValue(v).AppendTerm(b.term[:0])
			b.hashes.add(column.HashTerm(b.term))
		}
	default:
		for _, v := range b.ints {
			b.term = column.IntValue(v).AppendTerm(b.term[:0])
			b.hashes.add(column.HashTerm(b.term))
		}
	}
}

// flushFilters writes the unit of the present group.
func (c *ColumnWriter) flushFilters() error {
	b := &c.block
	meta := c.columnMeta()
	var ref pageRef
	if len(b.lengths) > 0 {
		blocks := min(filterBlocks, len(c.w.meta.blocks)-len(meta.filters)*filterBlocks)
		b.lengths = append(b.lengths, make([]int64, blocks-len(b.lengths))...)
		b.scratch, b.term = appendInts(b.scratch[:0], b.term, b.lengths)
		b.scratch = append(b.scratch, b.filters...)
		var err error
		if ref, err = c.w.filter.unit(b.scratch); err != nil {
			return err
		}
	}
	meta.filters = append(meta.filters, ref)
	b.lengths, b.filters = b.lengths[:0], b.filters[:0]
	return nil
}

// finishRaw writes what is left of a raw column.
func (c *ColumnWriter) finishRaw() error {
	if err := c.flushBlock(); err != nil {
		return err
	}
	m := c.columnMeta()
	for !c.spec.NoIndex && len(m.filters) < filterGroups(len(c.w.meta.blocks)) {
		if err := c.flushFilters(); err != nil {
			return err
		}
	}
	m.mode, m.values, m.zone = Raw, c.count, c.zone
	return nil
}

// parseFilters cuts the payload of a filter unit into the filters of blocks
// blocks; an empty one is none.
func parseFilters(src []byte, blocks int) ([][]byte, error) {
	d := decoder{src: src}
	lengths := d.ints(nil, blocks)
	if d.err != nil {
		return nil, d.err
	}
	out := make([][]byte, blocks)
	for i, n := range lengths {
		if n < 0 || n > int64(len(d.src)) {
			return nil, corruptf("filter of %d bytes in %d", n, len(d.src))
		}
		out[i], d.src = d.src[:n:n], d.src[n:]
	}
	return out, d.done()
}

package part

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// presence remembers the lists of rows that pages of each block have written,
// so that later columns can refer to them.
type presence struct {
	blocks  []presenceBlock
	section []byte
	scratch []byte
}

// presenceBlock holds one block's lists, one after the other.
type presenceBlock struct {
	lists []presenceList
	data  []byte // encoded lists
}

// presenceList is the list that a column's page has written; it ends where the
// next begins.
type presenceList struct {
	col   uint32
	start uint32
}

const (
	// minSharedBytes is the size from which a list is worth remembering. A
	// reference takes one or two bytes.
	minSharedBytes = 8
	// maxSharedLists bounds what is remembered per block: 32 bitmaps of 1,024
	// rows are 4 kB. Spans have about ten sets of attributes.
	maxSharedLists = 32
)

// reset forgets all lists and makes room for blocks.
func (p *presence) reset(blocks int) {
	if len(p.blocks) != blocks {
		p.blocks = make([]presenceBlock, blocks)
	}
	for i := range p.blocks {
		b := &p.blocks[i]
		b.lists, b.data = b.lists[:0], b.data[:0]
	}
}

// appendPageHead appends the codec and the rows of a page of the column begun
// last. rows lists the rows of the block that have a value.
func (c *ColumnWriter) appendPageHead(dst []byte, codec byte, rows []uint32, block int) []byte {
	w := c.w
	blockRows := int(w.meta.blocks[block].rows)
	if len(rows) == blockRows {
		return append(dst, codec)
	}
	p := &w.presence
	p.section, p.scratch = appendRows(p.section[:0], p.scratch, rows, blockRows)
	col := uint32(len(w.meta.columns) - 1)
	if other, ok := p.blocks[block].find(p.section); ok {
		return binary.AppendUvarint(append(dst, codec|pageSharedRows), uint64(col-other))
	}
	p.blocks[block].remember(col, p.section)
	return append(append(dst, codec|pageOwnRows), p.section...)
}

// find returns the column whose page of the block has written the list.
func (b *presenceBlock) find(list []byte) (col uint32, ok bool) {
	end := len(b.data)
	for _, l := range slices.Backward(b.lists) {
		if bytes.Equal(b.data[l.start:end], list) {
			return l.col, true
		}
		end = int(l.start)
	}
	return 0, false
}

// remember keeps the list that the column's page writes.
func (b *presenceBlock) remember(col uint32, list []byte) {
	if len(list) < minSharedBytes || len(b.lists) == maxSharedLists {
		return
	}
	b.lists = append(b.lists, presenceList{col: col, start: uint32(len(b.data))})
	b.data = append(b.data, list...)
}

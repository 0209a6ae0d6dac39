package part

import (
	"encoding/binary"
	"sort"
)

// The page directory, primary.bin, says where every page lies. It is cut into
// chunks of chunkBlocks blocks, so that a reader loads only what it touches,
// and it stores lengths only: pages follow each other without gaps, in block
// order (packed) or in column order inside a family's file (wide).
//
//	chunk:   uvarint number of blocks
//	         uvarint offset of the first identity page
//	         section ints   lengths of the identity pages
//	         uvarint number of columns with a page in the chunk, then per column
//	           uvarint column less the one before (the first: plus one)
//	           uvarint offset of the first page (wide only)
//	           section rows   blocks of the chunk that have a page
//	           section ints   lengths of those pages
//
// Lengths include the page's frame. About two bytes a page.

// chunkBlocks is the number of blocks of a chunk: 64 blocks of 60 columns are
// 3,840 pages, 60 kB once parsed and some 50 µs to parse.
const chunkBlocks = 64

// pageRef is where a framed page lies in its file. A zero size is no page.
type pageRef struct {
	off  uint64
	size uint32
}

// end returns the offset behind the page.
func (r pageRef) end() uint64 { return r.off + uint64(r.size) }

// blockPage is one column's page of one block.
type blockPage struct {
	block uint32
	ref   pageRef
}

// directory collects where a writer put its pages.
type directory struct {
	identity []pageRef     // per block
	columns  [][]blockPage // per column, blocks ascending
}

// appendChunk appends the chunk that begins with block first. cursors[col] is
// the position of the column's next page and is moved on; call with ascending
// chunks.
func (d *directory) appendChunk(dst []byte, wide bool, first int, cursors []int) []byte {
	end := min(first+chunkBlocks, len(d.identity))
	var scratch []byte
	var lengths []int64
	var present []uint32
	dst = binary.AppendUvarint(dst, uint64(end-first))
	dst = binary.AppendUvarint(dst, d.identity[first].off)
	for _, ref := range d.identity[first:end] {
		lengths = append(lengths, int64(ref.size))
	}
	dst, scratch = appendInts(dst, scratch, lengths)

	columns := 0
	for col, pages := range d.columns {
		if c := cursors[col]; c < len(pages) && int(pages[c].block) < end {
			columns++
		}
	}
	dst = binary.AppendUvarint(dst, uint64(columns))
	prev := -1
	for col, pages := range d.columns {
		pages = pages[cursors[col]:]
		lengths, present = lengths[:0], present[:0]
		for len(lengths) < len(pages) && int(pages[len(lengths)].block) < end {
			p := pages[len(lengths)]
			present = append(present, p.block-uint32(first))
			lengths = append(lengths, int64(p.ref.size))
		}
		if len(lengths) == 0 {
			continue
		}
		cursors[col] += len(lengths)
		dst = binary.AppendUvarint(dst, uint64(col-prev))
		prev = col
		if wide {
			dst = binary.AppendUvarint(dst, pages[0].ref.off)
		}
		dst, scratch = appendRows(dst, scratch, present, end-first)
		dst, scratch = appendInts(dst, scratch, lengths)
	}
	return dst
}

// chunk is a parsed piece of the page directory.
type chunk struct {
	identity []pageRef
	starts   []uint32  // len blocks+1: a block's pages are pages[starts[i]:starts[i+1]]
	pages    []colPage // by block, then by column
}

// colPage is the page of a column.
type colPage struct {
	off  uint64
	size uint32
	col  uint32
}

// sizeBytes returns the memory the chunk holds.
func (c *chunk) sizeBytes() int { return 16*len(c.identity) + 4*len(c.starts) + 16*len(c.pages) }

// blockPages returns the pages of the chunk's block i, ascending by column.
func (c *chunk) blockPages(i int) []colPage { return c.pages[c.starts[i]:c.starts[i+1]] }

// find returns the page of a column in the chunk's block i; its size is zero
// when the column has no value in the block.
func (c *chunk) find(i, col int) pageRef {
	pages := c.blockPages(i)
	at := sort.Search(len(pages), func(k int) bool { return int(pages[k].col) >= col })
	if at == len(pages) || int(pages[at].col) != col {
		return pageRef{}
	}
	return pageRef{off: pages[at].off, size: pages[at].size}
}

// chunkShape is what the reader of a chunk knows beforehand.
type chunkShape struct {
	wide    bool
	blocks  int
	columns int
}

// chunkColumn is a column of a chunk on the way to the parsed form.
type chunkColumn struct {
	col     int
	off     uint64 // of its first page (wide)
	blocks  []uint32
	lengths []int64
}

// parseChunk reads a chunk of the given shape.
func parseChunk(src []byte, shape chunkShape) (*chunk, error) {
	d := decoder{src: src}
	if n := d.count("blocks of the chunk", shape.blocks); n != shape.blocks && d.err == nil {
		return nil, corruptf("chunk of %d blocks, want %d", n, shape.blocks)
	}
	off := d.uvarint()
	idents := d.ints(nil, shape.blocks)
	n := d.count("columns of the chunk", min(shape.columns, len(d.src)))
	if d.err != nil {
		return nil, d.err
	}
	cols := make([]chunkColumn, 0, n)
	starts := make([]uint32, shape.blocks+1)
	for prev := -1; len(cols) < n; {
		c, err := parseChunkColumn(&d, shape, prev)
		if err != nil {
			return nil, err
		}
		prev = c.col
		for _, b := range c.blocks {
			starts[b+1]++
		}
		cols = append(cols, c)
	}
	if err := d.done(); err != nil {
		return nil, err
	}
	for i := range shape.blocks {
		starts[i+1] += starts[i]
	}
	c := &chunk{starts: starts, identity: make([]pageRef, shape.blocks)}
	if err := c.place(cols, starts); err != nil {
		return nil, err
	}
	return c, c.locate(shape.wide, off, idents)
}

// parseChunkColumn reads the next column of a chunk, which comes after prev.
func parseChunkColumn(d *decoder, shape chunkShape, prev int) (chunkColumn, error) {
	c := chunkColumn{col: prev + d.count("column of the chunk", shape.columns-1-prev)}
	if shape.wide {
		c.off = d.uvarint()
	}
	c.blocks = d.rows(shape.blocks)
	c.lengths = d.ints(nil, len(c.blocks))
	if d.err == nil && (c.col <= prev || len(c.blocks) == 0) {
		d.fail(corruptf("column %d after %d with %d pages", c.col, prev, len(c.blocks)))
	}
	return c, d.err
}

// place sorts the columns' pages by block.
func (c *chunk) place(cols []chunkColumn, starts []uint32) error {
	c.pages = make([]colPage, starts[len(starts)-1])
	next := append([]uint32(nil), starts[:len(starts)-1]...)
	for i := range cols {
		col := &cols[i]
		off := col.off
		for k, b := range col.blocks {
			size, err := pageSize(col.lengths[k])
			if err != nil {
				return err
			}
			c.pages[next[b]] = colPage{off: off, size: size, col: uint32(col.col)}
			next[b]++
			off += uint64(size)
		}
	}
	return nil
}

// locate fills in the identity pages and, in a packed part, all offsets.
func (c *chunk) locate(wide bool, off uint64, idents []int64) error {
	for i, length := range idents {
		size, err := pageSize(length)
		if err != nil {
			return err
		}
		c.identity[i] = pageRef{off: off, size: size}
		off += uint64(size)
		if wide {
			continue
		}
		pages := c.blockPages(i)
		for k := range pages {
			pages[k].off = off
			off += uint64(pages[k].size)
		}
	}
	return nil
}

// pageSize checks a page's length.
func pageSize(length int64) (uint32, error) {
	if length <= 0 || length > maxUnitBytes {
		return 0, corruptf("page of %d bytes", length)
	}
	return uint32(length), nil
}

// chunks returns the number of chunks of a part of so many blocks.
func chunks(blocks int) int { return (blocks + chunkBlocks - 1) / chunkBlocks }

package part

import (
	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/block"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/filter"
	"github.com/pandodb/pando/internal/index"
)

// What the cache keeps of a part. The kind stands in the upper bits of
// block.Key.Column, above the column's position.
const (
	cachedColumn   uint32 = iota << 28 // *column.Vector; Block is the block
	cachedIdentity                     // *column.Identity; Block is the block
	cachedChunk                        // *chunk; Block is the chunk
	cachedTerms                        // *index.Terms
	cachedPostings                     // *index.Postings
	cachedValues                       // *values
	cachedFilters                      // [][]byte; Block is the filter group
	cachedRows                         // []uint32; Block is the block
)

// cacheKey returns the key of something the part has in the cache.
func (p *Part) cacheKey(kind uint32, col, i int) block.Key {
	return block.Key{Part: p.cache, Column: kind | uint32(col), Block: uint32(i)}
}

// cached returns what the cache has under the key, or loads it and puts it in.
// load returns the value and its size in memory.
func cached[T any](p *Part, key block.Key, load func() (T, int, error)) (T, error) {
	if v, ok := p.o.Cache.Get(key); ok {
		return v.(T), nil
	}
	v, size, err := load()
	if err == nil {
		p.o.Cache.Add(key, v, int64(size))
	}
	return v, err
}

// chunk returns the piece of the page directory that block i lies in, and the
// block's position in it.
func (p *Part) chunk(i int) (c *chunk, at int, err error) {
	n := i / chunkBlocks
	if last := p.lastChunk.Load(); last != nil && last.n == n {
		return last.c, i % chunkBlocks, nil
	}
	c, err = cached(p, p.cacheKey(cachedChunk, 0, n), func() (*chunk, int, error) { return p.loadChunk(n) })
	if err != nil {
		return nil, 0, err
	}
	p.lastChunk.Store(&numberedChunk{n, c})
	return c, i % chunkBlocks, nil
}

// numberedChunk is a chunk and its number.
type numberedChunk struct {
	n int
	c *chunk
}

func (p *Part) loadChunk(n int) (*chunk, int, error) {
	ref := p.meta.chunks[n]
	payload, err := p.primary.unit(ref)
	if err != nil {
		return nil, 0, err
	}
	c, err := parseChunk(payload, chunkShape{
		wide:    p.m.Wide,
		blocks:  min(chunkBlocks, len(p.meta.blocks)-n*chunkBlocks),
		columns: len(p.meta.columns),
	})
	if err != nil {
		return nil, 0, at(p.primary.path, int64(ref.off), err)
	}
	return c, c.sizeBytes(), nil
}

// ReadIdentity returns the keys, times and ids of a block's rows.
func (p *Part) ReadIdentity(block int) (*column.Identity, error) {
	return cached(p, p.cacheKey(cachedIdentity, 0, block), func() (*column.Identity, int, error) {
		c, i, err := p.chunk(block)
		if err != nil {
			return nil, 0, err
		}
		ref := c.identity[i]
		payload, err := p.times.unit(ref)
		if err != nil {
			return nil, 0, err
		}
		return p.parseIdentity(block, ref, payload)
	})
}

// parseIdentity decodes the payload of a block's identity page.
func (p *Part) parseIdentity(block int, ref pageRef, payload []byte) (*column.Identity, int, error) {
	id, err := parseIdentity(payload, int(p.meta.blocks[block].rows))
	if err != nil {
		return nil, 0, at(p.times.path, int64(ref.off), err)
	}
	return id, id.SizeBytes(), nil
}

// ReadColumn returns a column's values in a block; rows count from the block's
// first. A column without a value there gives a vector whose Rows is empty, not
// nil.
//
// In a Dict column of any type the values are in Codes, ordinals of terms, and
// Dict is empty: see Terms and Values. In a Raw column they are in Ints, Floats
// or, for coded types, in Dict with one code each.
func (p *Part) ReadColumn(block, col int) (*column.Vector, error) {
	c, i, err := p.chunk(block)
	if err != nil {
		return nil, err
	}
	if c.find(i, col).size == 0 { // not worth a place in the cache
		v := new(column.Vector)
		emptyVector(v, p.meta.columns[col].id)
		return v, nil
	}
	return cached(p, p.cacheKey(cachedColumn, col, block), func() (*column.Vector, int, error) {
		v := new(column.Vector)
		if err := p.ReadColumnRange(block, col, 0, int(p.meta.blocks[block].rows), v); err != nil {
			return nil, 0, err
		}
		return v, v.SizeBytes(), nil
	})
}

// ReadColumnRange reads the values of the rows [lo, hi) of a block to dst, as
// ReadColumn does; rows count from lo. It reuses dst's memory, which must not
// be shared, and leaves the cache alone. Pages of codes are read in place, so
// few rows of a Dict column are cheap.
func (p *Part) ReadColumnRange(block, col, lo, hi int, dst *column.Vector) error {
	if rows := int(p.meta.blocks[block].rows); lo < 0 || lo > hi || hi > rows {
		return base.Errorf(base.ClassBug, "rows %d to %d of a block of %d", lo, hi, rows)
	}
	c, i, err := p.chunk(block)
	if err != nil {
		return err
	}
	ref := c.find(i, col)
	if ref.size == 0 {
		emptyVector(dst, p.meta.columns[col].id)
		return nil
	}
	payload, err := p.columnFile(col).unit(ref)
	if err != nil {
		return err
	}
	ctx := p.pageContext(block, col, blockSource{p, block})
	ctx.lo, ctx.hi = lo, hi
	return at(p.columnFile(col).path, int64(ref.off), readPage(payload, &ctx, dst))
}

// columnFile returns the file that has the column's pages.
func (p *Part) columnFile(col int) *fileReader { return p.families[p.meta.columns[col].id.Family] }

// pageContext returns the context of a column's page of a block; the caller says
// which rows it wants.
func (p *Part) pageContext(block, col int, source pageSource) pageContext {
	m := &p.meta.columns[col]
	return pageContext{
		column: m, col: col, terms: uint32(m.distinct), rows: int(p.meta.blocks[block].rows), source: source,
	}
}

// blockSource reads what pages of a block refer to through the cache.
type blockSource struct {
	p     *Part
	block int
}

func (s blockSource) identity() (*column.Identity, error) { return s.p.ReadIdentity(s.block) }

func (s blockSource) rowsOf(col int) ([]uint32, error) {
	p := s.p
	return cached(p, p.cacheKey(cachedRows, col, s.block), func() ([]uint32, int, error) {
		c, i, err := p.chunk(s.block)
		if err != nil {
			return nil, 0, err
		}
		payload, err := p.columnFile(col).unit(c.find(i, col))
		if err != nil {
			return nil, 0, err
		}
		rows, _, err := parseOwnRows(payload, int(p.meta.blocks[s.block].rows), nil)
		return rows, 4 * len(rows), err
	})
}

// emptyVector makes dst a column without values and keeps its memory.
func emptyVector(dst *column.Vector, id column.ID) {
	dst.ID = id
	if dst.Rows = dst.Rows[:0]; dst.Rows == nil {
		dst.Rows = []uint32{}
	}
	dst.Ints, dst.Floats, dst.Codes = dst.Ints[:0], dst.Floats[:0], dst.Codes[:0]
	dst.Dict.Reset()
}

// indexUnit reads a unit of index.seg that belongs to a Dict column.
func (p *Part) indexUnit(col int, ref pageRef) ([]byte, error) {
	if m := &p.meta.columns[col]; m.mode != Dict {
		return nil, base.Errorf(base.ClassBug, "column %v is %v", m.id, m.mode)
	}
	return p.index.unit(ref)
}

// Terms returns the dictionary of a Dict column.
func (p *Part) Terms(col int) (*index.Terms, error) {
	return cached(p, p.cacheKey(cachedTerms, col, 0), func() (*index.Terms, int, error) {
		m := &p.meta.columns[col]
		payload, err := p.indexUnit(col, m.terms)
		if err != nil {
			return nil, 0, err
		}
		var t *index.Terms
		if payload, err = parseTermsUnit(payload); err == nil {
			t, err = index.OpenTerms(payload)
		}
		if err == nil && t.Len() != m.distinct {
			err = corruptf("column %v: %d terms, want %d", m.id, t.Len(), m.distinct)
		}
		if err != nil {
			return nil, 0, at(p.index.path, int64(m.terms.off), err)
		}
		return t, t.SizeBytes(), nil
	})
}

// Projection returns what the writer stored under the name, or nil. The bytes
// are shared.
func (p *Part) Projection(name string) ([]byte, error) {
	for i := range p.meta.projections {
		if p.meta.projections[i].name == name {
			return p.index.unit(p.meta.projections[i].ref)
		}
	}
	return nil, nil
}

// Postings returns the rows of every term of a Dict column, or nil when the
// layout says NoIndex: then readers scan the codes, as for a dense term.
func (p *Part) Postings(col int) (*index.Postings, error) {
	m := &p.meta.columns[col]
	if m.mode == Dict && m.postings.size == 0 {
		return nil, nil
	}
	return cached(p, p.cacheKey(cachedPostings, col, 0), func() (*index.Postings, int, error) {
		payload, err := p.indexUnit(col, m.postings)
		if err != nil {
			return nil, 0, err
		}
		x, err := index.OpenPostings(payload)
		if err == nil && (x.Terms() != m.distinct || x.Universe() != p.m.Rows) {
			err = corruptf("column %v: postings of %d terms in %d rows", m.id, x.Terms(), x.Universe())
		}
		if err != nil {
			return nil, 0, at(p.index.path, int64(m.postings.off), err)
		}
		return x, x.SizeBytes(), nil
	})
}

// values is a Dict column's terms in the form that resolves ordinals fastest.
type values struct {
	dict column.Dict // by ordinal: the terms
	ints []int64     // by ordinal: the values of an Int64 or Bool column
	nums []float64   // by ordinal: the values of a Float64 column
}

// Values returns all terms of a Dict column by ordinal. It decodes the whole
// dictionary: meant for merges and for dictionaries that are small.
func (p *Part) Values(col int) (*column.Dict, error) {
	v, err := p.values(col)
	if err != nil {
		return nil, err
	}
	return &v.dict, nil
}

func (p *Part) values(col int) (*values, error) {
	return cached(p, p.cacheKey(cachedValues, col, 0), func() (*values, int, error) {
		m := &p.meta.columns[col]
		t, err := p.Terms(col)
		if err != nil {
			return nil, 0, err
		}
		v := &values{}
		if err := t.All(&v.dict); err != nil {
			return nil, 0, at(p.index.path, int64(m.terms.off), err)
		}
		if !m.id.Type.Coded() {
			if err := v.decodeNumbers(m.id.Type); err != nil {
				return nil, 0, at(p.index.path, int64(m.terms.off), err)
			}
		}
		return v, v.dict.SizeBytes() + 8*len(v.ints) + 8*len(v.nums), nil
	})
}

// decodeNumbers fills in ints or nums.
func (v *values) decodeNumbers(t column.Type) error {
	for i := range v.dict.Len() {
		term := v.dict.Value(uint32(i))
		if len(term) != 8 {
			return corruptf("term %d of a %v column has %d bytes", i, t, len(term))
		}
		value := column.TermValue(t, term)
		if t == column.Float64 {
			v.nums = append(v.nums, value.Float)
		} else {
			v.ints = append(v.ints, value.Int)
		}
	}
	return nil
}

// filterGroup returns the filters of the group's blocks, or nil when none of
// them has a value.
func (p *Part) filterGroup(col, group int) ([][]byte, error) {
	ref := p.meta.columns[col].filters[group]
	if ref.size == 0 {
		return nil, nil
	}
	return cached(p, p.cacheKey(cachedFilters, col, group), func() ([][]byte, int, error) {
		payload, err := p.filter.unit(ref)
		if err != nil {
			return nil, 0, err
		}
		out, err := parseFilters(payload, min(filterBlocks, len(p.meta.blocks)-group*filterBlocks))
		if err != nil {
			return nil, 0, at(p.filter.path, int64(ref.off), err)
		}
		return out, len(payload) + 24*len(out), nil
	})
}

// MayContain reports whether a value of the hash may be in the block: of
// column.HashTerm, or column.HashTag in a Doc column. False is certain. It is
// true for columns without value filters, Dict columns among them.
func (p *Part) MayContain(col, block int, hash uint64) (bool, error) {
	if len(p.meta.columns[col].filters) == 0 {
		return true, nil
	}
	group, err := p.filterGroup(col, block/filterBlocks)
	return err == nil && filterAllows(group, block, hash), err
}

// filterAllows asks the filter of a block in its group, which is nil when none
// of its blocks has a value.
func filterAllows(group [][]byte, block int, hash uint64) bool {
	if group == nil {
		return false
	}
	f := group[block%filterBlocks]
	return len(f) > 0 && filter.BloomContains(f, hash)
}

// MayContainBlocks appends the blocks that MayContain is true for to dst,
// ascending.
func (p *Part) MayContainBlocks(dst []uint32, col int, hash uint64) ([]uint32, error) {
	groups := p.meta.columns[col].filters
	if len(groups) == 0 {
		return appendConsecutive(dst, 0, len(p.meta.blocks)), nil
	}
	start := len(dst)
	for g := range groups {
		group, err := p.filterGroup(col, g)
		if err != nil {
			return dst[:start], err
		}
		for i := range group {
			if filterAllows(group, i, hash) {
				dst = append(dst, uint32(g*filterBlocks+i))
			}
		}
	}
	return dst, nil
}

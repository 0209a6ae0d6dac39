package part

import (
	"bytes"
	"math"
	"sort"
	"sync"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// ReadRows reads the rows [lo, hi) of a block to dst: identity and the columns
// listed in cols, ascending, or all with nil. Columns without a value in the
// rows are left out. Values are resolved: the batch stands for itself, and its
// dictionaries hold only what it refers to. It reuses dst's memory, which must
// not be shared.
//
// In a packed part it costs one read of the block, in a wide part one per page.
func (p *Part) ReadRows(block, lo, hi int, cols []int, dst *column.Batch) error {
	if rows := int(p.meta.blocks[block].rows); lo < 0 || lo > hi || hi > rows {
		return base.Errorf(base.ClassBug, "rows %d to %d of a block of %d", lo, hi, rows)
	}
	r := rowReaders.Get().(*rowReader)
	defer r.put()
	if err := r.fetch(p, block, cols); err != nil {
		return err
	}
	return r.read(lo, hi, dst)
}

// ReadKey reads the rows of one key in a block as ReadRows does, with the one
// read for the identity too. It leaves dst without rows when the block has not
// got the key.
func (p *Part) ReadKey(block int, key []byte, cols []int, dst *column.Batch) error {
	r := rowReaders.Get().(*rowReader)
	defer r.put()
	if err := r.fetch(p, block, cols); err != nil {
		return err
	}
	lo, hi := keyRows(r.ident, key)
	return r.read(lo, hi, dst)
}

// keyRows returns the rows of the key in a block.
func keyRows(id *column.Identity, key []byte) (lo, hi int) {
	n := id.Keys.Len()
	k := sort.Search(n, func(i int) bool { return bytes.Compare(id.Keys.Value(uint32(i)), key) >= 0 })
	if k == n || !bytes.Equal(id.Keys.Value(uint32(k)), key) {
		return 0, 0
	}
	for _, run := range id.Runs[:k] {
		lo += int(run)
	}
	return lo, lo + int(id.Runs[k])
}

// rowReader holds the pages of one block on the way to a batch.
type rowReader struct {
	p     *Part
	block int
	ident *column.Identity
	pages []fetchedPage
	buf   []byte // of all pages in a packed part, from offset start on
	start uint64
	all   []colPage // the block's pages
	lists []rowList // rows that several pages have
	codes []uint32
	term  []byte
	seen  map[uint32]uint32 // ordinals to codes of the batch, when there are many
}

// rowList is the rows that have a value in a column.
type rowList struct {
	col  int
	rows []uint32
}

// fetchedPage is a column's verified page.
type fetchedPage struct {
	col     int
	off     uint64
	payload []byte
}

var rowReaders = sync.Pool{New: func() any { return &rowReader{seen: make(map[uint32]uint32)} }}

// keepBytes bounds the buffer that a pooled reader keeps.
const keepBytes = 1 << 20

// put returns the reader to the pool.
func (r *rowReader) put() {
	clear(r.pages)
	r.p, r.ident, r.all, r.pages, r.lists = nil, nil, nil, r.pages[:0], r.lists[:0]
	if cap(r.buf) > keepBytes {
		r.buf = nil
	}
	rowReaders.Put(r)
}

// fetch reads and verifies the block's identity and pages.
func (r *rowReader) fetch(p *Part, block int, cols []int) error {
	r.p, r.block, r.pages = p, block, r.pages[:0]
	c, i, err := p.chunk(block)
	if err != nil {
		return err
	}
	pages := c.blockPages(i)
	r.all, r.lists = pages, r.lists[:0]
	if p.m.Wide {
		return r.fetchPages(pages, cols)
	}
	// One read from the identity page to the last page asked for.
	ident := c.identity[i]
	end := ident.end()
	for _, pg := range wanted(pages, cols) {
		end = pg.off + uint64(pg.size)
	}
	if end-ident.off > maxUnitBytes {
		return base.Corruptionf(p.times.path, int64(ident.off), "block of %d bytes", end-ident.off)
	}
	r.start = ident.off
	if r.buf, err = p.times.span(r.buf, ident.off, int(end-ident.off)); err != nil {
		return err
	}
	if err := r.takeIdentity(ident); err != nil {
		return err
	}
	for _, pg := range wanted(pages, cols) {
		at := pg.off - ident.off
		payload, err := p.times.check(r.buf[at:at+uint64(pg.size)], pg.off)
		if err != nil {
			return err
		}
		r.pages = append(r.pages, fetchedPage{int(pg.col), pg.off, payload})
	}
	return nil
}

// wanted iterates over the pages of the listed columns, or over all.
func wanted(pages []colPage, cols []int) func(func(int, colPage) bool) {
	return func(yield func(int, colPage) bool) {
		if cols == nil {
			for i, pg := range pages {
				if !yield(i, pg) {
					return
				}
			}
			return
		}
		for _, col := range cols {
			for len(pages) > 0 && int(pages[0].col) < col {
				pages = pages[1:]
			}
			if len(pages) > 0 && int(pages[0].col) == col && !yield(col, pages[0]) {
				return
			}
		}
	}
}

// takeIdentity decodes the identity page at the front of the buffer unless the
// cache has it.
func (r *rowReader) takeIdentity(ref pageRef) error {
	p := r.p
	var err error
	r.ident, err = cached(p, p.cacheKey(cachedIdentity, 0, r.block), func() (*column.Identity, int, error) {
		payload, err := p.times.check(r.buf[:ref.size], ref.off)
		if err != nil {
			return nil, 0, err
		}
		return p.parseIdentity(r.block, ref, payload)
	})
	return err
}

// fetchPages reads pages one by one.
func (r *rowReader) fetchPages(pages []colPage, cols []int) error {
	var err error
	if r.ident, err = r.p.ReadIdentity(r.block); err != nil {
		return err
	}
	for _, pg := range wanted(pages, cols) {
		payload, err := r.p.columnFile(int(pg.col)).unit(pageRef{off: pg.off, size: pg.size})
		if err != nil {
			return err
		}
		r.pages = append(r.pages, fetchedPage{int(pg.col), pg.off, payload})
	}
	return nil
}

// read fills the batch from the fetched pages.
func (r *rowReader) read(lo, hi int, dst *column.Batch) error {
	r.readIdentity(lo, hi, dst)
	all := dst.Cols[:cap(dst.Cols)]
	n := 0
	if lo < hi {
		for i := range r.pages {
			if n == len(all) {
				all = append(all, column.Vector{})
				all = all[:cap(all)]
			}
			if err := r.readColumn(&r.pages[i], lo, hi, &all[n]); err != nil {
				return err
			}
			if all[n].Len() > 0 {
				n++
			}
		}
	}
	dst.Cols = all[:n]
	return nil
}

// readIdentity fills in the rows' keys, times and ids.
func (r *rowReader) readIdentity(lo, hi int, dst *column.Batch) {
	id := r.ident
	dst.Rows = hi - lo
	dst.Times = append(dst.Times[:0], id.Times[lo:hi]...)
	dst.IDs = append(dst.IDs[:0], id.IDs[lo:hi]...)
	dst.Keys.Reset()
	dst.KeyCodes = dst.KeyCodes[:0]
	first := 0
	for k, run := range id.Runs {
		end := first + int(run)
		if n := min(end, hi) - max(first, lo); n > 0 {
			code := dst.Keys.Append(id.Keys.Value(uint32(k)))
			for range n {
				dst.KeyCodes = append(dst.KeyCodes, code)
			}
		}
		if first = end; first >= hi {
			return
		}
	}
}

// readColumn fills in one column.
func (r *rowReader) readColumn(pg *fetchedPage, lo, hi int, dst *column.Vector) error {
	p := r.p
	ctx := p.pageContext(r.block, pg.col, r)
	ctx.lo, ctx.hi = lo, hi
	if err := readPage(pg.payload, &ctx, dst); err != nil {
		return at(p.columnFile(pg.col).path, int64(pg.off), err)
	}
	if ctx.column.mode == Raw || len(dst.Codes) == 0 {
		return nil
	}
	return r.resolve(pg.col, dst)
}

// identity implements pageSource.
func (r *rowReader) identity() (*column.Identity, error) { return r.ident, nil }

// rowsOf implements pageSource. It decodes a list once for all pages that refer
// to it.
func (r *rowReader) rowsOf(col int) ([]uint32, error) {
	for i := range r.lists {
		if r.lists[i].col == col {
			return r.lists[i].rows, nil
		}
	}
	var rows []uint32
	if n := len(r.lists); n < cap(r.lists) {
		rows = r.lists[:n+1][n].rows[:0] // memory of an earlier read
	}
	payload, err := r.payload(col)
	if err != nil {
		return nil, err
	}
	rows, _, err = parseOwnRows(payload, int(r.p.meta.blocks[r.block].rows), rows)
	if err == nil {
		r.lists = append(r.lists, rowList{col, rows})
	}
	return rows, err
}

// payload returns the page of a column, which need not be one that was asked
// for. In a packed part it has been read, since it lies before one that was.
func (r *rowReader) payload(col int) ([]byte, error) {
	for i := range r.pages {
		if r.pages[i].col == col {
			return r.pages[i].payload, nil
		}
	}
	for _, pg := range r.all {
		if int(pg.col) != col {
			continue
		}
		if end := pg.off + uint64(pg.size) - r.start; !r.p.m.Wide && end <= uint64(len(r.buf)) {
			return r.p.times.check(r.buf[pg.off-r.start:end], pg.off)
		}
		return r.p.columnFile(col).unit(pageRef{off: pg.off, size: pg.size})
	}
	return nil, corruptf("column %d has no page in block %d", col, r.block)
}

// smallDict is the number of terms up to which a dictionary is decoded whole
// rather than searched term by term.
const smallDict = 4096

// resolve replaces the ordinals in dst.Codes by values.
func (r *rowReader) resolve(col int, dst *column.Vector) error {
	m := &r.p.meta.columns[col]
	if m.distinct <= smallDict {
		v, err := r.p.values(col)
		if err != nil {
			return err
		}
		if m.id.Type.Coded() {
			r.localise(dst, func(dst []byte, ord uint32) []byte { return append(dst, v.dict.Value(ord)...) })
			return nil
		}
		v.appendNumbers(dst)
		return nil
	}
	t, err := r.p.Terms(col)
	if err != nil {
		return err
	}
	if m.id.Type.Coded() {
		r.localise(dst, t.Append)
		return nil
	}
	for _, ord := range dst.Codes {
		if r.term = t.Append(r.term[:0], ord); len(r.term) != 8 {
			return base.Corruptionf(r.p.index.path, int64(m.terms.off), "term %d of a %v column has %d bytes", ord, m.id.Type, len(r.term))
		}
		v := column.TermValue(m.id.Type, r.term)
		if m.id.Type == column.Float64 {
			dst.Floats = append(dst.Floats, v.Float)
		} else {
			dst.Ints = append(dst.Ints, v.Int)
		}
	}
	dst.Codes = dst.Codes[:0]
	return nil
}

// appendNumbers replaces the ordinals of a numeric column by values.
func (v *values) appendNumbers(dst *column.Vector) {
	if dst.ID.Type == column.Float64 {
		for _, ord := range dst.Codes {
			dst.Floats = append(dst.Floats, v.nums[ord])
		}
	} else {
		for _, ord := range dst.Codes {
			dst.Ints = append(dst.Ints, v.ints[ord])
		}
	}
	dst.Codes = dst.Codes[:0]
}

// fewOrdinals is how many distinct ordinals are found by looking at each.
const fewOrdinals = 16

// localise replaces part ordinals by codes of dst.Dict, which it fills with the
// terms that occur.
func (r *rowReader) localise(dst *column.Vector, term func([]byte, uint32) []byte) {
	r.codes = r.codes[:0] // ordinals of the terms in dst.Dict
	clear(r.seen)
	last, code := uint32(math.MaxUint32), uint32(0)
	for i, ord := range dst.Codes {
		if ord != last {
			var known bool
			if code, known = r.lookup(ord); !known {
				r.term = term(r.term[:0], ord)
				code = dst.Dict.Append(r.term)
				r.remember(ord, code)
			}
			last = ord
		}
		dst.Codes[i] = code
	}
}

// lookup finds the code that an ordinal has been given.
func (r *rowReader) lookup(ord uint32) (code uint32, ok bool) {
	for i, o := range r.codes {
		if o == ord {
			return uint32(i), true
		}
	}
	if len(r.seen) > 0 {
		code, ok = r.seen[ord]
	}
	return code, ok
}

// remember enters an ordinal's code, which is the next one.
func (r *rowReader) remember(ord, code uint32) {
	if len(r.codes) < fewOrdinals {
		r.codes = append(r.codes, ord)
		return
	}
	r.seen[ord] = code
}

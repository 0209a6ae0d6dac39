package part

import (
	"encoding/binary"
	"math"
	"sort"

	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/encoding/bytesenc"
	"github.com/pandodb/pando/internal/encoding/floatenc"
	"github.com/pandodb/pando/internal/encoding/intenc"
)

// A column page holds one column's values of one block.
//
//	u8 codec, plus where not every row has a value:
//	  +128   section rows: rows of the block that have one
//	  +192   uvarint distance: the same rows as the page, with +128, of the
//	         column that many places before this one, of the same family
//	codec:
//	  codes  [1]  intenc Codes: ordinals of terms
//	  local  [2]  section rows distinct ordinals, intenc Codes: indices in these
//	  ints   [3]  intenc Ints
//	  floats [4]  floatenc
//	  bytes  [5]  uvarint bytes of all values, bytesenc strings
//	  idrefs [6]  intenc IDRefs, one per row of the block, zero where none
//
// Attributes come in sets: every span with an http.route has an http.method.
// Naming the rows once for a set saves some 3 of 48 bytes a span.
//
// The codec numbers are on disk: append, never renumber.
const (
	pageCodes  = 1
	pageLocal  = 2
	pageInts   = 3
	pageFloats = 4
	pageBytes  = 5
	pageIDRefs = 6

	pageOwnRows    = 0x80
	pageSharedRows = 0xc0
	pageRowsMask   = 0xc0
)

// pageContext is what a page's reader wants and knows from elsewhere.
type pageContext struct {
	lo, hi int // rows of the block to read, half-open
	column *columnMeta
	col    int
	terms  uint32 // of the column; ordinals are below
	rows   int    // of the block
	source pageSource
}

// pageSource gives a page's reader what other pages of the block hold. What it
// returns is read-only.
type pageSource interface {
	// identity returns the block's identity, for pages that refer to ids.
	identity() (*column.Identity, error)
	// rowsOf returns the rows that have a value in the column, whose page must
	// list them itself.
	rowsOf(col int) ([]uint32, error)
}

// parsedPage is a page taken apart.
type parsedPage struct {
	codec byte
	rows  []uint32 // nil: every row
	n     int      // values
	body  []byte
}

// parsePage takes a page apart. rowScratch gives memory for the rows.
func parsePage(src []byte, ctx *pageContext, rowScratch []uint32) (parsedPage, error) {
	if len(src) == 0 {
		return parsedPage{}, corruptf("empty page")
	}
	p := parsedPage{codec: src[0] &^ pageRowsMask, n: ctx.rows, body: src[1:]}
	var err error
	switch src[0] & pageRowsMask {
	case 0:
		return p, nil
	case pageOwnRows:
		p.rows, p.body, err = parseOwnRows(src, ctx.rows, rowScratch)
	case pageSharedRows:
		p.rows, p.body, err = parseSharedRows(p.body, ctx, rowScratch)
	default:
		err = corruptf("page has unknown flags %02x", src[0])
	}
	p.n = len(p.rows)
	return p, err
}

// parseOwnRows reads the list of rows at the front of a page that has one.
func parseOwnRows(src []byte, blockRows int, rowScratch []uint32) (rows []uint32, body []byte, err error) {
	if len(src) == 0 || src[0]&pageRowsMask != pageOwnRows {
		return nil, nil, corruptf("page lists no rows")
	}
	section, body, err := intenc.Section(src[1:])
	if err != nil {
		return nil, nil, err
	}
	rows, err = intenc.DecodeRows(rowScratch, section, blockRows)
	if n := len(rows); err == nil && (n == 0 || n == blockRows) {
		err = corruptf("page lists %d of %d rows", n, blockRows)
	}
	return rows, body, err
}

// parseSharedRows reads the reference to another page's rows.
func parseSharedRows(src []byte, ctx *pageContext, rowScratch []uint32) (rows []uint32, body []byte, err error) {
	back, body, err := intenc.Uvarint(src)
	if err != nil {
		return nil, nil, err
	}
	if back == 0 || back > uint64(ctx.col) {
		return nil, nil, corruptf("page of column %d has the rows of one %d places before", ctx.col, back)
	}
	rows, err = ctx.source.rowsOf(ctx.col - int(back))
	return append(rowScratch, rows...), body, err
}

// span returns the positions [from, to) of the values of the rows [lo, hi).
func (p *parsedPage) span(lo, hi int) (from, to int) {
	if p.rows == nil {
		return lo, hi
	}
	from = sort.Search(p.n, func(i int) bool { return int(p.rows[i]) >= lo })
	to = from + sort.Search(p.n-from, func(i int) bool { return int(p.rows[from+i]) >= hi })
	return from, to
}

// readPage reads the values of the rows ctx.lo to ctx.hi of the page to dst,
// whose rows count from ctx.lo. It reuses dst's memory.
func readPage(src []byte, ctx *pageContext, dst *column.Vector) error {
	rows := dst.Rows[:0]
	emptyVector(dst, ctx.column.id)
	p, err := parsePage(src, ctx, rows)
	if err != nil {
		return err
	}
	from, to := p.span(ctx.lo, ctx.hi)
	if ctx.column.mode == Dict {
		dst.Codes, err = p.appendOrdinals(dst.Codes[:0], ctx.terms, from, to)
	} else {
		err = p.readRaw(ctx, from, to, dst)
	}
	dst.Rows = p.keepSpan(ctx.lo, ctx.hi)
	return err
}

// keepSpan returns the page's rows in [lo, hi), counted from lo, or nil when
// these are all. It overwrites p.rows.
func (p *parsedPage) keepSpan(lo, hi int) []uint32 {
	from, to := p.span(lo, hi)
	if to-from == hi-lo {
		return nil
	}
	rows := p.rows[:copy(p.rows, p.rows[from:to])]
	for i := range rows {
		rows[i] -= uint32(lo)
	}
	return rows
}

// appendOrdinals appends the ordinals at the positions [from, to).
func (p *parsedPage) appendOrdinals(dst []uint32, terms uint32, from, to int) ([]uint32, error) {
	switch p.codec {
	case pageCodes:
		codes, err := intenc.ParseCodes(p.body, p.n, terms)
		if err != nil {
			return dst, err
		}
		return codes.AppendRange(dst, from, to)
	case pageLocal:
		section, body, err := intenc.Section(p.body)
		if err != nil {
			return dst, err
		}
		local, err := intenc.DecodeRows(nil, section, int(terms))
		if err != nil {
			return dst, err
		}
		codes, err := intenc.ParseCodes(body, p.n, uint32(len(local)))
		if err != nil {
			return dst, err
		}
		start := len(dst)
		if dst, err = codes.AppendRange(dst, from, to); err != nil {
			return dst, err
		}
		for i, c := range dst[start:] {
			dst[start+i] = local[c]
		}
		return dst, nil
	}
	return dst, corruptf("codec %d in a dictionary page", p.codec)
}

// readRaw reads the values at the positions [from, to) of a raw page.
func (p *parsedPage) readRaw(ctx *pageContext, from, to int, dst *column.Vector) (err error) {
	t := ctx.column.id.Type
	switch {
	case p.codec == pageInts && (t == column.Int64 || t == column.Bool):
		dst.Ints, err = intenc.DecodeInts(dst.Ints[:0], p.body, p.n)
	case p.codec == pageIDRefs && t == column.Int64:
		err = p.readIDRefs(ctx, dst)
	case p.codec == pageFloats && t == column.Float64:
		dst.Floats, err = floatenc.DecodeFloats(dst.Floats[:0], p.body, p.n)
	case p.codec == pageBytes && t.Coded():
		return p.readBytes(from, to, dst)
	default:
		err = corruptf("codec %d in a raw page of type %v", p.codec, t)
	}
	if err != nil {
		return err
	}
	dst.Ints, dst.Floats = slide(dst.Ints, from, to), slide(dst.Floats, from, to)
	return nil
}

// slide moves vals[from:to] to the front, so that the memory stays whole for
// reuse.
func slide[T any](vals []T, from, to int) []T {
	if len(vals) == 0 {
		return vals
	}
	return vals[:copy(vals, vals[from:to])]
}

// readIDRefs reads references for all values of the page.
func (p *parsedPage) readIDRefs(ctx *pageContext, dst *column.Vector) error {
	id, err := ctx.source.identity()
	if err != nil {
		return err
	}
	dst.Ints, err = intenc.DecodeIDRefs(dst.Ints[:0], p.body, id.IDs, runBounds(nil, id.Runs))
	for i, r := range p.rows {
		if err == nil {
			dst.Ints[i] = dst.Ints[r]
		}
	}
	if err == nil {
		dst.Ints = dst.Ints[:p.n]
	}
	return err
}

// readBytes reads strings: values in page order, one code each.
func (p *parsedPage) readBytes(from, to int, dst *column.Vector) error {
	total, body, err := intenc.Uvarint(p.body)
	if err != nil {
		return err
	}
	if total > maxUnitBytes {
		return corruptf("page of %d bytes of values", total)
	}
	all, err := bytesenc.DecodeStrings(bytesenc.Strings(dst.Dict), body, p.n, int(total))
	if err != nil {
		return err
	}
	dst.Dict = column.Dict(all)
	if to-from < p.n {
		dropKeys(&dst.Dict, from)
		truncate(&dst.Dict, to-from)
	}
	dst.Codes = appendConsecutive(dst.Codes[:0], 0, to-from)
	return nil
}

// truncate keeps the first n values.
func truncate(d *column.Dict, n int) {
	if n == 0 {
		d.Reset()
		return
	}
	d.Offsets = d.Offsets[:n+1]
	d.Data = d.Data[:d.Offsets[n]]
}

// appendBytesBody appends the values of a raw page of strings.
func appendBytesBody(dst []byte, d *column.Dict) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(d.Data)))
	return bytesenc.AppendStrings(dst, d.Offsets, d.Data)
}

// maxTerms bounds a dictionary: ordinals are uint32 and one is spare.
const maxTerms = math.MaxUint32 - 1

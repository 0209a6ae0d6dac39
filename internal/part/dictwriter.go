package part

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/encoding/intenc"
	"github.com/pandodb/pando/internal/index"
)

// dictEncoder sorts a column's values into terms and codes its pages. It keeps
// its memory between columns.
type dictEncoder struct {
	marks  []bool // by code: a value has it
	used   []uint32
	sorter []sortTerm
	ords   []uint32 // by code
	terms  column.Dict
	term   []byte
	unit   []byte
	packed []byte

	page    []byte
	scratch []byte
	stamp   []uint32 // by ordinal: one more than the block it was seen in last
	rank    []uint32 // by ordinal: index among the block's ordinals
	local   []uint32 // the block's ordinals
	coded   []uint32
}

// sortTerm is a code on the way to its ordinal. lead holds the first eight
// bytes behind the prefix that all terms share, so that most comparisons touch
// no term.
type sortTerm struct {
	lead uint64
	code uint32
}

// usedCodes returns the distinct codes, ascending. The result is valid until
// the next call.
func (e *dictEncoder) usedCodes(codes []uint32, distinct int) []uint32 {
	e.marks = slices.Grow(e.marks[:0], distinct)[:distinct]
	clear(e.marks)
	marks := e.marks
	for _, c := range codes {
		marks[c] = true
	}
	e.used = e.used[:0]
	for c, used := range marks {
		if used {
			e.used = append(e.used, uint32(c))
		}
	}
	return e.used
}

// sortBytes orders the used codes of a table of byte strings and fills in
// terms.
func (e *dictEncoder) sortBytes(vals *column.Dict, used []uint32) {
	prefix := vals.Value(used[0])
	for _, c := range used[1:] {
		prefix = prefix[:sharedPrefix(prefix, vals.Value(c))]
	}
	skip := len(prefix)
	e.sorter = e.sorter[:0]
	for _, c := range used {
		var lead [8]byte
		copy(lead[:], vals.Value(c)[skip:])
		e.sorter = append(e.sorter, sortTerm{binary.BigEndian.Uint64(lead[:]), c})
	}
	slices.SortFunc(e.sorter, func(a, b sortTerm) int {
		if c := cmp.Compare(a.lead, b.lead); c != 0 {
			return c
		}
		return bytes.Compare(vals.Value(a.code)[skip:], vals.Value(b.code)[skip:])
	})
	e.terms.Reset()
	for _, s := range e.sorter {
		e.terms.Append(vals.Value(s.code))
	}
}

// sortWords orders the used codes of a table of numbers and fills in
// terms.
func (e *dictEncoder) sortWords(t column.Type, words []uint64, used []uint32) {
	e.sorter = e.sorter[:0]
	for _, c := range used {
		e.term = valueOf(t, words[c]).AppendTerm(e.term[:0])
		e.sorter = append(e.sorter, sortTerm{binary.BigEndian.Uint64(e.term), c})
	}
	slices.SortFunc(e.sorter, func(a, b sortTerm) int { return cmp.Compare(a.lead, b.lead) })
	e.terms.Reset()
	for _, s := range e.sorter {
		e.terms.Append(binary.BigEndian.AppendUint64(e.term[:0], s.lead))
	}
}

// translate replaces codes by ordinals.
func (e *dictEncoder) translate(codes []uint32, distinct int) {
	e.ords = slices.Grow(e.ords[:0], distinct)[:distinct]
	for ord, s := range e.sorter {
		e.ords[s.code] = uint32(ord)
	}
	ords := e.ords
	for i, c := range codes {
		codes[i] = ords[c]
	}
}

// writeDict writes the column in dict mode: terms, postings and pages.
func (c *ColumnWriter) writeDict(used []uint32) error {
	if err := c.begin(); err != nil {
		return err
	}
	e := &c.dict
	if c.coded {
		e.sortBytes(&c.bytes.vals, used)
	} else {
		e.sortWords(c.id.Type, c.words.vals, used)
	}
	e.translate(c.codes, c.distinct())
	m := c.columnMeta()
	m.mode, m.values, m.distinct, m.zone = Dict, c.count, len(used), c.zone
	if m.distinct > maxTerms {
		return base.Errorf(base.ClassTooLarge, "column %v: %d distinct values", c.id, m.distinct)
	}
	var err error
	if e.unit, err = index.AppendTerms(e.unit[:0], &e.terms); err != nil {
		return err
	}
	e.packed = appendTermsUnit(e.packed[:0], e.unit)
	if m.terms, err = c.w.index.unit(e.packed); err != nil {
		return err
	}
	rows := c.rows
	if !c.sparse {
		rows = nil
	}
	if !c.spec.NoIndex {
		if m.postings, err = c.writePostings(rows); err != nil {
			return err
		}
	}
	return c.writeDictPages(rows)
}

// writePostings writes the postings of the translated codes.
func (c *ColumnWriter) writePostings(rows []uint32) (pageRef, error) {
	e := &c.dict
	e.unit = c.w.postings.Append(e.unit[:0], index.PostingsInput{
		Rows: c.w.meta.rows, Terms: e.terms.Len(), ValueRows: rows, Codes: c.codes,
	})
	return c.w.index.unit(e.unit)
}

// writeDictPages writes a page for every block that has a value.
func (c *ColumnWriter) writeDictPages(rows []uint32) error {
	e := &c.dict
	terms := e.terms.Len()
	e.stamp = slices.Grow(e.stamp[:0], terms)[:terms]
	e.rank = slices.Grow(e.rank[:0], terms)[:terms]
	clear(e.stamp)
	codes := c.codes
	var relative []uint32
	for i := range c.w.meta.blocks {
		b := &c.w.meta.blocks[i]
		n := min(int(b.rows), len(codes))
		if rows != nil {
			end := b.firstRow + b.rows
			n, _ = slices.BinarySearch(rows[:n], end)
			relative = relative[:0]
			for _, r := range rows[:n] {
				relative = append(relative, r-b.firstRow)
			}
			rows = rows[n:]
		} else {
			relative = appendConsecutive(relative[:0], 0, n)
		}
		if n == 0 {
			continue
		}
		e.page = c.appendPageHead(e.page[:0], pageCodes, relative, i)
		e.appendCodes(codes[:n], uint32(i+1))
		if err := c.w.pages.page(i, e.page); err != nil {
			return err
		}
		if c.zone != nil {
			c.zone.add(uint32(i), e.value(c.id.Type, slices.Min(codes[:n])).Int)
			c.zone.add(uint32(i), e.value(c.id.Type, slices.Max(codes[:n])).Int)
		}
		codes = codes[n:]
	}
	return nil
}

// value returns the value of a term.
func (e *dictEncoder) value(t column.Type, ord uint32) column.Value {
	return column.TermValue(t, e.terms.Value(ord))
}

// minLocalBits is the width from which a page's own list of ordinals is
// considered.
const minLocalBits = 4

// appendCodes appends a block's ordinals to the page, directly or by a list of
// those that occur, whichever is estimated to be smaller. stamp differs from
// block to block.
func (e *dictEncoder) appendCodes(ords []uint32, stamp uint32) {
	wide := bits.Len32(slices.Max(ords))
	if wide >= minLocalBits {
		e.local = e.local[:0]
		for _, o := range ords {
			if e.stamp[o] != stamp {
				e.stamp[o] = stamp
				e.local = append(e.local, o)
			}
		}
		n := len(e.local)
		narrow := bits.Len(uint(n - 1))
		// A listed ordinal costs about the logarithm of the gap to the next.
		listed := 8*4 + n*(1+bits.Len(uint(len(e.stamp)/n)))
		if len(ords)*(wide-narrow) > listed+len(ords)*wide/8 {
			e.appendLocal(ords)
			return
		}
	}
	e.page = intenc.AppendCodes(e.page, ords)
}

// appendLocal appends the ordinals as indices in the block's own list.
func (e *dictEncoder) appendLocal(ords []uint32) {
	slices.Sort(e.local)
	for i, o := range e.local {
		e.rank[o] = uint32(i)
	}
	e.coded = e.coded[:0]
	for _, o := range ords {
		e.coded = append(e.coded, e.rank[o])
	}
	e.page[0] = e.page[0]&pageRowsMask | pageLocal
	e.page, e.scratch = appendRows(e.page, e.scratch, e.local, e.terms.Len())
	e.page = intenc.AppendCodes(e.page, e.coded)
}

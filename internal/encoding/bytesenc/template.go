package bytesenc

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/pandodb/pando/internal/encoding/intenc"
)

const (
	// holeMark stands for a hole in a template. A page in which any value
	// has this control character is not templated.
	holeMark = 0x11
	// maxTemplates and maxHoles bound the columns a page can have.
	maxTemplates = 255
	maxHoles     = 64
	// sampleRows values are templated first; with more than sampleTemplates
	// different ones among them the page is taken for free text.
	sampleRows      = 64
	sampleTemplates = 20
	// minTemplateRows is the least page that templates are tried on.
	minTemplateRows = 16
	// minHexRun: shorter runs of hexadecimal digits that have letters are
	// more often words. Four is the length of a group of a UUID.
	minHexRun = 4
)

// span is a half-open range of bytes of a page's data.
type span struct{ start, end uint32 }

// holes is a page taken apart.
type holes struct {
	spans []span   // of all values, in order
	first []uint32 // index in spans of each value's first hole
	order []uint32 // rows by template, ascending within one
	ends  []uint32 // end of each template's rows in order
	line  []byte   // template of the value being taken apart
}

// appendTemplates appends the page as templates and columns of holes, or
// nothing if it is not of that kind.
func appendTemplates(dst []byte, p *Strings, allowed nesting) []byte {
	if p.Len() < minTemplateRows || bytes.IndexByte(p.body(), holeMark) >= 0 {
		return dst
	}
	s := getScratch()
	defer putScratch(s)
	if !s.sampleTemplates(p) || !s.takeApart(p, 1, min(maxTemplates, p.Len()/4)) {
		return dst
	}
	dst = binary.AppendUvarint(append(dst, codecTemplate), uint64(s.strings.Len()))
	s.buf = appendPage(s.buf[:0], &s.strings, allowed.inTemplate())
	dst = intenc.AppendSection(dst, s.buf)
	s.buf = intenc.AppendCodes(s.buf[:0], s.codes)
	dst = intenc.AppendSection(dst, s.buf)

	s.sortByTemplate()
	column := getScratch()
	defer putScratch(column)
	start := uint32(0)
	for code := range s.strings.Len() {
		rows := s.holes.order[start:s.holes.ends[code]]
		start = s.holes.ends[code]
		for hole := range bytes.Count(s.strings.Value(code), []byte{holeMark}) {
			column.strings.Reset()
			for _, row := range rows {
				at := s.holes.spans[int(s.holes.first[row])+hole]
				column.strings.Append(p.Data[at.start:at.end])
			}
			column.buf = appendPage(column.buf[:0], &column.strings, allowed.inTemplate())
			dst = intenc.AppendSection(dst, column.buf)
		}
	}
	return dst
}

// sampleTemplates reports whether a sample of the page has few templates.
func (s *scratch) sampleTemplates(p *Strings) bool {
	return s.takeApart(p, max(1, p.Len()/sampleRows), sampleTemplates)
}

// takeApart fills strings with the templates, codes with the template of
// each value and holes with its holes, looking at each stride-th value. It
// reports false if there are more than limit templates, or no hole at all.
func (s *scratch) takeApart(p *Strings, stride, limit int) bool {
	const tableSize = 1024 // Over twice the most templates.
	s.table = slices.Grow(s.table[:0], tableSize)[:tableSize]
	clear(s.table)
	s.strings.Reset()
	s.codes = s.codes[:0]
	h := &s.holes
	h.spans, h.first = h.spans[:0], h.first[:0]
	for row := 0; row < p.Len(); row += stride {
		first := len(h.spans)
		h.first = append(h.first, uint32(first))
		h.split(p, row)
		if len(h.spans)-first > maxHoles {
			return false
		}
		code := s.find(h.line)
		if int(code) == s.strings.Len() {
			if int(code) == limit {
				return false
			}
			s.strings.Append(h.line)
		}
		s.codes = append(s.codes, code)
	}
	return len(h.spans) > 0
}

// split finds the holes of a value and writes its template to line.
func (h *holes) split(p *Strings, row int) {
	h.line = h.line[:0]
	at, end := p.Offsets[row], p.Offsets[row+1]
	data := p.Data
	for at < end {
		start := at
		every, some := uint8(isHex), uint8(0)
		for at < end && classes[data[at]] != 0 {
			every &= classes[data[at]]
			some |= classes[data[at]]
			at++
		}
		switch {
		case at == start: // Neither digit nor letter.
			h.line = append(h.line, data[at])
			at++
		case every&isHex != 0 && at-start >= minHexRun:
			h.spans = append(h.spans, span{start, at})
			h.line = append(h.line, holeMark)
		case some&isDigit != 0:
			h.splitDigits(data, span{start, at})
		default:
			h.line = append(h.line, data[start:at]...)
		}
	}
}

// splitDigits makes each run of digits in a run of digits and letters a hole.
func (h *holes) splitDigits(data []byte, run span) {
	for at := run.start; at < run.end; {
		start := at
		for at < run.end && classes[data[at]]&isDigit != 0 {
			at++
		}
		if at > start {
			h.spans = append(h.spans, span{start, at})
			h.line = append(h.line, holeMark)
			continue
		}
		h.line = append(h.line, data[at])
		at++
	}
}

// sortByTemplate fills order and ends from codes by counting.
func (s *scratch) sortByTemplate() {
	h, count := &s.holes, s.strings.Len()
	h.ends = slices.Grow(h.ends[:0], count)[:count]
	clear(h.ends)
	for _, code := range s.codes {
		h.ends[code]++
	}
	start := uint32(0)
	for code, rows := range h.ends {
		h.ends[code] = start
		start += rows
	}
	h.order = slices.Grow(h.order[:0], len(s.codes))[:len(s.codes)]
	for row, code := range s.codes {
		h.order[h.ends[code]] = uint32(row)
		h.ends[code]++
	}
}

// templates undoes appendTemplates.
func (d *decoder) templates(src []byte, n int, allowed nesting) error {
	count, src, err := intenc.Uvarint(src)
	if err != nil {
		return err
	}
	if count == 0 || count > min(maxTemplates, uint64(n)) {
		return corruptf("strings: %d templates for %d values", count, n)
	}
	page, src, err := intenc.Section(src)
	if err != nil {
		return err
	}
	packed, src, err := intenc.Section(src)
	if err != nil {
		return err
	}
	s := getScratch()
	defer putScratch(s)
	if s.codes, err = intenc.DecodeCodes(s.codes[:0], packed, n, uint32(count)); err != nil {
		return err
	}
	left := d.limit - len(d.out.Data)
	lines, err := s.decode(page, inner{n: int(count), allowed: allowed.inTemplate(), limit: left})
	if err != nil {
		return err
	}
	columns := getScratch()
	defer putScratch(columns)
	f := filler{lines: lines, columns: &columns.decoder, codes: s.codes}
	f.columns.out.Reset()
	f.columns.out.begin()
	f.columns.limit = left
	if err := f.decodeColumns(src, allowed.inTemplate()); err != nil {
		return err
	}
	return f.fill(d)
}

// filler puts values into the holes of templates.
type filler struct {
	lines   *Strings
	codes   []uint32
	columns *decoder // values of all holes of the first template, the second…

	rows [maxTemplates]uint32 // number of values of each template
	next [maxTemplates]uint32 // index of the template's next value's first hole
}

// decodeColumns reads all columns into one list of strings.
func (f *filler) decodeColumns(src []byte, allowed nesting) error {
	for _, code := range f.codes {
		f.rows[code]++
	}
	for code := range f.lines.Len() {
		f.next[code] = uint32(f.columns.out.Len())
		count := bytes.Count(f.lines.Value(code), []byte{holeMark})
		if count > maxHoles || f.rows[code] == 0 {
			return corruptf("strings: template %d has %d holes, %d values", code, count, f.rows[code])
		}
		for range count {
			var page []byte
			var err error
			if page, src, err = intenc.Section(src); err != nil {
				return err
			}
			if err := f.columns.page(page, int(f.rows[code]), allowed); err != nil {
				return err
			}
		}
	}
	if len(src) != 0 {
		return corruptf("strings: %d bytes after templates", len(src))
	}
	return nil
}

// fill appends the values to d.
func (f *filler) fill(d *decoder) error {
	d.out.Offsets = slices.Grow(d.out.Offsets, len(f.codes))
	for _, code := range f.codes {
		line := f.lines.Value(int(code))
		value := int(f.next[code])
		f.next[code]++
		for {
			hole := bytes.IndexByte(line, holeMark)
			if hole < 0 {
				break
			}
			d.out.Data = append(d.out.Data, line[:hole]...)
			d.out.Data = append(d.out.Data, f.columns.out.Value(value)...)
			line = line[hole+1:]
			value += int(f.rows[code])
		}
		d.out.Data = append(d.out.Data, line...)
		if len(d.out.Data) > d.limit {
			return corruptf("strings: templates exceed the limit of %d bytes", d.limit)
		}
		d.out.end()
	}
	return nil
}

package bytesenc

import "slices"

// Codec numbers of pages of strings. They are on disk: append, never
// renumber.
const (
	codecConst    = 1
	codecPlain    = 2
	codecZstd     = 3
	codecHex      = 4
	codecDecimal  = 5
	codecPadded   = 6
	codecAffix    = 7
	codecDict     = 8
	codecTemplate = 9
)

// maxCount bounds the values of a page far above any real one.
const maxCount = 1 << 24

// Strings holds values by the offsets of their ends: value i is
// Data[Offsets[i]:Offsets[i+1]]. The zero value holds none.
type Strings struct {
	Offsets []uint32
	Data    []byte
}

// Len returns the number of values.
func (s *Strings) Len() int { return max(len(s.Offsets)-1, 0) }

// Value returns value i, which aliases Data.
func (s *Strings) Value(i int) []byte { return s.Data[s.Offsets[i]:s.Offsets[i+1]] }

// Append adds a value.
func (s *Strings) Append(value []byte) {
	s.begin()
	s.Data = append(s.Data, value...)
	s.end()
}

// Reset drops all values and keeps the memory.
func (s *Strings) Reset() { s.Offsets, s.Data = s.Offsets[:0], s.Data[:0] }

// begin writes the first offset before the first value.
func (s *Strings) begin() {
	if len(s.Offsets) == 0 {
		s.Offsets = append(s.Offsets, uint32(len(s.Data)))
	}
}

// end ends a value at the end of Data.
func (s *Strings) end() { s.Offsets = append(s.Offsets, uint32(len(s.Data))) }

// nesting tells which codecs that hold pages may be used. What a codec
// passes to its inner pages is always less than what it got, which bounds
// the depth for the encoder as for hostile input.
type nesting uint8

const (
	nestAffix    nesting = 1 << iota // affix
	nestDict                         // dict whose values may be affix
	nestTemplate                     // template whose holes may be dict
	nestTopDict                      // dict whose values may be template

	nestAll = nestTopDict | nestTemplate | nestDict | nestAffix
)

// inDict is what the values of a dictionary may use.
func (a nesting) inDict() nesting {
	if a&nestTopDict != 0 {
		return a & (nestTemplate | nestAffix)
	}
	return a & nestAffix
}

// inTemplate is what the templates and their holes may use.
func (a nesting) inTemplate() nesting { return nestDict | a&nestAffix }

// inAffix is what the middles of an affix page may use: nothing, since
// dictionaries and templates are tried on whole values.
func (a nesting) inAffix() nesting { return 0 }

// AppendStrings appends an encoding of the len(offsets)-1 values in data to
// dst, the smallest of those that fit the page's looks. offsets ascend; the
// first need not be zero.
func AppendStrings(dst []byte, offsets []uint32, data []byte) []byte {
	if len(offsets) < 2 {
		return dst
	}
	return appendPage(dst, &Strings{Offsets: offsets, Data: data}, nestAll)
}

// DecodeStrings appends the n values encoded in src to dst, whose memory it
// reuses. It fails if the values have more than maxBytes bytes together.
// src must hold exactly one encoding.
func DecodeStrings(dst Strings, src []byte, n, maxBytes int) (Strings, error) {
	if n == 0 && len(src) == 0 {
		return dst, nil
	}
	if n <= 0 || n > maxCount || maxBytes < 0 {
		return dst, corruptf("strings: %d values in %d bytes", n, len(src))
	}
	maxBytes = min(maxBytes, 1<<32-1-len(dst.Data))
	d := decoder{out: dst, limit: len(dst.Data) + maxBytes}
	d.out.begin()
	if err := d.page(src, n, nestAll); err != nil {
		return dst, err
	}
	return d.out, nil
}

// appendPage appends the smallest candidate for a page of at least a value.
func appendPage(dst []byte, p *Strings, allowed nesting) []byte {
	look := lookAt(p)
	if look.constant {
		return append(append(dst, codecConst), p.Value(0)...)
	}
	c := chooser{dst: dst, start: len(dst)}
	if look.isLeaf() {
		c.offer(appendLeaf(c.dst, p, &look))
	}
	repeats := false
	if allowed&(nestDict|nestTopDict) != 0 && p.Len() >= minDictRows {
		repeats = c.offerDict(p, allowed)
	}
	if allowed&nestTemplate != 0 && look.hasDigit && !look.isLeaf() && !repeats {
		c.offer(appendTemplates(c.dst, p, allowed))
	}
	if c.size() > 0 && c.size() <= len(p.body())/goodRatio {
		return c.dst
	}
	if gain := (look.prefix + look.suffix) * p.Len(); allowed&nestAffix != 0 && gain > affixOverhead {
		c.offer(appendAffix(c.dst, p, &look, allowed.inAffix()))
	} else if !look.isLeaf() {
		c.offer(appendLeaf(c.dst, p, &look))
	}
	return c.dst
}

// goodRatio: a dictionary or templates that reduce a page this much have
// taken what general compression would find, so that is not tried. It would
// double the time of such pages; text alone seldom gets beyond this.
const goodRatio = 4

// chooser keeps the smaller of two encodings that follow each other.
type chooser struct {
	dst   []byte
	start int // of the best encoding so far, which ends dst
}

// size is that of the best encoding so far, or zero.
func (c *chooser) size() int { return len(c.dst) - c.start }

// offer takes dst with a further encoding, or nothing, appended.
func (c *chooser) offer(dst []byte) {
	mid := len(c.dst)
	size := len(dst) - mid
	if size > 0 && (c.size() == 0 || size < c.size()) {
		copy(dst[c.start:], dst[mid:])
		dst = dst[:c.start+size]
	} else {
		dst = dst[:mid]
	}
	c.dst = dst
}

// offerDict offers a dictionary if values repeat, and reports whether most
// appear at least four times: templates of so few values are not worth it.
func (c *chooser) offerDict(p *Strings, allowed nesting) bool {
	s := getScratch()
	defer putScratch(s)
	distinct := s.distinct(p, p.Len()/2)
	if distinct == 0 {
		return false
	}
	c.offer(appendDict(c.dst, s, allowed))
	return distinct <= p.Len()/4
}

// decoder appends the values of a page and its inner ones to out.
type decoder struct {
	out   Strings
	limit int // of len(out.Data)
}

// page appends the n values of a page, n > 0.
func (d *decoder) page(src []byte, n int, allowed nesting) error {
	if len(src) == 0 {
		return corruptf("strings: no bytes for %d values", n)
	}
	codec, src := src[0], src[1:]
	switch {
	case codec == codecConst:
		return d.constant(src, n)
	case codec == codecPlain || codec == codecZstd:
		return d.plain(src, n, codec == codecZstd)
	case codec == codecHex:
		return d.hex(src, n)
	case codec == codecDecimal:
		return d.decimal(src, n, 0)
	case codec == codecPadded && len(src) > 0 && src[0] > 0 && src[0] <= maxDigits:
		return d.decimal(src[1:], n, int(src[0]))
	case codec == codecAffix && allowed&nestAffix != 0:
		return d.affix(src, n, allowed)
	case codec == codecDict && allowed&(nestDict|nestTopDict) != 0:
		return d.dict(src, n, allowed)
	case codec == codecTemplate && allowed&nestTemplate != 0:
		return d.templates(src, n, allowed)
	}
	return corruptf("strings: unknown codec %d", codec)
}

// reserve makes room for n values of size bytes, or fails if the page's
// limit does not allow them.
func (d *decoder) reserve(n int, size uint64) error {
	if size > uint64(d.limit-len(d.out.Data)) {
		return corruptf("strings: %d bytes where %d are left", size, d.limit-len(d.out.Data))
	}
	d.out.Offsets = slices.Grow(d.out.Offsets, n)
	d.out.Data = slices.Grow(d.out.Data, int(size))
	return nil
}

// constant appends n times the value src.
func (d *decoder) constant(src []byte, n int) error {
	if err := d.reserve(n, uint64(n)*uint64(len(src))); err != nil {
		return err
	}
	for range n {
		d.out.Data = append(d.out.Data, src...)
		d.out.end()
	}
	return nil
}

package bytesenc

import (
	"encoding/binary"
	"math"

	"github.com/pandodb/pando/internal/encoding/intenc"
)

const (
	// affixOverhead is the least gain in bytes that makes affix worth it:
	// two section lengths and a codec, and the time of a further pass.
	affixOverhead = 8
	// minDictRows is the least page a dictionary is tried on.
	minDictRows = 8
)

// appendAffix appends the ends that all values share and the page of what is
// between them.
func appendAffix(dst []byte, p *Strings, l *look, middles nesting) []byte {
	s := getScratch()
	defer putScratch(s)
	first := p.Value(0)
	prefix, suffix := l.prefix, l.suffix
	if l.hex {
		prefix, suffix = prefix&^1, suffix&^1 // The middle is to stay hex.
	}
	dst = intenc.AppendSection(append(dst, codecAffix), first[:prefix])
	dst = intenc.AppendSection(dst, first[len(first)-suffix:])
	s.strings.Reset()
	for i := range p.Len() {
		value := p.Value(i)
		s.strings.Append(value[prefix : len(value)-suffix])
	}
	return appendPage(dst, &s.strings, middles)
}

// affix undoes appendAffix.
func (d *decoder) affix(src []byte, n int, allowed nesting) error {
	prefix, src, err := intenc.Section(src)
	if err != nil {
		return err
	}
	suffix, src, err := intenc.Section(src)
	if err != nil {
		return err
	}
	ends := uint64(n) * uint64(len(prefix)+len(suffix))
	if ends > uint64(d.limit-len(d.out.Data)) {
		return corruptf("strings: %d bytes of common ends", ends)
	}
	s := getScratch()
	defer putScratch(s)
	middles, err := s.decode(src, inner{
		n: n, allowed: allowed.inAffix(), limit: d.limit - len(d.out.Data) - int(ends),
	})
	if err != nil {
		return err
	}
	if err := d.reserve(n, ends+uint64(len(middles.Data))); err != nil {
		return err
	}
	for i := range n {
		d.out.Data = append(d.out.Data, prefix...)
		d.out.Data = append(d.out.Data, middles.Value(i)...)
		d.out.Data = append(d.out.Data, suffix...)
		d.out.end()
	}
	return nil
}

// inner describes a page inside another.
type inner struct {
	n       int
	allowed nesting
	limit   int // of the bytes of all values
}

// decode decodes an inner page into the scratch, where the result lives.
func (s *scratch) decode(src []byte, in inner) (*Strings, error) {
	d := &s.decoder
	d.out.Reset()
	d.limit = in.limit
	d.out.begin()
	if err := d.page(src, in.n, in.allowed); err != nil {
		return nil, err
	}
	return &d.out, nil
}

// appendDict appends the distinct values and codes that s holds.
func appendDict(dst []byte, s *scratch, allowed nesting) []byte {
	dst = binary.AppendUvarint(append(dst, codecDict), uint64(s.strings.Len()))
	s.buf = appendPage(s.buf[:0], &s.strings, allowed.inDict())
	dst = intenc.AppendSection(dst, s.buf)
	return intenc.AppendCodes(dst, s.codes)
}

// dict undoes appendDict.
func (d *decoder) dict(src []byte, n int, allowed nesting) error {
	count, src, err := intenc.Uvarint(src)
	if err != nil {
		return err
	}
	if count == 0 || count > uint64(n) {
		return corruptf("strings: dictionary of %d values for %d", count, n)
	}
	page, src, err := intenc.Section(src)
	if err != nil {
		return err
	}
	s := getScratch()
	defer putScratch(s)
	s.codes, err = intenc.DecodeCodes(s.codes[:0], src, n, uint32(count))
	if err != nil {
		return err
	}
	values, err := s.decode(page, inner{
		n: int(count), allowed: allowed.inDict(), limit: d.limit - len(d.out.Data),
	})
	if err != nil {
		return err
	}
	total := uint64(0)
	for _, code := range s.codes {
		total += uint64(values.Offsets[code+1] - values.Offsets[code])
	}
	if err := d.reserve(n, min(total, math.MaxUint32)); err != nil {
		return err
	}
	for _, code := range s.codes {
		d.out.Data = append(d.out.Data, values.Value(int(code))...)
		d.out.end()
	}
	return nil
}

package bytesenc

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"

	"github.com/pandodb/pando/internal/encoding/intenc"
)

// appendLeaf appends the page in the one codec without inner pages that fits
// its look best.
func appendLeaf(dst []byte, p *Strings, l *look) []byte {
	switch {
	case l.decimal:
		return appendDecimal(append(dst, codecDecimal), p)
	case l.padded:
		return appendDecimal(append(dst, codecPadded, byte(l.minLen)), p)
	case l.hex:
		return appendHex(append(dst, codecHex), p)
	}
	return appendPlain(dst, p)
}

// appendDecimal appends the values, digits with an optional sign, as Ints.
func appendDecimal(dst []byte, p *Strings) []byte {
	s := getScratch()
	defer putScratch(s)
	s.ints = slices.Grow(s.ints[:0], p.Len())
	for i := range p.Len() {
		value := p.Value(i)
		negative := len(value) > 0 && value[0] == '-'
		if negative {
			value = value[1:]
		}
		number := int64(0)
		for _, c := range value {
			number = 10*number + int64(c-'0')
		}
		if negative {
			number = -number
		}
		s.ints = append(s.ints, number)
	}
	return intenc.AppendInts(dst, s.ints)
}

// appendHex appends the halved lengths, then two digits per byte.
func appendHex(dst []byte, p *Strings) []byte {
	dst = appendLengths(dst, p, 2)
	body := p.body()
	start := len(dst)
	dst = slices.Grow(dst, len(body)/2)[:start+len(body)/2]
	// Every value has an even length, so all of them are decoded at once.
	if _, err := hex.Decode(dst[start:], body); err != nil {
		panic(err) // lookAt saw only hexadecimal digits.
	}
	return dst
}

// appendPlain appends lengths and bytes, compressed where that pays.
func appendPlain(dst []byte, p *Strings) []byte {
	start := len(dst)
	body := p.body()
	dst = appendLengths(append(dst, codecZstd), p, 1)
	bodyStart := len(dst)
	if worthZstd(body) {
		dst = AppendZstd(dst, body)
		// A twentieth less space is not worth the time to decompress.
		if len(dst)-bodyStart < len(body)-len(body)/20 {
			return dst
		}
	}
	dst[start] = codecPlain
	return append(dst[:bodyStart], body...)
}

// body returns the bytes of all values.
func (s *Strings) body() []byte { return s.Data[s.Offsets[0]:s.Offsets[len(s.Offsets)-1]] }

// appendLengths appends a section with the length of each value over unit.
func appendLengths(dst []byte, p *Strings, unit uint32) []byte {
	s := getScratch()
	defer putScratch(s)
	s.ints = slices.Grow(s.ints[:0], p.Len())
	for i := range p.Len() {
		s.ints = append(s.ints, int64((p.Offsets[i+1]-p.Offsets[i])/unit))
	}
	s.buf = intenc.AppendInts(s.buf[:0], s.ints)
	return intenc.AppendSection(dst, s.buf)
}

// lengths appends the ends of n values whose lengths are encoded in src to
// the offsets, and returns the sum of the lengths in units, checked against
// the limit.
func (d *decoder) lengths(src []byte, n int, unit uint64) (uint64, error) {
	s := getScratch()
	defer putScratch(s)
	ints, err := intenc.DecodeInts(s.ints[:0], src, n)
	if err != nil {
		return 0, err
	}
	s.ints = ints
	left := uint64(d.limit-len(d.out.Data)) / unit
	total := uint64(0)
	end := uint64(len(d.out.Data))
	d.out.Offsets = slices.Grow(d.out.Offsets, n)
	for _, length := range ints {
		if uint64(length) > left-total {
			return 0, corruptf("strings: value of %d bytes where %d are left", length, left-total)
		}
		total += uint64(length)
		d.out.Offsets = append(d.out.Offsets, uint32(end+total*unit))
	}
	return total, nil
}

// plain undoes appendPlain.
func (d *decoder) plain(src []byte, n int, compressed bool) error {
	lengths, body, err := intenc.Section(src)
	if err != nil {
		return err
	}
	total, err := d.lengths(lengths, n, 1)
	if err != nil {
		return err
	}
	if !compressed {
		if uint64(len(body)) != total {
			return corruptf("strings: %d bytes, lengths say %d", len(body), total)
		}
		d.out.Data = append(d.out.Data, body...)
		return nil
	}
	start := len(d.out.Data)
	out, err := DecodeZstd(d.out.Data, body, int(total))
	if err != nil {
		return err
	}
	if uint64(len(out)-start) != total {
		return corruptf("strings: %d bytes, lengths say %d", len(out)-start, total)
	}
	d.out.Data = out
	return nil
}

// hexPairs holds the two digits of every byte.
var hexPairs = func() (table [256]uint16) {
	const digits = "0123456789abcdef"
	for b := range table {
		table[b] = uint16(digits[b>>4]) | uint16(digits[b&15])<<8
	}
	return table
}()

// hex undoes appendHex.
func (d *decoder) hex(src []byte, n int) error {
	lengths, body, err := intenc.Section(src)
	if err != nil {
		return err
	}
	total, err := d.lengths(lengths, n, 2)
	if err != nil {
		return err
	}
	if uint64(len(body)) != total {
		return corruptf("strings: %d bytes of hex, lengths say %d", len(body), total)
	}
	start := len(d.out.Data)
	d.out.Data = slices.Grow(d.out.Data, 2*len(body))[:start+2*len(body)]
	out := d.out.Data[start:]
	for _, b := range body {
		binary.LittleEndian.PutUint16(out, hexPairs[b])
		out = out[2:]
	}
	return nil
}

// decimal appends the numbers in src, padded with zeros to digits.
func (d *decoder) decimal(src []byte, n, digits int) error {
	s := getScratch()
	defer putScratch(s)
	ints, err := intenc.DecodeInts(s.ints[:0], src, n)
	if err != nil {
		return err
	}
	s.ints = ints
	d.out.Offsets = slices.Grow(d.out.Offsets, n)
	data := d.out.Data
	limit := uint64(1) // The least number with too many digits.
	for range digits {
		limit *= 10
	}
	for _, number := range ints {
		switch {
		case digits == 0:
			data = strconv.AppendInt(data, number, 10)
		case uint64(number) < limit:
			data = appendPadded(data, uint64(number), digits)
		default:
			return corruptf("strings: %d in %d digits", number, digits)
		}
		if len(data) > d.limit {
			return corruptf("strings: numbers exceed the limit of %d bytes", d.limit)
		}
		d.out.Offsets = append(d.out.Offsets, uint32(len(data)))
	}
	d.out.Data = data
	return nil
}

// appendPadded appends a number in exactly that many digits.
func appendPadded(dst []byte, number uint64, digits int) []byte {
	start := len(dst)
	dst = slices.Grow(dst, digits)[:start+digits]
	for i := len(dst) - 1; i >= start; i-- {
		dst[i] = byte('0' + number%10)
		number /= 10
	}
	return dst
}

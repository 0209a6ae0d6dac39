package intenc

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"sort"
)

// Codec numbers of Codes. They are on disk: append, never renumber.
//
//	const   [1] uvarint code
//	packed  [2] width u8, packed(codes)
//	runs    [3] uvarint count, codeWidth u8, endWidth u8,
//	            packed(code of each run), packed(end of each run)
//
// The end of a run is the exclusive ordinal of its last code, so that a
// reader finds any code by binary search.
const (
	codesConst  = 1
	codesPacked = 2
	codesRuns   = 3
)

// AppendCodes appends the encoding of codes to dst: one code, a bit string,
// or runs where they take at most three quarters of the bit string's size
// (runs are slower to read from the middle).
func AppendCodes(dst []byte, codes []uint32) []byte {
	if len(codes) == 0 {
		return dst
	}
	runs := 1
	all := codes[0]
	for i, code := range codes[1:] {
		all |= code
		if code != codes[i] {
			runs++
		}
	}
	if runs == 1 {
		return binary.AppendUvarint(append(dst, codesConst), uint64(codes[0]))
	}
	codeWidth := uint(bits.Len32(all))
	endWidth := uint(bits.Len(uint(len(codes))))
	packed := 2 + packedSize(len(codes), codeWidth)
	size := 3 + uvarintSize(uint64(runs)) + packedSize(runs, codeWidth) + packedSize(runs, endWidth)
	if 4*size > 3*packed {
		dst = slices.Grow(dst, packed)
		return appendPacked(append(dst, codesPacked, byte(codeWidth)), codes, codeWidth)
	}
	dst = slices.Grow(dst, size)
	dst = binary.AppendUvarint(append(dst, codesRuns), uint64(runs))
	dst = append(dst, byte(codeWidth), byte(endWidth))
	return appendRunColumns(dst, codes, codeWidth, endWidth)
}

// appendRunColumns appends the codes of all runs, then their ends, each in
// pieces of a fixed buffer.
func appendRunColumns(dst []byte, codes []uint32, codeWidth, endWidth uint) []byte {
	var buf [blockLen]uint32 // A full piece ends on a byte in any width.
	for _, ends := range [...]bool{false, true} {
		width, count := codeWidth, 0
		if ends {
			width = endWidth
		}
		for i, code := range codes {
			if i+1 < len(codes) && codes[i+1] == code {
				continue
			}
			if ends {
				code = uint32(i + 1)
			}
			buf[count] = code
			if count++; count == len(buf) {
				dst = appendPacked(dst, buf[:], width)
				count = 0
			}
		}
		dst = appendPacked(dst, buf[:count], width)
	}
	return dst
}

// DecodeCodes appends the n codes encoded in src to dst. It fails if a code
// is not below limit.
func DecodeCodes(dst []uint32, src []byte, n int, limit uint32) ([]uint32, error) {
	codes, err := ParseCodes(src, n, limit)
	if err != nil {
		return dst, err
	}
	return codes.AppendRange(dst, 0, n)
}

// Codes reads an encoding of codes in place, from any position. The zero
// value holds no codes.
type Codes struct {
	src       []byte // packed codes: one each, or one per run
	ends      []byte // packed ends of runs
	n         int
	runs      int
	codeWidth uint
	endWidth  uint
	constant  uint32
	limit     uint32
	codec     byte
}

// ParseCodes checks the shape of src, an encoding of n codes, in constant
// time. It keeps src. Codes that are not below limit are found when read.
func ParseCodes(src []byte, n int, limit uint32) (Codes, error) {
	if n == 0 && len(src) == 0 {
		return Codes{}, nil
	}
	if n <= 0 || n > maxCount || len(src) == 0 {
		return Codes{}, corruptf("codes: %d values in %d bytes", n, len(src))
	}
	c := Codes{n: n, limit: limit, codec: src[0]}
	src = src[1:]
	switch c.codec {
	case codesConst:
		code, rest, err := Uvarint(src)
		if err != nil {
			return Codes{}, err
		}
		if code >= uint64(limit) || len(rest) != 0 {
			return Codes{}, corruptf("codes: constant %d of %d, %d trailing bytes", code, limit, len(rest))
		}
		c.constant = uint32(code)
		return c, nil
	case codesPacked:
		if len(src) == 0 || src[0] > 32 || len(src)-1 != packedSize(n, uint(src[0])) {
			return Codes{}, corruptf("codes: %d packed in %d bytes", n, len(src))
		}
		c.codeWidth, c.src = uint(src[0]), src[1:]
		return c, nil
	case codesRuns:
		return parseRuns(c, src)
	}
	return Codes{}, corruptf("codes: unknown codec %d", c.codec)
}

// parseRuns completes c with what follows codesRuns.
func parseRuns(c Codes, src []byte) (Codes, error) {
	runs, src, err := Uvarint(src)
	if err != nil {
		return Codes{}, err
	}
	if runs == 0 || runs > uint64(c.n) || len(src) < 2 || src[0] > 32 || src[1] > 32 {
		return Codes{}, corruptf("codes: %d runs of %d codes", runs, c.n)
	}
	c.runs, c.codeWidth, c.endWidth = int(runs), uint(src[0]), uint(src[1])
	src = src[2:]
	split := packedSize(c.runs, c.codeWidth)
	if len(src) != split+packedSize(c.runs, c.endWidth) {
		return Codes{}, corruptf("codes: %d runs in %d bytes", runs, len(src))
	}
	c.src, c.ends = src[:split], src[split:]
	if end := c.end(c.runs - 1); end != c.n {
		return Codes{}, corruptf("codes: runs end at %d of %d", end, c.n)
	}
	return c, nil
}

// Len returns the number of codes.
func (c *Codes) Len() int { return c.n }

// end returns the exclusive end of a run.
func (c *Codes) end(run int) int {
	return int(BitsAt(c.ends, uint64(run)*uint64(c.endWidth)) & mask(c.endWidth))
}

// AppendRange appends the codes with ordinals in [lo, hi) to dst.
func (c *Codes) AppendRange(dst []uint32, lo, hi int) ([]uint32, error) {
	if lo < 0 || lo > hi || hi > c.n {
		return dst, corruptf("codes: range %d..%d of %d", lo, hi, c.n)
	}
	if lo == hi {
		return dst, nil
	}
	start := len(dst)
	grown := slices.Grow(dst, hi-lo)[:start+hi-lo]
	out := grown[start:]
	switch c.codec {
	case codesConst:
		for i := range out {
			out[i] = c.constant
		}
		return grown, nil
	case codesPacked:
		c.unpackRange(out, lo)
		if top := highest(out); top >= c.limit {
			return dst, corruptf("codes: code %d of %d", top, c.limit)
		}
		return grown, nil
	}
	if err := c.expandRuns(out, lo); err != nil {
		return dst, err
	}
	return grown, nil
}

// unpackRange fills out with the packed codes from ordinal lo on.
func (c *Codes) unpackRange(out []uint32, lo int) {
	// Start on a byte: decode up to seven codes one by one before it.
	for i := range min(len(out), -lo&7) {
		out[i] = uint32(BitsAt(c.src, uint64(lo+i)*uint64(c.codeWidth)) & mask(c.codeWidth))
	}
	skip := -lo & 7
	if skip >= len(out) {
		return
	}
	unpack(out[skip:], c.src[uint(lo+skip)/8*c.codeWidth:], c.codeWidth, 0)
}

// expandRuns fills out with the codes from ordinal lo on.
func (c *Codes) expandRuns(out []uint32, lo int) error {
	run := sort.Search(c.runs, func(i int) bool { return c.end(i) > lo })
	at := lo
	for len(out) > 0 {
		if run >= c.runs {
			return corruptf("codes: runs end before %d", at+len(out))
		}
		code := uint32(BitsAt(c.src, uint64(run)*uint64(c.codeWidth)) & mask(c.codeWidth))
		end := c.end(run)
		if code >= c.limit || end <= at {
			return corruptf("codes: run of code %d (limit %d) ends at %d after %d", code, c.limit, end, at)
		}
		count := min(end-at, len(out))
		for i := range out[:count] {
			out[i] = code
		}
		out = out[count:]
		at = end
		run++
	}
	return nil
}

// highest returns the highest of some codes.
func highest(codes []uint32) uint32 {
	var top uint32
	for _, code := range codes {
		top = max(top, code)
	}
	return top
}

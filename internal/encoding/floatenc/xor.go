package floatenc

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"github.com/pandodb/pando/internal/encoding/intenc"
)

const (
	leadBits = 5
	sizeBits = 6
	// maxLead is the most leading zeros that leadBits can tell.
	maxLead = 1<<leadBits - 1
)

// window is the range of significant bits of a xored value.
type window struct {
	lead, trail uint // zeros on either side; size 0 before the first window
	size        uint
}

// windowOf is the narrowest window of x, which is not zero.
func windowOf(x uint64) window {
	lead := min(uint(bits.LeadingZeros64(x)), maxLead)
	trail := uint(bits.TrailingZeros64(x))
	return window{lead: lead, trail: trail, size: 64 - lead - trail}
}

// keeps reports whether writing x in w costs no more than in a window of
// its own, whose header is 11 bits: Gorilla keeps any window that holds the
// bits, which wastes many once a wide one came by.
func (w window) keeps(x uint64) bool {
	if w.size == 0 || uint(bits.LeadingZeros64(x)) < w.lead || uint(bits.TrailingZeros64(x)) < w.trail {
		return false
	}
	return w.size <= windowOf(x).size+leadBits+sizeBits
}

// xorSize is the number of bytes appendXor appends, or any number of at
// least limit as soon as it is known to reach that.
func xorSize(vals []float64, limit int) int {
	total := 64
	var w window
	before := math.Float64bits(vals[0])
	for _, v := range vals[1:] {
		u := math.Float64bits(v)
		x := u ^ before
		before = u
		switch {
		case x == 0:
			total++
		case w.keeps(x):
			total += 2 + int(w.size)
		default:
			w = windowOf(x)
			total += 2 + leadBits + sizeBits + int(w.size)
			if total >= 8*limit {
				return limit
			}
		}
	}
	return (total + 7) / 8
}

// appendXor appends what follows codecXor.
func appendXor(dst []byte, vals []float64) []byte {
	before := math.Float64bits(vals[0])
	out := intenc.BitWriter{Dst: binary.LittleEndian.AppendUint64(dst, before)}
	var w window
	for _, v := range vals[1:] {
		u := math.Float64bits(v)
		x := u ^ before
		before = u
		if x == 0 {
			out.Write(0, 1)
			continue
		}
		if w.keeps(x) {
			out.Write(0b01, 2)
		} else {
			w = windowOf(x)
			header := 0b11 | uint64(w.lead)<<2 | uint64(w.size-1)<<(2+leadBits)
			out.Write(header, 2+leadBits+sizeBits)
		}
		out.Write(x>>w.trail, w.size)
	}
	return out.Flush()
}

// decodeXor undoes appendXor.
func decodeXor(dst []float64, src []byte, n int) ([]float64, error) {
	// Every value after the first takes a bit at least.
	if len(src) < 8 || n-1 > 8*(len(src)-8) {
		return dst, corruptf("floats: %d xored values in %d bytes", n, len(src))
	}
	start := len(dst)
	grown := slices.Grow(dst, n)[:start+n]
	out := grown[start:]
	before := binary.LittleEndian.Uint64(src)
	out[0] = math.Float64frombits(before)
	src = src[8:]
	end := uint64(8 * len(src))
	var at uint64 // bit in src; may pass the end, where zeros are read
	var w window
	for i := 1; i < len(out); i++ {
		head := intenc.BitsAt(src, at)
		switch {
		case head&1 == 0:
			at++
			out[i] = math.Float64frombits(before)
			continue
		case head&2 == 0:
			at += 2
		default:
			lead, size := uint(head>>2&maxLead), uint(head>>(2+leadBits)&63)+1
			if lead+size > 64 {
				return dst, corruptf("floats: window of %d+%d bits", lead, size)
			}
			w = window{lead: lead, trail: 64 - lead - size, size: size}
			at += 2 + leadBits + sizeBits
		}
		// Without a window yet, size is zero and nothing changes.
		x := intenc.BitsAt(src, at) & (1<<w.size - 1) << w.trail
		at += uint64(w.size)
		before ^= x
		out[i] = math.Float64frombits(before)
	}
	if at > end || end-at >= 8 {
		return dst, corruptf("floats: %d bits of xored values in %d", at, end)
	}
	return grown, nil
}

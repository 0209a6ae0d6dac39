package index

import (
	"encoding/binary"
	"math/bits"
)

// Lists are Rice codes of gaps (Golomb 1966, Rice 1979): a gap is the number of
// rows stepped over between two members, g = row - previous - 1, and is written
// as g>>k in unary (so many zeros and a one) and its k low bits. The unary
// parts of a list come first, then all low parts, so that a reader takes
// several members from one word and can skip a list by counting ones. For gaps
// of independent rows the cost is within 0.1 bit of their entropy,
// log2(rows/members) + 1.44.

// kBits is the width of k in a short list.
const kBits = 5

// kRun, in the place of k in a long list, says that all gaps are zero and
// nothing follows.
const kRun = 31

// riceK returns the parameter for n gaps of the given sum. The best k is near
// log2(mean * ln 2); 710/1024 is ln 2, the rounding is that of integers. The
// unary part never exceeds about 3n bits, whatever the distribution.
func riceK(sum uint64, n int) uint {
	k := bits.Len64(sum*710/1024/uint64(n) + 1)
	return uint(min(max(k-1, 0), kRun-1))
}

// firstBits is the width of the first row of a short list: what the largest row
// of a part of universe rows needs.
func firstBits(universe uint64) uint { return uint(bits.Len64(max(universe, 1) - 1)) }

// appendShortList appends a list of at least one row: the first in firstBits,
// then k and the gaps.
func appendShortList(w *bitWriter, rows []uint32, universe uint64) {
	w.write(uint64(rows[0]), firstBits(universe))
	if len(rows) == 1 {
		return
	}
	gaps := len(rows) - 1
	k := riceK(uint64(rows[gaps]-rows[0])-uint64(gaps), gaps)
	w.write(uint64(k), kBits)
	prev := rows[0]
	for _, r := range rows[1:] {
		w.unary(uint64(r-prev-1) >> k)
		prev = r
	}
	prev = rows[0]
	for _, r := range rows[1:] {
		w.write(uint64(r-prev-1)&(1<<k-1), k)
		prev = r
	}
}

// skipShortList advances r behind a list of n rows.
func skipShortList(r *bitReader, n int, universe uint64) {
	r.pos += int(firstBits(universe))
	if n > 1 {
		k := int(r.read(kBits))
		r.skipOnes(n - 1)
		r.pos += k * (n - 1)
	}
}

// decodeShortList appends the n rows of a list to dst, or returns false when it
// does not stay ascending and below universe.
func decodeShortList(dst []uint32, r *bitReader, n int, universe uint64) ([]uint32, bool) {
	first := r.read(firstBits(universe))
	dst = append(dst, uint32(first))
	if n == 1 {
		return dst, first < universe && !r.overrun()
	}
	k := uint(r.read(kBits))
	low := bitReader{src: r.src, pos: r.pos}
	low.skipOnes(n - 1)
	if ones := low.pos - r.pos; uint64(ones-(n-1)) > universe>>k {
		return dst, false
	}
	row := first
	for range n - 1 {
		high := uint64(0)
		w := r.peek()
		for ; w&(1<<peekBits-1) == 0 && !r.overrun(); w = r.peek() {
			high += peekBits
			r.pos += peekBits
		}
		zeros := bits.TrailingZeros64(w)
		r.pos += zeros + 1
		row += 1 + ((high+uint64(zeros))<<k | low.read(k))
		dst = append(dst, uint32(row))
	}
	r.pos = low.pos
	return dst, row < universe && !r.overrun()
}

// appendLongList appends a list in blocks of listBlockRows rows. The first gap
// of the list counts from row -1, that of a block from the block before.
func appendLongList(dst []byte, rows []uint32) []byte {
	var gaps [listBlockRows]uint32
	next := uint32(0) // the row after the previous one
	for len(rows) > 0 {
		n := min(len(rows), listBlockRows)
		sum := uint64(rows[n-1]-next) - uint64(n-1)
		for i, r := range rows[:n] {
			gaps[i] = r - next
			next = r + 1
		}
		dst = appendListBlock(dst, gaps[:n], sum)
		rows = rows[n:]
	}
	return dst
}

// appendListBlock appends k, the unary parts padded to whole bytes, and the low
// parts, padded as well.
func appendListBlock(dst []byte, gaps []uint32, sum uint64) []byte {
	if sum == 0 {
		return append(dst, kRun)
	}
	k := riceK(sum, len(gaps))
	dst = append(dst, byte(k))
	unaryBits := len(gaps)
	for _, g := range gaps {
		unaryBits += int(g >> k)
	}
	at := len(dst)
	dst = append(dst, make([]byte, (unaryBits+7)/8)...)
	unary, pos := dst[at:], -1
	for _, g := range gaps {
		pos += int(g>>k) + 1
		unary[pos>>3] |= 1 << (pos & 7)
	}
	var acc uint64
	filled, mask := uint(0), uint32(1)<<k-1
	for _, g := range gaps {
		acc |= uint64(g&mask) << filled
		if filled += k; filled >= 32 {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(acc))
			acc >>= 32
			filled -= 32
		}
	}
	for ; filled > 0; filled -= min(filled, 8) {
		dst = append(dst, byte(acc))
		acc >>= 8
	}
	return dst
}

// decodeLongList fills dst with the rows of a list. src may extend behind the
// list, and must by tailBytes. It returns false when the list is malformed or
// does not stay below universe.
func decodeLongList(dst []uint32, src []byte, universe uint64) bool {
	next := uint64(0)
	for len(dst) > 0 {
		n := min(len(dst), listBlockRows)
		if len(src) == 0 {
			return false
		}
		k := uint(src[0])
		src = src[1:]
		if k >= kRun {
			if k > kRun || next+uint64(n) > universe {
				return false
			}
			for i := range dst[:n] {
				dst[i] = uint32(next) + uint32(i)
			}
			next += uint64(n)
			dst = dst[n:]
			continue
		}
		used, ok := decodeUnary(dst[:n], src, universe>>k)
		if !ok || used+(n*int(k)+7)/8+tailBytes > len(src) {
			return false
		}
		next = addLow(dst[:n], src[used:], k, next)
		if next > universe {
			return false
		}
		src = src[used+(n*int(k)+7)/8:]
		dst = dst[n:]
	}
	return true
}

// decodeUnary fills dst with the high parts of gaps and returns the bytes they
// take. Their sum must not exceed limit, which also rules out overflow later.
func decodeUnary(dst []uint32, src []byte, limit uint64) (used int, ok bool) {
	i, prev := 0, -1
	for at := 0; ; at += 8 {
		if at+8 > len(src) {
			return 0, false
		}
		w := binary.LittleEndian.Uint64(src[at:])
		for ; w != 0; w &= w - 1 {
			pos := 8*at + bits.TrailingZeros64(w)
			dst[i] = uint32(pos - prev - 1)
			prev = pos
			if i++; i == len(dst) {
				return pos>>3 + 1, uint64(pos+1-len(dst)) <= limit
			}
		}
	}
}

// addLow turns the high parts in dst into rows, from next on, and returns the
// row after the last. src must hold the low parts and tailBytes more.
func addLow(dst []uint32, src []byte, k uint, next uint64) uint64 {
	mask := uint64(1)<<k - 1
	at := uint(0)
	for i, high := range dst {
		low := binary.LittleEndian.Uint64(src[at>>3:]) >> (at & 7) & mask
		at += k
		row := next + uint64(high)<<k + low
		dst[i] = uint32(row)
		next = row + 1
	}
	return next
}

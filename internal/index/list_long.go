package index

import (
	"encoding/binary"
	"math/bits"
)

// A long list has longRows rows or more and consists of blocks of 128 rows, the
// last one shorter, each of whole bytes:
//
//	head: k, +0x40 when escaped │ high parts │ escapes uv … │ low parts
//	head: 0xff                                       all gaps are zero
//
// The first gap of a list counts from row -1, that of a block from the block
// before. Escapes are the high part less escapeHigh.

const (
	headEscaped = 0x40
	headRun     = 0xff
)

// appendLongList appends the blocks of a list.
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

func appendListBlock(dst []byte, gaps []uint32, sum uint64) []byte {
	if sum == 0 {
		return append(dst, headRun)
	}
	code := chooseRice(gaps, sum)
	dst = append(dst, byte(code.k)|byte(oneIf(code.escaped)*headEscaped))
	dst = appendHigh(dst, gaps, code)
	if code.escaped {
		for _, g := range gaps {
			if high := g >> code.k; high >= escapeHigh {
				dst = binary.AppendUvarint(dst, uint64(high-escapeHigh))
			}
		}
	}
	return appendLow(dst, gaps, code.k)
}

// appendHigh appends the unary parts: a bitmap of where each ends.
func appendHigh(dst []byte, gaps []uint32, code riceCode) []byte {
	k, most := code.k&31, code.maxHigh() // the mask saves a branch per shift
	width := len(gaps)
	for _, g := range gaps {
		width += int(min(g>>k, most))
	}
	at := len(dst)
	dst = append(dst, make([]byte, (width+7)/8)...)
	unary, pos := dst[at:], -1
	for _, g := range gaps {
		pos += int(min(g>>k, most)) + 1
		unary[pos>>3] |= 1 << (pos & 7)
	}
	return dst
}

// appendLow appends the k low bits of every gap.
func appendLow(dst []byte, gaps []uint32, k uint) []byte {
	w, mask := bitWriter{dst: dst}, uint64(1)<<k-1
	for _, g := range gaps {
		w.write(uint64(g)&mask, k)
	}
	return w.flush()
}

// decodeLongList fills dst with the rows of a list. src may extend behind the
// list, and must by tailBytes. It returns false when the list is malformed or
// does not stay below universe.
func decodeLongList(dst []uint32, src []byte, universe uint64) bool {
	next := uint64(0)
	for len(dst) > 0 {
		if len(src) == 0 {
			return false
		}
		n := min(len(dst), listBlockRows)
		head := src[0]
		src = src[1:]
		if head == headRun {
			next = fillRun(dst[:n], next)
		} else {
			var ok bool
			if src, next, ok = decodeListBlock(dst[:n], src, riceHead{head, next, universe}); !ok {
				return false
			}
		}
		if next > universe {
			return false
		}
		dst = dst[n:]
	}
	return true
}

// fillRun fills dst with the rows from next on and returns the row after.
func fillRun(dst []uint32, next uint64) uint64 {
	for i := range dst {
		dst[i] = uint32(next) + uint32(i)
	}
	return next + uint64(len(dst))
}

// riceHead is what a block's decoder must know beside its bytes.
type riceHead struct {
	head     byte
	next     uint64 // the first row the block may hold
	universe uint64
}

// decodeListBlock fills dst with the rows of a block and returns what follows
// it, and the row after its last.
func decodeListBlock(dst []uint32, src []byte, h riceHead) (rest []byte, next uint64, ok bool) {
	k := uint(h.head &^ headEscaped)
	if k > maxK {
		return nil, 0, false
	}
	// Within these limits the sums of addLow cannot overflow.
	limit := h.universe >> k
	if src, ok = decodeHigh(dst, src, limit); !ok {
		return nil, 0, false
	}
	if h.head&headEscaped != 0 {
		if src, ok = addEscapes(dst, src, limit); !ok {
			return nil, 0, false
		}
	}
	lowBytes := (len(dst)*int(k) + 7) / 8
	if lowBytes+tailBytes > len(src) {
		return nil, 0, false
	}
	return src[lowBytes:], addLow(dst, src, k, h.next), true
}

// decodeHigh fills dst with the high parts of gaps. Their sum must not exceed
// limit.
func decodeHigh(dst []uint32, src []byte, limit uint64) (rest []byte, ok bool) {
	i, prev := 0, -1
	for at := 0; at+8 <= len(src); at += 8 {
		w := binary.LittleEndian.Uint64(src[at:])
		for ; w != 0; w &= w - 1 {
			pos := 8*at + bits.TrailingZeros64(w)
			dst[i] = uint32(pos - prev - 1)
			prev = pos
			if i++; i == len(dst) {
				return src[pos>>3+1:], uint64(pos+1-len(dst)) <= limit
			}
		}
	}
	return nil, false
}

// addEscapes completes the high parts that are cut. No escape may exceed limit.
func addEscapes(dst []uint32, src []byte, limit uint64) (rest []byte, ok bool) {
	for i, high := range dst {
		if high != escapeHigh {
			continue
		}
		var more uint64
		if more, src, ok = uvarint(src); !ok || more > limit {
			return nil, false
		}
		dst[i] += uint32(more)
	}
	return src, true
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

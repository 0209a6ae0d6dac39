package index

import "math/bits"

// Lists are Rice codes of gaps (Golomb 1966, Rice 1979): a gap is the number of
// rows stepped over between two members, g = row - previous - 1, and is written
// as its high part g>>k in unary (so many zeros and a one) and its k low bits.
// The unary parts of a list come first, then all low parts, so that a reader
// takes several members from one word and can skip a list by counting ones. For
// gaps of independent rows the cost is within 0.2 bits of their entropy,
// log2(rows/members) + 1.44.
//
// Rows are sorted by resource and trace, so many terms come in clusters: small
// gaps with few large ones between, for which one k is wrong twice. An escaped
// list chooses k for the small gaps, cuts unary parts at escapeHigh, and stores
// what is missing of the large ones apart.

const (
	// maxK is the largest k. Rows are below 2^32.
	maxK = 30

	// escapeHigh is the high part that stands for itself or more in an escaped
	// list. Of gaps that fit their k, one in 50 reaches it.
	escapeHigh = 8

	// escapeBits is what an escape is estimated to cost beside its unary part.
	escapeBits = 20

	// skewShift: gaps below mean>>skewShift are small. Of independent gaps an
	// eighth are; a list in which half are may be worth escapes.
	skewShift = 3
)

// riceCode is how the gaps of a list, or of a block of one, are written.
type riceCode struct {
	k       uint
	escaped bool
}

// riceK returns the parameter for n gaps of the given sum. The best k is near
// log2(mean * ln 2); 710/1024 is ln 2, the rounding is that of integers. The
// unary parts then take less than 4n bits, whatever the distribution.
func riceK(sum uint64, n int) uint {
	k := bits.Len64(sum*710/1024/uint64(n) + 1)
	return uint(min(max(k-1, 0), maxK))
}

// chooseRice returns the cheaper code for the gaps, whose sum is given.
func chooseRice(gaps []uint32, sum uint64) riceCode {
	plain := riceCode{k: riceK(sum, len(gaps))}
	if plain.k < 2 {
		return plain
	}
	limit := uint32(sum / uint64(len(gaps)) >> skewShift)
	small, smallSum := 0, uint64(0)
	for _, g := range gaps {
		if g <= limit {
			small++
			smallSum += uint64(g)
		}
	}
	if 2*small < len(gaps) {
		return plain
	}
	escaped := riceCode{k: riceK(smallSum, small), escaped: true}
	if escaped.cost(gaps) < plain.cost(gaps) {
		return escaped
	}
	return plain
}

// cost returns about how many bits the gaps take.
func (c riceCode) cost(gaps []uint32) (sum uint64) {
	for _, g := range gaps {
		high := uint64(g >> c.k)
		if c.escaped && high >= escapeHigh {
			high = escapeHigh + escapeBits
		}
		sum += high
	}
	return sum + uint64(len(gaps))*uint64(c.k+1)
}

// maxHigh is the largest high part that is written in unary.
func (c riceCode) maxHigh() uint32 {
	if c.escaped {
		return escapeHigh
	}
	return 1<<32 - 1
}

// escapes returns the number of gaps whose high part is cut.
func (c riceCode) escapes(gaps []uint32) (n uint64) {
	for _, g := range gaps {
		n += uint64(oneIf(g>>c.k >= escapeHigh))
	}
	return n
}

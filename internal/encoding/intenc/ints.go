package intenc

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"sync"
)

// Codec numbers of Ints. They are on disk: append, never renumber.
const (
	intsConst  = 1
	intsLinear = 2
	intsRaw    = 3
	// The flat and blocks codecs are followed by those of first and second
	// differences: the order of the transform is the number minus the first.
	intsFlat   = 4 // ..6
	intsBlocks = 7 // ..9
	intsScaled = 10
)

// maxCount bounds the values of one encoding far above any page, so that no
// size computed from a count overflows.
const maxCount = 1 << 30

// maxOrder is the highest order of differences tried.
const maxOrder = 2

// AppendInts appends the smallest encoding of vals to dst. It allocates only
// to grow dst.
func AppendInts(dst []byte, vals []int64) []byte {
	if len(vals) == 0 {
		return dst
	}
	stats := statsOf(vals)
	plan := planInts(vals, &stats)
	if plan.codec == intsConst || plan.codec == intsLinear {
		return appendPlanned(dst, vals, plan)
	}
	divisor := commonDivisor(vals, stats.frames[0].base)
	if divisor < 2 {
		return appendPlanned(dst, vals, plan)
	}

	// A clock that ticks in micro- or milliseconds, or a size in pages.
	scratch := scratchPool.Get().(*[]int64)
	defer scratchPool.Put(scratch)
	scaled := divideInts((*scratch)[:0], vals, stats.frames[0].base, divisor)
	*scratch = scaled
	scaledStats := statsOf(scaled)
	scaledPlan := planInts(scaled, &scaledStats)
	header := 1 + varintSize(stats.frames[0].base) + uvarintSize(divisor)
	if header+scaledPlan.size >= plan.size {
		return appendPlanned(dst, vals, plan)
	}
	dst = append(dst, intsScaled)
	dst = binary.AppendVarint(dst, stats.frames[0].base)
	dst = binary.AppendUvarint(dst, divisor)
	return appendPlanned(dst, scaled, scaledPlan)
}

// scratchPool keeps the quotients of scaled pages while they are encoded.
var scratchPool = sync.Pool{New: func() any { return new([]int64) }}

// DecodeInts appends the n values encoded in src to dst. src must hold
// exactly one encoding made by AppendInts from n values.
func DecodeInts(dst []int64, src []byte, n int) ([]int64, error) {
	if n == 0 && len(src) == 0 {
		return dst, nil
	}
	if n <= 0 || n > maxCount || len(src) == 0 {
		return dst, corruptf("ints: %d values in %d bytes", n, len(src))
	}
	if src[0] != intsScaled {
		return decodePlanned(dst, src, n)
	}
	lowest, rest, err := Varint(src[1:])
	if err != nil {
		return dst, err
	}
	divisor, rest, err := Uvarint(rest)
	if err != nil {
		return dst, err
	}
	start := len(dst)
	dst, err = decodePlanned(dst, rest, n)
	if err != nil {
		return dst, err
	}
	vals := dst[start:]
	for i := range vals {
		vals[i] = vals[i]*int64(divisor) + lowest
	}
	return dst, nil
}

// appendPlanned appends vals as plan says; the codec is any but intsScaled.
func appendPlanned(dst []byte, vals []int64, plan intPlan) []byte {
	switch plan.codec {
	case intsConst:
		return binary.AppendVarint(append(dst, intsConst), vals[0])
	case intsLinear:
		dst = binary.AppendVarint(append(dst, intsLinear), vals[0])
		return binary.AppendVarint(dst, vals[1]-vals[0])
	case intsRaw:
		dst = slices.Grow(append(dst, intsRaw), 8*len(vals))
		for _, v := range vals {
			dst = binary.LittleEndian.AppendUint64(dst, uint64(v))
		}
		return dst
	}
	dst = append(dst, plan.codec+byte(plan.order))
	dst = appendHeads(dst, vals, plan.order)
	dst = binary.AppendVarint(dst, plan.frame.base)
	if plan.codec == intsBlocks {
		return appendBlocks(dst, vals, plan.order, plan.frame.base)
	}
	return appendFlat(dst, vals, plan)
}

// appendHeads appends what a transform of the order starts from.
func appendHeads(dst []byte, vals []int64, order int) []byte {
	if order >= 1 {
		dst = binary.AppendVarint(dst, vals[0])
	}
	if order >= 2 {
		dst = binary.AppendVarint(dst, vals[1]-vals[0])
	}
	return dst
}

// appendFlat appends all residuals in one width.
func appendFlat(dst []byte, vals []int64, plan intPlan) []byte {
	width := plan.frame.width()
	dst = append(dst, byte(width))
	dst = slices.Grow(dst, packedSize(len(vals)-plan.order, width))
	var buf [blockLen]uint64
	for at := plan.order; at < len(vals); at += blockLen {
		// A full block of 128 values ends on a byte in any width.
		block := residuals(&buf, vals, at, plan.order)
		for i := range block {
			block[i] -= uint64(plan.frame.base)
		}
		dst = appendPacked(dst, block, width)
	}
	return dst
}

// decodePlanned undoes appendPlanned; n > 0.
func decodePlanned(dst []int64, src []byte, n int) ([]int64, error) {
	if len(src) == 0 {
		return dst, corruptf("ints: empty")
	}
	codec, src := src[0], src[1:]
	switch {
	case codec == intsConst || codec == intsLinear:
		return decodeLinear(dst, src, n, codec)
	case codec == intsRaw:
		return decodeRaw(dst, src, n)
	case codec < intsFlat || codec > intsBlocks+maxOrder:
		return dst, corruptf("ints: unknown codec %d", codec)
	}
	order := int(codec-intsFlat) % (maxOrder + 1)
	if n < order {
		return dst, corruptf("ints: %d values of order %d", n, order)
	}
	var heads [maxOrder]int64
	var err error
	for i := range order {
		if heads[i], src, err = Varint(src); err != nil {
			return dst, err
		}
	}
	lowest, src, err := Varint(src)
	if err != nil {
		return dst, err
	}

	start := len(dst)
	var out []int64
	if codec >= intsBlocks {
		// Each block has at least two bytes: bounds n before memory is taken.
		if count := (n - order + blockLen - 1) / blockLen; count > len(src)/2 {
			return dst, corruptf("ints: %d blocks in %d bytes", count, len(src))
		}
		out = slices.Grow(dst, n)[:start+n]
		err = decodeBlocks(out[start+order:], src, lowest)
	} else {
		if len(src) == 0 || src[0] > 64 || len(src)-1 != packedSize(n-order, uint(src[0])) {
			return dst, corruptf("ints: flat page of %d values in %d bytes", n, len(src))
		}
		out = slices.Grow(dst, n)[:start+n]
		unpack(out[start+order:], src[1:], uint(src[0]), lowest)
	}
	if err != nil {
		return dst, err
	}
	integrate(out[start:], heads, order)
	return out, nil
}

// decodeLinear undoes intsConst and intsLinear.
func decodeLinear(dst []int64, src []byte, n int, codec byte) ([]int64, error) {
	first, src, err := Varint(src)
	if err != nil {
		return dst, err
	}
	var step int64
	if codec == intsLinear {
		if step, src, err = Varint(src); err != nil {
			return dst, err
		}
	}
	if len(src) != 0 {
		return dst, corruptf("ints: %d trailing bytes", len(src))
	}
	start := len(dst)
	dst = slices.Grow(dst, n)[:start+n]
	out := dst[start:]
	for i := range out {
		out[i] = first
		first += step
	}
	return dst, nil
}

// decodeRaw undoes intsRaw.
func decodeRaw(dst []int64, src []byte, n int) ([]int64, error) {
	if len(src)%8 != 0 || len(src)/8 != n {
		return dst, corruptf("ints: %d raw values in %d bytes", n, len(src))
	}
	dst = slices.Grow(dst, n)
	for ; len(src) >= 8; src = src[8:] {
		dst = append(dst, int64(binary.LittleEndian.Uint64(src)))
	}
	return dst, nil
}

// integrate turns residuals of the order back into values. vals[order:] holds
// the residuals; the first order places are filled from heads.
func integrate(vals []int64, heads [maxOrder]int64, order int) {
	switch order {
	case 1:
		sum := heads[0]
		vals[0] = sum
		rest := vals[1:]
		for i := range rest {
			sum += rest[i]
			rest[i] = sum
		}
	case 2:
		sum, delta := heads[0]+heads[1], heads[1]
		vals[0], vals[1] = heads[0], sum
		rest := vals[2:]
		for i := range rest {
			delta += rest[i]
			sum += delta
			rest[i] = sum
		}
	}
}

// commonDivisor returns the greatest common divisor of all differences to the
// lowest value, or zero if all are equal. It stops as soon as that is one,
// after a few values where there is none.
func commonDivisor(vals []int64, lowest int64) uint64 {
	var divisor uint64
	for _, v := range vals {
		diff := uint64(v) - uint64(lowest)
		if divisor != 0 && diff%divisor == 0 {
			continue
		}
		divisor = gcd(diff, divisor)
		if divisor == 1 {
			return 1
		}
	}
	return divisor
}

// gcd returns the greatest common divisor of a and b by Stein's algorithm;
// gcd(a, 0) is a.
func gcd(a, b uint64) uint64 {
	if a == 0 || b == 0 {
		return a | b
	}
	shift := bits.TrailingZeros64(a | b)
	a >>= bits.TrailingZeros64(a)
	for b != 0 {
		b >>= bits.TrailingZeros64(b)
		if a > b {
			a, b = b, a
		}
		b -= a
	}
	return a << shift
}

// divideInts appends (v-lowest)/divisor of each value. With a divisor of at
// least two every quotient fits.
func divideInts(dst, vals []int64, lowest int64, divisor uint64) []int64 {
	for _, v := range vals {
		dst = append(dst, int64((uint64(v)-uint64(lowest))/divisor))
	}
	return dst
}

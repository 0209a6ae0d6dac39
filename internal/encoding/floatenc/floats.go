package floatenc

import (
	"encoding/binary"
	"math"
	"slices"
	"sync"

	"github.com/pandodb/pando/internal/base"
)

// Codec numbers of pages of floats. They are on disk: append, never renumber.
const (
	codecConst   = 1
	codecRaw     = 2
	codecDecimal = 3
	codecXor     = 4
)

// maxCount bounds the values of a page far above any real one.
const maxCount = 1 << 28

// AppendFloats appends the smallest encoding of vals to dst. It allocates
// only to grow dst.
func AppendFloats(dst []byte, vals []float64) []byte {
	if len(vals) == 0 {
		return dst
	}
	if allEqual(vals) {
		return binary.LittleEndian.AppendUint64(append(dst, codecConst), math.Float64bits(vals[0]))
	}
	s := scratchPool.Get().(*scratch)
	defer scratchPool.Put(s)
	start := len(dst)
	best := 1 + 8*len(vals)
	if exponent, ok := chooseExponent(vals); ok {
		dst = appendDecimal(append(dst, codecDecimal), vals, exponent, s)
		if size := len(dst) - start; size < best {
			best = size
		} else {
			dst = dst[:start]
		}
	}
	if size := 1 + xorSize(vals, best-1); size < best {
		return appendXor(append(dst[:start], codecXor), vals)
	}
	if len(dst) > start {
		return dst
	}
	dst = slices.Grow(append(dst, codecRaw), 8*len(vals))
	for _, v := range vals {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
	}
	return dst
}

// DecodeFloats appends the n values encoded in src to dst. src must hold
// exactly one encoding made by AppendFloats from n values; the caller bounds
// n.
func DecodeFloats(dst []float64, src []byte, n int) ([]float64, error) {
	if n == 0 && len(src) == 0 {
		return dst, nil
	}
	if n <= 0 || n > maxCount || len(src) == 0 {
		return dst, corruptf("floats: %d values in %d bytes", n, len(src))
	}
	codec, src := src[0], src[1:]
	switch codec {
	case codecConst:
		return decodeConst(dst, src, n)
	case codecRaw:
		return decodeRaw(dst, src, n)
	case codecDecimal:
		return decodeDecimal(dst, src, n)
	case codecXor:
		return decodeXor(dst, src, n)
	}
	return dst, corruptf("floats: unknown codec %d", codec)
}

// allEqual reports whether all values have the same bits.
func allEqual(vals []float64) bool {
	first := math.Float64bits(vals[0])
	for _, v := range vals[1:] {
		if math.Float64bits(v) != first {
			return false
		}
	}
	return true
}

// decodeConst undoes codecConst.
func decodeConst(dst []float64, src []byte, n int) ([]float64, error) {
	if len(src) != 8 {
		return dst, corruptf("floats: constant of %d bytes", len(src))
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(src))
	start := len(dst)
	dst = slices.Grow(dst, n)[:start+n]
	out := dst[start:]
	for i := range out {
		out[i] = v
	}
	return dst, nil
}

// decodeRaw undoes codecRaw.
func decodeRaw(dst []float64, src []byte, n int) ([]float64, error) {
	if len(src)%8 != 0 || len(src)/8 != n {
		return dst, corruptf("floats: %d raw values in %d bytes", n, len(src))
	}
	dst = slices.Grow(dst, n)
	for ; len(src) >= 8; src = src[8:] {
		dst = append(dst, math.Float64frombits(binary.LittleEndian.Uint64(src)))
	}
	return dst, nil
}

// scratch is the memory of one call.
type scratch struct {
	ints []int64
	rows []uint32 // exceptions
	buf  []byte
}

// scratchPool keeps scratches between pages.
var scratchPool = sync.Pool{New: func() any { return new(scratch) }}

// corruptf returns a corruption error. The caller that knows the file and
// the offset wraps it.
func corruptf(format string, args ...any) error {
	return base.Errorf(base.ClassCorruption, format, args...)
}

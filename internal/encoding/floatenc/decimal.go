package floatenc

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/pandodb/pando/internal/encoding/intenc"
)

const (
	// maxExponent is the most decimal places tried. Beyond it hardly any
	// double has an m below 2^53.
	maxExponent = 15
	// maxMantissa is where float64 stops holding every integer.
	maxMantissa = 1 << 53
	// sampleSize values decide on the exponent.
	sampleSize = 64
	// maxExceptions of sampleSize: with more, every fourth value costs its
	// eight bytes and a place, and xor is better.
	maxExceptions = sampleSize / 4
)

// powers holds 10^0 to 10^maxExponent, all exact.
var powers = func() (table [maxExponent + 1]float64) {
	table[0] = 1
	for i := 1; i <= maxExponent; i++ {
		table[i] = 10 * table[i-1]
	}
	return table
}()

// mantissa returns the m of v, and whether m / power has the very bits of v.
func mantissa(v, power float64) (int64, bool) {
	scaled := v * power
	if !(scaled > -maxMantissa && scaled < maxMantissa) { // NaN is neither.
		return 0, false
	}
	m := int64(math.RoundToEven(scaled))
	return m, math.Float64bits(float64(m)/power) == math.Float64bits(v)
}

// chooseExponent returns the least number of decimal places that fits most
// of a sample, or false if none does.
func chooseExponent(vals []float64) (int, bool) {
	stride := max(1, len(vals)/sampleSize)
	bestExponent, fewest := 0, math.MaxInt
	for exponent, power := range powers {
		misses := 0
		for i := 0; i < len(vals) && misses < fewest; i += stride {
			if _, ok := mantissa(vals[i], power); !ok {
				misses++
			}
		}
		if misses < fewest {
			bestExponent, fewest = exponent, misses
		}
		if fewest == 0 {
			break
		}
	}
	sampled := (len(vals) + stride - 1) / stride
	return bestExponent, fewest*sampleSize <= maxExceptions*sampled
}

// appendDecimal appends what follows codecDecimal.
func appendDecimal(dst []byte, vals []float64, exponent int, s *scratch) []byte {
	s.ints = slices.Grow(s.ints[:0], len(vals))
	s.rows = s.rows[:0]
	power := powers[exponent]
	held := firstMantissa(vals, power)
	for i, v := range vals {
		m, ok := mantissa(v, power)
		if !ok {
			s.rows = append(s.rows, uint32(i))
			m = held
		}
		s.ints = append(s.ints, m)
		held = m
	}
	dst = append(dst, byte(exponent))
	s.buf = intenc.AppendInts(s.buf[:0], s.ints)
	dst = intenc.AppendSection(dst, s.buf)
	s.buf = intenc.AppendRows(s.buf[:0], s.rows, len(vals))
	dst = intenc.AppendSection(dst, s.buf)
	for _, row := range s.rows {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(vals[row]))
	}
	return dst
}

// firstMantissa is what holds the place of leading exceptions.
func firstMantissa(vals []float64, power float64) int64 {
	for _, v := range vals {
		if m, ok := mantissa(v, power); ok {
			return m
		}
	}
	return 0
}

// decodeDecimal undoes appendDecimal.
func decodeDecimal(dst []float64, src []byte, n int) ([]float64, error) {
	if len(src) == 0 || src[0] > maxExponent {
		return dst, corruptf("floats: bad decimal exponent")
	}
	power := powers[src[0]]
	mantissas, src, err := intenc.Section(src[1:])
	if err != nil {
		return dst, err
	}
	exceptions, src, err := intenc.Section(src)
	if err != nil {
		return dst, err
	}
	s := scratchPool.Get().(*scratch)
	defer scratchPool.Put(s)
	rows, err := intenc.DecodeRows(s.rows[:0], exceptions, n)
	if err != nil {
		return dst, err
	}
	s.rows = rows
	if len(src)%8 != 0 || len(src)/8 != len(rows) {
		return dst, corruptf("floats: %d exceptions in %d bytes", len(rows), len(src))
	}
	ints, err := intenc.DecodeInts(s.ints[:0], mantissas, n)
	if err != nil {
		return dst, err
	}
	s.ints = ints

	start := len(dst)
	dst = slices.Grow(dst, n)[:start+n]
	out := dst[start:]
	ints = ints[:len(out)]
	for i := range out {
		out[i] = float64(ints[i]) / power
	}
	for i, row := range rows {
		out[row] = math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:]))
	}
	return dst, nil
}

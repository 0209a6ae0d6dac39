package corpus

import "math/bits"

// source is a splitmix64 generator (Steele, Lea, Flood: "Fast splittable
// pseudorandom number generators", OOPSLA 2014). It is the only randomness of
// the package.
type source struct{ state uint64 }

const golden = 0x9e3779b97f4a7c15

// mix64 is splitmix64's output function, also used as a hash.
func mix64(z uint64) uint64 {
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

// The streams of one seed. Their sources are unrelated.
const (
	streamCatalogue = 1
	streamTrace     = 2
	streamQuery     = 3
	streamShop      = 4
)

// newSource returns the source of one (seed, stream, index).
func newSource(seed, stream, index uint64) source {
	return source{mix64(mix64(seed+stream*golden) + index)}
}

func (s *source) next() uint64 {
	s.state += golden
	return mix64(s.state)
}

// below returns a uniform number in [0, n): the high half of next × n.
func (s *source) below(n uint64) uint64 {
	hi, _ := bits.Mul64(s.next(), n)
	return hi
}

// pick is below for counts and indices.
func (s *source) pick(n int) int { return int(s.below(uint64(n))) }

// chance is true n times in 10,000.
func (s *source) chance(n uint64) bool { return s.below(10_000) < n }

// one is the unit of the Q16 fixed-point exponents that lognormal takes.
const one = 1 << 16

// lognormal returns median × 2^(sigma × z), z being nearly standard normal and
// cut at ±3.46: the sum of the four 16-bit lanes of one draw (Irwin-Hall).
// Sigma is Q16 in powers of two: ln-sigma 0.5 is 0.5 / ln 2 × 65,536 = 47,274.
// All arithmetic is on integers, so that every machine and language agrees.
func (s *source) lognormal(median int64, sigma int64) int64 {
	r := s.next()
	sum := int64(r&0xffff) + int64(r>>16&0xffff) + int64(r>>32&0xffff) + int64(r>>48)
	// Mean 2 × 65,535, standard deviation √(4/12) × 65,536 = 37,837.
	return scale(median, (sum-131_070)*sigma/37_837)
}

// scale returns v × 2^(x / 65,536), rounded down; v in [0, 2^31), and the
// result must fit.
func scale(v, x int64) int64 {
	frac := uint64(x) & 0xffff
	m := exp2.high[frac>>8] * exp2.low[frac&0xff] >> 31
	return int64(uint64(v) * m >> uint(31-(x>>16)))
}

// exp2 holds 2^(j/256) and 2^(j/65,536) in Q31, for j in [0, 256).
var exp2 = newExp2()

type exp2Tables struct{ high, low [256]uint64 }

// newExp2 builds the tables from integer square roots alone: root k is the
// square root of root k-1, starting at 2, and an entry is the product of the
// roots of its set bits, highest first.
func newExp2() *exp2Tables {
	var roots [16]uint64
	prev := uint64(2) << 31
	for k := range roots {
		prev = isqrt(prev << 31)
		roots[k] = prev
	}
	t := new(exp2Tables)
	for j := range 256 {
		t.high[j], t.low[j] = 1<<31, 1<<31
		for bit := range 8 {
			if j>>(7-bit)&1 == 1 {
				t.high[j] = t.high[j] * roots[bit] >> 31
				t.low[j] = t.low[j] * roots[8+bit] >> 31
			}
		}
	}
	return t
}

// isqrt returns the integer square root, rounded down.
func isqrt(v uint64) uint64 {
	var root uint64
	for bit := uint64(1) << 31; bit != 0; bit >>= 1 {
		if next := root | bit; next*next <= v {
			root = next
		}
	}
	return root
}

// zipf draws ranks in [0, n) with weight 1 / (rank + 1).
type zipf struct{ cumulative []uint64 }

func newZipf(n int) zipf {
	z := zipf{make([]uint64, n)}
	var sum uint64
	for k := range z.cumulative {
		sum += (1 << 32) / uint64(k+1)
		z.cumulative[k] = sum
	}
	return z
}

func (z zipf) draw(s *source) int {
	x := s.below(z.cumulative[len(z.cumulative)-1])
	lo, hi := 0, len(z.cumulative)-1
	for lo < hi {
		if mid := (lo + hi) / 2; z.cumulative[mid] > x {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

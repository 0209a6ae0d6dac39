package bench

import (
	"math"
	"math/bits"
)

// tally counts symbols in contexts. Its entropy is that of a coder which knows
// the symbol frequencies of every context beforehand and spends nothing on
// telling them: real coders need more.
type tally map[uint64]map[uint64]uint32

func (t tally) add(context, symbol uint64) {
	counts, ok := t[context]
	if !ok {
		counts = make(map[uint64]uint32)
		t[context] = counts
	}
	counts[symbol]++
}

// bits returns the entropy of everything added.
func (t tally) bits() float64 {
	sum := 0.0
	for _, counts := range t {
		sum += entropyBits(counts)
	}
	return sum
}

func entropyBits(counts map[uint64]uint32) float64 {
	total, sum := 0.0, 0.0
	for _, c := range counts {
		total += float64(c)
		sum += float64(c) * math.Log2(float64(c))
	}
	if total == 0 {
		return 0
	}
	return total*math.Log2(total) - sum
}

// numbers is a tally of numbers that hardly repeat. A number is a bin, whose
// frequency counts, and a place in the bin, for which all are equally likely.
type numbers struct {
	bins   tally
	inside map[uint64]float64 // by context
}

func newNumbers() *numbers { return &numbers{bins: make(tally), inside: make(map[uint64]float64)} }

// binsPerOctave trades the model's sharpness for the samples a bin needs.
const binsPerOctave = 8

func (n *numbers) add(context uint64, v int64) {
	sign := uint64(0)
	u := uint64(v)
	if v < 0 {
		sign, u = 1, uint64(-v)
	}
	width := 1.0
	bin := u
	if u >= 2*binsPerOctave { // below, every number has a bin of its own
		octave := bits.Len64(u) - 1
		drop := octave - bits.Len64(binsPerOctave-1)
		bin = uint64(octave)<<32 | u>>drop&(binsPerOctave-1) | 1<<63
		width = math.Ldexp(1, drop)
	}
	n.bins.add(context, bin<<1|sign)
	n.inside[context] += math.Log2(width)
}

// bitsOf returns the entropy of one context.
func (n *numbers) bitsOf(context uint64) float64 {
	return entropyBits(n.bins[context]) + n.inside[context]
}

// leastBits adds up, context by context, the cheapest of several descriptions
// of the same numbers.
func leastBits(descriptions ...*numbers) float64 {
	sum := 0.0
	for context := range descriptions[0].bins {
		least := math.Inf(1)
		for _, d := range descriptions {
			least = min(least, d.bitsOf(context))
		}
		sum += least
	}
	return sum
}

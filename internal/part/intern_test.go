package part

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestInterningNumbersByFirstSight(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	var words wordTable
	var strings byteTable
	for round := range 3 { // tables are used again
		words.reset()
		strings.reset()
		want := map[uint64]uint32{}
		for i := range 20_000 {
			v := rng.Uint64N(uint64(100 + i))
			if i%3 == 0 {
				v <<= 52 // as in the bits of small floats
			}
			code, ok := want[v]
			if !ok {
				code = uint32(len(want))
				want[v] = code
			}
			if got := words.intern(v); got != code {
				t.Fatalf("round %d: word %d has code %d, want %d", round, v, got, code)
			}
			if got := strings.intern(fmt.Append(nil, v)); got != code {
				t.Fatalf("round %d: string %d has code %d, want %d", round, v, got, code)
			}
		}
	}
}

func BenchmarkInternStrings(b *testing.B) {
	for _, n := range []int{10, 1000, 100_000} {
		b.Run(fmt.Sprintf("distinct=%d", n), func(b *testing.B) {
			vals := make([][]byte, n)
			for i := range vals {
				vals[i] = fmt.Appendf(nil, "value-of-attribute-%d", i*7919)
			}
			var t byteTable
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				t.intern(vals[i%n])
			}
		})
	}
}

package bench

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pandodb/pando/internal/corpus"
)

func TestTallyIsTheEntropy(t *testing.T) {
	tl := make(tally)
	for i := range 1024 {
		tl.add(1, uint64(i%4)) // two bits each
		tl.add(2, 7)           // nothing
	}
	if got := tl.bits(); math.Abs(got-2048) > 1e-6 {
		t.Errorf("bits = %v, want 2048", got)
	}
}

// Uniform numbers below 2^20 carry 20 bits; the bins must neither add to that
// nor take more than a little away.
func TestNumbersOfUniformValues(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	n := newNumbers()
	const count = 100_000
	for range count {
		n.add(0, r.Int64N(1<<20))
	}
	if perValue := n.bitsOf(0) / count; perValue < 19.97 || perValue > 20.001 {
		t.Errorf("%v bits per value, want 20", perValue)
	}
}

func TestNumbersTellSignsAndSmallValuesApart(t *testing.T) {
	n := newNumbers()
	for i := range 64 {
		n.add(0, int64(i%32)-16) // 32 different values, each with a bin of its own but -16
	}
	if got := n.bitsOf(0) / 64; math.Abs(got-5) > 0.04 {
		t.Errorf("%v bits per value, want 5", got)
	}
}

func TestFloorIsPlausible(t *testing.T) {
	f := NewFloor(corpus.New(corpus.Config{Traces: 300}))
	for _, i := range f.Items {
		t.Logf("%-18s %6.2f", i.Name, i.BytesPerSpan)
	}
	// Ids alone are 8 bytes and 16 per trace of about 20 spans.
	if sum := f.BytesPerSpan(); sum < 9 || sum > 60 {
		t.Errorf("floor is %v bytes per span", sum)
	}
}

package corpus

import (
	"math"
	"testing"
)

// The first outputs of the reference implementation for seed 1234567.
func TestSplitmix64(t *testing.T) {
	s := source{1234567}
	for i, want := range []uint64{
		6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821,
	} {
		if got := s.next(); got != want {
			t.Errorf("output %d = %d, want %d", i, got, want)
		}
	}
}

func TestScale(t *testing.T) {
	for _, x := range []int64{-9 * one, -one, -1, 0, 1, 255, 256, 40_000, one, 6*one + 77} {
		for _, v := range []int64{1, 999, 1 << 20, 1<<31 - 1} {
			got, want := float64(scale(v, x)), float64(v)*math.Exp2(float64(x)/one)
			if math.Abs(got-want) > 1+want*1e-7 {
				t.Errorf("scale(%d, %d) = %v, want %v", v, x, got, want)
			}
		}
	}
}

func TestLognormal(t *testing.T) {
	const n, median, sigma = 200_000, 1_000_000, 47_274 // ln-sigma 0.5
	s := newSource(1, 2, 3)
	var sum, squares float64
	for range n {
		l := math.Log(float64(s.lognormal(median, sigma)) / median)
		sum += l
		squares += l * l
	}
	if mean := sum / n; math.Abs(mean) > 0.005 {
		t.Errorf("mean of the logarithm is %v", mean)
	}
	if dev := math.Sqrt(squares / n); math.Abs(dev-0.5) > 0.005 {
		t.Errorf("deviation of the logarithm is %v, want 0.5", dev)
	}
}

func TestZipf(t *testing.T) {
	z, s := newZipf(200), newSource(1, 2, 4)
	counts := make([]int, 200)
	for range 200_000 {
		counts[z.draw(&s)]++
	}
	// H(200) = 5.878, so rank 0 has 34,025 and rank 99 has 340 on average.
	if counts[0] < 33_300 || counts[0] > 34_700 || counts[99] < 260 || counts[99] > 420 {
		t.Errorf("rank 0 drawn %d times, rank 99 %d times", counts[0], counts[99])
	}
}

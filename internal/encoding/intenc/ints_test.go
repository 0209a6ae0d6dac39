package intenc

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pandodb/pando/internal/base"
)

// intShapes are inputs by the codec family that should win.
func intShapes(n int) map[string][]int64 {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	gen := func(f func(i int) int64) []int64 {
		vals := make([]int64, n)
		for i := range vals {
			vals[i] = f(i)
		}
		return vals
	}
	now, skewed := int64(1_700_000_000_000_000_000), int64(0)
	return map[string][]int64{
		"const":      gen(func(int) int64 { return -7 }),
		"linear":     gen(func(i int) int64 { return 1_700_000_000_000 + 15_000*int64(i) }),
		"raw":        gen(func(int) int64 { return int64(rng.Uint64()) }),
		"flat":       gen(func(int) int64 { return 1000 + rng.Int64N(1<<13) }),
		"delta":      gen(func(int) int64 { now += rng.Int64N(1 << 20); return now }),
		"micros":     gen(func(int) int64 { now += 1000 * rng.Int64N(1<<20); return now / 1000 * 1000 }),
		"heavy tail": gen(func(int) int64 { return int64(math.Exp(rng.ExpFloat64()*2 + 10)) }),
		"jitter": gen(func(int) int64 {
			skewed += 15_000 + rng.Int64N(5) - 2
			return skewed
		}),
		"status": gen(func(int) int64 {
			if rng.IntN(50) == 0 {
				return 500
			}
			return 200
		}),
		"extremes": gen(func(int) int64 {
			return []int64{math.MinInt64, math.MaxInt64, 0, -1, 1}[rng.IntN(5)]
		}),
	}
}

func checkInts(t *testing.T, vals []int64) []byte {
	t.Helper()
	prefix := []byte{0xAA}
	enc := AppendInts(slices.Clone(prefix), vals)
	if enc[0] != 0xAA {
		t.Fatal("AppendInts overwrote dst")
	}
	enc = enc[1:]
	got, err := DecodeInts([]int64{42}, enc, len(vals))
	if err != nil {
		t.Fatalf("DecodeInts of %d values: %v", len(vals), err)
	}
	if got[0] != 42 || !slices.Equal(got[1:], vals) {
		t.Fatalf("codec %v of %d values: round trip differs", enc[:min(1, len(enc))], len(vals))
	}
	if len(enc) > 1+8*len(vals) {
		t.Fatalf("%d bytes for %d values: larger than raw", len(enc), len(vals))
	}
	if _, err := DecodeInts(nil, append(slices.Clone(enc), 0), len(vals)); !base.IsCorruption(err) {
		t.Fatalf("trailing byte: %v", err)
	}
	return enc
}

func TestIntsRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 7, 8, 9, 127, 128, 129, 130, 131, 1000, 4096} {
		for name, vals := range intShapes(n) {
			t.Run(fmt.Sprintf("%s/%d", name, n), func(t *testing.T) { checkInts(t, vals) })
		}
	}
}

func TestIntsRoundTripEveryWidth(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for width := range uint(65) {
		for _, n := range []int{1, 5, 64, 300} {
			vals := make([]int64, n)
			for i := range vals {
				vals[i] = int64(rng.Uint64() & mask(width))
			}
			checkInts(t, vals)
			plan := intPlan{codec: intsFlat, frame: frame{0, int64(mask(width))}}
			if width == 64 {
				plan.frame = frame{math.MinInt64, math.MaxInt64}
			}
			got, err := DecodeInts(nil, appendPlanned(nil, vals, plan), n)
			if err != nil || !slices.Equal(got, vals) {
				t.Fatalf("flat of width %d, %d values: %v", width, n, err)
			}
		}
	}
}

func TestPlanSizeIsExact(t *testing.T) {
	for _, n := range []int{1, 2, 3, 31, 32, 33, 128, 129, 130, 1000} {
		for name, vals := range intShapes(n) {
			stats := statsOf(vals)
			plan := planInts(vals, &stats)
			if got := len(appendPlanned(nil, vals, plan)); got != plan.size {
				t.Errorf("%s/%d: codec %d order %d planned %d bytes, wrote %d",
					name, n, plan.codec, plan.order, plan.size, got)
			}
		}
	}
}

func TestIntsChooseExpectedCodec(t *testing.T) {
	shapes := intShapes(4096)
	f := func(name string, codec byte, maxBitsPerValue float64) {
		t.Helper()
		enc := checkInts(t, shapes[name])
		bitsPer := float64(8*len(enc)) / 4096
		if enc[0] != codec || bitsPer > maxBitsPerValue {
			t.Errorf("%s: codec %d at %.2f bits per value, want codec %d at most %.2f",
				name, enc[0], bitsPer, codec, maxBitsPerValue)
		}
	}
	f("const", intsConst, 0.01)
	f("linear", intsLinear, 0.03)
	f("raw", intsRaw, 64.01)
	f("flat", intsFlat, 13.05)
	f("delta", intsFlat+1, 20.1)
	f("micros", intsScaled, 20.2)
	f("heavy tail", intsBlocks, 23)
	f("jitter", intsFlat+1, 3.1)
	f("status", intsScaled, 0.6)
}

func TestDecodeIntsRefusesDamage(t *testing.T) {
	f := func(name string, src []byte, n int) {
		t.Helper()
		if _, err := DecodeInts(nil, src, n); !base.IsCorruption(err) {
			t.Errorf("%s: err = %v, want corruption", name, err)
		}
	}
	f("empty", nil, 3)
	f("bytes for no values", []byte{intsConst, 2}, 0)
	f("negative count", []byte{intsConst, 2}, -1)
	f("codec zero", []byte{0}, 1)
	f("unknown codec", []byte{11, 1, 1}, 1)
	f("nested scaling", []byte{intsScaled, 0, 2, intsScaled, 0, 2, intsConst, 0}, 4)
	f("width 65", append([]byte{intsFlat, 0, 65}, make([]byte, 65)...), 8)
	f("short flat", []byte{intsFlat, 0, 8, 1, 2}, 3)
	f("huge count", []byte{intsBlocks, 0, 0, 0}, math.MaxInt)
	f("huge flat count", []byte{intsFlat, 0, 1, 0}, math.MaxInt)
	f("exceptions missing", []byte{intsBlocks, 0, patchedFlag, 0}, 100)
	f("exception out of range", []byte{intsBlocks, 0, patchedFlag, 0, 1, 8, 100, 1}, 100)
}

// The limit leaves room for scratch memory that the collector, or the race
// detector on purpose, took out of a pool; see the benchmarks for zero.
func TestIntsDoNotAllocatePerValue(t *testing.T) {
	for name, vals := range intShapes(2000) {
		enc := AppendInts(nil, vals)
		out := make([]int64, 0, len(vals))
		if allocs := testing.AllocsPerRun(20, func() {
			enc = AppendInts(enc[:0], vals)
			out, _ = DecodeInts(out[:0], enc, len(vals))
		}); allocs > 10 {
			t.Errorf("%s: %.1f allocations", name, allocs)
		}
	}
}

func FuzzInts(f *testing.F) {
	for _, vals := range intShapes(140) {
		var raw []byte
		for _, v := range vals {
			raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var vals []int64
		for ; len(raw) >= 8; raw = raw[8:] {
			vals = append(vals, int64(binary.LittleEndian.Uint64(raw)))
		}
		checkInts(t, vals)
	})
}

func FuzzDecodeInts(f *testing.F) {
	for _, vals := range intShapes(140) {
		f.Add(AppendInts(nil, vals), uint16(140))
	}
	f.Fuzz(func(t *testing.T, src []byte, n uint16) {
		got, err := DecodeInts(nil, src, int(n))
		if err == nil && len(got) != int(n) {
			t.Fatalf("%d values, want %d", len(got), n)
		}
		if err != nil && !base.IsCorruption(err) {
			t.Fatalf("unclassified: %v", err)
		}
	})
}

func BenchmarkAppendInts(b *testing.B) {
	for name, vals := range intShapes(4096) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(8 * len(vals)))
			var dst []byte
			for b.Loop() {
				dst = AppendInts(dst[:0], vals)
			}
			b.ReportMetric(float64(8*len(dst))/float64(len(vals)), "bits/value")
		})
	}
}

func BenchmarkDecodeInts(b *testing.B) {
	for name, vals := range intShapes(4096) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(8 * len(vals)))
			src := AppendInts(nil, vals)
			var dst []int64
			for b.Loop() {
				dst, _ = DecodeInts(dst[:0], src, len(vals))
			}
		})
	}
}

func BenchmarkDecodeFlat(b *testing.B) {
	rng := rand.New(rand.NewPCG(6, 6))
	for _, width := range []uint{1, 7, 8, 13, 20, 33, 57, 60} {
		for _, n := range []int{64, 4096} {
			vals := make([]int64, n)
			for i := range vals {
				vals[i] = int64(rng.Uint64() & mask(width))
			}
			plan := intPlan{codec: intsFlat, frame: frame{0, int64(mask(width))}}
			src := appendPlanned(nil, vals, plan)
			b.Run(fmt.Sprintf("width=%d/n=%d", width, n), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(8 * n))
				var dst []int64
				for b.Loop() {
					dst, _ = DecodeInts(dst[:0], src, n)
				}
				b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mvalues/s")
			})
		}
	}
}

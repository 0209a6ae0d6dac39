package floatenc

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pandodb/pando/internal/base"
)

// staleNaN is the payload Prometheus marks stale series with.
const staleNaN = 0x7ff0000000000002

// floatShapes are pages by what they look like.
func floatShapes(n int) map[string][]float64 {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	gen := func(f func(i int) float64) []float64 {
		vals := make([]float64, n)
		for i := range vals {
			vals[i] = f(i)
		}
		return vals
	}
	counter, walk, slow := 0.0, 1.0, 100.0
	return map[string][]float64{
		"const":    gen(func(int) float64 { return 0.1 }),
		"counter":  gen(func(int) float64 { counter += float64(rng.IntN(100)); return counter }),
		"cents":    gen(func(int) float64 { return float64(rng.IntN(1_000_000)) / 100 }),
		"bytes":    gen(func(int) float64 { return 4096 * float64(rng.IntN(1_000_000)) }),
		"walk":     gen(func(int) float64 { walk += rng.NormFloat64() / 1000; return walk }),
		"random":   gen(func(int) float64 { return math.Float64frombits(rng.Uint64()) }),
		"uniform":  gen(func(int) float64 { return rng.Float64() }),
		"constNaN": gen(func(int) float64 { return math.Float64frombits(staleNaN) }),
		"stale": gen(func(i int) float64 {
			if i%20 == 0 {
				return math.Float64frombits(staleNaN)
			}
			return float64(rng.IntN(1000)) / 10
		}),
		"steps": gen(func(int) float64 {
			if rng.IntN(30) == 0 {
				slow = rng.Float64()
			}
			return slow
		}),
		"odd": gen(func(int) float64 {
			return []float64{
				0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), 5e-324, -5e-324,
				math.MaxFloat64, math.SmallestNonzeroFloat64, 1 << 53, 1<<53 + 2, 0.1,
			}[rng.IntN(12)]
		}),
	}
}

func sameBits(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }

func checkFloats(t *testing.T, vals []float64) []byte {
	t.Helper()
	enc := AppendFloats([]byte{0xAA}, vals)
	if enc[0] != 0xAA {
		t.Fatal("AppendFloats overwrote dst")
	}
	enc = enc[1:]
	got, err := DecodeFloats([]float64{42}, enc, len(vals))
	if err != nil {
		t.Fatalf("%d values: %v", len(vals), err)
	}
	if got[0] != 42 || !slices.EqualFunc(got[1:], vals, sameBits) {
		t.Fatalf("codec %v of %d values: round trip differs", enc[:min(1, len(enc))], len(vals))
	}
	if len(enc) > 1+8*len(vals) {
		t.Fatalf("%d bytes for %d values: larger than raw", len(enc), len(vals))
	}
	if _, err := DecodeFloats(nil, append(slices.Clone(enc), 0), len(vals)); !base.IsCorruption(err) {
		t.Fatalf("codec %v: trailing byte: %v", enc[:min(1, len(enc))], err)
	}
	return enc
}

func TestFloatsRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 9, 64, 100, 1000, 4096} {
		for name, vals := range floatShapes(n) {
			t.Run(fmt.Sprintf("%s/%d", name, n), func(t *testing.T) { checkFloats(t, vals) })
		}
	}
}

func TestEveryCodecRoundTripsEveryShape(t *testing.T) {
	for _, n := range []int{1, 2, 65, 1000} {
		for name, vals := range floatShapes(n) {
			xor := appendXor([]byte{codecXor}, vals)
			if got := 1 + xorSize(vals, math.MaxInt/8); got != len(xor) {
				t.Errorf("%s/%d: xor planned %d bytes, wrote %d", name, n, got, len(xor))
			}
			for exponent := 0; exponent <= maxExponent; exponent += 5 {
				decimal := appendDecimal([]byte{codecDecimal}, vals, exponent, new(scratch))
				for _, enc := range [][]byte{xor, decimal} {
					got, err := DecodeFloats(nil, enc, n)
					if err != nil || !slices.EqualFunc(got, vals, sameBits) {
						t.Fatalf("%s/%d: codec %d: %v or round trip differs", name, n, enc[0], err)
					}
				}
			}
		}
	}
}

func TestFloatsChooseExpectedCodec(t *testing.T) {
	shapes := floatShapes(4096)
	f := func(name string, codec byte, maxBitsPerValue float64) {
		t.Helper()
		enc := checkFloats(t, shapes[name])
		bitsPer := float64(8*len(enc)) / 4096
		if enc[0] != codec || bitsPer > maxBitsPerValue {
			t.Errorf("%s: codec %d at %.2f bits per value, want codec %d at most %.2f",
				name, enc[0], bitsPer, codec, maxBitsPerValue)
		}
	}
	f("const", codecConst, 0.02)
	f("constNaN", codecConst, 0.02)
	f("counter", codecDecimal, 7.1)
	f("cents", codecDecimal, 20.1)
	f("bytes", codecDecimal, 20.1)
	f("stale", codecDecimal, 14)
	f("walk", codecXor, 56)
	f("random", codecRaw, 64.01)
	f("steps", codecXor, 4)
}

func TestDecodeFloatsRefusesDamage(t *testing.T) {
	f := func(name string, src []byte, n int) {
		t.Helper()
		if _, err := DecodeFloats(nil, src, n); !base.IsCorruption(err) {
			t.Errorf("%s: err = %v, want corruption", name, err)
		}
	}
	f("empty", nil, 1)
	f("codec zero", []byte{0, 1}, 1)
	f("short constant", []byte{codecConst, 1}, 1)
	f("huge count", []byte{codecXor, 0, 0, 0, 0, 0, 0, 0, 0, 0}, math.MaxInt)
	f("count beyond bits", []byte{codecXor, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 10)
	f("window beyond 64 bits", []byte{codecXor, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0}, 2)
	f("bits missing", []byte{codecXor, 0, 0, 0, 0, 0, 0, 0, 0, 0x83, 0x1F}, 2)
	f("exponent", []byte{codecDecimal, 16, 2, 1, 0, 1, 1}, 1)
	f("exceptions missing", []byte{codecDecimal, 0, 2, 1, 0, 1, 2}, 1)
}

// The limit leaves room for scratch memory that the collector, or the race
// detector on purpose, took out of a pool; see the benchmarks for zero.
func TestFloatsDoNotAllocatePerValue(t *testing.T) {
	for name, vals := range floatShapes(2000) {
		enc := AppendFloats(nil, vals)
		out := make([]float64, 0, len(vals))
		if allocs := testing.AllocsPerRun(20, func() {
			enc = AppendFloats(enc[:0], vals)
			out, _ = DecodeFloats(out[:0], enc, len(vals))
		}); allocs > 10 {
			t.Errorf("%s: %.1f allocations", name, allocs)
		}
	}
}

func FuzzFloats(f *testing.F) {
	for _, vals := range floatShapes(70) {
		var raw []byte
		for _, v := range vals {
			raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(v))
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var vals []float64
		for ; len(raw) >= 8; raw = raw[8:] {
			vals = append(vals, math.Float64frombits(binary.LittleEndian.Uint64(raw)))
		}
		checkFloats(t, vals)
	})
}

func FuzzDecodeFloats(f *testing.F) {
	for _, vals := range floatShapes(70) {
		f.Add(AppendFloats(nil, vals), uint16(70))
		f.Add(appendXor([]byte{codecXor}, vals), uint16(70))
	}
	f.Fuzz(func(t *testing.T, src []byte, n uint16) {
		got, err := DecodeFloats(nil, src, int(n))
		if err != nil {
			if !base.IsCorruption(err) {
				t.Fatalf("unclassified: %v", err)
			}
			return
		}
		if len(got) != int(n) {
			t.Fatalf("%d values, want %d", len(got), n)
		}
		checkFloats(t, got)
	})
}

func BenchmarkFloats(b *testing.B) {
	shapes := floatShapes(4096)
	for _, name := range []string{"const", "counter", "cents", "stale", "walk", "steps", "random"} {
		vals := shapes[name]
		enc := AppendFloats(nil, vals)
		b.Run("append/"+name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(8 * len(vals)))
			for b.Loop() {
				enc = AppendFloats(enc[:0], vals)
			}
			b.ReportMetric(float64(8*len(enc))/float64(len(vals)), "bits/value")
		})
		b.Run("decode/"+name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(8 * len(vals)))
			var dst []float64
			for b.Loop() {
				dst, _ = DecodeFloats(dst[:0], enc, len(vals))
			}
		})
	}
}

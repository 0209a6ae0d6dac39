package intenc

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pandodb/pando/internal/base"
)

// codeShapes are inputs by what they look like; all codes are below 1000.
func codeShapes(n int) map[string][]uint32 {
	rng := rand.New(rand.NewPCG(3, uint64(n)))
	constant, random, runs := make([]uint32, n), make([]uint32, n), make([]uint32, n)
	code := uint32(0)
	for i := range n {
		constant[i] = 999
		random[i] = rng.Uint32N(1000)
		if rng.IntN(40) == 0 {
			code = rng.Uint32N(1000)
		}
		runs[i] = code
	}
	return map[string][]uint32{"const": constant, "random": random, "runs": runs}
}

func checkCodes(t *testing.T, codes []uint32, limit uint32) []byte {
	t.Helper()
	n := len(codes)
	enc := AppendCodes(nil, codes)
	got, err := DecodeCodes([]uint32{7}, enc, n, limit)
	if err != nil || got[0] != 7 || !slices.Equal(got[1:], codes) {
		t.Fatalf("%d codes: %v or round trip differs", n, err)
	}
	parsed, err := ParseCodes(enc, n, limit)
	if err != nil || parsed.Len() != n {
		t.Fatalf("ParseCodes: %v", err)
	}
	for range 20 {
		lo := rand.IntN(n + 1)
		hi := lo + rand.IntN(n-lo+1)
		got, err := parsed.AppendRange([]uint32{7}, lo, hi)
		if err != nil || !slices.Equal(got[1:], codes[lo:hi]) {
			t.Fatalf("range %d..%d of %d: %v or differs", lo, hi, n, err)
		}
	}
	if n == 0 {
		return enc
	}
	if _, err := DecodeCodes(nil, enc, n, slices.Max(codes)); !base.IsCorruption(err) {
		t.Fatalf("code at the limit: %v", err)
	}
	return enc
}

func TestCodesRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 2, 8, 9, 64, 127, 128, 129, 1000, 4096} {
		for name, codes := range codeShapes(n) {
			t.Run(fmt.Sprintf("%s/%d", name, n), func(t *testing.T) { checkCodes(t, codes, 1000) })
		}
	}
}

func TestCodesChooseExpectedCodec(t *testing.T) {
	f := func(name string, want byte) {
		t.Helper()
		if enc := checkCodes(t, codeShapes(4096)[name], 1000); enc[0] != want {
			t.Errorf("%s: codec %d, want %d", name, enc[0], want)
		}
	}
	f("const", codesConst)
	f("random", codesPacked)
	f("runs", codesRuns)
}

func TestParseCodesRefusesDamage(t *testing.T) {
	f := func(name string, src []byte, n int) {
		t.Helper()
		if _, err := DecodeCodes(nil, src, n, 10); !base.IsCorruption(err) {
			t.Errorf("%s: err = %v, want corruption", name, err)
		}
	}
	f("empty", nil, 1)
	f("codec zero", []byte{0, 1}, 1)
	f("constant at limit", []byte{codesConst, 10}, 5)
	f("trailing", []byte{codesConst, 1, 0}, 5)
	f("short packed", []byte{codesPacked, 8, 1, 2}, 3)
	f("width 33", []byte{codesPacked, 33, 1, 2, 3, 4, 5}, 1)
	f("no runs", []byte{codesRuns, 0, 1, 1}, 3)
	f("runs end early", []byte{codesRuns, 2, 8, 8, 1, 2, 1, 2}, 3)
	f("runs descend", []byte{codesRuns, 3, 8, 8, 1, 2, 3, 2, 1, 3}, 3)
	f("run out of limit", []byte{codesRuns, 2, 8, 8, 1, 11, 1, 3}, 3)
}

func FuzzDecodeCodes(f *testing.F) {
	for _, codes := range codeShapes(140) {
		f.Add(AppendCodes(nil, codes), uint16(140), uint16(3), uint16(80))
	}
	f.Fuzz(func(t *testing.T, src []byte, n, lo, hi uint16) {
		all, err := DecodeCodes(nil, src, int(n), 1000)
		if err != nil {
			if !base.IsCorruption(err) {
				t.Fatalf("unclassified: %v", err)
			}
			return
		}
		if len(all) != int(n) || n > 0 && slices.Max(all) >= 1000 {
			t.Fatalf("%d codes, want %d below 1000", len(all), n)
		}
		checkCodes(t, all, 1000)
		if parsed, _ := ParseCodes(src, int(n), 1000); lo <= hi && hi <= n {
			part, err := parsed.AppendRange(nil, int(lo), int(hi))
			if err != nil || !slices.Equal(part, all[lo:hi]) {
				t.Fatalf("range differs: %v", err)
			}
		}
	})
}

func BenchmarkDecodeCodes(b *testing.B) {
	for name, codes := range codeShapes(4096) {
		src := AppendCodes(nil, codes)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(4 * len(codes)))
			var dst []uint32
			for b.Loop() {
				dst, _ = DecodeCodes(dst[:0], src, len(codes), 1000)
			}
		})
		b.Run(name+"/range of 64", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(4 * 64)
			var dst []uint32
			for b.Loop() {
				parsed, _ := ParseCodes(src, len(codes), 1000)
				dst, _ = parsed.AppendRange(dst[:0], 2001, 2065)
			}
		})
	}
}

func BenchmarkAppendCodes(b *testing.B) {
	for name, codes := range codeShapes(4096) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(4 * len(codes)))
			var dst []byte
			for b.Loop() {
				dst = AppendCodes(dst[:0], codes)
			}
		})
	}
}

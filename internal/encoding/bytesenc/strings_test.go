package bytesenc

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pandodb/pando/internal/base"
)

// pageOf builds a page of the values.
func pageOf(values ...string) Strings {
	s := Strings{Offsets: []uint32{0}}
	for _, v := range values {
		s.Append([]byte(v))
	}
	return s
}

// stringShapes are pages by what they look like.
func stringShapes(n int) map[string]Strings {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	gen := func(f func(i int) string) Strings {
		s := Strings{Offsets: []uint32{0}}
		for i := range n {
			s.Append([]byte(f(i)))
		}
		return s
	}
	random := func(size int) []byte {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	uuid := func() string {
		h := hex.EncodeToString(random(16))
		return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
	}
	words := strings.Fields("the quick brown fox jumps over the lazy dog while a connection to the cart " +
		"service was refused because of deadline exceeded in checkout payment shipping")
	text := func() string {
		line := make([]string, 3+rng.IntN(10))
		for i := range line {
			line[i] = words[rng.IntN(len(words))]
		}
		return strings.Join(line, " ")
	}
	return map[string]Strings{
		"const":    gen(func(int) string { return "GET" }),
		"empty":    gen(func(int) string { return "" }),
		"random":   gen(func(int) string { return string(random(rng.IntN(40))) }),
		"fixed":    gen(func(int) string { return string(random(16)) }),
		"trace id": gen(func(int) string { return hex.EncodeToString(random(16)) }),
		"hex":      gen(func(int) string { return hex.EncodeToString(random(rng.IntN(9))) }),
		"decimal":  gen(func(int) string { return fmt.Sprint(rng.Int64N(1_000_000) - 1000) }),
		"padded":   gen(func(int) string { return fmt.Sprintf("%06d", rng.IntN(100_000)) }),
		"huge num": gen(func(int) string { return fmt.Sprintf("%d%d", rng.Uint64(), rng.Uint64()) }),
		"url":      gen(func(int) string { return fmt.Sprintf("/api/orders/%d", rng.IntN(100_000)) }),
		"named":    gen(func(int) string { return "com.example." + text() + ".Handler" }),
		"uuid":     gen(func(int) string { return uuid() }),
		"route": gen(func(int) string {
			return fmt.Sprintf([]string{
				"/api/users/%d/orders/%d", "/api/cart/%d?session=%x", "/health/%d/%d",
			}[rng.IntN(3)], rng.IntN(5000), rng.IntN(90_000))
		}),
		"log line": gen(func(int) string {
			return fmt.Sprintf("2026-03-0%d 10:%02d:%02d,%03d order %d for user %s done in %dms", 1+rng.IntN(9),
				rng.IntN(60), rng.IntN(60), rng.IntN(1000), rng.IntN(1_000_000), uuid(), rng.IntN(500))
		}),
		"text":    gen(func(int) string { return text() }),
		"repeats": gen(func(int) string { return []string{"checkout", "cart", "payment", "shipping"}[rng.IntN(4)] }),
		"repeated urls": gen(func(int) string {
			return fmt.Sprintf("http://shop.example.com/item/%d/view", 100*rng.IntN(n/3+1))
		}),
		"marked": gen(func(int) string { return fmt.Sprintf("order\x11 %d", rng.IntN(1000)) }),
	}
}

func checkStrings(t *testing.T, p Strings) []byte {
	t.Helper()
	n := p.Len()
	enc := AppendStrings([]byte{0xAA}, p.Offsets, p.Data)
	if enc[0] != 0xAA {
		t.Fatal("AppendStrings overwrote dst")
	}
	enc = enc[1:]
	total := 0
	if n > 0 {
		total = len(p.body())
	}
	got, err := DecodeStrings(pageOf("first"), enc, n, total)
	if err != nil {
		t.Fatalf("%d values: %v", n, err)
	}
	if got.Len() != n+1 || string(got.Value(0)) != "first" {
		t.Fatalf("%d values appended to one, want %d", got.Len(), n)
	}
	for i := range n {
		if !bytes.Equal(got.Value(i+1), p.Value(i)) {
			t.Fatalf("codec %d: value %d is %q, want %q", enc[0], i, got.Value(i+1), p.Value(i))
		}
	}
	if total > 0 {
		if _, err := DecodeStrings(Strings{}, enc, n, total-1); !base.IsCorruption(err) {
			t.Fatalf("codec %d: over the limit: %v", enc[0], err)
		}
	}
	return enc
}

func TestStringsRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 2, 9, 16, 17, 100, 1000, 3000} {
		for name, page := range stringShapes(n) {
			t.Run(fmt.Sprintf("%s/%d", name, n), func(t *testing.T) { checkStrings(t, page) })
		}
	}
}

func TestStringsOfSubSlice(t *testing.T) {
	whole := pageOf("before", "a1", "b2", "after")
	enc := AppendStrings(nil, whole.Offsets[1:4], whole.Data)
	got, err := DecodeStrings(Strings{}, enc, 2, 100)
	if err != nil || got.Len() != 2 || string(got.Value(0)) != "a1" || string(got.Value(1)) != "b2" {
		t.Fatalf("%q, %v", got.Data, err)
	}
}

func TestStringsEdgeValues(t *testing.T) {
	checkStrings(t, pageOf("0", "-0"))
	checkStrings(t, pageOf("0", "-", "1"))
	checkStrings(t, pageOf("-5", "05"))
	checkStrings(t, pageOf("9223372036854775807", "9223372036854775808"))
	checkStrings(t, pageOf("999999999999999999", "-999999999999999999"))
	checkStrings(t, pageOf("aB", "ab"))
	checkStrings(t, pageOf("abab", "ab"))
	checkStrings(t, pageOf("aXa", "aa", "aYa"))
	checkStrings(t, pageOf("00ff", "00fe", "", "00"))
}

func TestStringsChooseExpectedCodec(t *testing.T) {
	shapes := stringShapes(3000)
	f := func(name string, codec byte, maxBytesPerValue float64) {
		t.Helper()
		enc := checkStrings(t, shapes[name])
		if got := float64(len(enc)) / 3000; enc[0] != codec || got > maxBytesPerValue {
			t.Errorf("%s: codec %d at %.2f bytes per value, want codec %d at most %.2f",
				name, enc[0], got, codec, maxBytesPerValue)
		}
	}
	f("const", codecConst, 0.01)
	f("empty", codecConst, 0.01)
	f("random", codecPlain, 21)
	f("fixed", codecPlain, 16.01)
	f("trace id", codecHex, 16.01)
	f("hex", codecHex, 4.6)
	f("decimal", codecDecimal, 2.51)
	f("padded", codecPadded, 2.13)
	f("url", codecTemplate, 2.14)
	f("named", codecAffix, 10.5)
	f("uuid", codecTemplate, 16.1)
	f("route", codecTemplate, 5.5)
	f("log line", codecTemplate, 27)
	f("text", codecZstd, 22)
	f("repeats", codecDict, 0.27)
	f("repeated urls", codecTemplate, 1.3)
}

func TestDecodeStringsRefusesDamage(t *testing.T) {
	f := func(name string, src []byte, n int) {
		t.Helper()
		if got, err := DecodeStrings(Strings{}, src, n, 1000); !base.IsCorruption(err) || got.Len() != 0 {
			t.Errorf("%s: %d values, err = %v, want corruption", name, got.Len(), err)
		}
	}
	f("empty", nil, 1)
	f("codec zero", []byte{0}, 1)
	f("negative count", []byte{codecConst, 'a'}, -1)
	f("huge count", []byte{codecConst}, 1<<30)
	f("constant over limit", []byte{codecConst, 'a'}, 1001)
	f("lengths short", []byte{codecPlain, 9, 1}, 1)
	f("body short", []byte{codecPlain, 2, 1, 4, 'a'}, 1)
	f("negative length", []byte{codecPlain, 2, 1, 3, 'a'}, 1)
	f("body long", []byte{codecPlain, 2, 1, 4, 'a', 'b', 'c'}, 1)
	f("not zstd", []byte{codecZstd, 2, 1, 4, 'a', 'b', 'c'}, 1)
	f("padded to no digits", []byte{codecPadded, 0, 1, 2}, 1)
	f("padded too long", []byte{codecPadded, 1, 1, 40}, 1)
	f("affix in affix", []byte{codecAffix, 1, 'a', 0, codecAffix, 0, 0, codecConst}, 1)
	f("empty dictionary", []byte{codecDict, 0, 0, 1, 0}, 1)
	f("code beyond dictionary", []byte{codecDict, 1, 2, codecConst, 'a', 1, 1}, 1)
	f("template without values", []byte{codecTemplate, 2, 2, codecConst, 'a', 2, 1, 0}, 2)
	f("hole without column", []byte{codecTemplate, 1, 2, codecConst, holeMark, 2, 1, 0}, 2)
}

// The limit leaves room for scratch memory that the collector, or the race
// detector on purpose, took out of a pool; see the benchmarks for zero.
func TestStringsDoNotAllocatePerValue(t *testing.T) {
	for name, page := range stringShapes(2000) {
		enc := AppendStrings(nil, page.Offsets, page.Data)
		var out Strings
		run := func() {
			enc = AppendStrings(enc[:0], page.Offsets, page.Data)
			out.Reset()
			out, _ = DecodeStrings(out, enc, 2000, 1<<20)
		}
		for range 5 { // Let pooled scratches meet their uses.
			run()
		}
		if allocs := testing.AllocsPerRun(5, run); allocs > 500 {
			t.Errorf("%s: %.1f allocations", name, allocs)
		}
	}
}

func TestZstdRoundTrip(t *testing.T) {
	src := bytes.Repeat([]byte("payload "), 1000)
	enc := AppendZstd([]byte("x"), src)[1:]
	got, err := DecodeZstd([]byte("y"), enc, len(src))
	if err != nil || !bytes.Equal(got[1:], src) {
		t.Fatalf("round trip: %v", err)
	}
	if _, err := DecodeZstd(nil, enc, len(src)-1); !base.IsCorruption(err) {
		t.Errorf("over the limit: %v", err)
	}
	if _, err := DecodeZstd(nil, append(bytes.Clone(enc), enc...), 2*len(src)); !base.IsCorruption(err) {
		t.Errorf("second frame: %v", err)
	}
	big := make([]byte, 3*zstdWindow)
	if got, err := DecodeZstd(nil, AppendZstd(nil, big), len(big)); err != nil || !bytes.Equal(got, big) {
		t.Errorf("beyond the window: %v", err)
	}
}

// fuzzSeparator cuts fuzz input into values.
var fuzzSeparator = []byte{'\n'}

func FuzzStrings(f *testing.F) {
	for _, page := range stringShapes(20) {
		var lines [][]byte
		for i := range page.Len() {
			lines = append(lines, page.Value(i))
		}
		f.Add(bytes.Join(lines, fuzzSeparator))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var page Strings
		for line := range bytes.SplitSeq(raw, fuzzSeparator) {
			page.Append(line)
		}
		checkStrings(t, page)
	})
}

func FuzzDecodeStrings(f *testing.F) {
	for _, page := range stringShapes(40) {
		f.Add(AppendStrings(nil, page.Offsets, page.Data), uint16(40))
	}
	f.Fuzz(func(t *testing.T, src []byte, n uint16) {
		got, err := DecodeStrings(Strings{}, src, int(n), 1<<16)
		if err != nil {
			if !base.IsCorruption(err) {
				t.Fatalf("unclassified: %v", err)
			}
			return
		}
		if got.Len() != int(n) || len(got.Data) > 1<<16 {
			t.Fatalf("%d values of %d bytes, want %d", got.Len(), len(got.Data), n)
		}
		checkStrings(t, got)
	})
}

func FuzzDecodeZstd(f *testing.F) {
	f.Add(AppendZstd(nil, bytes.Repeat([]byte("payload "), 20)))
	f.Fuzz(func(t *testing.T, src []byte) {
		got, err := DecodeZstd(nil, src, 1<<16)
		if err == nil && len(got) > 1<<16 || err != nil && !base.IsCorruption(err) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	})
}

func BenchmarkStrings(b *testing.B) {
	for _, name := range []string{"trace id", "decimal", "url", "uuid", "route", "log line", "text", "repeats"} {
		page := stringShapes(2000)[name]
		enc := AppendStrings(nil, page.Offsets, page.Data)
		b.Run("append/"+name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(page.Data)))
			for b.Loop() {
				enc = AppendStrings(enc[:0], page.Offsets, page.Data)
			}
			b.ReportMetric(float64(len(enc))/2000, "B/value")
		})
		b.Run("decode/"+name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(page.Data)))
			var out Strings
			for b.Loop() {
				out.Reset()
				out, _ = DecodeStrings(out, enc, 2000, len(page.Data))
			}
		})
	}
}

package ordkey

import (
	"bytes"
	"cmp"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pandodb/pando/internal/base"
)

// interesting returns numbers around the edges and random ones of all sizes.
func interesting() []uint64 {
	rng := rand.New(rand.NewPCG(1, 1))
	vals := []uint64{0, 1, 127, 128, 255, 256, math.MaxInt64, 1 << 63, math.MaxUint64}
	for range 200 {
		vals = append(vals, rng.Uint64()>>rng.IntN(64))
	}
	for _, v := range []float64{0, 1, -1, math.Inf(1), math.Inf(-1), math.NaN(), 5e-324, -5e-324, 0.1} {
		vals = append(vals, math.Float64bits(v), math.Float64bits(-v))
	}
	return vals
}

// totalOrder compares as IEEE 754-2019 section 5.10 says, naively.
func totalOrder(a, b float64) int {
	rank := func(f float64) (int, float64, int64) {
		bits := int64(math.Float64bits(f))
		switch {
		case math.IsNaN(f) && bits < 0:
			return 0, 0, -(bits & math.MaxInt64)
		case math.IsNaN(f):
			return 3, 0, bits
		case bits < 0:
			return 1, f, 0
		}
		return 2, f, 0
	}
	ca, fa, pa := rank(a)
	cb, fb, pb := rank(b)
	return cmp.Or(cmp.Compare(ca, cb), cmp.Compare(fa, fb), cmp.Compare(pa, pb))
}

func TestNumbersKeepOrder(t *testing.T) {
	vals := interesting()
	for _, a := range vals {
		for _, b := range vals {
			f := func(kind string, ka, kb []byte, want int) {
				t.Helper()
				if got := bytes.Compare(ka, kb); got != want {
					t.Fatalf("%s: %#x against %#x: %d, want %d", kind, a, b, got, want)
				}
			}
			f("uint64", AppendUint64(nil, a), AppendUint64(nil, b), cmp.Compare(a, b))
			f("uint32", AppendUint32(nil, uint32(a)), AppendUint32(nil, uint32(b)), cmp.Compare(uint32(a), uint32(b)))
			f("int64", AppendInt64(nil, int64(a)), AppendInt64(nil, int64(b)), cmp.Compare(int64(a), int64(b)))
			f("int64 descending", AppendInt64Desc(nil, int64(a)), AppendInt64Desc(nil, int64(b)),
				cmp.Compare(int64(b), int64(a)))
			fa, fb := math.Float64frombits(a), math.Float64frombits(b)
			f("float64", AppendFloat64(nil, fa), AppendFloat64(nil, fb), totalOrder(fa, fb))
		}
	}
}

func TestNumbersRoundTrip(t *testing.T) {
	for _, v := range interesting() {
		key := AppendUint32(nil, uint32(v))
		key = AppendUint64(key, v)
		key = AppendInt64(key, int64(v))
		key = AppendInt64Desc(key, int64(v))
		key = AppendFloat64(key, math.Float64frombits(v))
		u32, rest, err32 := DecodeUint32(key)
		u64, rest, errU := DecodeUint64(rest)
		i64, rest, errI := DecodeInt64(rest)
		d64, rest, errD := DecodeInt64Desc(rest)
		f64, rest, errF := DecodeFloat64(rest)
		for _, err := range []error{err32, errU, errI, errD, errF} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if u32 != uint32(v) || u64 != v || i64 != int64(v) || d64 != int64(v) ||
			math.Float64bits(f64) != v || len(rest) != 0 {
			t.Fatalf("%#x came back as %#x %#x %d %d %v, rest %x", v, u32, u64, i64, d64, f64, rest)
		}
	}
}

func TestCompositeKeysKeepOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	random := func() []byte {
		content := make([]byte, rng.IntN(4))
		for i := range content {
			content[i] = []byte{0, 0, 1, 0xFE, 0xFF, 'a'}[rng.IntN(6)]
		}
		return content
	}
	for range 20_000 {
		a1, a2, b1, b2 := random(), random(), random(), random()
		want := cmp.Or(bytes.Compare(a1, b1), bytes.Compare(a2, b2))
		ka := AppendBytes(AppendBytes(nil, a1), a2)
		kb := AppendBytes(AppendBytes(nil, b1), string(b2))
		if got := bytes.Compare(ka, kb); got != want {
			t.Fatalf("(%x,%x) against (%x,%x): %d, want %d", a1, a2, b1, b2, got, want)
		}
	}
}

func TestPrefixEndBoundsKeysWithPrefix(t *testing.T) {
	f := func(prefix, want string) {
		t.Helper()
		if got := AppendPrefixEnd([]byte("x"), []byte(prefix)); string(got) != "x"+want {
			t.Errorf("end of %q is %q, want %q", prefix, got[1:], want)
		}
	}
	f("", "")
	f("a", "b")
	f("a\xff", "b")
	f("\xff\xff", "")
	f("a\x00\x01", "a\x00\x02")
}

func TestDecodersRefuseDamage(t *testing.T) {
	f := func(name string, err error) {
		t.Helper()
		if !base.IsCorruption(err) {
			t.Errorf("%s: err = %v, want corruption", name, err)
		}
	}
	_, _, err := DecodeUint32(make([]byte, 3))
	f("uint32", err)
	_, _, err = DecodeFloat64(make([]byte, 7))
	f("float64", err)
	for _, src := range []string{"", "abc", "a\x00", "a\x00\x02", "a\x00\xff"} {
		_, _, err = DecodeBytes(nil, []byte(src))
		f("bytes", err)
		_, err = SkipBytes([]byte(src))
		f("skip", err)
	}
}

func FuzzBytes(f *testing.F) {
	f.Add([]byte("plain"), []byte{0, 1})
	f.Add([]byte{}, []byte{0, 0xFF, 0})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		ka, kb := AppendBytes(nil, a), AppendBytes(nil, b)
		if bytes.Compare(ka, kb) != bytes.Compare(a, b) {
			t.Fatalf("order of %x and %x is lost", a, b)
		}
		content, rest, err := DecodeBytes([]byte("x"), append(ka, b...))
		if err != nil || !bytes.Equal(content[1:], a) || !bytes.Equal(rest, b) {
			t.Fatalf("%x came back as %x, rest %x: %v", a, content, rest, err)
		}
	})
}

func FuzzDecodeBytes(f *testing.F) {
	f.Add(AppendBytes(nil, "a\x00b"))
	f.Fuzz(func(t *testing.T, src []byte) {
		content, rest, err := DecodeBytes(nil, src)
		skipped, skipErr := SkipBytes(src)
		if (err == nil) != (skipErr == nil) || !bytes.Equal(rest, skipped) {
			t.Fatalf("decode and skip differ: %v, %v", err, skipErr)
		}
		if err == nil && !bytes.Equal(append(AppendBytes(nil, content), rest...), src) {
			t.Fatalf("%x is a second key of %x", src, content)
		}
	})
}

func BenchmarkAppendBytes(b *testing.B) {
	content := []byte("service.name=checkout,host.name=ip-10-0-3-17")
	b.ReportAllocs()
	b.SetBytes(int64(len(content)))
	var dst []byte
	for b.Loop() {
		dst = AppendBytes(dst[:0], content)
	}
}

func BenchmarkDecodeBytes(b *testing.B) {
	key := AppendBytes(nil, "service.name=checkout,host.name=ip-10-0-3-17")
	b.ReportAllocs()
	b.SetBytes(int64(len(key)))
	var dst []byte
	for b.Loop() {
		dst, _, _ = DecodeBytes(dst[:0], key)
	}
}

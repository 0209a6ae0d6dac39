package filter

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/FastFilter/xorfilter"
	"github.com/cespare/xxhash/v2"

	"github.com/pandodb/pando/internal/base"
)

func randomHashes(r *rand.Rand, n int) []uint64 {
	hashes := make([]uint64, n)
	for i := range hashes {
		hashes[i] = r.Uint64()
	}
	return hashes
}

var sizes = []int{0, 1, 2, 3, 8, 10, 15, 16, 17, 25, 26, 32, 33, 40, 64, 100, 1000, 11_000}

func TestBloomHasNoFalseNegatives(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range sizes {
		for _, bitsPerKey := range []int{0, 4, 10, 16} {
			hashes := randomHashes(r, n)
			bloom := AppendBloom([]byte("prefix"), hashes, bitsPerKey)[len("prefix"):]
			for _, h := range hashes {
				if !BloomContains(bloom, h) {
					t.Fatalf("%d keys, %d bits: %x is lost", n, bitsPerKey, h)
				}
			}
			if n == 0 && BloomContains(bloom, 1) {
				t.Fatal("the empty filter contains a key")
			}
		}
	}
}

// TestFalsePositiveRates holds the rates that the documentation promises.
func TestFalsePositiveRates(t *testing.T) {
	const probes = 200_000
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{8, 15, 100, 1000, 11_000} {
		hashes := randomHashes(r, n)
		bloom := AppendBloom(nil, hashes, 0)
		fuseBytes, err := AppendFuse(nil, hashes)
		if err != nil {
			t.Fatal(err)
		}
		fuse, err := OpenFuse(fuseBytes)
		if err != nil {
			t.Fatal(err)
		}
		inBloom, inFuse := 0, 0
		for range probes {
			h := r.Uint64()
			if BloomContains(bloom, h) {
				inBloom++
			}
			if fuse.Contains(h) {
				inFuse++
			}
		}
		t.Logf("%6d keys: bloom %5.2f bits/key, %.3f %% false; fuse %5.2f bits/key, %.4f %% false", n,
			8*float64(len(bloom))/float64(n), 100*float64(inBloom)/probes,
			8*float64(len(fuseBytes))/float64(n), 100*float64(inFuse)/probes)
		if limit := probes * 15 / 1000; inBloom > limit {
			t.Errorf("%d keys: %d of %d false positives in the bloom filter", n, inBloom, probes)
		}
		if inFuse > 20 {
			t.Errorf("%d keys: %d of %d false positives in the fuse filter", n, inFuse, probes)
		}
	}
}

func TestBytesThatAreNoBloomExcludeNothing(t *testing.T) {
	for _, b := range [][]byte{nil, {}, {0}, {3, 1, 2}, {kindBloom}, {kindBloom, 1, 2, 3}, {kindFingerprints, 1}} {
		if !BloomContains(b, 42) {
			t.Errorf("%v excludes a key", b)
		}
	}
}

func TestFuseHasNoFalseNegatives(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range sizes {
		for _, repeat := range []int{1, 2, 500} {
			if n*repeat > 1_000_000 {
				continue
			}
			hashes := randomHashes(r, n)
			var input []uint64
			for range repeat {
				input = append(input, hashes...)
			}
			before := fmt.Sprint(input)
			enc, err := AppendFuse([]byte("prefix"), input)
			if err != nil {
				t.Fatalf("%d keys, each %d times: %v", n, repeat, err)
			}
			if fmt.Sprint(input) != before {
				t.Fatal("the input changed")
			}
			f, err := OpenFuse(enc[len("prefix"):])
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range hashes {
				if !f.Contains(h) {
					t.Fatalf("%d keys, each %d times: %x is lost", n, repeat, h)
				}
			}
			if n == 0 && f.Contains(1) {
				t.Fatal("the empty filter contains a key")
			}
		}
	}
}

// TestFuseAgreesWithItsLibrary pins our reading of the filter to xorfilter's.
func TestFuseAgreesWithItsLibrary(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, n := range []int{33, 100, 5000} {
		hashes := randomHashes(r, n)
		enc, err := AppendFuse(nil, hashes)
		if err != nil {
			t.Fatal(err)
		}
		f, err := OpenFuse(enc)
		if err != nil {
			t.Fatal(err)
		}
		segments := binary.LittleEndian.Uint32(enc[13:])
		lib := xorfilter.BinaryFuse[uint16]{
			Seed: f.seed, SegmentLength: f.segment, SegmentLengthMask: f.segment - 1,
			SegmentCount: segments, SegmentCountLength: segments * f.segment,
		}
		for at := 0; at < len(f.prints); at += 2 {
			lib.Fingerprints = append(lib.Fingerprints, binary.LittleEndian.Uint16(f.prints[at:]))
		}
		for range 300_000 {
			if h := r.Uint64(); f.Contains(h) != lib.Contains(h) {
				t.Fatalf("%d keys: answers differ on %x", n, h)
			}
		}
	}
}

func TestDamagedFuseIsRefused(t *testing.T) {
	enc, err := AppendFuse(nil, randomHashes(rand.New(rand.NewPCG(9, 10)), 200))
	if err != nil {
		t.Fatal(err)
	}
	for cut := range enc {
		if _, err := OpenFuse(enc[:cut]); !base.IsCorruption(err) {
			t.Fatalf("cut at %d: error %v", cut, err)
		}
	}
	for bit := 8 * 9; bit < 8*fuseHeaderBytes; bit++ {
		bad := bytes.Clone(enc)
		bad[bit/8] ^= 1 << (bit % 8)
		if _, err := OpenFuse(bad); !base.IsCorruption(err) {
			t.Fatalf("bit %d of the header: error %v", bit, err)
		}
	}
}

func FuzzOpenFuse(f *testing.F) {
	r := rand.New(rand.NewPCG(11, 12))
	for _, n := range []int{0, 3, 33, 60} {
		enc, err := AppendFuse(nil, randomHashes(r, n))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(enc, uint64(n))
	}
	f.Fuzz(func(t *testing.T, src []byte, h uint64) {
		filter, err := OpenFuse(src)
		if err != nil {
			if !base.IsCorruption(err) {
				t.Fatalf("class of %v", err)
			}
			return
		}
		for i := range uint64(100) {
			filter.Contains(h + i<<56)
			filter.Contains(^h * i)
		}
	})
}

func FuzzBloomContains(f *testing.F) {
	r := rand.New(rand.NewPCG(13, 14))
	for _, n := range []int{0, 3, 60} {
		f.Add(AppendBloom(nil, randomHashes(r, n), 0), uint64(n))
	}
	f.Fuzz(func(_ *testing.T, src []byte, h uint64) { BloomContains(src, h) })
}

// TestGoldenFilters pins the bytes of small filters, and a digest of large ones.
func TestGoldenFilters(t *testing.T) {
	fuse := func(hashes []uint64) []byte {
		enc, err := AppendFuse(nil, hashes)
		if err != nil {
			t.Fatal(err)
		}
		return enc
	}
	few := []uint64{0x1122334455667788, 0x0102030405060708, 0x1122334455667788}
	many := randomHashes(rand.New(rand.NewPCG(17, 18)), 17)
	large := randomHashes(rand.New(rand.NewPCG(17, 18)), 1000)
	for name, c := range map[string]struct {
		got  []byte
		want string
	}{
		"fingerprints: kind, 0x0102, 0x1122":                {AppendBloom(nil, few, 10), "01 0201 2211"},
		"no keys":                                           {AppendBloom(nil, nil, 10), "01"},
		"bloom: kind, eight lanes":                          {AppendBloom(nil, many, 10), "02 0db08bd7 b6c10944 b5564325 5816d0be 91892ad7 28dc07e9 49a135ca 38fb985c"},
		"list: kind, 0x01020304, 0x11223344":                {fuse(few), "01 04030201 44332211"},
		"bloom of 1,000 keys: xxhash64":                     {digest(AppendBloom(nil, large, 10)), "1d812c754d70552f"},
		"fuse of 1,000 keys: kind, seed, segment, segments": {fuse(large)[:fuseHeaderBytes], "02 c15c0289ec2d0a91 80000000 09000000"},
		"fuse of 1,000 keys: xxhash64":                      {digest(fuse(large)), "01dcf6f3ed672dac"},
	} {
		want := strings.ReplaceAll(c.want, " ", "")
		if got := hex.EncodeToString(c.got); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func digest(b []byte) []byte { return binary.BigEndian.AppendUint64(nil, xxhash.Sum64(b)) }

package intenc

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pandodb/pando/internal/base"
)

// spanPage is a page of spans: IDs, parents and the traces as runs.
type spanPage struct {
	ids, parents []uint64
	runs         []uint32
}

// spansOf makes traces of up to maxRun spans. One in foreignEach parents is
// not in the page.
func spansOf(traces, maxRun, foreignEach int) spanPage {
	rng := rand.New(rand.NewPCG(5, uint64(maxRun)))
	page := spanPage{runs: []uint32{0}}
	for range traces {
		first := len(page.ids)
		length := 1 + rng.IntN(maxRun)
		foreign := rng.Uint64()
		for i := range length {
			parent := uint64(0)
			switch {
			case foreignEach > 0 && rng.IntN(foreignEach) == 0:
				parent = foreign
			case i > 0:
				parent = page.ids[first+rng.IntN(i)]
			}
			page.ids = append(page.ids, rng.Uint64())
			page.parents = append(page.parents, parent)
		}
		page.runs = append(page.runs, uint32(len(page.ids)))
	}
	return page
}

func checkIDRefs(t *testing.T, p spanPage) []byte {
	t.Helper()
	enc := AppendIDRefs(nil, p.parents, p.ids, p.runs)
	got, err := DecodeIDRefs([]uint64{7}, enc, p.ids, p.runs)
	if err != nil || got[0] != 7 || !slices.Equal(got[1:], p.parents) {
		t.Fatalf("%d rows: %v or round trip differs", len(p.ids), err)
	}
	if _, err := DecodeIDRefs[uint64](nil, append(slices.Clone(enc), 0), p.ids, p.runs); !base.IsCorruption(err) {
		t.Fatalf("trailing byte: %v", err)
	}
	return enc
}

func TestIDRefsRoundTrip(t *testing.T) {
	for _, maxRun := range []int{1, 2, 3, 11, 12, 13, 100, 3000} {
		for _, foreignEach := range []int{0, 1, 10} {
			checkIDRefs(t, spansOf(20, maxRun, foreignEach))
		}
	}
	checkIDRefs(t, spanPage{runs: []uint32{0}})
	checkIDRefs(t, spanPage{ids: []uint64{5, 5, 5}, parents: []uint64{5, 5, 9}, runs: []uint32{0, 0, 3, 3}})
	checkIDRefs(t, spanPage{ids: []uint64{5}, parents: []uint64{5}, runs: []uint32{0, 1}})
	checkIDRefs(t, spanPage{ids: []uint64{0, 1}, parents: []uint64{0, 0}, runs: []uint32{0, 2}})
}

func TestIDRefsCostLogOfRun(t *testing.T) {
	f := func(page spanPage, maxBits float64) {
		t.Helper()
		enc := checkIDRefs(t, page)
		if got := float64(8*len(enc)) / float64(len(page.ids)); enc[0] != idRefsSymbols || got > maxBits {
			t.Errorf("codec %d at %.2f bits per reference, want at most %.2f", enc[0], got, maxBits)
		}
	}
	f(spansOf(200, 14, 0), 4.1)
	f(spansOf(20, 126, 0), 7.1)
	f(spansOf(200, 14, 10), 11)
}

func TestIDRefsOfSignedColumns(t *testing.T) {
	ids, parents, runs := []int64{-3, 4, 5}, []int64{0, -3, -3}, []uint32{0, 3}
	enc := AppendIDRefs(nil, parents, ids, runs)
	got, err := DecodeIDRefs[int64](nil, enc, ids, runs)
	if err != nil || !slices.Equal(got, parents) {
		t.Fatalf("%v, %v", got, err)
	}
}

func TestDecodeIDRefsRefusesDamage(t *testing.T) {
	ids := []uint64{1, 2, 3}
	f := func(name string, src []byte, runs ...uint32) {
		t.Helper()
		if _, err := DecodeIDRefs[uint64](nil, src, ids, runs); !base.IsCorruption(err) {
			t.Errorf("%s: err = %v, want corruption", name, err)
		}
	}
	f("empty", nil, 0, 3)
	f("codec zero", []byte{0}, 0, 3)
	f("row beyond run", []byte{idRefsSymbols, 2, 0o57, 0}, 0, 3)
	f("exception missing", []byte{idRefsSymbols, 2, 1, 0}, 0, 3)
	f("short symbols", []byte{idRefsSymbols, 1, 0}, 0, 3)
	f("runs descend", []byte{idRefsSymbols, 2, 0, 0}, 0, 2, 1, 3)
	f("runs too short", []byte{idRefsSymbols, 2, 0, 0}, 0, 2)
	f("no runs", []byte{idRefsSymbols, 2, 0, 0})
}

// The limit leaves room for scratch memory that the collector, or the race
// detector on purpose, took out of a pool; see the benchmarks for zero.
func TestIDRefsDoNotAllocatePerValue(t *testing.T) {
	page := spansOf(100, 40, 5)
	enc := AppendIDRefs(nil, page.parents, page.ids, page.runs)
	out := make([]uint64, 0, len(page.ids))
	if allocs := testing.AllocsPerRun(20, func() {
		enc = AppendIDRefs(enc[:0], page.parents, page.ids, page.runs)
		out, _ = DecodeIDRefs(out[:0], enc, page.ids, page.runs)
	}); allocs > 10 {
		t.Errorf("%.1f allocations", allocs)
	}
}

func FuzzDecodeIDRefs(f *testing.F) {
	page := spansOf(6, 20, 8)
	f.Add(AppendIDRefs(nil, page.parents, page.ids, page.runs), uint8(3))
	f.Add(AppendIDRefs(nil, page.ids, page.ids, page.runs), uint8(3))
	f.Fuzz(func(t *testing.T, src []byte, split uint8) {
		n := uint32(len(page.ids))
		for _, runs := range [][]uint32{page.runs, {0, min(uint32(split), n), n}} {
			refs, err := DecodeIDRefs[uint64](nil, src, page.ids, runs)
			if err != nil {
				if !base.IsCorruption(err) {
					t.Fatalf("unclassified: %v", err)
				}
				continue
			}
			checkIDRefs(t, spanPage{ids: page.ids, parents: refs, runs: runs})
		}
	})
}

func BenchmarkIDRefs(b *testing.B) {
	page := spansOf(150, 40, 20)
	enc := AppendIDRefs(nil, page.parents, page.ids, page.runs)
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(8 * len(page.ids)))
		for b.Loop() {
			enc = AppendIDRefs(enc[:0], page.parents, page.ids, page.runs)
		}
		b.ReportMetric(float64(8*len(enc))/float64(len(page.ids)), "bits/value")
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(8 * len(page.ids)))
		var dst []uint64
		for b.Loop() {
			dst, _ = DecodeIDRefs(dst[:0], enc, page.ids, page.runs)
		}
	})
}

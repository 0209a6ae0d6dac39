package intenc

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pandodb/pando/internal/base"
)

// rowsOf returns each of n rows with the probability, in runs of the mean
// length.
func rowsOf(n int, probability, meanRun float64) []uint32 {
	rng := rand.New(rand.NewPCG(4, uint64(n)))
	var rows []uint32
	in := false
	for row := range n {
		if rng.Float64()*meanRun < 1 {
			in = rng.Float64() < probability
		}
		if in {
			rows = append(rows, uint32(row))
		}
	}
	return rows
}

func checkRows(t *testing.T, rows []uint32, n int) []byte {
	t.Helper()
	enc := AppendRows(nil, rows, n)
	got, err := DecodeRows([]uint32{7}, enc, n)
	if err != nil || got[0] != 7 || !slices.Equal(got[1:], rows) {
		t.Fatalf("codec %d: %d of %d rows: %v or round trip differs", enc[0], len(rows), n, err)
	}
	if len(enc) > 1+(n+7)/8 && len(rows) > 0 {
		t.Fatalf("%d bytes for %d rows: larger than a bitmap", len(enc), n)
	}
	if _, err := DecodeRows(nil, append(enc, 0), n); !base.IsCorruption(err) {
		t.Fatalf("trailing byte: %v", err)
	}
	return enc
}

func TestRowsRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 7, 8, 9, 63, 64, 65, 1000, 4096} {
		for _, probability := range []float64{0, 0.001, 0.02, 0.3, 0.9, 1} {
			for _, meanRun := range []float64{1, 30} {
				checkRows(t, rowsOf(n, probability, meanRun), n)
			}
		}
	}
	checkRows(t, []uint32{1<<31 - 2}, 1<<31)
}

func TestRowsChooseExpectedCodec(t *testing.T) {
	f := func(rows []uint32, want byte) {
		t.Helper()
		if enc := checkRows(t, rows, 4096); enc[0] != want {
			t.Errorf("%d rows: codec %d, want %d", len(rows), enc[0], want)
		}
	}
	f(nil, rowsNone)
	f(rowsOf(4096, 1, 1), rowsAll)
	f(rowsOf(4096, 0.5, 60), rowsRuns)
	f(rowsOf(4096, 0.4, 1), rowsBitmap)
	f(rowsOf(4096, 0.02, 1), rowsGaps)
}

func TestDecodeRowsRefusesDamage(t *testing.T) {
	f := func(name string, src []byte, n int) {
		t.Helper()
		if got, err := DecodeRows(nil, src, n); !base.IsCorruption(err) || len(got) != 0 {
			t.Errorf("%s: %v, %v, want corruption", name, got, err)
		}
	}
	f("empty", nil, 4)
	f("codec zero", []byte{0}, 4)
	f("run too long", []byte{rowsRuns, 1, 0, 4}, 4)
	f("gap too long", []byte{rowsRuns, 1, 4, 0}, 4)
	f("run wraps", []byte{rowsRuns, 1, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}, 4)
	f("bitmap has row n", []byte{rowsBitmap, 0x10}, 4)
	f("more gaps than rows", []byte{rowsGaps, 5, 0}, 4)
	f("last row is n", []byte{rowsGaps, 1, 8, 4}, 4)
}

func FuzzDecodeRows(f *testing.F) {
	for _, probability := range []float64{0.01, 0.1, 0.5} {
		f.Add(AppendRows(nil, rowsOf(200, probability, 1), 200), uint16(200))
		f.Add(AppendRows(nil, rowsOf(200, probability, 30), 200), uint16(200))
	}
	f.Fuzz(func(t *testing.T, src []byte, n uint16) {
		rows, err := DecodeRows(nil, src, int(n))
		if err != nil {
			if !base.IsCorruption(err) {
				t.Fatalf("unclassified: %v", err)
			}
			return
		}
		for i, row := range rows {
			if int(row) >= int(n) || i > 0 && rows[i-1] >= row {
				t.Fatalf("row %d at %d of %d", row, i, n)
			}
		}
		checkRows(t, rows, int(n))
	})
}

func BenchmarkDecodeRows(b *testing.B) {
	for name, rows := range map[string][]uint32{
		"runs": rowsOf(4096, 0.5, 60), "bitmap": rowsOf(4096, 0.4, 1), "gaps": rowsOf(4096, 0.02, 1),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(4 * len(rows)))
			src := AppendRows(nil, rows, 4096)
			var dst []uint32
			for b.Loop() {
				dst, _ = DecodeRows(dst[:0], src, 4096)
			}
		})
	}
}

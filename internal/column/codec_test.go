package column

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pandodb/pando/internal/base"
)

var rewrite = flag.Bool("rewrite", false, "rewrite golden files")

// randomBatch builds a valid batch of random shape.
func randomBatch(r *rand.Rand, rows int) *Batch {
	b := &Batch{Rows: rows}
	for i := range 1 + rows/3 {
		b.Keys.Append(fmt.Appendf(nil, "key-%d", i))
	}
	for range rows {
		b.KeyCodes = append(b.KeyCodes, uint32(r.IntN(b.Keys.Len())))
		b.Times = append(b.Times, r.Int64N(1<<r.IntN(62)))
		b.IDs = append(b.IDs, r.Uint64())
	}
	for c := range 8 {
		v := Vector{ID: ID{Family: uint8(c / 4), Type: Type(1 + r.IntN(6)), Name: fmt.Sprintf("c%02d", c)}}
		n := rows
		if r.IntN(2) == 0 {
			v.Rows = []uint32{}
			for row := range rows {
				if r.IntN(3) == 0 {
					v.Rows = append(v.Rows, uint32(row))
				}
			}
			if n = len(v.Rows); n == 0 {
				continue
			}
		}
		fillVector(r, &v, n)
		b.Cols = append(b.Cols, v)
	}
	return b
}

func fillVector(r *rand.Rand, v *Vector, n int) {
	if v.ID.Type.Coded() {
		for i := range 1 + r.IntN(400) {
			v.Dict.Append(bytes.Repeat([]byte{byte(i)}, r.IntN(5)))
		}
	}
	for range n {
		switch {
		case v.ID.Type.Coded():
			v.Codes = append(v.Codes, uint32(r.IntN(v.Dict.Len())))
		case v.ID.Type == Float64:
			v.Floats = append(v.Floats, math.Float64frombits(r.Uint64()&^(1<<62)))
		default:
			v.Ints = append(v.Ints, int64(r.Uint64()>>r.IntN(64)))
		}
	}
}

var equalBatches = cmp.Options{cmpopts.EquateEmpty(), cmp.Comparer(func(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b)
})}

func TestBatchRoundTrip(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		want := randomBatch(r, r.IntN(300))
		if err := want.Validate(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		got, err := DecodeBatch(AppendBatch(nil, want))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if d := cmp.Diff(want, got, equalBatches); d != "" {
			t.Fatalf("seed %d: %s", seed, d)
		}
	}
}

// TestBatchGolden pins the log's bytes: batches written by an old program must
// stay readable.
func TestBatchGolden(t *testing.T) {
	b := &Batch{Rows: 3, KeyCodes: []uint32{0, 1, 0}, Times: []int64{1000, 1300, 1000}, IDs: []uint64{1, 2, 3}}
	b.Keys.Append([]byte("k0"))
	b.Keys.Append([]byte("k1"))
	v := Vector{ID: ID{Family: 0, Type: String, Name: "name"}, Codes: []uint32{0, 1, 0}}
	v.Dict.Append([]byte("GET"))
	v.Dict.Append([]byte("PUT"))
	b.Cols = append(b.Cols, v,
		Vector{ID: ID{Family: 1, Type: Int64, Name: "code"}, Rows: []uint32{1}, Ints: []int64{500}},
		Vector{ID: ID{Family: 1, Type: Float64, Name: "load"}, Rows: []uint32{0, 2}, Floats: []float64{0.5, -1}})
	got := fmt.Appendf(nil, "%x\n", AppendBatch(nil, b))
	file := filepath.Join("testdata", "batch-v1.hex")
	if *rewrite {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("batch bytes changed:\n got %s want %s", got, want)
	}
}

func FuzzDecodeBatch(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(AppendBatch(nil, randomBatch(rand.New(rand.NewPCG(seed, 1)), 20)))
	}
	f.Add([]byte{batchVersion, 0xff, 0xff, 0xff, 0x07})
	f.Fuzz(func(t *testing.T, src []byte) {
		b, err := DecodeBatch(src)
		if err != nil {
			if !base.IsCorruption(err) {
				t.Fatalf("error without the corruption class: %v", err)
			}
			return
		}
		again, err := DecodeBatch(AppendBatch(nil, b))
		if err != nil {
			t.Fatalf("own encoding refused: %v", err)
		}
		if d := cmp.Diff(b, again, equalBatches); d != "" {
			t.Fatal(d)
		}
	})
}

func TestSelect(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 2))
		b := randomBatch(r, 1+r.IntN(100))
		var rows []uint32
		for i := range b.Rows {
			if r.IntN(2) == 0 {
				rows = append(rows, uint32(i))
			}
		}
		s := b.Select(rows)
		if err := s.Validate(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for i, row := range rows {
			if CompareRows(s, i, b, int(row)) != 0 {
				t.Fatalf("seed %d: row %d changed its identity", seed, row)
			}
			for c := range b.Cols {
				v := &b.Cols[c]
				p, ok := v.Find(row)
				w := s.Col(v.ID)
				if w == nil {
					if ok {
						t.Fatalf("seed %d: column %v lost", seed, v.ID)
					}
					continue
				}
				q, ok2 := w.Find(uint32(i))
				if ok != ok2 || ok && v.At(p).Compare(w.At(q)) != 0 {
					t.Fatalf("seed %d: column %v row %d differs", seed, v.ID, row)
				}
			}
		}
	}
}

func TestTermOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	vals := []Value{
		IntValue(math.MinInt64), IntValue(-1), IntValue(0), IntValue(math.MaxInt64), BoolValue(false), BoolValue(true),
		FloatValue(math.Inf(-1)), FloatValue(math.Copysign(0, -1)), FloatValue(0), FloatValue(math.NaN()), FloatValue(5e-324), StringValue(""), StringValue("a"), StringValue("ab"),
	}
	for range 200 {
		vals = append(vals, IntValue(int64(r.Uint64())), FloatValue(math.Float64frombits(r.Uint64())))
	}
	for _, a := range vals {
		ta := a.AppendTerm(nil)
		if back := TermValue(a.Type, ta); back.Compare(a) != 0 {
			t.Fatalf("%v came back as %v", a, back)
		}
		for _, b := range vals {
			if a.Type == b.Type && sign(bytes.Compare(ta, b.AppendTerm(nil))) != sign(a.Compare(b)) {
				t.Fatalf("terms of %v and %v order differently", a, b)
			}
		}
	}
}

func sign(n int) int { return max(-1, min(1, n)) }

func BenchmarkAppendBatch(b *testing.B) {
	in := randomBatch(rand.New(rand.NewPCG(1, 1)), 1000)
	buf := AppendBatch(nil, in)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendBatch(buf[:0], in)
	}
}

func BenchmarkDecodeBatch(b *testing.B) {
	buf := AppendBatch(nil, randomBatch(rand.New(rand.NewPCG(1, 1)), 1000))
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeBatch(buf); err != nil {
			b.Fatal(err)
		}
	}
}

package column

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestRowHasher: the hashes agree with HashRow, and both say of any two rows what
// EqualRows does, whichever rows are asked for.
func TestRowHasher(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 7))
		b := randomHashed(r, 1+r.IntN(120))
		var rows []uint32
		share := 1 + r.IntN(8)
		for row := range uint32(b.Rows) {
			if r.IntN(share) == 0 {
				rows = append(rows, row)
			}
		}
		h := NewRowHasher()
		prefix := h.Hash(nil, b, rows)
		got := h.Hash(prefix, b, rows)[len(prefix):]
		for i, row := range rows {
			if got[i].Hash != HashRow(b, int(row)) || got[i] != prefix[i] {
				t.Fatalf("seed %d: row %d: %+v, %+v, want %d", seed, row, got[i], prefix[i], HashRow(b, int(row)))
			}
			for j, other := range rows[:i] {
				equal := EqualRows(b, int(row), b, int(other))
				if equal != (got[i].Hash == got[j].Hash) || equal != (got[i].Check == got[j].Check) {
					t.Fatalf("seed %d: rows %d and %d: equal %v, %+v and %+v", seed, row, other, equal, got[i], got[j])
				}
			}
		}
		if other := NewRowHasher().Hash(nil, b, rows); len(rows) > 0 && other[0].Check == got[0].Check {
			t.Fatalf("seed %d: two hashers have one seed", seed)
		}
	}
}

// randomHashed returns rows of few values in columns of all shapes.
func randomHashed(r *rand.Rand, rows int) *Batch {
	b := &Batch{Rows: rows}
	for i, typ := range []Type{Int64, String, Float64, Bool, Doc} {
		v := Vector{ID: ID{Family: uint8(i), Type: typ, Name: fmt.Sprint("c", i)}}
		for range 1 + r.IntN(20)*r.IntN(20) {
			v.Dict.Append([]byte(fmt.Sprint(r.IntN(5))))
		}
		dense := r.IntN(3) == 0
		share := 1 + r.IntN(6)
		for row := range uint32(rows) {
			if !dense && r.IntN(share) > 0 {
				continue
			}
			if !dense {
				v.Rows = append(v.Rows, row)
			}
			switch {
			case typ.Coded():
				v.Codes = append(v.Codes, r.Uint32N(uint32(v.Dict.Len())))
			case typ == Float64:
				v.Floats = append(v.Floats, float64(r.IntN(3)))
			default:
				v.Ints = append(v.Ints, r.Int64N(3))
			}
		}
		if !typ.Coded() {
			v.Dict = Dict{}
		}
		if v.Len() > 0 {
			b.Cols = append(b.Cols, v)
		}
	}
	return b
}

// BenchmarkRowHasher hashes rows of five columns.
func BenchmarkRowHasher(b *testing.B) {
	batch := randomHashed(rand.New(rand.NewPCG(1, 1)), 10_000)
	rows := make([]uint32, batch.Rows)
	for i := range rows {
		rows[i] = uint32(i)
	}
	h := NewRowHasher()
	var dst []RowHash
	b.ReportAllocs()
	for b.Loop() {
		dst = h.Hash(dst[:0], batch, rows)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(rows)), "ns/row")
}

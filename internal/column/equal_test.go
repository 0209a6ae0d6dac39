package column

import (
	"math"
	"testing"
)

// TestHashRow: rows equal under EqualRows hash alike, however their columns are
// coded; rows that differ in one value, type or column do not.
func TestHashRow(t *testing.T) {
	a, s, f := ID{Type: Int64, Name: "a"}, ID{Family: 1, Type: String, Name: "s"}, ID{Family: 1, Type: Float64, Name: "x"}
	b := &Batch{Rows: 6, Cols: []Vector{
		{ID: a, Rows: []uint32{0, 1, 3, 4}, Ints: []int64{7, 7, 7, 8}},
		{ID: s, Codes: []uint32{0, 1, 0, 0, 0, 2}},
		{ID: f, Rows: []uint32{4, 5}, Floats: []float64{0, math.Copysign(0, -1)}},
	}}
	for _, v := range []string{"v", "v", ""} {
		b.Cols[1].Dict.Append([]byte(v))
	}
	for i := range b.Rows {
		for j := range b.Rows {
			equal, hashed := EqualRows(b, i, b, j), HashRow(b, i) == HashRow(b, j)
			if equal != hashed {
				t.Errorf("rows %d and %d: equal %t, hashes equal %t", i, j, equal, hashed)
			}
		}
	}
	if !EqualRows(b, 0, b, 1) || EqualRows(b, 0, b, 2) {
		t.Error("rows 0 and 1 are equal, row 2 lacks a value")
	}
}

// TestTimeRangeSaturates: the range of a batch never wraps around.
func TestTimeRangeSaturates(t *testing.T) {
	b := &Batch{Rows: 2, Times: []int64{math.MinInt64, math.MaxInt64}}
	if r := b.TimeRange(); r.Start != math.MinInt64 || r.End != math.MaxInt64 {
		t.Errorf("range %v", r)
	}
}

package column

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pandodb/pando/internal/base"
)

// TestDecodeBomb: constant columns take a few bytes each and eight per row when
// decoded. What would take gigabytes is refused.
func TestDecodeBomb(t *testing.T) {
	const rows, cols = 1 << 16, 1100
	b := &Batch{Rows: rows, KeyCodes: make([]uint32, rows), Times: make([]int64, rows), IDs: make([]uint64, rows)}
	b.Keys.Append([]byte("k"))
	zeros := make([]int64, rows)
	for i := range cols {
		b.Cols = append(b.Cols, Vector{ID: ID{Type: Int64, Name: fmt.Sprintf("%08d", i)}, Ints: zeros})
	}
	src := AppendBatch(nil, b)
	if _, err := DecodeBatch(src); !base.IsCorruption(err) {
		t.Errorf("%d bytes that stand for %d MiB: %v", len(src), rows*cols*8>>20, err)
	}
	claim := slices.Concat([]byte{batchVersion}, []byte{0x80, 0x80, 0x80, 0x04}) // 8 Mi rows
	if n := testing.AllocsPerRun(10, func() { _, _ = DecodeBatch(claim) }); n > 20 {
		t.Errorf("%.0f allocations for a claim", n)
	}
}

// TestDictBounds: the zero Dict and empty values are ordinary.
func TestDictBounds(t *testing.T) {
	var d Dict
	if d.Len() != 0 || d.SizeBytes() != 0 {
		t.Errorf("zero dictionary: %d values, %d bytes", d.Len(), d.SizeBytes())
	}
	for i, v := range []string{"", "a", "", "bc"} {
		if c := d.Append([]byte(v)); c != uint32(i) {
			t.Errorf("value %d got code %d", i, c)
		}
	}
	for i, want := range []string{"", "a", "", "bc"} {
		got := d.Value(uint32(i))
		if string(got) != want || cap(got) != len(got) {
			t.Errorf("value %d is %q with room for %d", i, got, cap(got))
		}
	}
	if d.Reset(); d.Len() != 0 || d.Append([]byte("x")) != 0 {
		t.Error("a reset dictionary is not empty")
	}
}

// TestVectorFind finds values of dense and sparse vectors, and none beyond them.
func TestVectorFind(t *testing.T) {
	dense := Vector{ID: ID{Type: Int64}, Ints: []int64{5, 6}}
	sparse := Vector{ID: ID{Type: Int64}, Rows: []uint32{1, 4}, Ints: []int64{5, 6}}
	f := func(v *Vector, row uint32, want int64) { // -1: absent
		t.Helper()
		p, ok := v.Find(row)
		if ok != (want >= 0) || ok && v.At(p).Int != want {
			t.Errorf("row %d: position %d, %t", row, p, ok)
		}
	}
	f(&dense, 0, 5)
	f(&dense, 1, 6)
	f(&dense, 2, -1)
	f(&sparse, 0, -1)
	f(&sparse, 1, 5)
	f(&sparse, 4, 6)
	f(&sparse, 5, -1)
	f(&Vector{ID: ID{Type: Int64}}, 0, -1)
}

// TestExtract: a piece holds what its rows use and nothing else, and says the
// same as Select.
func TestExtract(t *testing.T) {
	b := &Batch{Rows: 4, KeyCodes: []uint32{2, 0, 2, 1}, Times: []int64{1, 2, 3, 4}, IDs: []uint64{1, 2, 3, 4}}
	s := Vector{ID: ID{Type: String, Name: "s"}, Rows: []uint32{0, 2, 3}, Codes: []uint32{3, 1, 3}}
	for _, v := range []string{"a", "b", "c", "d"} {
		b.Keys.Append([]byte(v))
		s.Dict.Append([]byte(v + v))
	}
	for range 2 * sparseDict { // more than are worth a table for two rows
		s.Dict.Append([]byte("unused"))
	}
	b.Cols = []Vector{s, {ID: ID{Type: String, Name: "t"}, Rows: []uint32{1}, Codes: []uint32{0}, Dict: s.Dict}}
	before := AppendBatch(nil, b)
	for _, rows := range [][]uint32{{}, {0}, {1}, {0, 2}, {0, 1, 2, 3}, {3}} {
		got, want := b.Extract(rows), b.Select(rows)
		if err := got.Validate(); err != nil {
			t.Fatal(err)
		}
		keys := map[string]bool{}
		for i := range rows {
			keys[string(got.Key(i))] = true
			if CompareRows(got, i, want, i) != 0 || !EqualRows(got, i, want, i) {
				t.Errorf("rows %v: row %d differs", rows, i)
			}
		}
		if got.Keys.Len() != len(keys) {
			t.Errorf("rows %v: %d keys, %d are used", rows, got.Keys.Len(), len(keys))
		}
		for i := range got.Cols {
			if v := &got.Cols[i]; v.Dict.Len() > v.Len() {
				t.Errorf("rows %v: column %v has %d values for %d rows", rows, v.ID, v.Dict.Len(), v.Len())
			}
		}
	}
	if !slices.Equal(before, AppendBatch(nil, b)) {
		t.Error("the batch was changed")
	}
}

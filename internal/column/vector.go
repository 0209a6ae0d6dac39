package column

import (
	"sort"

	"github.com/pandodb/pando/internal/base"
)

// Dict is a list of byte strings: value i is Data[Offsets[i]:Offsets[i+1]].
// The zero Dict is empty. Values need not be distinct or sorted unless the
// producer says so.
type Dict struct {
	Offsets []uint32 // len Len()+1, ascending, first 0; or empty
	Data    []byte
}

// Len returns the number of values.
func (d *Dict) Len() int { return max(len(d.Offsets)-1, 0) }

// Value returns value i. It aliases Data.
func (d *Dict) Value(i uint32) []byte {
	return d.Data[d.Offsets[i]:d.Offsets[i+1]:d.Offsets[i+1]]
}

// Append adds v and returns its code. Data must stay below 4 GiB.
func (d *Dict) Append(v []byte) uint32 {
	if len(d.Offsets) == 0 {
		d.Offsets = append(d.Offsets, 0)
	}
	d.Data = append(d.Data, v...)
	d.Offsets = append(d.Offsets, uint32(len(d.Data)))
	return uint32(len(d.Offsets) - 2)
}

// Reset empties the dictionary and keeps its memory.
func (d *Dict) Reset() { d.Offsets, d.Data = d.Offsets[:0], d.Data[:0] }

// SizeBytes returns the memory the dictionary holds.
func (d *Dict) SizeBytes() int { return 4*len(d.Offsets) + len(d.Data) }

// Vector is one column of a batch. Exactly one of Ints, Floats and Codes is
// used, as ID.Type says, with one entry per present value.
type Vector struct {
	ID ID
	// Rows lists the rows that have a value, strictly ascending; nil means that
	// every row of the batch has one. A column without any value is not in the
	// batch.
	Rows   []uint32
	Ints   []int64   // Int64, Bool
	Floats []float64 // Float64
	Codes  []uint32  // String, Bytes, Doc: index in Dict
	Dict   Dict
}

// Len returns the number of values.
func (v *Vector) Len() int {
	switch {
	case v.ID.Type.Coded():
		return len(v.Codes)
	case v.ID.Type == Float64:
		return len(v.Floats)
	default:
		return len(v.Ints)
	}
}

// Find returns the position of the row's value in the vector, or false when the
// row has none.
func (v *Vector) Find(row uint32) (pos int, ok bool) {
	if v.Rows == nil {
		return int(row), int(row) < v.Len()
	}
	i := sort.Search(len(v.Rows), func(i int) bool { return v.Rows[i] >= row })
	return i, i < len(v.Rows) && v.Rows[i] == row
}

// At returns the value at position pos (not row). Bytes alias the dictionary.
func (v *Vector) At(pos int) Value {
	switch t := v.ID.Type; {
	case t.Coded():
		return Value{Type: t, Bytes: v.Dict.Value(v.Codes[pos])}
	case t == Float64:
		return Value{Type: t, Float: v.Floats[pos]}
	default:
		return Value{Type: t, Int: v.Ints[pos]}
	}
}

// SizeBytes returns the memory the vector's slices hold.
func (v *Vector) SizeBytes() int {
	return 4*len(v.Rows) + 8*len(v.Ints) + 8*len(v.Floats) + 4*len(v.Codes) + v.Dict.SizeBytes()
}

// validate checks the vector against a batch of rows rows.
func (v *Vector) validate(rows int) error {
	n := v.Len()
	if v.Rows == nil && n != rows {
		return base.Errorf(base.ClassInvalid, "column %v: %d values for %d rows", v.ID, n, rows)
	}
	if v.Rows != nil && len(v.Rows) != n {
		return base.Errorf(base.ClassInvalid, "column %v: %d values for %d listed rows", v.ID, n, len(v.Rows))
	}
	prev := int64(-1)
	for _, r := range v.Rows {
		if int64(r) <= prev || int(r) >= rows {
			return base.Errorf(base.ClassInvalid, "column %v: row list not ascending below %d", v.ID, rows)
		}
		prev = int64(r)
	}
	return validateCodes(v.ID, v.Codes, &v.Dict)
}

func validateCodes(id ID, codes []uint32, d *Dict) error {
	n := uint32(d.Len())
	for _, c := range codes {
		if c >= n {
			return base.Errorf(base.ClassInvalid, "column %v: code %d of %d values", id, c, n)
		}
	}
	return nil
}

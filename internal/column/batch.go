package column

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"sort"

	"github.com/pandodb/pando/internal/base"
)

// Batch is a set of rows of one layout, column by column. See the package
// comment for the shape and for who owns it.
type Batch struct {
	Rows     int
	Keys     Dict     // distinct keys, any order unless the producer sorted them
	KeyCodes []uint32 // len Rows: index in Keys
	Times    []int64  // len Rows: Unix nanoseconds
	IDs      []uint64 // len Rows: span id, element id or version
	Cols     []Vector // ascending by ID, each at most once
}

// Key returns the key of a row. It aliases Keys.
func (b *Batch) Key(row int) []byte { return b.Keys.Value(b.KeyCodes[row]) }

// Col returns the column, or nil when no row of the batch has it.
func (b *Batch) Col(id ID) *Vector {
	i := sort.Search(len(b.Cols), func(i int) bool { return b.Cols[i].ID.Compare(id) >= 0 })
	if i < len(b.Cols) && b.Cols[i].ID == id {
		return &b.Cols[i]
	}
	return nil
}

// SizeBytes returns the memory the batch's slices hold.
func (b *Batch) SizeBytes() int {
	n := b.Keys.SizeBytes() + 20*b.Rows
	for i := range b.Cols {
		n += b.Cols[i].SizeBytes() + 160
	}
	return n
}

// TimeRange returns the half-open range of the rows' times; empty without rows.
// The last nanosecond that can be told lies in no such range.
func (b *Batch) TimeRange() base.TimeRange {
	if b.Rows == 0 {
		return base.TimeRange{}
	}
	newest := min(slices.Max(b.Times), math.MaxInt64-1)
	return base.TimeRange{Start: slices.Min(b.Times), End: newest + 1}
}

// CompareRows orders two rows by identity (key, time, id); they may belong to
// different batches.
func CompareRows(a *Batch, i int, b *Batch, j int) int {
	if a != b || a.KeyCodes[i] != b.KeyCodes[j] {
		if c := bytes.Compare(a.Key(i), b.Key(j)); c != 0 {
			return c
		}
	}
	if c := cmp.Compare(a.Times[i], b.Times[j]); c != 0 {
		return c
	}
	return cmp.Compare(a.IDs[i], b.IDs[j])
}

// Validate checks every shape the package comment promises. Decoders call it on
// input from outside; it costs about one pass over the batch.
func (b *Batch) Validate() error {
	if b.Rows < 0 || len(b.KeyCodes) != b.Rows || len(b.Times) != b.Rows || len(b.IDs) != b.Rows {
		return base.Errorf(base.ClassInvalid, "batch of %d rows has %d keys, %d times, %d ids",
			b.Rows, len(b.KeyCodes), len(b.Times), len(b.IDs))
	}
	if err := validateCodes(ID{Name: "key", Type: Bytes}, b.KeyCodes, &b.Keys); err != nil {
		return err
	}
	for i := range b.Cols {
		v := &b.Cols[i]
		if !v.ID.Type.Valid() {
			return base.Errorf(base.ClassInvalid, "column %v: invalid type", v.ID)
		}
		if i > 0 && b.Cols[i-1].ID.Compare(v.ID) >= 0 {
			return base.Errorf(base.ClassInvalid, "column %v is not after %v", v.ID, b.Cols[i-1].ID)
		}
		if err := v.validate(b.Rows); err != nil {
			return err
		}
	}
	return nil
}

// Select returns a batch of the listed rows, in that order. The rows must be
// ascending. Dictionaries are shared with b, not copied.
func (b *Batch) Select(rows []uint32) *Batch {
	out := &Batch{
		Rows:     len(rows),
		Keys:     b.Keys,
		KeyCodes: gather(b.KeyCodes, rows),
		Times:    gather(b.Times, rows),
		IDs:      gather(b.IDs, rows),
		Cols:     make([]Vector, 0, len(b.Cols)),
	}
	for i := range b.Cols {
		if v, ok := b.Cols[i].selectRows(rows); ok {
			out.Cols = append(out.Cols, v)
		}
	}
	return out
}

// Extract is Select with dictionaries of its own that hold what the rows use and
// nothing else: its size, in memory and encoded, is that of the rows.
func (b *Batch) Extract(rows []uint32) *Batch {
	out := b.Select(rows)
	var codes []uint32
	out.Keys, codes = extractDict(&b.Keys, out.KeyCodes, codes)
	for i := range out.Cols {
		if v := &out.Cols[i]; v.ID.Type.Coded() {
			v.Dict, codes = extractDict(&v.Dict, v.Codes, codes)
		}
	}
	return out
}

// extractDict returns a dictionary of the values that codes name, in order of
// their first use, and changes codes to name them there. scratch is memory to
// use, and to hand on.
func extractDict(d *Dict, codes, scratch []uint32) (out Dict, scratchOut []uint32) {
	n := d.Len()
	if n > sparseDict*len(codes) {
		return extractFew(d, codes), scratch
	}
	scratch = slices.Grow(scratch[:0], 2*n)[:2*n]
	codeOf, used := scratch[:n], scratch[n:n] // codeOf is the new code plus one
	clear(codeOf)
	size := 0
	for i, c := range codes {
		if codeOf[c] == 0 {
			used = append(used, c)
			codeOf[c] = uint32(len(used))
			size += int(d.Offsets[c+1] - d.Offsets[c])
		}
		codes[i] = codeOf[c] - 1
	}
	if len(used) == 0 {
		return Dict{}, scratch
	}
	out = Dict{Offsets: make([]uint32, 1, len(used)+1), Data: make([]byte, 0, size)}
	for _, c := range used {
		out.Append(d.Value(c))
	}
	return out, scratch
}

// sparseDict is how many values a dictionary has per code that is wanted of it
// for a map to cost less than a table of all codes.
const sparseDict = 64

// extractFew is extractDict at a cost that does not depend on the size of the
// dictionary.
func extractFew(d *Dict, codes []uint32) (out Dict) {
	codeOf := make(map[uint32]uint32, len(codes))
	for i, c := range codes {
		code, ok := codeOf[c]
		if !ok {
			code = out.Append(d.Value(c))
			codeOf[c] = code
		}
		codes[i] = code
	}
	return out
}

func gather[T any](vals []T, at []uint32) []T {
	if len(vals) == 0 {
		return nil
	}
	out := make([]T, len(at))
	for i, p := range at {
		out[i] = vals[p]
	}
	return out
}

// selectRows returns the vector's values of the listed ascending rows, and
// whether there are any.
func (v *Vector) selectRows(rows []uint32) (Vector, bool) {
	out := Vector{ID: v.ID, Dict: v.Dict}
	at := rows
	if v.Rows != nil {
		at = make([]uint32, 0, min(len(rows), len(v.Rows)))
		out.Rows = make([]uint32, 0, min(len(rows), len(v.Rows)))
		p := 0
		for i, r := range rows {
			for p < len(v.Rows) && v.Rows[p] < r {
				p++
			}
			if p < len(v.Rows) && v.Rows[p] == r {
				at = append(at, uint32(p))
				out.Rows = append(out.Rows, uint32(i))
			}
		}
		if len(at) == 0 {
			return out, false
		}
		if len(at) == len(rows) {
			out.Rows = nil
		}
	}
	out.Ints, out.Floats, out.Codes = gather(v.Ints, at), gather(v.Floats, at), gather(v.Codes, at)
	return out, len(at) > 0
}

// Pick returns the batch with only the listed columns, ascending; nil means all
// of them. Vectors are shared with b.
func (b *Batch) Pick(ids []ID) *Batch {
	if ids == nil {
		return b
	}
	out := *b
	out.Cols = nil
	for _, id := range ids {
		if v := b.Col(id); v != nil {
			out.Cols = append(out.Cols, *v)
		}
	}
	return &out
}

package column

import (
	"math"

	"github.com/cespare/xxhash/v2"
)

// EqualRows reports whether two rows hold the same values in every column.
// Identities are not compared. Floats compare by their bits.
func EqualRows(a *Batch, i int, b *Batch, j int) bool {
	x, y := 0, 0
	for {
		for x < len(a.Cols) && !has(&a.Cols[x], i) {
			x++
		}
		for y < len(b.Cols) && !has(&b.Cols[y], j) {
			y++
		}
		if x == len(a.Cols) || y == len(b.Cols) {
			return x == len(a.Cols) && y == len(b.Cols)
		}
		if !equalValues(&a.Cols[x], i, &b.Cols[y], j) {
			return false
		}
		x, y = x+1, y+1
	}
}

func has(v *Vector, row int) bool {
	_, ok := v.Find(uint32(row))
	return ok
}

func equalValues(v *Vector, i int, w *Vector, j int) bool {
	if v.ID != w.ID {
		return false
	}
	p, _ := v.Find(uint32(i))
	q, _ := w.Find(uint32(j))
	switch t := v.ID.Type; {
	case t.Coded():
		return string(v.Dict.Value(v.Codes[p])) == string(w.Dict.Value(w.Codes[q]))
	case t == Float64:
		return math.Float64bits(v.Floats[p]) == math.Float64bits(w.Floats[q])
	default:
		return v.Ints[p] == w.Ints[q]
	}
}

// HashRow returns a hash of the row's values in every column: rows that are equal
// under EqualRows have the same.
func HashRow(b *Batch, row int) uint64 {
	h := uint64(0)
	for i := range b.Cols {
		v := &b.Cols[i]
		p, ok := v.Find(uint32(row))
		if !ok {
			continue
		}
		h = mixHash(h, uint64(v.ID.Family)<<8|uint64(v.ID.Type))
		h = mixHash(h, xxhash.Sum64String(v.ID.Name))
		switch t := v.ID.Type; {
		case t.Coded():
			h = mixHash(h, xxhash.Sum64(v.Dict.Value(v.Codes[p])))
		case t == Float64:
			h = mixHash(h, math.Float64bits(v.Floats[p]))
		default:
			h = mixHash(h, uint64(v.Ints[p]))
		}
	}
	return h
}

// mixHash folds x into h with one round of the finaliser of SplitMix64.
func mixHash(h, x uint64) uint64 {
	h = (h ^ x) + 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

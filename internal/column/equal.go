package column

import "math"

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

package columnar

import (
	"bytes"
	"cmp"
	"math"

	"github.com/pandodb/pando/internal/column"
)

// compareContent orders two rows by the values of all their columns, wherever
// they are kept: it is zero exactly when column.EqualRows is true. The order
// means nothing to people; it only has to be the same at every read.
func compareContent(a *column.Batch, i int, b *column.Batch, j int) int {
	x, y := 0, 0
	for {
		p, ok := nextValue(a, i, &x)
		q, more := nextValue(b, j, &y)
		switch {
		case !ok && !more:
			return 0
		case !ok:
			return -1
		case !more:
			return 1
		}
		v, w := &a.Cols[x], &b.Cols[y]
		if c := v.ID.Compare(w.ID); c != 0 {
			return c
		}
		if c := compareValues(v, p, w, q); c != 0 {
			return c
		}
		x, y = x+1, y+1
	}
}

// nextValue moves col to the next column in which the row has a value and
// returns its position there.
func nextValue(b *column.Batch, row int, col *int) (pos int, ok bool) {
	for ; *col < len(b.Cols); *col++ {
		if pos, ok = b.Cols[*col].Find(uint32(row)); ok {
			return pos, true
		}
	}
	return 0, false
}

// compareValues orders values of one column by their bits.
func compareValues(v *column.Vector, p int, w *column.Vector, q int) int {
	switch t := v.ID.Type; {
	case t.Coded():
		return bytes.Compare(v.Dict.Value(v.Codes[p]), w.Dict.Value(w.Codes[q]))
	case t == column.Float64:
		return cmp.Compare(math.Float64bits(v.Floats[p]), math.Float64bits(w.Floats[q]))
	default:
		return cmp.Compare(v.Ints[p], w.Ints[q])
	}
}

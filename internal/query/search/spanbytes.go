package search

import "github.com/pandodb/pando/internal/column"

// maxSpanBytes is what a page of spans takes at most, but for a single larger
// span: in memory as rows, and written out one by one, when each span repeats
// what rows share. A slow reader of the answer holds that much.
const maxSpanBytes = 8 << 20

// valueBytes is what a value written out takes beside its bytes and its name.
const valueBytes = 8

// fittingSpans returns how many of the batch's first spans take no more than
// limit bytes when each is written out for itself: at least one.
func fittingSpans(b *column.Batch, limit int) int {
	sizes := make([]int, b.Rows)
	for i := range b.Cols {
		addSizes(sizes, &b.Cols[i])
	}
	sum := 0
	for i, n := range sizes {
		if sum += n; sum > limit {
			return max(i, 1)
		}
	}
	return b.Rows
}

// addSizes adds the sizes of the values of a column to those of their rows.
func addSizes(sizes []int, v *column.Vector) {
	coded := v.ID.Type.Coded()
	for p := range v.Len() {
		row, n := p, len(v.ID.Name)+valueBytes
		if v.Rows != nil {
			row = int(v.Rows[p])
		}
		if coded {
			n += len(v.Dict.Value(v.Codes[p]))
		}
		sizes[row] += n
	}
}

// firstSpans returns the batch's first n rows.
func firstSpans(b *column.Batch, n int) *column.Batch {
	if n == b.Rows {
		return b
	}
	rows := make([]uint32, n)
	for i := range rows {
		rows[i] = uint32(i)
	}
	return b.Extract(rows)
}

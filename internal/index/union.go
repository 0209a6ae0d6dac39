package index

import "slices"

// unionShare decides how a union is put together: with less than one row in
// unionShare the rows are sorted, else they are set in a bitmap. Sorting costs
// 30-60 ns a row, clearing and reading a bitmap some 20 ns per 64 rows of the
// part; equal near one in 128, to be had only within a factor of two.
const unionShare = 128

// Union makes dst the rows of all terms in ords, which must be ascending: for a
// range or a pattern. Dense terms have no lists; their ordinals are appended to
// dense, and the caller adds their rows by a scan. Errors are ClassCorruption.
func (p *Postings) Union(dst *Set, ords, dense []uint32) ([]uint32, error) {
	dst.Reset(int(p.rows))
	c := groupCursor{p: p}
	for _, ord := range ords {
		var err error
		if i, long := p.findLong(ord); !long {
			dst.list, err = c.appendRows(dst.list, ord)
		} else if _, _, offset := p.longEntry(i); offset == noList {
			dense = append(dense, ord)
		} else {
			dst.list, err = p.appendLongRows(dst.list, i)
		}
		if err != nil {
			dst.Reset(int(p.rows))
			return dense, err
		}
		// Rows gather in the list, unsorted; past the share they move to the
		// bitmap after every term, so that memory stays bounded.
		if dst.bitmap || len(dst.list) > dst.n/unionShare {
			dst.toBitmap()
			setBits(dst.words, dst.list)
			dst.list = dst.list[:0]
		}
	}
	if dst.bitmap {
		dst.settle()
		return dense, nil
	}
	// A row has one value of a column, so lists share no row. Damaged ones may.
	slices.Sort(dst.list)
	dst.list = slices.Compact(dst.list)
	dst.size = len(dst.list)
	return dense, nil
}

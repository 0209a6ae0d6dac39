package columnar

import (
	"cmp"
	"slices"

	"github.com/pandodb/pando/internal/column"
)

// RowMerge is the merge of what tablets that share no key found for a request.
type RowMerge struct {
	req    *TopRowsRequest
	found  []*FoundRows
	places []rowPlace // in order; pieces are tablets, rows their Marks
	more   bool
}

// MergeRows merges the marks of all tablets and cuts them to the limit.
func MergeRows(req *TopRowsRequest, found []*FoundRows) *RowMerge {
	m := &RowMerge{req: req, found: found}
	for i, f := range found {
		m.more = m.more || f.More
		for row := range f.Marks {
			m.places = append(m.places, rowPlace{int32(i), uint32(row)})
		}
	}
	slices.SortFunc(m.places, func(a, b rowPlace) int {
		return cmp.Or(CompareMarks(req.Order, m.mark(a), m.mark(b)), cmp.Compare(a.piece, b.piece))
	})
	if len(m.places) > req.Limit {
		m.places, m.more = m.places[:req.Limit], true
	}
	return m
}

func (m *RowMerge) mark(x rowPlace) *RowMark { return &m.found[x.piece].Marks[x.row] }

// Rows returns how many rows of a tablet the page takes: its first ones.
func (m *RowMerge) Rows(tablet int) (n int) {
	for _, x := range m.places {
		if int(x.piece) == tablet {
			n++
		}
	}
	return n
}

// MaxBytes returns how much memory the rows of one tablet may take.
func (m *RowMerge) MaxBytes() int {
	return max(m.req.maxBytes()/max(len(m.found), 1), min(m.req.maxBytes(), minPageBytes))
}

// minPageBytes is the least that a tablet gets of a page's memory.
const minPageBytes = 1 << 20

// Page joins the rows that were read, a batch per tablet. The page ends before
// the first row that a tablet did not read for want of memory.
func (m *RowMerge) Page(batches []*column.Batch) *RowPage {
	n := slices.IndexFunc(m.places, func(x rowPlace) bool { return int(x.row) >= batches[x.piece].Rows })
	if n < 0 {
		n = len(m.places)
	}
	p := &RowPage{Batch: gatherRows(batches, m.places[:n]), Marks: make([]RowMark, n), More: m.more || n < len(m.places)}
	for i, x := range m.places[:n] {
		p.Marks[i] = *m.mark(x)
	}
	return p
}

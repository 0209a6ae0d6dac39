package columnar

import (
	"slices"

	"github.com/pandodb/pando/internal/column"
)

// MergeRowPages joins the answers to one request of tablets that share no key.
// The rows after the end of a page that has more to come are left for the next
// page: another row of that tablet may belong before them.
func MergeRowPages(req *TopRowsRequest, pages []*RowPage) *RowPage {
	out := &RowPage{}
	var places []rowPlace
	var end *RowMark // of the shortest page that was cut off
	pieces := make([]*column.Batch, len(pages))
	for i, p := range pages {
		pieces[i] = p.Batch
		for row := range p.Marks {
			places = append(places, rowPlace{int32(i), uint32(row)})
		}
		if !p.More || len(p.Marks) == 0 {
			continue
		}
		out.More = true
		if last := &p.Marks[len(p.Marks)-1]; end == nil || CompareMarks(req.Order, last, end) < 0 {
			end = last
		}
	}
	mark := func(x rowPlace) *RowMark { return &pages[x.piece].Marks[x.row] }
	slices.SortFunc(places, func(a, b rowPlace) int { return CompareMarks(req.Order, mark(a), mark(b)) })
	n, bytes := 0, 0
	for n < min(len(places), req.Limit) && (end == nil || CompareMarks(req.Order, mark(places[n]), end) <= 0) {
		b := pieces[places[n].piece]
		if bytes += b.SizeBytes() / b.Rows; n > 0 && bytes > req.maxBytes() {
			break
		}
		out.Marks = append(out.Marks, *mark(places[n]))
		n++
	}
	out.More = out.More || n < len(places)
	out.Batch = gatherRows(pieces, places[:n])
	return out
}

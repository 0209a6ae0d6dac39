package columnar

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// TestTopRowsAgainstTwin walks pages of random orders, filters and sizes under
// random operations and compares every page with the sorted rows of the model.
func TestTopRowsAgainstTwin(t *testing.T) {
	for seed := range uint64(24) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			h := newHarness(t, seed, []column.Rule{column.DropExact, column.KeepAll}[seed/2%2])
			for range 8 {
				h.step(t.Context())
				if h.r.IntN(3) == 0 {
					h.shareIdentities()
				}
				for range 4 {
					h.walk(&TopRowsRequest{
						Filter: []Expr{{}, randomExpr(h.r, 2)}[h.r.IntN(2)], Time: randomTimes(h.r),
						Order: randomOrder(h.r), Limit: 1 + h.r.IntN(40), MaxBytes: h.r.IntN(2) * 4000,
						Columns: [][]column.ID{nil, {}, {colName, colSize, colUser, colDoc}}[h.r.IntN(3)],
					}, false)
				}
			}
			h.close()
		})
	}
}

// shareIdentities adds rows that have the identity of a known one and differ
// in their content.
func (h *harness) shareIdentities() {
	if len(h.twin.rows) == 0 {
		return
	}
	like := h.twin.rows[h.r.IntN(len(h.twin.rows))]
	rows := make([]twinRow, 1+h.r.IntN(12))
	for i := range rows {
		rows[i] = randomRow(h.r)
		rows[i].key, rows[i].time, rows[i].id = like.key, like.time, like.id
		rows[i].cols[colSize] = like.cols[colSize]
	}
	h.addRows(rows)
}

func (h *harness) addRows(rows []twinRow) {
	h.twin.rows = append(h.twin.rows, rows...)
	h.log = append(h.log, batchOf(rows))
	h.tablet.Apply(base.Position{Term: 1, Index: uint64(len(h.log))}, h.log[len(h.log)-1])
}

func randomOrder(r *rand.Rand) []OrderTerm {
	all := []OrderTerm{{Col: RowKey}, {Col: RowKey, From: 4}, {Col: RowKey, From: 5}, {Col: RowTime}, {Col: RowID}, {Col: colSize}, {Col: colCode}, {Col: colRef}}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	order := all[:r.IntN(5)]
	for i := range order {
		order[i].Desc = r.IntN(2) == 0
	}
	return order
}

// compareTwins is the order of rows, but for content.
func compareTwins(order []OrderTerm, a, b *twinRow) int {
	for _, o := range append(slices.Clone(order), OrderTerm{Col: RowTime}, OrderTerm{Col: RowKey}, OrderTerm{Col: RowID}) {
		var c int
		switch o.Col {
		case RowKey:
			c = strings.Compare(a.key[o.From:], b.key[o.From:])
		case RowTime:
			c = cmp.Compare(a.time, b.time)
		case RowID:
			c = cmp.Compare(a.id, b.id)
		default:
			c = cmp.Compare(a.cols[o.Col].Int, b.cols[o.Col].Int)
		}
		if o.Desc {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// wantRows returns the model's answer, rows that tie in no order among them.
func (h *harness) wantRows(req *TopRowsRequest) []twinRow {
	want := slices.DeleteFunc(h.twin.live(), func(r twinRow) bool {
		return !req.Time.Contains(r.time) || !matchesTwin(&req.Filter, &r, h.opts.Layout)
	})
	slices.SortStableFunc(want, func(a, b twinRow) int { return compareTwins(req.Order, &a, &b) })
	return want
}

// walk reads all pages and compares them with the model. With churn rows move
// between memtable and parts from page to page.
func (h *harness) walk(req *TopRowsRequest, churn bool) {
	h.t.Helper()
	want := h.wantRows(req)
	var got []twinRow
	for more := true; more; {
		page := h.page(req)
		if len(page.Marks) > req.Limit || page.More && len(page.Marks) < req.Limit && req.MaxBytes == 0 {
			h.t.Fatalf("seed %d: page of %d rows, limit %d, more %v", h.seed, len(page.Marks), req.Limit, page.More)
		}
		got = append(got, rowsOf(page.Batch)...)
		if more = page.More; more {
			req.After = &page.Marks[len(page.Marks)-1]
		}
		if churn {
			h.churn()
		}
	}
	for i := range want {
		want[i] = want[i].pick(req.Columns)
	}
	what := fmt.Sprintf("rows of %+v", *req)
	h.compare(what, got, want)
	for i := range got {
		if req.Columns == nil && compareTwins(req.Order, &got[i], &want[i]) != 0 {
			h.t.Fatalf("seed %d: %s: row %d is %s, want one like %s", h.seed, what, i, got[i].print(), want[i].print())
		}
	}
}

// pick returns the row with the listed columns only; nil means all.
func (r *twinRow) pick(cols []column.ID) twinRow {
	if cols == nil {
		return *r
	}
	out := twinRow{key: r.key, time: r.time, id: r.id, cols: map[column.ID]column.Value{}}
	for _, id := range cols {
		if v, ok := r.cols[id]; ok {
			out.cols[id] = v
		}
	}
	return out
}

func (h *harness) page(req *TopRowsRequest) *RowPage {
	h.t.Helper()
	view, err := h.tablet.View()
	if err != nil {
		h.t.Fatal(err)
	}
	defer view.Close()
	page, err := view.TopRows(h.t.Context(), req)
	if err != nil {
		h.t.Fatalf("seed %d: top rows: %v", h.seed, err)
	}
	h.checkMarks(req, page)
	return page
}

// checkMarks compares marks with the rows they are of.
func (h *harness) checkMarks(req *TopRowsRequest, page *RowPage) {
	h.t.Helper()
	b := page.Batch
	if err := b.Validate(); err != nil || b.Rows != len(page.Marks) {
		h.t.Fatalf("seed %d: batch of %d rows with %d marks: %v", h.seed, b.Rows, len(page.Marks), err)
	}
	for i := range page.Marks {
		m := &page.Marks[i]
		if !bytes.Equal(m.Key, b.Key(i)) || m.Time != b.Times[i] || m.ID != b.IDs[i] {
			h.t.Fatalf("seed %d: mark %+v is not of row %d", h.seed, m, i)
		}
		for j, o := range req.Order {
			want := int64(0)
			switch o.Col {
			case RowKey:
			case RowTime:
				want = m.Time
			case RowID:
				want = int64(m.ID)
			default:
				if req.Columns != nil {
					continue // perhaps not read
				}
				if v := b.Col(o.Col); v != nil {
					if p, ok := v.Find(uint32(i)); ok {
						want = v.Ints[p]
					}
				}
			}
			if m.Values[j] != want {
				h.t.Fatalf("seed %d: mark %+v of row %d: value %d is not %d", h.seed, m, i, j, want)
			}
		}
		if i > 0 && CompareMarks(req.Order, &page.Marks[i-1], m) >= 0 {
			h.t.Fatalf("seed %d: mark %+v does not follow %+v", h.seed, m, page.Marks[i-1])
		}
	}
}

// churn moves rows without changing them.
func (h *harness) churn() {
	h.t.Helper()
	err := error(nil)
	switch h.r.IntN(4) {
	case 0:
		err = h.tablet.Flush(h.t.Context())
	case 1:
		err = h.tablet.Compact(h.t.Context())
	case 2:
		if h.twin.rule == column.DropExact { // sent again
			again := make([]twinRow, 1+h.r.IntN(20))
			for i := range again {
				again[i] = h.twin.rows[h.r.IntN(len(h.twin.rows))]
			}
			h.addRows(again)
		}
	}
	if err != nil {
		h.t.Fatalf("seed %d: %v", h.seed, err)
	}
}

// TestTopRowsWalkSurvivesChurn: every row comes exactly once though flushes,
// merges and duplicates come between the pages.
func TestTopRowsWalkSurvivesChurn(t *testing.T) {
	for seed := range uint64(24) {
		h := newHarness(t, seed, column.DropExact)
		h.apply(200)
		h.shareIdentities()
		h.apply(50)
		h.walk(&TopRowsRequest{Time: base.AllTime, Order: randomOrder(h.r), Limit: 1 + h.r.IntN(12)}, true)
		h.close()
	}
}

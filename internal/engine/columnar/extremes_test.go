package columnar

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// extremeInts are the integers where arithmetic and signs go wrong.
var extremeInts = []int64{math.MinInt64, math.MinInt64 + 1, -1, 0, 1, math.MaxInt64 - 1, math.MaxInt64}

func extremeInt(r *rand.Rand) int64 { return extremeInts[r.IntN(len(extremeInts))] }

// extremeRow is a random row with integers, ids and keys at their ends.
func extremeRow(r *rand.Rand) twinRow {
	row := randomRow(r)
	row.id = uint64(extremeInt(r))
	for _, id := range []column.ID{colSize, colRef, colCode} {
		delete(row.cols, id)
		if r.IntN(3) > 0 {
			row.cols[id] = column.IntValue(extremeInt(r))
		}
	}
	return row
}

// extremeRange bounds a column of integers, an id or a time on one or both sides.
func extremeRange(r *rand.Rand) Expr {
	x := Expr{Op: OpRange, Col: []column.ID{colSize, colRef, colCode, RowID, RowTime}[r.IntN(5)]}
	lo, hi := column.IntValue(extremeInt(r)), column.IntValue(extremeInt(r))
	switch r.IntN(4) {
	case 0:
		x.Lo = &lo
	case 1:
		x.Hi = &hi
	case 2:
		x.Lo, x.Hi = &lo, &hi
	default:
		x = Expr{Op: OpIn, Col: x.Col, Values: []column.Value{hi, lo, hi}}
	}
	x.ZeroAbsent = x.Op == OpRange && x.Col.Family != identityFamily && r.IntN(2) == 0
	if r.IntN(4) == 0 {
		x = Expr{Op: OpNot, Kids: []Expr{x}}
	}
	return x
}

// TestExtremes walks pages of keys and of rows over integers at their ends, in
// parts and memtables, with merges from page to page.
func TestExtremes(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			h := newHarness(t, seed, []column.Rule{column.DropExact, column.KeepAll}[seed%2])
			defer h.close()
			for i := range 5 {
				rows := make([]twinRow, 40)
				for i := range rows {
					rows[i] = extremeRow(h.r)
				}
				h.addRows(rows)
				if i%2 == 0 {
					if err := h.tablet.Flush(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			for range 20 {
				x := Expr{Op: []Op{OpAnd, OpOr}[h.r.IntN(2)], Kids: []Expr{extremeRange(h.r), extremeRange(h.r)}}
				h.walk(&TopRowsRequest{Filter: x, Time: base.AllTime, Order: randomOrder(h.r), Limit: 1 + h.r.IntN(30)}, h.r.IntN(8) == 0)
				view, err := h.tablet.View()
				if err != nil {
					t.Fatal(err)
				}
				h.checkTop(t.Context(), view, h.twin.live(), x, base.AllTime)
				view.Close()
			}
		})
	}
}

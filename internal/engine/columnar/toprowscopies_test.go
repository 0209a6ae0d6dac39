package columnar

import (
	"fmt"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// TestTopRowsCopies walks large pages of rows that are there many times, in
// memory and in parts, among places that many different rows share: first few of
// those and then many, and the other way round.
func TestTopRowsCopies(t *testing.T) {
	for seed := range uint64(4) {
		rule := []column.Rule{column.DropExact, column.KeepAll}[seed/2%2]
		h := newHarness(t, seed, rule)
		h.close()
		h.opts.MemtableBytes = 1 << 30
		h.opts.Merge.FanIn = 100
		h.opts.Merge.MaxRows = 0
		h.open()
		rows := make([]twinRow, 400)
		for i := range rows {
			rows[i] = randomRow(h.r)
			rows[i].id = uint64(i)
			rows[i].cols[colSize] = column.Value{Type: column.Int64, Int: int64(i / 200)}
			if i >= 210 && h.r.IntN(2) == 0 {
				like := &rows[200+h.r.IntN(10)]
				rows[i].key, rows[i].time, rows[i].id = like.key, like.time, like.id
			}
		}
		for i := range 7 {
			h.addRows(rows[:len(rows)-50*i])
			if i < 4 {
				if err := h.tablet.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range 3 {
			order := []OrderTerm{{Col: colSize, Desc: h.r.IntN(2) == 0}, {Col: RowTime}}
			limit := 80 + h.r.IntN(len(rows))
			h.walk(&TopRowsRequest{Time: base.AllTime, Order: order, Limit: limit}, false)
			h.walk(&TopRowsRequest{Time: base.AllTime, Order: randomOrder(h.r), Limit: limit, Filter: randomExpr(h.r, 1)}, false)
		}
		h.walk(&TopRowsRequest{Time: base.AllTime, Order: randomOrder(h.r), Limit: 400}, true)
		h.close()
	}
}

// TestTopRowsForgedHashes: rows of one identity and one hash that differ in their
// content are different rows, and in the same order wherever they are.
func TestTopRowsForgedHashes(t *testing.T) {
	for seed := range uint64(8) {
		h := newHarness(t, seed, []column.Rule{column.DropExact, column.KeepAll}[seed/2%2])
		like := randomRow(h.r)
		var rows []twinRow
		for i := range int64(12) {
			row := twinRow{key: like.key, time: like.time, id: like.id, cols: map[column.ID]column.Value{}}
			row.cols[colSize] = column.Value{Type: column.Int64, Int: i}
			row.cols[colCode] = column.Value{Type: column.Int64, Int: forgeCode(i)}
			rows = append(rows, row)
		}
		b := batchOf(rows)
		for i := range rows {
			if column.HashRow(b, i) != column.HashRow(b, 0) {
				t.Fatalf("rows %d and 0 have different hashes", i)
			}
		}
		for range 5 {
			h.r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
			h.addRows(rows[:6+h.r.IntN(7)])
			h.apply(20)
			h.churn()
			h.walk(&TopRowsRequest{Time: base.AllTime, Order: randomOrder(h.r), Limit: 1 + h.r.IntN(20)}, true)
		}
		h.close()
	}
}

// forgeCode returns the value of colCode that gives rows of any size one hash.
func forgeCode(size int64) int64 {
	h := uint64(0)
	mix := func(x uint64) {
		h = (h ^ x) + 0x9e3779b97f4a7c15
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	name := func(id column.ID) {
		mix(uint64(id.Family)<<8 | uint64(id.Type))
		mix(xxhash.Sum64String(id.Name))
	}
	name(colSize)
	mix(uint64(size))
	name(colCode)
	return int64(h)
}

// TestGroupsOfPlaces: a list is cut into places, any number at a time.
func TestGroupsOfPlaces(t *testing.T) {
	o := newRowOrder(nil)
	l := newTopRowList(o, 100, nil)
	for _, time := range []int64{5, 1, 3, 1, 5, 5} {
		x := topRow{vals: make([]int64, len(o.terms))}
		x.vals[o.time] = time
		l.offer(&x)
	}
	l.cut()
	for _, f := range []struct {
		first, n int
		want     string
	}{{0, 9, "[2 3 6]"}, {0, 1, "[2]"}, {2, 2, "[3 6]"}, {3, 1, "[6]"}, {6, 1, "[]"}, {0, 0, "[]"}} {
		if got := fmt.Sprint(l.groups(nil, f.first, f.n)); got != f.want {
			t.Errorf("%d places from row %d: %s, want %s", f.n, f.first, got, f.want)
		}
	}
}

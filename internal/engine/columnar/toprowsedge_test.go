package columnar

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

func TestTopRowsValidate(t *testing.T) {
	f := func(name string, change func(*TopRowsRequest), want base.Class, text string) {
		t.Helper()
		req := TopRowsRequest{Time: base.AllTime, Limit: 1, Order: []OrderTerm{{Col: RowTime}}}
		change(&req)
		if err := req.Validate(); base.ClassOf(err) != want || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f("no limit", func(r *TopRowsRequest) { r.Limit = 0 }, base.ClassInvalid, "limit 0")
	f("negative limit", func(r *TopRowsRequest) { r.Limit = -1 }, base.ClassInvalid, "limit -1")
	f("large limit", func(r *TopRowsRequest) { r.Limit = MaxTopRows + 1 }, base.ClassTooLarge, "at most 10000")
	f("negative bytes", func(r *TopRowsRequest) { r.MaxBytes = -1 }, base.ClassInvalid, "-1 bytes")
	f("many terms", func(r *TopRowsRequest) { r.Order = make([]OrderTerm, 17) }, base.ClassTooLarge, "17 terms")
	f("text column", func(r *TopRowsRequest) { r.Order[0].Col = colName }, base.ClassInvalid, "0/name:string")
	f("no column", func(r *TopRowsRequest) { r.Order[0].Col = column.ID{} }, base.ClassInvalid, "order by column")
	f("negative byte", func(r *TopRowsRequest) { r.Order[0] = OrderTerm{Col: RowKey, From: -1} }, base.ClassInvalid, "byte -1")
	f("byte of a time", func(r *TopRowsRequest) { r.Order[0].From = 1 }, base.ClassInvalid, "only keys")
	f("mark of another order", func(r *TopRowsRequest) { r.After = &RowMark{} }, base.ClassInvalid, "0 terms, want 1")
	f("filter", func(r *TopRowsRequest) { r.Filter.Op = 200 }, base.ClassInvalid, "filter")
}

// TestTopRowsForeignMarks: a mark that no row has only says where to go on.
func TestTopRowsForeignMarks(t *testing.T) {
	for seed := range uint64(10) {
		h := newHarness(t, seed, column.DropExact)
		h.apply(150)
		if err := h.tablet.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.apply(30)
		for range 20 {
			req := &TopRowsRequest{Time: base.AllTime, Order: randomOrder(h.r), Limit: MaxTopRows}
			all := h.page(req)
			m := RowMark{Time: testEpoch + h.r.Int64N(testSpan), ID: h.r.Uint64N(8), Ties: h.r.Uint32N(3)}
			m.Key = [][]byte{nil, []byte("k"), []byte("key-1"), []byte("zzz"), []byte("key-10-and-more"), bytes.Repeat([]byte{255}, 40)}[h.r.IntN(6)]
			for range req.Order {
				m.Values = append(m.Values, h.r.Int64N(5)*1_000_003)
			}
			for i := range req.Order { // as a mark of a row would have them
				switch req.Order[i].Col {
				case RowKey:
					m.Values[i] = 0
				case RowTime:
					m.Values[i] = m.Time
				case RowID:
					m.Values[i] = int64(m.ID)
				}
			}
			want := slices.DeleteFunc(slices.Clone(all.Marks), func(x RowMark) bool { return CompareMarks(req.Order, &x, &m) <= 0 })
			req.After = &m
			if got := h.page(req).Marks; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("seed %d: after %+v in %+v: %d rows, want %d", seed, m, req.Order, len(got), len(want))
			}
		}
		h.close()
	}
}

// TestTopRowsRetention: pages end where retention does.
func TestTopRowsRetention(t *testing.T) {
	h := newHarness(t, 2, column.DropExact)
	h.close()
	var now atomic.Int64 // jobs of the tablet read it too
	now.Store(testEpoch + testSpan)
	h.opts.TTL = time.Duration(testSpan)
	h.opts.Clock = func() time.Time { return time.Unix(0, now.Load()) }
	h.open()
	h.apply(300)
	if err := h.tablet.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.apply(50)
	for range 8 {
		end := now.Add(int64(17*time.Second)+1) - testSpan
		h.twin.rows = slices.DeleteFunc(h.twin.rows, func(r twinRow) bool { return r.time < end })
		for _, col := range []column.ID{RowTime, RowKey, colSize} {
			h.walk(&TopRowsRequest{Time: base.AllTime, Order: []OrderTerm{{Col: col}}, Limit: 7}, false)
		}
	}
	h.close()
}

// TestTopRowsCancel ends the context at every look at it.
func TestTopRowsCancel(t *testing.T) {
	h := newHarness(t, 6, column.DropExact)
	defer h.close()
	h.apply(300)
	h.shareIdentities()
	if err := h.tablet.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.apply(100)
	view, err := h.tablet.View()
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	for _, x := range []Expr{{}, {Op: OpExists, Col: colUser}} {
		for _, col := range []column.ID{RowKey, RowID} {
			req := &TopRowsRequest{Filter: x, Time: base.AllTime, Order: []OrderTerm{{Col: col}}, Limit: 100}
			looks := 0
			for ; ; looks++ {
				_, err := view.TopRows(&countdown{t.Context(), looks}, req)
				if err == nil {
					break
				}
				if !errors.Is(err, context.Canceled) {
					t.Fatalf("after %d looks: %v", looks, err)
				}
			}
			if looks < 10 {
				t.Errorf("order by %v: the context was looked at %d times only", col, looks)
			}
		}
	}
}

// TestTopRowsOfDamage: a flipped bit gives a corruption error or no difference,
// and later pages come without the part.
func TestTopRowsOfDamage(t *testing.T) {
	found := 0
	for seed := range uint64(60) {
		h := newHarness(t, 2*seed+1, column.DropExact) // odd: no cache
		h.apply(150)
		if err := h.tablet.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.close()
		path := flipByte(t, h.fs, h.opts.Dir, h.r)
		var err error
		if h.tablet, err = Open(h.opts); err != nil {
			t.Fatal(err)
		}
		req := &TopRowsRequest{Time: base.AllTime, Order: randomOrder(h.r), Limit: MaxTopRows}
		for h.tablet.Stats().Quarantined == 0 {
			view, err := h.tablet.View()
			if err != nil {
				t.Fatal(err)
			}
			page, err := view.TopRows(t.Context(), req)
			view.Close()
			if err == nil {
				h.compare("rows of a damaged tablet", rowsOf(page.Batch), h.twin.live())
				break
			}
			if !base.IsCorruption(err) || h.tablet.Stats().Quarantined == 0 {
				t.Fatalf("seed %d: %s: %v, and the part is live", seed, path, err)
			}
			found++
			h.page(req)
		}
		h.close()
	}
	if found < 15 {
		t.Errorf("only %d of 60 flips were noticed", found)
	}
}

// TestTopRowsExtremes orders the smallest and greatest of everything.
func TestTopRowsExtremes(t *testing.T) {
	h := newHarness(t, 6, column.DropExact)
	defer h.close()
	times := []int64{0, 1, testEpoch, math.MaxInt64 - 1}
	values := []int64{math.MinInt64, math.MinInt64 + 1, -1, 0, 1, math.MaxInt64 - 1, math.MaxInt64}
	for range 3 {
		rows := make([]twinRow, 60)
		for i := range rows {
			rows[i] = randomRow(h.r)
			rows[i].time, rows[i].id = times[h.r.IntN(len(times))], uint64(values[h.r.IntN(len(values))])
			for _, col := range []column.ID{colSize, colCode, colRef} {
				delete(rows[i].cols, col)
				if h.r.IntN(3) > 0 {
					rows[i].cols[col] = column.Value{Type: column.Int64, Int: values[h.r.IntN(len(values))]}
				}
			}
		}
		h.addRows(rows)
		h.churn()
		for range 20 {
			req := &TopRowsRequest{Time: base.AllTime, Order: randomOrder(h.r), Limit: 1 + h.r.IntN(50)}
			if h.r.IntN(2) == 0 {
				lo := column.IntValue(values[h.r.IntN(len(values))])
				req.Filter = Expr{Op: OpRange, Col: []column.ID{colSize, colCode}[h.r.IntN(2)], Lo: &lo, ZeroAbsent: h.r.IntN(2) == 0}
			}
			h.walk(req, false)
		}
	}
}

// TestTopRowsManyTies pages through thousands of rows of one identity.
func TestTopRowsManyTies(t *testing.T) {
	h := newHarness(t, 8, column.DropExact)
	defer h.close()
	like := randomRow(h.r)
	for range 6 {
		rows := make([]twinRow, 300)
		for i := range rows {
			rows[i] = twinRow{key: like.key, time: like.time, id: like.id, cols: map[column.ID]column.Value{
				colSize: {Type: column.Int64, Int: 7},
				colRef:  {Type: column.Int64, Int: int64(i % 2)},
				colUniq: {Type: column.String, Bytes: fmt.Appendf(nil, "%d", h.r.IntN(900))},
			}}
		}
		h.addRows(rows)
		h.churn()
	}
	for _, desc := range []bool{false, true} {
		h.walk(&TopRowsRequest{Time: base.AllTime, Order: []OrderTerm{{Col: colSize, Desc: desc}}, Limit: 100}, true)
		h.walk(&TopRowsRequest{Time: base.AllTime, Order: []OrderTerm{{Col: RowKey, Desc: desc}}, Limit: 70}, true)
	}
}

// TestTopRowsLongKeys walks by key where a key's rows are spread over blocks.
func TestTopRowsLongKeys(t *testing.T) {
	h := newHarness(t, 3, column.DropExact)
	defer h.close()
	for range 2 {
		rows := make([]twinRow, 400)
		for i := range rows {
			rows[i] = randomRow(h.r)
			rows[i].key = []string{"key-03", "key-04", "key-05"}[h.r.IntN(3)]
		}
		h.addRows(rows)
		if err := h.tablet.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, desc := range []bool{false, true} {
		for _, then := range []column.ID{RowTime, colSize} {
			order := []OrderTerm{{Col: RowKey, Desc: desc}, {Col: then, Desc: true}}
			h.walk(&TopRowsRequest{Time: base.AllTime, Order: order, Limit: 30}, false)
		}
	}
}

// TestTopRowsLargeRows ends pages by the memory that their rows take.
func TestTopRowsLargeRows(t *testing.T) {
	h := newHarness(t, 4, column.DropExact)
	defer h.close()
	const size = 32 << 10
	for range 2 {
		rows := make([]twinRow, 60)
		for i := range rows {
			rows[i] = randomRow(h.r)
			value := make([]byte, size)
			for j := range value {
				value[j] = byte(h.r.Uint32())
			}
			rows[i].cols[colUniq] = column.Value{Type: column.String, Bytes: value}
		}
		h.addRows(rows)
		h.churn()
	}
	for _, maxBytes := range []int{1, size - 1, 10 * size, 64 * size} {
		req := &TopRowsRequest{Time: base.AllTime, Order: []OrderTerm{{Col: RowTime}}, Limit: 100, MaxBytes: maxBytes}
		page := h.page(req)
		if n := len(page.Marks); n < 1 || n > max(1, maxBytes/size) || n < maxBytes/size/2 || !page.More {
			t.Errorf("page of %d bytes has %d rows of %d, more %v", maxBytes, n, size, page.More)
		}
		h.walk(req, false)
	}
}

// TestCompareContent: the order of contents is total and agrees with EqualRows
// and HashRow.
func TestCompareContent(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	rows := make([]twinRow, 120)
	for i := range rows {
		rows[i] = randomRow(r)
		if i%3 == 0 && i > 0 {
			rows[i].cols = rows[i-1].cols
		}
	}
	a, b := batchOf(rows), batchOf(rows[:60]).Extract([]uint32{3, 9, 10, 30, 40, 41, 59})
	for i := range a.Rows {
		for j := range b.Rows {
			c := compareContent(a, i, b, j)
			if back := compareContent(b, j, a, i); c != -back {
				t.Fatalf("rows %d, %d: %d, and the other way %d", i, j, c, back)
			}
			if equal := column.EqualRows(a, i, b, j); equal != (c == 0) || equal && column.HashRow(a, i) != column.HashRow(b, j) {
				t.Fatalf("rows %d, %d: equal %v, compared %d", i, j, equal, c)
			}
		}
	}
	order := make([]int, a.Rows)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return compareContent(a, i, a, j) })
	for i := range order {
		for j := range i {
			if compareContent(a, order[j], a, order[i]) > 0 {
				t.Fatal("the order is not transitive")
			}
		}
	}
}

// TestGatherRows takes random rows out of random batches.
func TestGatherRows(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 2))
		var pieces []*column.Batch
		var all [][]twinRow
		for range 1 + r.IntN(4) {
			rows := make([]twinRow, 1+r.IntN(10))
			for i := range rows {
				rows[i] = randomRow(r)
			}
			all, pieces = append(all, rows), append(pieces, batchOf(rows))
		}
		var places []rowPlace
		var want []string
		for range r.IntN(12) {
			p := r.IntN(len(pieces))
			row := r.IntN(len(all[p]))
			places = append(places, rowPlace{int32(p), uint32(row)})
			want = append(want, all[p][row].print())
		}
		b := gatherRows(pieces, places)
		if err := b.Validate(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		var got []string
		for _, row := range rowsOf(b) {
			got = append(got, row.print())
		}
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: %s", seed, firstDiff(got, want))
		}
	}
}

func TestFilterBounds(t *testing.T) {
	three, nine := column.IntValue(3), column.IntValue(9)
	from := Expr{Op: OpRange, Col: colSize, Lo: &three}
	to := Expr{Op: OpRange, Col: colSize, Hi: &nine}
	f := func(x Expr, lo, hi int64) {
		t.Helper()
		if l, h := x.bounds(colSize); l != lo || h != hi {
			t.Errorf("%+v: %d to %d, want %d to %d", x, l, h, lo, hi)
		}
	}
	f(Expr{}, math.MinInt64, math.MaxInt64)
	f(from, 3, math.MaxInt64)
	f(Expr{Op: OpAnd, Kids: []Expr{from, to, {Op: OpExists, Col: colName}}}, 3, 9)
	f(Expr{Op: OpOr, Kids: []Expr{from, to}}, math.MinInt64, math.MaxInt64)
	f(Expr{Op: OpNot, Kids: []Expr{from}}, math.MinInt64, math.MaxInt64)
	f(Expr{Op: OpAnd, Kids: []Expr{{Op: OpEqual, Col: colSize, Value: three}, {Op: OpRange, Col: colCode, Lo: &nine}}}, 3, 3)
	f(Expr{Op: OpAnd, Kids: []Expr{{Op: OpEqual, Col: colSize, Value: nine}, {Op: OpEqual, Col: colSize, Value: three}}}, 9, 3)
}

// TestTopRowsTestsTermsOnce: blocks are visited some at a time, and yet a term of
// a part is tested once.
func TestTopRowsTestsTermsOnce(t *testing.T) {
	h := newHarness(t, 8, column.KeepAll)
	h.close()
	h.opts.Merge.MaxRows = 1 << 20
	h.opts.MemtableBytes = 1 << 30
	h.open()
	defer h.close()
	rows := make([]twinRow, 6000)
	for i := range rows {
		rows[i] = randomRow(h.r)
		rows[i].time = testEpoch + int64(i)
		rows[i].cols[colUser] = column.StringValue(fmt.Sprint("user-", i*7919%1500))
	}
	h.addRows(rows)
	if err := h.tablet.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	asked := make(map[string]int)
	user := Expr{Op: OpTest, Col: colUser, Test: func(v column.Value) bool {
		asked[string(v.Bytes)]++
		return string(v.Bytes) == "user-77"
	}}
	req := &TopRowsRequest{Filter: user, Time: base.AllTime, Order: []OrderTerm{{Col: RowTime, Desc: true}}, Limit: 10}
	if page := h.page(req); len(page.Marks) != 4 {
		t.Errorf("%d rows, want 4", len(page.Marks))
	}
	for term, times := range asked {
		if times > 1 {
			t.Fatalf("%q was tested %d times", term, times)
		}
	}
}

package router

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
)

// walkRows reads all pages and prints their rows with their marks, in order.
func walkRows(t *testing.T, g *Group, req columnar.TopRowsRequest) []string {
	t.Helper()
	var out []string
	for {
		page, err := g.TopRows(t.Context(), &req)
		if err != nil {
			t.Fatal(err)
		}
		if err := page.Batch.Validate(); err != nil {
			t.Fatal(err)
		}
		for i := range page.Marks {
			row := printRows(page.Batch.Select([]uint32{uint32(i)}))[0]
			out = append(out, fmt.Sprintf("%+v %s", page.Marks[i], row))
		}
		if !page.More {
			return out
		}
		req.After = &page.Marks[len(page.Marks)-1]
	}
}

// TestTopRowsAgainstOneTablet: many tablets give the rows of one tablet in the
// same order, whatever the pages.
func TestTopRowsAgainstOneTablet(t *testing.T) {
	orders := [][]columnar.OrderTerm{
		nil,
		{{Col: columnar.RowKey, Desc: true}},
		{{Col: columnar.RowKey, From: 4}, {Col: colSize}},
		{{Col: columnar.RowTime, Desc: true}, {Col: columnar.RowID}},
		{{Col: colSize, Desc: true}, {Col: columnar.RowTime}},
		{{Col: columnar.RowID}},
	}
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 3))
		one, many := newFake(t, 1), newFake(t, 2+int(seed%7))
		want, got := NewGroup(1, one, one), NewGroup(1, many, many)
		for range 4 {
			b := batch(r, 1+r.IntN(80))
			for _, g := range []*Group{want, got} {
				if err := g.Write(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i, order := range orders {
			req := columnar.TopRowsRequest{Time: base.AllTime, Order: order, Limit: columnar.MaxTopRows}
			if r.IntN(2) == 0 {
				req.Filter = columnar.Expr{Op: columnar.OpEqual, Col: colName, Value: column.StringValue("name-3")}
			}
			all := walkRows(t, want, req)
			req.Limit, req.MaxBytes = 1+r.IntN(20), r.IntN(2)*2000
			pages := walkRows(t, got, req)
			if w, g := fmt.Sprint(all), fmt.Sprint(pages); w != g {
				t.Fatalf("seed %d, order %d, pages of %d:\n got %s\nwant %s", seed, i, req.Limit, g, w)
			}
		}
	}
}

func TestTopRowsErrors(t *testing.T) {
	f := newFake(t, 2)
	g := NewGroup(1, f, f)
	_, err := g.TopRows(t.Context(), &columnar.TopRowsRequest{Time: base.AllTime})
	if base.ClassOf(err) != base.ClassInvalid {
		t.Errorf("no limit: %v", err)
	}
}

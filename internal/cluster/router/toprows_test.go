package router

import (
	"context"
	"errors"
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

// lostTablet is a node that lacks one of its tablets.
type lostTablet struct {
	*fake
	lost base.TabletID
}

var errLost = errors.New("lost")

func (n lostTablet) View(ctx context.Context, id base.TabletID) (*columnar.View, error) {
	if id == n.lost {
		return nil, errLost
	}
	return n.fake.View(ctx, id)
}

// TestTopRowsErrors: what one tablet cannot answer nobody answers, and every
// place among the reads is given back.
func TestTopRowsErrors(t *testing.T) {
	f := newFake(t, 3)
	lost := NewGroup(1, f, lostTablet{f, f.tablets.At(1).ID})
	req := &columnar.TopRowsRequest{Time: base.AllTime, Limit: 1}
	if _, err := lost.TopRows(t.Context(), req); !errors.Is(err, errLost) {
		t.Errorf("a tablet is lost: %v", err)
	}
	g := NewGroup(1, f, f)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Write(t.Context(), batch(rand.New(rand.NewPCG(1, 1)), 50)); err != nil {
		t.Fatal(err)
	}
	if _, err := g.TopRows(ctx, req); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if len(lost.reads) != 0 || len(g.reads) != 0 {
		t.Errorf("%d and %d reads are not over", len(lost.reads), len(g.reads))
	}
	_, err := g.TopRows(t.Context(), &columnar.TopRowsRequest{Time: base.AllTime})
	if base.ClassOf(err) != base.ClassInvalid {
		t.Errorf("no limit: %v", err)
	}
}

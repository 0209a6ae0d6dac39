package router

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
)

// TestTopKeyPages: pages over many tablets, put together, are the one large answer
// of a single tablet with all rows.
func TestTopKeyPages(t *testing.T) {
	ctx := t.Context()
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 5))
		one, many := newFake(t, 1), newFake(t, 2+int(seed%7))
		single, group := NewGroup(1, one, one), NewGroup(1, many, many)
		for range 4 {
			b := batch(r, 1+r.IntN(80))
			if err := single.Write(ctx, b); err != nil {
				t.Fatal(err)
			}
			if err := group.Write(ctx, b); err != nil {
				t.Fatal(err)
			}
		}
		for _, by := range []column.ID{{}, colSize} {
			req := &columnar.TopRequest{Time: base.AllTime, By: by, Limit: 1000, TieFrom: 4}
			want, err := single.TopKeys(ctx, req)
			if err != nil {
				t.Fatal(err)
			}
			var got []columnar.Top
			for {
				req.Limit = 1 + r.IntN(6)
				page, err := group.TopKeys(ctx, req)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, page...)
				if len(page) < req.Limit || len(got) > len(want) {
					break
				}
				req.After = &page[len(page)-1]
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("seed %d: pages by %v\n got %v\nwant %v", seed, by, got, want)
			}
		}
	}
}

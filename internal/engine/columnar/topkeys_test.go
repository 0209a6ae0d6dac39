package columnar

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// checkTop compares one answer with the model's, then walks it in pages.
func (h *harness) checkTop(ctx context.Context, v *View, live []twinRow, x Expr, tr base.TimeRange) {
	h.t.Helper()
	by := []column.ID{{}, {}, colSize, colRef, colCode, {Family: 1, Type: column.Int64, Name: "none"}}
	req := &TopRequest{Filter: x, Time: tr, Limit: 1 + h.r.IntN(12), TieFrom: 4 + 2*h.r.IntN(2), By: by[h.r.IntN(len(by))]}
	if err := x.Validate(); err != nil {
		h.t.Fatalf("seed %d: %v", h.seed, err)
	}
	got, err := v.TopKeys(ctx, req)
	if err != nil {
		h.t.Fatalf("seed %d: top: %v", h.seed, err)
	}
	if h.twin.rule == column.NewestWins {
		// A filter may match a row that a newer version hides: TopKeys looks at
		// rows before they are reconciled, which only DropExact and KeepAll allow.
		return
	}
	want := topsOf(live, req, h.opts.Layout)
	if g, w := fmt.Sprint(got), fmt.Sprint(want[:min(len(want), req.Limit)]); g != w {
		h.t.Fatalf("seed %d: top %d by %v of %+v in %v:\n got %s\nwant %s", h.seed, req.Limit, req.By, x, tr, g, w)
	}
	h.checkPages(ctx, v, req, want)
}

// checkPages walks all keys in pages of random sizes: every key must come exactly
// once, in the order of one large answer.
func (h *harness) checkPages(ctx context.Context, v *View, req *TopRequest, want []Top) {
	h.t.Helper()
	size := []int{1, 2, 5, 20}[h.r.IntN(4)]
	var got []Top
	for {
		req.Limit = 1 + h.r.IntN(size)
		page, err := v.TopKeys(ctx, req)
		if err != nil {
			h.t.Fatalf("seed %d: page: %v", h.seed, err)
		}
		got = append(got, page...)
		if len(page) > req.Limit || len(got) > len(want) {
			break
		}
		if len(page) < req.Limit {
			break
		}
		req.After = &page[len(page)-1]
	}
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		h.t.Fatalf("seed %d: pages by %v of %+v in %v:\n got %s\nwant %s", h.seed, req.By, req.Filter, req.Time, g, w)
	}
}

// topsOf is the naive answer without a limit.
func topsOf(live []twinRow, req *TopRequest, l *column.Layout) []Top {
	best := map[string]int64{}
	for i := range live {
		r := &live[i]
		if !req.Time.Contains(r.time) || !matchesTwin(&req.Filter, r, l) {
			continue
		}
		val := r.time
		if req.By != (column.ID{}) {
			val = r.cols[req.By].Int
		}
		if old, ok := best[r.key]; !ok || val > old {
			best[r.key] = val
		}
	}
	var out []Top
	for k, val := range best {
		out = append(out, Top{Key: []byte(k), Value: val})
	}
	slices.SortFunc(out, func(a, b Top) int { return CompareTops(a, b, req.TieFrom) })
	return out
}

// TestPagesSpreadOver walks pages over keys whose rows lie in many parts and
// memtables, at every size of page.
func TestPagesSpreadOver(t *testing.T) {
	h := newHarness(t, 1, column.DropExact)
	defer h.close()
	for i := range 6 {
		h.apply(150)
		if i%2 == 0 {
			if err := h.tablet.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	view, err := h.tablet.View()
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	if len(view.parts) < 3 || len(view.runs) == 0 {
		t.Fatalf("%d parts and %d runs: want several", len(view.parts), len(view.runs))
	}
	live := h.twin.live()
	for _, by := range []column.ID{{}, colSize, colRef, colCode} {
		for size := 1; size <= 60; size += 1 + size/8 {
			req := &TopRequest{Time: base.AllTime, By: by, TieFrom: 5, Filter: Expr{Op: OpEqual, Col: colName, Value: column.StringValue("get")}}
			want := topsOf(live, req, h.opts.Layout)
			var got []Top
			for {
				req.Limit = size
				page, err := view.TopKeys(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, page...)
				if len(page) < size {
					break
				}
				req.After = &page[size-1]
			}
			if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
				t.Fatalf("pages of %d by %v:\n got %s\nwant %s", size, by, g, w)
			}
		}
	}
}

// TestPageAfterAnything takes cursors that no page has given: of keys that are not
// there and of values at the ends of the integers.
func TestPageAfterAnything(t *testing.T) {
	h := newHarness(t, 3, column.KeepAll)
	defer h.close()
	h.apply(200)
	if err := h.tablet.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.apply(100)
	view, err := h.tablet.View()
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	live, r := h.twin.live(), rand.New(rand.NewPCG(3, 3))
	for range 200 {
		after := Top{Key: fmt.Appendf(nil, "key-%02d", r.IntN(60)), Value: r.Int64N(5) * 1_000_003}
		switch r.IntN(6) {
		case 0:
			after.Value = math.MaxInt64
		case 1:
			after.Value = math.MinInt64
		case 2:
			after.Key = nil
		}
		req := &TopRequest{Time: base.AllTime, By: colSize, Limit: 1 + r.IntN(50), After: &after}
		want := topsOf(live, req, h.opts.Layout)
		want = slices.DeleteFunc(want, func(x Top) bool { return CompareTops(x, after, 0) <= 0 })
		got, err := view.TopKeys(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if g, w := fmt.Sprint(got), fmt.Sprint(want[:min(len(want), req.Limit)]); g != w {
			t.Fatalf("after %v:\n got %s\nwant %s", after, g, w)
		}
	}
}

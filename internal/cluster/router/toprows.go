package router

import (
	"context"
	"sync"

	"github.com/pandodb/pando/internal/engine/columnar"
)

// minPageBytes is the least that a tablet gets of a page's memory.
const minPageBytes = 1 << 20

// TopRows returns a page of rows over all tablets, in order. Together the
// tablets' answers take no more memory than the page may, so where rows are
// large the page may end early.
func (g *Group) TopRows(ctx context.Context, req *columnar.TopRowsRequest) (*columnar.RowPage, error) {
	if err := req.Validate(); err != nil {
		return nil, err
	}
	m, err := g.catalog.TabletMap(g.id)
	if err != nil {
		return nil, err
	}
	each := *req
	if each.MaxBytes == 0 {
		each.MaxBytes = columnar.DefaultPageBytes
	}
	each.MaxBytes = min(each.MaxBytes, max(each.MaxBytes/max(m.Len(), 1), minPageBytes))
	var mu sync.Mutex
	var pages []*columnar.RowPage
	err = g.each(ctx, func(_ int, v *columnar.View) error {
		page, err := v.TopRows(ctx, &each)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		pages = append(pages, page)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return columnar.MergeRowPages(req, pages), nil
}

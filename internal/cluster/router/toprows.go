package router

import (
	"context"
	"errors"
	"sync"

	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
)

// TopRows returns a page of rows over all tablets, in order. Every tablet says
// where its first rows are; only those among the first of all are read. They
// share the page's memory, so where rows are large the page may end early.
func (g *Group) TopRows(ctx context.Context, req *columnar.TopRowsRequest) (*columnar.RowPage, error) {
	if err := req.Validate(); err != nil {
		return nil, err
	}
	m, err := g.catalog.TabletMap(g.id)
	if err != nil {
		return nil, err
	}
	views := make([]*columnar.View, m.Len())
	defer func() {
		for _, v := range views {
			if v != nil {
				v.Close()
			}
		}
	}()
	found := make([]*columnar.FoundRows, m.Len())
	err = g.inTurn(ctx, m.Len(), func(i int) (err error) {
		if views[i], err = g.node.View(ctx, m.At(i).ID); err != nil {
			return err
		}
		found[i], err = views[i].FindRows(ctx, req)
		return err
	})
	if err != nil {
		return nil, err
	}
	merge := columnar.MergeRows(req, found)
	batches := make([]*column.Batch, m.Len())
	err = g.inTurn(ctx, m.Len(), func(i int) (err error) {
		batches[i], err = found[i].Read(ctx, merge.Rows(i), merge.MaxBytes())
		return err
	})
	if err != nil {
		return nil, err
	}
	return merge.Page(batches), nil
}

// inTurn calls fn for every tablet, at once as far as there are places among the
// reads, and joins the errors. Between two calls no place is held: what waits for
// all tablets must not keep others from being read.
func (g *Group) inTurn(ctx context.Context, tablets int, fn func(i int) error) error {
	errs := make([]error, tablets)
	var wg sync.WaitGroup
	for i := range tablets {
		wg.Go(func() {
			if errs[i] = g.turn(ctx); errs[i] != nil {
				return
			}
			defer func() { <-g.reads }()
			errs[i] = fn(i)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

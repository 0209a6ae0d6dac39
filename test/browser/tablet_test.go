package browser

import (
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/jobs"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/part"
	"github.com/pandodb/pando/internal/query/search"
)

const testResource = 7

// tabletStore is a search.Store of one tablet in memory.
type tabletStore struct {
	search.Store // what the page does not ask for
	tablet       *columnar.Tablet
}

func newTablet(t *testing.T, traces []*trace.Trace) tabletStore {
	t.Helper()
	pool := jobs.New(jobs.Options{})
	t.Cleanup(pool.Close)
	tablet, err := columnar.Open(columnar.Options{
		FS: vfs.NewMem(), Dir: "tablet", ID: 1, Layout: trace.Layout(), Jobs: pool, Cache: part.NewCache(32 << 20),
		SegmentInterval: 2 * time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tablet.Close(); err != nil {
			t.Error(err)
		}
	})
	b := trace.NewBuilder(trace.Options{})
	for i, tr := range traces {
		b.Reset(testResource, base.AllTime)
		if err := b.Add(trace.AppendOTLP(nil, tr.Spans)); err != nil || b.Rejected().Count > 0 {
			t.Fatal(err, b.Rejected())
		}
		tablet.Apply(base.Position{Term: 1, Index: uint64(i + 1)}, b.Finish())
	}
	if err := tablet.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return tabletStore{tablet: tablet}
}

func viewed[T any](s tabletStore, read func(*columnar.View) (T, error)) (T, error) {
	v, err := s.tablet.View()
	if err != nil {
		var none T
		return none, err
	}
	defer v.Close()
	return read(v)
}

// TopKeys implements search.Store.
func (s tabletStore) TopKeys(ctx context.Context, req *columnar.TopRequest) ([]columnar.Top, error) {
	return viewed(s, func(v *columnar.View) ([]columnar.Top, error) { return v.TopKeys(ctx, req) })
}

// TopRows implements search.Store.
func (s tabletStore) TopRows(ctx context.Context, req *columnar.TopRowsRequest) (*columnar.RowPage, error) {
	return viewed(s, func(v *columnar.View) (*columnar.RowPage, error) { return v.TopRows(ctx, req) })
}

// ReadKeys implements search.Store.
func (s tabletStore) ReadKeys(ctx context.Context, req *columnar.ReadRequest) ([]*column.Batch, error) {
	return viewed(s, func(v *columnar.View) ([]*column.Batch, error) { return v.ReadKeys(ctx, req) })
}

// Digests implements search.Store.
func (s tabletStore) Digests(ctx context.Context, time base.TimeRange, visit func(*columnar.Digest) error) error {
	_, err := viewed(s, func(v *columnar.View) (int, error) { return 0, v.Digests(ctx, time, visit) })
	return err
}

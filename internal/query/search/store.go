package search

import (
	"context"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
)

// Store is a group's rows, wherever its tablets are. Answers are exact over all
// of them.
type Store interface {
	Finder
	// ReadKeys returns the keys' rows, each key in one batch, batches in no order.
	ReadKeys(ctx context.Context, req *columnar.ReadRequest) ([]*column.Batch, error)
	// Distinct returns the combinations of values, possibly more than once.
	Distinct(ctx context.Context, refs []column.Ref) ([]columnar.Tuple, error)
	// Digests calls visit with what all places with rows in a time range say about
	// them, one after the other, until it returns an error.
	Digests(ctx context.Context, time base.TimeRange, visit func(*columnar.Digest) error) error
}

// Finder finds what matches a filter.
type Finder interface {
	// TopKeys returns the best keys, best first.
	TopKeys(ctx context.Context, req *columnar.TopRequest) ([]columnar.Top, error)
	// TopRows returns a page of rows in order.
	TopRows(ctx context.Context, req *columnar.TopRowsRequest) (*columnar.RowPage, error)
}

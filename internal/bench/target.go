package bench

import (
	"context"

	"github.com/pandodb/pando/internal/corpus"
)

// Found is one trace of an answer.
type Found struct {
	ID corpus.TraceID
	// Spans is how many spans of the trace came with the answer; zero when the
	// target answers without spans.
	Spans int
}

// Target answers queries. Its methods are called one at a time.
type Target interface {
	// Trace returns the number of spans of a trace, zero when it is unknown.
	Trace(ctx context.Context, id corpus.TraceID) (spans int, err error)
	// Search returns the traces that match q, best first. A target that cannot
	// express the query returns ErrRefused.
	Search(ctx context.Context, q *corpus.Query) ([]Found, error)
}

// ErrRefused says that a target cannot express a query.
var ErrRefused error = refused{}

type refused struct{}

func (refused) Error() string { return "the store has no such query" }

package jaeger

import (
	"context"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

// timedStore bounds the time of every call to a store. Bounding requests instead
// would cut off long answers to slow readers, whose time is theirs.
type timedStore struct {
	store   Store
	timeout time.Duration // positive
}

func (s timedStore) FindIDs(ctx context.Context, q *search.Query) ([]trace.ID, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.store.FindIDs(ctx, q)
}

func (s timedStore) Get(ctx context.Context, refs ...search.Ref) ([]trace.Trace, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.store.Get(ctx, refs...)
}

func (s timedStore) SummariesPage(ctx context.Context, q *search.Query) ([]trace.Summary, string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.store.SummariesPage(ctx, q)
}

func (s timedStore) FindSpans(ctx context.Context, q *search.SpanQuery) ([]trace.Span, string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.store.FindSpans(ctx, q)
}

func (s timedStore) Services(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.store.Services(ctx)
}

func (s timedStore) Operations(ctx context.Context, service string, kind trace.Kind) ([]trace.Operation, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.store.Operations(ctx, service, kind)
}

func (s timedStore) Dependencies(ctx context.Context, time base.TimeRange) ([]search.Dependency, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.store.Dependencies(ctx, time)
}

func (s timedStore) Metrics(ctx context.Context, q *search.MetricsQuery) ([]search.Series, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.store.Metrics(ctx, q)
}

// timedSpans bounds the time of every write.
type timedSpans struct {
	spans   Spans
	timeout time.Duration // positive
}

func (s timedSpans) Export(ctx context.Context, wire []byte) (rejected int64, message string, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.spans.Export(ctx, wire)
}

package jaegerstore

import (
	"context"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

// timed returns the target with every question to its store bounded in time; a
// timeout below zero means no bound. Bounding requests instead would cut off long
// answers to slow readers, whose time is theirs. Writes are bounded by clients,
// which alone know how long they can hold spans.
func timed(t Target, timeout time.Duration) Target {
	if timeout > 0 {
		t.Store = timedStore{store: t.Store, timeout: timeout}
	}
	return t
}

type timedStore struct {
	store   Store
	timeout time.Duration // positive
}

func (s timedStore) Get(ctx context.Context, refs ...search.Ref) ([]trace.Trace, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.store.Get(ctx, refs...)
}

func (s timedStore) FindPage(ctx context.Context, q *search.Query) ([]search.FoundTrace, string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.store.FindPage(ctx, q)
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

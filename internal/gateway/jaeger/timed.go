package jaeger

import (
	"context"
	"errors"
	"io"
	"net/http"
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

// timedBody is the body of a request that must come in time, from the first read
// on: a client that stops sending holds memory, and a place among few.
type timedBody struct {
	io.ReadCloser
	conn    *http.ResponseController
	timeout time.Duration // not positive: no bound
	begun   bool
}

// Read implements io.Reader. Connections that know no deadline have none. At the
// end of the body the deadline is lifted, since it would end the request; a body
// that failed keeps it, or the server would wait for the rest.
func (b *timedBody) Read(p []byte) (int, error) {
	if b.timeout > 0 && !b.begun {
		b.begun = true
		_ = b.conn.SetReadDeadline(time.Now().Add(b.timeout))
	}
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) && b.begun {
		_ = b.conn.SetReadDeadline(time.Time{})
	}
	return n, err
}

package ui

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

// fakeStore answers from its fields and remembers the last search.
type fakeStore struct {
	services   []string
	operations map[string][]trace.Operation
	found      []trace.Summary
	traces     map[trace.ID]*trace.Trace
	err        error
	query      search.Query
	next       string // token of the page after a found one
	spans      []trace.Span
	spanQuery  search.SpanQuery
	graph      *search.Graph
	graphTime  base.TimeRange
}

func (s *fakeStore) ServiceGraph(_ context.Context, time base.TimeRange) (*search.Graph, error) {
	s.graphTime = time
	return s.graph, s.err
}

func (s *fakeStore) Services(context.Context) ([]string, error) { return s.services, s.err }

func (s *fakeStore) Operations(_ context.Context, service string) ([]trace.Operation, error) {
	return s.operations[service], s.err
}

func (s *fakeStore) SummariesPage(_ context.Context, q *search.Query) ([]trace.Summary, string, error) {
	s.query = *q
	return s.found, s.next, s.err
}

func (s *fakeStore) FindSpans(_ context.Context, q *search.SpanQuery) ([]trace.Span, string, error) {
	s.spanQuery = *q
	return s.spans, s.next, s.err
}

func (s *fakeStore) Trace(_ context.Context, id trace.ID) (*trace.Trace, error) {
	if t := s.traces[id]; t != nil || s.err != nil {
		return t, s.err
	}
	return nil, base.Errorf(base.ClassNotFound, "trace %s is not here", id)
}

func (s *fakeStore) Span(ctx context.Context, id trace.ID, span trace.SpanID) ([]trace.Span, error) {
	t, err := s.Trace(ctx, id)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(t.Spans), func(s trace.Span) bool { return s.SpanID != span }), nil
}

var testNow = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func newTestHandler(t *testing.T, store Store) *Handler {
	t.Helper()
	h, err := New(Options{
		Store: store, Version: "1.2.3",
		Endpoints: []Endpoint{{Name: "OTLP gRPC", Protocol: "otlp-grpc", Address: ":4317"}},
		Clock:     func() time.Time { return testNow },
		Logger:    slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func get(t *testing.T, h http.Handler, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func getJSON[T any](t *testing.T, h http.Handler, target string) T {
	t.Helper()
	w := get(t, h, target)
	if w.Code != http.StatusOK {
		t.Fatalf("GET %s: status %d: %s", target, w.Code, w.Body)
	}
	return decode[T](t, w.Body.Bytes())
}

func decode[T any](t *testing.T, body []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("%v in %.200s", err, body)
	}
	return v
}

var testResource = newResource("shop")

func newResource(service string) *trace.Resource {
	return &trace.Resource{Attrs: []trace.Attr{text("service.name", service)}}
}

func text(key, value string) trace.Attr {
	return trace.Attr{Key: key, Value: trace.Value{Kind: trace.KindString, Str: value}}
}

func spanID(n uint64) (id trace.SpanID) {
	binary.BigEndian.PutUint64(id[:], n)
	return id
}

// newSpan has id n, hangs below parent (0 for a root) and starts at second n.
func newSpan(n, parent uint64) trace.Span {
	start := uint64(testNow.UnixNano()) + n*1e9
	return trace.Span{
		SpanID: spanID(n), ParentID: spanID(parent), Name: "op", StartNanos: start, EndNanos: start + 5e8,
		Resource: testResource, Scope: &trace.Scope{},
	}
}

// randomTrace is n spans whose parents are any spans, absent ones included.
func randomTrace(rng *rand.Rand, n int) []trace.Span {
	spans := make([]trace.Span, n)
	services := []*trace.Resource{newResource("a"), newResource("b"), newResource("c")}
	for i := range spans {
		s := newSpan(1+rng.Uint64N(uint64(n)), rng.Uint64N(uint64(n)+2))
		s.Kind = trace.Kind(rng.IntN(6))
		s.Resource = services[rng.IntN(3)]
		s.StartNanos += rng.Uint64N(3)
		spans[i] = s
	}
	slices.SortFunc(spans, func(a, b trace.Span) int { return cmp.Compare(a.StartNanos, b.StartNanos) })
	return spans
}

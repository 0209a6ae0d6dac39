package jaeger

import (
	"context"
	"encoding/binary"
	"flag"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/google/go-cmp/cmp"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// chunkTraces is how many traces package serve reads at a time.
const chunkTraces = 32

// fakeStore answers from its fields and remembers what it was asked.
type fakeStore struct {
	services   []string
	operations []trace.Operation
	deps       []search.Dependency
	traces     []trace.Trace // FindIDs finds all, in this order
	summaries  []trace.Summary
	spans      []trace.Span
	next       string // the token of the next page

	err    error // of every answer
	getErr error // of Get, from its getOK-th call on
	getOK  int
	getMax int // traces that Get returns at most, if positive

	query     *search.Query
	spanQuery *search.SpanQuery
	refs      []search.Ref
	gets      int
	service   string
	kind      trace.Kind
	time      base.TimeRange
}

func (s *fakeStore) FindIDs(_ context.Context, q *search.Query) ([]trace.ID, error) {
	s.query = q
	ids := make([]trace.ID, len(s.traces))
	for i := range ids {
		ids[i] = s.traces[i].ID
	}
	return ids, s.err
}

func (s *fakeStore) Get(_ context.Context, refs ...search.Ref) ([]trace.Trace, error) {
	s.refs = append(s.refs, refs...)
	s.gets++
	if s.getErr != nil && s.gets > s.getOK {
		return nil, s.getErr
	}
	if s.getMax > 0 && len(refs) > s.getMax {
		return nil, base.Errorf(base.ClassTooLarge, "%d traces", len(refs))
	}
	var out []trace.Trace
	for _, t := range s.traces {
		if slices.ContainsFunc(refs, func(r search.Ref) bool { return r.ID == t.ID }) {
			t.Spans = slices.Clone(t.Spans) // what a store returns is its caller's
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b trace.Trace) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return out, s.err
}

func (s *fakeStore) SummariesPage(_ context.Context, q *search.Query) ([]trace.Summary, string, error) {
	s.query = q
	return s.summaries, s.next, s.err
}

func (s *fakeStore) FindSpans(_ context.Context, q *search.SpanQuery) ([]trace.Span, string, error) {
	s.spanQuery = q
	return s.spans, s.next, s.err
}

func (s *fakeStore) Services(context.Context) ([]string, error) { return s.services, s.err }

func (s *fakeStore) Operations(_ context.Context, service string, kind trace.Kind) ([]trace.Operation, error) {
	s.service, s.kind = service, kind
	return slices.Clone(s.operations), s.err
}

func (s *fakeStore) Dependencies(_ context.Context, time base.TimeRange) ([]search.Dependency, error) {
	s.time = time
	return s.deps, s.err
}

func (s *fakeStore) Metrics(context.Context, *search.MetricsQuery) ([]search.Series, error) {
	return nil, s.err
}

var testNow = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func newTestGateway(t testing.TB, store Store) *Gateway {
	t.Helper()
	g, err := New(store, Options{
		Clock:  func() time.Time { return testNow },
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func newTestMux(t testing.TB, store Store) *http.ServeMux {
	t.Helper()
	mux := http.NewServeMux()
	newTestGateway(t, store).RegisterHTTP(mux)
	return mux
}

func get(t testing.TB, store Store, target string) *httptest.ResponseRecorder {
	t.Helper()
	return do(t, store, newGet(t, target))
}

func newGet(t testing.TB, target string) *http.Request {
	t.Helper()
	return httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody)
}

// serveGet returns the body of a successful answer.
func serveGet(t testing.TB, mux *http.ServeMux, target string) []byte {
	t.Helper()
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, newGet(t, target))
	if w.Code != http.StatusOK {
		t.Fatalf("%s: status %d: %s", target, w.Code, w.Body)
	}
	return w.Body.Bytes()
}

func do(t testing.TB, store Store, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	newTestMux(t, store).ServeHTTP(w, r)
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("%s: content type %q", r.URL, got)
	}
	return w
}

// wantBody asks for a successful answer.
func wantBody(t *testing.T, w *httptest.ResponseRecorder, body string) {
	t.Helper()
	if w.Code != http.StatusOK {
		t.Errorf("status %d", w.Code)
	}
	if diff := cmp.Diff(body, w.Body.String()); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

// wantGolden compares with testdata/name.
func wantGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got), rewrite with -update:\n%s", path, diff)
	}
}

func traceID(n uint64) trace.ID {
	id := trace.ID{0: 0x0a}
	binary.BigEndian.PutUint64(id[8:], n)
	return id
}

func spanID(n uint64) (id trace.SpanID) {
	binary.BigEndian.PutUint64(id[:], n)
	return id
}

func text(key, value string) trace.Attr {
	return trace.Attr{Key: key, Value: trace.Value{Kind: trace.KindString, Str: value}}
}

func list(values ...string) trace.Value {
	v := trace.Value{Kind: trace.KindList}
	for _, s := range values {
		v.List = append(v.List, trace.Value{Kind: trace.KindString, Str: s})
	}
	return v
}

// newTrace is a trace of one plain span.
func newTrace(n uint64) trace.Trace {
	return trace.Trace{ID: traceID(n), Spans: []trace.Span{{
		TraceID: traceID(n), SpanID: spanID(n), Name: "op", StartNanos: 1_000_000, EndNanos: 3_000_000,
		Resource: &trace.Resource{Attrs: []trace.Attr{text("service.name", "shop")}}, Scope: &trace.Scope{},
	}}}
}

// richTrace holds everything a span can carry.
func richTrace() trace.Trace {
	shop := &trace.Resource{
		Attrs:        []trace.Attr{text("host.name", "h\"1\""), text("service.name", "shop")},
		DroppedAttrs: 1, SchemaURL: "https://opentelemetry.io/schemas/1.30.0",
		Entities: []trace.EntityRef{{SchemaURL: "u", Type: "host", IDKeys: []string{"host.name"}, DescriptionKeys: []string{"a", "b"}}},
	}
	bank := &trace.Resource{}
	scope := &trace.Scope{Name: "lib", Version: "1.2", Attrs: []trace.Attr{text("s", "v")}, DroppedAttrs: 2, SchemaURL: "su"}
	id := traceID(0xabc)
	start := uint64(testNow.UnixNano())
	root := trace.Span{
		TraceID: id, SpanID: spanID(1), Name: "GET /<cart>", Kind: trace.KindServer, Flags: 257, TraceState: "k=v",
		StartNanos: start + 1_234, EndNanos: start + 5_001_999, StatusCode: trace.StatusError, StatusMessage: "no\nmoney",
		DroppedAttrs: 3, DroppedEvents: 4, DroppedLinks: 5, Resource: shop, Scope: scope,
		Attrs: []trace.Attr{
			{Key: "@jaeger@warnings", Value: list("clock was wrong", "so was I")},
			{Key: "a.bool", Value: trace.Value{Kind: trace.KindBool, Int: 1}},
			{Key: "a.bytes", Value: trace.Value{Kind: trace.KindBytes, Str: "\x00\xff"}},
			{Key: "a.double", Value: trace.Value{Kind: trace.KindDouble, Dbl: 0.25}},
			{Key: "a.empty"},
			{Key: "a.huge", Value: trace.Value{Kind: trace.KindInt, Int: math.MaxInt64}},
			{Key: "a.int", Value: trace.Value{Kind: trace.KindInt, Int: -200}},
			{Key: "a.list", Value: list("x", "y\"")},
			{Key: "a.map", Value: trace.Value{Kind: trace.KindMap, Map: []trace.Attr{text("k", "v"), {Key: "n", Value: trace.Value{Kind: trace.KindInt, Int: 7}}}}},
			{Key: "a.nan", Value: trace.Value{Kind: trace.KindDouble, Dbl: math.NaN()}},
			text("a.text", "ü \xff\t"),
		},
		Events: []trace.Event{
			{TimeNanos: start + 2_000, Name: "exception", Attrs: []trace.Attr{text("exception.type", "E")}, DroppedAttrs: 1},
			{TimeNanos: start + 3_000, Name: "named", Attrs: []trace.Attr{text("event", "own name")}},
			{},
		},
		Links: []trace.Link{
			{TraceID: traceID(9), SpanID: spanID(8), TraceState: "t=s", Attrs: []trace.Attr{text("l", "1")}, DroppedAttrs: 6, Flags: 1},
			{TraceID: trace.ID{15: 5}, SpanID: spanID(7), Attrs: []trace.Attr{text("opentracing.ref_type", "child_of")}},
			{SpanID: spanID(6)},
		},
	}
	child := trace.Span{
		TraceID: id, SpanID: spanID(2), ParentID: spanID(1), Name: "pay", Kind: trace.KindClient, StatusCode: 1,
		StartNanos: start + 2_000_000, EndNanos: start + 1_000_000, // backwards
		Resource: bank, Scope: &trace.Scope{},
		Links: []trace.Link{{TraceID: id, SpanID: spanID(1), Attrs: []trace.Attr{text("opentracing.ref_type", "follows_from")}}},
	}
	sibling := trace.Span{
		TraceID: id, SpanID: spanID(3), ParentID: spanID(1), Name: "", StartNanos: start + 3_000_000, EndNanos: start + 4_000_000,
		// Another pointer, the same process; another scope of the first resource.
		Resource: &trace.Resource{Attrs: slices.Clone(shop.Attrs)}, Scope: &trace.Scope{},
	}
	last := sibling
	last.SpanID, last.Resource, last.Name = spanID(4), shop, "last"
	return trace.Trace{ID: id, Spans: []trace.Span{root, child, sibling, last}}
}

// randomValue is any value, nested at most depth deep.
func randomValue(rng *rand.Rand, depth int) trace.Value {
	kinds := 8
	if depth == 0 {
		kinds = 6
	}
	v := trace.Value{Kind: trace.ValueKind(rng.IntN(kinds))}
	switch v.Kind {
	case trace.KindString, trace.KindBytes:
		v.Str = randomText(rng)
	case trace.KindBool:
		v.Int = int64(rng.IntN(2))
	case trace.KindInt:
		v.Int = int64(rng.Uint64()) >> rng.IntN(64)
	case trace.KindDouble:
		v.Dbl = []float64{0, 1, -2.5, 1e-7, 1e21, 12345.678, rng.NormFloat64()}[rng.IntN(7)]
	case trace.KindList:
		for range rng.IntN(3) {
			v.List = append(v.List, randomValue(rng, depth-1))
		}
	case trace.KindMap:
		v.Map = randomAttrs(rng, depth-1)
	}
	return v
}

func randomText(rng *rand.Rand) string {
	parts := []string{"a", "é", "\"", "\\", "\n", "\x00", "\u2028", "<&>", "日本", "😀", "z"}
	s := ""
	for range rng.IntN(6) {
		s += parts[rng.IntN(len(parts))]
	}
	return s
}

func randomAttrs(rng *rand.Rand, depth int) []trace.Attr {
	var attrs []trace.Attr
	for i := range rng.IntN(5) {
		attrs = append(attrs, trace.Attr{Key: string(rune('a'+i)) + randomText(rng), Value: randomValue(rng, depth)})
	}
	return attrs
}

// randomTrace has n spans of a few services and scopes.
func randomTrace(rng *rand.Rand, n int) trace.Trace {
	var resources []*trace.Resource
	var scopes []*trace.Scope
	for range 3 {
		resources = append(resources, &trace.Resource{Attrs: randomAttrs(rng, 2), SchemaURL: randomText(rng)})
		scopes = append(scopes, &trace.Scope{Name: randomText(rng), Version: randomText(rng), Attrs: randomAttrs(rng, 1), SchemaURL: randomText(rng)})
	}
	t := trace.Trace{ID: traceID(rng.Uint64())}
	for range n {
		s := trace.Span{
			TraceID: t.ID, SpanID: spanID(rng.Uint64N(20) + 1), ParentID: spanID(rng.Uint64N(20)),
			TraceState: randomText(rng), Flags: rng.Uint32N(3), Name: randomText(rng), Kind: trace.Kind(rng.IntN(6)),
			StartNanos: rng.Uint64N(1 << 62), Attrs: randomAttrs(rng, 3), DroppedAttrs: rng.Uint32N(2),
			StatusCode: rng.Int32N(3), StatusMessage: randomText(rng),
			Resource: resources[rng.IntN(3)], Scope: scopes[rng.IntN(3)],
		}
		s.EndNanos = s.StartNanos + rng.Uint64N(1e9)
		for range rng.IntN(3) {
			s.Events = append(s.Events, trace.Event{TimeNanos: rng.Uint64N(1 << 62), Name: randomText(rng), Attrs: randomAttrs(rng, 1)})
			s.Links = append(s.Links, trace.Link{TraceID: t.ID, SpanID: spanID(rng.Uint64N(20)), Attrs: randomAttrs(rng, 1), Flags: rng.Uint32N(2)})
		}
		t.Spans = append(t.Spans, s)
	}
	return t
}

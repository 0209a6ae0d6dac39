package ui

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
)

func TestStatus(t *testing.T) {
	store := &fakeStore{}
	h := newTestHandler(t, store)
	got := getJSON[statusDoc](t, h, "/api/v1/status")
	got.GoVersion = ""
	want := statusDoc{
		Version: "1.2.3", StartedUnixNano: "1795176000000000000", State: "waiting",
		Endpoints: []endpointDoc{{Name: "OTLP gRPC", Protocol: "otlp-grpc", Address: ":4317"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	store.services = []string{"a", "b"}
	if got := getJSON[statusDoc](t, h, "/api/v1/status"); got.State != "ready" || got.ServiceCount != 2 {
		t.Errorf("with services: %+v", got)
	}
}

func TestCatalog(t *testing.T) {
	store := &fakeStore{operations: map[string][]trace.Operation{"a/b c": {{Name: "GET /", Kind: trace.KindServer}}}}
	h := newTestHandler(t, store)
	f := func(path, want string) {
		t.Helper()
		if got := get(t, h, path); got.Code != 200 || got.Body.String() != want {
			t.Errorf("%s: %d %s, want %s", path, got.Code, got.Body, want)
		}
	}
	f("/api/v1/services", `{"services":[]}`)
	f("/api/v1/services/a%2Fb%20c/operations", `{"operations":[{"name":"GET /","kind":"server"}]}`)
	f("/api/v1/services/none/operations", `{"operations":[]}`)
	store.services = []string{"a"}
	f("/api/v1/services", `{"services":["a"]}`)
	if w := get(t, h, "/api/v1/services/"+strings.Repeat("x", 2000)+"/operations"); w.Code != 413 {
		t.Errorf("long name: %d", w.Code)
	}
}

func TestErrorDocuments(t *testing.T) {
	store := &fakeStore{}
	h := newTestHandler(t, store)
	f := func(err error, status int, code, message string) {
		t.Helper()
		store.err = err
		w := get(t, h, "/api/v1/services")
		got := decode[errorDoc](t, w.Body.Bytes()).Error
		if w.Code != status || got.Code != code || got.Message != message || got.Hint == "" {
			t.Errorf("%v: status %d, %+v", err, w.Code, got)
		}
		if w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%v: headers %v", err, w.Header())
		}
	}
	for class, a := range answers {
		if base.Class(class) != base.ClassBug {
			f(base.Errorf(base.Class(class), "why"), a.status, a.code, "why")
		}
	}
	f(errors.New("secret path"), 500, "E_INTERNAL", "something unexpected went wrong")
	f(fmt.Errorf("scan: %w", context.DeadlineExceeded), 504, "E_TIMEOUT", "the answer was not found within 30s")
	f(fmt.Errorf("scan: %w", context.Canceled), 503, "E_UNAVAILABLE", "the server ended the request") // not the reader

	store.err = base.Retry(2500*time.Millisecond, "queue full")
	if got := get(t, h, "/api/v1/services").Header().Get("Retry-After"); got != "3" {
		t.Errorf("Retry-After = %q, want 3", got)
	}
	store.err = context.Canceled
	left, leave := context.WithCancel(t.Context())
	leave()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(left, http.MethodGet, "/api/v1/services", http.NoBody))
	if got := w.Body.String(); got != "" {
		t.Errorf("a reader that left got %q", got)
	}
}

func TestUnknownAddresses(t *testing.T) {
	h := newTestHandler(t, &fakeStore{})
	f := func(method, path string, status int) {
		t.Helper()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody))
		if w.Code != status {
			t.Errorf("%s %s: status %d, want %d: %s", method, path, w.Code, status, w.Body)
		}
	}
	f("GET", "/api/v1/nothing", 404)
	f("GET", "/api/", 404)
	f("POST", "/api/v1/services", 405)
	f("DELETE", "/api/v1/traces/1", 405)
	f("POST", "/", 405)
	f("GET", "/api/v1/traces/search?tags="+strings.Repeat("x", maxQueryBytes), 413)
}

func TestTimeout(t *testing.T) {
	h, err := New(Options{Store: &blockingStore{}, Timeout: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if w := get(t, h, "/api/v1/services"); w.Code != 504 {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

// blockingStore answers when the request's time is over.
type blockingStore struct{ fakeStore }

func (*blockingStore) Services(ctx context.Context) ([]string, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestOptions(t *testing.T) {
	if _, err := New(Options{Endpoints: []Endpoint{{}}}); err == nil ||
		!strings.Contains(err.Error(), "Store") || !strings.Contains(err.Error(), "endpoint") {
		t.Errorf("New reports %v, want both problems", err)
	}
}

func TestSpanDetails(t *testing.T) {
	id := trace.ID{15: 1}
	s := newSpan(2, 1)
	s.Kind, s.StatusCode, s.StatusMessage, s.TraceState = trace.KindClient, trace.StatusError, "broken", "a=b"
	s.Attrs = []trace.Attr{
		{Key: "bool", Value: trace.Value{Kind: trace.KindBool, Int: 1}},
		{Key: "bytes", Value: trace.Value{Kind: trace.KindBytes, Str: "\xff\x00"}},
		{Key: "double", Value: trace.Value{Kind: trace.KindDouble, Dbl: 0.1}},
		{Key: "empty", Value: trace.Value{}},
		{Key: "int", Value: trace.Value{Kind: trace.KindInt, Int: 1<<62 + 1}},
		{Key: "map", Value: trace.Value{Kind: trace.KindMap, Map: []trace.Attr{
			text("k", `"q"`),
			{Key: "l", Value: trace.Value{Kind: trace.KindList, List: []trace.Value{{Kind: trace.KindInt, Int: 1}, {Kind: trace.KindBool}, {}}}},
			{Key: "inf", Value: trace.Value{Kind: trace.KindDouble, Dbl: math.Inf(-1)}},
			{Key: "nan", Value: trace.Value{Kind: trace.KindDouble, Dbl: math.NaN()}},
		}}},
		{Key: "nan", Value: trace.Value{Kind: trace.KindDouble, Dbl: math.NaN()}},
		text("string", `as "is"`),
	}
	s.Events = []trace.Event{{Name: "early", TimeNanos: s.StartNanos - 5, DroppedAttrs: 1}}
	s.Links = []trace.Link{{TraceID: trace.ID{1}, SpanID: spanID(9), TraceState: "x", Flags: 0x101, Attrs: []trace.Attr{text("a", "b")}}}
	s.Scope = &trace.Scope{Name: "lib", Version: "1"}
	store := &fakeStore{traces: map[trace.ID]*trace.Trace{id: {ID: id, Spans: []trace.Span{newSpan(1, 0), s}}}}
	doc := getJSON[spansDoc](t, newTestHandler(t, store), "/api/v1/traces/1/spans/2")
	want := spanDoc{
		SpanID: "0000000000000002", ParentSpanID: "0000000000000001", Name: "op", Kind: "client", Service: "shop",
		StartUnixNano: "1795176002000000000", DurationNanos: 5e8, StatusCode: "error", StatusMessage: "broken", TraceState: "a=b",
		Attributes: []attrDoc{
			{"bool", "bool", "true"},
			{"bytes", "bytes", "/wA="},
			{"double", "double", "0.1"},
			{"empty", "empty", ""},
			{"int", "int", "4611686018427387905"},
			{"map", "map", `{"k":"\"q\"","l":[1,false,null],"inf":"-Infinity","nan":"NaN"}`},
			{"nan", "double", "NaN"},
			{"string", "string", `as "is"`},
		},
		Events: []eventDoc{{Name: "early", TimeUnixNano: "1795176001999999995", OffsetNanos: -5, Attributes: []attrDoc{}, DroppedValues: 1}},
		Links: []linkDoc{{
			TraceID: "01000000000000000000000000000000", SpanID: "0000000000000009", TraceState: "x", Flags: 0x101,
			Attributes: []attrDoc{{"a", "string", "b"}},
		}},
		Resource: resourceDoc{Attributes: []attrDoc{{"service.name", "string", "shop"}}},
		Scope:    scopeDoc{Name: "lib", Version: "1", Attributes: []attrDoc{}},
	}
	if diff := cmp.Diff([]spanDoc{want}, doc.Spans); diff != "" {
		t.Error(diff)
	}
}

func TestDeepValue(t *testing.T) {
	v := trace.Value{Kind: trace.KindInt, Int: 1}
	for range 10_000 {
		v = trace.Value{Kind: trace.KindList, List: []trace.Value{v}}
	}
	if got := valueText(&v); len(got) > 100 || !strings.Contains(got, "…") {
		t.Errorf("%d bytes: %.120s", len(got), got)
	}
}

func TestFacets(t *testing.T) {
	store := &fakeStore{traces: map[trace.ID]*trace.Trace{}}
	var target strings.Builder
	target.WriteString("/api/v1/traces/facets?id=ff") // gone: passed over
	for i := range byte(4) {
		id := trace.ID{15: i + 1}
		a, b := newSpan(1, 0), newSpan(2, 1)
		a.Attrs = []trace.Attr{text("", "no key, no search"), text("same", "everywhere"), text("tenant", []string{"x", "x", "x", "y"}[i]), text("long", strings.Repeat("z", 200))}
		b.Attrs = []trace.Attr{text("", fmt.Sprint(i)), text("tenant", "x"), {Key: "code", Value: trace.Value{Kind: trace.KindInt, Int: int64(i % 2)}}}
		store.traces[id] = &trace.Trace{ID: id, Spans: []trace.Span{a, b}}
		target.WriteString("&id=" + id.String())
	}
	h := newTestHandler(t, store)
	got := get(t, h, target.String()).Body.String()
	want := `{"traceCount":4,"facets":[` +
		`{"key":"tenant","values":[{"value":"x","traceCount":4},{"value":"y","traceCount":1}]},` +
		`{"key":"code","values":[{"value":"0","traceCount":2},{"value":"1","traceCount":2}]}]}`
	if got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	for _, wrong := range []string{"", "?id=zz", "?" + strings.Repeat("id=1&", 21)} {
		if w := get(t, h, "/api/v1/traces/facets"+wrong); w.Code != 400 {
			t.Errorf("facets%.20s: status %d", wrong, w.Code)
		}
	}
}

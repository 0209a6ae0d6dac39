package jaeger

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
)

// fakeSpans remembers what it was given.
type fakeSpans struct {
	wire     []byte
	rejected int64
	err      error
}

func (s *fakeSpans) Export(_ context.Context, wire []byte) (int64, string, error) {
	s.wire = append(s.wire, wire...)
	return s.rejected, "too old", s.err
}

// withArchive serves one request to a gateway that has an archive.
func withArchive(t *testing.T, method, target string, o Options, store Store) *httptest.ResponseRecorder {
	t.Helper()
	g := newTestGateway(t, store)
	o.Clock, o.Logger = g.opts.Clock, g.opts.Logger
	g, err := New(store, o)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	g.RegisterHTTP(mux)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, target, http.NoBody))
	return w
}

func TestArchiveTakesTheTraceAsStored(t *testing.T) {
	tr := richTrace()
	for name, o := range map[string]Options{
		"from the store":   {Archive: &fakeStore{}},
		"from the archive": {Archive: &fakeStore{traces: []trace.Trace{tr}}},
	} {
		store, spans := &fakeStore{}, &fakeSpans{}
		if name == "from the store" {
			store.traces = []trace.Trace{tr}
		}
		o.ArchiveSpans = spans
		w := withArchive(t, http.MethodPost, "/api/archive/"+tr.ID.String(), o, store)
		wantBody(t, w, `{"data":[],"total":0,"limit":0,"offset":0,"errors":[]}`)
		if diff := cmp.Diff(trace.AppendOTLP(nil, tr.Spans), spans.wire); diff != "" {
			t.Errorf("%s: other bytes were archived:\n%s", name, diff)
		}
	}
}

func TestArchiveRefusals(t *testing.T) {
	full := &fakeStore{traces: []trace.Trace{newTrace(1)}}
	id := traceID(1).String()
	for name, test := range map[string]struct {
		method, target string
		spans          Spans
		status         int
		body           string
	}{
		"no archive": {method: http.MethodPost, target: id, status: 501, body: `{"data":null,"total":0,"limit":0,"offset":0,"errors":[{"code":501,"msg":"archive span storage was not configured"}]}`},
		"no trace": {
			method: http.MethodPost, target: "77", spans: &fakeSpans{}, status: 404,
			body: `{"data":null,"total":0,"limit":0,"offset":0,"errors":[{"code":404,"msg":"trace not found"}]}`,
		},
		"bad id": {
			method: http.MethodPost, target: "xyz", spans: &fakeSpans{}, status: 400,
			body: `{"data":null,"total":0,"limit":0,"offset":0,"errors":[{"code":400,"msg":"trace id \"xyz\": want 1 to 32 hex digits, not all zero"}]}`,
		},
		"read instead": {
			method: http.MethodGet, target: id, spans: &fakeSpans{}, status: 405,
			body: `{"data":null,"total":0,"limit":0,"offset":0,"errors":[{"code":405,"msg":"method \"GET\" is not allowed here: use POST"}]}`,
		},
		"refused": {
			method: http.MethodPost, target: id, spans: &fakeSpans{rejected: 1}, status: 400,
			body: `{"data":null,"total":0,"limit":0,"offset":0,"errors":[{"code":400,"msg":"the archive refused 1 spans of the trace: too old"}]}`,
		},
		"full": {
			method: http.MethodPost, target: id, spans: &fakeSpans{err: base.Errorf(base.ClassUnavailable, "disk is full")}, status: 503,
			body: `{"data":null,"total":0,"limit":0,"offset":0,"errors":[{"code":503,"msg":"disk is full"}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := withArchive(t, test.method, "/api/archive/"+test.target, Options{ArchiveSpans: test.spans}, full)
			if w.Code != test.status {
				t.Errorf("status %d, want %d", w.Code, test.status)
			}
			if diff := cmp.Diff(test.body, w.Body.String()); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
		})
	}
}

// TestReadsFallBackToTheArchive: by id only, and the store goes first.
func TestReadsFallBackToTheArchive(t *testing.T) {
	archived := newTrace(2)
	archived.Spans[0].Name = "archived"
	both := newTrace(1)
	both.Spans[0].Name = "archived"
	o := Options{Archive: &fakeStore{traces: []trace.Trace{both, archived}}}
	store := &fakeStore{traces: []trace.Trace{newTrace(1)}}
	for target, want := range map[string]string{
		"/api/traces/" + traceID(2).String():                                             "archived",
		"/api/traces/" + traceID(1).String():                                             "op",
		"/api/v3/traces/" + traceID(2).String():                                          "archived",
		"/api/traces?traceID=" + traceID(1).String() + "&traceID=" + traceID(2).String(): "op archived",
		"/api/traces?service=shop":                                                       "op",
	} {
		w := withArchive(t, http.MethodGet, target, o, store)
		if got := namesIn(t, w.Body.Bytes()); got != want {
			t.Errorf("%s: spans %q, want %q", target, got, want)
		}
	}
	if w := withArchive(t, http.MethodGet, "/api/traces/3", o, store); w.Code != http.StatusNotFound {
		t.Errorf("in neither: status %d", w.Code)
	}
}

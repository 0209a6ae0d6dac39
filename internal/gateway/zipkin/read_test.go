package zipkin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pandodb/pando/internal/gateway/otlp"
	"github.com/pandodb/pando/internal/model/trace"
)

// sample is six traces of two services, the first the newest, a second apart;
// trace b is a call of bank by shop, and e came from OpenTelemetry.
func newSample(t testing.TB) *server {
	t.Helper()
	srv := newServer(t, otlp.Options{})
	at := func(seconds int64) int64 { return testNow.UnixMicro() - seconds*1_000_000 }
	const span = `,{"traceId":"%s","id":"%s","timestamp":%d,"duration":%d,"localEndpoint":{"serviceName":"%s"}%s}`
	var b strings.Builder
	fmt.Fprintf(&b, span, "a", "1", at(1), 100_000, "shop", `,"name":"get","kind":"SERVER","tags":{"http.method":"GET"}`)
	fmt.Fprintf(&b, span, "b", "1", at(2), 5, "shop", `,"name":"pay","kind":"CLIENT","remoteEndpoint":{"serviceName":"bank"},"tags":{"http.method":"POST","error":"no money"}`)
	fmt.Fprintf(&b, span, "b", "2", at(2)+1, 3, "bank", `,"parentId":"1","name":"book","kind":"SERVER","annotations":[{"timestamp":1,"value":"locked"}]`)
	fmt.Fprintf(&b, span, "c", "1", at(3), 200_000, "shop", `,"name":"get","tags":{"error":"","http.method":"GET"}`)
	fmt.Fprintf(&b, span, "d", "1", at(90_000), 7, "shop", `,"name":"get"`)
	fmt.Fprintf(&b, span, "f", "1", at(6), 7, "shop", `,"name":"ask","remoteEndpoint":{"serviceName":"mail"},"tags":{"peer.service":"post"}`)
	srv.post(t, "application/json", []byte("["+b.String()[1:]+"]"))

	start := uint64(testNow.UnixNano()) - 4e9
	otel := []trace.Span{{
		TraceID: trace.ID{15: 0xe}, SpanID: trace.SpanID{7: 1}, Name: "work", Kind: trace.KindInternal, StartNanos: start, EndNanos: start + 1,
		StatusCode: trace.StatusError, StatusMessage: "boom",
		Attrs:    []trace.Attr{intAttr("http.status_code", 500)},
		Resource: &trace.Resource{Attrs: []trace.Attr{textAttr("service.name", "bank"), textAttr("env", "prod")}},
		Scope:    &trace.Scope{Name: "lib"},
	}}
	if _, _, err := srv.ingest.Export(t.Context(), trace.AppendOTLP(nil, otel)); err != nil {
		t.Fatal(err)
	}
	return srv
}

// TestSearch: which traces each condition finds, newest first.
func TestSearch(t *testing.T) {
	srv := newSample(t)
	for query, want := range map[string]string{
		"":                                                            "a b c e f",
		"limit=2":                                                     "a b",
		"limit=9999999999":                                            "a b c e f",
		"serviceName=bank":                                            "b e",
		"serviceName=all&spanName=all":                                "a b c e f",
		"serviceName=shop&spanName=get":                               "a c",
		"spanName=book":                                               "b",
		"serviceName=bank&spanName=pay":                               "",
		"remoteServiceName=bank":                                      "b",
		"remoteServiceName=mail":                                      "f",
		"remoteServiceName=all":                                       "a b c e f",
		"minDuration=100000":                                          "a c",
		"minDuration=100001":                                          "c",
		"minDuration=5&maxDuration=100000":                            "a b f",
		"annotationQuery=error":                                       "b c e",
		"annotationQuery=locked":                                      "b",
		"annotationQuery=http.method":                                 "a b c",
		"annotationQuery=http.method=GET":                             "a c",
		"annotationQuery=error=no money":                              "b",
		"annotationQuery=error=true":                                  "b c e",
		"annotationQuery=http.status_code=500":                        "e",
		"annotationQuery=env=prod":                                    "e",
		"annotationQuery=otel.scope.name=lib":                         "e",
		"annotationQuery=span.kind=internal":                          "e",
		"annotationQuery=otel.status_code=OK":                         "",
		"annotationQuery=otel.status_code":                            "",
		"annotationQuery=error and http.method=GET":                   "c",
		"annotationQuery= http.method=GET and error and ":             "c",
		"annotationQuery=locked and http.method=POST":                 "", // of two spans
		"annotationQuery=http.method=POST and error=no money":         "b",
		"lookback=2500":                                               "a b",
		"lookback=100000000":                                          "a b c e f d",
		fmt.Sprint("endTs=", testNow.UnixMilli()-2000):                "b c e f",
		fmt.Sprint("endTs=", testNow.UnixMilli()-2001):                "c e f",
		fmt.Sprint("endTs=", testNow.UnixMilli()-1, "&lookback=1999"): "a b",
		"endTs=1": "",
		"unknown": "a b c e f",
	} {
		var traces [][]struct{ TraceID string }
		key, rest, _ := strings.Cut(query, "annotationQuery=")
		if rest != "" {
			query = key + "annotationQuery=" + url.QueryEscape(rest)
		}
		if err := json.Unmarshal([]byte(srv.get(t, "/api/v2/traces?"+query)), &traces); err != nil {
			t.Fatal(err)
		}
		got := make([]string, len(traces))
		for i := range traces {
			got[i] = strings.TrimLeft(traces[i][0].TraceID, "0")
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: found %s, want %s", query, got, want)
		}
	}
}

// TestAnswers compares with testdata: what clients parse.
func TestAnswers(t *testing.T) {
	srv := newSample(t)
	for name, target := range map[string]string{
		"services":       "/api/v2/services",
		"spans":          "/api/v2/spans?serviceName=shop",
		"remoteServices": "/api/v2/remoteServices?serviceName=shop",
		"trace":          "/api/v2/trace/000000000000000b",
		"trace_otel":     "/api/v2/trace/e",
		"traces":         "/api/v2/traces?serviceName=shop&limit=2",
		"traceMany":      "/api/v2/traceMany?traceIds=0000000000000000000000000000000c,d,ff",
		"dependencies":   fmt.Sprint("/api/v2/dependencies?endTs=", testNow.UnixMilli(), "&lookback=60000"),
	} {
		want, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if got := srv.get(t, target); got+"\n" != string(want) {
			t.Errorf("%s:\n got %s\nwant %s", target, got, want)
		}
	}
	for target, want := range map[string]string{
		"/api/v2/spans?serviceName=nobody":                "[]",
		"/api/v2/remoteServices?serviceName=nobody":       "[]",
		"/api/v2/traceMany?traceIds=1,2":                  "[]",
		"/api/v2/autocompleteKeys":                        "[]",
		"/api/v2/autocompleteValues?key=env":              "[]",
		"/api/v2/dependencies?endTs=1000000&lookback=100": "[]",
		"/health": `{"status":"UP"}`,
	} {
		if got := srv.get(t, target); got != want {
			t.Errorf("%s: got %s, want %s", target, got, want)
		}
	}
}

func TestBadRequests(t *testing.T) {
	srv := newServer(t, otlp.Options{})
	for target, want := range map[string]string{
		"/api/v2/spans":                              "parameter 'serviceName' is required",
		"/api/v2/remoteServices":                     "parameter 'serviceName' is required",
		"/api/v2/autocompleteValues":                 "parameter 'key' is required",
		"/api/v2/dependencies":                       "parameter 'endTs' is required",
		"/api/v2/dependencies?endTs=x":               `parameter 'endTs': "x": want an integer from 1 to 9223372036853`,
		"/api/v2/traceMany":                          "parameter 'traceIds' is required",
		"/api/v2/traceMany?traceIds=a":               "parameter 'traceIds' has one id: want two or more, or ask /api/v2/trace/{id}",
		"/api/v2/traceMany?traceIds=a,b,0a":          "parameter 'traceIds': 0000000000000000000000000000000a is there twice",
		"/api/v2/traceMany?traceIds=a,":              `trace id "": want 1 to 32 hex digits, not all zero`,
		"/api/v2/trace/xyz":                          `trace id "xyz": want 1 to 32 hex digits, not all zero`,
		"/api/v2/traces?limit=0":                     `parameter 'limit': "0": want an integer from 1 to 9223372036854775807`,
		"/api/v2/traces?lookback=-1":                 `parameter 'lookback': "-1": want an integer from 1 to 9223372036854775807`,
		"/api/v2/traces?minDuration=1ms":             `parameter 'minDuration': "1ms": want an integer from 1 to 9223372036854775`,
		"/api/v2/traces?maxDuration=5":               "parameter 'maxDuration' is only valid with 'minDuration'",
		"/api/v2/traces?minDuration=6&maxDuration=5": "parameter 'maxDuration' 5 is below 'minDuration' 6",
		"/api/v2/traces?annotationQuery=%3Dx":        `parameter 'annotationQuery': "=x": want words and key=value, joined by and`,
		"/api/v2/traces?%zz":                         `query string: invalid URL escape "%zz"`,
	} {
		wantText(t, target, srv.do(http.MethodGet, target, "", nil, false), http.StatusBadRequest, want)
	}
	wantText(t, "no trace", srv.do(http.MethodGet, "/api/v2/trace/a", "", nil, false), http.StatusNotFound, "trace not found")
	wantText(t, "long", srv.do(http.MethodGet, "/api/v2/traces?a="+strings.Repeat("x", maxQueryBytes), "", nil, false),
		http.StatusRequestEntityTooLarge, "the query string has 16386 bytes: at most 16384")
}

// TestFailures: every address tells of a store that fails.
func TestFailures(t *testing.T) {
	srv := newServer(t, otlp.Options{})
	srv.err = errors.New("secret")
	for _, target := range []string{
		"services", "spans?serviceName=a", "remoteServices?serviceName=a", "traces", "trace/a", "traceMany?traceIds=a,b", "dependencies?endTs=1000000",
	} {
		wantText(t, target, srv.do(http.MethodGet, "/api/v2/"+target, "", nil, false), http.StatusInternalServerError, "internal error: the server's log says more")
	}
	srv.gateway.opts.Ready = func() error { return errors.New("starting") }
	wantText(t, "health", srv.do(http.MethodGet, "/health", "", nil, false), http.StatusServiceUnavailable, `{"status":"DOWN","reason":"starting"}`)
}

// TestTimeouts: a question to the store ends.
func TestTimeouts(t *testing.T) {
	srv := newServer(t, otlp.Options{})
	srv.gateway.opts.Timeout = time.Nanosecond
	w := srv.do(http.MethodGet, "/api/v2/trace/a", "", nil, false)
	wantText(t, "trace", w, http.StatusGatewayTimeout, "the query took too long: ask for a shorter time range, fewer traces or more conditions")
}

// postMany sends traces of a kilobyte, the first the newest.
func postMany(t *testing.T, srv *server, traces int) {
	t.Helper()
	var b strings.Builder
	for i := range traces {
		fmt.Fprintf(&b, `,{"traceId":"%x","id":"1","timestamp":%d,"tags":{"filler":"%s"}}`, i+1, testNow.UnixMicro()-int64(i), strings.Repeat("x", 1000))
	}
	srv.post(t, "application/json", []byte("["+b.String()[1:]+"]"))
}

// TestCutAnswer: an answer that cannot be ended does not look as if it was.
func TestCutAnswer(t *testing.T) {
	srv := newServer(t, otlp.Options{})
	postMany(t, srv, 200)
	srv.err, srv.reads = errors.New("disk"), 3 // the search, and two reads of traces
	web := httptest.NewServer(srv)
	defer web.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL+"/api/v2/traces?limit=1000", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := web.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // only read
	if body, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) || resp.StatusCode != http.StatusOK {
		t.Errorf("status %d, %v after %d bytes", resp.StatusCode, err, len(body))
	}
}

// TestLargeAnswer: an answer of many traces is whole and in order.
func TestLargeAnswer(t *testing.T) {
	const traces = 200
	srv := newServer(t, otlp.Options{})
	postMany(t, srv, traces)
	var got [][]struct{ TraceID string }
	if err := json.Unmarshal([]byte(srv.get(t, "/api/v2/traces?limit=1000")), &got); err != nil {
		t.Fatal(err)
	}
	sorted := slices.IsSortedFunc(got, func(a, b []struct{ TraceID string }) int { return strings.Compare(a[0].TraceID, b[0].TraceID) })
	if len(got) != traces || !sorted {
		t.Errorf("%d traces, sorted %v", len(got), sorted)
	}
}

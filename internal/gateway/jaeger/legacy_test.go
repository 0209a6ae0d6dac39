package jaeger

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/wire"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

func TestLegacyCatalogues(t *testing.T) {
	store := &fakeStore{
		services: []string{"bank", "shop"},
		operations: []trace.Operation{
			{Name: "GET /", Kind: trace.KindClient}, {Name: "GET /", Kind: trace.KindServer}, {Name: "job", Kind: trace.KindUnspecified},
		},
		deps: []search.Dependency{{Parent: "shop", Child: "bank", Calls: 1 << 60}, {Parent: "bank", Child: "ledger", Calls: 2}},
	}
	for target, want := range map[string]string{
		"/api/services":                                  `{"data":["bank","shop"],"total":2,"limit":0,"offset":0,"errors":null}`,
		"/api/services/shop/operations":                  `{"data":["GET /","job"],"total":2,"limit":0,"offset":0,"errors":null}`,
		"/api/operations?service=shop":                   `{"data":[{"name":"GET /","spanKind":"client"},{"name":"GET /","spanKind":"server"},{"name":"job","spanKind":""}],"total":3,"limit":0,"offset":0,"errors":null}`,
		"/api/operations?service=s&spanKind=unspecified": `{"data":[{"name":"job","spanKind":""}],"total":1,"limit":0,"offset":0,"errors":null}`,
		"/api/dependencies":                              `{"data":[{"parent":"shop","child":"bank","callCount":1152921504606846976},{"parent":"bank","child":"ledger","callCount":2}],"total":0,"limit":0,"offset":0,"errors":null}`,
		"/api/dependencies?service=ledger":               `{"data":[{"parent":"bank","child":"ledger","callCount":2}],"total":0,"limit":0,"offset":0,"errors":null}`,
	} {
		t.Run(target, func(t *testing.T) { wantBody(t, get(t, store, target), want) })
	}
	if get(t, store, "/api/services/a%2Fb%20c%2Bd/operations"); store.service != "a/b c+d" {
		t.Errorf("asked for operations of %q", store.service)
	}
	if get(t, store, "/api/operations?service=s&spanKind=SERVER"); store.kind != trace.KindServer {
		t.Errorf("asked for kind %v", store.kind)
	}
}

func TestLegacyEmptyAnswersAreLists(t *testing.T) {
	const want = `{"data":[],"total":0,"limit":0,"offset":0,"errors":null}`
	for _, target := range []string{
		"/api/services", "/api/services/none/operations", "/api/operations?service=none", "/api/traces?service=none", "/api/dependencies",
	} {
		wantBody(t, get(t, &fakeStore{}, target), want)
	}
}

func TestLegacyDependenciesTime(t *testing.T) {
	now := testNow.UnixNano()
	for target, want := range map[string]base.TimeRange{
		"/api/dependencies":                                             {Start: now - int64(24*time.Hour), End: now + 1},
		"/api/dependencies?endTs=2000&lookback=500":                     {Start: 1500e6, End: 2000e6 + 1},
		"/api/dependencies?endTs=-9223372036853&lookback=9223372036853": {Start: base.AllTime.Start, End: -9223372036853e6 + 1},
	} {
		store := &fakeStore{}
		if get(t, store, target); store.time != want {
			t.Errorf("%s asks for %v, want %v", target, store.time, want)
		}
	}
}

func TestLegacyTraceGolden(t *testing.T) {
	store := &fakeStore{traces: []trace.Trace{richTrace()}}
	for name, target := range map[string]string{
		"legacy_trace.json":     "/api/traces/" + traceID(0xabc).String(),
		"legacy_trace_raw.json": "/api/traces/" + traceID(0xabc).String() + "?raw=true",
	} {
		w := get(t, store, target)
		if w.Code != http.StatusOK {
			t.Fatalf("%s: status %d: %s", target, w.Code, w.Body)
		}
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, w.Body.Bytes(), "", "  "); err != nil {
			t.Fatal(err)
		}
		wantGolden(t, name, pretty.Bytes())
	}
}

func TestLegacyTraceByAnySpelling(t *testing.T) {
	id := trace.ID{7: 0, 14: 0x0a, 15: 0xbc}
	store := &fakeStore{traces: []trace.Trace{{ID: id, Spans: []trace.Span{newTrace(1).Spans[0]}}}}
	for _, spelling := range []string{"abc", "ABC", "0abc", "0000000000000abc", id.String(), "AAAAAAAACrw=", "AAAAAAAACrw"} {
		if w := get(t, store, "/api/traces/"+spelling); w.Code != http.StatusOK {
			t.Errorf("%s: status %d: %s", spelling, w.Code, w.Body)
		} else if !strings.Contains(w.Body.String(), `{"data":[{"traceID":"0000000000000abc"`) {
			t.Errorf("%s: %s", spelling, w.Body)
		}
	}
}

func TestLegacyTraceHint(t *testing.T) {
	day := int64(24 * time.Hour)
	for query, want := range map[string]base.TimeRange{
		"":                           {},
		"?start=5000000":             {Start: 5e9 - day, End: base.AllTime.End},
		"?end=7000000":               {Start: base.AllTime.Start, End: 7e9 + day},
		"?start=5000000&end=7000000": {Start: 5e9 - day, End: 7e9 + day},
		"?start=-9223372036854774":   base.AllTime,
	} {
		store := &fakeStore{traces: []trace.Trace{newTrace(1)}}
		get(t, store, "/api/traces/"+traceID(1).String()+query)
		if diff := cmp.Diff([]search.Ref{{ID: traceID(1), Time: want}}, store.refs); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
}

func TestLegacyListNamesMissingTraces(t *testing.T) {
	store := &fakeStore{traces: []trace.Trace{newTrace(1)}}
	w := get(t, store, fmt.Sprintf("/api/traces?traceID=%s&traceID=77&traceID=%s&traceID=77", traceID(1), traceID(2)))
	var doc struct {
		Data   []struct{ TraceID string }
		Errors []legacyError
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	want := []legacyError{{Msg: "trace not found", TraceID: "0000000000000077"}, {Msg: "trace not found", TraceID: traceID(2).String()}}
	if diff := cmp.Diff(want, doc.Errors); diff != "" || len(doc.Data) != 1 {
		t.Errorf("%d traces, errors (-want +got):\n%s", len(doc.Data), diff)
	}
}

func TestLegacySearchKeepsOrderAcrossChunks(t *testing.T) {
	for _, largest := range []int{0, 7, 1} { // as many at once as the store allows
		testOrderAcrossChunks(t, &fakeStore{getMax: largest})
	}
}

func testOrderAcrossChunks(t *testing.T, store *fakeStore) {
	t.Helper()
	var want []string
	for i := range uint64(3*chunkTraces + 1) {
		store.traces = append(store.traces, newTrace(1000-i))
		want = append(want, traceID(1000-i).String())
	}
	w := get(t, store, "/api/traces?service=shop&limit=200")
	var doc struct{ Data []struct{ TraceID string } }
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range doc.Data {
		got = append(got, d.TraceID)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if store.getMax == 0 && store.gets != 4 {
		t.Errorf("%d reads, want 4", store.gets)
	}
}

func TestLegacyErrors(t *testing.T) {
	tests := map[string]struct {
		target string
		err    error
		status int
		msg    string
	}{
		"bad id":         {target: "/api/traces/xyz", status: 400, msg: "trace id"},
		"zero id":        {target: "/api/traces/0", status: 400, msg: "trace id"},
		"long id":        {target: "/api/traces/" + strings.Repeat("a", 33), status: 400, msg: "trace id"},
		"bad list id":    {target: "/api/traces?traceID=1&traceID=-", status: 400, msg: "trace id"},
		"no such trace":  {target: "/api/traces/1", status: 404, msg: "trace not found"},
		"bad raw":        {target: "/api/traces/1?raw=perhaps", status: 400, msg: "'raw'"},
		"bad hint":       {target: "/api/traces/1?start=noon", status: 400, msg: "'start'"},
		"reversed hint":  {target: "/api/traces/1?start=2&end=1", status: 400, msg: "reversed"},
		"no service":     {target: "/api/operations", status: 400, msg: "parameter 'service' is required"},
		"bad kind":       {target: "/api/operations?service=s&spanKind=x", status: 400, msg: "span kind"},
		"bad lookback":   {target: "/api/dependencies?lookback=-5", status: 400, msg: "'lookback'"},
		"bad endTs":      {target: "/api/dependencies?endTs=9223372036854775807", status: 400, msg: "'endTs'"},
		"bad escape":     {target: "/api/traces?service=%zz", status: 400, msg: "query string"},
		"long query":     {target: "/api/traces?service=" + strings.Repeat("a", maxQueryBytes), status: 413, msg: "at most 16384"},
		"overload":       {target: "/api/services", err: base.Retry(1500*time.Millisecond, "busy"), status: 429, msg: "busy"},
		"starting":       {target: "/api/services", err: base.Errorf(base.ClassUnavailable, "starting"), status: 503, msg: "starting"},
		"too large":      {target: "/api/traces?service=s", err: base.Errorf(base.ClassTooLarge, "1 M spans"), status: 413, msg: "1 M spans"},
		"bug is hidden":  {target: "/api/services", err: fmt.Errorf("secret"), status: 500, msg: "internal error: the server's log says more"},
		"corrupt bytes":  {target: "/api/traces/1", err: base.Corruptionf("x", 7, "bad crc"), status: 500, msg: "x: offset 7"},
		"server stops":   {target: "/api/services", err: fmt.Errorf("scan: %w", context.Canceled), status: 503, msg: "try again"},
		"unknown method": {target: "PUT", status: 405, msg: "GET, HEAD"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/services", http.NoBody)
			if test.target == "PUT" {
				r.Method = test.target
			} else {
				r = httptest.NewRequestWithContext(t.Context(), http.MethodGet, test.target, http.NoBody)
			}
			w := do(t, &fakeStore{err: test.err}, r)
			var doc envelope
			if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
				t.Fatalf("%v in %s", err, w.Body)
			}
			if w.Code != test.status || len(doc.Errors) != 1 || doc.Errors[0].Code != test.status ||
				!strings.Contains(doc.Errors[0].Msg, test.msg) || doc.Data != nil {
				t.Errorf("status %d, want %d with %q: %s", w.Code, test.status, test.msg, w.Body)
			}
			switch w.Code {
			case http.StatusTooManyRequests:
				if got := w.Header().Get("Retry-After"); got != "2" {
					t.Errorf("Retry-After %q, want 2", got)
				}
			case http.StatusMethodNotAllowed:
				if w.Header().Get("Allow") == "" {
					t.Error("no Allow header")
				}
			}
		})
	}
}

// TestLateFailureCutsTheAnswer: half a list must not look whole.
func TestLateFailureCutsTheAnswer(t *testing.T) {
	for _, target := range []string{
		"/api/traces?service=s",
		"/api/v3/traces?query.startTimeMin=2026-01-01T00:00:00Z&query.startTimeMax=2026-01-02T00:00:00Z",
	} {
		store := &fakeStore{getErr: base.Errorf(base.ClassUnavailable, "gone"), getOK: 1}
		for i := range uint64(chunkTraces + 1) {
			store.traces = append(store.traces, newTrace(i+1))
		}
		func() {
			defer func() {
				if err, _ := recover().(error); !errors.Is(err, http.ErrAbortHandler) {
					t.Errorf("%s: recovered %v", target, err)
				}
			}()
			newTestMux(t, store).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody))
		}()
		store = &fakeStore{getErr: store.getErr, traces: store.traces}
		if w := get(t, store, target); w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s: an early failure has status %d", target, w.Code)
		}
	}
}

// TestLargeTracesStream: answers larger than the buffer arrive whole, over a real
// connection.
func TestLargeTracesStream(t *testing.T) {
	const spans = 5000
	srv := httptest.NewServer(newTestMux(t, &fakeStore{traces: []trace.Trace{benchTrace(spans)}}))
	defer srv.Close()
	for path, mark := range map[string]string{"/api/traces/": `"processID":`, "/api/v3/traces/": `"spanId":`} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+path+traceID(1).String(), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := srv.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.Body.Close() != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(body, []byte(mark)); n != spans || !json.Valid(body) || len(body) < 10*flushBytes {
			t.Errorf("%s: %d spans in %d bytes", path, n, len(body))
		}
	}
}

// slowStore takes until its caller gives up.
type slowStore struct{ fakeStore }

func (s *slowStore) Services(ctx context.Context) ([]string, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestSlowStoreIsTimedOut(t *testing.T) {
	g, err := New(&slowStore{}, Options{Timeout: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	g.RegisterHTTP(mux)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/services", http.NoBody))
	if w.Code != http.StatusGatewayTimeout {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

func TestOptions(t *testing.T) {
	if _, err := New(nil, Options{}); base.ClassOf(err) != base.ClassInvalid {
		t.Errorf("without a store: %v", err)
	}
	if g, err := New(&fakeStore{}, Options{Timeout: -1}); err != nil || g.opts.Clock == nil || g.opts.Logger == nil {
		t.Errorf("defaults: %v", err)
	}
}

// TestStatusIsToldOnce: an attribute that says the status goes instead of the tag
// that would.
func TestStatusIsToldOnce(t *testing.T) {
	yes := trace.Attr{Key: "error", Value: trace.Value{Kind: trace.KindBool, Int: 1}}
	for want, test := range map[string]struct {
		code  int32
		attrs []trace.Attr
	}{
		"":                                      {},
		"otel.status_code=OK":                   {code: 1},
		"error otel.status_code=ERROR":          {code: 2},
		"error=true otel.status_code=ERROR":     {code: 2, attrs: []trace.Attr{yes}},
		"error otel.status_code=error":          {code: 2, attrs: []trace.Attr{text("otel.status_code", "error")}},
		"error=true":                            {attrs: []trace.Attr{yes}},
		"error=no error otel.status_code=ERROR": {code: 2, attrs: []trace.Attr{text("error", "no")}},
	} {
		tr := newTrace(1)
		tr.Spans[0].StatusCode, tr.Spans[0].Attrs = test.code, test.attrs
		w := get(t, &fakeStore{traces: []trace.Trace{tr}}, "/api/traces/"+tr.ID.String())
		var doc struct {
			Data []struct {
				Spans []struct{ Tags []struct{ Key, Value any } }
			}
		}
		if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, tag := range doc.Data[0].Spans[0].Tags {
			got = append(got, fmt.Sprintf("%v=%v", tag.Key, tag.Value))
		}
		if want := strings.ReplaceAll(want, "error ", "error=true "); want != strings.Join(got, " ") {
			t.Errorf("tags %v, want %s", got, want)
		}
	}
}

// TestLegacyTwin compares the encoder with documents built the slow way.
func TestLegacyTwin(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		tr := randomTrace(rng, 1+rng.IntN(6))
		var buf bytes.Buffer
		out := &output{w: &buf}
		enc := spanEncoder{raw: true}
		enc.encode(out, &tr)
		out.flush()
		var got any
		if err := json.Unmarshal(buf.Bytes(), &got); err != nil {
			t.Fatalf("seed %d: %v in %s", seed, err, buf.Bytes())
		}
		if diff := cmp.Diff(normal(t, legacyDoc(&tr)), got); diff != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, diff)
		}
	}
}

// normal passes a document through JSON.
func normal(t *testing.T, doc any) any {
	t.Helper()
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

type object = map[string]any

func legacyDoc(t *trace.Trace) object {
	spans, processes, ids := []any{}, object{}, map[string]string{}
	for i := range t.Spans {
		s := &t.Spans[i]
		p := object{"serviceName": s.Resource.Service(), "tags": tagDocs(s.Resource.Attrs)}
		if p["serviceName"] == "" {
			p["serviceName"] = wire.NoService
		}
		key, _ := json.Marshal(p)
		if ids[string(key)] == "" {
			ids[string(key)] = fmt.Sprintf("p%d", len(ids)+1)
			processes[ids[string(key)]] = p
		}
		spans = append(spans, object{
			"traceID": s.TraceID.String(), "spanID": s.SpanID.String(), "operationName": s.Name,
			"references": referenceDocs(s), "startTime": s.StartNanos / 1000, "duration": (s.EndNanos - s.StartNanos) / 1000,
			"tags": spanTagDocs(s), "logs": logDocs(s), "processID": ids[string(key)], "warnings": nil,
		})
	}
	return object{"traceID": t.ID.String(), "spans": spans, "processes": processes, "warnings": nil}
}

func referenceDocs(s *trace.Span) []any {
	refs := []any{}
	if !s.ParentID.IsZero() {
		refs = append(refs, object{"refType": "CHILD_OF", "traceID": s.TraceID.String(), "spanID": s.ParentID.String()})
	}
	for _, l := range s.Links {
		if !s.ParentID.IsZero() && l.SpanID == s.ParentID {
			refs[0].(object)["refType"] = "FOLLOWS_FROM"
			continue
		}
		refs = append(refs, object{"refType": "FOLLOWS_FROM", "traceID": l.TraceID.String(), "spanID": l.SpanID.String()})
	}
	return refs
}

func spanTagDocs(s *trace.Span) []any {
	tags := []any{}
	add := func(key, typ string, v any) {
		if v != "" {
			tags = append(tags, object{"key": key, "type": typ, "value": v})
		}
	}
	add("otel.scope.name", "string", s.Scope.Name)
	add("otel.scope.version", "string", s.Scope.Version)
	tags = append(tags, tagDocs(s.Attrs)...)
	add("span.kind", "string", []string{"", "internal", "server", "client", "producer", "consumer"}[s.Kind])
	add("otel.status_code", "string", []string{"", "OK", "ERROR"}[s.StatusCode])
	if s.StatusCode == 2 {
		add("error", "bool", true)
	}
	add("otel.status_description", "string", s.StatusMessage)
	add("w3c.tracestate", "string", s.TraceState)
	return tags
}

func logDocs(s *trace.Span) []any {
	logs := []any{}
	for _, v := range s.Events {
		fields := []any{}
		if v.Name != "" {
			fields = append(fields, object{"key": "event", "type": "string", "value": v.Name})
		}
		logs = append(logs, object{"timestamp": v.TimeNanos / 1000, "fields": append(fields, tagDocs(v.Attrs)...)})
	}
	return logs
}

func tagDocs(attrs []trace.Attr) []any {
	tags := []any{}
	for _, a := range attrs {
		d := object{"key": a.Key, "type": "string", "value": a.Value.Str}
		switch v := a.Value; v.Kind {
		case trace.KindBool:
			d["type"], d["value"] = "bool", v.Int != 0
		case trace.KindInt:
			d["type"], d["value"] = "int64", v.Int
			if v.Int >= 1<<53 || v.Int <= -1<<53 {
				d["value"] = fmt.Sprint(v.Int)
			}
		case trace.KindDouble:
			d["type"], d["value"] = "float64", v.Dbl
		case trace.KindBytes:
			d["type"], d["value"] = "binary", base64.StdEncoding.EncodeToString([]byte(v.Str))
		case trace.KindList, trace.KindMap:
			d["value"] = string(plainTwin(&v))
		}
		tags = append(tags, d)
	}
	return tags
}

// plainTwin keeps the order of maps, which encoding/json would not.
func plainTwin(v *trace.Value) []byte {
	var doc any
	switch v.Kind {
	case trace.KindString:
		doc = v.Str
	case trace.KindBool:
		doc = v.Int != 0
	case trace.KindInt:
		doc = v.Int
	case trace.KindDouble:
		doc = v.Dbl
	case trace.KindBytes:
		doc = []byte(v.Str)
	case trace.KindList:
		var items [][]byte
		for i := range v.List {
			items = append(items, plainTwin(&v.List[i]))
		}
		return fmt.Appendf(nil, "[%s]", bytes.Join(items, []byte(",")))
	case trace.KindMap:
		var items [][]byte
		for i := range v.Map {
			items = append(items, fmt.Appendf(nil, "%s:%s", plainTwin(&trace.Value{Kind: trace.KindString, Str: v.Map[i].Key}), plainTwin(&v.Map[i].Value)))
		}
		return fmt.Appendf(nil, "{%s}", bytes.Join(items, []byte(",")))
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(doc); err != nil {
		panic(err)
	}
	// encoding/json always escapes U+2028, and writes e-07 as e-7.
	b := bytes.ReplaceAll(bytes.TrimSpace(buf.Bytes()), []byte(`\u2028`), []byte("\u2028"))
	if v.Kind == trace.KindDouble {
		b = bytes.ReplaceAll(b, []byte("e-7"), []byte("e-07"))
	}
	return b
}

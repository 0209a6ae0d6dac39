package jaeger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pandodb/pando/internal/model/trace"
)

// namesIn returns the names of the spans of an answer in Jaeger's or OTLP's JSON.
func namesIn(t *testing.T, body []byte) string {
	t.Helper()
	var doc struct {
		Data []struct {
			Spans []struct{ OperationName string }
		}
		Result struct {
			ResourceSpans []struct {
				ScopeSpans []struct{ Spans []struct{ Name string } }
			}
		}
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	var names []string
	for _, tr := range doc.Data {
		for _, s := range tr.Spans {
			names = append(names, s.OperationName)
		}
	}
	for _, rs := range doc.Result.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				names = append(names, s.Name)
			}
		}
	}
	return strings.Join(names, " ")
}

func transform(t *testing.T, body string) *httptest.ResponseRecorder {
	t.Helper()
	return do(t, &fakeStore{}, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/transform", strings.NewReader(body)))
}

// aFile is what a person drops on Jaeger's page: two traces, mixed.
const aFile = `{"resourceSpans":[{
 "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}},{"key":"host.name","value":{"stringValue":"h"}}]},
 "scopeSpans":[{"scope":{"name":"lib"},"spans":[
  {"traceId":"0a000000000000000000000000000002","spanId":"0000000000000001","name":"second","kind":3,"startTimeUnixNano":"2000000","endTimeUnixNano":"2500000","status":{"code":2}},
  {"traceId":"0a000000000000000000000000000001","spanId":"0000000000000002","parentSpanId":"0000000000000009","name":"first","startTimeUnixNano":"1000000","endTimeUnixNano":"1500000",
   "attributes":[{"key":"n","value":{"intValue":"7"}}],"events":[{"timeUnixNano":"1100000","name":"e"}]}]}]}]}`

func TestTransform(t *testing.T) {
	w := transform(t, aFile)
	wantBody(t, w, `{"data":[`+
		`{"traceID":"0a000000000000000000000000000002","spans":[{"traceID":"0a000000000000000000000000000002","spanID":"0000000000000001","operationName":"second","references":[],"startTime":2000,"duration":500,`+
		`"tags":[{"key":"otel.scope.name","type":"string","value":"lib"},{"key":"span.kind","type":"string","value":"client"},{"key":"otel.status_code","type":"string","value":"ERROR"},{"key":"error","type":"bool","value":true}],"logs":[],"processID":"p1","warnings":null}],`+
		`"processes":{"p1":{"serviceName":"shop","tags":[{"key":"host.name","type":"string","value":"h"}]}},"warnings":null},`+
		`{"traceID":"0a000000000000000000000000000001","spans":[{"traceID":"0a000000000000000000000000000001","spanID":"0000000000000002","operationName":"first","references":[{"refType":"CHILD_OF","traceID":"0a000000000000000000000000000001","spanID":"0000000000000009"}],"startTime":1000,"duration":500,`+
		`"tags":[{"key":"otel.scope.name","type":"string","value":"lib"},{"key":"n","type":"int64","value":7}],"logs":[{"timestamp":1100,"fields":[{"key":"event","type":"string","value":"e"}]}],"processID":"p1","warnings":null}],`+
		`"processes":{"p1":{"serviceName":"shop","tags":[{"key":"host.name","type":"string","value":"h"}]}},"warnings":null}`+
		`],"total":0,"limit":0,"offset":0,"errors":null}`)
	wantBody(t, transform(t, `{}`), `{"data":[],"total":0,"limit":0,"offset":0,"errors":null}`)
}

func TestTransformRefusals(t *testing.T) {
	for body, want := range map[string]string{
		"":                    "OTLP JSON: ",
		"{":                   "OTLP JSON: ",
		`{"resourceSpans":7}`: "OTLP JSON: resourceSpans",
		`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"7","spanId":"0000000000000001"}]}]}]}`:                                                      "traceId",
		`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0a000000000000000000000000000002","spanId":"0000000000000000"}]}]}]}`:                       "OTLP JSON: 1 spans cannot be shown: ",
		`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00000000000000000000000000000000","spanId":"0000000000000001","startTimeUnixNano":1}]}]}]}`: "trace id",
	} {
		w := transform(t, body)
		var doc envelope
		if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		if w.Code != http.StatusBadRequest || len(doc.Errors) != 1 || !strings.Contains(doc.Errors[0].Msg, want) {
			t.Errorf("%.40s: status %d, want 400 with %q: %s", body, w.Code, want, w.Body)
		}
	}
	if w := transform(t, strings.Repeat(" ", maxTransformBytes+1)); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a large body: status %d", w.Code)
	}
}

// TestTransformIsBounded: files take memory, so those that come while others are
// being read are to come again.
func TestTransformIsBounded(t *testing.T) {
	mux := newTestMux(t, &fakeStore{})
	send := func(body io.Reader) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/transform", body))
		return w
	}
	var wg sync.WaitGroup
	files := make([]*io.PipeWriter, maxTransforms)
	for i := range files {
		r, w := io.Pipe()
		files[i] = w
		wg.Go(func() {
			if got := send(r); got.Code != http.StatusOK {
				t.Errorf("file %d: %d", i, got.Code)
			}
		})
		_, _ = io.WriteString(w, "{") // returns when it is being read
	}
	if got := send(strings.NewReader("{}")); got.Code != http.StatusTooManyRequests || got.Header().Get("Retry-After") == "" {
		t.Errorf("one more: %d %v", got.Code, got.Header())
	}
	for _, w := range files {
		_, _ = io.WriteString(w, "}")
		_ = w.Close()
	}
	wg.Wait()
	if got := send(strings.NewReader("{}")); got.Code != http.StatusOK {
		t.Errorf("afterwards: %d", got.Code)
	}
}

// TestBodiesComeInTime: who stops sending is told so, and no request after it is
// cut short.
func TestBodiesComeInTime(t *testing.T) {
	g, err := New(&fakeStore{}, Options{Timeout: 20 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	g.RegisterHTTP(mux)
	s := httptest.NewServer(mux)
	defer s.Close()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()                    // the server did
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second)) // a hang is a failure
	_, _ = io.WriteString(conn, "POST /api/transform HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
	answer, _ := io.ReadAll(conn)
	if !bytes.HasPrefix(answer, []byte("HTTP/1.1 400 ")) || !bytes.Contains(answer, []byte("the request body did not come in time")) {
		t.Errorf("got %s", answer)
	}
	for range 2 { // over one connection
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/api/transform", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := s.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		if _ = resp.Body.Close(); resp.StatusCode != http.StatusOK {
			t.Errorf("afterwards: %s", resp.Status)
		}
	}
}

// TestTransformShowsWhatV3Sends: what api/v3 answers can be dropped on the page,
// which shows what the legacy surface does.
func TestTransformShowsWhatV3Sends(t *testing.T) {
	for seed := range uint64(50) {
		tr := randomTrace(rand.New(rand.NewPCG(seed, 4)), 1)
		tr.Spans[0].StartNanos = max(1, tr.Spans[0].StartNanos)
		store := &fakeStore{traces: []trace.Trace{tr}}
		sent := get(t, store, "/api/v3/traces/"+tr.ID.String()+"?rawTraces=true").Body.Bytes()
		sent = bytes.TrimSuffix(bytes.TrimPrefix(sent, []byte(`{"result":`)), []byte("}"))
		want := get(t, store, "/api/traces/"+tr.ID.String()+"?raw=true").Body.String()
		if diff := cmp.Diff(want, transform(t, string(sent)).Body.String()); diff != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, diff)
		}
	}
}

func TestPrettyPrint(t *testing.T) {
	store := &fakeStore{traces: []trace.Trace{richTrace(), newTrace(1)}, services: []string{`a"{\`, "b"}}
	for _, target := range []string{"/api/services", "/api/traces?service=s", "/api/traces/" + traceID(0xabc).String(), "/api/traces?traceID=77", "/api/dependencies"} {
		sign := "?"
		if strings.Contains(target, "?") {
			sign = "&"
		}
		var want bytes.Buffer
		if err := json.Indent(&want, get(t, store, target).Body.Bytes(), "", "    "); err != nil {
			t.Fatal(err)
		}
		for _, on := range []string{"true", "1", "yes"} {
			w := get(t, store, target+sign+"prettyPrint="+on)
			if diff := cmp.Diff(want.String(), w.Body.String()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", target, diff)
			}
			if n := w.Header().Get("Content-Length"); n != "" && n != fmt.Sprint(w.Body.Len()) {
				t.Errorf("%s: announces %s bytes of %d", target, n, w.Body.Len())
			}
		}
		if got := get(t, store, target+sign+"prettyPrint=false").Body.String(); strings.Contains(got, "\n") {
			t.Errorf("%s: prettyPrint=false is pretty", target)
		}
	}
}

// FuzzIndenter: any document, in any two pieces, as encoding/json indents it.
func FuzzIndenter(f *testing.F) {
	f.Add([]byte(`{"a":[],"b":{},"c":[1,{"d":"\\\"{"}],"e":"x,y:z"}`), uint(7))
	f.Add([]byte(`[[[]]]`), uint(2))
	f.Fuzz(func(t *testing.T, doc []byte, cut uint) {
		var compact, want bytes.Buffer
		if json.Compact(&compact, doc) != nil || json.Indent(&want, compact.Bytes(), "", "    ") != nil {
			return
		}
		src := compact.Bytes()
		at := int(cut % uint(len(src)+1))
		var n indenter
		got := n.append(n.append(nil, src[:at]), src[at:])
		if !bytes.Equal(want.Bytes(), got) {
			t.Errorf("%s in two at %d:\n%s", src, at, got)
		}
	})
}

package pandotest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"github.com/jaegertracing/jaeger/cmd/query/app"
	"github.com/jaegertracing/jaeger/cmd/query/app/apiv3"
	"github.com/jaegertracing/jaeger/cmd/query/app/querysvc"
	v2querysvc "github.com/jaegertracing/jaeger/cmd/query/app/querysvc/v2/querysvc"
	"github.com/jaegertracing/jaeger/internal/storage/v2/v1adapter"
)

// newJaeger returns the HTTP API of Jaeger, put together as Jaeger does, over the
// server as its remote storage.
func newJaeger(t *testing.T, addr string) http.Handler {
	t.Helper()
	s, archive := newStorageV2(t, addr, false), newStorageV2(t, addr, true)
	router := app.NewRouter()
	(&apiv3.HTTPGateway{
		QueryService: v2querysvc.NewQueryService(s.TraceReader, s.DependencyReader, v2querysvc.QueryServiceOptions{
			ArchiveTraceReader: archive.TraceReader, ArchiveTraceWriter: archive.TraceWriter,
		}),
		Logger: zap.NewNop(), Tracer: noop.NewTracerProvider(),
	}).RegisterRoutes(router)
	app.NewAPIHandler(querysvc.NewQueryService(s.TraceReader, s.DependencyReader, querysvc.QueryServiceOptions{
		ArchiveSpanReader: v1adapter.GetV1Reader(archive.TraceReader), ArchiveSpanWriter: v1adapter.GetV1Writer(archive.TraceWriter),
	})).RegisterRoutes(router)
	return router
}

// answer is the status of an answer and its JSON, in an order that does not
// depend on who answers.
type answer struct {
	status int
	doc    any
}

// TestQueryService sends the same requests to Jaeger's HTTP API over the server
// and to the server's own, and wants the same answers.
func TestQueryService(t *testing.T) {
	addr := startServer(t)
	jaeger := newJaeger(t, addr)
	now := time.Now().UTC().Truncate(time.Second)
	traces, ids := randomTraces(1, 80, now)
	if err := newStorageV2(t, addr, false).TraceWriter.WriteTraces(t.Context(), traces); err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, id := range ids {
		texts = append(texts, id.String())
	}
	for name, requests := range map[string][]string{
		"names": nameRequests(now), "searches": searchRequests(now), "traces": traceRequests(texts, now),
		"api_v3": v3Requests(texts, now), "archive": archiveRequests(texts), "refused": refusedRequests(texts[0]),
	} {
		t.Run(name, func(t *testing.T) {
			full := 0
			for _, request := range requests {
				method, target, _ := strings.Cut(request, " ")
				want, got := askJaeger(t, jaeger, method, target), askServer(t, addr, method, target)
				if want.status != got.status {
					t.Errorf("%s: status %d, Jaeger's is %d", request, got.status, want.status)
				} else if want.status < http.StatusBadRequest {
					full += size(want.doc)
					if where := firstDifference("", got.doc, want.doc); where != "" {
						t.Errorf("%s: %s", request, where)
					}
				}
			}
			if full == 0 && name != "refused" {
				t.Error("all answers are empty")
			}
		})
	}
}

func nameRequests(now time.Time) []string {
	out := []string{"GET /api/services", "GET /api/v3/services", "GET /api/services/nobody/operations"}
	for i := range 6 {
		out = append(out, fmt.Sprintf("GET /api/services/service-%d/operations", i),
			fmt.Sprintf("GET /api/operations?service=service-%d", i), fmt.Sprintf("GET /api/operations?service=service-%d&spanKind=server", i),
			fmt.Sprintf("GET /api/v3/operations?service=service-%d", i), fmt.Sprintf("GET /api/v3/operations?service=service-%d&span_kind=client", i))
	}
	for _, lookback := range []time.Duration{time.Hour, 24 * time.Hour} {
		out = append(out, fmt.Sprintf("GET /api/dependencies?endTs=%d&lookback=%d", now.UnixMilli(), lookback.Milliseconds()))
	}
	return append(out, fmt.Sprintf("GET /api/dependencies?endTs=%d&lookback=7200000&service=service-1", now.UnixMilli()))
}

// searchRequests are searches of the legacy API: every condition alone and mixed.
func searchRequests(now time.Time) (out []string) {
	start, end := strconv.FormatInt(now.Add(-2*time.Hour).UnixMicro(), 10), strconv.FormatInt(now.UnixMicro(), 10)
	conditions := []url.Values{
		{},
		{"limit": {"3"}},
		{"limit": {"1000"}},
		{"raw": {"true"}},
		{"operation": {"operation 1/<é>"}},
		{"operation": {"nothing"}},
		{"minDuration": {"45ms"}},
		{"maxDuration": {"40.5ms"}},
		{"minDuration": {"40ms"}, "maxDuration": {"46ms"}},
		{"tags": {`{"error":"true"}`}},
		{"tags": {`{"span.kind":"server"}`}},
		{"tags": {`{"otel.status_code":"ERROR"}`}},
		{"tags": {`{"http.response.status_code":"500"}`}},
		{"tags": {`{"key.1.3":"true"}`}},
		{"tags": {`{"host.name":"host-2","error":"true"}`}},
		{"tag": {"http.response.status_code:200"}},
		{"tag": {"otel.scope.name:scope-1", "span.kind:client"}},
		{"tags": {`{"nothing":"1"}`}},
		{"operation": {"operation 2/<é>"}, "tags": {`{"error":"true"}`}, "minDuration": {"30ms"}},
	}
	for _, service := range []string{"service-0", "service-3"} {
		for _, c := range conditions {
			c.Set("service", service)
			c.Set("start", start)
			c.Set("end", end)
			out = append(out, "GET /api/traces?"+c.Encode())
		}
	}
	return out
}

// traceRequests ask for traces by all the ways to write an id.
func traceRequests(ids []string, now time.Time) (out []string) {
	for _, id := range ids {
		out = append(out, "GET /api/traces/"+id, "GET /api/traces/"+id+"?raw=true", "GET /api/traces/"+strings.TrimLeft(id, "0"))
	}
	return append(out, "GET /api/traces?traceID="+ids[0]+"&traceID="+ids[1], "GET /api/traces?traceID="+ids[2]+"&traceID=77",
		fmt.Sprintf("GET /api/traces/%s?start=%d&end=%d", ids[3], now.Add(-2*time.Hour).UnixMicro(), now.UnixMicro()))
}

func v3Requests(ids []string, now time.Time) (out []string) {
	for _, id := range ids {
		out = append(out, "GET /api/v3/traces/"+id, "GET /api/v3/traces/"+id+"?raw_traces=true")
	}
	for _, c := range []url.Values{
		{},
		{"query.num_traces": {"2"}},
		{"query.raw_traces": {"true"}},
		{"query.operation_name": {"operation 3/<é>"}},
		{"query.duration_min": {"45ms"}},
		{"query.duration_max": {"41ms"}},
		{"query.operation_name": {"nothing"}},
	} {
		c.Set("query.service_name", "service-4")
		c.Set("query.start_time_min", now.Add(-2*time.Hour).Format(time.RFC3339Nano))
		c.Set("query.start_time_max", now.Format(time.RFC3339Nano))
		out = append(out, "GET /api/v3/traces?"+c.Encode())
	}
	return out
}

// archiveRequests have one of the two archive each trace twice, and read it.
func archiveRequests(ids []string) (out []string) {
	for _, id := range ids[:10] {
		out = append(out, "POST /api/archive/"+id, "GET /api/traces/"+id)
	}
	return out
}

func refusedRequests(id string) []string {
	return []string{
		"GET /api/traces/77", "GET /api/v3/traces/77", "POST /api/archive/77",
		"GET /api/traces/not-an-id", "GET /api/traces/" + id + id, "GET /api/v3/traces/not-an-id", "POST /api/archive/not-an-id",
		"GET /api/traces/" + id + "?raw=maybe", "GET /api/traces/" + id + "?start=soon",
		"GET /api/traces?service=service-0&limit=many", "GET /api/traces?service=service-0&start=soon", "GET /api/traces?service=service-0&minDuration=long",
		"GET /api/traces?service=service-0&tags=%7B", "GET /api/traces?service=service-0&tag=alone", "GET /api/traces?service=service-0&minDuration=2s&maxDuration=1s",
		"GET /api/operations", "GET /api/dependencies?endTs=soon", "GET /api/dependencies?endTs=1&lookback=long",
		"GET /api/v3/traces?query.service_name=service-0", "GET /api/v3/traces?query.start_time_min=soon&query.start_time_max=later",
	}
}

func askJaeger(t *testing.T, jaeger http.Handler, method, target string) answer {
	t.Helper()
	w := httptest.NewRecorder()
	jaeger.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, target, http.NoBody))
	return newAnswer(t, target, w.Code, w.Body.Bytes())
}

func askServer(t *testing.T, addr, method, target string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+addr+target, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return newAnswer(t, target, res.StatusCode, body)
}

// newAnswer decodes a body that may be several documents, one after another.
func newAnswer(t *testing.T, target string, status int, body []byte) answer {
	t.Helper()
	var docs []any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	for {
		var doc any
		if err := d.Decode(&doc); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%s: %v in %.500s", target, err, body)
		}
		docs = append(docs, doc)
	}
	if strings.HasPrefix(target, "/api/v3/traces") && status == http.StatusOK {
		return answer{status, otlpSpans(docs)}
	}
	for _, doc := range docs {
		if strings.HasPrefix(target, "/api/v3/") {
			settleV3(doc)
		} else {
			settle(doc)
		}
	}
	return answer{status, docs}
}

// settle orders what has no order in an answer of the legacy API: traces, spans,
// the names of processes, which go where they are used, and other lists. No data
// is an empty list, which Jaeger writes as null where it never began one.
func settle(doc any) {
	data := list(doc, "data")
	if data == nil {
		doc.(map[string]any)["data"] = []any{}
	}
	for _, e := range data {
		trace, _ := e.(map[string]any)
		spans, _ := trace["spans"].([]any)
		for _, s := range spans {
			span := s.(map[string]any)
			span["process"] = trace["processes"].(map[string]any)[span["processID"].(string)]
			delete(span, "processID")
		}
		delete(trace, "processes")
		slices.SortFunc(spans, byText)
	}
	slices.SortFunc(data, byText)
}

// settleV3 orders the operations of an answer of api/v3. A kind that no span has
// told is internal there, as in Jaeger 2; version 1 leaves it out.
func settleV3(doc any) {
	operations := list(doc, "operations")
	for _, o := range operations {
		if operation := o.(map[string]any); operation["spanKind"] == nil {
			operation["spanKind"] = "internal"
		}
	}
	slices.SortFunc(operations, byText)
}

// byText compares values by their JSON.
func byText(a, b any) int { return cmp.Compare(text(a), text(b)) }

// otlpSpans returns the spans of documents of api/v3 with their resource and
// scope, attributes by name and events by time.
func otlpSpans(docs []any) (spans []any) {
	for _, doc := range docs {
		result, _ := doc.(map[string]any)["result"].(map[string]any)
		for _, rs := range list(result, "resourceSpans") {
			for _, ss := range list(rs, "scopeSpans") {
				for _, s := range list(ss, "spans") {
					span := s.(map[string]any)
					span["resource"], span["scope"] = rs.(map[string]any)["resource"], ss.(map[string]any)["scope"]
					spans = append(spans, span)
				}
			}
		}
	}
	for _, span := range spans {
		orderAttributes(span)
		slices.SortStableFunc(list(span, "events"), func(a, b any) int {
			return cmp.Compare(text(a.(map[string]any)["timeUnixNano"]), text(b.(map[string]any)["timeUnixNano"]))
		})
	}
	slices.SortFunc(spans, byText)
	return spans
}

// orderAttributes sorts every list of attributes of a document.
func orderAttributes(v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, e := range v {
			if name == "attributes" {
				slices.SortFunc(list(v, name), byText)
			}
			orderAttributes(e)
		}
	case []any:
		for _, e := range v {
			orderAttributes(e)
		}
	}
}

// list returns a member of an object that is a list; nil if there is none.
func list(v any, name string) []any {
	object, _ := v.(map[string]any)
	out, _ := object[name].([]any)
	return out
}

func text(v any) string {
	out, err := json.Marshal(v) // members by name
	if err != nil {
		return err.Error()
	}
	return string(out)
}

// size counts the values in lists of a document.
func size(v any) (n int) {
	switch v := v.(type) {
	case map[string]any:
		for _, e := range v {
			n += size(e)
		}
	case []any:
		for _, e := range v {
			n += 1 + size(e)
		}
	}
	return n
}

// firstDifference tells where two documents differ first; empty if they do not.
func firstDifference(path string, got, want any) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			break
		}
		for name := range w {
			if _, ok := g[name]; !ok {
				return fmt.Sprintf("%s.%s is missing, Jaeger says %.300s", path, name, text(w[name]))
			}
		}
		for name := range g {
			if _, ok := w[name]; !ok {
				return fmt.Sprintf("%s.%s is %.300s, Jaeger has none", path, name, text(g[name]))
			}
			if where := firstDifference(path+"."+name, g[name], w[name]); where != "" {
				return where
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if !ok {
			break
		}
		for i := range min(len(g), len(w)) {
			if where := firstDifference(fmt.Sprintf("%s[%d]", path, i), g[i], w[i]); where != "" {
				return where
			}
		}
		if len(g) != len(w) {
			return fmt.Sprintf("%s has %d elements, Jaeger's %d", path, len(g), len(w))
		}
		return ""
	}
	if got != want {
		return fmt.Sprintf("%s is %.300s, Jaeger says %.300s", path, text(got), text(want))
	}
	return ""
}

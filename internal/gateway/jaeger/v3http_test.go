package jaeger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gen/jaegerpb"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/otlpwire"
	"github.com/pandodb/pando/internal/query/search"
)

// aDay is the required part of a search.
const aDay = "query.startTimeMin=2026-11-19T00:00:00Z&query.startTimeMax=2026-11-20T00:00:00Z"

func TestV3Catalogues(t *testing.T) {
	store := &fakeStore{
		services:   []string{"bank", "shop"},
		operations: []trace.Operation{{Name: "GET /", Kind: trace.KindServer}, {Name: "job", Kind: trace.KindUnspecified}},
		deps:       []search.Dependency{{Parent: "shop", Child: "bank", Calls: 1 << 60}},
	}
	for target, want := range map[string]string{
		"/api/v3/services":                                   `{"services":["bank","shop"]}`,
		"/api/v3/operations?service=sho":                     `{"operations":[{"name":"GET /","spanKind":"server"},{"name":"job","spanKind":"internal"}]}`,
		"/api/v3/operations?service=s&span_kind=unspecified": `{"operations":[{"name":"job","spanKind":"internal"}]}`,
		"/api/v3/dependencies?startTime=1970-01-01T00:00:01Z&end_time=1970-01-01T00:00:02.5Z": `{"dependencies":[{"parent":"shop","child":"bank","callCount":"1152921504606846976"}]}`,
	} {
		t.Run(target, func(t *testing.T) { wantBody(t, get(t, store, target), want) })
	}
	if want := (base.TimeRange{Start: 1e9, End: 25e8}); store.time != want {
		t.Errorf("asked for dependencies of %v, want %v", store.time, want)
	}
	for target, want := range map[string]string{
		"/api/v3/services":                `{"services":[]}`,
		"/api/v3/operations?service=sho":  `{"operations":[]}`,
		"/api/v3/trace-summaries?" + aDay: `{"summaries":[]}`,
		"/api/v3/dependencies?startTime=1970-01-01T00:00:01Z&end_time=1970-01-01T00:00:02.5Z": `{"dependencies":[]}`,
	} {
		t.Run("empty "+target, func(t *testing.T) { wantBody(t, get(t, &fakeStore{}, target), want) })
	}
}

func TestV3TraceGolden(t *testing.T) {
	store := &fakeStore{traces: []trace.Trace{richTrace()}}
	target := "/api/v3/traces/" + traceID(0xabc).String() + "?start_time=2026-11-20T00:00:00Z&endTime=2026-11-21T00:00:00Z"
	for name, target := range map[string]string{"v3_trace.json": target + "&rawTraces=true", "v3_trace_adjusted.json": target} {
		w := get(t, store, target)
		if w.Code != http.StatusOK {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, w.Body.Bytes(), "", "  "); err != nil {
			t.Fatal(err)
		}
		wantGolden(t, name, pretty.Bytes())
	}
	day := int64(24 * time.Hour)
	noon := testNow.UnixNano()
	if want := (base.TimeRange{Start: noon - day/2 - day, End: noon + day/2 + day}); store.refs[0].Time != want {
		t.Errorf("asked for %v, want %v", store.refs[0].Time, want)
	}
}

// TestV3SearchIsOTLP: several traces make one TracesData, which says the same as
// the protobuf form.
func TestV3SearchIsOTLP(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 2))
		var store fakeStore
		var wire []byte
		for range 1 + rng.IntN(3) {
			tr := randomTrace(rng, 1+rng.IntN(8))
			store.traces = append(store.traces, tr)
			wire = trace.AppendOTLP(wire, tr.Spans)
		}
		w := get(t, &store, "/api/v3/traces?query.rawTraces=true&"+aDay)
		body, ok := bytes.CutPrefix(w.Body.Bytes(), []byte(`{"result":`))
		if !ok {
			t.Fatalf("seed %d: %s", seed, w.Body)
		}
		got, err := otlpwire.AppendJSON(nil, otlpwire.MessageRequest, body[:len(body)-1])
		if err != nil {
			t.Fatalf("seed %d: %v in %s", seed, err, body)
		}
		if want, got := decodeTraces(t, wire), decodeTraces(t, got); !proto.Equal(want, got) {
			t.Fatalf("seed %d (-want +got):\n%s", seed, cmp.Diff(want, got, protocmp.Transform()))
		}
	}
}

// TestV3JSONIsProtoJSON: but for ids in hex, the document is what protobuf's own
// library reads.
func TestV3JSONIsProtoJSON(t *testing.T) {
	tr := randomTrace(rand.New(rand.NewPCG(7, 7)), 20)
	for i := range tr.Spans { // hex digits are base64 too, of other bytes
		tr.Spans[i].Links = nil
	}
	w := get(t, &fakeStore{traces: []trace.Trace{tr}}, "/api/v3/traces?query.raw_traces=true&"+aDay)
	body := bytes.TrimPrefix(w.Body.Bytes(), []byte(`{"result":`))
	var got tracepb.TracesData
	if err := protojson.Unmarshal(body[:len(body)-1], &got); err != nil {
		t.Fatal(err)
	}
	want := decodeTraces(t, trace.AppendOTLP(nil, tr.Spans))
	ids := protocmp.IgnoreFields(&tracepb.Span{}, "trace_id", "span_id", "parent_span_id")
	if diff := cmp.Diff(want, dropEmptyStatus(&got), protocmp.Transform(), ids); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func decodeTraces(t *testing.T, wire []byte) *tracepb.TracesData {
	t.Helper()
	var msg tracepb.TracesData
	if err := proto.Unmarshal(wire, &msg); err != nil {
		t.Fatal(err)
	}
	return dropEmptyStatus(&msg)
}

// dropEmptyStatus takes away what JSON always writes and protobuf never.
func dropEmptyStatus(msg *tracepb.TracesData) *tracepb.TracesData {
	for _, rs := range msg.GetResourceSpans() {
		for _, ss := range rs.GetScopeSpans() {
			for _, s := range ss.GetSpans() {
				if proto.Size(s.GetStatus()) == 0 {
					s.Status = nil
				}
			}
		}
	}
	return msg
}

func testSummaries() []trace.Summary {
	return []trace.Summary{
		{
			ID: traceID(1), StartNanos: 1_795_176_000_000_000_001, EndNanos: 1_795_176_000_000_000_901, Spans: 3, Errors: 1, Orphans: 2,
			RootService: "shop", RootName: "GET \"/\"",
			Services: []trace.ServiceCount{{Service: "bank", Spans: 1, Errors: 1}, {Service: "shop", Spans: 2}},
		},
		{ID: trace.ID{15: 1}, Spans: 1},
	}
}

func TestV3Summaries(t *testing.T) {
	store := &fakeStore{summaries: testSummaries()}
	const want = `{"summaries":[` +
		`{"traceId":"0a000000000000000000000000000001","rootServiceName":"shop","rootOperationName":"GET \"/\"",` +
		`"minStartTimeUnixNano":"1795176000000000001","maxEndTimeUnixNano":"1795176000000000901","spanCount":3,"errorSpanCount":1,"orphanSpanCount":2,` +
		`"services":[{"name":"bank","spanCount":1,"errorSpanCount":1},{"name":"shop","spanCount":2,"errorSpanCount":0}]},` +
		`{"traceId":"00000000000000000000000000000001","rootServiceName":"","rootOperationName":"",` +
		`"minStartTimeUnixNano":"0","maxEndTimeUnixNano":"0","spanCount":1,"errorSpanCount":0,"orphanSpanCount":0,"services":[]}]}`
	w := get(t, store, "/api/v3/trace-summaries?"+aDay)
	wantBody(t, w, want)

	// The document is the protobuf message in JSON.
	var msg jaegerpb.FindTraceSummariesResponse
	if err := protojson.Unmarshal(w.Body.Bytes(), &msg); err != nil {
		t.Fatal(err)
	}
	pb := &jaegerpb.FindTraceSummariesResponse{}
	for i := range store.summaries {
		pb.Summaries = append(pb.Summaries, summaryOf(&store.summaries[i]))
	}
	if diff := cmp.Diff(pb, &msg, protocmp.Transform()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestV3PostIsTheSameSearch(t *testing.T) {
	var byGet, byPost fakeStore
	get(t, &byGet, "/api/v3/trace-summaries?"+aDay+
		`&query.serviceName=shop&query.operationName=pay&query.durationMin=1.5s&query.searchDepth=7&query.attributes={"http.status_code":"200"}`)
	body := `{"query":{"serviceName":"shop","operation_name":"pay","durationMin":"1.5s","searchDepth":7,"attributes":{"http.status_code":"200"},` +
		`"startTimeMin":"2026-11-19T00:00:00Z","startTimeMax":"2026-11-20T00:00:00Z"}}`
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v3/trace-summaries", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	if w := do(t, &byPost, r); w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	if diff := cmp.Diff(byGet.query, byPost.query); diff != "" || byGet.query == nil {
		t.Errorf("GET and POST differ (-get +post):\n%s", diff)
	}
}

func TestV3Errors(t *testing.T) {
	const search = "/api/v3/traces?"
	tests := map[string]struct {
		target string
		post   string // body
		err    error
		status int
		code   int
		msg    string
	}{
		"bad id":           {target: "/api/v3/traces/xyz", status: 400, code: 3, msg: "trace id"},
		"no such trace":    {target: "/api/v3/traces/1", status: 404, code: 5, msg: "trace not found"},
		"no traces":        {target: search + aDay, status: 404, code: 5, msg: "No traces found"},
		"no time":          {target: search + "query.serviceName=s", status: 400, code: 3, msg: "are required"},
		"no end":           {target: search + "query.start_time_min=2026-11-19T00:00:00Z", status: 400, code: 3, msg: "are required"},
		"reversed time":    {target: search + "query.startTimeMax=2026-11-19T00:00:00Z&query.startTimeMin=2026-11-20T00:00:00Z", status: 400, code: 3, msg: "must be before"},
		"bad time":         {target: search + "query.startTimeMin=now&query.startTimeMax=2026-11-20T00:00:00Z", status: 400, code: 3, msg: "'query.startTimeMin'"},
		"bad attributes":   {target: search + aDay + "&query.attributes=a:b", status: 400, code: 3, msg: "'query.attributes'"},
		"nested attribute": {target: search + aDay + `&query.attributes={"a":{"b":1}}`, status: 400, code: 3, msg: "JSON object of texts"},
		"bad depth":        {target: search + aDay + "&query.search_depth=many", status: 400, code: 3, msg: "'query.search_depth'"},
		"absurd depth":     {target: search + aDay + "&query.num_traces=1000000", status: 400, code: 3, msg: "1 to 10000"},
		"negative depth":   {target: search + aDay + "&query.searchDepth=-1", status: 400, code: 3, msg: "1 to 10000"},
		"negative time":    {target: search + aDay + "&query.durationMin=-1s", status: 400, code: 3, msg: "'query.durationMin'"},
		"NaN":              {target: search + aDay + "&query.duration_max=NaN", status: 400, code: 3, msg: "'query.duration_max'"},
		"reversed bounds":  {target: search + aDay + "&query.durationMin=2s&query.durationMax=1s", status: 400, code: 3, msg: "the maximum duration 1s is below the minimum 2s"},
		"filter":           {target: search + aDay + `&query.filter={"op":"eq"}`, status: 400, code: 3, msg: "filter.args: found 0 operands"},
		"65 conditions":    {target: search + aDay + "&query.attributes=" + manyTags(65), status: 413, code: 8, msg: "at most 64"},
		"no service":       {target: "/api/v3/operations", status: 400, code: 3, msg: "'service' is required"},
		"bad raw":          {target: "/api/v3/traces/1?rawTraces=x", status: 400, code: 3, msg: "'rawTraces'"},
		"no start":         {target: "/api/v3/dependencies?end_time=2026-11-20T00:00:00Z", status: 400, code: 3, msg: "start_time is required"},
		"no such path":     {target: "/api/v3/nothing", status: 404, code: 5, msg: "/api/v3/nothing"},
		"overload":         {target: "/api/v3/services", err: base.Retry(0, "busy"), status: 429, code: 8, msg: "busy"},
		"post elsewhere":   {target: "/api/v3/services", post: "{}", status: 405, code: 12, msg: "not allowed"},
		"post nonsense":    {target: "/api/v3/traces", post: "{", status: 400, code: 3, msg: "request body"},
		"post no query":    {target: "/api/v3/traces", post: "{}", status: 400, code: 3, msg: "query is missing"},
		"post filter":      {target: "/api/v3/traces", post: `{"query":{"filter":{},"startTimeMin":"2026-11-19T00:00:00Z","startTimeMax":"2026-11-20T00:00:00Z"}}`, status: 400, code: 3, msg: "filter.op"},
		"post large":       {target: "/api/v3/traces", post: strings.Repeat(" ", maxBodyBytes+1), status: 413, code: 8, msg: "too large"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, test.target, http.NoBody)
			if test.post != "" {
				r = httptest.NewRequestWithContext(t.Context(), http.MethodPost, test.target, strings.NewReader(test.post))
				r.Header.Set("Content-Type", "application/json")
			}
			w := do(t, &fakeStore{err: test.err}, r)
			var doc v3Error
			if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
				t.Fatalf("%v in %s", err, w.Body)
			}
			if e := doc.Error; w.Code != test.status || e.HTTPCode != test.status || int(e.GRPCCode) != test.code || !strings.Contains(e.Message, test.msg) {
				t.Errorf("status %d, want %d, code %d with %q: %s", w.Code, test.status, test.code, test.msg, w.Body)
			}
		})
	}
}

func manyTags(n int) string {
	tags := make(map[string]string, n)
	for i := range n {
		tags[fmt.Sprintf("k%d", i)] = "v"
	}
	b, err := json.Marshal(tags)
	if err != nil {
		panic(err)
	}
	return string(b)
}

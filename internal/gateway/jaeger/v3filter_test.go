package jaeger

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gen/jaegerpb"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/expression"
	"github.com/pandodb/pando/internal/query/search"
)

// aFilter in JSON, and what it says.
const (
	aFilter = `{"op":"and","args":[{"call":{"op":"eq","args":[{"attr":{"key":"http.status_code"}},{"scalar":{"value":"500"}}]}},` +
		`{"call":{"op":"gte","args":[{"field":{"name":"duration","level":"span"}},{"scalar":{"value":"2s"}}]}}]}`
	aTime = `"startTimeMin":"2026-11-19T00:00:00Z","startTimeMax":"2026-11-20T00:00:00Z"`
)

func parsedFilter(t *testing.T) *expression.Call {
	t.Helper()
	c, err := expression.ParseJSON([]byte(aFilter))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func dayOfTest(t *testing.T) base.TimeRange {
	t.Helper()
	s, err := parseV3Query(newParams(aDay))
	if err != nil {
		t.Fatal(err)
	}
	return s.time
}

// post sends a body to an address.
func post(t *testing.T, store Store, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return do(t, store, r)
}

// TestV3FiltersAndPages: every form of a request asks the same question.
func TestV3FiltersAndPages(t *testing.T) {
	want := &search.Query{Filter: parsedFilter(t), Time: dayOfTest(t), Page: &search.Page{Size: 20, Token: "t0k"}}
	const wantBody = `{"summaries":[],"nextPageToken":"more"}`
	for name, ask := range map[string]func(store *fakeStore) string{
		"get": func(store *fakeStore) string {
			return get(t, store, "/api/v3/trace-summaries?"+aDay+"&query.filter="+url.QueryEscape(aFilter)+
				"&query.pagination.pageSize=20&query.pagination.pageToken=t0k").Body.String()
		},
		"get by old names": func(store *fakeStore) string {
			return get(t, store, "/api/v3/trace-summaries?query.start_time_min=2026-11-19T00:00:00Z&query.start_time_max=2026-11-20T00:00:00Z"+
				"&query.filter="+url.QueryEscape(aFilter)+"&query.pagination.page_size=20&query.pagination.page_token=t0k").Body.String()
		},
		"post": func(store *fakeStore) string {
			return post(t, store, "/api/v3/trace-summaries", `{"query":{`+aTime+`,"filter":`+aFilter+`,"pagination":{"pageSize":20,"page_token":"t0k"}}}`).Body.String()
		},
	} {
		store := &fakeStore{next: "more"}
		if diff := cmp.Diff(wantBody, ask(store)); diff != "" {
			t.Errorf("%s: body (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(want, store.query); diff != "" {
			t.Errorf("%s: query (-want +got):\n%s", name, diff)
		}
	}
}

func TestV3FilterFindsTraces(t *testing.T) {
	store := &fakeStore{traces: []trace.Trace{newTrace(1)}}
	get(t, store, "/api/v3/traces?"+aDay+"&query.searchDepth=7&query.filter="+url.QueryEscape(aFilter))
	want := &search.Query{Filter: parsedFilter(t), Time: dayOfTest(t), Limit: 7}
	if diff := cmp.Diff(want, store.query); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestV3PagesAreCapped: a page holds at most what it asks for, so a huge one is
// as good as the largest.
func TestV3PagesAreCapped(t *testing.T) {
	var store fakeStore
	get(t, &store, "/api/v3/trace-summaries?"+aDay+"&query.pagination.pageSize=4294967295")
	if diff := cmp.Diff(&search.Page{Size: search.MaxPage}, store.query.Page); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestV3Refusals: the messages are what people see, so they are here in full.
func TestV3Refusals(t *testing.T) {
	const (
		page   = `"pagination":{"pageSize":5}`
		onSpan = "/api/v3/spans"
		onSum  = "/api/v3/trace-summaries"
	)
	order := func(terms string) string { return `{` + aTime + `,` + page + `,"orderBy":[` + terms + `]}` }
	for name, test := range map[string]struct{ target, query, msg string }{
		"filter and service":       {onSum, `{` + aTime + `,"filter":` + aFilter + `,"serviceName":"s"}`, "query has a filter and service_name: say it all in the filter"},
		"filter and all others":    {onSum, `{` + aTime + `,"filter":` + aFilter + `,"operationName":"o","attributes":{"a":"b"},"durationMin":"1s","durationMax":"2s"}`, "query has a filter and operation_name, attributes, duration_min, duration_max: say it all in the filter"},
		"page and depth":           {onSum, `{` + aTime + `,` + page + `,"searchDepth":9}`, "search_depth 9 and pagination: only one of them can bound a search"},
		"negative depth":           {onSum, `{` + aTime + `,"searchDepth":-1}`, "search_depth -1: want 1 to 10000 traces, or 0 for 100"},
		"great depth":              {onSum, `{` + aTime + `,"searchDepth":10001}`, "search_depth 10001: want 1 to 10000 traces, or 0 for 100"},
		"empty page":               {onSum, `{` + aTime + `,"pagination":{}}`, "pagination.page_size is 0: want 1 to 10000 results"},
		"token without size":       {onSum, `{` + aTime + `,"pagination":{"pageToken":"x"}}`, "pagination.page_size is 0: want 1 to 10000 results"},
		"page of traces":           {"/api/v3/traces", `{` + aTime + `,` + page + `}`, "pagination is not for whole traces: page through trace summaries, or bound the search with search_depth"},
		"no operator":              {onSum, `{` + aTime + `,"filter":{}}`, ""},
		"spans without a page":     {onSpan, `{` + aTime + `}`, "pagination.page_size is 0: want 1 to 10000 results"},
		"spans without time":       {onSpan, `{` + page + `}`, "start_time_min and start_time_max are required"},
		"spans in reversed time":   {onSpan, `{"startTimeMin":"2026-11-20T00:00:00Z","startTimeMax":"2026-11-20T00:00:00Z",` + page + `}`, "start_time_min must be before start_time_max"},
		"order by an attribute":    {onSpan, order(`{"expression":{"attr":{"key":"a"}}}`), "order_by[0].expression: no field: want startTime, duration, traceID or spanID of level span"},
		"order by another field":   {onSpan, order(`{"expression":{"field":{"level":"span","name":"name"}}}`), `order_by[0].expression: field "name" of level "span": want startTime, duration, traceID or spanID of level span`},
		"order by another level":   {onSpan, order(`{"expression":{"field":{"level":"link","name":"traceID"}}}`), `order_by[0].expression: field "traceID" of level "link": want startTime, duration, traceID or spanID of level span`},
		"order in what direction":  {onSpan, order(`{"expression":{"field":{"level":"span","name":"duration"}},"direction":"down"}`), `order_by[0].direction: "down": want asc or desc`},
		"order by one field twice": {onSpan, order(`{"expression":{"field":{"level":"span","name":"spanID"}}},{"expression":{"field":{"level":"span","name":"spanID"}},"direction":"desc"}`), "order term 1: span id is in the order already"},
	} {
		t.Run(name, func(t *testing.T) {
			w := post(t, &fakeStore{}, test.target, `{"query":`+test.query+`}`)
			if w.Code != http.StatusBadRequest {
				t.Fatalf("status %d: %s", w.Code, w.Body)
			}
			if test.msg == "" {
				if !strings.Contains(w.Body.String(), `"message":"filter.op: `) {
					t.Errorf("%s", w.Body)
				}
				return
			}
			want := string(appendString(nil, test.msg))
			if !strings.Contains(w.Body.String(), `"message":`+want) {
				t.Errorf("got %s, want %s", w.Body, want)
			}
			// gRPC says the same.
			if err := grpcSearch(t, test.target, test.query); status.Code(err) != codes.InvalidArgument || status.Convert(err).Message() != test.msg {
				t.Errorf("gRPC: %v", err)
			}
		})
	}
	for query, want := range map[string]string{
		"query.filter=%7B":                                                                  "parameter 'query.filter': ",
		"query.filter=%7B%22op%22%3A%22eq%22%7D":                                            "filter.args: found 0 operands",
		"query.pagination.pageSize=-1":                                                      "parameter 'query.pagination.pageSize': \\\"-1\\\": want 1 to 10000 results",
		"query.pagination.pageToken=x":                                                      "pagination.page_size is 0: want 1 to 10000 results",
		"query.pagination.pageSize=1&query.orderBy=duration":                                "parameter 'query.orderBy': ",
		"query.pagination.pageSize=1&query.orderBy=%5B%5D%2C%22filter%22%3A%7B%7D":          "parameter 'query.orderBy': ",
		"query.pagination.pageSize=1&query.order_by=%5B%7B%22direction%22%3A%22up%22%7D%5D": "query.orderBy[0].expression: ",
	} {
		target := "/api/v3/trace-summaries?"
		if strings.Contains(query, "order") {
			target = "/api/v3/spans?"
		}
		w := get(t, &fakeStore{}, target+aDay+"&"+query)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: status %d, want 400 with %s: %s", query, w.Code, want, w.Body)
		}
	}
}

// grpcSearch sends the same question, in JSON, by gRPC.
func grpcSearch(t *testing.T, target, query string) error {
	t.Helper()
	message := func(m proto.Message) {
		if err := protojson.Unmarshal([]byte(`{"query":`+query+`}`), m); err != nil {
			t.Fatal(err)
		}
	}
	client := dial(t, &fakeStore{})
	var err error
	switch target {
	case "/api/v3/spans":
		var req jaegerpb.FindSpansRequest
		message(&req)
		_, err = receive(client.FindSpans(t.Context(), &req))
	case "/api/v3/traces":
		var req jaegerpb.FindTracesRequest
		message(&req)
		_, err = receive(client.FindTraces(t.Context(), &req))
	default:
		var req jaegerpb.FindTraceSummariesRequest
		message(&req)
		_, err = receive(client.FindTraceSummaries(t.Context(), &req))
	}
	return err
}

func TestGRPCPagesOfSummaries(t *testing.T) {
	store := &fakeStore{next: "more"}
	for range chunkSummaries + 1 {
		store.summaries = append(store.summaries, testSummaries()[0])
	}
	q := aQuery()
	q.Pagination = &jaegerpb.Pagination{PageSize: 9}
	got, err := receive(dial(t, store).FindTraceSummaries(t.Context(), &jaegerpb.FindTraceSummariesRequest{Query: q}))
	if err != nil || len(got) != 2 || got[0].GetNextPageToken() != "" || got[1].GetNextPageToken() != "more" {
		t.Errorf("%d messages, %v", len(got), err)
	}
	if diff := cmp.Diff(&search.Page{Size: 9}, store.query.Page); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestV3SpansKnowTheirParameters: a condition of another search is not dropped.
func TestV3SpansKnowTheirParameters(t *testing.T) {
	for _, name := range []string{"query.serviceName", "query.attributes", "query.durationMin", "query.order"} {
		var store fakeStore
		w := get(t, &store, "/api/v3/spans?"+aDay+"&query.pagination.pageSize=3&"+name+"=x")
		want := "parameter '" + name + "' is none of this search: say it in query.filter"
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%d %s, want 400 and %q", w.Code, w.Body, want)
		}
	}
	var store fakeStore
	if w := get(t, &store, "/api/v3/spans?"+aDay+"&query.pagination.pageSize=3&cache=no"); w.Code != http.StatusOK {
		t.Errorf("a parameter outside of the query: %d %s", w.Code, w.Body)
	}
}

// aSpanSearch asks for spans, slowest first.
const aSpanSearch = `{"query":{` + aTime + `,"filter":` + aFilter + `,"pagination":{"pageSize":3,"pageToken":"t0k"},` +
	`"orderBy":[{"expression":{"field":{"name":"duration","level":"span"}},"direction":"desc"},{"expression":{"field":{"name":"spanID","level":"span"}}}]}}`

func wantSpanQuery(t *testing.T) *search.SpanQuery {
	t.Helper()
	return &search.SpanQuery{
		Filter: parsedFilter(t), Time: dayOfTest(t), Page: search.Page{Size: 3, Token: "t0k"},
		OrderBy: []search.SpanSort{{Field: search.SpanDuration, Desc: true}, {Field: search.SpanSpanID}},
	}
}

// TestV3Spans: spans come in the order of the store, whatever they share.
func TestV3Spans(t *testing.T) {
	a, b := richTrace().Spans, newTrace(5).Spans
	store := &fakeStore{spans: []trace.Span{a[0], b[0], a[3], a[0]}, next: "more"}
	names := strings.Join([]string{a[0].Name, b[0].Name, a[3].Name, a[0].Name}, " ")
	byPost := post(t, store, "/api/v3/spans", aSpanSearch)
	if diff := cmp.Diff(wantSpanQuery(t), store.spanQuery); diff != "" {
		t.Errorf("post (-want +got):\n%s", diff)
	}
	store.spanQuery = nil
	byGet := get(t, store, "/api/v3/spans?"+aDay+"&query.filter="+url.QueryEscape(aFilter)+"&query.pagination.pageSize=3&query.pagination.pageToken=t0k&query.orderBy="+
		url.QueryEscape(`[{"expression":{"field":{"name":"duration","level":"span"}},"direction":"desc"},{"expression":{"field":{"name":"spanID","level":"span"}},"direction":"asc"}]`))
	if diff := cmp.Diff(wantSpanQuery(t), store.spanQuery); diff != "" {
		t.Errorf("get (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(byPost.Body.String(), byGet.Body.String()); diff != "" {
		t.Errorf("GET and POST differ:\n%s", diff)
	}
	body := byPost.Body.String()
	const head, tail = `{"spans":`, `,"nextPageToken":"more"}`
	if !strings.HasPrefix(body, head) || !strings.HasSuffix(body, tail) {
		t.Fatal(body)
	}
	wrapped := `{"result":` + body[len(head):len(body)-len(tail)] + `}`
	if got := namesIn(t, []byte(wrapped)); got != names {
		t.Errorf("spans %q, want %q", got, names)
	}
	wantBody(t, post(t, &fakeStore{}, "/api/v3/spans", aSpanSearch), `{"spans":{"resourceSpans":[]}}`)
}

func TestGRPCFindSpans(t *testing.T) {
	var req jaegerpb.FindSpansRequest
	if err := protojson.Unmarshal([]byte(aSpanSearch), &req); err != nil {
		t.Fatal(err)
	}
	large := benchTrace(3000).Spans
	store := &fakeStore{spans: large, next: "more"}
	got, err := receive(dial(t, store).FindSpans(t.Context(), &req))
	if err != nil || len(got) < 2 {
		t.Fatalf("%d messages, %v", len(got), err)
	}
	if diff := cmp.Diff(wantSpanQuery(t), store.spanQuery); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	n := 0
	for i, msg := range got {
		if token := msg.GetNextPageToken(); (token == "more") != (i == len(got)-1) {
			t.Errorf("message %d has the token %q", i, token)
		}
		for _, rs := range msg.GetSpans().GetResourceSpans() {
			for _, ss := range rs.GetScopeSpans() {
				for _, s := range ss.GetSpans() {
					if trace.SpanID(s.GetSpanId()) != large[n].SpanID {
						t.Fatalf("span %d is out of order", n)
					}
					n++
				}
			}
		}
	}
	if n != len(large) {
		t.Errorf("%d spans of %d", n, len(large))
	}
}

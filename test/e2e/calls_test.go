package e2e

import (
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// overviewReader is one way of reading what spans add up to.
type overviewReader struct {
	name         string
	services     func(t *testing.T) []string
	operations   func(t *testing.T, service, kind string) []operation // of every kind if kind is empty
	dependencies func(t *testing.T, w window) []dependency
	summaries    func(t *testing.T, service string, w window) []summary // nil: the API has none
}

var overviewReaders = []overviewReader{
	{"Jaeger JSON", jaegerServices, jaegerOperations, jaegerDependencies, nil},
	{"Jaeger api/v3 HTTP", v3Services, v3Operations, v3Dependencies, v3Summaries},
	{"Jaeger api/v3 gRPC", grpcServices, grpcOperations, grpcDependencies, grpcSummaries},
}

// window is the time that is asked about.
type window struct{ start, end time.Time }

// around returns the second before and after an instant.
func around(at time.Time) window { return window{at.Add(-time.Second), at.Add(time.Second)} }

// texts returns the bounds as RFC 3339.
func (w window) texts() (start, end string) {
	return w.start.Format(time.RFC3339Nano), w.end.Format(time.RFC3339Nano)
}

type operation struct{ Name, SpanKind string }

type dependency struct {
	Parent, Child string
	CallCount     uint64
}

// summary is a TraceSummary in JSON.
type summary struct {
	TraceID   string `json:"traceId"`
	Service   string `json:"rootServiceName"`
	Operation string `json:"rootOperationName"`
	Start     int64  `json:"minStartTimeUnixNano,string"`
	End       int64  `json:"maxEndTimeUnixNano,string"`
	Spans     int    `json:"spanCount"`
	Errors    int    `json:"errorSpanCount"`
	Orphans   int    `json:"orphanSpanCount"`
	Services  []serviceSummary
}

type serviceSummary struct {
	Name   string
	Spans  int `json:"spanCount"`
	Errors int `json:"errorSpanCount"`
}

// checkout is a request that goes through three services:
//
//	calls-shop      GET /checkout
//	calls-shop      └─ POST /pay
//	calls-bank         └─ POST /pay
//	calls-bank            ├─ audit
//	calls-bank            ├─ Append
//	calls-ledger          │  └─ Append
//	calls-bank            └─ Append        lost: never arrives
//	calls-ledger             └─ Append     fails; an orphan, and nobody's call
var checkout = []struct {
	service, name string
	kind          trace.SpanKind
	parent        int // index, of the root -1
	lost, failed  bool
}{
	{service: "calls-shop", name: "GET /checkout", kind: trace.SpanKindServer, parent: -1},
	{service: "calls-shop", name: "POST /pay", kind: trace.SpanKindClient, parent: 0},
	{service: "calls-bank", name: "POST /pay", kind: trace.SpanKindServer, parent: 1},
	{service: "calls-bank", name: "audit", kind: trace.SpanKindInternal, parent: 2},
	{service: "calls-bank", name: "Append", kind: trace.SpanKindClient, parent: 2},
	{service: "calls-ledger", name: "Append", kind: trace.SpanKindServer, parent: 4},
	{service: "calls-bank", name: "Append", kind: trace.SpanKindClient, parent: 2, lost: true},
	{service: "calls-ledger", name: "Append", kind: trace.SpanKindServer, parent: 6, failed: true},
}

// checkoutSummary returns what the checkout at an instant comes to: its spans
// start a millisecond after each other and take ten.
func checkoutSummary(traceID string, at time.Time) summary {
	return summary{
		TraceID: traceID, Service: "calls-shop", Operation: "GET /checkout",
		Start: at.UnixNano(), End: at.Add(17 * time.Millisecond).UnixNano(),
		Spans: 7, Errors: 1, Orphans: 1,
		Services: []serviceSummary{{"calls-bank", 3, 0}, {"calls-ledger", 2, 1}, {"calls-shop", 2, 0}},
	}
}

// tellCheckout has three services tell their spans, each to its own exporter,
// and returns the trace id.
func tellCheckout(t *testing.T, at time.Time) string {
	t.Helper()
	providers := make(map[string]*sdktrace.TracerProvider)
	spans := make([]trace.Span, len(checkout))
	for i, c := range checkout {
		p := providers[c.service]
		if p == nil {
			p = sdktrace.NewTracerProvider(sdktrace.WithBatcher(goGRPC(t), sdktrace.WithBatchTimeout(time.Hour)),
				sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", c.service))))
			providers[c.service] = p
		}
		ctx, start := t.Context(), at.Add(time.Duration(i)*time.Millisecond)
		if c.parent >= 0 { // all that a call carries from one service to the next
			ctx = trace.ContextWithRemoteSpanContext(ctx, spans[c.parent].SpanContext())
		}
		_, s := p.Tracer("e2e").Start(ctx, c.name, trace.WithSpanKind(c.kind), trace.WithTimestamp(start))
		if c.failed {
			s.SetStatus(codes.Error, "it broke")
		}
		if !c.lost { // a span that never ends is never sent
			s.End(trace.WithTimestamp(start.Add(10 * time.Millisecond)))
		}
		spans[i] = s
	}
	for service, p := range providers {
		if err := p.Shutdown(t.Context()); err != nil { // exports, and says if that failed
			t.Fatalf("%s: %v", service, err)
		}
	}
	return spans[0].SpanContext().TraceID().String()
}

// TestCalls reads services, operations, dependencies and summaries of two
// checkouts, both at a time that no other test writes to.
func TestCalls(t *testing.T) {
	late := time.Now().UTC().Add(-10 * time.Minute).Truncate(time.Millisecond)
	early := late.Add(-10 * time.Minute)
	wantEarly := checkoutSummary(tellCheckout(t, early), early)
	wantLate := checkoutSummary(tellCheckout(t, late), late)
	both := window{around(early).start, around(late).end}
	between := around(early.Add(5 * time.Minute))
	for _, r := range overviewReaders {
		t.Run(r.name, func(t *testing.T) {
			readNames(t, r)
			for _, c := range []struct {
				name  string
				w     window
				calls uint64 // along each edge
				want  []summary
			}{
				{"both", both, 2, []summary{wantLate, wantEarly}},
				{"early", around(early), 1, []summary{wantEarly}},
				{"late", around(late), 1, []summary{wantLate}},
				{"between", between, 0, nil},
			} {
				t.Run(c.name, func(t *testing.T) {
					readCalls(t, r, c.w, c.calls)
					readSummaries(t, r, c.w, c.want)
				})
			}
		})
	}
}

// readNames reads what there is at all.
func readNames(t *testing.T, r overviewReader) {
	t.Helper()
	services := slices.DeleteFunc(r.services(t), func(s string) bool { return !strings.HasPrefix(s, "calls-") })
	if want := []string{"calls-bank", "calls-ledger", "calls-shop"}; !slices.Equal(services, want) {
		t.Errorf("services %v, want %v", services, want)
	}
	for _, c := range []struct {
		service, kind string
		want          []operation
	}{
		{"calls-bank", "", []operation{{"Append", "client"}, {"POST /pay", "server"}, {"audit", "internal"}}},
		{"calls-bank", "server", []operation{{"POST /pay", "server"}}},
		{"calls-ledger", "", []operation{{"Append", "server"}}},
		{"calls-ledger", "client", nil},
		{"calls-shop", "", []operation{{"GET /checkout", "server"}, {"POST /pay", "client"}}},
	} {
		if got := r.operations(t, c.service, c.kind); !slices.Equal(got, c.want) {
			t.Errorf("operations of %s of kind %q: %v, want %v", c.service, c.kind, got, c.want)
		}
	}
}

func readCalls(t *testing.T, r overviewReader, w window, calls uint64) {
	t.Helper()
	var want []dependency
	if calls > 0 {
		want = []dependency{{"calls-bank", "calls-ledger", calls}, {"calls-shop", "calls-bank", calls}}
	}
	if got := r.dependencies(t, w); !slices.Equal(got, want) {
		t.Errorf("dependencies %v, want %v", got, want)
	}
}

// readSummaries finds the traces by each of their services.
func readSummaries(t *testing.T, r overviewReader, w window, want []summary) {
	t.Helper()
	if r.summaries == nil {
		return
	}
	for _, service := range []string{"calls-shop", "calls-ledger"} {
		got := r.summaries(t, service, w)
		if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Errorf("summaries by %s:\n got %+v\nwant %+v", service, got, want)
		}
	}
}

func jaegerServices(t *testing.T) []string {
	t.Helper()
	var doc struct{ Data []string }
	getJSON(t, "/api/services", &doc)
	return doc.Data
}

// jaegerOperations also wants the names alone, which are a document of their own.
func jaegerOperations(t *testing.T, service, kind string) []operation {
	t.Helper()
	var doc struct{ Data []operation }
	getJSON(t, "/api/operations?"+url.Values{"service": {service}, "spanKind": {kind}}.Encode(), &doc)
	if kind != "" {
		return doc.Data
	}
	var names, want struct{ Data []string }
	for _, o := range doc.Data {
		want.Data = append(want.Data, o.Name)
	}
	getJSON(t, "/api/services/"+url.PathEscape(service)+"/operations", &names)
	if !slices.Equal(names.Data, want.Data) {
		t.Errorf("names of operations of %s: %v, want %v", service, names.Data, want.Data)
	}
	return doc.Data
}

func jaegerDependencies(t *testing.T, w window) []dependency {
	t.Helper()
	var doc struct{ Data []dependency }
	getJSON(t, "/api/dependencies?"+url.Values{
		"endTs": {itoa(int(w.end.UnixMilli()))}, "lookback": {itoa(int(w.end.Sub(w.start).Milliseconds()))},
	}.Encode(), &doc)
	return doc.Data
}

func v3Services(t *testing.T) []string {
	t.Helper()
	var doc struct{ Services []string }
	getJSON(t, "/api/v3/services", &doc)
	return doc.Services
}

func v3Operations(t *testing.T, service, kind string) []operation {
	t.Helper()
	var doc struct{ Operations []operation }
	getJSON(t, "/api/v3/operations?"+url.Values{"service": {service}, "span_kind": {kind}}.Encode(), &doc)
	return doc.Operations
}

// v3DependencyList is a DependenciesResponse in JSON.
type v3DependencyList struct {
	Dependencies []struct {
		Parent, Child string
		CallCount     uint64 `json:",string"`
	}
}

func (l *v3DependencyList) list() []dependency {
	var out []dependency
	for _, d := range l.Dependencies {
		out = append(out, dependency(d))
	}
	return out
}

func v3Dependencies(t *testing.T, w window) []dependency {
	t.Helper()
	start, end := w.texts()
	var doc v3DependencyList
	getJSON(t, "/api/v3/dependencies?"+url.Values{"start_time": {start}, "end_time": {end}}.Encode(), &doc)
	return doc.list()
}

func v3Summaries(t *testing.T, service string, w window) []summary {
	t.Helper()
	start, end := w.texts()
	var doc struct{ Summaries []summary }
	getJSON(t, "/api/v3/trace-summaries?"+url.Values{
		"query.service_name": {service}, "query.start_time_min": {start}, "query.start_time_max": {end},
	}.Encode(), &doc)
	return doc.Summaries
}

// grpcOne calls a method that answers with one message.
func grpcOne[M any](t *testing.T, method string, request any) *M {
	t.Helper()
	answer := grpcurl[M](t, method, request)
	if len(answer) != 1 {
		t.Fatalf("%s answers with %d messages", method, len(answer))
	}
	return &answer[0]
}

func grpcServices(t *testing.T) []string {
	t.Helper()
	return grpcOne[struct{ Services []string }](t, "GetServices", struct{}{}).Services
}

func grpcOperations(t *testing.T, service, kind string) []operation {
	t.Helper()
	request := map[string]string{"service": service, "span_kind": kind}
	return grpcOne[struct{ Operations []operation }](t, "GetOperations", request).Operations
}

func grpcDependencies(t *testing.T, w window) []dependency {
	t.Helper()
	start, end := w.texts()
	return grpcOne[v3DependencyList](t, "GetDependencies", map[string]string{"start_time": start, "end_time": end}).list()
}

func grpcSummaries(t *testing.T, service string, w window) []summary {
	t.Helper()
	start, end := w.texts()
	var out []summary
	for _, m := range grpcurl[struct{ Summaries []summary }](t, "FindTraceSummaries", map[string]any{"query": map[string]any{
		"service_name": service, "start_time_min": start, "start_time_max": end, "search_depth": 20,
	}}) {
		out = append(out, m.Summaries...)
	}
	return out
}

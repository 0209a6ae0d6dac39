package jaeger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

// recorded are the requests that clients send, as they send them: the method, the
// address and, behind it, the body. Dates are those of the test.
var recorded = map[string][]string{
	"grafana": {
		"GET /api/services",
		"GET /api/services/shop/operations",
		"GET /api/services/a%2Fb%20c/operations",
		"GET /api/traces?service=shop&operation=GET%20%2F%3Ccart%3E&tags=%7B%22http.status_code%22%3A%22200%22%2C%22error%22%3A%22true%22%7D" +
			"&minDuration=1ms&maxDuration=5s&limit=20&start=1795172400000000&end=1795176000000000&lookback=custom",
		"GET /api/traces?service=shop&limit=&minDuration=&maxDuration=&tags=&start=1795172400000000&end=1795176000000000&lookback=custom",
		"GET /api/traces/0a000000000000000000000000000001?start=1795172400000000&end=1795176000000000",
		"GET /api/traces/a000000000000000000000000000001",
		"GET /api/traces/0a000000000000000000000000000077",
		"GET /api/traces?service=shop&tags=%7B%22error%22%3A%22false%22%7D&start=1795172400000000&end=1795176000000000&lookback=custom",
		"GET /api/dependencies?endTs=1795176000000&lookback=3600000",
		"GET /api/v3/services",
		"GET /api/v3/operations?service=shop",
		"GET /api/v3/traces?query.service_name=shop&query.operation_name=pay&query.start_time_min=2026-11-20T11%3A00%3A00Z&query.start_time_max=2026-11-20T12%3A00%3A00Z" +
			"&query.duration_min=1ms&query.search_depth=20&query.attributes=%7B%22http.status_code%22%3A%22500%22%7D",
		"GET /api/v3/traces/0a000000000000000000000000000002?start_time=2026-11-20T11%3A00%3A00Z&end_time=2026-11-20T12%3A00%3A00Z",
	},
	"jaegerui1": {
		"GET /api/services",
		"GET /api/services/shop/operations",
		"GET /api/operations?service=shop&spanKind=server",
		"GET /api/traces?end=1795176000000000&limit=20&lookback=1h&maxDuration&minDuration&service=shop&start=1795172400000000",
		"GET /api/traces?end=1795176000000000&limit=20&lookback=2d&maxDuration=100ms&minDuration=1.2us&operation=pay&service=shop&start=1795003200000000" +
			"&tags=%7B%22error%22%3A%22true%22%2C%22span.kind%22%3A%22server%22%2C%22otel.status_code%22%3A%22ERROR%22%7D",
		"GET /api/traces?traceID=0a000000000000000000000000000001&traceID=0a000000000000000000000000000002",
		"GET /api/traces?traceID=0a000000000000000000000000000001&traceID=77",
		"GET /api/traces/0a000000000000000000000000000001?prettyPrint=true",
		"GET /api/traces/0a000000000000000000000000000002?raw=true&prettyPrint=true",
		"POST /api/archive/0a000000000000000000000000000001",
		"GET /api/dependencies?endTs=1795176000000&lookback=86400000",
	},
	"jaegerui2": {
		"GET /api/v3/services",
		"GET /api/v3/operations?service=shop",
		"GET /api/v3/trace-summaries?query.serviceName=shop&query.startTimeMin=2026-11-20T11%3A00%3A00.000Z&query.startTimeMax=2026-11-20T12%3A00%3A00.000Z&query.searchDepth=20",
		"GET /api/v3/trace-summaries?query.serviceName=shop&query.operationName=pay&query.startTimeMin=2026-11-20T11%3A00%3A00.000Z&query.startTimeMax=2026-11-20T12%3A00%3A00.000Z" +
			"&query.searchDepth=20&query.durationMin=1ms&query.durationMax=1s&query.attributes=%7B%22error%22%3A%22true%22%7D",
		"GET /api/v3/traces/0a000000000000000000000000000001",
		"GET /api/traces/0a000000000000000000000000000001",
		"GET /api/dependencies?endTs=1795176000000&lookback=86400000",
		"POST /api/transform " + aFile,
	},
	"kiali": {
		"GET /api/services",
		"GET /api/traces?end=1795176000000000&limit=100&service=shop&start=1795172400000000",
		"GET /api/traces?end=1795176000000000&limit=100&minDuration=2500us&service=shop.bookinfo&start=1795172400000000&tags=%7B%22cluster%22%3A%22Kubernetes%22%7D",
		"GET /api/traces?end=1795176000000000&limit=15&service=shop&start=1795172400000000&tags=%7B%22error%22%3A%22true%22%7D",
		"GET /api/traces/0a000000000000000000000000000001",
		"GET /api/traces/not-an-id",
	},
}

// TestClientsAreAnswered replays what clients send, and compares what the store
// is asked and what the clients get with testdata/client_*.golden.
func TestClientsAreAnswered(t *testing.T) {
	for client, requests := range recorded {
		t.Run(client, func(t *testing.T) {
			var got bytes.Buffer
			for _, request := range requests {
				method, rest, _ := strings.Cut(request, " ")
				target, body, _ := strings.Cut(rest, " ")
				store := &fakeStore{
					services:   []string{"bank", "shop"},
					operations: []trace.Operation{{Name: "GET /<cart>", Kind: trace.KindServer}, {Name: "pay", Kind: trace.KindClient}},
					deps:       []search.Dependency{{Parent: "shop", Child: "bank", Calls: 3}},
					traces:     []trace.Trace{newTrace(1), pairOfSpans()},
					summaries:  testSummaries()[:1],
				}
				w := httptest.NewRecorder()
				r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
				newReplayMux(t, store).ServeHTTP(w, r)
				fmt.Fprintf(&got, "> %s %s\n", method, target)
				fmt.Fprintf(&got, "%s%d %s\n%s\n\n", asked(store), w.Code, w.Header().Get("Content-Type"), compact(t, w.Body.Bytes()))
			}
			wantGolden(t, "client_"+client+".golden", got.Bytes())
		})
	}
}

// pairOfSpans is a failed call and its server, whose clock is ahead.
func pairOfSpans() trace.Trace {
	at := uint64(testNow.UnixNano())
	client, server := newTrace(2).Spans[0], newTrace(2).Spans[0]
	client.Name, client.Kind, client.StartNanos, client.EndNanos, client.StatusCode = "pay", trace.KindClient, at, at+5e6, trace.StatusError
	server.Name, server.Kind, server.SpanID, server.ParentID = "charge", trace.KindServer, spanID(9), client.SpanID
	server.StartNanos, server.EndNanos = at+7e6, at+9e6
	server.Resource = &trace.Resource{Attrs: []trace.Attr{text("service.name", "bank"), text("host.name", "b1")}}
	server.Attrs = []trace.Attr{{Key: "http.status_code", Value: trace.Value{Kind: trace.KindInt, Int: 500}}}
	server.Events = []trace.Event{{TimeNanos: at + 8e6, Name: "exception", Attrs: []trace.Attr{text("exception.type", "NoMoney")}}}
	return trace.Trace{ID: traceID(2), Spans: []trace.Span{client, server}}
}

func newReplayMux(t *testing.T, store Store) *http.ServeMux {
	t.Helper()
	g := newTestGateway(t, store)
	g, err := New(store, Options{Clock: g.opts.Clock, Logger: g.opts.Logger, Archive: &fakeStore{}, ArchiveSpans: &fakeSpans{}})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	g.RegisterHTTP(mux)
	return mux
}

func compact(t *testing.T, body []byte) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, body); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return out.String()
}

// asked tells what the store was asked for, a line each.
func asked(s *fakeStore) string {
	var b strings.Builder
	if s.service != "" {
		fmt.Fprintf(&b, "? operations of %q, kind %v\n", s.service, s.kind)
	}
	if s.time != (base.TimeRange{}) {
		fmt.Fprintf(&b, "? dependencies %s\n", readable(s.time))
	}
	if q := s.query; q != nil {
		fmt.Fprintf(&b, "? traces of service %q operation %q kind %v %s, duration %v to %v, at most %d, errors only %v\n",
			q.Service, q.Operation, q.Kind, readable(q.Time), time.Duration(q.MinDuration), time.Duration(q.MaxDuration), q.Limit, q.ErrorsOnly)
		for _, tag := range q.Tags {
			fmt.Fprintf(&b, "?   %q = %+v (level %d, any type %v)\n", tag.Key, tag.Value, tag.Level, tag.AnyType)
		}
		if q.Filter != nil {
			fmt.Fprintf(&b, "?   %v\n", q.Filter)
		}
	}
	for _, ref := range s.refs {
		fmt.Fprintf(&b, "? trace %v %s\n", ref.ID, readable(ref.Time))
	}
	return b.String()
}

func readable(r base.TimeRange) string {
	if r == (base.TimeRange{}) {
		return "at any time"
	}
	at := func(n int64) string { return time.Unix(0, n).UTC().Format(time.RFC3339Nano) }
	return "from " + at(r.Start) + " to " + at(r.End)
}

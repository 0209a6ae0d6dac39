package e2e

import (
	"bytes"
	"cmp"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	zipkin "github.com/openzipkin/zipkin-go"
	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/proto/zipkin_proto3"
	"github.com/openzipkin/zipkin-go/reporter"
	zipkinhttp "github.com/openzipkin/zipkin-go/reporter/http"
)

// zipkinReporter sends to pando, and keeps, what the tracers of a test report.
type zipkinReporter struct {
	reporter.Reporter

	mu       sync.Mutex
	sent     []model.SpanModel
	statuses []int
}

func newZipkinReporter(s reporter.SpanSerializer, complaints *bytes.Buffer) *zipkinReporter {
	r := new(zipkinReporter)
	r.Reporter = zipkinhttp.NewReporter("http://"+pando.addr+"/api/v2/spans",
		zipkinhttp.Serializer(s), zipkinhttp.Client(r), zipkinhttp.Logger(slog.NewLogLogger(slog.NewTextHandler(complaints, nil), slog.LevelError)))
	return r
}

// Send implements reporter.Reporter.
func (r *zipkinReporter) Send(s model.SpanModel) {
	r.mu.Lock()
	r.sent = append(r.sent, s)
	r.mu.Unlock()
	r.Reporter.Send(s)
}

// Do implements zipkinhttp.HTTPDoer.
func (r *zipkinReporter) Do(req *http.Request) (*http.Response, error) {
	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		r.statuses = append(r.statuses, resp.StatusCode)
	}
	return resp, err
}

// tracer returns a tracer of a service.
func (r *zipkinReporter) tracer(t *testing.T, service, address string) *zipkin.Tracer {
	t.Helper()
	e, err := zipkin.NewEndpoint(service, address)
	if err != nil {
		t.Fatal(err)
	}
	tracer, err := zipkin.NewTracer(r, zipkin.WithLocalEndpoint(e), zipkin.WithTraceID128Bit(service == "zipkin-shop-json"))
	if err != nil {
		t.Fatal(err)
	}
	return tracer
}

// buy reports a trace of three spans, two of which share an id, and returns its
// id. Times are whole microseconds: the library cuts others off or rounds them.
func (r *zipkinReporter) buy(t *testing.T, name string) string {
	t.Helper()
	bank := &model.Endpoint{ServiceName: "zipkin-bank", IPv4: []byte{10, 0, 0, 2}, Port: 9000}
	shop, other := r.tracer(t, "zipkin-shop-"+name, "10.0.0.1:8080"), r.tracer(t, "zipkin-bank", "[2001:db8::1]:9000")
	now := time.Now().Truncate(time.Microsecond)
	client := shop.StartSpan("pay", zipkin.Kind(model.Client), zipkin.StartTime(now), zipkin.RemoteEndpoint(bank),
		zipkin.Tags(map[string]string{"http.path": "/pay", "order": name}))
	client.Annotate(now.Add(time.Microsecond), "sent")
	server := other.StartSpan("book", zipkin.Kind(model.Server), zipkin.StartTime(now.Add(2*time.Microsecond)), zipkin.Parent(client.Context()))
	local := other.StartSpan("lock", zipkin.StartTime(now.Add(3*time.Microsecond)), zipkin.Parent(server.Context()))
	zipkin.TagError.Set(local, "no money")
	local.FinishedWithDuration(time.Microsecond)
	server.FinishedWithDuration(3 * time.Millisecond)
	client.FinishedWithDuration(4 * time.Millisecond)
	return client.Context().TraceID.String()
}

// zipkinJSON is spans as Zipkin's library writes them, in an order of their own.
func zipkinJSON(t *testing.T, spans []model.SpanModel) string {
	t.Helper()
	slices.SortFunc(spans, func(a, b model.SpanModel) int { return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Kind, b.Kind)) })
	text, err := json.MarshalIndent(spans, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestZipkinClient sends spans with Zipkin's library, in both of its encodings,
// and reads them as Zipkin's pages and as Jaeger's do.
func TestZipkinClient(t *testing.T) {
	for name, serializer := range map[string]reporter.SpanSerializer{
		"json": reporter.JSONSerializer{}, "proto": zipkin_proto3.SpanSerializer{},
	} {
		t.Run(name, func(t *testing.T) {
			var complaints bytes.Buffer
			r := newZipkinReporter(serializer, &complaints)
			id := r.buy(t, name)
			if err := r.Close(); err != nil { // sends what is left
				t.Fatal(err)
			}
			if complaints.Len() > 0 || !slices.Equal(r.statuses, []int{http.StatusAccepted}) {
				t.Fatalf("statuses %v: %s", r.statuses, &complaints)
			}
			var got []model.SpanModel
			getJSON(t, "/api/v2/trace/"+id, &got)
			if got, want := zipkinJSON(t, got), zipkinJSON(t, r.sent); got != want {
				t.Errorf("got %s\nwant %s", got, want)
			}
			for _, q := range []url.Values{
				{"limit": {"1"}, "serviceName": {"zipkin-shop-" + name}, "spanName": {"pay"}, "remoteServiceName": {"zipkin-bank"}},
				{"limit": {"1"}, "serviceName": {"zipkin-shop-" + name}, "annotationQuery": {"sent and order=" + name}},
			} {
				var found [][]model.SpanModel
				getJSON(t, "/api/v2/traces?"+q.Encode(), &found)
				if len(found) != 1 || len(found[0]) != 3 || found[0][0].TraceID.String() != id {
					t.Errorf("%s found %.1000v", q.Encode(), found)
				}
			}
			zipkinInJaeger(t, id, name)
		})
	}
}

// zipkinInJaeger checks how the trace looks to Jaeger, which gives spans that
// share an id ids of their own.
func zipkinInJaeger(t *testing.T, id, name string) {
	t.Helper()
	spans := jaegerTrace(t, id) // by name
	if len(spans) != 3 {
		t.Fatalf("Jaeger sees %+v", spans)
	}
	book, lock, pay := spans[0], spans[1], spans[2]
	if book.Parent != pay.ID || lock.Parent != book.ID || book.ID == pay.ID {
		t.Errorf("parents: %+v", spans)
	}
	if pay.Kind != "client" || book.Kind != "server" || !lock.Failed || pay.Service != "zipkin-shop-"+name || book.Service != "zipkin-bank" {
		t.Errorf("Jaeger sees %+v", spans)
	}
	if pay.Attributes["order"] != name || pay.Attributes["peer.service"] != "zipkin-bank" || !slices.Equal(pay.Events, []string{"sent"}) {
		t.Errorf("Jaeger sees %+v", pay)
	}
}

package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/gateway/otlp/rawcodec"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/otlpwire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// store is a Traces that keeps what it is given, or fails.
type store struct {
	mu struct {
		sync.Mutex
		spans []trace.Span
	}
	err error
	// If block is not nil, writes announce themselves on entered, then wait until
	// block is closed.
	block, entered chan struct{}
}

func (s *store) Bounds() base.TimeRange { return base.TimeRange{Start: 1000, End: 2000} }

func (s *store) WriteTraces(_ context.Context, b *column.Batch) error {
	if s.block != nil {
		s.entered <- struct{}{}
		<-s.block
	}
	if s.err != nil {
		return s.err
	}
	spans, err := trace.ReadSpans(b)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.spans = append(s.mu.spans, spans...)
	return nil
}

func (s *store) names() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, sp := range s.mu.spans {
		names = append(names, sp.Resource.Service()+"/"+sp.Name)
	}
	return strings.Join(names, " ")
}

func newGateway(t testing.TB, s *store, o Options) *Gateway {
	t.Helper()
	o.Resource = 3
	o.Logger = slog.New(slog.DiscardHandler)
	g, err := New(s, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if n := g.Stats().InFlightBytes; n != 0 {
			t.Errorf("%d bytes still in flight", n)
		}
	})
	return g
}

// dial serves the gateway on a pipe and returns a client of it.
func dial(t testing.TB, g *Gateway) collectorpb.TraceServiceClient {
	t.Helper()
	return collectorpb.NewTraceServiceClient(connect(t, g))
}

func connect(t testing.TB, g *Gateway, opts ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	l := bufconn.Listen(1 << 20)
	s := grpc.NewServer(g.ServerOptions()...)
	g.RegisterGRPC(s)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	conn, err := grpc.NewClient("passthrough:pipe", append(opts,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		s.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return conn
}

func span(name string, start uint64) *tracepb.Span {
	return &tracepb.Span{
		TraceId: []byte("0123456789abcdef"), SpanId: []byte("span-" + name + "....")[:8], Name: name,
		StartTimeUnixNano: start, EndTimeUnixNano: start + 7,
	}
}

func request(spans ...*tracepb.Span) *collectorpb.ExportTraceServiceRequest {
	service := &commonpb.KeyValue{Key: "service.name", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: "shop"}}}
	return &collectorpb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource:   &resourcepb.Resource{Attributes: []*commonpb.KeyValue{service}},
		ScopeSpans: []*tracepb.ScopeSpans{{Spans: spans}},
	}}}
}

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func deflate(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestGRPCStoresSpans(t *testing.T) {
	for _, opts := range [][]grpc.CallOption{nil, {grpc.UseCompressor("gzip")}} {
		s := &store{}
		client := dial(t, newGateway(t, s, Options{}))
		resp, err := client.Export(t.Context(), request(span("a", 1500), span("b", 1501)), opts...)
		if err != nil || resp.PartialSuccess != nil {
			t.Fatalf("%v, %v", resp, err)
		}
		if got := s.names(); got != "shop/a shop/b" {
			t.Errorf("stored %q", got)
		}
		if resp, err := client.Export(t.Context(), &collectorpb.ExportTraceServiceRequest{}); err != nil || resp.PartialSuccess != nil {
			t.Errorf("empty request: %v, %v", resp, err)
		}
	}
}

func TestGRPCPartialSuccess(t *testing.T) {
	s := &store{}
	g := newGateway(t, s, Options{})
	noID := span("noid", 1500)
	noID.SpanId = nil
	resp, err := dial(t, g).Export(t.Context(), request(span("old", 999), span("ok", 1000), span("new", 2000), noID))
	if err != nil {
		t.Fatal(err)
	}
	p := resp.PartialSuccess
	if p.GetRejectedSpans() != 3 || s.names() != "shop/ok" {
		t.Errorf("rejected %d, stored %q", p.GetRejectedSpans(), s.names())
	}
	for _, want := range []string{"3 of 4 spans", "before 1970-01-01T00:00:00.000001Z, the oldest that retention keeps", "too far in the future", "span id must be 8 bytes"} {
		if !strings.Contains(p.GetErrorMessage(), want) {
			t.Errorf("%q lacks %q", p.GetErrorMessage(), want)
		}
	}
	if st := g.Stats(); st.Requests != 1 || st.Failed != 0 || st.Spans != 1 || st.RejectedSpans != 3 || st.Bytes == 0 {
		t.Errorf("stats %+v", st)
	}
}

func TestErrorClassesOnTheWire(t *testing.T) {
	f := func(err error, wantGRPC codes.Code, wantHTTP int, retry time.Duration, text string) {
		t.Helper()
		g := newGateway(t, &store{err: err}, Options{})
		_, got := dial(t, g).Export(t.Context(), request(span("a", 1500)))
		st := status.Convert(got)
		if st.Code() != wantGRPC || !strings.Contains(st.Message(), text) {
			t.Errorf("%v over gRPC: %v", err, st)
		}
		var delay time.Duration
		for _, d := range st.Details() {
			delay = d.(*errdetails.RetryInfo).RetryDelay.AsDuration()
		}
		if delay != retry {
			t.Errorf("%v over gRPC: retry after %v, want %v", err, delay, retry)
		}
		resp := post(t, g, "application/json", "", []byte(protojson.Format(request(span("a", 1500)))))
		if err != nil {
			resp = post(t, g, "application/x-protobuf", "", marshal(t, request(span("a", 1500))))
		}
		if resp.Code != wantHTTP {
			t.Errorf("%v over HTTP: %d", err, resp.Code)
		}
		var sent statuspb.Status
		if err := proto.Unmarshal(resp.Body.Bytes(), &sent); err != nil || !strings.Contains(sent.Message, text) || sent.Code != int32(wantGRPC) {
			t.Errorf("%v over HTTP: status %v, %v", err, &sent, err)
		}
		if after := resp.Header().Get("Retry-After"); (after != "") != (retry != 0) {
			t.Errorf("%v over HTTP: Retry-After %q", err, after)
		}
	}
	f(base.Errorf(base.ClassInvalid, "bad thing"), codes.InvalidArgument, 400, 0, "bad thing")
	f(base.Errorf(base.ClassTooOld, "old thing"), codes.InvalidArgument, 400, 0, "old thing")
	f(base.Errorf(base.ClassNotFound, "lost thing"), codes.NotFound, 404, 0, "lost thing")
	f(base.Errorf(base.ClassConflict, "odd thing"), codes.FailedPrecondition, 409, 0, "odd thing")
	f(base.Errorf(base.ClassTooLarge, "big thing"), codes.ResourceExhausted, 413, 0, "big thing")
	f(base.Retry(2500*time.Millisecond, "queue full"), codes.ResourceExhausted, 429, 2500*time.Millisecond, "queue full")
	f(base.Errorf(base.ClassUnavailable, "not leader"), codes.Unavailable, 503, time.Second, "not leader")
	f(base.Corruptionf("x.bin", 1, "secret"), codes.Internal, 500, 0, "internal error")
	f(errors.New("secret"), codes.Internal, 500, 0, "internal error")
	f(fmt.Errorf("propose: %w", context.Canceled), codes.Unavailable, 503, time.Second, "canceled")
	f(context.DeadlineExceeded, codes.DeadlineExceeded, 504, 0, "deadline exceeded")
}

func TestAnswersCoverEveryClass(t *testing.T) {
	for c := base.ClassBug; c <= base.ClassCorruption; c++ {
		if a := answers[c]; a.grpc == codes.OK || a.http == 0 {
			t.Errorf("class %v has no answer", c)
		}
	}
}

func TestGRPCBadInput(t *testing.T) {
	g := newGateway(t, &store{}, Options{MaxRequestBytes: 100_000})
	l := dial(t, g)
	_, err := l.Export(t.Context(), request(span(strings.Repeat("x", 200_000), 1500)))
	if st := status.Convert(err); st.Code() != codes.ResourceExhausted || len(st.Details()) != 0 {
		t.Errorf("too large: %v", st)
	}
	_, err = l.Export(t.Context(), request(span(strings.Repeat("x", 200_000), 1500)), grpc.UseCompressor("gzip"))
	if st := status.Convert(err); st.Code() != codes.ResourceExhausted || len(st.Details()) != 0 {
		t.Errorf("too large after decompression: %v", st)
	}
	for name, raw := range badRequests() {
		if err := exportRaw(t, g, raw); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// exportRaw sends bytes that no generated client would.
func exportRaw(t *testing.T, g *Gateway, raw []byte) error {
	t.Helper()
	conn := connect(t, g, grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawcodec.Codec{})))
	var out rawcodec.Message
	defer out.Free()
	return conn.Invoke(t.Context(), collectorpb.TraceService_Export_FullMethodName, rawcodec.NewMessage(raw), &out)
}

// badRequests are bodies that are no request at all.
func badRequests() map[string][]byte {
	frame := func(field uint32, b []byte) []byte { return otlpwire.AppendLen(nil, field, b) }
	inSpan := func(b []byte) []byte { return frame(1, frame(2, frame(2, b))) }
	return map[string][]byte{
		"text":            []byte("hello, is this OTLP?"),
		"cut off":         {0x0a, 0x7f, 0x01},
		"wrong wire type": inSpan([]byte{0x28, 0x01}),
		"overlong varint": {0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
		"huge length":     {0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"broken event":    frame(1, frame(2, frame(2, append(marshalSpan(), frame(11, []byte{0xff})...)))),
	}
}

func marshalSpan() []byte {
	b, _ := proto.Marshal(span("a", 1500))
	return b
}

func post(t testing.TB, g *Gateway, contentType, contentEncoding string, body []byte) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, TracesPath, bytes.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	if contentEncoding != "" {
		r.Header.Set("Content-Encoding", contentEncoding)
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w
}

func TestHTTPStoresSpans(t *testing.T) {
	wire := marshal(t, request(span("a", 1500)))
	jsonBody := []byte(`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},
		"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"a",
		"startTimeUnixNano":"1500","endTimeUnixNano":1507,"unknown":[1]}]}]}]}`)
	f := func(contentType, contentEncoding string, body []byte, answer string) {
		t.Helper()
		s := &store{}
		w := post(t, newGateway(t, s, Options{}), contentType, contentEncoding, body)
		if w.Code != 200 || w.Body.String() != answer || s.names() != "shop/a" {
			t.Errorf("%s, %s: %d %q, stored %q", contentType, contentEncoding, w.Code, w.Body, s.names())
		}
		if got, _, _ := strings.Cut(contentType, ";"); w.Header().Get("Content-Type") != got {
			t.Errorf("%s: answered in %s", contentType, w.Header().Get("Content-Type"))
		}
	}
	f("application/x-protobuf", "", wire, "")
	f("application/x-protobuf", "identity", wire, "")
	f("application/x-protobuf", "gzip", deflate(t, wire), "")
	f("application/json", "", jsonBody, "{}")
	f("application/json; charset=utf-8", "GZIP", deflate(t, jsonBody), "{}")
}

func TestHTTPPartialSuccess(t *testing.T) {
	s := &store{}
	w := post(t, newGateway(t, s, Options{}), "application/json", "",
		[]byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"abcd","spanId":"eee19b7ec3c1b174","startTimeUnixNano":1500}]}]}]}`))
	var got struct {
		PartialSuccess struct{ RejectedSpans, ErrorMessage string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	if got.PartialSuccess.RejectedSpans != "1" || !strings.Contains(got.PartialSuccess.ErrorMessage, "trace id must be 16 bytes") {
		t.Errorf("%+v", got)
	}
}

func TestHTTPBadInput(t *testing.T) {
	wire := marshal(t, request(span("a", 1500)))
	g := newGateway(t, &store{}, Options{MaxWireBytes: 10_000, MaxRequestBytes: 50_000})
	f := func(name, contentType, contentEncoding string, body []byte, want int) {
		t.Helper()
		w := post(t, g, contentType, contentEncoding, body)
		if w.Code != want || w.Body.Len() == 0 {
			t.Errorf("%s: %d %q, want %d", name, w.Code, w.Body, want)
		}
		if want != 400 && want != 413 {
			return
		}
		if contentType == "application/json" && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s: answer is not JSON: %q", name, w.Body)
		}
		if contentType == "application/x-protobuf" && proto.Unmarshal(w.Body.Bytes(), &statuspb.Status{}) != nil {
			t.Errorf("%s: answer is not a Status: %q", name, w.Body)
		}
	}
	const pb, js = "application/x-protobuf", "application/json"
	f("no content type", "", "", wire, 415)
	f("text", "text/plain", "", wire, 415)
	f("bad content type", "/;;", "", wire, 415)
	f("brotli", pb, "br", wire, 415)
	f("double gzip", pb, "gzip, gzip", wire, 415)
	for name, raw := range badRequests() {
		f(name, pb, "", raw, 400)
		f(name+" gzipped", pb, "gzip", deflate(t, raw), 400)
	}
	f("not gzip", pb, "gzip", wire, 400)
	f("truncated gzip", pb, "gzip", deflate(t, wire)[:20], 400)
	f("empty gzip", pb, "gzip", nil, 400)
	f("garbage after gzip", pb, "gzip", append(deflate(t, wire), "garbage that is long"...), 400)
	f("too large", pb, "", make([]byte, 10_001), 413)
	f("gzip bomb", pb, "gzip", deflate(t, make([]byte, 5<<20)), 413)
	f("not JSON", js, "", wire, 400)
	f("empty JSON", js, "", nil, 400)
	f("deep JSON", js, "", []byte(strings.Repeat(`[`, 9_000)), 400)
	f("deep unknown JSON", js, "", []byte(`{"x":`+strings.Repeat(`[`, 9_000)), 400)
	f("deep value", js, "", []byte(`{"resourceSpans":[{"resource":{"attributes":[{"value":`+strings.Repeat(`{"arrayValue":{"values":[`, 300)), 400)
	f("wrong enum", js, "", []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"X"}]}]}]}`), 400)
}

func TestHTTPMethods(t *testing.T) {
	g := newGateway(t, &store{}, Options{})
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		w := httptest.NewRecorder()
		g.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, TracesPath, nil))
		if w.Code != 405 || w.Header().Get("Allow") != "POST" {
			t.Errorf("%s: %d, Allow %q", method, w.Code, w.Header().Get("Allow"))
		}
	}
}

// endless is a body without a declared length and without an end.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) { e.read += len(p); return len(p), nil }

func TestHTTPBodyIsBoundedWhileRead(t *testing.T) {
	g := newGateway(t, &store{}, Options{MaxWireBytes: 100_000})
	e := &endless{}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, TracesPath, io.NopCloser(e))
	r.ContentLength = -1
	r.Header.Set("Content-Type", "application/x-protobuf")
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	if w.Code != 413 || e.read > 300_000 {
		t.Errorf("%d after %d bytes", w.Code, e.read)
	}
}

// unread fails the test when a body is read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("body was read")
	return 0, io.EOF
}

func TestOverloadAnswersBeforeTheBody(t *testing.T) {
	s := &store{block: make(chan struct{}), entered: make(chan struct{}, 2)}
	g := newGateway(t, s, Options{MaxRequestBytes: 1 << 20, MaxInFlightBytes: 1 << 20})
	client := dial(t, g)
	big := request(span("a", 1500))
	big.ResourceSpans[0].SchemaUrl = strings.Repeat("u", 1<<20-2000)
	first := make(chan error, 1)
	go func() {
		_, err := client.Export(t.Context(), big)
		first <- err
	}()
	<-s.entered
	_, err := client.Export(t.Context(), request(span("b", 1500)))
	if st := status.Convert(err); st.Code() != codes.ResourceExhausted || len(st.Details()) != 1 || !strings.Contains(st.Message(), "send again later") {
		t.Errorf("gRPC: %v", st)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, TracesPath, unread{t})
	r.Header.Set("Content-Type", "application/x-protobuf")
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	if w.Code != 429 || w.Header().Get("Retry-After") != "1" {
		t.Errorf("HTTP: %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
	close(s.block)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if _, err := client.Export(t.Context(), request(span("b", 1500))); err != nil {
		t.Errorf("after the pressure: %v", err)
	}
}

// reserving is a body that records the largest reservation seen while it is read.
type reserving struct {
	g    *Gateway
	body io.Reader
	most int64
}

func (r *reserving) Read(p []byte) (int, error) {
	r.most = max(r.most, r.g.Stats().InFlightBytes)
	return r.body.Read(p)
}

// A declared length costs the client nothing, so it must not hold the budget.
func TestDeclaredLengthReservesLittle(t *testing.T) {
	for _, encoding := range []string{"", "gzip"} {
		g := newGateway(t, &store{}, Options{})
		body := &reserving{g: g, body: bytes.NewReader(deflate(t, marshal(t, request(span("a", 1500)))))}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, TracesPath, body)
		r.ContentLength = 15 << 20
		r.Header.Set("Content-Type", "application/x-protobuf")
		r.Header.Set("Content-Encoding", encoding)
		g.ServeHTTP(httptest.NewRecorder(), r)
		if body.most > firstReserve {
			t.Errorf("encoding %q: %d bytes were reserved before they came", encoding, body.most)
		}
		if left := g.Stats().InFlightBytes; left != 0 {
			t.Errorf("encoding %q: %d bytes stay reserved", encoding, left)
		}
	}
}

// A buffer never grows beyond what a request may have: budgets as small as one
// request must let it pass.
func TestLargestRequestFitsItsBudget(t *testing.T) {
	const limit = 3 << 20
	g := newGateway(t, &store{}, Options{MaxRequestBytes: limit, MaxInFlightBytes: limit + 1})
	big := request(span("a", 1500))
	big.ResourceSpans[0].SchemaUrl = strings.Repeat("u", limit-2000)
	if w := post(t, g, "application/x-protobuf", "gzip", deflate(t, marshal(t, big))); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestBodyMustArriveInTime(t *testing.T) {
	g := newGateway(t, &store{}, Options{BodyTimeout: 20 * time.Millisecond})
	server := httptest.NewServer(g)
	defer server.Close()
	body, stall := io.Pipe()
	defer func() { _ = stall.Close() }()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+TracesPath, body)
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = 1000
	r.Header.Set("Content-Type", "application/json")
	resp, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") != "1" || err != nil || !strings.Contains(string(text), "did not arrive within 20ms") {
		t.Errorf("%s, Retry-After %q, %s, %v", resp.Status, resp.Header.Get("Retry-After"), text, err)
	}
}

// deadlines is a ResponseWriter that records read deadlines.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return nil
}

// net/http cancels a request whose connection cannot be read any more: the time
// for the body must not run on while the request is written.
func TestBodyTimeoutEndsWithTheBody(t *testing.T) {
	g := newGateway(t, &store{}, Options{})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, TracesPath, bytes.NewReader(marshal(t, request(span("a", 1500)))))
	r.Header.Set("Content-Type", "application/x-protobuf")
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	g.ServeHTTP(w, r)
	if w.Code != 200 || len(w.set) != 2 || w.set[0].IsZero() || !w.set[1].IsZero() {
		t.Errorf("%d, deadlines %v", w.Code, w.set)
	}
}

func TestOtherServicesKeepTheirCodec(t *testing.T) {
	m := request(span("a", 1500))
	data, err := rawcodec.Codec{}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	defer data.Free()
	got := &collectorpb.ExportTraceServiceRequest{}
	if err := (rawcodec.Codec{}).Unmarshal(data, got); err != nil || !proto.Equal(got, m) {
		t.Errorf("%v, %v", got, err)
	}
	var raw rawcodec.Message
	defer raw.Free()
	for range 2 {
		if err := (rawcodec.Codec{}).Unmarshal(data, &raw); err != nil || !bytes.Equal(raw.Bytes(), marshal(t, m)) {
			t.Errorf("raw: %x, %v", raw.Bytes(), err)
		}
	}
	if err := (rawcodec.Codec{}).Unmarshal(data, 7); err == nil {
		t.Error("decoded into an int")
	}
}

func TestOptions(t *testing.T) {
	if _, err := New(&store{}, Options{}); base.ClassOf(err) != base.ClassInvalid {
		t.Errorf("no resource: %v", err)
	}
	if _, err := New(&store{}, Options{Resource: 1, MaxInFlightBytes: 1}); base.ClassOf(err) != base.ClassInvalid {
		t.Errorf("budget below a request: %v", err)
	}
	if _, err := New(&store{}, Options{Resource: 1, Spans: trace.Options{MaxAttrs: -1}}); base.ClassOf(err) != base.ClassInvalid {
		t.Errorf("negative attributes: %v", err)
	}
}

func FuzzHTTP(f *testing.F) {
	f.Add([]byte(`{"resourceSpans":[]}`), true, false)
	f.Add(marshal(f, request(span("a", 1500))), false, false)
	f.Add(deflate(f, marshal(f, request(span("a", 1500)))), false, true)
	f.Fuzz(func(t *testing.T, body []byte, asJSON, compressed bool) {
		g := newGateway(t, &store{}, Options{MaxWireBytes: 1 << 16, MaxRequestBytes: 1 << 18})
		contentType, contentEncoding := "application/x-protobuf", ""
		if asJSON {
			contentType = "application/json"
		}
		if compressed {
			contentEncoding = "gzip"
		}
		if w := post(t, g, contentType, contentEncoding, body); w.Code != 200 && w.Code != 400 && w.Code != 413 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

// Requests at the same time must not see each other's buffers.
func TestConcurrentRequests(t *testing.T) {
	s := &store{}
	g := newGateway(t, s, Options{})
	client := dial(t, g)
	const workers, each = 8, 40
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				sp := span(fmt.Sprintf("%d-%d", w, i), 1500)
				sp.TraceState = strings.Repeat("t", 1+i*100)
				switch i % 3 {
				case 0:
					if _, err := client.Export(t.Context(), request(sp), grpc.UseCompressor("gzip")); err != nil {
						t.Error(err)
					}
				case 1:
					if r := post(t, g, "application/x-protobuf", "gzip", deflate(t, marshal(t, request(sp)))); r.Code != 200 {
						t.Error(r.Code)
					}
				default:
					body := fmt.Sprintf(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"%032x","spanId":"%016x","name":"%s","startTimeUnixNano":"1500"}]}]}]}`,
						w+1, i+1, sp.Name)
					if r := post(t, g, "application/json", "", []byte(body)); r.Code != 200 {
						t.Error(r.Code, r.Body)
					}
				}
			}
		})
	}
	wg.Wait()
	seen := map[string]int{}
	for _, sp := range s.mu.spans {
		seen[sp.Name]++
	}
	for w := range workers {
		for i := range each {
			if name := fmt.Sprintf("%d-%d", w, i); seen[name] != 1 {
				t.Errorf("span %s is stored %d times", name, seen[name])
			}
		}
	}
	if st := g.Stats(); st.Requests != workers*each || st.Spans != workers*each {
		t.Errorf("stats %+v", st)
	}
}

// TestExportOfAnotherProtocol: translated spans take the same way, and the same
// limits, as those that came as OTLP.
func TestExportOfAnotherProtocol(t *testing.T) {
	g := newGateway(t, &store{}, Options{MaxRequestBytes: 1 << 10, MaxInFlightBytes: 1 << 10})
	wire := marshal(t, request(span("a", 1000), span("b", 1001)))
	rejected, message, err := g.Export(t.Context(), wire)
	if err != nil || rejected != 0 || message != "" {
		t.Fatalf("export: %d rejected (%q), %v", rejected, message, err)
	}
	if s := g.Stats(); s.Spans != 2 || s.Requests != 1 || s.InFlightBytes != 0 {
		t.Errorf("after an export: %+v", s)
	}
	if _, _, err := g.Export(t.Context(), make([]byte, 1<<10+1)); base.ClassOf(err) != base.ClassTooLarge {
		t.Errorf("a request above the limit: %v", err)
	}
	if _, _, err := g.Export(t.Context(), []byte("no export")); base.ClassOf(err) != base.ClassInvalid {
		t.Errorf("bytes that are no export: %v", err)
	}
}

// TestRoute: a request goes where its metadata sends it, or nowhere.
func TestRoute(t *testing.T) {
	here, there := &store{}, &store{}
	other := newGateway(t, there, Options{})
	g := newGateway(t, here, Options{Route: func(ctx context.Context) (*Gateway, error) {
		switch v := metadata.ValueFromIncomingContext(ctx, "to"); {
		case len(v) == 0:
			return nil, nil
		case v[0] == "there":
			return other, nil
		default:
			return nil, base.Errorf(base.ClassInvalid, "to %s: want there", v[0])
		}
	}})
	client := dial(t, g)
	for _, to := range []string{"", "there", "nowhere"} {
		ctx := t.Context()
		if to != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "to", to)
		}
		_, err := client.Export(ctx, request(span("of "+to, 1000)))
		if want := map[bool]codes.Code{false: codes.OK, true: codes.InvalidArgument}[to == "nowhere"]; status.Code(err) != want {
			t.Errorf("to %q: %v", to, err)
		}
	}
	if a, b := here.names(), there.names(); !strings.HasSuffix(a, "of ") || !strings.HasSuffix(b, "of there") {
		t.Errorf("here is %q, there %q", a, b)
	}
}

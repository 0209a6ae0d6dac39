package crash

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/pandodb/pando/internal/gen/jaegerpb"
)

// maxRSS is what a process with default limits may take at most, whatever is
// sent: 160 MiB of rows, 64 of cache, one request of 64 several times, and the
// garbage collector's share.
const maxRSS = 640 << 20

// TestFaultAbuse sends what no client should. The process answers each with its
// protocol's error, stays small, and serves honest clients afterwards.
func TestFaultAbuse(t *testing.T) {
	_, seed := newRand(t)
	p := start(t, workDir(t))
	conn := mustConnect(t, p)
	c := newCampaign(seed)
	transports := []sender{sendGRPC(conn), sendHTTP(p, true)}
	c.mustWrite(t, transports, 0)
	for name, test := range map[string]func(*testing.T, *process, *grpc.ClientConn, *campaign){
		"HTTP ingest": abuseHTTP, "gRPC ingest": abuseGRPC, "reads": abuseReads, "gRPC reads": abuseGRPCReads, "connections": abuseConnections,
	} {
		t.Run(name, func(t *testing.T) {
			test(t, p, conn, c)
			if !p.alive() {
				t.Fatalf("the process ended: %v\n%s", p.exit(), p.tail())
			}
			if rss, err := p.rss(); err == nil && rss > maxRSS {
				t.Errorf("%d MiB are resident", rss>>20)
			}
		})
	}
	rss, err := p.rss()
	t.Logf("%d MiB resident at the end (%v)", rss>>20, err)
	c.mustWrite(t, transports, 1)
	c.verifyRound(t, p, conn, 0)
	c.verifyRound(t, p, conn, 1)
	must(t, p.stop())
}

// changed returns a request nobody else sends, changed, as bytes.
func (c *campaign) changed(seq int, change func(*collectorpb.ExportTraceServiceRequest)) []byte {
	req := c.load.request(key{99, 99, seq})
	change(req)
	body, err := proto.Marshal(req)
	if err != nil {
		panic(err) // a message built here
	}
	return body
}

// nested returns an attribute value of lists in lists.
func nested(depth int) *commonpb.AnyValue {
	v := &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: 1}}
	for range depth {
		v = &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: []*commonpb.AnyValue{v}}}}
	}
	return v
}

// bomb compresses n zeros.
func bomb(n int64) []byte {
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err == nil {
		_, err = io.CopyN(w, zeros{}, n)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		panic(err) // memory takes everything
	}
	return buf.Bytes()
}

type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func abuseHTTP(t *testing.T, p *process, _ *grpc.ClientConn, c *campaign) {
	valid := c.changed(0, func(*collectorpb.ExportTraceServiceRequest) {})
	first := func(r *collectorpb.ExportTraceServiceRequest) *commonpb.KeyValue {
		return r.ResourceSpans[0].ScopeSpans[0].Spans[0].Attributes[0]
	}
	const protobuf, json = "application/x-protobuf", "application/json"
	for _, test := range []struct {
		name, contentType, contentEncoding string
		body                               []byte
		want                               []int
	}{
		{"noise", protobuf, "", []byte("\xff\xff\xff\xff not protobuf"), []int{400}},
		{"cut short", protobuf, "", valid[:len(valid)-3], []int{400}},
		{"a length beyond the end", protobuf, "", []byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f}, []int{400}},
		{"groups without end", protobuf, "", bytes.Repeat([]byte{0x0b}, 1<<20), []int{400}},
		{"another content type", "text/plain", "", valid, []int{415}},
		{"no content type", "", "", valid, []int{415}},
		{"an unknown encoding", protobuf, "br", valid, []int{415}},
		{"not gzip", protobuf, "gzip", valid, []int{400}},
		{"gzip cut short", protobuf, "gzip", gzipped(valid)[:40], []int{400}},
		{"a bomb of a gigabyte", protobuf, "gzip", bomb(1 << 30), []int{400, 413}},
		{"a JSON bomb of a gigabyte", json, "gzip", bomb(1 << 30), []int{400, 413}},
		{"more than the wire takes", protobuf, "", make([]byte, 17<<20), []int{413}},
		{"values nested deeply", protobuf, "", c.changed(1, func(r *collectorpb.ExportTraceServiceRequest) { first(r).Value = nested(5000) }), []int{200, 400}},
		{"a value of a megabyte", protobuf, "", c.changed(2, func(r *collectorpb.ExportTraceServiceRequest) {
			first(r).Value = text("", strings.Repeat("x", 1<<20)).Value
		}), []int{200, 400}},
		{"text that is not UTF-8", protobuf, "", bytes.Replace(valid, []byte("crash.unique"), []byte("crash.\xff\xfeique"), 1), []int{200, 400}},
		{"brackets", json, "", bytes.Repeat([]byte("["), 1<<20), []int{400}},
		{"objects in objects", json, "", bytes.Repeat([]byte(`{"resourceSpans":`), 1<<16), []int{400}},
		{"a number beyond all", json, "", []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"99999999999999999999999"}]}]}]}`), []int{400}},
		{"JSON as protobuf", protobuf, "", []byte(`{"resourceSpans":[]}`), []int{400}},
		{"protobuf as JSON", json, "", valid, []int{400}},
		{"nothing", protobuf, "", nil, []int{200}},
	} {
		var header []string
		if test.contentType != "" {
			header = append(header, "Content-Type", test.contentType)
		}
		if test.contentEncoding != "" {
			header = append(header, "Content-Encoding", test.contentEncoding)
		}
		expectStatus(t, p, test.name, http.MethodPost, "/v1/traces", test.body, test.want, header...)
	}
	rejects(t, p, c)
}

// expectStatus sends a request and demands one of the statuses, and a reason with
// an error.
func expectStatus(t *testing.T, p *process, name, method, path string, body []byte, want []int, header ...string) {
	t.Helper()
	began := time.Now()
	status, _, answer, err := p.do(t.Context(), method, path, bytes.NewReader(body), header...)
	if err != nil {
		// A server may close the connection on a body that it refuses unread.
		if len(want) == 1 && want[0] == 413 && len(body) > 1<<20 {
			return
		}
		t.Errorf("%s: %v", name, err)
		return
	}
	ok := false
	for _, w := range want {
		ok = ok || status == w
	}
	if !ok || status >= 400 && len(bytes.TrimSpace(answer)) == 0 {
		t.Errorf("%s: status %d, want %v: %.300q", name, status, want, answer)
	}
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("%s: took %v", name, d)
	}
}

// rejects sends spans that are refused one by one: the answer counts them, and
// their neighbours are taken.
func rejects(t *testing.T, p *process, c *campaign) {
	t.Helper()
	for seq, change := range []func(*collectorpb.ExportTraceServiceRequest){
		func(r *collectorpb.ExportTraceServiceRequest) {
			r.ResourceSpans[0].ScopeSpans[0].Spans[0].TraceId = []byte("short")
		},
		func(r *collectorpb.ExportTraceServiceRequest) {
			r.ResourceSpans[0].ScopeSpans[0].Spans[0].TraceId = make([]byte, 16)
		},
		func(r *collectorpb.ExportTraceServiceRequest) { r.ResourceSpans[0].ScopeSpans[0].Spans[0].SpanId = nil },
		func(r *collectorpb.ExportTraceServiceRequest) {
			r.ResourceSpans[0].ScopeSpans[0].Spans[0].StartTimeUnixNano = 0
		},
		func(r *collectorpb.ExportTraceServiceRequest) {
			r.ResourceSpans[0].ScopeSpans[0].Spans[0].StartTimeUnixNano = 1 << 63
		},
	} {
		body := c.changed(10+seq, change)
		status, _, answer, err := p.do(t.Context(), http.MethodPost, "/v1/traces", bytes.NewReader(body), "Content-Type", "application/x-protobuf")
		var resp collectorpb.ExportTraceServiceResponse
		if err == nil {
			err = proto.Unmarshal(answer, &resp)
		}
		if err != nil || status != http.StatusOK || resp.GetPartialSuccess().GetRejectedSpans() != 1 || resp.GetPartialSuccess().GetErrorMessage() == "" {
			t.Errorf("wrong span %d: status %d, %v, %v", seq, status, &resp, err)
		}
	}
}

// raw passes bytes through gRPC as they are.
type raw struct{}

func (raw) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (raw) Unmarshal(mem.BufferSlice, any) error { return nil }
func (raw) Name() string                         { return "proto" }

var _ encoding.CodecV2 = raw{}

func abuseGRPC(t *testing.T, _ *process, conn *grpc.ClientConn, c *campaign) {
	const export = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
	valid := c.changed(20, func(*collectorpb.ExportTraceServiceRequest) {})
	for _, test := range []struct {
		name, method string
		body         []byte
		want         codes.Code
	}{
		{"noise", export, []byte("\xff\xff\xff not protobuf"), codes.InvalidArgument},
		{"cut short", export, valid[:len(valid)-1], codes.InvalidArgument},
		{"too large", export, make([]byte, 65<<20), codes.ResourceExhausted},
		{"an unknown method", "/opentelemetry.proto.collector.trace.v1.TraceService/Import", valid, codes.Unimplemented},
		{"an unknown service", "/no.such.Service/Export", valid, codes.Unimplemented},
		{"metrics", "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", valid, codes.Unimplemented},
	} {
		var reply []byte
		err := conn.Invoke(t.Context(), test.method, test.body, &reply, grpc.ForceCodecV2(raw{}))
		if status.Code(err) != test.want || status.Convert(err).Message() == "" {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
}

func abuseReads(t *testing.T, p *process, _ *grpc.ClientConn, _ *campaign) {
	for _, group := range []struct {
		want  []int
		paths []string
	}{
		{[]int{400, 413, 414}, []string{
			"/api/v1/traces/search?limit=0",
			"/api/v1/traces/search?limit=-1",
			"/api/v1/traces/search?limit=99999999999999999999",
			"/api/v1/traces/search?limit=1e3",
			"/api/v1/traces/search?start=5&end=4",
			"/api/v1/traces/search?start=9999-01-01T00:00:00Z",
			"/api/v1/traces/search?lookback=-1h",
			"/api/v1/traces/search?minDuration=2s&maxDuration=1s",
			"/api/v1/traces/search?order=random",
			"/api/v1/traces/search?kind=none",
			"/api/v1/traces/search?tags=" + url.QueryEscape(`a="`),
			"/api/v1/traces/search?tags=" + url.QueryEscape(strings.Repeat("k=v ", 100)),
			"/api/v1/traces/search?service=" + strings.Repeat("x", 30_000),
			"/api/v1/traces/zzz",
			"/api/v1/traces/0",
			"/api/v1/traces/" + strings.Repeat("a", 33),
			"/api/v1/traces/1/spans/xyz",
			"/api/v1/traces/facets?" + strings.Repeat("id=1&", 3000),
			"/api/traces?service=front-0&limit=-5",
			"/api/traces?service=front-0&start=abc",
			"/api/traces?service=front-0&tags=" + url.QueryEscape(`{"a":`),
			"/api/traces?service=front-0&tags=" + url.QueryEscape(strings.Repeat("[", 5000)),
			"/api/traces?service=front-0&minDuration=5",
			"/api/v3/traces?query.service_name=front-0",
			"/api/v3/traces?query.start_time_min=x",
			"/api/v3/operations",
			"/api/v1/services/" + strings.Repeat("y", 2000) + "/operations",
		}},
		{[]int{200, 400}, []string{
			"/api/v1/traces/search?start=-9223372036854775808&end=9223372036854775807",
			"/api/v1/traces/search?lookback=2562047h",
			"/api/v1/traces/search?service=%00%ff",
			"/api/traces?service=front-0&limit=999999999",
		}},
		{[]int{400, 404}, []string{
			"/api/v1/traces/..%2f..%2fetc%2fpasswd",
			"/api/traces/zzz",
			"/api/v3/traces/zzz",
			"/api/v3/no/such/thing",
			"/api/v1/nothing",
		}},
	} {
		for _, path := range group.paths {
			expectStatus(t, p, path[:min(len(path), 100)], http.MethodGet, path, nil, group.want)
		}
	}
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch} {
		expectStatus(t, p, method, method, "/api/v1/services", nil, []int{405})
		expectStatus(t, p, method, method, "/api/services", nil, []int{405})
		expectStatus(t, p, method, method, "/v1/traces", nil, []int{405})
	}
	expectStatus(t, p, "compact by GET", http.MethodGet, "/api/admin/compact", nil, []int{404, 405})
	expectStatus(t, p, "compact from another site", http.MethodPost, "/api/admin/compact", nil, []int{403}, "Sec-Fetch-Site", "cross-site")
}

func abuseGRPCReads(t *testing.T, _ *process, conn *grpc.ClientConn, _ *campaign) {
	q := jaegerpb.NewQueryServiceClient(conn)
	for _, id := range []string{"", "zzz", strings.Repeat("a", 33), "0"} {
		stream, err := q.GetTrace(t.Context(), &jaegerpb.GetTraceRequest{TraceId: id})
		if err == nil {
			_, err = stream.Recv()
		}
		if status.Code(err) != codes.InvalidArgument {
			t.Errorf("trace id %q: %v", id, err)
		}
	}
	for _, params := range []*jaegerpb.TraceQueryParameters{nil, {}, {SearchDepth: -1}} {
		stream, err := q.FindTraces(t.Context(), &jaegerpb.FindTracesRequest{Query: params})
		if err == nil {
			_, err = stream.Recv()
		}
		if status.Code(err) != codes.InvalidArgument {
			t.Errorf("query %v: %v", params, err)
		}
	}
}

// abuseConnections opens connections that say little or nonsense. All of them
// must be closed by the process.
func abuseConnections(t *testing.T, p *process, _ *grpc.ClientConn, _ *campaign) {
	const perKind, patience = 50, 30 * time.Second
	frame := append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), binary.BigEndian.AppendUint32(nil, 0xffffff00)...)
	hellos := []string{"", "GET / HT", "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", "PR", "\x16\x03\x01\x02\x00\x01\x00", string(frame), "noise\r\n\r\n"}
	var conns []net.Conn
	for _, hello := range hellos {
		for range perKind {
			c, err := new(net.Dialer).DialContext(t.Context(), "tcp", p.addr)
			if err != nil {
				t.Fatal(err)
			}
			conns = append(conns, c)
			if _, err := c.Write([]byte(hello)); err != nil {
				t.Fatal(err)
			}
		}
	}
	deadline := time.Now().Add(patience)
	for i, c := range conns {
		must(t, c.SetReadDeadline(later(deadline, time.Now().Add(time.Second)))) // read what came, at least
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("connection %d (%.20q…) is still open after %v", i, hellos[i/perKind], patience)
		}
		_ = c.Close() // the process closed it
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if status, _, err := p.get(ctx, "/readyz"); err != nil || status != http.StatusOK {
		t.Errorf("afterwards: %d, %v", status, err)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

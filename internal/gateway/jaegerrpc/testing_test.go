package jaegerrpc

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"slices"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gen/apiv2pb"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a store that keeps what it is given, by way of the trace model, and
// remembers what it was asked. It finds everything.
type memory struct {
	traces map[trace.ID]*trace.Trace
	bounds base.TimeRange // of spans that it takes
	err    error          // of every answer

	query   *search.Query
	refs    []search.Ref
	service string
	kind    trace.Kind
	time    base.TimeRange
	exports int
}

func newMemory() *memory {
	return &memory{traces: make(map[trace.ID]*trace.Trace), bounds: base.TimeRange{Start: 1, End: base.AllTime.End}}
}

func (m *memory) Export(_ context.Context, wire []byte) (int64, string, error) {
	m.exports++
	if m.err != nil {
		return 0, "", m.err
	}
	b := trace.NewBuilder(trace.Options{})
	b.Reset(1, m.bounds)
	if err := b.Add(wire); err != nil {
		return 0, "", err
	}
	spans, err := trace.ReadSpans(b.Finish())
	if err != nil {
		return 0, "", err
	}
	for _, s := range spans {
		if m.traces[s.TraceID] == nil {
			m.traces[s.TraceID] = &trace.Trace{ID: s.TraceID}
		}
		m.traces[s.TraceID].Spans = append(m.traces[s.TraceID].Spans, s)
	}
	if r := b.Rejected(); r.Count > 0 {
		return int64(r.Count), r.Reasons[0], nil
	}
	return 0, "", nil
}

func (m *memory) Get(ctx context.Context, refs ...search.Ref) ([]trace.Trace, error) {
	m.refs = append(m.refs, refs...)
	var out []trace.Trace
	for _, r := range refs {
		if t := m.traces[r.ID]; t != nil {
			out = append(out, trace.Trace{ID: t.ID, Spans: slices.Clone(t.Spans)})
		}
	}
	return out, cmp.Or(m.err, ctx.Err())
}

func (m *memory) FindPage(ctx context.Context, q *search.Query) ([]search.FoundTrace, string, error) {
	m.query = q
	var found []search.FoundTrace
	for id := range m.traces {
		found = append(found, search.FoundTrace{ID: id, Time: base.TimeRange{Start: 1, End: 2}})
	}
	slices.SortFunc(found, func(a, b search.FoundTrace) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return found[:min(len(found), q.Limit)], "", cmp.Or(m.err, ctx.Err())
}

func (m *memory) Services(context.Context) ([]string, error) { return []string{"bank", "shop"}, m.err }

func (m *memory) Operations(_ context.Context, service string, kind trace.Kind) ([]trace.Operation, error) {
	m.service, m.kind = service, kind
	return []trace.Operation{
		{Name: "get", Kind: trace.KindClient},
		{Name: "get", Kind: trace.KindServer},
		{Name: "put"},
	}, m.err
}

func (m *memory) Dependencies(_ context.Context, time base.TimeRange) ([]search.Dependency, error) {
	m.time = time
	call := search.Dependency{Parent: "shop", Child: "bank"}
	call.Calls = 7
	return []search.Dependency{call}, m.err
}

// client speaks to a gateway over a pipe.
type client struct {
	apiv2pb.QueryServiceClient
	apiv2pb.CollectorServiceClient
	apiv2pb.SamplingManagerClient
	conn *grpc.ClientConn
}

func dial(t testing.TB, store Store, spans Spans, o Options) *client {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	g, err := New(store, spans, o)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	g.RegisterGRPC(server)
	for name := range server.GetServiceInfo() {
		if !slices.Contains(g.ServiceNames(), name) {
			t.Errorf("service %s has no name", name)
		}
	}
	l := bufconn.Listen(1 << 20)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	conn, err := grpc.NewClient("passthrough:///pando",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return &client{
		apiv2pb.NewQueryServiceClient(conn), apiv2pb.NewCollectorServiceClient(conn),
		apiv2pb.NewSamplingManagerClient(conn), conn,
	}
}

// receive returns the messages of a stream.
func receive(stream grpc.ServerStreamingClient[apiv2pb.SpansResponseChunk], err error) ([]*apiv2pb.SpansResponseChunk, error) {
	var chunks []*apiv2pb.SpansResponseChunk
	for err == nil {
		var chunk *apiv2pb.SpansResponseChunk
		if chunk, err = stream.Recv(); err == nil {
			chunks = append(chunks, chunk)
		}
	}
	if err == io.EOF { //nolint:errorlint // gRPC returns it bare
		err = nil
	}
	return chunks, err
}

func spansOf(chunks []*apiv2pb.SpansResponseChunk) (spans []*apiv2pb.Span) {
	for _, c := range chunks {
		spans = append(spans, c.GetSpans()...)
	}
	return spans
}

func wantStatus(t *testing.T, what string, err error, code codes.Code, message string) {
	t.Helper()
	if status.Code(err) != code || status.Convert(err).Message() != message {
		t.Errorf("%s: got %v, want %v: %s", what, err, code, message)
	}
}

func traceBytes(n uint64) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 8, 16), n)
}

// newSpan is a span without a process.
func newSpan(id, span uint64) *apiv2pb.Span {
	return &apiv2pb.Span{
		TraceId: traceBytes(id), SpanId: binary.BigEndian.AppendUint64(nil, span), OperationName: "get", Flags: 1,
		StartTime: &timestamppb.Timestamp{Seconds: 1_700_000_000 + int64(span)}, Duration: &durationpb.Duration{Nanos: 5},
		Tags: []*apiv2pb.KeyValue{
			{Key: "error", VType: apiv2pb.ValueType_BOOL, VBool: true},
			{Key: "http.status_code", VType: apiv2pb.ValueType_INT64, VInt64: 500},
			{Key: "span.kind", VStr: "server"},
		},
	}
}

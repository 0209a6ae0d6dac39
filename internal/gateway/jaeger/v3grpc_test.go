package jaeger

import (
	"context"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/serve"
	"github.com/pandodb/pando/internal/gen/jaegerpb"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

func dial(t *testing.T, store Store) jaegerpb.QueryServiceClient {
	t.Helper()
	lis := bufconn.Listen(1 << 20)
	srv := grpc.NewServer()
	g := newTestGateway(t, store)
	g.RegisterGRPC(srv)
	for _, name := range g.ServiceNames() {
		if _, ok := srv.GetServiceInfo()[name]; !ok {
			t.Fatalf("service %s is not registered", name)
		}
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(lis) }()
	conn, err := grpc.NewClient("passthrough:///jaeger",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		srv.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return jaegerpb.NewQueryServiceClient(conn)
}

// receive gathers a stream until its end or error.
func receive[T any](stream grpc.ServerStreamingClient[T], err error) ([]*T, error) {
	var out []*T
	for err == nil {
		var msg *T
		if msg, err = stream.Recv(); err == nil {
			out = append(out, msg)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return out, err
}

func aQuery() *jaegerpb.TraceQueryParameters {
	return &jaegerpb.TraceQueryParameters{
		StartTimeMin: timestamppb.New(testNow.Add(-time.Hour)), StartTimeMax: timestamppb.New(testNow),
	}
}

func TestGRPCCatalogues(t *testing.T) {
	store := &fakeStore{
		services:   []string{"bank", "shop"},
		operations: []trace.Operation{{Name: "GET /", Kind: trace.KindServer}, {Name: "job", Kind: trace.KindUnspecified}},
		deps:       []search.Dependency{{Parent: "shop", Child: "bank", Calls: 3}},
	}
	client, ctx := dial(t, store), t.Context()

	services, err := client.GetServices(ctx, &jaegerpb.GetServicesRequest{})
	if err != nil || !slices.Equal(services.GetServices(), store.services) {
		t.Errorf("services %v, %v", services, err)
	}
	ops, err := client.GetOperations(ctx, &jaegerpb.GetOperationsRequest{Service: "shop"})
	wantOps := &jaegerpb.GetOperationsResponse{Operations: []*jaegerpb.Operation{{Name: "GET /", SpanKind: "server"}, {Name: "job"}}}
	if diff := cmp.Diff(wantOps, ops, protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("operations: %v %s", err, diff)
	}
	if ops, err = client.GetOperations(ctx, &jaegerpb.GetOperationsRequest{Service: "shop", SpanKind: "unspecified"}); err != nil || len(ops.GetOperations()) != 1 {
		t.Errorf("operations of no kind: %v, %v", ops, err)
	}
	deps, err := client.GetDependencies(ctx, &jaegerpb.GetDependenciesRequest{
		StartTime: timestamppb.New(time.Unix(1, 0)), EndTime: timestamppb.New(time.Unix(2, 5)),
	})
	wantDeps := &jaegerpb.DependenciesResponse{Dependencies: []*jaegerpb.Dependency{{Parent: "shop", Child: "bank", CallCount: 3}}}
	if diff := cmp.Diff(wantDeps, deps, protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("dependencies: %v %s", err, diff)
	}
	if want := (base.TimeRange{Start: 1e9, End: 2e9 + 5}); store.time != want {
		t.Errorf("asked for %v, want %v", store.time, want)
	}
}

func TestGRPCGetTrace(t *testing.T) {
	tr := randomTrace(rand.New(rand.NewPCG(3, 3)), 50)
	store := &fakeStore{traces: []trace.Trace{tr}}
	got, err := receive(dial(t, store).GetTrace(t.Context(), &jaegerpb.GetTraceRequest{
		TraceId:   strings.ToUpper(tr.ID.String()),
		RawTraces: true,
		StartTime: timestamppb.New(time.Time{}), // as Go clients say "none"
		EndTime:   timestamppb.New(testNow),
	}))
	if err != nil || len(got) != 1 {
		t.Fatalf("%d messages, %v", len(got), err)
	}
	if want := decodeTraces(t, trace.AppendOTLP(nil, tr.Spans)); !proto.Equal(want, got[0]) {
		t.Errorf("-want +got:\n%s", cmp.Diff(want, got[0], protocmp.Transform()))
	}
	want := search.Ref{ID: tr.ID, Time: base.TimeRange{Start: base.AllTime.Start, End: testNow.Add(24 * time.Hour).UnixNano()}}
	if diff := cmp.Diff([]search.Ref{want}, store.refs); diff != "" {
		t.Errorf("refs (-want +got):\n%s", diff)
	}
}

// TestGRPCChunks: a trace larger than clients take comes in parts, whole.
func TestGRPCChunks(t *testing.T) {
	big := newTrace(1)
	for i := range uint64(3000) {
		s := big.Spans[0]
		s.SpanID = spanID(i + 1)
		size := 10
		if i%500 == 0 {
			size = 300_000 // uneven, so that guesses go wrong
		}
		s.Attrs = []trace.Attr{text("blob", strings.Repeat("x", size))}
		if i >= 1000 {
			s.Attrs[0].Value.Str = strings.Repeat("y", 5000)
		}
		big.Spans = append(big.Spans, s)
	}
	store := &fakeStore{traces: []trace.Trace{big, newTrace(2)}}
	got, err := receive(dial(t, store).FindTraces(t.Context(), &jaegerpb.FindTracesRequest{Query: aQuery()}))
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for i, msg := range got {
		if n := proto.Size(msg); n > 2*serve.ChunkBytes+1000 {
			t.Errorf("message %d has %d bytes", i, n)
		}
		traces := make(map[string]bool)
		for _, rs := range msg.GetResourceSpans() {
			for _, s := range rs.GetScopeSpans()[0].GetSpans() {
				traces[string(s.GetTraceId())] = true
				ids = append(ids, string(s.GetTraceId())+string(s.GetSpanId()))
			}
		}
		if len(traces) != 1 {
			t.Errorf("message %d has spans of %d traces", i, len(traces))
		}
	}
	var want []string
	for _, tr := range store.traces {
		for _, s := range tr.Spans {
			want = append(want, string(s.TraceID[:])+string(s.SpanID[:]))
		}
	}
	if !slices.Equal(want, ids) {
		t.Errorf("%d spans, want %d in order", len(ids), len(want))
	}
	if len(got) < 10 || len(got) > 60 {
		t.Errorf("%d messages for some 11 MB", len(got))
	}
}

func TestGRPCFindTracesQuery(t *testing.T) {
	var store fakeStore
	q := aQuery()
	q.ServiceName, q.OperationName, q.SearchDepth, q.RawTraces = "shop", "pay", 7, true
	q.DurationMin, q.DurationMax = durationpb.New(time.Millisecond), durationpb.New(time.Second)
	q.Attributes = map[string]string{"error": "true", "span.kind": "client", "http.status_code": "200"}
	got, err := receive(dial(t, &store).FindTraces(t.Context(), &jaegerpb.FindTracesRequest{Query: q}))
	if err != nil || len(got) != 0 {
		t.Fatalf("%d messages, %v", len(got), err)
	}
	want := &search.Query{
		Service: "shop", Operation: "pay", Kind: trace.KindClient, ErrorsOnly: true, Limit: 7,
		Tags:        []search.Tag{tag("http.status_code", "200")},
		Time:        base.TimeRange{Start: testNow.Add(-time.Hour).UnixNano(), End: testNow.UnixNano()},
		MinDuration: 1e6, MaxDuration: 1e9,
	}
	if diff := cmp.Diff(want, store.query); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestGRPCSummaries(t *testing.T) {
	store := &fakeStore{}
	for range chunkSummaries/2 + 1 {
		store.summaries = append(store.summaries, testSummaries()...)
	}
	store.summaries[0].Spans = math.MaxUint32
	q := aQuery()
	q.SearchDepth = 0
	got, err := receive(dial(t, store).FindTraceSummaries(t.Context(), &jaegerpb.FindTraceSummariesRequest{Query: q}))
	if err != nil || len(got) != 2 || len(got[1].GetSummaries()) != 2 {
		t.Fatalf("%d messages, %v", len(got), err)
	}
	want := &jaegerpb.TraceSummary{
		TraceId: traceID(1).String(), RootServiceName: "shop", RootOperationName: `GET "/"`,
		MinStartTimeUnixNano: 1_795_176_000_000_000_001, MaxEndTimeUnixNano: 1_795_176_000_000_000_901,
		SpanCount: math.MaxInt32, ErrorSpanCount: 1, OrphanSpanCount: 2,
		Services: []*jaegerpb.ServiceSummary{{Name: "bank", SpanCount: 1, ErrorSpanCount: 1}, {Name: "shop", SpanCount: 2}},
	}
	if diff := cmp.Diff(want, got[0].GetSummaries()[0], protocmp.Transform()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if store.query.Limit != serve.DefaultDepth {
		t.Errorf("limit %d", store.query.Limit)
	}
}

func TestGRPCErrors(t *testing.T) {
	withQuery := func(change func(q *jaegerpb.TraceQueryParameters)) func(context.Context, jaegerpb.QueryServiceClient) error {
		return func(ctx context.Context, c jaegerpb.QueryServiceClient) error {
			q := aQuery()
			change(q)
			_, err := receive(c.FindTraces(ctx, &jaegerpb.FindTracesRequest{Query: q}))
			return err
		}
	}
	getTrace := func(req *jaegerpb.GetTraceRequest) func(context.Context, jaegerpb.QueryServiceClient) error {
		return func(ctx context.Context, c jaegerpb.QueryServiceClient) error {
			_, err := receive(c.GetTrace(ctx, req))
			return err
		}
	}
	services := func(ctx context.Context, c jaegerpb.QueryServiceClient) error {
		_, err := c.GetServices(ctx, &jaegerpb.GetServicesRequest{})
		return err
	}
	tests := map[string]struct {
		call func(context.Context, jaegerpb.QueryServiceClient) error
		err  error
		code codes.Code
		msg  string
	}{
		"bad id":        {call: getTrace(&jaegerpb.GetTraceRequest{TraceId: "?"}), code: codes.InvalidArgument, msg: "trace id"},
		"no such trace": {call: getTrace(&jaegerpb.GetTraceRequest{TraceId: "1"}), code: codes.NotFound, msg: "trace not found"},
		"bad hint":      {call: getTrace(&jaegerpb.GetTraceRequest{TraceId: "1", StartTime: &timestamppb.Timestamp{Nanos: -1}}), code: codes.InvalidArgument, msg: "start time"},
		"no query": {call: func(ctx context.Context, c jaegerpb.QueryServiceClient) error {
			_, err := receive(c.FindTraceSummaries(ctx, &jaegerpb.FindTraceSummariesRequest{}))
			return err
		}, code: codes.InvalidArgument, msg: "query is missing"},
		"no time":           {call: withQuery(func(q *jaegerpb.TraceQueryParameters) { q.StartTimeMax = nil }), code: codes.InvalidArgument, msg: "are required"},
		"zero time":         {call: withQuery(func(q *jaegerpb.TraceQueryParameters) { q.StartTimeMin = timestamppb.New(time.Time{}) }), code: codes.InvalidArgument, msg: "are required"},
		"reversed time":     {call: withQuery(func(q *jaegerpb.TraceQueryParameters) { q.StartTimeMax = timestamppb.New(testNow.Add(-2 * time.Hour)) }), code: codes.InvalidArgument, msg: "before"},
		"bad duration":      {call: withQuery(func(q *jaegerpb.TraceQueryParameters) { q.DurationMin = &durationpb.Duration{Seconds: 1, Nanos: -1} }), code: codes.InvalidArgument, msg: "duration_min"},
		"negative duration": {call: withQuery(func(q *jaegerpb.TraceQueryParameters) { q.DurationMax = durationpb.New(-1) }), code: codes.InvalidArgument, msg: "negative"},
		"absurd depth":      {call: withQuery(func(q *jaegerpb.TraceQueryParameters) { q.SearchDepth = math.MaxInt32 }), code: codes.InvalidArgument, msg: "1 to 10000"},
		"nameless tag":      {call: withQuery(func(q *jaegerpb.TraceQueryParameters) { q.Attributes = map[string]string{"": "x"} }), code: codes.InvalidArgument, msg: "key"},
		"structured filter": {call: withQuery(func(q *jaegerpb.TraceQueryParameters) {
			q.ProtoReflect().SetUnknown(protowire.AppendString(protowire.AppendTag(nil, 99, protowire.BytesType), ""))
		}), code: codes.InvalidArgument, msg: "fields that are not known here"},
		"no service": {call: func(ctx context.Context, c jaegerpb.QueryServiceClient) error {
			_, err := c.GetOperations(ctx, &jaegerpb.GetOperationsRequest{})
			return err
		}, code: codes.InvalidArgument, msg: "required"},
		"no end": {call: func(ctx context.Context, c jaegerpb.QueryServiceClient) error {
			_, err := c.GetDependencies(ctx, &jaegerpb.GetDependenciesRequest{StartTime: timestamppb.New(testNow)})
			return err
		}, code: codes.InvalidArgument, msg: "end_time"},
		"overload":    {call: services, err: base.Retry(2*time.Second, "busy"), code: codes.ResourceExhausted, msg: "busy"},
		"unavailable": {call: services, err: base.Errorf(base.ClassUnavailable, "starting"), code: codes.Unavailable, msg: "starting"},
		"bug":         {call: services, err: errors.New("secret"), code: codes.Internal, msg: "the server's log"},
		"late":        {call: withQuery(func(*jaegerpb.TraceQueryParameters) {}), err: context.DeadlineExceeded, code: codes.DeadlineExceeded, msg: "too long"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := test.call(t.Context(), dial(t, &fakeStore{err: test.err}))
			st := status.Convert(err)
			if st.Code() != test.code || !strings.Contains(st.Message(), test.msg) {
				t.Errorf("%v: %q, want %v with %q", st.Code(), st.Message(), test.code, test.msg)
			}
			if test.code == codes.ResourceExhausted || test.code == codes.Unavailable {
				if len(st.Details()) != 1 {
					t.Fatal("no retry delay")
				}
				if _, ok := st.Details()[0].(*errdetails.RetryInfo); !ok {
					t.Errorf("details %v", st.Details())
				}
			}
		})
	}
}

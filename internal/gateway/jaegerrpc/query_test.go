package jaegerrpc

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gen/apiv2pb"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

var (
	noon     = &timestamppb.Timestamp{Seconds: 1_700_000_000}
	midnight = &timestamppb.Timestamp{Seconds: 1_700_043_200}
)

// TestWriteAndRead writes by PostSpans and reads by every method.
func TestWriteAndRead(t *testing.T) {
	m := newMemory()
	c := dial(t, m, m, Options{})
	shop := &apiv2pb.Process{ServiceName: "shop", Tags: []*apiv2pb.KeyValue{{Key: "host", VStr: "h"}}}
	own := newSpan(1, 2)
	own.Process = &apiv2pb.Process{ServiceName: "bank"}
	_, err := c.PostSpans(t.Context(), &apiv2pb.PostSpansRequest{Batch: &apiv2pb.Batch{
		Process: shop, Spans: []*apiv2pb.Span{newSpan(1, 1), own, newSpan(2, 3)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	first, third := newSpan(1, 1), newSpan(2, 3)
	first.Process, third.Process = shop, shop
	want := []*apiv2pb.Span{first, own}

	chunks, err := receive(c.GetTrace(t.Context(), &apiv2pb.GetTraceRequest{TraceId: traceBytes(1), StartTime: noon}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, spansOf(chunks), protocmp.Transform()); diff != "" {
		t.Errorf("GetTrace (-want +got):\n%s", diff)
	}
	if ref := m.refs[0]; ref.Time.Start != noon.AsTime().Add(-24*time.Hour).UnixNano() || ref.Time.End != base.AllTime.End {
		t.Errorf("look-up at %v", ref.Time)
	}
	query := &apiv2pb.TraceQueryParameters{
		ServiceName: "shop", OperationName: "get", StartTimeMin: noon, StartTimeMax: midnight, SearchDepth: 5,
		DurationMin: durationpb.New(1), DurationMax: durationpb.New(9),
		Tags: map[string]string{"error": "true", "http.status_code": "500", "span.kind": "server"},
	}
	chunks, err = receive(c.FindTraces(t.Context(), &apiv2pb.FindTracesRequest{Query: query}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(append(want, third), spansOf(chunks), protocmp.Transform()); diff != "" {
		t.Errorf("FindTraces (-want +got):\n%s", diff)
	}
	wantQuery := &search.Query{
		Service: "shop", Operation: "get", Kind: trace.KindServer, ErrorsOnly: true, MinDuration: 1, MaxDuration: 9, Limit: 5,
		Time: base.TimeRange{Start: noon.AsTime().UnixNano(), End: midnight.AsTime().UnixNano() + 1},
		Tags: []search.Tag{{Key: "http.status_code", Value: trace.Value{Kind: trace.KindString, Str: "500"}, AnyType: true}},
	}
	if diff := gocmp.Diff(wantQuery, m.query); diff != "" {
		t.Errorf("query (-want +got):\n%s", diff)
	}
	if ref := m.refs[1]; ref.Time != (base.TimeRange{Start: 1, End: 2}) {
		t.Errorf("look-up of a found trace at %v", ref.Time)
	}

	services, err := c.GetServices(t.Context(), &apiv2pb.GetServicesRequest{})
	if err != nil || len(services.GetServices()) != 2 {
		t.Errorf("services: %v, %v", services, err)
	}
	ops, err := c.GetOperations(t.Context(), &apiv2pb.GetOperationsRequest{Service: "shop"})
	wantOps := &apiv2pb.GetOperationsResponse{
		OperationNames: []string{"get", "put"},
		Operations:     []*apiv2pb.Operation{{Name: "get", SpanKind: "client"}, {Name: "get", SpanKind: "server"}, {Name: "put"}},
	}
	if diff := gocmp.Diff(wantOps, ops, protocmp.Transform()); err != nil || diff != "" {
		t.Errorf("operations: %v (-want +got):\n%s", err, diff)
	}
	if ops, err = c.GetOperations(t.Context(), &apiv2pb.GetOperationsRequest{Service: "shop", SpanKind: "server"}); err != nil || len(ops.GetOperations()) != 1 || m.kind != trace.KindServer {
		t.Errorf("operations of servers: %v, %v", ops, err)
	}
	deps, err := c.GetDependencies(t.Context(), &apiv2pb.GetDependenciesRequest{StartTime: noon, EndTime: midnight})
	wantDeps := &apiv2pb.GetDependenciesResponse{Dependencies: []*apiv2pb.DependencyLink{{Parent: "shop", Child: "bank", CallCount: 7}}}
	if diff := gocmp.Diff(wantDeps, deps, protocmp.Transform()); err != nil || diff != "" {
		t.Errorf("dependencies: %v (-want +got):\n%s", err, diff)
	}
}

func TestDefaultDepth(t *testing.T) {
	q, err := queryOf(&apiv2pb.TraceQueryParameters{StartTimeMin: noon, StartTimeMax: noon})
	if err != nil || q.Limit != 100 || q.Time.Start != q.Time.End-1 {
		t.Errorf("got %+v, %v", q, err)
	}
}

// TestLargeTrace asks that a trace larger than any message may be comes in several,
// each below the limit of clients.
func TestLargeTrace(t *testing.T) {
	m := newMemory()
	c := dial(t, m, m, Options{})
	const spans, tagBytes = 3000, 2000
	batch := &apiv2pb.Batch{Process: &apiv2pb.Process{ServiceName: "shop"}}
	for i := range spans {
		s := newSpan(1, uint64(i+1))
		s.Tags = []*apiv2pb.KeyValue{{Key: "k", VStr: strings.Repeat("x", tagBytes)}}
		batch.Spans = append(batch.Spans, s)
		if len(batch.Spans) == 1000 {
			if _, err := c.PostSpans(t.Context(), &apiv2pb.PostSpansRequest{Batch: batch}); err != nil {
				t.Fatal(err)
			}
			batch.Spans = nil
		}
	}
	chunks, err := receive(c.GetTrace(t.Context(), &apiv2pb.GetTraceRequest{TraceId: traceBytes(1)}))
	if err != nil {
		t.Fatal(err)
	}
	if len(chunks) < 4 || len(spansOf(chunks)) != spans {
		t.Errorf("%d spans in %d messages", len(spansOf(chunks)), len(chunks))
	}
	for i, chunk := range chunks {
		if n := proto.Size(chunk); n > 3<<20 {
			t.Errorf("message %d has %d bytes", i, n)
		}
	}
}

func TestAdjust(t *testing.T) {
	m := newMemory()
	c := dial(t, m, m, Options{Adjust: func(tr *trace.Trace) { tr.Spans[0].Name = "adjusted" }})
	if _, err := c.PostSpans(t.Context(), &apiv2pb.PostSpansRequest{Batch: &apiv2pb.Batch{Spans: []*apiv2pb.Span{newSpan(1, 1)}}}); err != nil {
		t.Fatal(err)
	}
	for raw, want := range map[bool]string{true: "get", false: "adjusted"} {
		chunks, err := receive(c.GetTrace(t.Context(), &apiv2pb.GetTraceRequest{TraceId: traceBytes(1), RawTraces: raw}))
		if err != nil || spansOf(chunks)[0].GetOperationName() != want {
			t.Errorf("raw %v: %v, %v", raw, chunks, err)
		}
		chunks, err = receive(c.FindTraces(t.Context(), &apiv2pb.FindTracesRequest{
			Query: &apiv2pb.TraceQueryParameters{StartTimeMin: noon, StartTimeMax: midnight, RawTraces: raw},
		}))
		if err != nil || spansOf(chunks)[0].GetOperationName() != want {
			t.Errorf("raw %v: %v, %v", raw, chunks, err)
		}
	}
}

func TestArchive(t *testing.T) {
	m, archive := newMemory(), newMemory()
	c := dial(t, m, m, Options{
		Archive: &Archive{Store: archive, Spans: archive},
		Adjust:  func(tr *trace.Trace) { tr.Spans[0].Name = "adjusted" },
	})
	if _, err := c.PostSpans(t.Context(), &apiv2pb.PostSpansRequest{Batch: &apiv2pb.Batch{Spans: []*apiv2pb.Span{newSpan(1, 1)}}}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := c.ArchiveTrace(t.Context(), &apiv2pb.ArchiveTraceRequest{TraceId: traceBytes(1), EndTime: midnight}); err != nil {
			t.Fatal(err)
		}
		clear(m.traces) // expired: what is only in the archive stays there
	}
	if archive.exports != 1 {
		t.Errorf("%d exports to the archive", archive.exports)
	}
	chunks, err := receive(c.GetTrace(t.Context(), &apiv2pb.GetTraceRequest{TraceId: traceBytes(1), RawTraces: true}))
	if err != nil || len(chunks) != 1 || spansOf(chunks)[0].GetOperationName() != "get" {
		t.Errorf("from the archive: %v, %v", chunks, err)
	}
	_, err = c.ArchiveTrace(t.Context(), &apiv2pb.ArchiveTraceRequest{TraceId: traceBytes(9)})
	wantStatus(t, "unknown trace", err, codes.NotFound, "trace not found")

	if _, err := c.PostSpans(t.Context(), &apiv2pb.PostSpansRequest{Batch: &apiv2pb.Batch{Spans: []*apiv2pb.Span{newSpan(2, 1)}}}); err != nil {
		t.Fatal(err)
	}
	archive.bounds = base.TimeRange{Start: 1, End: 2}
	_, err = c.ArchiveTrace(t.Context(), &apiv2pb.ArchiveTraceRequest{TraceId: traceBytes(2)})
	if status := err.Error(); !strings.Contains(status, "the archive refused 1 spans of the trace: span 0000000000000001") {
		t.Errorf("refused: %v", err)
	}
	archive.err = base.Retry(time.Minute, "full")
	_, err = c.ArchiveTrace(t.Context(), &apiv2pb.ArchiveTraceRequest{TraceId: traceBytes(2)})
	wantStatus(t, "full archive", err, codes.ResourceExhausted, "full")
}

// TestRefusals is a table of requests that cannot be answered.
func TestRefusals(t *testing.T) {
	m := newMemory()
	c := dial(t, m, m, Options{})
	find := func(change func(*apiv2pb.TraceQueryParameters)) func(context.Context) error {
		return func(ctx context.Context) error {
			q := &apiv2pb.TraceQueryParameters{StartTimeMin: noon, StartTimeMax: midnight}
			change(q)
			_, err := receive(c.FindTraces(ctx, &apiv2pb.FindTracesRequest{Query: q}))
			return err
		}
	}
	get := func(req *apiv2pb.GetTraceRequest) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := receive(c.GetTrace(ctx, req))
			return err
		}
	}
	dependencies := func(start, end *timestamppb.Timestamp) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := c.GetDependencies(ctx, &apiv2pb.GetDependenciesRequest{StartTime: start, EndTime: end})
			return err
		}
	}
	operations := func(req *apiv2pb.GetOperationsRequest) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := c.GetOperations(ctx, req)
			return err
		}
	}
	post := func(msg []byte) func(context.Context) error {
		return func(ctx context.Context) error {
			in := new(emptypb.Empty)
			in.ProtoReflect().SetUnknown(msg)
			return c.conn.Invoke(ctx, apiv2pb.CollectorService_PostSpans_FullMethodName, in, new(emptypb.Empty))
		}
	}
	zero := timestamppb.New(time.Time{})
	badID := newSpan(1, 1)
	badID.SpanId = make([]byte, 4)
	noStart := newSpan(1, 2)
	noStart.StartTime = nil
	for _, test := range []struct {
		name    string
		call    func(context.Context) error
		code    codes.Code
		message string
	}{
		{"short id", get(&apiv2pb.GetTraceRequest{TraceId: make([]byte, 3)}), codes.InvalidArgument, "trace_id has 3 bytes: want 16, or 8"},
		{"no id", get(&apiv2pb.GetTraceRequest{}), codes.InvalidArgument, "trace_id is missing or zero"},
		{"unknown id", get(&apiv2pb.GetTraceRequest{TraceId: traceBytes(9)}), codes.NotFound, "trace not found"},
		{"reversed hint", get(&apiv2pb.GetTraceRequest{TraceId: traceBytes(9), StartTime: midnight, EndTime: noon}), codes.InvalidArgument, "time range is reversed: it ends before it starts"},
		{"archive of nobody", func(ctx context.Context) error {
			_, err := c.ArchiveTrace(ctx, &apiv2pb.ArchiveTraceRequest{TraceId: traceBytes(1)})
			return err
		}, codes.FailedPrecondition, "archive span storage was not configured"},
		{"no query", func(ctx context.Context) error {
			_, err := receive(c.FindTraces(ctx, &apiv2pb.FindTracesRequest{}))
			return err
		}, codes.InvalidArgument, "query is missing"},
		{"no time", find(func(q *apiv2pb.TraceQueryParameters) { q.StartTimeMin = nil }), codes.InvalidArgument, "start_time_min and start_time_max are required"},
		{"zero time", find(func(q *apiv2pb.TraceQueryParameters) { q.StartTimeMax = zero }), codes.InvalidArgument, "start_time_min and start_time_max are required"},
		{"reversed", find(func(q *apiv2pb.TraceQueryParameters) { q.StartTimeMin, q.StartTimeMax = midnight, noon }), codes.InvalidArgument, "start_time_min must not be after start_time_max"},
		{"deep", find(func(q *apiv2pb.TraceQueryParameters) { q.SearchDepth = 10_001 }), codes.InvalidArgument, "search_depth 10001: want 1 to 10000 traces, or 0 for 100"},
		{"negative depth", find(func(q *apiv2pb.TraceQueryParameters) { q.SearchDepth = -1 }), codes.InvalidArgument, "search_depth -1: want 1 to 10000 traces, or 0 for 100"},
		{"negative duration", find(func(q *apiv2pb.TraceQueryParameters) { q.DurationMin = durationpb.New(-1) }), codes.InvalidArgument, "duration_min: -1ns: a duration must not be negative"},
		{"negative longest", find(func(q *apiv2pb.TraceQueryParameters) { q.DurationMax = durationpb.New(-1) }), codes.InvalidArgument, "duration_max: -1ns: a duration must not be negative"},
		{"empty durations", find(func(q *apiv2pb.TraceQueryParameters) {
			q.DurationMin, q.DurationMax = durationpb.New(2), durationpb.New(1)
		}), codes.InvalidArgument, "duration range is empty: min 2 ns is above max 1 ns"},
		{"empty key", find(func(q *apiv2pb.TraceQueryParameters) { q.Tags = map[string]string{"": "v"} }), codes.InvalidArgument, "tags: a key is empty"},
		{"unknown field", find(func(q *apiv2pb.TraceQueryParameters) {
			q.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 1))
		}), codes.InvalidArgument, "query: 3 bytes of fields that are not known here"},
		{"no service", operations(&apiv2pb.GetOperationsRequest{}), codes.InvalidArgument, "parameter 'service' is required"},
		{"bad kind", operations(&apiv2pb.GetOperationsRequest{Service: "s", SpanKind: "big"}), codes.InvalidArgument, `span kind "big": want internal, server, client, producer, consumer or unspecified`},
		{"dependencies of no time", dependencies(nil, midnight), codes.InvalidArgument, "start_time and end_time are required"},
		{"dependencies reversed", dependencies(midnight, noon), codes.InvalidArgument, "end_time must be after start_time"},
		{"no service to sample", func(ctx context.Context) error {
			_, err := c.GetSamplingStrategy(ctx, &apiv2pb.SamplingStrategyParameters{})
			return err
		}, codes.InvalidArgument, "serviceName is required"},
		{"spans that are no message", post([]byte{0x08, 1}), codes.InvalidArgument, "request is not a batch of spans: field 1 has wire type 0, want 2"},
		{"span id", post(encoded(t, badID)), codes.InvalidArgument, "batch.spans[0]: span_id has 4 bytes: want 8"},
		{"no start", post(encoded(t, newSpan(1, 1), noStart)), codes.InvalidArgument, "span 0000000000000002 of trace 00000000000000000000000000000001: start time is missing"},
	} {
		wantStatus(t, test.name, test.call(t.Context()), test.code, test.message)
	}
	if len(m.traces) != 1 {
		t.Errorf("%d traces: the span beside the one that was refused is stored", len(m.traces))
	}
}

func encoded(t *testing.T, spans ...*apiv2pb.Span) []byte {
	t.Helper()
	msg, err := proto.Marshal(&apiv2pb.PostSpansRequest{Batch: &apiv2pb.Batch{Spans: spans}})
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

// TestInvalidText asks that text which is not UTF-8 is taken, and that no spans
// are no error.
func TestInvalidText(t *testing.T) {
	m := newMemory()
	c := dial(t, m, m, Options{})
	s := newSpan(1, 1)
	s.OperationName = "WRONG"
	msg := []byte(strings.ReplaceAll(string(encoded(t, s)), "WRONG", "WRO\xff\xfe"))
	in := new(emptypb.Empty)
	for _, msg := range [][]byte{msg, nil} {
		in.ProtoReflect().SetUnknown(msg)
		if err := c.conn.Invoke(t.Context(), apiv2pb.CollectorService_PostSpans_FullMethodName, in, new(emptypb.Empty)); err != nil {
			t.Fatal(err)
		}
	}
	chunks, err := receive(c.GetTrace(t.Context(), &apiv2pb.GetTraceRequest{TraceId: traceBytes(1)}))
	if err != nil || spansOf(chunks)[0].GetOperationName() != "invalid-span-name" || m.exports != 1 {
		t.Errorf("got %v, %v", chunks, err)
	}
}

// TestInFlight fills the budget from within a request.
func TestInFlight(t *testing.T) {
	msg := encoded(t, newSpan(1, 1))
	g, err := New(newMemory(), newMemory(), Options{MaxInFlightBytes: int64(len(msg)) * 3 / 2})
	if err != nil {
		t.Fatal(err)
	}
	g.spans = exporter(func(ctx context.Context) error { return g.postSpans(ctx, msg) })
	if err := g.postSpans(t.Context(), msg); base.ClassOf(err) != base.ClassOverload {
		t.Errorf("second batch at a time: %v", err)
	}
	g.spans = newMemory()
	if err := g.postSpans(t.Context(), msg); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if err := g.postSpans(t.Context(), append(msg, msg...)); base.ClassOf(err) != base.ClassTooLarge {
		t.Errorf("larger than all: %v", err)
	}
}

type exporter func(context.Context) error

func (e exporter) Export(ctx context.Context, _ []byte) (int64, string, error) {
	return 0, "", e(ctx)
}

// TestClasses asks how every class of error looks, from every method.
func TestClasses(t *testing.T) {
	m := newMemory()
	c := dial(t, m, m, Options{})
	calls := map[string]func(context.Context) error{
		"GetServices": func(ctx context.Context) error {
			_, err := c.GetServices(ctx, &apiv2pb.GetServicesRequest{})
			return err
		},
		"GetOperations": func(ctx context.Context) error {
			_, err := c.GetOperations(ctx, &apiv2pb.GetOperationsRequest{Service: "s"})
			return err
		},
		"GetDependencies": func(ctx context.Context) error {
			_, err := c.GetDependencies(ctx, &apiv2pb.GetDependenciesRequest{StartTime: noon, EndTime: midnight})
			return err
		},
		"GetTrace": func(ctx context.Context) error {
			_, err := receive(c.GetTrace(ctx, &apiv2pb.GetTraceRequest{TraceId: traceBytes(1)}))
			return err
		},
		"FindTraces": func(ctx context.Context) error {
			_, err := receive(c.FindTraces(ctx, &apiv2pb.FindTracesRequest{Query: &apiv2pb.TraceQueryParameters{StartTimeMin: noon, StartTimeMax: midnight}}))
			return err
		},
		"PostSpans": func(ctx context.Context) error {
			_, err := c.PostSpans(ctx, &apiv2pb.PostSpansRequest{Batch: &apiv2pb.Batch{Spans: []*apiv2pb.Span{newSpan(1, 1)}}})
			return err
		},
	}
	for _, test := range []struct {
		err     error
		code    codes.Code
		message string
	}{
		{errors.New("boom"), codes.Internal, "internal error: the server's log says more"},
		{base.Errorf(base.ClassInvalid, "e"), codes.InvalidArgument, "e"},
		{base.Errorf(base.ClassTooOld, "e"), codes.InvalidArgument, "e"},
		{base.Errorf(base.ClassConflict, "e"), codes.FailedPrecondition, "e"},
		{base.Errorf(base.ClassTooLarge, "e"), codes.ResourceExhausted, "e"},
		{base.Errorf(base.ClassOverload, "e"), codes.ResourceExhausted, "e"},
		{base.Errorf(base.ClassUnavailable, "e"), codes.Unavailable, "e"},
		{base.Errorf(base.ClassCorruption, "e"), codes.DataLoss, "e"},
		{context.DeadlineExceeded, codes.DeadlineExceeded, "the query took too long: ask for a shorter time range, fewer traces or more conditions"},
	} {
		m.err = test.err
		for name, call := range calls {
			wantStatus(t, name, call(t.Context()), test.code, test.message)
		}
	}
}

// TestTimeout asks that questions to the store are bounded, requests are not.
func TestTimeout(t *testing.T) {
	m := newMemory()
	c := dial(t, m, m, Options{Timeout: 1})
	_, err := receive(c.FindTraces(t.Context(), &apiv2pb.FindTracesRequest{Query: &apiv2pb.TraceQueryParameters{StartTimeMin: noon, StartTimeMax: midnight}}))
	wantStatus(t, "find", err, codes.DeadlineExceeded, "the query took too long: ask for a shorter time range, fewer traces or more conditions")
	c = dial(t, m, m, Options{Timeout: -1})
	_, err = receive(c.GetTrace(t.Context(), &apiv2pb.GetTraceRequest{TraceId: traceBytes(1)}))
	wantStatus(t, "get", err, codes.NotFound, "trace not found")
}

func TestNewRefuses(t *testing.T) {
	m := newMemory()
	for name, call := range map[string]func() (*Gateway, error){
		"no store":        func() (*Gateway, error) { return New(nil, m, Options{}) },
		"no writer":       func() (*Gateway, error) { return New(m, nil, Options{}) },
		"no bytes":        func() (*Gateway, error) { return New(m, m, Options{MaxInFlightBytes: -1}) },
		"half an archive": func() (*Gateway, error) { return New(m, m, Options{Archive: &Archive{Store: m}}) },
	} {
		if _, err := call(); base.ClassOf(err) != base.ClassInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFarTimes(t *testing.T) {
	q, err := queryOf(&apiv2pb.TraceQueryParameters{StartTimeMin: noon, StartTimeMax: &timestamppb.Timestamp{Seconds: 200_000_000_000}})
	if err != nil || q.Time.End != math.MaxInt64 {
		t.Errorf("got %v, %v", q, err)
	}
}

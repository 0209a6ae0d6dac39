package jaegerstore

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/serve"
	"github.com/pandodb/pando/internal/gen/apiv2pb"
	"github.com/pandodb/pando/internal/gen/storagev1pb"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

func aQueryV1() *storagev1pb.TraceQueryParameters {
	return &storagev1pb.TraceQueryParameters{StartTimeMin: at(-time.Hour), StartTimeMax: at(0)}
}

// aSpan is a span of Jaeger's model.
func aSpan(trace, span uint64) *apiv2pb.Span {
	id, sid := traceID(trace), spanID(span)
	return &apiv2pb.Span{
		TraceId: id[:], SpanId: sid[:], OperationName: "GET /", StartTime: at(0), Duration: durationpb.New(time.Second),
		Process: &apiv2pb.Process{ServiceName: "shop"},
	}
}

func TestCatalogueV1(t *testing.T) {
	store := &fakeStore{
		services:   []string{"bank", "shop"},
		operations: []trace.Operation{{Name: "GET /", Kind: trace.KindClient}, {Name: "GET /", Kind: trace.KindServer}, {Name: "job"}},
		deps:       someCalls(),
	}
	c, ctx := dial(t, Target{Store: store}, nil), t.Context()
	services, err := c.reader1.GetServices(ctx, &storagev1pb.GetServicesRequest{})
	if err != nil || !slices.Equal(services.GetServices(), store.services) {
		t.Errorf("services %v, %v", services, err)
	}
	ops, err := c.reader1.GetOperations(ctx, &storagev1pb.GetOperationsRequest{Service: "shop"})
	wantOps := &storagev1pb.GetOperationsResponse{
		OperationNames: []string{"GET /", "job"},
		Operations:     []*storagev1pb.Operation{{Name: "GET /", SpanKind: "client"}, {Name: "GET /", SpanKind: "server"}, {Name: "job"}},
	}
	if diff := cmp.Diff(wantOps, ops, protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("operations: %v %s", err, diff)
	}
	deps, err := c.deps1.GetDependencies(ctx, &storagev1pb.GetDependenciesRequest{StartTime: at(-time.Hour), EndTime: at(0)})
	wantDeps := &storagev1pb.GetDependenciesResponse{Dependencies: []*apiv2pb.DependencyLink{
		{Parent: "shop", Child: "bank", CallCount: 3, Source: "pando"},
	}}
	if diff := cmp.Diff(wantDeps, deps, protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("dependencies: %v %s", err, diff)
	}
}

func TestCapabilitiesV1(t *testing.T) {
	archive := &Target{Store: &fakeStore{}, Spans: &fakeSpans{}}
	for _, tc := range []struct {
		archive *Target
		want    *storagev1pb.CapabilitiesResponse
	}{
		{nil, &storagev1pb.CapabilitiesResponse{}},
		{archive, &storagev1pb.CapabilitiesResponse{ArchiveSpanReader: true, ArchiveSpanWriter: true}},
	} {
		got, err := dial(t, Target{Store: &fakeStore{}}, tc.archive).capabilities1.Capabilities(t.Context(), &storagev1pb.CapabilitiesRequest{})
		if diff := cmp.Diff(tc.want, got, protocmp.Transform()); diff != "" || err != nil {
			t.Errorf("%v, (-want +got):\n%s", err, diff)
		}
	}
}

func TestGetTraceV1(t *testing.T) {
	store := &fakeStore{traces: []trace.Trace{newTrace(1, 9000, 500), newTrace(2, 1, 1)}}
	c := dial(t, Target{Store: store}, nil)
	id := traceID(1)
	got, err := receiveAll(c.reader1.GetTrace(t.Context(), &storagev1pb.GetTraceRequest{TraceId: id[:], StartTime: at(0)}))
	if err != nil || len(got) < 5 {
		t.Fatalf("%d messages, %v", len(got), err)
	}
	n := uint64(0)
	for _, m := range got {
		if size := proto.Size(m); size > 2<<20 || len(m.GetSpans()) == 0 {
			t.Errorf("a message of %d bytes", size)
		}
		for _, s := range m.GetSpans() {
			if n++; spanID(n) != trace.SpanID(s.GetSpanId()) || s.GetProcess().GetServiceName() != "shop" {
				t.Fatalf("span %d is %v", n, s)
			}
		}
	}
	if n != 9000 || store.refs[0].Time.Start != testNow.Add(-24*time.Hour).UnixNano() {
		t.Errorf("%d spans, asked for %+v", n, store.refs)
	}

	// Jaeger's client looks for the code, and on a stream for these very words.
	none := traceID(7)
	_, err = receiveAll(c.reader1.GetTrace(t.Context(), &storagev1pb.GetTraceRequest{TraceId: none[:]}))
	if status.Code(err) != codes.NotFound || status.Convert(err).Message() != "trace not found" {
		t.Errorf("a trace that is not there: %v", err)
	}
}

func TestFindV1(t *testing.T) {
	store := &fakeStore{traces: []trace.Trace{newTrace(2, 2, 1), newTrace(1, 1, 1)}}
	c := dial(t, Target{Store: store}, nil)
	q := aQueryV1()
	q.ServiceName, q.OperationName, q.NumTraces = "shop", "GET /", 9
	q.DurationMin, q.DurationMax = durationpb.New(1), durationpb.New(2)
	q.Tags = map[string]string{"b": "2", "a": "1", "error": "true"}
	got, err := receiveAll(c.reader1.FindTraces(t.Context(), &storagev1pb.FindTracesRequest{Query: q}))
	if err != nil || len(got) != 2 || len(got[0].GetSpans()) != 2 || got[1].GetSpans()[0].GetTraceId()[15] != 1 {
		t.Errorf("found %v, %v", got, err)
	}
	tag := func(key, text string) search.Tag {
		return search.Tag{Key: key, Value: trace.Value{Kind: trace.KindString, Str: text}, AnyType: true}
	}
	want := &search.Query{
		Service: "shop", Operation: "GET /", ErrorsOnly: true, Tags: []search.Tag{tag("a", "1"), tag("b", "2")},
		Time:        base.TimeRange{Start: testNow.Add(-time.Hour).UnixNano(), End: testNow.UnixNano() + 1}, // inclusive
		MinDuration: 1, MaxDuration: 2, Limit: 9,
	}
	if diff := cmp.Diff(want, store.query); diff != "" {
		t.Errorf("query (-want +got):\n%s", diff)
	}
	ids, err := c.reader1.FindTraceIDs(t.Context(), &storagev1pb.FindTraceIDsRequest{Query: aQueryV1()})
	if err != nil || len(ids.GetTraceIds()) != 2 || traceID(2) != trace.ID(ids.GetTraceIds()[0]) || store.query.Limit != serve.DefaultDepth {
		t.Errorf("ids %v, %v", ids, err)
	}
	forever := &storagev1pb.TraceQueryParameters{StartTimeMin: timestamppb.New(time.Unix(0, 0)), StartTimeMax: &timestamppb.Timestamp{Seconds: 200e9}}
	if q, err := traceQueryV1(forever); err != nil || q.Time != (base.TimeRange{End: math.MaxInt64}) {
		t.Errorf("for ever: %+v, %v", q, err)
	}
}

func TestBadRequestsV1(t *testing.T) {
	c, ctx := dial(t, Target{Store: &fakeStore{}}, nil), t.Context()
	find := func(change func(*storagev1pb.TraceQueryParameters)) error {
		q := aQueryV1()
		change(q)
		_, err := c.reader1.FindTraceIDs(ctx, &storagev1pb.FindTraceIDsRequest{Query: q})
		return err
	}
	_, noQuery := receiveAll(c.reader1.FindTraces(ctx, &storagev1pb.FindTracesRequest{}))
	_, shortID := receiveAll(c.reader1.GetTrace(ctx, &storagev1pb.GetTraceRequest{TraceId: make([]byte, 8)}))
	_, noSpan := c.writer1.WriteSpan(ctx, &storagev1pb.WriteSpanRequest{})
	bad := aSpan(1, 1)
	bad.SpanId = bad.SpanId[:3]
	_, badSpan := c.writer1.WriteSpan(ctx, &storagev1pb.WriteSpanRequest{Span: bad})
	_, noService := c.reader1.GetOperations(ctx, &storagev1pb.GetOperationsRequest{})
	_, noTime := c.deps1.GetDependencies(ctx, &storagev1pb.GetDependenciesRequest{})
	for _, tc := range []struct {
		err  error
		want string
	}{
		{noQuery, "query is missing"},
		{shortID, "trace_id has 8 bytes: want 16"},
		{noSpan, "span is missing"},
		{badSpan, "spans[0]: span_id has 3 bytes: want 8"},
		{noService, "parameter 'service' is required"},
		{noTime, "start_time and end_time are required"},
		{find(func(q *storagev1pb.TraceQueryParameters) { q.StartTimeMin = nil }), "start_time_min and start_time_max are required"},
		{find(func(q *storagev1pb.TraceQueryParameters) { q.StartTimeMin = at(1) }), "start_time_min must not be after start_time_max"},
		{find(func(q *storagev1pb.TraceQueryParameters) { q.NumTraces = -5 }), "num_traces -5: want 1 to 10000 traces, or 0 for 100"},
		{find(func(q *storagev1pb.TraceQueryParameters) { q.DurationMin = durationpb.New(-1) }), "duration_min: -1ns: a duration must not be negative"},
		{find(func(q *storagev1pb.TraceQueryParameters) { q.ProtoReflect().SetUnknown([]byte{0x78, 1}) }), "query: 2 bytes of fields that are not known here"},
		{find(func(q *storagev1pb.TraceQueryParameters) { q.Tags = map[string]string{"": "x"} }), "tags: a key is empty"},
	} {
		if got := text(tc.err); got != "InvalidArgument: "+tc.want {
			t.Errorf("%s, want %s", got, tc.want)
		}
	}
}

// exported returns the ids of the spans that were written.
func exported(t *testing.T, s *fakeSpans) (ids []string, exports int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, wire := range s.exports {
		pb := new(tracepb.TracesData)
		if err := proto.Unmarshal(wire, pb); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, spansOf(t, pb)...)
	}
	return ids, len(s.exports)
}

func TestWriteSpan(t *testing.T) {
	spans := &fakeSpans{}
	c := dial(t, Target{Store: &fakeStore{}, Spans: spans}, nil)
	if _, err := c.writer1.WriteSpan(t.Context(), &storagev1pb.WriteSpanRequest{Span: aSpan(1, 2)}); err != nil {
		t.Error(err)
	}
	if ids, _ := exported(t, spans); !slices.Equal(ids, []string{"1/2"}) {
		t.Errorf("stored %v", ids)
	}
	if _, err := c.writer1.Close(t.Context(), &storagev1pb.CloseWriterRequest{}); err != nil {
		t.Error(err)
	}
	spans.rejected = 1
	_, err := c.writer1.WriteSpan(t.Context(), &storagev1pb.WriteSpanRequest{Span: aSpan(1, 2)})
	if text(err) != "InvalidArgument: the span was not stored: it is too old" {
		t.Errorf("rejected: %s", text(err))
	}
	spans.err = base.Errorf(base.ClassOverload, "full")
	_, err = c.writer1.WriteSpan(t.Context(), &storagev1pb.WriteSpanRequest{Span: aSpan(1, 2)})
	if text(err) != "ResourceExhausted: full" {
		t.Errorf("overloaded: %s", text(err))
	}
}

// TestWriteSpanStream: spans of a stream are stored in order, while it is open
// and many at a time.
func TestWriteSpanStream(t *testing.T) {
	spans := &fakeSpans{hold: make(chan struct{})}
	c := dial(t, Target{Store: &fakeStore{}, Spans: spans}, nil)
	stream, err := c.stream1.WriteSpanStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const n = 2000
	for i := range uint64(n) {
		if err := stream.Send(&storagev1pb.WriteSpanRequest{Span: aSpan(1, i)}); err != nil {
			t.Fatal(err)
		}
	}
	spans.hold <- struct{}{} // one is being stored though the stream is open
	close(spans.hold)
	if _, err := stream.CloseAndRecv(); err != nil {
		t.Fatal(err)
	}
	ids, exports := exported(t, spans)
	if len(ids) != n || ids[0] != "1/0" || ids[n-1] != "1/1999" || exports > n/2 {
		t.Errorf("%d spans in %d exports", len(ids), exports)
	}
}

// TestWriteStreamErrors: what breaks a rule is left out and told of in the end;
// a store that fails ends the stream, however many spans wait.
func TestWriteStreamErrors(t *testing.T) {
	bad := aSpan(1, 1)
	bad.TraceId = bad.TraceId[:5]
	for _, tc := range []struct {
		name  string
		spans *fakeSpans
		send  []*apiv2pb.Span
		want  string
		kept  int
	}{
		{"nothing", &fakeSpans{}, nil, "OK: ", 0},
		{"rejected", &fakeSpans{rejected: 1}, []*apiv2pb.Span{aSpan(1, 1)}, "InvalidArgument: 1 spans were not stored: it is too old", 1},
		{
			"malformed among others", &fakeSpans{},
			[]*apiv2pb.Span{aSpan(1, 1), bad, aSpan(1, 2)},
			"InvalidArgument: 1 spans were not stored: spans[0]: trace_id has 5 bytes: want 16, or 8", 2,
		},
		{"missing", &fakeSpans{}, []*apiv2pb.Span{aSpan(1, 1), nil}, "InvalidArgument: span is missing", 1},
		{"failing", &fakeSpans{err: base.Errorf(base.ClassUnavailable, "moving")}, slices.Repeat([]*apiv2pb.Span{aSpan(1, 1)}, 20_000), "Unavailable: moving", 1},
	} {
		c := dial(t, Target{Store: &fakeStore{}, Spans: tc.spans}, nil)
		stream, err := c.stream1.WriteSpanStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range tc.send {
			if err := stream.Send(&storagev1pb.WriteSpanRequest{Span: s}); errors.Is(err, io.EOF) {
				break // the answer says why
			} else if err != nil {
				t.Fatal(err)
			}
		}
		_, err = stream.CloseAndRecv()
		if got := text(err); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
		if ids, _ := exported(t, tc.spans); len(ids) < tc.kept {
			t.Errorf("%s: %d spans stored, want %d", tc.name, len(ids), tc.kept)
		}
	}
}

// TestBadSpansCostNoCommits: what a batch has besides spans that are none is
// stored at once, in its order.
func TestBadSpansCostNoCommits(t *testing.T) {
	b, spans := newBatcher(), &fakeSpans{}
	const n = 1000
	for i := range uint64(n) {
		s := aSpan(1, i)
		if i%100 == 7 {
			s.SpanId = s.SpanId[:3]
		}
		b.put(s, 1)
	}
	b.end()
	err := b.store(t.Context(), spans)
	if err == nil || err.Error() != "10 spans were not stored: spans[0]: span_id has 3 bytes: want 8" {
		t.Error(err)
	}
	ids, exports := exported(t, spans)
	if len(ids) != n-10 || ids[0] != "1/0" || ids[7] != "1/8" || exports != 1 {
		t.Errorf("%d spans in %d exports", len(ids), exports)
	}
}

// TestStreamOutlivesItsClient: what was received is stored though the client is
// gone, which Jaeger's is when the context of the first span ends.
func TestStreamOutlivesItsClient(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b, spans := newBatcher(), &fakeSpans{}
	b.put(aSpan(1, 1), 1)
	b.end()
	if err := b.store(ctx, spans); err != nil {
		t.Error(err)
	}
	if ids, _ := exported(t, spans); !slices.Equal(ids, []string{"1/1"}) {
		t.Errorf("stored %v", ids)
	}
}

// TestBatcherIsBounded: who puts more than there is room for waits.
func TestBatcherIsBounded(t *testing.T) {
	b := newBatcher()
	if !b.put(aSpan(1, 1), 2*batchBytes) {
		t.Fatal("a span larger than all room finds none in an empty batch")
	}
	done := make(chan bool)
	go func() { done <- b.put(aSpan(1, 2), 1) }()
	select {
	case <-done:
		t.Fatal("there was no room")
	default:
	}
	if got := b.take(); len(got) != 1 {
		t.Errorf("took %d spans", len(got))
	}
	if !<-done {
		t.Error("there was room")
	}
	b.end()
	if got := b.take(); len(got) != 1 {
		t.Errorf("took %d spans", len(got))
	}
	if got := b.take(); len(got) != 0 {
		t.Errorf("took %d spans after the end", len(got))
	}
}

func TestArchiveV1(t *testing.T) {
	main, kept := &fakeSpans{}, &fakeSpans{}
	archive := &Target{Store: &fakeStore{traces: []trace.Trace{newTrace(3, 2, 1)}}, Spans: kept}
	c := dial(t, Target{Store: &fakeStore{}, Spans: main}, archive)
	ctx := t.Context()
	id, none := traceID(3), traceID(4)
	got, err := receiveAll(c.archiveReader.GetArchiveTrace(ctx, &storagev1pb.GetTraceRequest{TraceId: id[:]}))
	if err != nil || len(got) != 1 || len(got[0].GetSpans()) != 2 {
		t.Errorf("archived %v, %v", got, err)
	}
	_, err = receiveAll(c.archiveReader.GetArchiveTrace(ctx, &storagev1pb.GetTraceRequest{TraceId: none[:]}))
	if text(err) != "NotFound: trace not found" {
		t.Errorf("not archived: %s", text(err))
	}
	if _, err := c.archiveWriter.WriteArchiveSpan(ctx, &storagev1pb.WriteSpanRequest{Span: aSpan(3, 3)}); err != nil {
		t.Error(err)
	}
	inArchive := metadata.AppendToOutgoingContext(ctx, ArchiveHeader, "1")
	if _, err := c.writer1.WriteSpan(inArchive, &storagev1pb.WriteSpanRequest{Span: aSpan(3, 4)}); err != nil {
		t.Error(err)
	}
	stream, err := c.stream1.WriteSpanStream(inArchive)
	if err == nil {
		err = stream.Send(&storagev1pb.WriteSpanRequest{Span: aSpan(3, 5)})
	}
	if err == nil {
		_, err = stream.CloseAndRecv()
	}
	if err != nil {
		t.Error(err)
	}
	if ids, _ := exported(t, kept); !slices.Equal(ids, []string{"3/3", "3/4", "3/5"}) {
		t.Errorf("archived %v", ids)
	}
	if ids, _ := exported(t, main); len(ids) != 0 {
		t.Errorf("stored %v beside the archive", ids)
	}

	without := dial(t, Target{Store: &fakeStore{}, Spans: main}, nil)
	_, err1 := receiveAll(without.archiveReader.GetArchiveTrace(ctx, &storagev1pb.GetTraceRequest{TraceId: id[:]}))
	_, err2 := without.archiveWriter.WriteArchiveSpan(ctx, &storagev1pb.WriteSpanRequest{Span: aSpan(3, 3)})
	for _, err := range []error{err1, err2} {
		if text(err) != "Unimplemented: this server keeps no archive" {
			t.Errorf("no archive: %s", text(err))
		}
	}
}

func TestStoreErrorsV1(t *testing.T) {
	c := dial(t, Target{Store: &fakeStore{err: base.Errorf(base.ClassUnavailable, "moving"), traces: []trace.Trace{newTrace(1, 1, 1)}}}, nil)
	ctx, id := t.Context(), traceID(1)
	_, err1 := c.reader1.GetServices(ctx, &storagev1pb.GetServicesRequest{})
	_, err2 := c.reader1.GetOperations(ctx, &storagev1pb.GetOperationsRequest{Service: "s"})
	_, err3 := c.deps1.GetDependencies(ctx, &storagev1pb.GetDependenciesRequest{StartTime: at(0), EndTime: at(1)})
	_, err4 := receiveAll(c.reader1.GetTrace(ctx, &storagev1pb.GetTraceRequest{TraceId: id[:]}))
	_, err5 := receiveAll(c.reader1.FindTraces(ctx, &storagev1pb.FindTracesRequest{Query: aQueryV1()}))
	_, err6 := c.reader1.FindTraceIDs(ctx, &storagev1pb.FindTraceIDsRequest{Query: aQueryV1()})
	for i, err := range []error{err1, err2, err3, err4, err5, err6} {
		if text(err) != "Unavailable: moving" {
			t.Errorf("%d: %s", i+1, text(err))
		}
	}
}

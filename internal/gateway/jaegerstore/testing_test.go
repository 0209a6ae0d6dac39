package jaegerstore

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gen/storagev1pb"
	"github.com/pandodb/pando/internal/gen/storagev2pb"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeStore answers from its fields and remembers what it was asked. Searches
// find everything; the token of a page is where the next one starts.
type fakeStore struct {
	services   []string
	operations []trace.Operation
	deps       []search.Dependency
	traces     []trace.Trace
	summaries  []trace.Summary
	spans      []trace.Span
	when       base.TimeRange // of found traces
	err        error          // of every answer

	query *search.Query
	find  *search.SpanQuery
	refs  []search.Ref
	kind  trace.Kind
	time  base.TimeRange
}

// page returns a page of all and the token of the next one.
func page[T any](all []T, p *search.Page) ([]T, string, error) {
	if p == nil {
		return all, "", nil
	}
	start := 0
	if p.Token != "" {
		var err error
		if start, err = strconv.Atoi(p.Token); err != nil {
			return nil, "", base.Errorf(base.ClassInvalid, "page token %q: it was not given out here", p.Token)
		}
	}
	end := min(len(all), start+p.Size)
	if end == len(all) {
		return all[start:], "", nil
	}
	return all[start:end], strconv.Itoa(end), nil
}

func (s *fakeStore) Get(_ context.Context, refs ...search.Ref) ([]trace.Trace, error) {
	s.refs = append(s.refs, refs...)
	var out []trace.Trace
	for _, t := range s.traces {
		if slices.ContainsFunc(refs, func(r search.Ref) bool { return r.ID == t.ID }) {
			out = append(out, t)
		}
	}
	return out, s.err
}

func (s *fakeStore) FindPage(_ context.Context, q *search.Query) ([]search.FoundTrace, string, error) {
	s.query = q
	traces, next, err := page(s.traces, q.Page)
	found := make([]search.FoundTrace, len(traces))
	for i := range traces {
		found[i] = search.FoundTrace{ID: traces[i].ID, Time: s.when}
	}
	return found, next, errors.Join(err, s.err)
}

func (s *fakeStore) SummariesPage(_ context.Context, q *search.Query) ([]trace.Summary, string, error) {
	s.query = q
	found, next, err := page(s.summaries, q.Page)
	return found, next, errors.Join(err, s.err)
}

func (s *fakeStore) FindSpans(_ context.Context, q *search.SpanQuery) ([]trace.Span, string, error) {
	s.find = q
	found, next, err := page(s.spans, &q.Page)
	return found, next, errors.Join(err, s.err)
}

func (s *fakeStore) Services(context.Context) ([]string, error) { return s.services, s.err }

func (s *fakeStore) Operations(_ context.Context, _ string, kind trace.Kind) ([]trace.Operation, error) {
	s.kind = kind
	return slices.Clone(s.operations), s.err
}

func (s *fakeStore) Dependencies(_ context.Context, time base.TimeRange) ([]search.Dependency, error) {
	s.time = time
	return s.deps, s.err
}

// fakeSpans keeps what it is given.
type fakeSpans struct {
	mu       sync.Mutex
	exports  [][]byte
	rejected int64 // of every export
	err      error
	hold     chan struct{} // if set, an export waits for one
}

func (s *fakeSpans) Export(ctx context.Context, wire []byte) (int64, string, error) {
	if s.hold != nil {
		select {
		case <-s.hold:
		case <-ctx.Done():
			return 0, "", ctx.Err()
		}
	}
	if err := ctx.Err(); err != nil {
		return 0, "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.exports = append(s.exports, slices.Clone(wire))
	return s.rejected, "it is too old", s.err
}

// clients are all services of a server.
type clients struct {
	reader2       storagev2pb.TraceReaderClient
	deps2         storagev2pb.DependencyReaderClient
	capabilities2 storagev2pb.CapabilitiesClient
	reader1       storagev1pb.SpanReaderPluginClient
	writer1       storagev1pb.SpanWriterPluginClient
	stream1       storagev1pb.StreamingSpanWriterPluginClient
	deps1         storagev1pb.DependenciesReaderPluginClient
	capabilities1 storagev1pb.PluginCapabilitiesClient
	archiveReader storagev1pb.ArchiveSpanReaderPluginClient
	archiveWriter storagev1pb.ArchiveSpanWriterPluginClient
}

// dial serves a target and, if it is not nil, an archive.
func dial(t testing.TB, main Target, archive *Target) *clients {
	t.Helper()
	if main.Spans == nil {
		main.Spans = &fakeSpans{}
	}
	g, err := New(main, Options{Archive: archive, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
	g.RegisterGRPC(srv)
	for _, name := range g.ServiceNames() {
		if _, ok := srv.GetServiceInfo()[name]; !ok && name != "jaeger.storage.v2.TraceWriter" {
			t.Errorf("service %s is not registered", name)
		}
	}
	lis := bufconn.Listen(1 << 20)
	done := make(chan error, 1)
	go func() { done <- srv.Serve(lis) }()
	conn, err := grpc.NewClient("passthrough:///store",
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
	return &clients{
		reader2:       storagev2pb.NewTraceReaderClient(conn),
		deps2:         storagev2pb.NewDependencyReaderClient(conn),
		capabilities2: storagev2pb.NewCapabilitiesClient(conn),
		reader1:       storagev1pb.NewSpanReaderPluginClient(conn),
		writer1:       storagev1pb.NewSpanWriterPluginClient(conn),
		stream1:       storagev1pb.NewStreamingSpanWriterPluginClient(conn),
		deps1:         storagev1pb.NewDependenciesReaderPluginClient(conn),
		capabilities1: storagev1pb.NewPluginCapabilitiesClient(conn),
		archiveReader: storagev1pb.NewArchiveSpanReaderPluginClient(conn),
		archiveWriter: storagev1pb.NewArchiveSpanWriterPluginClient(conn),
	}
}

// receiveAll gathers a stream until its end or error.
func receiveAll[T any](stream grpc.ServerStreamingClient[T], err error) ([]*T, error) {
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

// text returns code and message of a gRPC error.
func text(err error) string {
	st := status.Convert(err)
	return st.Code().String() + ": " + st.Message()
}

// someCalls are three calls of a bank by a shop.
func someCalls() []search.Dependency {
	d := search.Dependency{Parent: "shop", Child: "bank"}
	d.Calls = 3
	return []search.Dependency{d}
}

var testNow = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func at(d time.Duration) *timestamppb.Timestamp { return timestamppb.New(testNow.Add(d)) }

func traceID(n uint64) (id trace.ID) {
	id[0] = 0xab
	binary.BigEndian.PutUint64(id[8:], n)
	return id
}

func spanID(n uint64) (id trace.SpanID) {
	binary.BigEndian.PutUint64(id[:], n)
	return id
}

func resource(service string) *trace.Resource {
	return &trace.Resource{Attrs: []trace.Attr{{Key: "service.name", Value: trace.Value{Kind: trace.KindString, Str: service}}}}
}

// newTrace is a trace of n spans whose names have size bytes.
func newTrace(id uint64, n, size int) trace.Trace {
	t := trace.Trace{ID: traceID(id)}
	shop, scope := resource("shop"), &trace.Scope{}
	for i := range n {
		start := uint64(testNow.UnixNano()) + uint64(i)
		t.Spans = append(t.Spans, trace.Span{
			TraceID: t.ID, SpanID: spanID(uint64(i + 1)), Name: string(slices.Repeat([]byte{'x'}, size)), Kind: trace.KindServer,
			StartNanos: start, EndNanos: start + 1000, Resource: shop, Scope: scope,
		})
	}
	return t
}

package pandotest

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/jaegertracing/jaeger-idl/model/v1"
	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
	"go.opentelemetry.io/contrib/samplers/jaegerremote"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	_ "github.com/jaegertracing/jaeger/internal/gogocodec" // of Jaeger's messages
)

func dial(t *testing.T, addr string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// spanChunks is a stream of api_v2 that carries spans.
type spanChunks interface {
	Recv() (*api_v2.SpansResponseChunk, error)
}

// receive returns the spans of a stream.
func receive(t *testing.T, stream spanChunks, err error) (spans []*model.Span) {
	t.Helper()
	for err == nil {
		var chunk *api_v2.SpansResponseChunk
		if chunk, err = stream.Recv(); err == nil {
			for i := range chunk.Spans {
				spans = append(spans, &chunk.Spans[i])
			}
		}
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return spans
}

// TestVersion2Client posts spans with the client of Jaeger's agents and reads
// them with that of its query service: every one comes back as it was sent.
func TestVersion2Client(t *testing.T) {
	conn := dial(t, startServer(t))
	collector, query := api_v2.NewCollectorServiceClient(conn), api_v2.NewQueryServiceClient(conn)
	ctx := t.Context()
	sent := randomSpans(2, 600)
	for batch := range slices.Chunk(sent, 50) {
		if _, err := collector.PostSpans(ctx, &api_v2.PostSpansRequest{Batch: model.Batch{Spans: batch}}); err != nil {
			t.Fatal(err)
		}
	}
	services, operations := make(map[string]bool), make(map[string]bool)
	for _, s := range sent {
		services[s.Process.ServiceName] = true
		if s.Process.ServiceName == sent[0].Process.ServiceName {
			operations[s.OperationName] = true
		}
	}
	got, err := query.GetServices(ctx, &api_v2.GetServicesRequest{})
	if want := slices.Sorted(maps.Keys(services)); err != nil || !slices.Equal(got.GetServices(), want) {
		t.Errorf("services %v, %v, want %v", got, err, want)
	}
	ops, err := query.GetOperations(ctx, &api_v2.GetOperationsRequest{Service: sent[0].Process.ServiceName})
	if want := slices.Sorted(maps.Keys(operations)); err != nil || !slices.Equal(operationNames(ops), want) {
		t.Errorf("operations %v, %v, want %v", operationNames(ops), err, want)
	}
	found := 0
	for id, want := range byTrace(sent) {
		stream, err := query.GetTrace(ctx, &api_v2.GetTraceRequest{TraceID: id, RawTraces: true})
		if got, want := canonicalTrace(t, receive(t, stream, err)), canonicalTrace(t, want); !slices.Equal(got, want) {
			t.Fatalf("trace %v:\n got %v\nwant %v", id, got, want)
		}
		found += len(want)
	}
	if found != len(sent) {
		t.Errorf("%d spans found, want %d", found, len(sent))
	}
}

func operationNames(ops *api_v2.GetOperationsResponse) (names []string) {
	for _, o := range ops.GetOperations() {
		names = append(names, o.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// shop is a call from one service to another.
func shop(at time.Time) []*model.Span {
	id := model.NewTraceID(0, 42)
	return []*model.Span{
		{
			TraceID: id, SpanID: 1, OperationName: "pay", StartTime: at, Duration: 40 * time.Millisecond,
			Tags: []model.KeyValue{model.String("span.kind", "client"), model.Int64("http.status_code", 500), model.Bool("error", true)},
		},
		{
			TraceID: id, SpanID: 2, OperationName: "charge", StartTime: at.Add(time.Millisecond), Duration: 30 * time.Millisecond,
			References: []model.SpanRef{model.NewChildOfRef(id, 1)},
			Tags:       []model.KeyValue{model.String("span.kind", "server")},
			Process:    model.NewProcess("bank", nil),
		},
	}
}

// TestVersion2Query searches, archives and draws what calls what.
func TestVersion2Query(t *testing.T) {
	addr := startServer(t)
	conn := dial(t, addr)
	query, ctx, at := api_v2.NewQueryServiceClient(conn), t.Context(), time.Now().UTC().Add(-time.Minute)
	spans := shop(at)
	post := &api_v2.PostSpansRequest{Batch: model.Batch{Spans: spans, Process: model.NewProcess("shop", nil)}}
	if _, err := api_v2.NewCollectorServiceClient(conn).PostSpans(ctx, post); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*api_v2.TraceQueryParameters)
		want   int
	}{
		"service":     {func(*api_v2.TraceQueryParameters) {}, 2},
		"operation":   {func(q *api_v2.TraceQueryParameters) { q.OperationName = "pay" }, 2},
		"another one": {func(q *api_v2.TraceQueryParameters) { q.OperationName = "charge" }, 0},
		"tags": {func(q *api_v2.TraceQueryParameters) {
			q.Tags = map[string]string{"http.status_code": "500", "error": "true"}
		}, 2},
		"another tag": {func(q *api_v2.TraceQueryParameters) { q.Tags = map[string]string{"http.status_code": "200"} }, 0},
		"duration": {func(q *api_v2.TraceQueryParameters) {
			q.DurationMin, q.DurationMax = 40*time.Millisecond, 41*time.Millisecond
		}, 2},
		"too long":      {func(q *api_v2.TraceQueryParameters) { q.DurationMin = 41 * time.Millisecond }, 0},
		"time":          {func(q *api_v2.TraceQueryParameters) { q.StartTimeMin = at.Add(time.Microsecond) }, 0},
		"as it was":     {func(q *api_v2.TraceQueryParameters) { q.RawTraces = true }, 2},
		"other service": {func(q *api_v2.TraceQueryParameters) { q.ServiceName = "bank" }, 2},
	} {
		q := &api_v2.TraceQueryParameters{ServiceName: "shop", StartTimeMin: at.Add(-time.Minute), StartTimeMax: at.Add(time.Minute), SearchDepth: 10}
		c.change(q)
		stream, err := query.FindTraces(ctx, &api_v2.FindTracesRequest{Query: q})
		if got := receive(t, stream, err); len(got) != c.want {
			t.Errorf("%s: %d spans, want %d", name, len(got), c.want)
		}
	}
	deps, err := query.GetDependencies(ctx, &api_v2.GetDependenciesRequest{StartTime: at.Add(-time.Hour), EndTime: at.Add(time.Hour)})
	want := model.DependencyLink{Parent: "shop", Child: "bank", CallCount: 1}
	if err != nil || len(deps.Dependencies) != 1 || deps.Dependencies[0].Parent != want.Parent || deps.Dependencies[0].Child != want.Child || deps.Dependencies[0].CallCount != want.CallCount {
		t.Errorf("dependencies %v, %v, want %v", deps, err, want)
	}
	if _, err := query.ArchiveTrace(ctx, &api_v2.ArchiveTraceRequest{TraceID: spans[0].TraceID}); err != nil {
		t.Error(err)
	}
	purge(addr, "purge")(t)
	stream, err := query.GetTrace(ctx, &api_v2.GetTraceRequest{TraceID: spans[0].TraceID})
	if got := receive(t, stream, err); len(got) != len(spans) {
		t.Errorf("%d spans in the archive, want %d", len(got), len(spans))
	}
	purge(addr, "purge-archive")(t)
	stream, err = query.GetTrace(ctx, &api_v2.GetTraceRequest{TraceID: spans[0].TraceID})
	if err == nil {
		_, err = stream.Recv()
	}
	if status.Code(err) != codes.NotFound {
		t.Errorf("a trace that is gone: %v, want code NotFound", err)
	}
}

// TestRemoteSampler has OpenTelemetry's sampler for Jaeger ask the server, which
// by default wants one trace in a thousand.
func TestRemoteSampler(t *testing.T) {
	addr := startServer(t)
	answer, err := api_v2.NewSamplingManagerClient(dial(t, addr)).GetSamplingStrategy(t.Context(), &api_v2.SamplingStrategyParameters{ServiceName: "shop"})
	if err != nil || answer.GetProbabilisticSampling().GetSamplingRate() != 0.001 {
		t.Errorf("strategy %v, %v, want 0.001", answer, err)
	}
	for _, path := range []string{"/sampling", "/api/sampling"} {
		if err := request(t.Context(), http.MethodGet, "http://"+addr+path+"?service=shop"); err != nil {
			t.Fatal(err)
		}
		var failed bytes.Buffer
		s := jaegerremote.New("shop", jaegerremote.WithSamplingServerURL("http://"+addr+path), jaegerremote.WithInitialSampler(sdktrace.AlwaysSample()),
			jaegerremote.WithSamplingRefreshInterval(time.Hour), jaegerremote.WithLogger(funcr.New(func(_, args string) { failed.WriteString(args) }, funcr.Options{})))
		s.UpdateSampler()
		s.Close() // it still samples
		sampled, r := 0, rand.New(rand.NewPCG(1, 2))
		for range 100_000 {
			var id trace.TraceID
			for i := range id {
				id[i] = byte(r.Uint32())
			}
			if s.ShouldSample(sdktrace.SamplingParameters{ParentContext: t.Context(), TraceID: id, Name: "pay"}).Decision == sdktrace.RecordAndSample {
				sampled++
			}
		}
		if sampled < 60 || sampled > 150 {
			t.Errorf("%s: %d of 100000 traces are sampled, want about 100: %s", path, sampled, failed.String())
		}
	}
}

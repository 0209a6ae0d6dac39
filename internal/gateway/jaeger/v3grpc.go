package jaeger

import (
	"context"
	"math"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/serve"
	"github.com/pandodb/pando/internal/gen/jaegerpb"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

// chunkSummaries is how many summaries go into a message: some 100 kB.
const chunkSummaries = 512

var _ jaegerpb.QueryServiceServer = (*Gateway)(nil)

// GetServices implements jaegerpb.QueryServiceServer.
func (g *Gateway) GetServices(ctx context.Context, _ *jaegerpb.GetServicesRequest) (*jaegerpb.GetServicesResponse, error) {
	services, err := g.store.Services(ctx)
	if err != nil {
		return nil, g.errors.GRPC(ctx, jaegerpb.QueryService_GetServices_FullMethodName, err)
	}
	return &jaegerpb.GetServicesResponse{Services: services}, nil
}

// GetOperations implements jaegerpb.QueryServiceServer.
func (g *Gateway) GetOperations(ctx context.Context, req *jaegerpb.GetOperationsRequest) (*jaegerpb.GetOperationsResponse, error) {
	f, err := serve.NewOperationFilter(req.GetService(), req.GetSpanKind())
	if err != nil {
		return nil, g.errors.GRPC(ctx, jaegerpb.QueryService_GetOperations_FullMethodName, err)
	}
	ops, err := g.store.Operations(ctx, f.Service, f.Kind)
	if err != nil {
		return nil, g.errors.GRPC(ctx, jaegerpb.QueryService_GetOperations_FullMethodName, err)
	}
	ops = f.Keep(ops)
	resp := &jaegerpb.GetOperationsResponse{Operations: make([]*jaegerpb.Operation, len(ops))}
	for i, op := range ops {
		resp.Operations[i] = &jaegerpb.Operation{Name: op.Name, SpanKind: serve.KindName(op.Kind)}
	}
	return resp, nil
}

// GetDependencies implements jaegerpb.QueryServiceServer.
func (g *Gateway) GetDependencies(ctx context.Context, req *jaegerpb.GetDependenciesRequest) (*jaegerpb.DependenciesResponse, error) {
	in, err := serve.NewInterval(req.GetStartTime(), req.GetEndTime())
	if err != nil {
		return nil, g.errors.GRPC(ctx, jaegerpb.QueryService_GetDependencies_FullMethodName, err)
	}
	deps, err := g.dependencies(ctx, in)
	if err != nil {
		return nil, g.errors.GRPC(ctx, jaegerpb.QueryService_GetDependencies_FullMethodName, err)
	}
	resp := &jaegerpb.DependenciesResponse{Dependencies: make([]*jaegerpb.Dependency, len(deps))}
	for i, d := range deps {
		resp.Dependencies[i] = &jaegerpb.Dependency{Parent: d.Parent, Child: d.Child, CallCount: d.Calls}
	}
	return resp, nil
}

// dependencies answers both forms of api/v3.
func (g *Gateway) dependencies(ctx context.Context, in serve.Interval) ([]search.Dependency, error) {
	switch {
	case !in.HasStart:
		return nil, base.Errorf(base.ClassInvalid, "start_time is required")
	case !in.HasEnd:
		return nil, base.Errorf(base.ClassInvalid, "end_time is required")
	case in.End <= in.Start:
		return nil, base.Errorf(base.ClassInvalid, "end_time must be after start_time")
	}
	return g.store.Dependencies(ctx, base.TimeRange{Start: in.Start, End: in.End})
}

// GetTrace implements jaegerpb.QueryServiceServer.
func (g *Gateway) GetTrace(req *jaegerpb.GetTraceRequest, stream grpc.ServerStreamingServer[tracepb.TracesData]) error {
	ctx := stream.Context()
	return g.errors.GRPC(ctx, jaegerpb.QueryService_GetTrace_FullMethodName, g.getTrace(ctx, req, stream))
}

func (g *Gateway) getTrace(ctx context.Context, req *jaegerpb.GetTraceRequest, stream grpc.ServerStreamingServer[tracepb.TracesData]) error {
	id, err := parseTraceID(req.GetTraceId())
	if err != nil {
		return err
	}
	in, err := serve.NewInterval(req.GetStartTime(), req.GetEndTime())
	if err != nil {
		return err
	}
	when, err := in.Hint()
	if err != nil {
		return err
	}
	found, err := sendTraces(ctx, g.newTraceReader(lookup{ids: []trace.ID{id}, time: when, raw: req.GetRawTraces(), archive: true}), stream)
	if err == nil && !found {
		return serve.ErrTraceNotFound
	}
	return err
}

// FindTraces implements jaegerpb.QueryServiceServer.
func (g *Gateway) FindTraces(req *jaegerpb.FindTracesRequest, stream grpc.ServerStreamingServer[tracepb.TracesData]) error {
	ctx := stream.Context()
	return g.errors.GRPC(ctx, jaegerpb.QueryService_FindTraces_FullMethodName, g.streamTraces(ctx, req, stream))
}

func (g *Gateway) streamTraces(ctx context.Context, req *jaegerpb.FindTracesRequest, stream grpc.ServerStreamingServer[tracepb.TracesData]) error {
	p, err := searchOf(req.GetQuery())
	if err != nil {
		return err
	}
	ids, err := g.findTraces(ctx, p)
	if err != nil {
		return err
	}
	_, err = sendTraces(ctx, g.newTraceReader(lookup{ids: ids, raw: req.GetQuery().GetRawTraces()}), stream)
	return err
}

// FindTraceSummaries implements jaegerpb.QueryServiceServer.
func (g *Gateway) FindTraceSummaries(req *jaegerpb.FindTraceSummariesRequest, stream grpc.ServerStreamingServer[jaegerpb.FindTraceSummariesResponse]) error {
	ctx := stream.Context()
	return g.errors.GRPC(ctx, jaegerpb.QueryService_FindTraceSummaries_FullMethodName, g.streamSummaries(ctx, req, stream))
}

func (g *Gateway) streamSummaries(ctx context.Context, req *jaegerpb.FindTraceSummariesRequest, stream grpc.ServerStreamingServer[jaegerpb.FindTraceSummariesResponse]) error {
	p, err := searchOf(req.GetQuery())
	if err != nil {
		return err
	}
	found, next, err := g.findSummaries(ctx, p)
	if err != nil {
		return err
	}
	for len(found) > 0 {
		chunk := found[:min(len(found), chunkSummaries)]
		found = found[len(chunk):]
		resp := &jaegerpb.FindTraceSummariesResponse{Summaries: make([]*jaegerpb.TraceSummary, len(chunk))}
		if len(found) == 0 {
			resp.NextPageToken = next // on the last message only
		}
		for i := range chunk {
			resp.Summaries[i] = summaryOf(&chunk[i])
		}
		if err := stream.Send(resp); err != nil {
			return err
		}
	}
	return nil
}

func summaryOf(s *trace.Summary) *jaegerpb.TraceSummary {
	out := &jaegerpb.TraceSummary{
		TraceId:              s.ID.String(),
		RootServiceName:      s.RootService,
		RootOperationName:    s.RootName,
		MinStartTimeUnixNano: s.StartNanos,
		MaxEndTimeUnixNano:   s.EndNanos,
		SpanCount:            count32(s.Spans),
		ErrorSpanCount:       count32(s.Errors),
		OrphanSpanCount:      count32(s.Orphans),
		Services:             make([]*jaegerpb.ServiceSummary, len(s.Services)),
	}
	for i, c := range s.Services {
		out.Services[i] = &jaegerpb.ServiceSummary{
			Name: c.Service, SpanCount: count32(c.Spans), ErrorSpanCount: count32(c.Errors),
		}
	}
	return out
}

// count32 returns n, or the most that the protocol can say.
func count32(n uint32) int32 { return int32(min(n, math.MaxInt32)) }

// sendTraces streams traces in messages of about chunkBytes, each with spans of
// one trace, and reports whether there were any.
func sendTraces(ctx context.Context, reader *traceReader, stream grpc.ServerStreamingServer[tracepb.TracesData]) (bool, error) {
	found := false
	for {
		traces, err := reader.next(ctx)
		if err != nil || len(traces) == 0 {
			return found, err
		}
		found = true
		for i := range traces {
			if err := sendSpans(traces[i].Spans, stream); err != nil {
				return found, err
			}
		}
	}
}

// sendSpans sends the spans of one trace.
func sendSpans(spans []trace.Span, stream grpc.ServerStreamingServer[tracepb.TracesData]) error {
	return serve.SendSpans(spans, serve.Grouped, func(wire []byte, _ bool) error {
		return stream.Send(serve.TracesData(wire))
	})
}

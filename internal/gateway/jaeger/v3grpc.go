package jaeger

import (
	"context"
	"math"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gen/jaegerpb"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

const (
	// chunkBytes is about how large messages of spans get: clients refuse those
	// beyond 4 MiB unless told otherwise, and smaller ones arrive sooner.
	chunkBytes = 1 << 20
	// chunkSummaries is how many summaries go into a message: some 100 kB.
	chunkSummaries = 512
)

var _ jaegerpb.QueryServiceServer = (*Gateway)(nil)

// GetServices implements jaegerpb.QueryServiceServer.
func (g *Gateway) GetServices(ctx context.Context, _ *jaegerpb.GetServicesRequest) (*jaegerpb.GetServicesResponse, error) {
	services, err := g.store.Services(ctx)
	if err != nil {
		return nil, g.grpcError(ctx, jaegerpb.QueryService_GetServices_FullMethodName, err)
	}
	return &jaegerpb.GetServicesResponse{Services: services}, nil
}

// GetOperations implements jaegerpb.QueryServiceServer.
func (g *Gateway) GetOperations(ctx context.Context, req *jaegerpb.GetOperationsRequest) (*jaegerpb.GetOperationsResponse, error) {
	f, err := newOperationFilter(req.GetService(), req.GetSpanKind())
	if err != nil {
		return nil, g.grpcError(ctx, jaegerpb.QueryService_GetOperations_FullMethodName, err)
	}
	ops, err := g.store.Operations(ctx, f.service, f.kind)
	if err != nil {
		return nil, g.grpcError(ctx, jaegerpb.QueryService_GetOperations_FullMethodName, err)
	}
	ops = f.keep(ops)
	resp := &jaegerpb.GetOperationsResponse{Operations: make([]*jaegerpb.Operation, len(ops))}
	for i, op := range ops {
		resp.Operations[i] = &jaegerpb.Operation{Name: op.Name, SpanKind: kindName(op.Kind)}
	}
	return resp, nil
}

// GetDependencies implements jaegerpb.QueryServiceServer.
func (g *Gateway) GetDependencies(ctx context.Context, req *jaegerpb.GetDependenciesRequest) (*jaegerpb.DependenciesResponse, error) {
	in, err := intervalOf(req.GetStartTime(), req.GetEndTime())
	if err != nil {
		return nil, g.grpcError(ctx, jaegerpb.QueryService_GetDependencies_FullMethodName, err)
	}
	deps, err := g.dependencies(ctx, in)
	if err != nil {
		return nil, g.grpcError(ctx, jaegerpb.QueryService_GetDependencies_FullMethodName, err)
	}
	resp := &jaegerpb.DependenciesResponse{Dependencies: make([]*jaegerpb.Dependency, len(deps))}
	for i, d := range deps {
		resp.Dependencies[i] = &jaegerpb.Dependency{Parent: d.Parent, Child: d.Child, CallCount: d.Calls}
	}
	return resp, nil
}

// dependencies answers both forms of api/v3.
func (g *Gateway) dependencies(ctx context.Context, in interval) ([]search.Dependency, error) {
	switch {
	case !in.hasStart:
		return nil, base.Errorf(base.ClassInvalid, "start_time is required")
	case !in.hasEnd:
		return nil, base.Errorf(base.ClassInvalid, "end_time is required")
	case in.end <= in.start:
		return nil, base.Errorf(base.ClassInvalid, "end_time must be after start_time")
	}
	return g.store.Dependencies(ctx, base.TimeRange{Start: in.start, End: in.end})
}

// GetTrace implements jaegerpb.QueryServiceServer.
func (g *Gateway) GetTrace(req *jaegerpb.GetTraceRequest, stream grpc.ServerStreamingServer[tracepb.TracesData]) error {
	ctx := stream.Context()
	return g.grpcError(ctx, jaegerpb.QueryService_GetTrace_FullMethodName, g.getTrace(ctx, req, stream))
}

func (g *Gateway) getTrace(ctx context.Context, req *jaegerpb.GetTraceRequest, stream grpc.ServerStreamingServer[tracepb.TracesData]) error {
	id, err := parseTraceID(req.GetTraceId())
	if err != nil {
		return err
	}
	in, err := intervalOf(req.GetStartTime(), req.GetEndTime())
	if err != nil {
		return err
	}
	when, err := hint(in.start, in.hasStart, in.end, in.hasEnd)
	if err != nil {
		return err
	}
	found, err := sendTraces(ctx, g.newTraceReader(lookup{ids: []trace.ID{id}, time: when, raw: req.GetRawTraces(), archive: true}), stream)
	if err == nil && !found {
		return errNotFound
	}
	return err
}

// FindTraces implements jaegerpb.QueryServiceServer.
func (g *Gateway) FindTraces(req *jaegerpb.FindTracesRequest, stream grpc.ServerStreamingServer[tracepb.TracesData]) error {
	ctx := stream.Context()
	return g.grpcError(ctx, jaegerpb.QueryService_FindTraces_FullMethodName, g.findTraces(ctx, req, stream))
}

func (g *Gateway) findTraces(ctx context.Context, req *jaegerpb.FindTracesRequest, stream grpc.ServerStreamingServer[tracepb.TracesData]) error {
	q, err := queryOf(req.GetQuery())
	if err != nil {
		return err
	}
	ids, err := g.store.FindIDs(ctx, q)
	if err != nil {
		return err
	}
	_, err = sendTraces(ctx, g.newTraceReader(lookup{ids: ids, raw: req.GetQuery().GetRawTraces()}), stream)
	return err
}

// FindTraceSummaries implements jaegerpb.QueryServiceServer.
func (g *Gateway) FindTraceSummaries(req *jaegerpb.FindTraceSummariesRequest, stream grpc.ServerStreamingServer[jaegerpb.FindTraceSummariesResponse]) error {
	ctx := stream.Context()
	return g.grpcError(ctx, jaegerpb.QueryService_FindTraceSummaries_FullMethodName, g.findSummaries(ctx, req, stream))
}

func (g *Gateway) findSummaries(ctx context.Context, req *jaegerpb.FindTraceSummariesRequest, stream grpc.ServerStreamingServer[jaegerpb.FindTraceSummariesResponse]) error {
	q, err := queryOf(req.GetQuery())
	if err != nil {
		return err
	}
	found, err := g.store.Summaries(ctx, q)
	if err != nil {
		return err
	}
	for len(found) > 0 {
		chunk := found[:min(len(found), chunkSummaries)]
		found = found[len(chunk):]
		resp := &jaegerpb.FindTraceSummariesResponse{Summaries: make([]*jaegerpb.TraceSummary, len(chunk))}
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
	return inChunks(spans, func(wire []byte) error { return stream.Send(tracesData(wire)) })
}

// inChunks passes the spans on as the bytes of messages of about chunkBytes, each
// the receiver's. It learns from each how many spans fit into the next.
func inChunks(spans []trace.Span, send func(wire []byte) error) error {
	n := 512
	for len(spans) > 0 {
		n = min(n, len(spans))
		wire := trace.AppendOTLP(nil, spans[:n])
		if len(wire) > 2*chunkBytes && n > 1 {
			n = max(1, n*chunkBytes/len(wire))
			continue
		}
		if err := send(wire); err != nil {
			return err
		}
		spans = spans[n:]
		n = max(1, n*chunkBytes/max(1, len(wire)))
	}
	return nil
}

// tracesData returns a message that encodes to the wire bytes, which it keeps:
// to protobuf they are fields it does not know, and those it passes on as they
// are. This spares an object per span and value.
func tracesData(wire []byte) *tracepb.TracesData {
	msg := new(tracepb.TracesData)
	msg.ProtoReflect().SetUnknown(wire)
	return msg
}

// queryOf returns the query that a message asks for.
func queryOf(pb *jaegerpb.TraceQueryParameters) (*search.Query, error) {
	s, err := searchOf(pb)
	if err != nil {
		return nil, err
	}
	return s.query()
}

// searchOf reads a search message. Fields we do not know are refused: they may
// be conditions, such as Jaeger's experimental filter, and without them the
// answer would be more than was asked for.
func searchOf(pb *jaegerpb.TraceQueryParameters) (*searchParams, error) {
	switch {
	case pb == nil:
		return nil, base.Errorf(base.ClassInvalid, "query is missing")
	case len(pb.ProtoReflect().GetUnknown()) > 0 || pb.GetFilter() != nil || pb.GetPagination() != nil:
		return nil, errFilter
	}
	in, err := intervalOf(pb.GetStartTimeMin(), pb.GetStartTimeMax())
	switch {
	case err != nil:
		return nil, err
	case !in.hasStart || !in.hasEnd:
		return nil, base.Errorf(base.ClassInvalid, "start_time_min and start_time_max are required")
	case in.start >= in.end:
		return nil, base.Errorf(base.ClassInvalid, "start_time_min must be before start_time_max")
	}
	s := &searchParams{
		service:    pb.GetServiceName(),
		operation:  pb.GetOperationName(),
		attributes: pb.GetAttributes(),
		time:       base.TimeRange{Start: in.start, End: in.end},
		depth:      max(0, int(pb.GetSearchDepth())), // unset and below mean the default
		raw:        pb.GetRawTraces(),
	}
	if s.min, err = durationOf("duration_min", pb.GetDurationMin()); err != nil {
		return nil, err
	}
	s.max, err = durationOf("duration_max", pb.GetDurationMax())
	return s, err
}

// interval is a time range as requests give it, in Unix nanoseconds.
type interval struct {
	start, end       int64
	hasStart, hasEnd bool
}

func intervalOf(start, end *timestamppb.Timestamp) (in interval, err error) {
	if in.start, in.hasStart, err = instantOf("start", start); err != nil {
		return in, err
	}
	in.end, in.hasEnd, err = instantOf("end", end)
	return in, err
}

// instantOf reads a time as Unix nanoseconds; ok tells whether it is set. Go
// clients of Jaeger write the zero time.Time, in year 1, for a time they have
// not.
func instantOf(what string, ts *timestamppb.Timestamp) (nanos int64, ok bool, err error) {
	if ts == nil {
		return 0, false, nil
	}
	if err := ts.CheckValid(); err != nil {
		return 0, false, base.Errorf(base.ClassInvalid, "%s time: %w", what, err)
	}
	t := ts.AsTime()
	return unixNanos(t), !t.IsZero(), nil
}

func durationOf(what string, d *durationpb.Duration) (time.Duration, error) {
	if d == nil {
		return 0, nil
	}
	if err := d.CheckValid(); err != nil {
		return 0, base.Errorf(base.ClassInvalid, "%s: %w", what, err)
	}
	return d.AsDuration(), nil // beyond 292 years: the longest there is
}

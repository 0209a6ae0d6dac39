package jaegerrpc

import (
	"context"
	"maps"
	"math"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/serve"
	"github.com/pandodb/pando/internal/gateway/jaeger/wire"
	"github.com/pandodb/pando/internal/gen/apiv2pb"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

// queryService is the service jaeger.api_v2.QueryService.
type queryService struct {
	apiv2pb.UnimplementedQueryServiceServer
	g *Gateway
}

// chunkStream is where spans go.
type chunkStream = grpc.ServerStreamingServer[apiv2pb.SpansResponseChunk]

// GetTrace implements apiv2pb.QueryServiceServer. A trace that the store does not
// have is looked for in the archive.
func (s *queryService) GetTrace(req *apiv2pb.GetTraceRequest, stream chunkStream) error {
	ctx := stream.Context()
	ref, err := refOf(req.GetTraceId(), req.GetStartTime(), req.GetEndTime())
	if err == nil {
		_, err = s.g.eachOf(ctx, ref, func(t *trace.Trace) error { return s.g.send(t, req.GetRawTraces(), stream) })
	}
	return s.g.errs.GRPC(ctx, apiv2pb.QueryService_GetTrace_FullMethodName, err)
}

// eachOf visits the trace that ref names: the store's, or else the archive's,
// and tells which it was. Without either it fails with serve.ErrTraceNotFound.
func (g *Gateway) eachOf(ctx context.Context, ref search.Ref, visit func(*trace.Trace) error) (archived bool, err error) {
	found, err := g.reader(g.store, ref).Each(ctx, visit)
	if err != nil || found {
		return false, err
	}
	if g.archive != nil {
		found, err = g.reader(g.archive, ref).Each(ctx, visit)
	}
	if err == nil && !found {
		err = serve.ErrTraceNotFound
	}
	return true, err
}

func (g *Gateway) reader(store serve.Getter, refs ...search.Ref) *serve.TraceReader {
	return serve.NewTraceReader(boundedGetter{g: g, store: store}, refs)
}

// refOf reads a trace id and what the client knows of the trace's time.
func refOf(id []byte, start, end *timestamppb.Timestamp) (ref search.Ref, err error) {
	if ref.ID, err = wire.TraceID(id); err != nil {
		return ref, err
	}
	if ref.ID.IsZero() {
		return ref, base.Errorf(base.ClassInvalid, "trace_id is missing or zero")
	}
	in, err := serve.NewInterval(start, end)
	if err != nil {
		return ref, err
	}
	ref.Time, err = in.Hint()
	return ref, err
}

// send streams one trace in messages of about serve.ChunkBytes.
func (g *Gateway) send(t *trace.Trace, raw bool, stream chunkStream) error {
	if g.opts.Adjust != nil && !raw {
		g.opts.Adjust(t)
	}
	var model wire.Encoder
	encode := func(spans []trace.Span) []byte { return model.AppendChunk(nil, spans) }
	return serve.SendSpans(t.Spans, encode, func(wire []byte, _ bool) error {
		chunk := new(apiv2pb.SpansResponseChunk)
		chunk.ProtoReflect().SetUnknown(wire) // as serve.TracesData does
		return stream.Send(chunk)
	})
}

// FindTraces implements apiv2pb.QueryServiceServer. Traces come newest first;
// messages of one trace are neighbours.
func (s *queryService) FindTraces(req *apiv2pb.FindTracesRequest, stream chunkStream) error {
	ctx := stream.Context()
	return s.g.errs.GRPC(ctx, apiv2pb.QueryService_FindTraces_FullMethodName, s.g.findTraces(ctx, req.GetQuery(), stream))
}

func (g *Gateway) findTraces(ctx context.Context, pb *apiv2pb.TraceQueryParameters, stream chunkStream) error {
	q, err := queryOf(pb)
	if err != nil {
		return err
	}
	refs, err := g.find(ctx, q)
	if err != nil {
		return err
	}
	_, err = g.reader(g.store, refs...).Each(ctx, func(t *trace.Trace) error { return g.send(t, pb.GetRawTraces(), stream) })
	return err
}

func (g *Gateway) find(ctx context.Context, q *search.Query) ([]search.Ref, error) {
	ctx, cancel := g.bounded(ctx)
	defer cancel()
	found, _, err := g.store.FindPage(ctx, q)
	refs := make([]search.Ref, len(found))
	for i, f := range found {
		refs[i] = search.Ref(f)
	}
	return refs, err
}

// queryOf returns the query that a message asks for. Both ends of its time are
// inclusive: so Jaeger's stores read it.
func queryOf(pb *apiv2pb.TraceQueryParameters) (*search.Query, error) {
	if pb == nil {
		return nil, base.Errorf(base.ClassInvalid, "query is missing")
	}
	if err := serve.KnownFields("query", pb); err != nil {
		return nil, err
	}
	in, err := serve.NewInterval(pb.GetStartTimeMin(), pb.GetStartTimeMax())
	switch {
	case err != nil:
		return nil, err
	case !in.HasStart || !in.HasEnd:
		return nil, base.Errorf(base.ClassInvalid, "start_time_min and start_time_max are required")
	case in.Start > in.End:
		return nil, base.Errorf(base.ClassInvalid, "start_time_min must not be after start_time_max")
	}
	depth, err := serve.Depth("search_depth", pb.GetSearchDepth())
	if err != nil {
		return nil, err
	}
	shortest, err := serve.Duration("duration_min", pb.GetDurationMin())
	if err != nil {
		return nil, err
	}
	longest, err := serve.Duration("duration_max", pb.GetDurationMax())
	if err != nil {
		return nil, err
	}
	q := &search.Query{
		Service: pb.GetServiceName(), Operation: pb.GetOperationName(),
		Time:        base.TimeRange{Start: in.Start, End: min(in.End, math.MaxInt64-1) + 1},
		MinDuration: uint64(shortest), MaxDuration: uint64(longest),
		Order: search.Newest, Limit: depth,
	}
	for _, key := range slices.Sorted(maps.Keys(pb.GetTags())) {
		if key == "" {
			return nil, base.Errorf(base.ClassInvalid, "tags: a key is empty")
		}
		serve.AddTag(q, key, pb.GetTags()[key])
	}
	return q, q.Validate()
}

// ArchiveTrace implements apiv2pb.QueryServiceServer. The trace is archived as it
// is stored; archiving it again adds what came since.
func (s *queryService) ArchiveTrace(ctx context.Context, req *apiv2pb.ArchiveTraceRequest) (*apiv2pb.ArchiveTraceResponse, error) {
	if err := s.g.archiveTrace(ctx, req); err != nil {
		return nil, s.g.errs.GRPC(ctx, apiv2pb.QueryService_ArchiveTrace_FullMethodName, err)
	}
	return &apiv2pb.ArchiveTraceResponse{}, nil
}

func (g *Gateway) archiveTrace(ctx context.Context, req *apiv2pb.ArchiveTraceRequest) error {
	ref, err := refOf(req.GetTraceId(), req.GetStartTime(), req.GetEndTime())
	if err != nil {
		return err
	}
	if g.archive == nil {
		return base.Errorf(base.ClassConflict, "archive span storage was not configured")
	}
	var t *trace.Trace
	archived, err := g.eachOf(ctx, ref, func(found *trace.Trace) error { t = found; return nil })
	if err != nil || archived {
		return err // there is nothing to add to what is only in the archive
	}
	return serve.SendSpans(t.Spans, serve.Grouped, func(export []byte, _ bool) error {
		rejected, why, err := g.opts.Archive.Spans.Export(ctx, export)
		if err == nil && rejected > 0 {
			return base.Errorf(base.ClassInvalid, "the archive refused %d spans of the trace: %s", rejected, why)
		}
		return err
	})
}

// GetServices implements apiv2pb.QueryServiceServer.
func (s *queryService) GetServices(ctx context.Context, _ *apiv2pb.GetServicesRequest) (*apiv2pb.GetServicesResponse, error) {
	bounded, cancel := s.g.bounded(ctx)
	defer cancel()
	services, err := s.g.store.Services(bounded)
	if err != nil {
		return nil, s.g.errs.GRPC(ctx, apiv2pb.QueryService_GetServices_FullMethodName, err)
	}
	return &apiv2pb.GetServicesResponse{Services: services}, nil
}

// GetOperations implements apiv2pb.QueryServiceServer.
func (s *queryService) GetOperations(ctx context.Context, req *apiv2pb.GetOperationsRequest) (*apiv2pb.GetOperationsResponse, error) {
	ops, err := s.g.operations(ctx, req)
	if err != nil {
		return nil, s.g.errs.GRPC(ctx, apiv2pb.QueryService_GetOperations_FullMethodName, err)
	}
	resp := &apiv2pb.GetOperationsResponse{Operations: make([]*apiv2pb.Operation, len(ops))}
	for i, op := range ops {
		resp.Operations[i] = &apiv2pb.Operation{Name: op.Name, SpanKind: serve.KindName(op.Kind)}
		if i == 0 || ops[i-1].Name != op.Name { // ascending by name
			resp.OperationNames = append(resp.OperationNames, op.Name)
		}
	}
	return resp, nil
}

func (g *Gateway) operations(ctx context.Context, req *apiv2pb.GetOperationsRequest) ([]trace.Operation, error) {
	f, err := serve.NewOperationFilter(req.GetService(), req.GetSpanKind())
	if err != nil {
		return nil, err
	}
	ctx, cancel := g.bounded(ctx)
	defer cancel()
	ops, err := g.store.Operations(ctx, f.Service, f.Kind)
	return f.Keep(ops), err
}

// GetDependencies implements apiv2pb.QueryServiceServer.
func (s *queryService) GetDependencies(ctx context.Context, req *apiv2pb.GetDependenciesRequest) (*apiv2pb.GetDependenciesResponse, error) {
	deps, err := s.g.dependencies(ctx, req)
	if err != nil {
		return nil, s.g.errs.GRPC(ctx, apiv2pb.QueryService_GetDependencies_FullMethodName, err)
	}
	resp := &apiv2pb.GetDependenciesResponse{Dependencies: make([]*apiv2pb.DependencyLink, len(deps))}
	for i, d := range deps {
		resp.Dependencies[i] = &apiv2pb.DependencyLink{Parent: d.Parent, Child: d.Child, CallCount: d.Calls}
	}
	return resp, nil
}

func (g *Gateway) dependencies(ctx context.Context, req *apiv2pb.GetDependenciesRequest) ([]search.Dependency, error) {
	in, err := serve.NewInterval(req.GetStartTime(), req.GetEndTime())
	switch {
	case err != nil:
		return nil, err
	case !in.HasStart || !in.HasEnd:
		return nil, base.Errorf(base.ClassInvalid, "start_time and end_time are required")
	case in.End <= in.Start:
		return nil, base.Errorf(base.ClassInvalid, "end_time must be after start_time")
	}
	ctx, cancel := g.bounded(ctx)
	defer cancel()
	return g.store.Dependencies(ctx, base.TimeRange{Start: in.Start, End: in.End})
}

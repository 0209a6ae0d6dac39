package jaegerstore

import (
	"context"
	"maps"
	"math"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/serve"
	"github.com/pandodb/pando/internal/gateway/jaeger/wire"
	"github.com/pandodb/pando/internal/gen/apiv2pb"
	"github.com/pandodb/pando/internal/gen/storagev1pb"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

// readerV1 is the service jaeger.storage.v1.SpanReaderPlugin.
type readerV1 struct {
	storagev1pb.UnimplementedSpanReaderPluginServer
	g *Gateway
}

// chunkStream is where the spans of version 1 go.
type chunkStream = grpc.ServerStreamingServer[storagev1pb.SpansResponseChunk]

// GetTrace implements storagev1pb.SpanReaderPluginServer.
func (r *readerV1) GetTrace(req *storagev1pb.GetTraceRequest, stream chunkStream) error {
	ctx := stream.Context()
	t, err := r.g.target(ctx)
	if err == nil {
		err = sendTrace(t, req, stream)
	}
	return r.g.errs.GRPC(ctx, storagev1pb.SpanReaderPlugin_GetTrace_FullMethodName, err)
}

// sendTrace streams the trace that a message asks for.
func sendTrace(t *Target, req *storagev1pb.GetTraceRequest, stream chunkStream) error {
	ref, err := refOf(req.GetTraceId(), req.GetStartTime(), req.GetEndTime())
	if err != nil {
		return err
	}
	found, err := sendModel(serve.NewTraceReader(t.Store, []search.Ref{ref}), stream)
	if err == nil && !found {
		return serve.ErrTraceNotFound
	}
	return err
}

// GetServices implements storagev1pb.SpanReaderPluginServer.
func (r *readerV1) GetServices(ctx context.Context, _ *storagev1pb.GetServicesRequest) (*storagev1pb.GetServicesResponse, error) {
	services, err := r.g.services(ctx)
	if err != nil {
		return nil, r.g.errs.GRPC(ctx, storagev1pb.SpanReaderPlugin_GetServices_FullMethodName, err)
	}
	return &storagev1pb.GetServicesResponse{Services: services}, nil
}

// GetOperations implements storagev1pb.SpanReaderPluginServer.
func (r *readerV1) GetOperations(ctx context.Context, req *storagev1pb.GetOperationsRequest) (*storagev1pb.GetOperationsResponse, error) {
	ops, err := r.g.operations(ctx, req.GetService(), req.GetSpanKind())
	if err != nil {
		return nil, r.g.errs.GRPC(ctx, storagev1pb.SpanReaderPlugin_GetOperations_FullMethodName, err)
	}
	resp := &storagev1pb.GetOperationsResponse{Operations: make([]*storagev1pb.Operation, len(ops))}
	for i, op := range ops {
		resp.Operations[i] = &storagev1pb.Operation{Name: op.Name, SpanKind: serve.KindName(op.Kind)}
		if i == 0 || ops[i-1].Name != op.Name { // ascending by name
			resp.OperationNames = append(resp.OperationNames, op.Name)
		}
	}
	return resp, nil
}

// FindTraces implements storagev1pb.SpanReaderPluginServer.
func (r *readerV1) FindTraces(req *storagev1pb.FindTracesRequest, stream chunkStream) error {
	ctx := stream.Context()
	found, t, err := r.find(ctx, req.GetQuery())
	if err == nil {
		_, err = sendModel(serve.NewTraceReader(t.Store, refsOf(found)), stream)
	}
	return r.g.errs.GRPC(ctx, storagev1pb.SpanReaderPlugin_FindTraces_FullMethodName, err)
}

// FindTraceIDs implements storagev1pb.SpanReaderPluginServer.
func (r *readerV1) FindTraceIDs(ctx context.Context, req *storagev1pb.FindTraceIDsRequest) (*storagev1pb.FindTraceIDsResponse, error) {
	found, _, err := r.find(ctx, req.GetQuery())
	if err != nil {
		return nil, r.g.errs.GRPC(ctx, storagev1pb.SpanReaderPlugin_FindTraceIDs_FullMethodName, err)
	}
	resp := &storagev1pb.FindTraceIDsResponse{TraceIds: make([][]byte, len(found))}
	for i := range found {
		resp.TraceIds[i] = found[i].ID[:]
	}
	return resp, nil
}

// find returns the traces that a message asks for and where they are.
func (r *readerV1) find(ctx context.Context, pb *storagev1pb.TraceQueryParameters) ([]search.FoundTrace, *Target, error) {
	t, err := r.g.target(ctx)
	if err != nil {
		return nil, nil, err
	}
	q, err := traceQueryV1(pb)
	if err != nil {
		return nil, nil, err
	}
	found, _, err := t.Store.FindPage(ctx, q)
	return found, t, err
}

// refsOf returns the look-ups of found traces.
func refsOf(found []search.FoundTrace) []search.Ref {
	refs := make([]search.Ref, len(found))
	for i, f := range found {
		refs[i] = search.Ref(f)
	}
	return refs
}

// traceQueryV1 returns the query that a message asks for, newest traces first.
// Unlike in version 2, the end of its time is inclusive: so Jaeger's stores read
// it.
func traceQueryV1(pb *storagev1pb.TraceQueryParameters) (*search.Query, error) {
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
	q := &search.Query{
		Service: pb.GetServiceName(), Operation: pb.GetOperationName(),
		Time: base.TimeRange{Start: in.Start, End: min(in.End, math.MaxInt64-1) + 1}, Order: search.Newest,
	}
	if q.Limit, err = serve.SoftDepth("num_traces", pb.GetNumTraces()); err != nil {
		return nil, err
	}
	if err := setDurations(q, pb.GetDurationMin(), pb.GetDurationMax()); err != nil {
		return nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(pb.GetTags())) {
		if key == "" {
			return nil, base.Errorf(base.ClassInvalid, "tags: a key is empty")
		}
		serve.AddTag(q, key, pb.GetTags()[key])
	}
	return q, q.Validate()
}

// sendModel streams whole traces as Jaeger's model has them; a message carries
// spans of one of them. It reports whether there were any.
func sendModel(reader *serve.TraceReader, stream chunkStream) (bool, error) {
	return reader.Each(stream.Context(), func(t *trace.Trace) error {
		var model wire.Encoder
		encode := func(spans []trace.Span) []byte { return model.AppendChunk(nil, spans) }
		return serve.SendSpans(t.Spans, encode, func(wire []byte, _ bool) error {
			chunk := new(storagev1pb.SpansResponseChunk)
			chunk.ProtoReflect().SetUnknown(wire) // as serve.TracesData does
			return stream.Send(chunk)
		})
	})
}

// archiveReaderV1 is the service jaeger.storage.v1.ArchiveSpanReaderPlugin.
type archiveReaderV1 struct {
	storagev1pb.UnimplementedArchiveSpanReaderPluginServer
	g *Gateway
}

// errNoArchive is what the archive's services answer where there is none.
var errNoArchive = status.Error(codes.Unimplemented, "this server keeps no archive")

// GetArchiveTrace implements storagev1pb.ArchiveSpanReaderPluginServer.
func (r *archiveReaderV1) GetArchiveTrace(req *storagev1pb.GetTraceRequest, stream chunkStream) error {
	if r.g.archive == nil {
		return errNoArchive
	}
	return r.g.errs.GRPC(stream.Context(), storagev1pb.ArchiveSpanReaderPlugin_GetArchiveTrace_FullMethodName,
		sendTrace(r.g.archive, req, stream))
}

// dependenciesV1 is the service jaeger.storage.v1.DependenciesReaderPlugin.
type dependenciesV1 struct {
	storagev1pb.UnimplementedDependenciesReaderPluginServer
	g *Gateway
}

// GetDependencies implements storagev1pb.DependenciesReaderPluginServer.
func (d *dependenciesV1) GetDependencies(ctx context.Context, req *storagev1pb.GetDependenciesRequest) (*storagev1pb.GetDependenciesResponse, error) {
	deps, err := d.g.dependencies(ctx, req.GetStartTime(), req.GetEndTime())
	if err != nil {
		return nil, d.g.errs.GRPC(ctx, storagev1pb.DependenciesReaderPlugin_GetDependencies_FullMethodName, err)
	}
	resp := &storagev1pb.GetDependenciesResponse{Dependencies: make([]*apiv2pb.DependencyLink, len(deps))}
	for i, dep := range deps {
		resp.Dependencies[i] = &apiv2pb.DependencyLink{
			Parent: dep.Parent, Child: dep.Child, CallCount: dep.Calls, Source: dependencySource,
		}
	}
	return resp, nil
}

// capabilitiesV1 is the service jaeger.storage.v1.PluginCapabilities.
type capabilitiesV1 struct {
	storagev1pb.UnimplementedPluginCapabilitiesServer
	g *Gateway
}

// Capabilities implements storagev1pb.PluginCapabilitiesServer. The streaming
// writer is there but not declared, as in Jaeger's own remote storage: a stream
// acknowledges nothing, and Jaeger's client opens it with the context of whatever
// span comes first, with whose end it loses what is under way. Asked span by
// span, we say of each that it is stored.
func (c *capabilitiesV1) Capabilities(context.Context, *storagev1pb.CapabilitiesRequest) (*storagev1pb.CapabilitiesResponse, error) {
	return &storagev1pb.CapabilitiesResponse{
		ArchiveSpanReader: c.g.archive != nil,
		ArchiveSpanWriter: c.g.archive != nil,
	}, nil
}

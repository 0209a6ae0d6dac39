package jaegerstore

import (
	"context"
	"math"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/serve"
	"github.com/pandodb/pando/internal/gen/storagev2pb"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

// chunkSummaries is how many summaries go into a message: some 100 kB.
const chunkSummaries = 512

// readerV2 is the service jaeger.storage.v2.TraceReader.
type readerV2 struct {
	storagev2pb.UnimplementedTraceReaderServer
	g *Gateway
}

// GetServices implements storagev2pb.TraceReaderServer.
func (r *readerV2) GetServices(ctx context.Context, _ *storagev2pb.GetServicesRequest) (*storagev2pb.GetServicesResponse, error) {
	services, err := r.g.services(ctx)
	if err != nil {
		return nil, r.g.errs.GRPC(ctx, storagev2pb.TraceReader_GetServices_FullMethodName, err)
	}
	return &storagev2pb.GetServicesResponse{Services: services}, nil
}

// GetOperations implements storagev2pb.TraceReaderServer.
func (r *readerV2) GetOperations(ctx context.Context, req *storagev2pb.GetOperationsRequest) (*storagev2pb.GetOperationsResponse, error) {
	ops, err := r.g.operations(ctx, req.GetService(), req.GetSpanKind())
	if err != nil {
		return nil, r.g.errs.GRPC(ctx, storagev2pb.TraceReader_GetOperations_FullMethodName, err)
	}
	resp := &storagev2pb.GetOperationsResponse{Operations: make([]*storagev2pb.Operation, len(ops))}
	for i, op := range ops {
		resp.Operations[i] = &storagev2pb.Operation{Name: op.Name, SpanKind: serve.KindName(op.Kind)}
	}
	return resp, nil
}

// GetTraces implements storagev2pb.TraceReaderServer.
func (r *readerV2) GetTraces(req *storagev2pb.GetTracesRequest, stream grpc.ServerStreamingServer[tracepb.TracesData]) error {
	ctx := stream.Context()
	return r.g.errs.GRPC(ctx, storagev2pb.TraceReader_GetTraces_FullMethodName, r.getTraces(ctx, req, stream))
}

func (r *readerV2) getTraces(ctx context.Context, req *storagev2pb.GetTracesRequest, stream grpc.ServerStreamingServer[tracepb.TracesData]) error {
	t, err := r.g.target(ctx)
	if err != nil {
		return err
	}
	refs := make([]search.Ref, len(req.GetQuery()))
	for i, p := range req.GetQuery() {
		if refs[i], err = refOf(p.GetTraceId(), p.GetStartTime(), p.GetEndTime()); err != nil {
			return base.Errorf(base.ClassInvalid, "query[%d]: %w", i, err)
		}
	}
	return sendTraces(ctx, serve.NewTraceReader(t.Store, refs), stream)
}

// refOf returns the look-up that a message asks for.
func refOf(id []byte, start, end *timestamppb.Timestamp) (search.Ref, error) {
	if len(id) != len(trace.ID{}) {
		return search.Ref{}, base.Errorf(base.ClassInvalid, "trace_id has %d bytes: want %d", len(id), len(trace.ID{}))
	}
	in, err := serve.NewInterval(start, end)
	if err != nil {
		return search.Ref{}, err
	}
	when, err := in.Hint()
	return search.Ref{ID: trace.ID(id), Time: when}, err
}

// FindTraces implements storagev2pb.TraceReaderServer.
func (r *readerV2) FindTraces(req *storagev2pb.FindTracesRequest, stream grpc.ServerStreamingServer[tracepb.TracesData]) error {
	ctx := stream.Context()
	return r.g.errs.GRPC(ctx, storagev2pb.TraceReader_FindTraces_FullMethodName, r.findTraces(ctx, req, stream))
}

func (r *readerV2) findTraces(ctx context.Context, req *storagev2pb.FindTracesRequest, stream grpc.ServerStreamingServer[tracepb.TracesData]) error {
	if req.GetQuery().GetPagination() != nil {
		return base.Errorf(base.ClassInvalid,
			"FindTraces has no pages, its answer cannot carry a token: use search_depth, or FindTraceIDs or FindTraceSummaries")
	}
	found, _, t, err := r.find(ctx, req.GetQuery())
	if err != nil {
		return err
	}
	return sendTraces(ctx, serve.NewTraceReader(t.Store, refsOf(found)), stream)
}

// find returns the traces that a message asks for, the token of the next page,
// and where they are.
func (r *readerV2) find(ctx context.Context, pb *storagev2pb.TraceQueryParameters) ([]search.FoundTrace, string, *Target, error) {
	t, err := r.g.target(ctx)
	if err != nil {
		return nil, "", nil, err
	}
	q, err := traceQuery(pb)
	if err != nil {
		return nil, "", nil, err
	}
	found, next, err := t.Store.FindPage(ctx, q)
	return found, next, t, err
}

// sendTraces streams whole traces; a message carries spans of one of them.
func sendTraces(ctx context.Context, reader *serve.TraceReader, stream grpc.ServerStreamingServer[tracepb.TracesData]) error {
	_, err := reader.Each(ctx, func(t *trace.Trace) error {
		return serve.SendSpans(t.Spans, serve.Grouped, func(wire []byte, _ bool) error {
			return stream.Send(serve.TracesData(wire))
		})
	})
	return err
}

// FindTraceIDs implements storagev2pb.TraceReaderServer.
func (r *readerV2) FindTraceIDs(ctx context.Context, req *storagev2pb.FindTraceIDsRequest) (*storagev2pb.FindTraceIDsResponse, error) {
	found, next, _, err := r.find(ctx, req.GetQuery())
	if err != nil {
		return nil, r.g.errs.GRPC(ctx, storagev2pb.TraceReader_FindTraceIDs_FullMethodName, err)
	}
	resp := &storagev2pb.FindTraceIDsResponse{TraceIds: make([]*storagev2pb.FoundTraceID, len(found)), NextPageToken: next}
	for i := range found {
		f := &found[i]
		id := &storagev2pb.FoundTraceID{TraceId: f.ID[:]}
		if f.Time != (base.TimeRange{}) {
			id.Start = timestamppb.New(time.Unix(0, f.Time.Start))
			id.End = timestamppb.New(time.Unix(0, f.Time.End))
		}
		resp.TraceIds[i] = id
	}
	return resp, nil
}

// FindTraceSummaries implements storagev2pb.TraceReaderServer.
func (r *readerV2) FindTraceSummaries(req *storagev2pb.FindTraceSummariesRequest, stream grpc.ServerStreamingServer[storagev2pb.FindTraceSummariesResponse]) error {
	ctx := stream.Context()
	return r.g.errs.GRPC(ctx, storagev2pb.TraceReader_FindTraceSummaries_FullMethodName, r.findSummaries(ctx, req, stream))
}

func (r *readerV2) findSummaries(ctx context.Context, req *storagev2pb.FindTraceSummariesRequest, stream grpc.ServerStreamingServer[storagev2pb.FindTraceSummariesResponse]) error {
	t, err := r.g.target(ctx)
	if err != nil {
		return err
	}
	q, err := traceQuery(req.GetQuery())
	if err != nil {
		return err
	}
	found, next, err := t.Store.SummariesPage(ctx, q)
	if err != nil {
		return err
	}
	for len(found) > 0 {
		chunk := found[:min(len(found), chunkSummaries)]
		found = found[len(chunk):]
		resp := &storagev2pb.FindTraceSummariesResponse{Summaries: make([]*storagev2pb.TraceSummary, len(chunk))}
		for i := range chunk {
			resp.Summaries[i] = summaryOf(&chunk[i])
		}
		if len(found) == 0 {
			resp.NextPageToken = next
		}
		if err := stream.Send(resp); err != nil {
			return err
		}
	}
	return nil
}

func summaryOf(s *trace.Summary) *storagev2pb.TraceSummary {
	out := &storagev2pb.TraceSummary{
		TraceId:              s.ID[:],
		RootServiceName:      s.RootService,
		RootOperationName:    s.RootName,
		MinStartTimeUnixNano: s.StartNanos,
		MaxEndTimeUnixNano:   s.EndNanos,
		SpanCount:            count32(s.Spans),
		ErrorSpanCount:       count32(s.Errors),
		OrphanSpanCount:      count32(s.Orphans),
		Services:             make([]*storagev2pb.ServiceSummary, len(s.Services)),
	}
	for i, c := range s.Services {
		out.Services[i] = &storagev2pb.ServiceSummary{
			Name: c.Service, SpanCount: count32(c.Spans), ErrorSpanCount: count32(c.Errors),
		}
	}
	return out
}

// count32 returns n, or the most that the protocol can say.
func count32(n uint32) int32 { return int32(min(n, math.MaxInt32)) }

// FindSpans implements storagev2pb.TraceReaderServer.
func (r *readerV2) FindSpans(req *storagev2pb.FindSpansRequest, stream grpc.ServerStreamingServer[storagev2pb.FindSpansResponse]) error {
	ctx := stream.Context()
	return r.g.errs.GRPC(ctx, storagev2pb.TraceReader_FindSpans_FullMethodName, r.findSpans(ctx, req, stream))
}

func (r *readerV2) findSpans(ctx context.Context, req *storagev2pb.FindSpansRequest, stream grpc.ServerStreamingServer[storagev2pb.FindSpansResponse]) error {
	t, err := r.g.target(ctx)
	if err != nil {
		return err
	}
	q, err := spanQuery(req.GetQuery())
	if err != nil {
		return err
	}
	spans, next, err := t.Store.FindSpans(ctx, q)
	if err != nil {
		return err
	}
	return serve.SendSpans(spans, serve.Ordered, func(wire []byte, last bool) error {
		resp := &storagev2pb.FindSpansResponse{Spans: serve.TracesData(wire)}
		if last {
			resp.NextPageToken = next
		}
		return stream.Send(resp)
	})
}

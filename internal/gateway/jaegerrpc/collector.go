package jaegerrpc

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/wire"
	"github.com/pandodb/pando/internal/gen/apiv2pb"
)

// registerCollector adds the CollectorService with a handler that gets bytes: to
// protobuf an Empty with fields it does not know, which it neither reads nor
// checks. Its only method counts as a stream, so stream interceptors see it.
func (g *Gateway) registerCollector(s grpc.ServiceRegistrar) {
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: apiv2pb.CollectorService_ServiceDesc.ServiceName,
		HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{{
			StreamName: "PostSpans",
			Handler:    func(_ any, stream grpc.ServerStream) error { return g.servePostSpans(stream) },
		}},
		Metadata: apiv2pb.CollectorService_ServiceDesc.Metadata,
	}, g)
}

func (g *Gateway) servePostSpans(stream grpc.ServerStream) error {
	in, ctx := new(emptypb.Empty), stream.Context()
	if err := stream.RecvMsg(in); err != nil {
		return err
	}
	if err := g.postSpans(ctx, in.ProtoReflect().GetUnknown()); err != nil {
		return g.errs.GRPC(ctx, apiv2pb.CollectorService_PostSpans_FullMethodName, err)
	}
	return stream.SendMsg(&apiv2pb.PostSpansResponse{})
}

// postSpans stores the spans of a PostSpansRequest. The protocol cannot say that
// some of them were refused, so that is an error, of a kind that clients do not
// repeat; the others are stored.
func (g *Gateway) postSpans(ctx context.Context, msg []byte) error {
	size, most := int64(len(msg)), g.opts.MaxInFlightBytes
	if size > most {
		return base.Errorf(base.ClassTooLarge, "the batch has %d bytes: at most %d", size, most)
	}
	defer g.posting.Add(-size)
	if g.posting.Add(size) > most {
		return base.Retry(0, "too many bytes of spans in flight, at most %d: send again later", most)
	}
	batch, err := wire.DecodePostSpans(msg)
	if err != nil {
		return base.Errorf(base.ClassOf(err), "request is not a batch of spans: %w", err)
	}
	if len(batch.GetSpans()) == 0 {
		return nil
	}
	export, err := wire.AppendExport(nil, batch.GetSpans(), batch.GetProcess())
	if err != nil {
		return base.Errorf(base.ClassOf(err), "batch.%w", err)
	}
	rejected, why, err := g.spans.Export(ctx, export)
	if err == nil && rejected > 0 {
		err = base.Errorf(base.ClassInvalid, "%s", why)
	}
	return err
}

package otlp

import (
	"context"
	"errors"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // clients compress
	"google.golang.org/grpc/status"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/otlp/rawcodec"
)

// firstReserve is what a gRPC request takes from the budget before its size is
// known: as much as a client may send unasked, the initial HTTP/2 window.
const firstReserve = 64 << 10

// ServerOptions returns what a gRPC server needs to host the gateway: the codec
// that passes bytes through, and the message limit.
func (g *Gateway) ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(rawcodec.Codec{}),
		grpc.MaxRecvMsgSize(g.opts.MaxRequestBytes),
	}
}

// RegisterGRPC adds the TraceService to a server made with ServerOptions. Its
// only method counts as a stream, so stream interceptors see it.
func (g *Gateway) RegisterGRPC(s grpc.ServiceRegistrar) {
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: collectorpb.TraceService_ServiceDesc.ServiceName,
		HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{{
			StreamName: "Export",
			Handler:    func(_ any, stream grpc.ServerStream) error { return g.serveGRPC(stream) },
		}},
		Metadata: collectorpb.TraceService_ServiceDesc.Metadata,
	}, g)
}

func (g *Gateway) serveGRPC(stream grpc.ServerStream) error {
	if g.opts.Route != nil {
		other, err := g.opts.Route(stream.Context())
		if err != nil {
			return g.grpcStatus(err).Err()
		}
		if other != nil {
			g = other
		}
	}
	out, err := g.receiveGRPC(stream)
	g.finish(stream.Context(), err)
	if err != nil {
		return g.grpcStatus(err).Err()
	}
	return stream.SendMsg(responseOf(out))
}

func (g *Gateway) receiveGRPC(stream grpc.ServerStream) (outcome, error) {
	reserved := int64(firstReserve)
	if err := g.inFlight.take(reserved); err != nil {
		return outcome{}, err
	}
	defer func() { g.inFlight.give(reserved) }()
	var msg rawcodec.Message
	defer msg.Free()
	if err := stream.RecvMsg(&msg); err != nil {
		return outcome{}, receiveError(err)
	}
	if more := int64(len(msg.Bytes())) - reserved; more > 0 {
		if err := g.inFlight.take(more); err != nil {
			return outcome{}, err
		}
		reserved += more
	}
	return g.export(stream.Context(), msg.Bytes())
}

// receiveError gives a class to what gRPC says about a message it could not hand
// over. The client has gRPC's own status by then; the class is for counting and
// logging.
func receiveError(err error) error {
	switch status.Code(err) {
	case codes.ResourceExhausted:
		return base.Mark(base.ClassTooLarge, err)
	case codes.Canceled:
		return errors.Join(context.Canceled, err)
	case codes.DeadlineExceeded:
		return errors.Join(context.DeadlineExceeded, err)
	case codes.Unavailable:
		return base.Mark(base.ClassUnavailable, err)
	default: // cut off, badly compressed, compressed in a way we do not know
		return base.Mark(base.ClassInvalid, err)
	}
}

func responseOf(out outcome) *collectorpb.ExportTraceServiceResponse {
	resp := &collectorpb.ExportTraceServiceResponse{}
	if out.rejected > 0 {
		resp.PartialSuccess = &collectorpb.ExportTracePartialSuccess{
			RejectedSpans: out.rejected, ErrorMessage: out.message,
		}
	}
	return resp
}

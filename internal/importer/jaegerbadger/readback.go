package jaegerbadger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/otlp/rawcodec"
	"github.com/pandodb/pando/internal/gen/storagev2pb"
	"github.com/pandodb/pando/internal/model/trace"
)

// Storage reads traces back by Jaeger's remote storage protocol, version 2. The
// connection's messages are bytes: it needs rawcodec.
type Storage struct{ Conn grpc.ClientConnInterface }

// Traces implements Reader.
func (s Storage) Traces(ctx context.Context, ids []trace.ID, visit func([]trace.Span) error) error {
	req := &storagev2pb.GetTracesRequest{Query: make([]*storagev2pb.GetTraceParams, len(ids))}
	for i := range ids {
		req.Query[i] = &storagev2pb.GetTraceParams{TraceId: ids[i][:]}
	}
	ctx, cancel := context.WithCancel(ctx) // ends the stream where visit fails
	defer cancel()
	stream, err := s.Conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, storagev2pb.TraceReader_GetTraces_FullMethodName)
	if err == nil {
		err = stream.SendMsg(req)
	}
	if err == nil {
		err = stream.CloseSend()
	}
	if err != nil {
		return readError(ctx, err)
	}
	b := trace.NewBuilder(anything)
	var msg rawcodec.Message
	defer msg.Free()
	for {
		err := stream.RecvMsg(&msg)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return readError(ctx, err)
		}
		spans, err := decodeTraces(b, msg.Bytes())
		if err != nil {
			return fmt.Errorf("the server's answer: %w", err)
		}
		if err := visit(spans); err != nil {
			return err
		}
	}
}

// anything takes all spans that any server could have.
var anything = trace.Options{MaxAttrs: math.MaxInt32, MaxValueBytes: 1 << 30, MaxDocBytes: 1 << 30}

// decodeTraces reads the bytes of a TracesData message.
func decodeTraces(b *trace.Builder, data []byte) ([]trace.Span, error) {
	b.Reset(0, base.TimeRange{Start: math.MinInt64, End: math.MaxInt64})
	if err := b.Add(data); err != nil {
		return nil, err
	}
	if r := b.Rejected(); r.Count > 0 {
		return nil, base.Errorf(base.ClassInvalid, "%d spans break a rule: %q", r.Count, r.Reasons)
	}
	return trace.ReadSpans(b.Finish())
}

// classes are those that gRPC's codes stand for; other codes are about the way to
// the server.
var classes = map[codes.Code]base.Class{
	codes.Unimplemented: base.ClassInvalid, codes.InvalidArgument: base.ClassInvalid, codes.ResourceExhausted: base.ClassOverload,
	codes.Internal: base.ClassBug, codes.Unknown: base.ClassBug, codes.DataLoss: base.ClassCorruption,
}

func readError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s := status.Convert(err)
	class, ok := classes[s.Code()]
	if !ok {
		class = base.ClassUnavailable
	}
	return base.Errorf(class, "read traces back: %s", s.Message())
}

package jaegerstore

import (
	"cmp"
	"context"
	"errors"
	"io"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/wire"
	"github.com/pandodb/pando/internal/gen/apiv2pb"
	"github.com/pandodb/pando/internal/gen/storagev1pb"
)

// writeSpan stores one span, or fails.
func writeSpan(ctx context.Context, to Spans, span *apiv2pb.Span) error {
	if span == nil {
		return base.Errorf(base.ClassInvalid, "span is missing")
	}
	export, err := wire.AppendExport(nil, []*apiv2pb.Span{span}, nil)
	if err != nil {
		return err
	}
	rejected, why, err := to.Export(ctx, export)
	if err == nil && rejected > 0 {
		return base.Errorf(base.ClassInvalid, "the span was not stored: %s", why)
	}
	return err
}

// writerV1 is the service jaeger.storage.v1.SpanWriterPlugin.
type writerV1 struct {
	storagev1pb.UnimplementedSpanWriterPluginServer
	g *Gateway
}

// WriteSpan implements storagev1pb.SpanWriterPluginServer.
func (w *writerV1) WriteSpan(ctx context.Context, req *storagev1pb.WriteSpanRequest) (*storagev1pb.WriteSpanResponse, error) {
	t, err := w.g.target(ctx)
	if err == nil {
		err = writeSpan(ctx, t.Spans, req.GetSpan())
	}
	if err != nil {
		return nil, w.g.errs.GRPC(ctx, storagev1pb.SpanWriterPlugin_WriteSpan_FullMethodName, err)
	}
	return &storagev1pb.WriteSpanResponse{}, nil
}

// Close implements storagev1pb.SpanWriterPluginServer. A client that says it
// leaves holds nothing that could be closed.
func (*writerV1) Close(context.Context, *storagev1pb.CloseWriterRequest) (*storagev1pb.CloseWriterResponse, error) {
	return &storagev1pb.CloseWriterResponse{}, nil
}

// archiveWriterV1 is the service jaeger.storage.v1.ArchiveSpanWriterPlugin.
type archiveWriterV1 struct {
	storagev1pb.UnimplementedArchiveSpanWriterPluginServer
	g *Gateway
}

// WriteArchiveSpan implements storagev1pb.ArchiveSpanWriterPluginServer.
func (w *archiveWriterV1) WriteArchiveSpan(ctx context.Context, req *storagev1pb.WriteSpanRequest) (*storagev1pb.WriteSpanResponse, error) {
	if w.g.archive == nil {
		return nil, errNoArchive
	}
	if err := writeSpan(ctx, w.g.archive.Spans, req.GetSpan()); err != nil {
		return nil, w.g.errs.GRPC(ctx, storagev1pb.ArchiveSpanWriterPlugin_WriteArchiveSpan_FullMethodName, err)
	}
	return &storagev1pb.WriteSpanResponse{}, nil
}

// streamWriterV1 is the service jaeger.storage.v1.StreamingSpanWriterPlugin.
type streamWriterV1 struct {
	storagev1pb.UnimplementedStreamingSpanWriterPluginServer
	g *Gateway
}

// writeStream is where the spans of a stream come from.
type writeStream = grpc.ClientStreamingServer[storagev1pb.WriteSpanRequest, storagev1pb.WriteSpanResponse]

// WriteSpanStream implements storagev1pb.StreamingSpanWriterPluginServer. Spans
// that cannot be stored are left out and told of when the client ends the stream,
// where Jaeger looks for errors; everything else ends it.
func (w *streamWriterV1) WriteSpanStream(stream writeStream) error {
	ctx := stream.Context()
	t, err := w.g.target(ctx)
	if err == nil {
		err = storeStream(ctx, t.Spans, stream)
	}
	if err != nil {
		return w.g.errs.GRPC(ctx, storagev1pb.StreamingSpanWriterPlugin_WriteSpanStream_FullMethodName, err)
	}
	return stream.SendAndClose(&storagev1pb.WriteSpanResponse{})
}

// storeStream stores the spans of a stream, in batches: what arrives while one is
// being stored is the next. So a lone span waits for nobody, and many cost one
// commit together.
func storeStream(ctx context.Context, to Spans, stream writeStream) error {
	b := newBatcher()
	var wg sync.WaitGroup
	var stored error
	wg.Go(func() { stored = b.store(ctx, to) })
	received := receive(stream, b)
	b.end()
	wg.Wait()
	return cmp.Or(stored, received)
}

// receive hands the spans of a stream to the batcher until the stream ends or
// nobody stores them any more.
func receive(stream writeStream, b *batcher) error {
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if req.GetSpan() == nil {
			return base.Errorf(base.ClassInvalid, "span is missing")
		}
		if !b.put(req.GetSpan(), proto.Size(req)) {
			return nil
		}
	}
}

package jaeger

import (
	"context"
	"net/http"

	"google.golang.org/grpc"

	"github.com/pandodb/pando/internal/gateway/jaeger/serve"
	"github.com/pandodb/pando/internal/gen/jaegerpb"
	"github.com/pandodb/pando/internal/model/trace"
)

// FindSpans implements jaegerpb.QueryServiceServer.
func (g *Gateway) FindSpans(req *jaegerpb.FindSpansRequest, stream grpc.ServerStreamingServer[jaegerpb.FindSpansResponse]) error {
	ctx := stream.Context()
	return g.errors.GRPC(ctx, jaegerpb.QueryService_FindSpans_FullMethodName, g.streamSpans(ctx, req, stream))
}

func (g *Gateway) streamSpans(ctx context.Context, req *jaegerpb.FindSpansRequest, stream grpc.ServerStreamingServer[jaegerpb.FindSpansResponse]) error {
	q, err := spanSearchOf(req.GetQuery())
	if err != nil {
		return err
	}
	spans, next, err := g.store.FindSpans(ctx, q)
	if err != nil {
		return err
	}
	return serve.SendSpans(spans, serve.Ordered, func(wire []byte, last bool) error {
		resp := &jaegerpb.FindSpansResponse{Spans: serve.TracesData(wire)}
		if last {
			resp.NextPageToken = next
		}
		return stream.Send(resp)
	})
}

// v3Spans answers with a page of spans, as they were stored, in their order: only
// neighbours share a resource and scope.
func (g *Gateway) v3Spans(w http.ResponseWriter, r *http.Request) error {
	q, err := parseV3SpanSearch(r)
	if err != nil {
		return err
	}
	spans, next, err := g.store.FindSpans(r.Context(), q)
	if err != nil {
		return err
	}
	out, enc := newOutput(w), otlpEncoder{}
	out.text(`{"spans":`)
	enc.begin(out)
	for len(spans) > 0 && out.err == nil {
		n := neighbours(spans)
		enc.encode(out, spans[:n])
		spans = spans[n:]
	}
	enc.end(out)
	out.buf = append(appendNextPage(out.buf, next), '}')
	out.flush()
	return nil
}

// neighbours returns how many spans from the first on share its resource and
// scope.
func neighbours(spans []trace.Span) int {
	n := 1
	for n < len(spans) && spans[n].Resource == spans[0].Resource && spans[n].Scope == spans[0].Scope {
		n++
	}
	return n
}

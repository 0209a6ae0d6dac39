package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/otlp/rawcodec"
)

const (
	// maxRetries gives a server that is busy or starting about a minute.
	maxRetries = 60
	// retryDelay is used when the server does not say.
	retryDelay = time.Second
)

// Ack is the answer to a request that was taken.
type Ack struct {
	Refused int    // spans refused one by one
	Reason  string // why, when there are any
}

// Export sends one ExportTraceServiceRequest over a connection of Dial and
// returns its answer. A server that asks to come back later gets the request
// again after the delay it names; retries says how often.
func Export(ctx context.Context, conn *grpc.ClientConn, body []byte) (ack Ack, retries int, err error) {
	for {
		var answer collectorpb.ExportTraceServiceResponse
		err := conn.Invoke(ctx, collectorpb.TraceService_Export_FullMethodName, rawcodec.NewMessage(body), &answer)
		if err == nil {
			p := answer.GetPartialSuccess()
			return Ack{Refused: int(p.GetRejectedSpans()), Reason: p.GetErrorMessage()}, retries, nil
		}
		delay, again := retryAfter(err)
		if !again {
			return Ack{}, retries, fmt.Errorf("export spans: %w", classify(ctx, err))
		}
		if retries == maxRetries {
			return Ack{}, retries, fmt.Errorf("export spans: %w: %w", errGaveUp, classify(ctx, err))
		}
		retries++
		if !sleep(ctx, delay) {
			return Ack{}, retries, context.Cause(ctx)
		}
	}
}

// retryAfter tells whether the OTLP specification allows to send again, and when.
// A server that cannot be reached at all is not waited for.
func retryAfter(err error) (time.Duration, bool) {
	s := status.Convert(err)
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration(), true
		}
	}
	return retryDelay, s.Code() == codes.Aborted
}

// classify gives a gRPC error the class its code stands for.
func classify(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	message := errors.New(status.Convert(err).Message())
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Aborted:
		return base.Mark(base.ClassUnavailable, message)
	case codes.ResourceExhausted:
		return base.Mark(base.ClassOverload, message)
	case codes.InvalidArgument, codes.Unimplemented:
		return base.Mark(base.ClassInvalid, message)
	default:
		return message
	}
}

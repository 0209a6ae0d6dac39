package otlp

import (
	"context"
	"errors"
	"net/http"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/pandodb/pando/internal/base"
)

// answer is how an error class looks on the wire.
type answer struct {
	grpc  codes.Code
	http  int
	retry bool // tell the client when to come back
}

// answers maps error classes. OTLP clients retry Unavailable, ResourceExhausted
// with a delay, 429 and 503, and also DataLoss, Aborted and OutOfRange, which
// must therefore not be used for what sending again cannot mend.
var answers = [...]answer{
	base.ClassBug:         {grpc: codes.Internal, http: http.StatusInternalServerError},
	base.ClassInvalid:     {grpc: codes.InvalidArgument, http: http.StatusBadRequest},
	base.ClassNotFound:    {grpc: codes.NotFound, http: http.StatusNotFound},
	base.ClassConflict:    {grpc: codes.FailedPrecondition, http: http.StatusConflict},
	base.ClassTooOld:      {grpc: codes.InvalidArgument, http: http.StatusBadRequest},
	base.ClassTooLarge:    {grpc: codes.ResourceExhausted, http: http.StatusRequestEntityTooLarge},
	base.ClassOverload:    {grpc: codes.ResourceExhausted, http: http.StatusTooManyRequests, retry: true},
	base.ClassUnavailable: {grpc: codes.Unavailable, http: http.StatusServiceUnavailable, retry: true},
	base.ClassCorruption:  {grpc: codes.Internal, http: http.StatusInternalServerError},
}

// answerTo returns the answer to an error. Contexts end by somebody's will or
// clock, whatever class the error has. Where the client cancelled, nobody hears
// the answer; where the server did, because it stops, the client must send again.
func answerTo(err error) answer {
	switch {
	case errors.Is(err, context.Canceled):
		return answers[base.ClassUnavailable]
	case errors.Is(err, context.DeadlineExceeded):
		return answer{grpc: codes.DeadlineExceeded, http: http.StatusGatewayTimeout}
	default:
		return answers[base.ClassOf(err)]
	}
}

// internal reports whether an error is ours, so that its text belongs in the log
// and not in the answer.
func internal(err error) bool { return answerTo(err).grpc == codes.Internal }

// textOf returns the text of an error for the client.
func textOf(err error) string {
	if internal(err) {
		return "internal error: the server's log says more"
	}
	return err.Error()
}

// retryDelay returns how long the client should wait, and whether it should come
// back at all.
func (g *Gateway) retryDelay(err error) (time.Duration, bool) {
	if !answerTo(err).retry {
		return 0, false
	}
	var e *base.Error
	if errors.As(err, &e) && e.RetryAfter > 0 {
		return e.RetryAfter, true
	}
	return g.opts.RetryDelay, true
}

// grpcStatus returns the status of an error.
func (g *Gateway) grpcStatus(err error) *status.Status {
	st := status.New(answerTo(err).grpc, textOf(err))
	if delay, ok := g.retryDelay(err); ok {
		if with, err := st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(delay)}); err == nil {
			return with
		}
	}
	return st
}

package serve

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/pandodb/pando/internal/base"
)

// Answer is how an error looks on the wire.
type Answer struct {
	GRPC  codes.Code
	HTTP  int
	Retry bool // tell the client when to come back
}

// answers maps every class of package base; the index is the class.
var answers = [...]Answer{
	base.ClassBug:         {GRPC: codes.Internal, HTTP: http.StatusInternalServerError},
	base.ClassInvalid:     {GRPC: codes.InvalidArgument, HTTP: http.StatusBadRequest},
	base.ClassNotFound:    {GRPC: codes.NotFound, HTTP: http.StatusNotFound},
	base.ClassConflict:    {GRPC: codes.FailedPrecondition, HTTP: http.StatusConflict},
	base.ClassTooOld:      {GRPC: codes.InvalidArgument, HTTP: http.StatusBadRequest},
	base.ClassTooLarge:    {GRPC: codes.ResourceExhausted, HTTP: http.StatusRequestEntityTooLarge},
	base.ClassOverload:    {GRPC: codes.ResourceExhausted, HTTP: http.StatusTooManyRequests, Retry: true},
	base.ClassUnavailable: {GRPC: codes.Unavailable, HTTP: http.StatusServiceUnavailable, Retry: true},
	base.ClassCorruption:  {GRPC: codes.DataLoss, HTTP: http.StatusInternalServerError},
}

// maxMessage bounds what clients are told: some errors quote the request, and
// gRPC sends messages in a header. It is more than any of ours needs.
const maxMessage = 1 << 10

// statusClientClosed is what proxies log when the client went away; nobody
// receives it.
const statusClientClosed = 499

// ErrTraceNotFound says so in the words that clients of Jaeger look for.
var ErrTraceNotFound = base.Errorf(base.ClassNotFound, "trace not found")

// Failure is an error on its way to a client.
type Failure struct {
	Answer

	Message string
	Wait    time.Duration // when to come back, if Answer.Retry
}

// Errors translates errors for clients.
type Errors struct {
	// Logger gets errors that are ours. Required.
	Logger *slog.Logger
}

// Failure translates an error of the request whose context is ctx. Errors that
// are ours are logged under the name what; those that nobody foresaw are hidden
// from the client.
func (e Errors) Failure(ctx context.Context, what string, err error) *Failure {
	f := &Failure{Answer: answers[base.ClassOf(err)], Message: err.Error(), Wait: time.Second}
	classified, ok := errors.AsType[*base.Error](err)
	switch {
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		f.Answer = Answer{GRPC: codes.Canceled, HTTP: statusClientClosed}
	case errors.Is(err, context.Canceled):
		f.Answer, f.Message = answers[base.ClassUnavailable], "the server ended the request: try again"
	case errors.Is(err, context.DeadlineExceeded):
		f.Answer = Answer{GRPC: codes.DeadlineExceeded, HTTP: http.StatusGatewayTimeout}
		f.Message = "the query took too long: ask for a shorter time range, fewer traces or more conditions"
	case ok && classified.RetryAfter > 0:
		f.Wait = classified.RetryAfter
	}
	if f.HTTP == http.StatusInternalServerError {
		e.Logger.ErrorContext(ctx, "jaeger query failed", slog.String("path", what), slog.Any("err", err))
		if f.GRPC == codes.Internal {
			f.Message = "internal error: the server's log says more"
		}
	}
	if len(f.Message) > maxMessage {
		f.Message = strings.ToValidUTF8(f.Message[:maxMessage], "") + "…"
	}
	return f
}

// GRPC returns the status error for a gRPC method; nil and errors that carry a
// status stay what they are.
func (e Errors) GRPC(ctx context.Context, method string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := status.FromError(err); ok {
		return err // gRPC's own, from sending
	}
	f := e.Failure(ctx, method, err)
	st := status.New(f.GRPC, f.Message)
	if f.Retry {
		if with, err := st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(f.Wait)}); err == nil {
			st = with
		}
	}
	return st.Err()
}

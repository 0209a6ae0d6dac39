package jaeger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/pandodb/pando/internal/base"
)

// answer is how an error looks on the wire.
type answer struct {
	grpc  codes.Code
	http  int
	retry bool // tell the client when to come back
}

// answers maps every class of package base; the index is the class.
var answers = [...]answer{
	base.ClassBug:         {grpc: codes.Internal, http: http.StatusInternalServerError},
	base.ClassInvalid:     {grpc: codes.InvalidArgument, http: http.StatusBadRequest},
	base.ClassNotFound:    {grpc: codes.NotFound, http: http.StatusNotFound},
	base.ClassConflict:    {grpc: codes.FailedPrecondition, http: http.StatusConflict},
	base.ClassTooOld:      {grpc: codes.InvalidArgument, http: http.StatusBadRequest},
	base.ClassTooLarge:    {grpc: codes.ResourceExhausted, http: http.StatusRequestEntityTooLarge},
	base.ClassOverload:    {grpc: codes.ResourceExhausted, http: http.StatusTooManyRequests, retry: true},
	base.ClassUnavailable: {grpc: codes.Unavailable, http: http.StatusServiceUnavailable, retry: true},
	base.ClassCorruption:  {grpc: codes.DataLoss, http: http.StatusInternalServerError},
}

// statusClientClosed is what proxies log when the client went away; nobody
// receives it.
const statusClientClosed = 499

// errNotFound says so in the words that clients of Jaeger look for.
var errNotFound = base.Errorf(base.ClassNotFound, "trace not found")

// methodError refuses a request method.
type methodError struct{ method, allow string }

func (e *methodError) Error() string {
	return fmt.Sprintf("method %.20q is not allowed here: use %s", e.method, e.allow)
}

// errNoArchive refuses to archive, in Jaeger's words.
var errNoArchive = errors.New("archive span storage was not configured")

// failure is an error on its way to a client.
type failure struct {
	answer
	message string
	allow   string        // the methods that would do, when that is what failed
	wait    time.Duration // when to come back, if answer.retry
}

// failureOf translates an error. Errors that are ours are logged; those that
// nobody foresaw are hidden from the client.
func (g *Gateway) failureOf(ctx context.Context, what string, err error) *failure {
	f := &failure{answer: answers[base.ClassOf(err)], message: err.Error(), wait: time.Second}
	var method *methodError
	var classified *base.Error
	switch {
	case errors.As(err, &method):
		f.answer = answer{grpc: codes.Unimplemented, http: http.StatusMethodNotAllowed}
		f.allow = method.allow
	case errors.Is(err, errNoArchive):
		f.answer = answer{grpc: codes.Unimplemented, http: http.StatusNotImplemented}
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		f.answer = answer{grpc: codes.Canceled, http: statusClientClosed}
	case errors.Is(err, context.Canceled):
		f.answer, f.message = answers[base.ClassUnavailable], "the server ended the request: try again"
	case errors.Is(err, context.DeadlineExceeded):
		f.answer = answer{grpc: codes.DeadlineExceeded, http: http.StatusGatewayTimeout}
		f.message = "the query took too long: ask for a shorter time range, fewer traces or more conditions"
	case errors.As(err, &classified) && classified.RetryAfter > 0:
		f.wait = classified.RetryAfter
	}
	if f.http == http.StatusInternalServerError {
		g.opts.Logger.ErrorContext(ctx, "jaeger query failed", slog.String("path", what), slog.Any("err", err))
		if f.grpc == codes.Internal {
			f.message = "internal error: the server's log says more"
		}
	}
	return f
}

func (f *failure) setHeaders(h http.Header) {
	if f.allow != "" {
		h.Set("Allow", f.allow)
	}
	if f.retry {
		h.Set("Retry-After", strconv.Itoa(max(1, int((f.wait+time.Second-1)/time.Second))))
	}
}

// grpcError returns the status error for a gRPC method; nil stays nil.
func (g *Gateway) grpcError(ctx context.Context, method string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := status.FromError(err); ok {
		return err // gRPC's own, from sending
	}
	f := g.failureOf(ctx, method, err)
	st := status.New(f.grpc, f.message)
	if f.retry {
		if with, err := st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(f.wait)}); err == nil {
			st = with
		}
	}
	return st.Err()
}

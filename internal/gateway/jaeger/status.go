package jaeger

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/pandodb/pando/internal/gateway/jaeger/serve"
)

// methodError refuses a request method.
type methodError struct{ method, allow string }

func (e *methodError) Error() string {
	return fmt.Sprintf("method %.20q is not allowed here: use %s", e.method, e.allow)
}

// errNoArchive refuses to archive, in Jaeger's words.
var errNoArchive = errors.New("archive span storage was not configured")

// failure is an error on its way to a client.
type failure struct {
	serve.Failure
	allow string // the methods that would do, when that is what failed
}

// failureOf translates an error: what only this package knows of, then the
// classes that all of Jaeger's doors share.
func (g *Gateway) failureOf(ctx context.Context, what string, err error) *failure {
	if method, ok := errors.AsType[*methodError](err); ok {
		return &failure{Failure: unimplemented(http.StatusMethodNotAllowed, err), allow: method.allow}
	}
	if errors.Is(err, errNoArchive) {
		return &failure{Failure: unimplemented(http.StatusNotImplemented, err)}
	}
	return &failure{Failure: *g.errors.Failure(ctx, what, err)}
}

func unimplemented(status int, err error) serve.Failure {
	return serve.Failure{Answer: serve.Answer{GRPC: codes.Unimplemented, HTTP: status}, Message: err.Error()}
}

func (f *failure) setHeaders(h http.Header) {
	if f.allow != "" {
		h.Set("Allow", f.allow)
	}
	if f.Retry {
		h.Set("Retry-After", strconv.Itoa(max(1, int((f.Wait+time.Second-1)/time.Second))))
	}
}

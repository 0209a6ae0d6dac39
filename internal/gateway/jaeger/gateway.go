package jaeger

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/serve"
	"github.com/pandodb/pando/internal/gen/jaegerpb"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

// Store answers trace questions; search.Traces is one. Implementations are safe
// for concurrent use and classify their errors as package base asks; returned
// values are the caller's.
type Store interface {
	// FindIDs returns the ids of at most q.Limit traces that match, in q.Order.
	FindIDs(ctx context.Context, q *search.Query) ([]trace.ID, error)
	// Get returns the traces that exist among the refs, in any order.
	Get(ctx context.Context, refs ...search.Ref) ([]trace.Trace, error)
	// SummariesPage returns what FindIDs would, as summaries, or the page that the
	// query asks for and the token of the next one, empty at the end.
	SummariesPage(ctx context.Context, q *search.Query) ([]trace.Summary, string, error)
	// FindSpans returns the spans of a page, as stored, in the query's order, and
	// the token of the next page, empty at the end.
	FindSpans(ctx context.Context, q *search.SpanQuery) ([]trace.Span, string, error)
	// Services returns the names of the services that sent spans, ascending.
	Services(ctx context.Context) ([]string, error)
	// Operations returns the operations of a service, ascending by name, then
	// kind; none for an unknown service. trace.KindUnspecified asks for all kinds.
	Operations(ctx context.Context, service string, kind trace.Kind) ([]trace.Operation, error)
	// Dependencies returns who called whom, ascending by names.
	Dependencies(ctx context.Context, time base.TimeRange) ([]search.Dependency, error)
	// Metrics returns the series that have calls, ascending by service and
	// operation.
	Metrics(ctx context.Context, q *search.MetricsQuery) ([]search.Series, error)
}

var _ Store = (*search.Traces)(nil)

// Spans takes spans to keep: the bytes of an ExportTraceServiceRequest, which it
// does not keep. Refused spans are counted and explained, not an error.
// Implementations are safe for concurrent use.
type Spans interface {
	Export(ctx context.Context, wire []byte) (rejected int64, message string, err error)
}

// Options configures a Gateway. Zero fields mean the defaults.
type Options struct {
	// Timeout bounds each question to the store, of which a request asks one or,
	// while it streams traces, several, and the reading of a request's body.
	// Default 30 s; negative means no bound.
	Timeout time.Duration
	// Archive has the traces that were archived: those asked for by id are looked
	// for in it when the store has them no more. Nil: there is no archive.
	Archive Store
	// ArchiveSpans takes what is to be archived. Nil: nothing can be.
	ArchiveSpans Spans
	// MaxClockSkew is how far spans are moved when clocks of hosts disagree: see
	// Adjuster. Default zero, which only warns; negative is the same.
	MaxClockSkew time.Duration
	// Clock tells the time where a request does not. Default the system clock.
	Clock base.Clock
	// Logger gets errors that are ours. Default slog.Default.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Clock == nil {
		o.Clock = base.SystemClock
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// Gateway answers Jaeger's query API from a store. It is safe for concurrent use
// and holds no resources.
type Gateway struct {
	jaegerpb.UnimplementedQueryServiceServer

	store    Store
	archive  Store // nil: there is none
	adjuster Adjuster
	errors   serve.Errors
	opts     Options

	transforms chan struct{} // has one for each file that is being transformed
}

// New returns a gateway that reads from store.
func New(store Store, o Options) (*Gateway, error) {
	if store == nil {
		return nil, base.Errorf(base.ClassInvalid, "jaeger: the store is missing")
	}
	o = o.withDefaults()
	if o.Timeout > 0 {
		store = timedStore{store: store, timeout: o.Timeout}
		if o.Archive != nil {
			o.Archive = timedStore{store: o.Archive, timeout: o.Timeout}
		}
		if o.ArchiveSpans != nil {
			o.ArchiveSpans = timedSpans{spans: o.ArchiveSpans, timeout: o.Timeout}
		}
	}
	return &Gateway{
		store:    store,
		archive:  o.Archive,
		adjuster: Adjuster{MaxClockSkew: max(0, o.MaxClockSkew)},
		errors:   serve.Errors{Logger: o.Logger},
		opts:     o,

		transforms: make(chan struct{}, maxTransforms),
	}, nil
}

// RegisterGRPC adds the QueryService to a server.
func (g *Gateway) RegisterGRPC(s grpc.ServiceRegistrar) {
	jaegerpb.RegisterQueryServiceServer(s, g)
}

// ServiceNames returns the full names of the services that RegisterGRPC adds,
// for health and reflection.
func (g *Gateway) ServiceNames() []string {
	return []string{jaegerpb.QueryService_ServiceDesc.ServiceName}
}

// RegisterHTTP adds the addresses of both HTTP surfaces to a mux. Under /api/ it
// takes only Jaeger's own, so that others can live there too.
func (g *Gateway) RegisterHTTP(mux *http.ServeMux) {
	legacy := func(path string, serve handler) { mux.Handle(path, g.handle(endpoint{serve: pretty(serve)})) }
	legacy("/api/services", g.legacyServices)
	legacy("/api/services/{service}/operations", g.legacyServiceOperations)
	legacy("/api/operations", g.legacyOperations)
	legacy("/api/traces", g.legacySearch)
	legacy("/api/traces/{id}", g.legacyTrace)
	legacy("/api/dependencies", g.legacyDependencies)
	legacy("/api/metrics/latencies", g.metricsLatencies)
	legacy("/api/metrics/calls", g.metricsCalls)
	legacy("/api/metrics/errors", g.metricsErrors)
	legacy("/api/metrics/minstep", g.metricsMinStep)
	mux.Handle("/api/archive/{id}", g.handle(endpoint{serve: pretty(g.legacyArchive), allow: http.MethodPost}))
	mux.Handle("/api/transform", g.handle(endpoint{serve: pretty(g.legacyTransform), allow: http.MethodPost, bodyBytes: maxTransformBytes}))

	v3 := func(path string, serve handler) {
		mux.Handle(path, g.handle(endpoint{serve: serve, fail: writeV3Error}))
	}
	v3("/api/v3/services", g.v3Services)
	v3("/api/v3/operations", g.v3Operations)
	v3("/api/v3/traces/{id}", g.v3Trace)
	v3("/api/v3/dependencies", g.v3Dependencies)
	v3("/api/v3/", serveUnknown)
	v3Search := func(path string, serve handler) {
		mux.Handle(path, g.handle(endpoint{serve: serve, fail: writeV3Error, allow: "GET, HEAD, POST"}))
	}
	v3Search("/api/v3/traces", g.v3Find)
	v3Search("/api/v3/trace-summaries", g.v3Summaries)
	v3Search("/api/v3/spans", g.v3Spans)
}

// handler serves a request or says why not; then it has written nothing.
type handler func(w http.ResponseWriter, r *http.Request) error

// endpoint is what is behind an address.
type endpoint struct {
	serve     handler
	fail      func(http.ResponseWriter, *failure) // default writeLegacyError
	allow     string                              // the methods; default GET, HEAD
	bodyBytes int64                               // bounds bodies; default maxBodyBytes
}

const (
	// maxQueryBytes bounds the raw query of a request: 64 tag conditions of 128
	// bytes fit twice.
	maxQueryBytes = 16 << 10
	// maxBodyBytes bounds the body of a request.
	maxBodyBytes = 1 << 20
	// maxTransformBytes bounds what is sent to be shown: files that people save,
	// of traces of some ten thousand spans.
	maxTransformBytes = 32 << 20
	// maxTransforms bounds how many files are transformed at a time: each takes
	// about five times its bytes of memory.
	maxTransforms = 2
)

// handle bounds requests in size and answers errors in the form of the endpoint.
func (g *Gateway) handle(e endpoint) http.Handler {
	e.allow, e.bodyBytes = cmp.Or(e.allow, "GET, HEAD"), cmp.Or(e.bodyBytes, maxBodyBytes)
	if e.fail == nil {
		e.fail = writeLegacyError
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := e.check(r)
		if err == nil {
			r.Body = &timedBody{
				ReadCloser: http.MaxBytesReader(w, r.Body, e.bodyBytes),
				conn:       http.NewResponseController(w), timeout: g.opts.Timeout,
			}
			err = e.serve(w, r)
		}
		if err == nil || errors.Is(err, context.Canceled) && r.Context().Err() != nil {
			return // answered, or the client is gone
		}
		f := g.failureOf(r.Context(), r.URL.Path, err)
		f.setHeaders(w.Header())
		e.fail(w, f)
	})
}

func (e *endpoint) check(r *http.Request) error {
	if len(r.URL.RawQuery) > maxQueryBytes {
		return base.Errorf(base.ClassTooLarge, "the query string has %d bytes: at most %d", len(r.URL.RawQuery), maxQueryBytes)
	}
	if !slices.Contains(strings.Split(e.allow, ", "), r.Method) {
		return &methodError{method: r.Method, allow: e.allow}
	}
	return nil
}

// readBody returns the body of a request.
func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, base.Errorf(base.ClassTooLarge, "the request body is too large: at most %d bytes", tooLarge.Limit)
	}
	if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() {
		return nil, base.Errorf(base.ClassInvalid, "the request body did not come in time")
	}
	if err != nil {
		return nil, base.Errorf(base.ClassInvalid, "read the request body: %w", err)
	}
	return body, nil
}

func serveUnknown(_ http.ResponseWriter, r *http.Request) error {
	return base.Errorf(base.ClassNotFound, "there is no %.200q", r.URL.Path)
}

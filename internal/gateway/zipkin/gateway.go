package zipkin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/serve"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

// Store answers questions about traces; search.Traces is one. Implementations
// are safe for concurrent use and classify their errors as package base asks;
// returned values are the caller's.
type Store interface {
	// Get returns the traces that exist among the refs, in any order.
	Get(ctx context.Context, refs ...search.Ref) ([]trace.Trace, error)
	// FindPage returns the traces that match, in q.Order; no token without q.Page.
	FindPage(ctx context.Context, q *search.Query) ([]search.FoundTrace, string, error)
	// FindSpans returns the spans of a page, as stored, in the query's order.
	FindSpans(ctx context.Context, q *search.SpanQuery) ([]trace.Span, string, error)
	// Services returns the names of the services that sent spans, ascending.
	Services(ctx context.Context) ([]string, error)
	// Operations returns the operations of a service, ascending by name, then
	// kind; none for an unknown service. trace.KindUnspecified asks for all kinds.
	Operations(ctx context.Context, service string, kind trace.Kind) ([]trace.Operation, error)
	// Dependencies returns who called whom, ascending by names.
	Dependencies(ctx context.Context, time base.TimeRange) ([]search.Dependency, error)
}

var _ Store = (*search.Traces)(nil)

// Spans takes spans to store; the OTLP gateway does. Implementations are safe for
// concurrent use.
type Spans interface {
	// Receive reads the body of a request, decompressed, within limits. Its bytes
	// are valid until release, which is never nil, is called.
	Receive(w http.ResponseWriter, r *http.Request) (body []byte, release func(), err error)
	// Export stores the spans of an ExportTraceServiceRequest, or none and says
	// why. It returns how many of them broke a rule and were left out, and which
	// rule. The bytes are Export's until it returns.
	Export(ctx context.Context, wire []byte) (rejected int64, message string, err error)
}

// Options configures a Gateway. Zero fields mean the defaults.
type Options struct {
	// Timeout bounds each question to the store, of which a request asks one or,
	// while it streams traces, several. Default 30 s; negative means no bound.
	Timeout time.Duration
	// MaxExportBytes bounds the spans of a request as OTLP, which tiny spans are
	// four times their JSON as. Default 64 MiB, as much as the OTLP gateway takes.
	MaxExportBytes int
	// Ready says why the server cannot serve, for /health. Default: it can.
	Ready func() error
	// Clock tells the time where a request or a span does not. Default the system
	// clock.
	Clock base.Clock
	// Logger gets errors that are ours. Default slog.Default.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.MaxExportBytes == 0 {
		o.MaxExportBytes = 64 << 20
	}
	if o.Ready == nil {
		o.Ready = func() error { return nil }
	}
	if o.Clock == nil {
		o.Clock = base.SystemClock
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// Gateway serves Zipkin's API. It is safe for concurrent use and holds no
// resources.
type Gateway struct {
	store Store
	spans Spans
	opts  Options
	errs  serve.Errors
}

// New returns a gateway that reads from store and writes to spans.
func New(store Store, spans Spans, o Options) (*Gateway, error) {
	if store == nil || spans == nil {
		return nil, base.Errorf(base.ClassInvalid, "zipkin: the store or the writer is missing")
	}
	if o.MaxExportBytes < 0 {
		return nil, base.Errorf(base.ClassInvalid, "zipkin: option MaxExportBytes %d: want a positive number", o.MaxExportBytes)
	}
	o = o.withDefaults()
	return &Gateway{store: store, spans: spans, opts: o, errs: serve.Errors{Logger: o.Logger}}, nil
}

// HealthPath is where Zipkin's clients ask whether the server is well.
const HealthPath = "/health"

// RegisterHTTP adds the addresses of the API to a mux: those under /api/v2/, and
// HealthPath.
func (g *Gateway) RegisterHTTP(mux *http.ServeMux) {
	get := func(path string, serve handler) { mux.Handle(path, g.handle("GET, HEAD", serve)) }
	get("/api/v2/services", g.serveServices)
	get("/api/v2/remoteServices", g.serveRemoteServices)
	get("/api/v2/traces", g.serveSearch)
	get("/api/v2/trace/{id}", g.serveTrace)
	get("/api/v2/traceMany", g.serveTraceMany)
	get("/api/v2/dependencies", g.serveDependencies)
	get("/api/v2/autocompleteKeys", g.serveAutocompleteKeys)
	get("/api/v2/autocompleteValues", g.serveAutocompleteValues)
	get("/api/v2/", serveUnknown)
	get(HealthPath, g.serveHealth)
	mux.Handle("/api/v2/spans", g.handle("GET, HEAD, POST", g.serveSpans))
	mux.Handle("POST /api/v1/spans", g.handle(http.MethodPost, serveVersion1))
}

// handler serves a request or says why not; then it has written nothing.
type handler func(w http.ResponseWriter, r *http.Request) error

// maxQueryBytes bounds the raw query of a request: of a list of 480 trace ids.
const maxQueryBytes = 16 << 10

// handle bounds requests and answers errors, in words.
func (g *Gateway) handle(allow string, serve handler) http.Handler {
	methods := splitList(allow)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(methods, r.Method) {
			w.Header().Set("Allow", allow)
			http.Error(w, fmt.Sprintf("method %.20q is not allowed here: use %s", r.Method, allow), http.StatusMethodNotAllowed)
			return
		}
		err := checkQuery(r)
		if err == nil {
			err = serve(w, r)
		}
		if err == nil || errors.Is(err, context.Canceled) && r.Context().Err() != nil {
			return // answered, or the client is gone
		}
		f := g.errs.Failure(r.Context(), r.URL.Path, err)
		if f.Retry {
			w.Header().Set("Retry-After", strconv.Itoa(max(1, int((f.Wait+time.Second-1)/time.Second))))
		}
		http.Error(w, f.Message, f.HTTP)
	})
}

func checkQuery(r *http.Request) error {
	if len(r.URL.RawQuery) > maxQueryBytes {
		return base.Errorf(base.ClassTooLarge, "the query string has %d bytes: at most %d", len(r.URL.RawQuery), maxQueryBytes)
	}
	return nil
}

func serveUnknown(_ http.ResponseWriter, r *http.Request) error {
	return base.Errorf(base.ClassNotFound, "there is no %.200q", r.URL.Path)
}

func serveVersion1(http.ResponseWriter, *http.Request) error {
	return base.Errorf(base.ClassNotFound, "version 1 of Zipkin's format is not served: send version 2 to /api/v2/spans")
}

// bounded returns the context of one question to the store.
func (g *Gateway) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if g.opts.Timeout < 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, g.opts.Timeout)
}

// Get implements serve.Getter, in bounded time.
func (g *Gateway) Get(ctx context.Context, refs ...search.Ref) ([]trace.Trace, error) {
	ctx, cancel := g.bounded(ctx)
	defer cancel()
	return g.store.Get(ctx, refs...)
}

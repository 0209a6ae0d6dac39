package ui

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

// Store answers the page's questions. Implementations are safe for concurrent
// use and classify their errors as package base asks; returned values are the
// caller's.
type Store interface {
	// Services returns the names of the services that sent spans, ascending.
	Services(ctx context.Context) ([]string, error)
	// Operations returns the operations of a service, ascending by name, then
	// kind; none for an unknown service.
	Operations(ctx context.Context, service string) ([]trace.Operation, error)
	// SummariesPage returns a page of the traces that match, in the query's
	// order, and the token of the page after it, empty on the last.
	SummariesPage(ctx context.Context, q *search.Query) ([]trace.Summary, string, error)
	// FindSpans returns a page of the spans that match, in the query's order, and
	// the token of the page after it, empty on the last.
	FindSpans(ctx context.Context, q *search.SpanQuery) ([]trace.Span, string, error)
	// Trace returns every known span of a trace, or a base.ClassNotFound error.
	Trace(ctx context.Context, id trace.ID) (*trace.Trace, error)
	// Span returns the spans of a trace that carry the span id (usually one), or
	// a base.ClassNotFound error. It exists beside Trace so that a look at one
	// span of a big trace need not build the others.
	Span(ctx context.Context, id trace.ID, span trace.SpanID) ([]trace.Span, error)
	// ServiceGraph returns services and the calls between them in a time range,
	// rounded outwards to whole minutes.
	ServiceGraph(ctx context.Context, time base.TimeRange) (*search.Graph, error)
}

// Endpoint is a way into this server that the page tells its reader about.
type Endpoint struct {
	// Name is what people call it: "OTLP gRPC".
	Name string
	// Protocol is one of "otlp-grpc", "otlp-http", "http" and "grpc"; the set-up
	// instructions look for the first two.
	Protocol string
	// Address is the listener's host:port. The page replaces an unspecified host
	// by the one it was itself loaded from.
	Address string
}

// Options configures a Handler.
type Options struct {
	// Store answers the queries. Required.
	Store Store
	// Version is shown on the status panel. Empty means "unknown".
	Version string
	// Endpoints are listed on the status panel and used in set-up instructions.
	Endpoints []Endpoint
	// Timeout bounds one API request. Zero means 30 s; negative means no bound.
	Timeout time.Duration
	// Clock tells the time for lookback. Nil means the system clock.
	Clock base.Clock
	// Logger receives unexpected errors. Nil means slog's default.
	Logger *slog.Logger
}

// Validate reports everything that is wrong with the options.
func (o Options) Validate() error {
	var errs []error
	if o.Store == nil {
		errs = append(errs, base.Errorf(base.ClassInvalid, "ui: Store is missing"))
	}
	for _, e := range o.Endpoints {
		if e.Name == "" || e.Protocol == "" || e.Address == "" {
			errs = append(errs, base.Errorf(base.ClassInvalid, "ui: endpoint %+v has an empty field", e))
		}
	}
	return errors.Join(errs...)
}

func (o Options) withDefaults() Options {
	if o.Version == "" {
		o.Version = "unknown"
	}
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

// Handler serves the page at / and its API under /api/v1/. It is safe for
// concurrent use and holds no resources.
type Handler struct {
	opts    Options
	started time.Time
	mux     *http.ServeMux
	viewer  *viewer
	// counts holds a token for each histogram being counted.
	counts chan struct{}
}

// New returns a handler. It reads and compresses the embedded page, which takes
// a few milliseconds.
func New(opts Options) (*Handler, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	page, err := loadEmbedded()
	if err != nil {
		return nil, err
	}
	saved, err := newViewer(page)
	if err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	h := &Handler{
		opts: opts, started: opts.Clock(), mux: http.NewServeMux(), viewer: saved,
		counts: make(chan struct{}, maxCounts),
	}
	h.api("GET /api/v1/status", h.serveStatus)
	h.api("GET /api/v1/services", h.serveServices)
	h.api("GET /api/v1/services/{service}/operations", h.serveOperations)
	h.api("GET /api/v1/vocabulary", h.serveVocabulary)
	h.api("GET /api/v1/attributes", h.serveAttributes)
	h.api("GET /api/v1/spans/search", h.serveSpanSearch)
	h.api("GET /api/v1/servicegraph", h.serveServiceGraph)
	h.api("GET /api/v1/traces/search", h.serveSearch)
	h.api("GET /api/v1/traces/histogram", h.serveHistogram)
	h.api("GET /api/v1/traces/facets", h.serveFacets)
	h.api("GET /api/v1/traces/{id}", h.serveTrace)
	h.api("GET /api/v1/traces/{id}/export.html", h.serveExport)
	h.api("GET /api/v1/traces/{id}/spans/{span}", h.serveSpan)
	h.api("/api/", h.serveUnknown)
	h.mux.Handle("/", page)
	return h, nil
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setSecurityHeaders(w.Header())
	h.mux.ServeHTTP(w, r)
}

// maxQueryBytes bounds the raw query of an API request: 64 tag words of 128
// bytes fit twice.
const maxQueryBytes = 16 << 10

// api registers an endpoint: it bounds the request in size and time, and turns
// a returned error into the error document.
func (h *Handler) api(pattern string, serve func(http.ResponseWriter, *http.Request) error) {
	h.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if len(r.URL.RawQuery) > maxQueryBytes {
			h.writeError(w, r, base.Errorf(base.ClassTooLarge,
				"the query string has %d bytes: at most %d", len(r.URL.RawQuery), maxQueryBytes))
			return
		}
		if h.opts.Timeout > 0 {
			ctx, cancel := context.WithTimeout(r.Context(), h.opts.Timeout)
			defer cancel()
			r = r.WithContext(ctx)
		}
		if err := serve(w, r); err != nil {
			h.writeError(w, r, err)
		}
	})
}

func (h *Handler) serveUnknown(_ http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return errMethod
	}
	return base.Errorf(base.ClassNotFound, "there is no %.200q", r.URL.Path)
}

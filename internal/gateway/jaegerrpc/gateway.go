package jaegerrpc

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/serve"
	"github.com/pandodb/pando/internal/gen/apiv2pb"
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
	// Export stores the spans of an ExportTraceServiceRequest, or none and says
	// why. It returns how many of them broke a rule and were left out, and which
	// rule. The bytes are Export's until it returns.
	Export(ctx context.Context, wire []byte) (rejected int64, message string, err error)
}

// Archive keeps the traces that users asked to keep.
type Archive struct {
	Store serve.Getter
	Spans Spans
}

// Options configures a Gateway. Zero fields mean the defaults.
type Options struct {
	// Archive is where ArchiveTrace copies traces to, and where GetTrace looks
	// for those that the store has no more. Nil means that there is none.
	Archive *Archive
	// Adjust repairs a trace, in place, for clients that do not ask for it raw.
	// Nil leaves it as it is.
	Adjust func(*trace.Trace)
	// Strategies are the sampling strategies of a file. Nil means that every
	// service samples with DefaultProbability.
	Strategies *Strategies
	// Adaptive works out the strategies of services that Strategies does not
	// name. Nil means that it does not.
	Adaptive *Adaptive
	// Timeout bounds each question to the store, of which a request asks one or,
	// while it streams traces, several. Default 30 s; negative means no bound.
	Timeout time.Duration
	// MaxInFlightBytes bounds the batches of PostSpans that are being stored, all
	// together; beyond it clients are asked to retry. A batch takes several times
	// its bytes of memory while it is translated. Default 64 MiB.
	MaxInFlightBytes int64
	// Logger gets errors that are ours. Default slog.Default.
	Logger *slog.Logger
}

// Gateway serves jaeger.api_v2. It is safe for concurrent use and holds no
// resources.
type Gateway struct {
	store   Store
	spans   Spans
	opts    Options
	errs    serve.Errors
	archive serve.Getter // nil: none
	posting atomic.Int64 // bytes in flight
}

// New returns a gateway that reads from store and writes to spans.
func New(store Store, spans Spans, o Options) (*Gateway, error) {
	if store == nil || spans == nil {
		return nil, base.Errorf(base.ClassInvalid, "jaegerrpc: the store or the writer is missing")
	}
	if o.Archive != nil && (o.Archive.Store == nil || o.Archive.Spans == nil) {
		return nil, base.Errorf(base.ClassInvalid, "jaegerrpc: the archive's store or writer is missing")
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.MaxInFlightBytes == 0 {
		o.MaxInFlightBytes = 64 << 20
	}
	if o.MaxInFlightBytes < 0 {
		return nil, base.Errorf(base.ClassInvalid, "jaegerrpc: option MaxInFlightBytes %d: want a positive number", o.MaxInFlightBytes)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Strategies == nil {
		o.Strategies = new(Strategies)
	}
	g := &Gateway{store: store, spans: spans, opts: o, errs: serve.Errors{Logger: o.Logger}}
	if o.Archive != nil {
		g.archive = o.Archive.Store
	}
	return g, nil
}

// RegisterGRPC adds the services to a server.
func (g *Gateway) RegisterGRPC(s grpc.ServiceRegistrar) {
	apiv2pb.RegisterQueryServiceServer(s, &queryService{g: g})
	apiv2pb.RegisterSamplingManagerServer(s, &samplingManager{g: g})
	g.registerCollector(s)
}

// ServiceNames returns the full names of the services that RegisterGRPC adds,
// for health and reflection.
func (g *Gateway) ServiceNames() []string {
	return []string{
		apiv2pb.QueryService_ServiceDesc.ServiceName,
		apiv2pb.CollectorService_ServiceDesc.ServiceName,
		apiv2pb.SamplingManager_ServiceDesc.ServiceName,
	}
}

// RegisterHTTP adds the addresses at which clients ask for sampling strategies.
func (g *Gateway) RegisterHTTP(mux *http.ServeMux) {
	mux.HandleFunc("/sampling", g.serveSampling)
	mux.HandleFunc("/api/sampling", g.serveSampling)
}

// bounded returns the context of one question to a store. Bounding requests
// instead would cut off long answers to slow readers, whose time is theirs.
func (g *Gateway) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if g.opts.Timeout < 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, g.opts.Timeout)
}

// boundedGetter is a store that reads traces in bounded time.
type boundedGetter struct {
	g     *Gateway
	store serve.Getter
}

// Get implements serve.Getter.
func (b boundedGetter) Get(ctx context.Context, refs ...search.Ref) ([]trace.Trace, error) {
	ctx, cancel := b.g.bounded(ctx)
	defer cancel()
	return b.store.Get(ctx, refs...)
}

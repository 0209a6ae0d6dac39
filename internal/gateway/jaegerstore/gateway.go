package jaegerstore

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/serve"
	"github.com/pandodb/pando/internal/gen/storagev1pb"
	"github.com/pandodb/pando/internal/gen/storagev2pb"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

// Finder answers searches for traces and spans; search.Traces is one.
// Implementations are safe for concurrent use and classify their errors as
// package base asks; returned values are the caller's.
type Finder interface {
	// Get returns the traces that exist among the refs, in any order.
	Get(ctx context.Context, refs ...search.Ref) ([]trace.Trace, error)
	// FindPage returns the traces that match, in q.Order, and the token of the
	// page after this one: empty at the end and without q.Page.
	FindPage(ctx context.Context, q *search.Query) ([]search.FoundTrace, string, error)
	// SummariesPage returns what FindPage would, as summaries.
	SummariesPage(ctx context.Context, q *search.Query) ([]trace.Summary, string, error)
	// FindSpans returns a page of the spans that match, in the order asked for,
	// and the token of the next one.
	FindSpans(ctx context.Context, q *search.SpanQuery) ([]trace.Span, string, error)
}

// Catalog tells what there is; search.Traces is one. The rules of Finder hold.
type Catalog interface {
	// Services returns the names of the services that sent spans, ascending.
	Services(ctx context.Context) ([]string, error)
	// Operations returns the operations of a service, ascending by name, then
	// kind; none for an unknown service. trace.KindUnspecified asks for all kinds.
	Operations(ctx context.Context, service string, kind trace.Kind) ([]trace.Operation, error)
	// Dependencies returns who called whom, ascending by names.
	Dependencies(ctx context.Context, time base.TimeRange) ([]search.Dependency, error)
}

// Store is what spans are read from.
type Store interface {
	Finder
	Catalog
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

// Target is a place to read spans from and to write them to.
type Target struct {
	Store Store
	Spans Spans
}

// Options configures a Gateway. Zero fields mean the defaults.
type Options struct {
	// Archive keeps the traces that users asked to keep. Nil means that there is
	// no archive, and the services of one are not offered.
	Archive *Target
	// Timeout bounds each question to a store, of which a request asks one or,
	// while it streams traces, several. Default 30 s; negative means no bound.
	Timeout time.Duration
	// Logger gets errors that are ours. Default slog.Default.
	Logger *slog.Logger
}

// Gateway is a remote storage of Jaeger's. It is safe for concurrent use and
// holds no resources.
type Gateway struct {
	main    Target
	archive *Target // nil: none
	errs    serve.Errors
}

// New returns a gateway to the target. A second one, with the archive as its
// target, serves the archive at an address of its own.
func New(main Target, o Options) (*Gateway, error) {
	if main.Store == nil || main.Spans == nil {
		return nil, base.Errorf(base.ClassInvalid, "jaegerstore: the store or the writer is missing")
	}
	if o.Archive != nil && (o.Archive.Store == nil || o.Archive.Spans == nil) {
		return nil, base.Errorf(base.ClassInvalid, "jaegerstore: the archive's store or writer is missing")
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	g := &Gateway{main: timed(main, o.Timeout), errs: serve.Errors{Logger: o.Logger}}
	if o.Archive != nil {
		archive := timed(*o.Archive, o.Timeout)
		g.archive = &archive
	}
	return g, nil
}

// RegisterGRPC adds the services of both versions to a server. Clients of version
// 2 write through OTLP's TraceService, which the server must offer as well.
func (g *Gateway) RegisterGRPC(s grpc.ServiceRegistrar) {
	storagev2pb.RegisterTraceReaderServer(s, &readerV2{g: g})
	storagev2pb.RegisterDependencyReaderServer(s, &dependenciesV2{g: g})
	storagev2pb.RegisterCapabilitiesServer(s, &capabilitiesV2{})

	storagev1pb.RegisterSpanReaderPluginServer(s, &readerV1{g: g})
	storagev1pb.RegisterSpanWriterPluginServer(s, &writerV1{g: g})
	storagev1pb.RegisterStreamingSpanWriterPluginServer(s, &streamWriterV1{g: g})
	storagev1pb.RegisterDependenciesReaderPluginServer(s, &dependenciesV1{g: g})
	storagev1pb.RegisterPluginCapabilitiesServer(s, &capabilitiesV1{g: g})
	storagev1pb.RegisterArchiveSpanReaderPluginServer(s, &archiveReaderV1{g: g})
	storagev1pb.RegisterArchiveSpanWriterPluginServer(s, &archiveWriterV1{g: g})
}

// ServiceNames returns the names under which clients ask for the health of what
// RegisterGRPC adds. One is not a service: Jaeger's own backends say by it that
// OTLP's TraceService writes.
func (g *Gateway) ServiceNames() []string {
	return []string{
		storagev2pb.TraceReader_ServiceDesc.ServiceName,
		storagev2pb.DependencyReader_ServiceDesc.ServiceName,
		storagev2pb.Capabilities_ServiceDesc.ServiceName,
		"jaeger.storage.v2.TraceWriter",
		storagev1pb.SpanReaderPlugin_ServiceDesc.ServiceName,
		storagev1pb.SpanWriterPlugin_ServiceDesc.ServiceName,
		storagev1pb.StreamingSpanWriterPlugin_ServiceDesc.ServiceName,
		storagev1pb.DependenciesReaderPlugin_ServiceDesc.ServiceName,
		storagev1pb.PluginCapabilities_ServiceDesc.ServiceName,
		storagev1pb.ArchiveSpanReaderPlugin_ServiceDesc.ServiceName,
		storagev1pb.ArchiveSpanWriterPlugin_ServiceDesc.ServiceName,
	}
}

// ArchiveHeader is the metadata key by which a request says, with a truth value,
// that it is about the archive. Jaeger 2 sends it when the configuration of a
// gRPC backend lists it among its headers.
const ArchiveHeader = "pando-archive"

// WantsArchive reports whether the request's metadata names the archive.
func WantsArchive(ctx context.Context) (bool, error) {
	values := metadata.ValueFromIncomingContext(ctx, ArchiveHeader)
	if len(values) == 0 {
		return false, nil
	}
	wants, err := strconv.ParseBool(values[0])
	if err != nil {
		return false, base.Errorf(base.ClassInvalid, "header %s: %.40q: want true or false", ArchiveHeader, values[0])
	}
	return wants, nil
}

// target returns what the request is about.
func (g *Gateway) target(ctx context.Context) (*Target, error) {
	wants, err := WantsArchive(ctx)
	switch {
	case err != nil:
		return nil, err
	case !wants:
		return &g.main, nil
	case g.archive == nil:
		return nil, base.Errorf(base.ClassConflict, "header %s: this server keeps no archive", ArchiveHeader)
	default:
		return g.archive, nil
	}
}

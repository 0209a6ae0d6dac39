package otlp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/model/trace"
)

// Traces takes what the gateway receives. It must be safe for concurrent use.
type Traces interface {
	// WriteTraces stores the batch, in the layout of package trace, durably. It
	// owns the batch. The class of the error decides the answer.
	WriteTraces(ctx context.Context, batch *column.Batch) error
	// Bounds returns the writable range of span start times at this moment: from
	// the oldest that retention keeps to the farthest future that is believed.
	Bounds() base.TimeRange
}

// Options configures a Gateway. Zero fields mean the defaults.
type Options struct {
	// Resource is the trace resource that spans are written to. Required.
	Resource base.ResourceID
	// Spans bounds single spans.
	Spans trace.Options
	// MaxWireBytes bounds an HTTP body as sent, compressed or not. Default 16 MiB.
	MaxWireBytes int
	// MaxRequestBytes bounds a request after decompression, and over gRPC also
	// before, since gRPC has one limit for both. Default 64 MiB.
	MaxRequestBytes int
	// MaxInFlightBytes bounds the requests that are being received and written,
	// all together; beyond it clients are asked to retry. Default 256 MiB.
	MaxInFlightBytes int64
	// BodyTimeout bounds how long an HTTP body may take to arrive. Default 1 min,
	// in which MaxWireBytes arrive over 2.3 Mbit/s.
	BodyTimeout time.Duration
	// RetryDelay is what clients are asked to wait when an error does not say.
	// Default 1 s.
	RetryDelay time.Duration
	// Route, if set, returns the gateway that a gRPC request is for by its
	// metadata; nil is this one.
	Route func(ctx context.Context) (*Gateway, error)
	// Logger gets errors that are ours. Default slog.Default.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.MaxWireBytes == 0 {
		o.MaxWireBytes = 16 << 20
	}
	if o.MaxRequestBytes == 0 {
		o.MaxRequestBytes = 64 << 20
	}
	if o.MaxInFlightBytes == 0 {
		o.MaxInFlightBytes = 256 << 20
	}
	if o.BodyTimeout == 0 {
		o.BodyTimeout = time.Minute
	}
	if o.RetryDelay == 0 {
		o.RetryDelay = time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// Validate reports everything that is wrong with the options.
func (o Options) Validate() error {
	var errs []error
	if o.Resource == 0 {
		errs = append(errs, errors.New("otlp option Resource is missing"))
	}
	if o.MaxWireBytes < 0 || o.MaxRequestBytes < 0 || o.MaxInFlightBytes < 0 || o.BodyTimeout < 0 || o.RetryDelay < 0 {
		errs = append(errs, errors.New("otlp options must not be negative"))
	}
	if d := o.withDefaults(); d.MaxInFlightBytes < int64(d.MaxRequestBytes) {
		errs = append(errs, fmt.Errorf("otlp option MaxInFlightBytes %d is below MaxRequestBytes %d: such a request could never pass",
			d.MaxInFlightBytes, d.MaxRequestBytes))
	}
	return errors.Join(append(errs, o.Spans.Validate())...)
}

// Gateway receives OTLP traces. It is safe for concurrent use.
type Gateway struct {
	traces   Traces
	opts     Options
	inFlight budget
	builders sync.Pool // of *trace.Builder
	bodies   sync.Pool // of *[]byte
	stats    stats
}

// New returns a gateway that writes to traces.
func New(traces Traces, o Options) (*Gateway, error) {
	if err := o.Validate(); err != nil {
		return nil, base.Mark(base.ClassInvalid, err)
	}
	g := &Gateway{traces: traces, opts: o.withDefaults()}
	g.inFlight.max = g.opts.MaxInFlightBytes
	g.builders.New = func() any { return trace.NewBuilder(o.Spans) }
	g.bodies.New = func() any { return new([]byte) }
	return g, nil
}

// Stats counts what a gateway did since it was made.
type Stats struct {
	Requests      uint64 // answered, with whatever result
	Failed        uint64 // of them, answered with an error
	Bytes         uint64 // of OTLP, decompressed
	Spans         uint64 // stored
	RejectedSpans uint64 // refused one by one
	InFlightBytes int64  // now
}

type stats struct{ requests, failed, bytes, spans, rejected atomic.Uint64 }

// Stats returns the counters.
func (g *Gateway) Stats() Stats {
	return Stats{
		Requests: g.stats.requests.Load(), Failed: g.stats.failed.Load(), Bytes: g.stats.bytes.Load(),
		Spans: g.stats.spans.Load(), RejectedSpans: g.stats.rejected.Load(), InFlightBytes: g.inFlight.used.Load(),
	}
}

// outcome is the answer to a request that did not fail.
type outcome struct {
	rejected int64
	message  string // why, when rejected is positive
}

// export stores the spans of a request given as wire bytes.
func (g *Gateway) export(ctx context.Context, wire []byte) (outcome, error) {
	batch, rejected, err := g.build(wire)
	if err != nil {
		return outcome{}, fmt.Errorf("request is not an OTLP trace export: %w", err)
	}
	if batch.Rows > 0 {
		if err := g.traces.WriteTraces(ctx, batch); err != nil {
			return outcome{}, err
		}
	}
	g.stats.bytes.Add(uint64(len(wire)))
	g.stats.spans.Add(uint64(batch.Rows))
	g.stats.rejected.Add(uint64(rejected.Count))
	return outcomeOf(rejected, batch.Rows), nil
}

// Export stores spans that arrived by another protocol, translated to the wire
// bytes of an OTLP trace export. It returns how many spans were refused one by
// one and why; the class of the error is base's. The bytes are free again when
// it returns. Requests in flight share one budget, whatever their protocol.
func (g *Gateway) Export(ctx context.Context, wire []byte) (rejected int64, message string, err error) {
	size := int64(len(wire))
	if size > int64(g.opts.MaxRequestBytes) {
		return 0, "", base.Errorf(base.ClassTooLarge, "request has %d bytes as OTLP: at most %d", size, g.opts.MaxRequestBytes)
	}
	if err := g.inFlight.take(size); err != nil {
		return 0, "", err
	}
	defer g.inFlight.give(size)
	out, err := g.export(ctx, wire)
	g.finish(ctx, err)
	return out.rejected, out.message, err
}

// build turns a request into a batch. The builder is free again before the batch
// is written, which takes far longer.
func (g *Gateway) build(wire []byte) (*column.Batch, trace.Rejected, error) {
	b := g.builders.Get().(*trace.Builder)
	defer g.builders.Put(b)
	b.Reset(g.opts.Resource, g.traces.Bounds())
	if err := b.Add(wire); err != nil {
		return nil, trace.Rejected{}, err
	}
	return b.Finish(), b.Rejected(), nil
}

func outcomeOf(r trace.Rejected, stored int) outcome {
	if r.Count == 0 {
		return outcome{}
	}
	more := ""
	if r.Count > len(r.Reasons) {
		more = fmt.Sprintf("; and %d more", r.Count-len(r.Reasons))
	}
	return outcome{
		rejected: int64(r.Count),
		message: fmt.Sprintf("%d of %d spans were refused and must not be sent again as they are: %s%s",
			r.Count, r.Count+stored, strings.Join(r.Reasons, "; "), more),
	}
}

// finish counts a request and logs errors that are ours.
func (g *Gateway) finish(ctx context.Context, err error) {
	g.stats.requests.Add(1)
	if err == nil {
		return
	}
	g.stats.failed.Add(1)
	if internal(err) {
		g.opts.Logger.ErrorContext(ctx, "otlp export failed", slog.Any("err", err))
	}
}

// budget bounds bytes in flight.
type budget struct {
	max  int64
	used atomic.Int64
}

// take reserves n bytes or fails with an error of class base.ClassOverload.
func (b *budget) take(n int64) error {
	if b.used.Add(n) > b.max {
		b.used.Add(-n)
		return base.Retry(0, "too many bytes of OTLP requests in flight, at most %d: send again later", b.max)
	}
	return nil
}

func (b *budget) give(n int64) { b.used.Add(-n) }

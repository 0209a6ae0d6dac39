package serve

import (
	"context"
	"math"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

const (
	// chunkTraces is how many traces are in memory at a time for one request.
	chunkTraces = 32
	// hintSlack widens a client's guess of when a trace happened: clients guess
	// from the part of a trace that they saw, and spans beyond must not be lost.
	// A day keeps the guess useful, since segments are about that long.
	hintSlack = 24 * time.Hour
	// ChunkBytes is about how large messages of spans get: clients refuse those
	// beyond 4 MiB unless told otherwise, and smaller ones arrive sooner.
	ChunkBytes = 1 << 20
)

// Getter reads traces by id.
type Getter interface {
	// Get returns the traces that exist among the refs, in any order.
	Get(ctx context.Context, refs ...search.Ref) ([]trace.Trace, error)
}

// TraceReader reads traces by id, a few at a time, in the order of the refs. It
// is not safe for concurrent use.
type TraceReader struct {
	store Getter
	refs  []search.Ref
	chunk int // refs asked for at a time
}

// NewTraceReader returns a reader of the traces that refs name, each once. The
// slice is the reader's from now on.
func NewTraceReader(store Getter, refs []search.Ref) *TraceReader {
	seen := make(map[trace.ID]bool, len(refs))
	once := refs[:0]
	for _, r := range refs {
		if !seen[r.ID] {
			seen[r.ID] = true
			once = append(once, r)
		}
	}
	return &TraceReader{store: store, refs: once, chunk: chunkTraces}
}

// Next returns some traces, at least one, or none at the end. Traces that are
// not there are skipped. If some are too large together, it goes on with fewer
// at a time.
func (r *TraceReader) Next(ctx context.Context) ([]trace.Trace, error) {
	for len(r.refs) > 0 {
		refs := r.refs[:min(len(r.refs), r.chunk)]
		found, err := r.store.Get(ctx, refs...)
		if base.ClassOf(err) == base.ClassTooLarge && len(refs) > 1 {
			r.chunk = len(refs) / 2
			continue
		}
		if err != nil {
			return nil, err
		}
		r.refs = r.refs[len(refs):]
		byID := make(map[trace.ID]*trace.Trace, len(found))
		for i := range found {
			byID[found[i].ID] = &found[i]
		}
		ordered := make([]trace.Trace, 0, len(found))
		for _, ref := range refs {
			if t := byID[ref.ID]; t != nil && len(t.Spans) > 0 {
				ordered = append(ordered, *t)
			}
		}
		if len(ordered) > 0 {
			return ordered, nil
		}
	}
	return nil, nil
}

// Each calls visit for every trace and reports whether there were any.
func (r *TraceReader) Each(ctx context.Context, visit func(*trace.Trace) error) (bool, error) {
	found := false
	for {
		traces, err := r.Next(ctx)
		if err != nil || len(traces) == 0 {
			return found, err
		}
		found = true
		for i := range traces {
			if err := visit(&traces[i]); err != nil {
				return found, err
			}
		}
	}
}

// Hint returns the time range of a look-up by id from what a client knows of the
// trace's time; the zero range, which is any time, if it knows nothing.
func (in Interval) Hint() (base.TimeRange, error) {
	if !in.HasStart && !in.HasEnd {
		return base.TimeRange{}, nil
	}
	if in.HasStart && in.HasEnd && in.End < in.Start {
		return base.TimeRange{}, base.Errorf(base.ClassInvalid, "time range is reversed: it ends before it starts")
	}
	r := base.AllTime
	if in.HasStart && in.Start > math.MinInt64+int64(hintSlack) {
		r.Start = in.Start - int64(hintSlack)
	}
	if in.HasEnd && in.End < math.MaxInt64-int64(hintSlack) {
		r.End = in.End + int64(hintSlack)
	}
	return r, nil
}

// firstChunk is how many spans SendSpans tries first: such of common size make
// half a message.
const firstChunk = 512

// SendSpans gives the spans to send in messages of about ChunkBytes, in their
// order and none empty. encode returns the spans as the wire bytes of a message,
// which are send's. It learns from each message how many spans fit into the next.
func SendSpans(spans []trace.Span, encode func([]trace.Span) []byte, send func(wire []byte, last bool) error) error {
	n := firstChunk
	for len(spans) > 0 {
		n = min(n, len(spans))
		wire := encode(spans[:n])
		if len(wire) > 2*ChunkBytes && n > 1 {
			n = max(1, n*ChunkBytes/len(wire))
			continue
		}
		if err := send(wire, n == len(spans)); err != nil {
			return err
		}
		spans = spans[n:]
		n = max(1, n*ChunkBytes/max(1, len(wire)))
	}
	return nil
}

// Grouped encodes spans as a TracesData message, those of one resource and scope
// together: the fewest bytes.
func Grouped(spans []trace.Span) []byte { return trace.AppendOTLP(nil, spans) }

// Ordered encodes spans as a TracesData message in which they keep their order:
// only neighbours share a resource and scope.
func Ordered(spans []trace.Span) []byte {
	var wire []byte
	for len(spans) > 0 {
		n := 1
		for n < len(spans) && spans[n].Resource == spans[0].Resource && spans[n].Scope == spans[0].Scope {
			n++
		}
		wire = trace.AppendOTLP(wire, spans[:n])
		spans = spans[n:]
	}
	return wire
}

// TracesData returns a message that encodes to the wire bytes, which it keeps:
// to protobuf they are fields it does not know, and those it passes on as they
// are. This spares an object per span and value.
func TracesData(wire []byte) *tracepb.TracesData {
	msg := new(tracepb.TracesData)
	msg.ProtoReflect().SetUnknown(wire)
	return msg
}

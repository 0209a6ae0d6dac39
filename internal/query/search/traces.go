package search

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/model/trace"
)

const (
	// maxSpans bounds the spans of one answer.
	maxSpans = 250_000
	// maxSummarySpans bounds the spans behind an answer of summaries, for which
	// five narrow columns are read: about 100 MB.
	maxSummarySpans = 2_000_000
)

// tieFrom skips resource and hash where keys break ties: what remains is the
// trace id.
const tieFrom = 12

// Traces answers questions about one trace resource. It is safe for concurrent
// use.
type Traces struct {
	store    Store
	resource base.ResourceID
}

// NewTraces returns the searcher of a resource.
func NewTraces(store Store, resource base.ResourceID) *Traces {
	return &Traces{store: store, resource: resource}
}

// Ref asks for a trace, optionally only for its spans that start in Time, which
// spares parts elsewhere; the zero range means all of them.
type Ref struct {
	ID   trace.ID
	Time base.TimeRange
}

// Get returns the traces that exist among the refs, ascending by id. Refs of the
// same trace are answered once, with the range of the first.
func (t *Traces) Get(ctx context.Context, refs ...Ref) ([]trace.Trace, error) {
	byTime := make(map[base.TimeRange][][]byte)
	seen := make(map[trace.ID]bool, len(refs))
	for _, r := range refs {
		if seen[r.ID] {
			continue
		}
		seen[r.ID] = true
		if r.Time == (base.TimeRange{}) {
			r.Time = base.AllTime
		}
		byTime[r.Time] = append(byTime[r.Time], trace.AppendKey(nil, t.resource, r.ID))
	}
	var out []trace.Trace
	for time, keys := range byTime {
		found, err := t.read(ctx, keys, time)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	slices.SortFunc(out, func(a, b trace.Trace) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return out, nil
}

// read returns the traces of the keys, in no order.
func (t *Traces) read(ctx context.Context, keys [][]byte, time base.TimeRange) ([]trace.Trace, error) {
	batches, err := t.store.ReadKeys(ctx, &columnar.ReadRequest{Keys: keys, Time: time, MaxRows: maxSpans})
	if err != nil {
		return nil, err
	}
	return decode(batches)
}

// decodeAtOnce is how many batches a goroutine decodes: fewer are not worth one.
const decodeAtOnce = 4

// decode returns the traces of the batches. Many are decoded on all CPUs: it is a
// quarter of what a search for whole traces costs, and the last of its steps.
func decode(batches []*column.Batch) ([]trace.Trace, error) {
	workers := min(runtime.GOMAXPROCS(0), (len(batches)+decodeAtOnce-1)/decodeAtOnce)
	if workers <= 1 {
		return decodeSome(batches)
	}
	found, errs := make([][]trace.Trace, workers), make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			found[w], errs[w] = decodeSome(batches[w*len(batches)/workers : (w+1)*len(batches)/workers])
		})
	}
	wg.Wait()
	return slices.Concat(found...), errors.Join(errs...)
}

func decodeSome(batches []*column.Batch) ([]trace.Trace, error) {
	out := make([]trace.Trace, 0, len(batches))
	for _, b := range batches {
		spans, err := trace.ReadSpans(b)
		if err != nil {
			return nil, err
		}
		for len(spans) > 0 { // rows are sorted by key: a trace's spans are neighbours
			n := 1
			for n < len(spans) && spans[n].TraceID == spans[0].TraceID {
				n++
			}
			out = append(out, trace.Trace{ID: spans[0].TraceID, Spans: spans[:n:n]})
			spans = spans[n:]
		}
	}
	return out, nil
}

// Span returns the spans of a trace that carry the span id: one, unless senders
// reused it. It decodes no other span.
func (t *Traces) Span(ctx context.Context, id trace.ID, span trace.SpanID) ([]trace.Span, error) {
	key := trace.AppendKey(nil, t.resource, id)
	batches, err := t.store.ReadKeys(ctx, &columnar.ReadRequest{Keys: [][]byte{key}, Time: base.AllTime, MaxRows: maxSpans})
	if err != nil {
		return nil, err
	}
	for _, b := range batches {
		var rows []uint32
		for i, rowID := range b.IDs {
			if rowID == span.RowID() {
				rows = append(rows, uint32(i))
			}
		}
		if len(rows) > 0 {
			return trace.ReadSpans(b.Select(rows))
		}
	}
	return nil, base.Errorf(base.ClassNotFound, "trace %s has no span %s", id, span)
}

// FindIDs returns the ids of the traces that match, in the query's order.
func (t *Traces) FindIDs(ctx context.Context, q *Query) ([]trace.ID, error) {
	keys, err := t.all(ctx, q)
	if err != nil {
		return nil, err
	}
	ids := make([]trace.ID, len(keys))
	for i, k := range keys {
		ids[i] = trace.ID(k[tieFrom:])
	}
	return ids, nil
}

// all returns the keys of the traces that match a query without a page.
func (t *Traces) all(ctx context.Context, q *Query) ([][]byte, error) {
	if q.Page != nil {
		return nil, base.Errorf(base.ClassInvalid, "this answer has no pages: ask for a limit, not for a page of %d", q.Page.Size)
	}
	keys, _, err := t.page(ctx, q)
	return keys, err
}

// Find returns the traces that match, whole, in the query's order. Spans outside
// the query's time range come too.
func (t *Traces) Find(ctx context.Context, q *Query) ([]trace.Trace, error) {
	keys, err := t.all(ctx, q)
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	found, err := t.read(ctx, keys, base.AllTime)
	if err != nil {
		return nil, err
	}
	rank := ranks(keys)
	slices.SortFunc(found, func(a, b trace.Trace) int { return cmp.Compare(rank[a.ID], rank[b.ID]) })
	return found, nil
}

func ranks(keys [][]byte) map[trace.ID]int {
	rank := make(map[trace.ID]int, len(keys))
	for i, k := range keys {
		rank[trace.ID(k[tieFrom:])] = i
	}
	return rank
}

// Summaries returns what Find would, as summaries: it reads five columns.
func (t *Traces) Summaries(ctx context.Context, q *Query) ([]trace.Summary, error) {
	keys, err := t.all(ctx, q)
	if err != nil {
		return nil, err
	}
	return t.summaries(ctx, keys)
}

// Services returns the names of the services that have spans, ascending.
func (t *Traces) Services(ctx context.Context) ([]string, error) {
	tuples, err := t.store.Distinct(ctx, trace.OperationRefs)
	if err != nil && base.ClassOf(err) == base.ClassTooLarge {
		// Some service puts ids into its span names: operations cannot be listed,
		// services can.
		tuples, err = t.store.Distinct(ctx, trace.OperationRefs[:1])
	}
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, 64)
	for _, x := range tuples {
		if x[0].Type == column.String {
			names = append(names, string(x[0].Bytes))
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// Operations returns the operations of a service, ascending by name and kind;
// KindUnspecified asks for all kinds.
func (t *Traces) Operations(ctx context.Context, service string, kind trace.Kind) ([]trace.Operation, error) {
	tuples, err := t.store.Distinct(ctx, trace.OperationRefs)
	if err != nil {
		return nil, err
	}
	var ops []trace.Operation
	for _, x := range tuples {
		op := trace.Operation{Name: string(x[1].Bytes), Kind: trace.Kind(x[2].Int)}
		if x[0].Type == column.String && string(x[0].Bytes) == service && (kind == trace.KindUnspecified || kind == op.Kind) {
			ops = append(ops, op)
		}
	}
	slices.SortFunc(ops, func(a, b trace.Operation) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
	})
	return slices.Compact(ops), nil
}

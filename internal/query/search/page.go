package search

import (
	"cmp"
	"context"
	"encoding/binary"
	"math"
	"slices"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/model/trace"
)

// FoundTrace is a trace that matches a query.
type FoundTrace struct {
	ID trace.ID
	// Time covers the starts of all the trace's spans when it is known; the zero
	// range says nothing. See Ref.
	Time base.TimeRange
}

// FindPage returns the traces that match, in the query's order, and the token of
// the page after this one: empty when this is the last. Without q.Page it is the
// first q.Limit traces and no token.
func (t *Traces) FindPage(ctx context.Context, q *Query) ([]FoundTrace, string, error) {
	keys, next, err := t.page(ctx, q)
	if err != nil {
		return nil, "", err
	}
	found := make([]FoundTrace, len(keys))
	for i, k := range keys {
		found[i].ID = trace.ID(k[tieFrom:])
	}
	return found, next, nil
}

// SummariesPage is FindPage with the traces' summaries.
func (t *Traces) SummariesPage(ctx context.Context, q *Query) ([]trace.Summary, string, error) {
	keys, next, err := t.page(ctx, q)
	if err != nil {
		return nil, "", err
	}
	sums, err := t.summaries(ctx, keys)
	return sums, next, err
}

// page returns the keys of the traces of a page and the token of the next one.
func (t *Traces) page(ctx context.Context, q *Query) (keys [][]byte, next string, err error) {
	if err := q.Validate(); err != nil {
		return nil, "", err
	}
	filter, err := t.lower(q)
	if err != nil {
		return nil, "", err
	}
	req := &columnar.TopRequest{Filter: filter, Time: q.Time, Limit: q.Limit, TieFrom: tieFrom}
	if q.Order == Slowest {
		req.By = trace.ColDuration
	}
	var query uint64
	if q.Page != nil {
		req.Limit = q.Page.Size + 1 // the one more tells whether there is a next page
		query = q.fingerprint()
		if req.After, err = t.parseTraceToken(q.Page.Token, query); err != nil {
			return nil, "", err
		}
	}
	tops, err := t.store.TopKeys(ctx, req)
	if err != nil {
		return nil, "", err
	}
	for i := range tops {
		if _, _, err := trace.ParseKey(tops[i].Key); err != nil {
			return nil, "", base.Mark(base.ClassCorruption, err)
		}
	}
	if q.Page != nil && len(tops) > q.Page.Size {
		tops = tops[:q.Page.Size]
		next = traceToken(tops[len(tops)-1], query)
	}
	keys = make([][]byte, len(tops))
	for i := range tops {
		keys[i] = tops[i].Key
	}
	return keys, next, nil
}

// summaries returns the summaries of the traces, in the order of the keys. It
// reads five columns.
func (t *Traces) summaries(ctx context.Context, keys [][]byte) ([]trace.Summary, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	cols := slices.Clone(trace.SummaryColumns)
	slices.SortFunc(cols, column.ID.Compare)
	batches, err := t.store.ReadKeys(ctx, &columnar.ReadRequest{Keys: keys, Columns: cols, Time: base.AllTime, MaxRows: maxSummarySpans})
	if err != nil {
		return nil, err
	}
	sums, err := trace.Summaries(batches...)
	if err != nil {
		return nil, err
	}
	rank := ranks(keys)
	slices.SortFunc(sums, func(a, b trace.Summary) int { return cmp.Compare(rank[a.ID], rank[b.ID]) })
	return sums, nil
}

// traceToken returns the token of the page after the trace.
func traceToken(last columnar.Top, query uint64) string {
	cursor := binary.BigEndian.AppendUint64(make([]byte, 0, 24), uint64(last.Value))
	return newToken(tokenTraces, query, append(cursor, last.Key[tieFrom:]...))
}

// parseTraceToken returns the trace that the token's page ended with; nil for the
// empty token.
func (t *Traces) parseTraceToken(token string, query uint64) (*columnar.Top, error) {
	if token == "" {
		return nil, nil
	}
	cursor, err := parseToken(token, tokenTraces, query)
	if err != nil {
		return nil, err
	}
	if len(cursor) != 8+16 {
		return nil, badToken("its cursor has %d bytes, want 24", len(cursor))
	}
	return &columnar.Top{
		Key:   trace.AppendKey(nil, t.resource, trace.ID(cursor[8:])),
		Value: int64(binary.BigEndian.Uint64(cursor)),
	}, nil
}

// fingerprint returns the hash of everything the query says but its page.
func (q *Query) fingerprint() uint64 {
	var f fingerprint
	f.text(q.Service)
	f.text(q.Operation)
	f.num(int64(q.Kind), q.Time.Start, q.Time.End, int64(q.MinDuration), int64(q.MaxDuration), int64(q.Order), int64(len(q.Tags)))
	f.flag(q.ErrorsOnly)
	for i := range q.Tags {
		tag := &q.Tags[i]
		f.num(int64(tag.Level))
		f.text(tag.Key)
		f.flag(tag.AnyType)
		f.num(int64(tag.Value.Kind), tag.Value.Int, int64(math.Float64bits(tag.Value.Dbl)))
		f.text(tag.Value.Str)
	}
	f.flag(q.Filter != nil)
	if q.Filter != nil {
		f.b = q.Filter.AppendJSON(f.b)
	}
	return f.sum()
}

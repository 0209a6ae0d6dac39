package search

import (
	"context"
	"encoding/binary"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/expression"
)

// SpanField is something found spans can be ordered by.
type SpanField uint8

// The fields. Ids are ordered by their bytes.
const (
	SpanStart SpanField = iota
	SpanDuration
	SpanTraceID
	SpanSpanID
	spanFields // how many
)

var spanFieldNames = [spanFields]string{"start time", "duration", "trace id", "span id"}

// SpanSort is one term of an order of spans: ascending unless Desc.
type SpanSort struct {
	Field SpanField
	Desc  bool
}

// SpanQuery asks for spans.
type SpanQuery struct {
	// Filter must hold on the span; nil does not constrain.
	Filter *expression.Call
	// Time bounds the start of the spans, half-open. The zero range is an error.
	Time base.TimeRange
	// OrderBy is what to order by, the first term first, no field twice. What it
	// leaves equal is ordered by start time descending, trace id and span id.
	OrderBy []SpanSort
	Page    Page
}

// Validate reports what is wrong with the query as a base.ClassInvalid or
// base.ClassTooLarge error.
func (q *SpanQuery) Validate() error {
	if q.Time.Empty() {
		return base.Errorf(base.ClassInvalid, "time range is empty: start %d is not before end %d", q.Time.Start, q.Time.End)
	}
	if len(q.OrderBy) > int(spanFields) {
		return base.Errorf(base.ClassInvalid, "order of %d terms: there are %d fields to order by", len(q.OrderBy), spanFields)
	}
	var seen [spanFields]bool
	for i, o := range q.OrderBy {
		switch {
		case o.Field >= spanFields:
			return base.Errorf(base.ClassInvalid, "order term %d: unknown field %d", i, o.Field)
		case seen[o.Field]:
			return base.Errorf(base.ClassInvalid, "order term %d: %s is in the order already", i, spanFieldNames[o.Field])
		}
		seen[o.Field] = true
	}
	if err := q.Page.validate(); err != nil {
		return err
	}
	if q.Filter != nil {
		return q.Filter.Validate()
	}
	return nil
}

// FindSpans returns the spans of a page, as they were stored, and the token of
// the page after it: empty when this is the last. A page whose spans take much
// memory, some 8 MiB, has fewer than it was asked for.
func (t *Traces) FindSpans(ctx context.Context, q *SpanQuery) ([]trace.Span, string, error) {
	if err := q.Validate(); err != nil {
		return nil, "", err
	}
	order := q.order()
	req := &columnar.TopRowsRequest{Time: q.Time, Order: order, Limit: q.Page.Size, MaxBytes: maxSpanBytes}
	var err error
	if q.Filter != nil {
		if req.Filter, err = t.lowerFilter(q.Filter); err != nil {
			return nil, "", err
		}
	}
	query := q.fingerprint()
	if req.After, err = t.parseSpanToken(q.Page.Token, order, query); err != nil {
		return nil, "", err
	}
	page, err := t.store.TopRows(ctx, req)
	if err != nil || len(page.Marks) == 0 {
		return nil, "", err
	}
	n := fittingSpans(page.Batch, maxSpanBytes)
	spans, err := trace.ReadSpans(firstSpans(page.Batch, n))
	if err != nil {
		return nil, "", err
	}
	if n == len(page.Marks) && !page.More {
		return spans, "", nil
	}
	return spans, spanToken(&page.Marks[n-1], order, query), nil
}

// orderTerms are the terms of the fields, ascending.
var orderTerms = [spanFields]columnar.OrderTerm{
	SpanStart:    {Col: columnar.RowTime},
	SpanDuration: {Col: trace.ColDuration},
	SpanTraceID:  {Col: columnar.RowKey, From: tieFrom},
	SpanSpanID:   {Col: columnar.RowID},
}

// defaultOrder is the order of spans that nothing else orders.
var defaultOrder = [...]SpanSort{{Field: SpanStart, Desc: true}, {Field: SpanTraceID}, {Field: SpanSpanID}}

// order returns all terms that the spans are ordered by.
func (q *SpanQuery) order() []columnar.OrderTerm {
	var seen [spanFields]bool
	terms := make([]columnar.OrderTerm, 0, spanFields)
	add := func(o SpanSort) {
		if seen[o.Field] {
			return
		}
		seen[o.Field] = true
		term := orderTerms[o.Field]
		term.Desc = o.Desc
		terms = append(terms, term)
	}
	for _, o := range q.OrderBy {
		add(o)
	}
	for _, o := range defaultOrder {
		add(o)
	}
	return terms
}

// fingerprint returns the hash of everything the query says but its page. Orders
// that say the same are the same.
func (q *SpanQuery) fingerprint() uint64 {
	var f fingerprint
	f.num(q.Time.Start, q.Time.End)
	for _, o := range q.order() {
		f.text(o.Col.Name)
		f.flag(o.Desc)
	}
	f.flag(q.Filter != nil)
	if q.Filter != nil {
		f.b = q.Filter.AppendJSON(f.b)
	}
	return f.sum()
}

// spanCursor is the length of the cursor of a page of spans:
//
//	trace id:16 start:8 span id:8 duration:8 ties:4
//
// duration is zero where it does not order the spans.
const spanCursor = 16 + 8 + 8 + 8 + 4

// spanToken returns the token of the page after the span at the mark.
func spanToken(m *columnar.RowMark, order []columnar.OrderTerm, query uint64) string {
	cursor := append(make([]byte, 0, spanCursor), m.Key[tieFrom:]...)
	cursor = binary.BigEndian.AppendUint64(cursor, uint64(m.Time))
	cursor = binary.BigEndian.AppendUint64(cursor, m.ID)
	duration := int64(0)
	for i := range order {
		if order[i].Col == trace.ColDuration {
			duration = m.Values[i]
		}
	}
	cursor = binary.BigEndian.AppendUint64(cursor, uint64(duration))
	return newToken(tokenSpans, query, binary.BigEndian.AppendUint32(cursor, m.Ties))
}

// parseSpanToken returns the place of the span that the token's page ended with;
// nil for the empty token.
func (t *Traces) parseSpanToken(token string, order []columnar.OrderTerm, query uint64) (*columnar.RowMark, error) {
	if token == "" {
		return nil, nil
	}
	c, err := parseToken(token, tokenSpans, query)
	if err != nil {
		return nil, err
	}
	if len(c) != spanCursor {
		return nil, badToken("its cursor has %d bytes, want %d", len(c), spanCursor)
	}
	m := &columnar.RowMark{
		Key:    trace.AppendKey(nil, t.resource, trace.ID(c[:16])),
		Time:   int64(binary.BigEndian.Uint64(c[16:])),
		ID:     binary.BigEndian.Uint64(c[24:]),
		Values: make([]int64, len(order)),
		Ties:   binary.BigEndian.Uint32(c[40:]),
	}
	for i := range order {
		switch order[i].Col {
		case columnar.RowTime:
			m.Values[i] = m.Time
		case columnar.RowID:
			m.Values[i] = int64(m.ID)
		case trace.ColDuration:
			m.Values[i] = int64(binary.BigEndian.Uint64(c[32:]))
		}
	}
	return m, nil
}

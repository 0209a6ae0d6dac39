package search

import (
	"strings"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/expression"
)

// Level says which attributes a tag filter looks at.
type Level uint8

// The levels. LevelAny matches a tag of the span, its resource, its scope, one
// of its events or one of its links.
const (
	LevelAny Level = iota
	LevelSpan
	LevelResource
	LevelScope
	LevelEvent
	LevelLink
	// LevelField looks at a field of the span instead: the key is one of the
	// Field names.
	LevelField
)

// Keys of LevelField and the values they compare with.
const (
	FieldStatus        = "status"         // int: 1 is ok, 2 is error
	FieldStatusMessage = "status.message" // text
	FieldTraceState    = "trace_state"    // text
)

// Tag asks that an attribute has a value.
type Tag struct {
	Level Level
	Key   string
	Value trace.Value
	// AnyType lets a textual value match an attribute of another type that reads
	// the same: "200" matches the integer 200, "true" the boolean.
	AnyType bool
}

// Order is the order of found traces.
type Order uint8

// The orders. Newest: by the start of the trace's newest matching span,
// descending; ties by trace id ascending. Slowest: by the duration of its
// longest matching span, descending; ties by trace id ascending.
const (
	Newest Order = iota
	Slowest
)

// Query asks for traces that have at least one matching span: all conditions
// hold on the same span. Zero fields do not constrain.
type Query struct {
	Service   string
	Operation string
	Kind      trace.Kind // KindUnspecified does not constrain
	Tags      []Tag
	// ErrorsOnly asks for failed spans: the status is error, or an attribute
	// says error=true.
	ErrorsOnly bool
	// Filter, when not nil, must hold on the span too.
	Filter *expression.Call
	// Time bounds the start of matching spans, half-open. The zero range is an
	// error: callers decide their default.
	Time base.TimeRange
	// MinDuration and MaxDuration bound the span's duration in nanoseconds,
	// inclusive. MaxDuration zero means no bound.
	MinDuration uint64
	MaxDuration uint64
	Order       Order
	// Limit counts traces; 1 to MaxLimit. It must be zero with Page.
	Limit int
	// Page, when not nil, asks for one page of the answer instead of its first
	// Limit traces.
	Page *Page
}

// Page asks for a part of an answer: at most Size results, after those of the
// page that returned Token. The empty token asks for the first page.
//
// Pages that are walked from the first to the last hold every result exactly
// once, as long as no new span changes a result's place in the order.
type Page struct {
	Size  int // 1 to MaxPage
	Token string
}

const (
	// MaxLimit is the most traces one query may ask for.
	MaxLimit = 10_000
	// MaxPage is the most results one page may ask for.
	MaxPage = 10_000
)

// maxKeyDots bounds the levels of nested attributes that one key may name.
const maxKeyDots = 32

// Validate reports what is wrong with the query as a base.ClassInvalid or
// base.ClassTooLarge error.
func (q *Query) Validate() error {
	switch {
	case q.Page != nil && q.Limit != 0:
		return base.Errorf(base.ClassInvalid, "limit %d together with a page of %d: want one of them", q.Limit, q.Page.Size)
	case q.Page == nil && (q.Limit < 1 || q.Limit > MaxLimit):
		return base.Errorf(base.ClassInvalid, "limit %d: want 1 to %d traces", q.Limit, MaxLimit)
	case q.Time.Empty():
		return base.Errorf(base.ClassInvalid, "time range is empty: start %d is not before end %d", q.Time.Start, q.Time.End)
	case q.MaxDuration != 0 && q.MaxDuration < q.MinDuration:
		return base.Errorf(base.ClassInvalid, "duration range is empty: min %d ns is above max %d ns", q.MinDuration, q.MaxDuration)
	case q.Order > Slowest:
		return base.Errorf(base.ClassInvalid, "unknown order %d", q.Order)
	case len(q.Tags) > 64:
		return base.Errorf(base.ClassTooLarge, "%d tag conditions: at most 64", len(q.Tags))
	}
	if q.Page != nil {
		if err := q.Page.validate(); err != nil {
			return err
		}
	}
	if q.Filter != nil {
		if err := q.Filter.Validate(); err != nil {
			return err
		}
	}
	return q.validateTags()
}

func (p *Page) validate() error {
	if p.Size < 1 || p.Size > MaxPage {
		return base.Errorf(base.ClassInvalid, "page size %d: want 1 to %d results", p.Size, MaxPage)
	}
	return nil
}

func (q *Query) validateTags() error {
	for _, t := range q.Tags {
		if t.Key == "" || t.Level > LevelField {
			return base.Errorf(base.ClassInvalid, "tag condition %q: want a key and a known level", t.Key)
		}
		if strings.Count(t.Key, ".") > maxKeyDots { // each is a place to look at
			return base.Errorf(base.ClassTooLarge, "tag condition %.40q…: at most %d dots in a key", t.Key, maxKeyDots)
		}
		if _, ok := fields[t.Key]; t.Level == LevelField && !ok {
			return base.Errorf(base.ClassInvalid, "field %q of a span is not known", t.Key)
		}
	}
	return nil
}

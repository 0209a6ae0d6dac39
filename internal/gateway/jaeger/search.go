package jaeger

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

// defaultDepth is how many traces Jaeger answers to those who do not say.
const defaultDepth = 100

// searchParams is a search as all surfaces can say it.
type searchParams struct {
	service, operation string
	attributes         map[string]string // name to the text of the value
	time               base.TimeRange
	min, max           time.Duration // zero does not constrain
	depth              int           // zero means defaultDepth
	raw                bool          // no repairs; summaries ignore it
}

// query returns the search as a valid query, newest traces first.
func (p *searchParams) query() (*search.Query, error) {
	if p.min < 0 || p.max < 0 {
		return nil, base.Errorf(base.ClassInvalid, "a duration must not be negative: got min %v, max %v", p.min, p.max)
	}
	q := &search.Query{
		Service:     p.service,
		Operation:   p.operation,
		Time:        p.time,
		MinDuration: uint64(p.min),
		MaxDuration: uint64(p.max),
		Order:       search.Newest,
		Limit:       p.depth,
	}
	if p.depth == 0 {
		q.Limit = defaultDepth
	}
	for _, key := range slices.Sorted(maps.Keys(p.attributes)) {
		addTag(q, key, p.attributes[key])
	}
	return q, q.Validate()
}

// addTag adds the condition that a span has a tag in Jaeger's view of it, where
// some tags stand for fields of the span. Values that the field cannot have are
// left to attributes of that name: senders may write any.
func addTag(q *search.Query, key, value string) {
	switch {
	case key == tagError && value == "true":
		q.ErrorsOnly = true
		return
	case key == tagStatusCode && (value == statusError || value == statusOK):
		code := int64(1)
		if value == statusError {
			code = trace.StatusError
		}
		addField(q, search.FieldStatus, trace.Value{Kind: trace.KindInt, Int: code})
		return
	case key == tagStatusMessage:
		addField(q, search.FieldStatusMessage, trace.Value{Kind: trace.KindString, Str: value})
		return
	case key == tagTraceState:
		addField(q, search.FieldTraceState, trace.Value{Kind: trace.KindString, Str: value})
		return
	case key == tagSpanKind:
		if kind, ok := parseKind(value); ok && kind != trace.KindUnspecified && (q.Kind == trace.KindUnspecified || q.Kind == kind) {
			q.Kind = kind
			return
		}
	}
	q.Tags = append(q.Tags, search.Tag{
		Key:     key,
		Value:   trace.Value{Kind: trace.KindString, Str: value},
		AnyType: true, // Jaeger's tags are text: 200 finds the integer
	})
}

func addField(q *search.Query, field string, v trace.Value) {
	q.Tags = append(q.Tags, search.Tag{Level: search.LevelField, Key: field, Value: v})
}

// parseKind reads a span kind as Jaeger writes it, in any case.
func parseKind(name string) (trace.Kind, bool) {
	for k := trace.KindUnspecified; k <= trace.KindConsumer; k++ {
		if strings.EqualFold(name, k.String()) {
			return k, true
		}
	}
	return 0, false
}

// operationFilter asks for the operations of a service, of one kind or all.
type operationFilter struct {
	service string
	kind    trace.Kind
	anyKind bool
}

// newOperationFilter checks the parameters of an operations request. An empty
// kind means all.
func newOperationFilter(service, kind string) (operationFilter, error) {
	if service == "" {
		return operationFilter{}, base.Errorf(base.ClassInvalid, "parameter 'service' is required")
	}
	if kind == "" {
		return operationFilter{service: service, anyKind: true}, nil
	}
	k, ok := parseKind(kind)
	if !ok {
		return operationFilter{}, base.Errorf(base.ClassInvalid,
			"span kind %.40q: want internal, server, client, producer, consumer or unspecified", kind)
	}
	return operationFilter{service: service, kind: k}, nil
}

// keep drops what the store could not leave out: to it, unspecified means all.
func (f operationFilter) keep(ops []trace.Operation) []trace.Operation {
	if f.anyKind {
		return ops
	}
	return slices.DeleteFunc(ops, func(op trace.Operation) bool { return op.Kind != f.kind })
}

// kindName returns the kind as operation lists show it: empty for unspecified.
func kindName(k trace.Kind) string {
	if k <= trace.KindUnspecified || k > trace.KindConsumer {
		return ""
	}
	return k.String()
}

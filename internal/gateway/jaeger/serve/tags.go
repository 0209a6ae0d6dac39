package serve

import (
	"slices"
	"strings"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/wire"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/expression"
	"github.com/pandodb/pando/internal/query/search"
)

// scopeFields are the tags that stand for fields of the scope, under their names
// of today and those from when scopes were libraries.
var scopeFields = map[string]string{
	wire.TagScopeName:      "name",
	"otel.library.name":    "name",
	wire.TagScopeVersion:   "version",
	"otel.library.version": "version",
}

// AddTag adds to q the condition that a span has a tag in Jaeger's view of it,
// where some tags stand for fields of the span. Values that the field cannot
// have are left to attributes of that name: senders may write any. Values are
// text that finds every type which reads the same. Since few senders write
// error=false, that finds the spans which error=true does not.
func AddTag(q *search.Query, key, value string) {
	switch {
	case key == wire.TagError && value == "true":
		q.ErrorsOnly = true
		return
	case key == wire.TagError && value == "false":
		addFilter(q, not(either(fieldIs(expression.LevelSpan, "status", "error"), attrIs(expression.LevelSpan, key, "true"))))
		return
	case key == wire.TagStatusCode && (value == wire.StatusError || value == wire.StatusOK):
		code := int64(1)
		if value == wire.StatusError {
			code = trace.StatusError
		}
		addField(q, search.FieldStatus, trace.Value{Kind: trace.KindInt, Int: code})
		return
	case key == wire.TagStatusMessage:
		addField(q, search.FieldStatusMessage, trace.Value{Kind: trace.KindString, Str: value})
		return
	case key == wire.TagTraceState:
		addField(q, search.FieldTraceState, trace.Value{Kind: trace.KindString, Str: value})
		return
	case scopeFields[key] != "" && value != "":
		addFilter(q, either(fieldIs(expression.LevelScope, scopeFields[key], value), attrIs(expression.LevelAny, key, value)))
		return
	case key == wire.TagSpanKind:
		if kind, ok := ParseKind(value); ok && kind != trace.KindUnspecified && (q.Kind == trace.KindUnspecified || q.Kind == kind) {
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

// addFilter joins a condition to the query's filter.
func addFilter(q *search.Query, c *expression.Call) {
	switch {
	case q.Filter == nil:
		q.Filter = c
	case q.Filter.Op == expression.OpAnd:
		q.Filter.Args = append(q.Filter.Args, c)
	default:
		q.Filter = &expression.Call{Op: expression.OpAnd, Args: []expression.Term{q.Filter, c}}
	}
}

func either(a, b *expression.Call) *expression.Call {
	return &expression.Call{Op: expression.OpOr, Args: []expression.Term{a, b}}
}

func fieldIs(level expression.Level, name, value string) *expression.Call {
	return &expression.Call{Op: expression.OpEq, Args: []expression.Term{
		&expression.Field{Level: level, Name: name}, &expression.Scalar{Value: value},
	}}
}

func attrIs(level expression.Level, key, value string) *expression.Call {
	return &expression.Call{Op: expression.OpEq, Args: []expression.Term{
		&expression.Attr{Key: key, Level: level}, &expression.Scalar{Value: value},
	}}
}

func not(c *expression.Call) *expression.Call {
	return &expression.Call{Op: expression.OpNot, Args: []expression.Term{c}}
}

// ParseKind reads a span kind as Jaeger writes it, in any case.
func ParseKind(name string) (trace.Kind, bool) {
	for k := trace.KindUnspecified; k <= trace.KindConsumer; k++ {
		if strings.EqualFold(name, k.String()) {
			return k, true
		}
	}
	return 0, false
}

// KindName returns the kind as operation lists show it: empty for unspecified.
func KindName(k trace.Kind) string {
	if k <= trace.KindUnspecified || k > trace.KindConsumer {
		return ""
	}
	return k.String()
}

// OperationFilter asks for the operations of a service, of one kind or all.
type OperationFilter struct {
	Service string
	Kind    trace.Kind
	anyKind bool
}

// NewOperationFilter checks the parameters of a request for operations. An empty
// kind means all.
func NewOperationFilter(service, kind string) (OperationFilter, error) {
	if service == "" {
		return OperationFilter{}, base.Errorf(base.ClassInvalid, "parameter 'service' is required")
	}
	if kind == "" {
		return OperationFilter{Service: service, anyKind: true}, nil
	}
	k, ok := ParseKind(kind)
	if !ok {
		return OperationFilter{}, base.Errorf(base.ClassInvalid,
			"span kind %.40q: want internal, server, client, producer, consumer or unspecified", kind)
	}
	return OperationFilter{Service: service, Kind: k}, nil
}

// Keep drops, in place, what a store cannot leave out: to it, unspecified means
// all.
func (f OperationFilter) Keep(ops []trace.Operation) []trace.Operation {
	if f.anyKind {
		return ops
	}
	return slices.DeleteFunc(ops, func(op trace.Operation) bool { return op.Kind != f.Kind })
}

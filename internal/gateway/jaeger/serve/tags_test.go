package serve

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/expression"
	"github.com/pandodb/pando/internal/query/search"
)

func TestAddTag(t *testing.T) {
	plain := func(key, value string) search.Query {
		return search.Query{Tags: []search.Tag{{Key: key, Value: trace.Value{Kind: trace.KindString, Str: value}, AnyType: true}}}
	}
	field := func(key string, v trace.Value) search.Query {
		return search.Query{Tags: []search.Tag{{Level: search.LevelField, Key: key, Value: v}}}
	}
	text := func(s string) trace.Value { return trace.Value{Kind: trace.KindString, Str: s} }
	either := func(level expression.Level, name, is, key, value string) search.Query {
		return search.Query{Filter: &expression.Call{Op: expression.OpOr, Args: []expression.Term{
			&expression.Call{Op: expression.OpEq, Args: []expression.Term{&expression.Field{Level: level, Name: name}, &expression.Scalar{Value: is}}},
			&expression.Call{Op: expression.OpEq, Args: []expression.Term{&expression.Attr{Key: key}, &expression.Scalar{Value: value}}},
		}}}
	}
	notFailed, err := expression.Parse(`not (span.status = "error" or span.error = "true")`)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		key, value string
		want       search.Query
	}{
		{"http.status_code", "200", plain("http.status_code", "200")},
		{"error", "true", search.Query{ErrorsOnly: true}},
		{"error", "false", search.Query{Filter: notFailed}},
		{"error", "timeout", plain("error", "timeout")},
		{"otel.status_code", "ERROR", field(search.FieldStatus, trace.Value{Kind: trace.KindInt, Int: trace.StatusError})},
		{"otel.status_code", "OK", field(search.FieldStatus, trace.Value{Kind: trace.KindInt, Int: 1})},
		{"otel.status_code", "418", plain("otel.status_code", "418")},
		{"otel.status_description", "no money", field(search.FieldStatusMessage, text("no money"))},
		{"w3c.tracestate", "a=b", field(search.FieldTraceState, text("a=b"))},
		{"otel.scope.name", "lib", either(expression.LevelScope, "name", "lib", "otel.scope.name", "lib")},
		{"otel.scope.version", "1", either(expression.LevelScope, "version", "1", "otel.scope.version", "1")},
		{"otel.library.name", "lib", either(expression.LevelScope, "name", "lib", "otel.library.name", "lib")},
		{"otel.library.version", "1", either(expression.LevelScope, "version", "1", "otel.library.version", "1")},
		{"otel.scope.name", "", plain("otel.scope.name", "")},
		{"span.kind", "Server", search.Query{Kind: trace.KindServer}},
		{"span.kind", "teapot", plain("span.kind", "teapot")},
	} {
		var q search.Query
		AddTag(&q, tc.key, tc.value)
		if diff := cmp.Diff(tc.want, q); diff != "" {
			t.Errorf("%s=%s (-want +got):\n%s", tc.key, tc.value, diff)
		}
		if q.Filter != nil {
			if err := q.Filter.Validate(); err != nil {
				t.Errorf("%s=%s: %v", tc.key, tc.value, err)
			}
		}
	}
}

// TestAddTags: conditions that are filters are joined; a second kind cannot be
// one of the span too.
func TestAddTags(t *testing.T) {
	var q search.Query
	for _, key := range []string{"error", "otel.scope.name", "otel.scope.version"} {
		AddTag(&q, key, "false")
	}
	if q.Filter.Op != expression.OpAnd || len(q.Filter.Args) != 3 {
		t.Errorf("filter %+v", q.Filter)
	}
	AddTag(&q, "span.kind", "client")
	AddTag(&q, "span.kind", "client")
	AddTag(&q, "span.kind", "server")
	if q.Kind != trace.KindClient || len(q.Tags) != 1 || q.Tags[0].Key != "span.kind" {
		t.Errorf("kind %v, tags %+v", q.Kind, q.Tags)
	}
}

func TestOperationFilter(t *testing.T) {
	ops := []trace.Operation{{Name: "a"}, {Name: "a", Kind: trace.KindServer}, {Name: "b", Kind: trace.KindServer}}
	for _, tc := range []struct {
		service, kind string
		want          []trace.Operation
		err           string
	}{
		{service: "s", want: ops},
		{service: "s", kind: "SERVER", want: ops[1:]},
		{service: "s", kind: "unspecified", want: ops[:1]},
		{err: "parameter 'service' is required"},
		{service: "s", kind: "teapot", err: `span kind "teapot": want internal, server, client, producer, consumer or unspecified`},
	} {
		f, err := NewOperationFilter(tc.service, tc.kind)
		if tc.err != "" {
			if err == nil || err.Error() != tc.err {
				t.Errorf("%q %q: got %v", tc.service, tc.kind, err)
			}
			continue
		}
		if got := f.Keep(slices.Clone(ops)); err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("%q %q: %v, %v", tc.service, tc.kind, got, err)
		}
	}
	if KindName(trace.KindUnspecified) != "" || KindName(trace.KindServer) != "server" || KindName(99) != "" {
		t.Error("names of kinds")
	}
}

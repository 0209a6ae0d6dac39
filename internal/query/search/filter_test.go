package search

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/expression"
)

func parse(t *testing.T, filter string) *expression.Call {
	t.Helper()
	c, err := expression.Parse(filter)
	if err != nil {
		t.Fatalf("%s: %v", filter, err)
	}
	return c
}

// TestLowerFilter pins which way filters take: ~ tests values or documents, ?
// asks for presence, rows() looks at rows.
func TestLowerFilter(t *testing.T) {
	traces := NewTraces(nil, testResource)
	f := func(filter, want string) {
		t.Helper()
		x, err := traces.lowerFilter(parse(t, filter))
		if err != nil {
			t.Fatal(err)
		}
		if got := printExpr(&x); got != want {
			t.Errorf("%s:\n got %s\nwant %s", filter, got, want)
		}
		if err := x.Validate(); err != nil {
			t.Errorf("%s: %v", filter, err)
		}
	}
	f(`resource.service = "shop"`, `resource#service.name="shop"`)
	f(`span.duration > 2s`, `2000000001..duration..9223372036854775807`)
	f(`span.name = "GET /"`, `name="GET /"`)
	f(`span.status = error`, `status=2`)
	f(`span.status != error`, `not(status=2)`)
	f(`span.kind in (server, consumer)`, `kind in [2 5]`)
	f(`span.kind in (unspecified, server)`, `not(kind in [1 3 4 5])`)
	f(`span.startTime >= 1970-01-01T00:00:01Z`, `1000000000..time..9223372036854775807`)
	f(`event.name = exception`, `events#event:name="exception"`)
	f(`event.name ~ "exc.*"`, `events#event:name~`)
	f(`event.name = ""`, `events~`)
	f(`scope.name = otel`, `scope~`)
	f(`span.endTime > 1970-01-01T00:00:01Z`, `rows(duration)`)
	f(`event.timeSinceStart > 1s`, `and(events~ rows(events))`)
	f(`1 = 1.0`, `all`)
	f(`not 1 = 1.0`, `or()`)
}

// TestLowerSome: what one element tells is asked of documents; equalities go
// first.
func TestLowerSome(t *testing.T) {
	traces := NewTraces(nil, testResource)
	f := func(filter *expression.Call, want string) {
		t.Helper()
		if err := filter.Validate(); err != nil {
			t.Fatal(err)
		}
		x, err := traces.lowerFilter(filter)
		if err != nil {
			t.Fatal(err)
		}
		if got := printExpr(&x); got != want {
			t.Errorf("%s:\n got %s\nwant %s", filter, got, want)
		}
	}
	call := func(op expression.Op, args ...expression.Term) *expression.Call {
		return &expression.Call{Op: op, Args: args}
	}
	name := call("eq", &expression.Field{Level: "event", Name: "name"}, &expression.Scalar{Value: "exception"})
	late := call("gt", &expression.Field{Level: "event", Name: "timeSinceStart"}, &expression.Scalar{Value: "1s"})
	slow := call("gt", &expression.Field{Level: "span", Name: "duration"}, &expression.Scalar{Value: "1s"})
	kind := call("eq", &expression.Attr{Key: "k", Level: "event"}, &expression.Scalar{Value: "v", Type: "string"})
	some := func(p *expression.Call) *expression.Call { return call("some", &expression.Nested{Level: "event"}, p) }
	f(some(call("and", name, kind)), `and(events~ events#event:name="exception" events#k="v")`)
	f(some(call("and", name, slow)), `and(events~ events#event:name="exception" 1000000001..duration..9223372036854775807)`)
	f(some(call("and", name, late)), `and(events~ events#event:name="exception" rows(events))`)
	f(some(call("or", name, slow)), `and(events~ rows(duration events))`)
	f(some(slow), `and(events~ 1000000001..duration..9223372036854775807)`)
}

// TestLargeFilter: the largest filters that are valid are answered, the engine's
// limits notwithstanding.
func TestLargeFilter(t *testing.T) {
	traces := NewTraces(nil, testResource)
	leaf := func() *expression.Call {
		return &expression.Call{Op: "ne", Args: []expression.Term{
			&expression.Attr{Key: "a.b.c.d.e"}, &expression.Scalar{Value: "200"},
		}}
	}
	wide := &expression.Call{Op: "or"}
	for range 300 {
		wide.Args = append(wide.Args, leaf())
	}
	deep := leaf()
	for range expression.MaxDepth - 1 {
		deep = &expression.Call{Op: "not", Args: []expression.Term{deep}}
	}
	list := &expression.List{}
	for i := range expression.MaxValues {
		list.Values = append(list.Values, fmt.Sprint(i))
	}
	long := &expression.Call{Op: "or"}
	for range 30 {
		long.Args = append(long.Args, &expression.Call{Op: "in", Args: []expression.Term{&expression.Attr{Key: "a.b.c.d"}, list}})
	}
	tags := make([]Tag, 64)
	for i := range tags {
		tags[i] = Tag{Key: "a.b.c.d.e.f.g.h", Value: text("x")}
	}
	for name, filter := range map[string]*expression.Call{"wide": wide, "deep": deep, "long": long} {
		if err := filter.Validate(); err != nil {
			t.Fatal(name, err)
		}
		x, err := traces.lowerFilter(filter)
		if err != nil || x.Validate() != nil {
			t.Errorf("%s filter: %v, %v", name, err, x.Validate())
		}
		if x, err = traces.lower(&Query{Filter: filter, Tags: tags[:40]}); err != nil || x.Validate() != nil {
			t.Errorf("%s filter beside tags: %v, %v", name, err, x.Validate())
		}
	}
}

func TestWords(t *testing.T) {
	f := func(text string, phrase, fulltext bool, words ...string) {
		t.Helper()
		if got := newWordTest(expression.OpPhrase, words)([]byte(text)); got != phrase {
			t.Errorf("%q has the phrase %q: %t", text, words, got)
		}
		if got := newWordTest(expression.OpFulltext, words)([]byte(text)); got != fulltext {
			t.Errorf("%q has the words %q: %t", text, words, got)
		}
	}
	f("out of memory", true, true, "out", "of")
	f("out of memory", false, true, "out", "memory")
	f("out of memory", false, true, "of", "out")
	f("Out-Of//MEMORY!", true, true, "out", "of", "memory")
	f("memory", false, false, "memory", "memory2")
	f("mem", false, false, "memory")
	f("a a b", true, true, "a", "b")
	f("", false, false, "a")
	f("x\xffy", true, true, "x", "y")
	f("e\u0301te\u0301", true, true, "E\u0301te\u0301")
	f("ÜNÏ", true, true, "ünï")
	f("a_b", true, true, "a", "b")
}

func TestPatterns(t *testing.T) {
	f := func(pattern, text string, want bool) {
		t.Helper()
		if got := newPatternTest(pattern)([]byte(text)); got != want {
			t.Errorf("%q matches %q: %t", pattern, text, got)
		}
	}
	f("c.rt", "my cart", true)
	f("c.rt", "my Cart", false)
	f("cart", "my cart", true)
	f("cart", "car", false)
	f("(cart)", "a cart", true)
	f("", "", true)
	f("[Cc]art", "Cart", true)
	f("a|b", "xb", true)
	f("\ufffd", "a\ufffd", true)
	f("\ufffd", "a\xff", true) // the matcher reads what is no UTF-8 as that
	if _, ok := literalPattern("c.rt"); ok {
		t.Error("a pattern with a dot is no literal")
	}
	if got, ok := literalPattern(`(a\.b)`); !ok || string(got) != "a.b" {
		t.Errorf("literal %q, %t", got, ok)
	}
}

// TestNumberRanges compares at the edges where integers and floats disagree.
func TestNumberRanges(t *testing.T) {
	f := func(op expression.Op, constant string, yes, no []column.Value) {
		t.Helper()
		c := orderedCond(op, &expression.Scalar{Value: constant}, kindAttr)
		for _, v := range yes {
			if !c.matches(v) {
				t.Errorf("%s is not %s %s", printValue(&v), op, constant)
			}
		}
		for _, v := range no {
			if c.matches(v) {
				t.Errorf("%s is %s %s", printValue(&v), op, constant)
			}
		}
	}
	n, d := column.IntValue, column.FloatValue
	const odd = 1<<53 + 1 // no float is equal to it
	f("gt", "9007199254740993", []column.Value{n(odd + 1), d(odd + 1)}, []column.Value{n(odd), d(1 << 53)})
	f("gte", "9007199254740993", []column.Value{n(odd), d(odd + 1)}, []column.Value{n(odd - 1), d(1 << 53)})
	f("lt", "9007199254740993", []column.Value{n(odd - 1), d(1 << 53)}, []column.Value{n(odd), d(odd + 1)})
	f("gt", "9223372036854775807", []column.Value{d(1 << 63)}, []column.Value{n(1<<63 - 1)})
	f("lte", "9223372036854775807", []column.Value{n(1<<63 - 1), d(1 << 62)}, []column.Value{d(1 << 63)})
	f("lt", "9223372036854775808", []column.Value{n(1<<63 - 1), d(1 << 62)}, []column.Value{d(1 << 63)})
	f("gte", "1e300", []column.Value{d(1e300)}, []column.Value{n(1<<63 - 1)})
	f("gte", "-1e300", []column.Value{n(-1 << 63), d(0)}, nil)
	f("gt", "2.5", []column.Value{n(3), d(2.6)}, []column.Value{n(2), d(2.5)})
	f("lte", "2.5", []column.Value{n(2), d(2.5)}, []column.Value{n(3)})
	f("lt", "-9223372036854775808", []column.Value{d(-1e19)}, []column.Value{n(-1 << 63)})
	f("gte", "0", []column.Value{d(0), d(math.Copysign(0, -1)), n(0)}, []column.Value{d(-1e-300)})
	f("lte", "-0", []column.Value{d(0), d(math.Copysign(0, -1)), n(0)}, []column.Value{d(1e-300)})
	f("gt", "-0", []column.Value{d(1e-300)}, []column.Value{d(0), d(math.Copysign(0, -1)), n(0)})
	f("lt", "0.0", []column.Value{d(-1e-300)}, []column.Value{d(0), d(math.Copysign(0, -1)), n(0), d(math.NaN())})
	f("gt", "inf", []column.Value{column.StringValue("x")}, []column.Value{d(1e300), column.StringValue("a")})
}

// TestEveryField: each field of the language can be resolved, with the words it
// has there.
func TestEveryField(t *testing.T) {
	if len(expression.Fields()) != len(fieldDefs) {
		t.Errorf("%d fields are known, the language has %d", len(fieldDefs), len(expression.Fields()))
	}
	for _, f := range expression.Fields() {
		if _, ok := fieldDefs[expression.Field{Level: f.Level, Name: f.Name}]; !ok {
			t.Errorf("%s.%s is not known", f.Level, f.Name)
		}
	}
	if !slices.Equal(kindWords, expression.SpanKinds()) || !slices.Equal(statusWords, expression.SpanStatuses()) {
		t.Error("the words of kinds and statuses differ")
	}
	for i, w := range kindWords {
		if trace.Kind(i).String() != w {
			t.Errorf("kind %d is %v, want %s", i, trace.Kind(i), w)
		}
	}
}

// TestPagesOfNothing: an answer without pages refuses them.
func TestPagesOfNothing(t *testing.T) {
	traces := NewTraces(&fakeStore{tops: []columnar.Top{}}, testResource)
	q := &Query{Time: base.TimeRange{Start: 1, End: 2}, Page: &Page{Size: 5}}
	if _, err := traces.FindIDs(t.Context(), q); base.ClassOf(err) != base.ClassInvalid || !strings.Contains(err.Error(), "page of 5") {
		t.Errorf("ids: %v", err)
	}
	if _, err := traces.Find(t.Context(), q); base.ClassOf(err) != base.ClassInvalid {
		t.Errorf("traces: %v", err)
	}
	if _, err := traces.Summaries(t.Context(), q); base.ClassOf(err) != base.ClassInvalid {
		t.Errorf("summaries: %v", err)
	}
	if found, next, err := traces.FindPage(t.Context(), q); len(found) != 0 || next != "" || err != nil {
		t.Errorf("page of nothing: %v, %q, %v", found, next, err)
	}
}

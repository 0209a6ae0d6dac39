package search

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/expression"
)

func printValue(v *column.Value) string {
	switch {
	case v == nil:
		return "*"
	case v.Type.Coded():
		return fmt.Sprintf("%q", v.Bytes)
	case v.Type == column.Float64:
		return fmt.Sprintf("%gf", v.Float)
	case v.Type == column.Bool:
		return fmt.Sprint(v.Int != 0)
	default:
		return fmt.Sprint(v.Int)
	}
}

// printExpr writes a filter as people would: name#tag is a tag of a document.
func printExpr(x *columnar.Expr) string {
	name := x.Col.Name
	if x.Tag != "" {
		name += "#" + x.Tag
	}
	switch x.Op {
	case columnar.OpTrue:
		return "all"
	case columnar.OpEqual:
		return name + "=" + printValue(&x.Value)
	case columnar.OpIn:
		var list []string
		for i := range x.Values {
			list = append(list, printValue(&x.Values[i]))
		}
		return name + " in [" + strings.Join(list, " ") + "]"
	case columnar.OpExists:
		return name + "?"
	case columnar.OpTest:
		return name + "~"
	case columnar.OpRows:
		var cols []string
		for _, id := range x.Rows.Columns() {
			cols = append(cols, id.Name)
		}
		return "rows(" + strings.Join(cols, " ") + ")"
	case columnar.OpRange:
		return fmt.Sprintf("%s..%s..%s", printValue(x.Lo), name, printValue(x.Hi))
	}
	var kids []string
	for i := range x.Kids {
		kids = append(kids, printExpr(&x.Kids[i]))
	}
	return map[columnar.Op]string{columnar.OpAnd: "and", columnar.OpOr: "or", columnar.OpNot: "not"}[x.Op] + "(" + strings.Join(kids, " ") + ")"
}

func text(s string) trace.Value { return trace.Value{Kind: trace.KindString, Str: s} }

func TestLower(t *testing.T) {
	for _, tt := range []struct {
		q    Query
		want string
	}{
		{Query{}, "all"},
		{Query{Service: "shop"}, `and(resource#service.name="shop")`},
		{Query{Operation: "GET /", Kind: trace.KindServer}, `and(name="GET /" kind=2)`},
		{Query{ErrorsOnly: true}, `and(or(status=2 error=true error="true"))`},
		{Query{MinDuration: 5}, "and(5..duration..*)"},
		{Query{MinDuration: 5, MaxDuration: 9}, "and(5..duration..9)"},
		{Query{MaxDuration: math.MaxUint64}, fmt.Sprintf("and(*..duration..%d)", math.MaxInt64)},
		{Query{Tags: []Tag{{Level: LevelResource, Key: "host", Value: text("a")}}}, `and(resource#host="a")`},
		{Query{Tags: []Tag{{Level: LevelScope, Key: "k", Value: text("a")}}}, `and(scope#k="a")`},
		{Query{Tags: []Tag{{Level: LevelEvent, Key: "k", Value: text("a")}}}, `and(events#k="a")`},
		{Query{Tags: []Tag{{Level: LevelLink, Key: "k", Value: text("a")}}}, `and(links#k="a")`},
		{Query{Tags: []Tag{{Level: LevelField, Key: FieldTraceState, Value: text("a=1")}}}, `and(trace_state="a=1")`},
		{
			Query{Tags: []Tag{{Level: LevelSpan, Key: "a.b.c", Value: trace.Value{Kind: trace.KindInt, Int: 7}}}},
			"and(or(a.b.c=7 a.b.c#a.b.c=7 extra#a.b.c=7 a#a.b.c=7 a.b#a.b.c=7))",
		},
		{
			Query{Tags: []Tag{{Key: "k", Value: trace.Value{Kind: trace.KindBool, Int: 1}}}},
			"and(or(k=true k#k=true extra#k=true resource#k=true scope#k=true events#k=true links#k=true))",
		},
	} {
		x := lower(&tt.q)
		if got := printExpr(&x); got != tt.want {
			t.Errorf("%+v:\n got %s\nwant %s", tt.q, got, tt.want)
		}
		if err := x.Validate(); err != nil {
			t.Errorf("%+v: %v", tt.q, err)
		}
	}
}

// TestReadings: text is compared with other types only when asked, and only
// where it reads the same.
func TestReadings(t *testing.T) {
	f := func(s, want string) {
		t.Helper()
		var got []string
		for _, v := range readings(&Tag{Key: "k", Value: text(s), AnyType: true}) {
			got = append(got, printValue(&v))
		}
		if g := strings.Join(got, " "); g != want {
			t.Errorf("%q reads as %s, want %s", s, g, want)
		}
		if n := len(readings(&Tag{Key: "k", Value: text(s)})); n != 1 {
			t.Errorf("%q without AnyType has %d readings", s, n)
		}
	}
	f("shop", `"shop"`)
	f("200", `"200" 200 200f`)
	f("-1.5e3", `"-1.5e3" -1500f`)
	f("true", `"true" true`)
	f("TRUE", `"TRUE"`)
	f("inf", `"inf"`)
	f("NaN", `"NaN"`)
	f("", `""`)
	f("9223372036854775808", `"9223372036854775808" 9.223372036854776e+18f`)
}

func TestValidate(t *testing.T) {
	ok := Query{Limit: 1, Time: base.TimeRange{Start: 1, End: 2}}
	if err := ok.Validate(); err != nil {
		t.Fatal(err)
	}
	f := func(what string, want base.Class, change func(q *Query)) {
		t.Helper()
		q := ok
		change(&q)
		if err := q.Validate(); err == nil || base.ClassOf(err) != want {
			t.Errorf("%s: %v, want class %v", what, err, want)
		}
	}
	f("filter", base.ClassInvalid, func(q *Query) { q.Filter = &expression.Call{Op: "nosuch"} })
	f("page", base.ClassInvalid, func(q *Query) { q.Limit, q.Page = 0, &Page{} })
	f("large page", base.ClassInvalid, func(q *Query) { q.Limit, q.Page = 0, &Page{Size: MaxPage + 1} })
	f("page and limit", base.ClassInvalid, func(q *Query) { q.Page = &Page{Size: 1} })
	f("no limit", base.ClassInvalid, func(q *Query) { q.Limit = 0 })
	f("huge limit", base.ClassInvalid, func(q *Query) { q.Limit = MaxLimit + 1 })
	f("empty time", base.ClassInvalid, func(q *Query) { q.Time.End = 1 })
	f("durations", base.ClassInvalid, func(q *Query) { q.MinDuration, q.MaxDuration = 2, 1 })
	f("order", base.ClassInvalid, func(q *Query) { q.Order = 9 })
	f("tags", base.ClassTooLarge, func(q *Query) { q.Tags = make([]Tag, 65) })
	f("no key", base.ClassInvalid, func(q *Query) { q.Tags = []Tag{{}} })
	f("level", base.ClassInvalid, func(q *Query) { q.Tags = []Tag{{Key: "k", Level: 99}} })
	f("field", base.ClassInvalid, func(q *Query) { q.Tags = []Tag{{Key: "k", Level: LevelField}} })
	f("dots", base.ClassTooLarge, func(q *Query) { q.Tags = []Tag{{Key: strings.Repeat(".", 1<<20)}} })
}

func TestValidateSpanQuery(t *testing.T) {
	if err := testSpanQuery().Validate(); err != nil {
		t.Fatal(err)
	}
	f := func(what, want string, change func(q *SpanQuery)) {
		t.Helper()
		q := testSpanQuery()
		change(q)
		if err := q.Validate(); base.ClassOf(err) != base.ClassInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
	f("no time", "time range is empty", func(q *SpanQuery) { q.Time = base.TimeRange{} })
	f("no page", "page size 0: want 1 to 10000", func(q *SpanQuery) { q.Page = Page{} })
	f("large page", "page size 10001", func(q *SpanQuery) { q.Page.Size = MaxPage + 1 })
	f("field", "unknown field 4", func(q *SpanQuery) { q.OrderBy[0].Field = 4 })
	f("repeated field", "order term 1: duration is in the order already", func(q *SpanQuery) {
		q.OrderBy = append(q.OrderBy, SpanSort{Field: SpanDuration})
	})
	f("long order", "order of 5 terms", func(q *SpanQuery) { q.OrderBy = make([]SpanSort, 5) })
	f("filter", "filter", func(q *SpanQuery) { q.Filter.Op = "nosuch" })
}

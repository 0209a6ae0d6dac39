package search

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/expression"
)

// random draws spans and filters over them from small vocabularies, so that
// filters hold for some spans and not for others.
type random struct{ *rand.Rand }

const testStart = uint64(1_790_000_000_000_000_000)

var (
	testKeys  = []string{"a", "b", "a.b", "a.b.c", "x", "service.name", "service", "name", "otel.scope.name", "event:name", "link:trace_id", "", "long." + strings.Repeat("k", 300)}
	testTexts = []string{"", "x", "shop", "Cart", "cart service", "the cart-service, twice", "200", "2", "2.0", "true", "2s", "Ünï ünĪ", "e\u0301t\u00e9", "a=1", "nan"}
	testNums  = []string{"0", "1", "2", "2.0", "2.5", "-1", "200", "1e3", "9223372036854775807", "9223372036854775808", "9007199254740993", "-0", "1e300", "0x10"}
	testWords = []string{"cart", "CART", "service", "twice", "ünï", "200", "x", "the", "nosuch", "E\u0301t\u00e9", "a", "2s"}
	testRegex = []string{"a", "c.rt", "^", "[0-9]+", "(shop|x)", "service", "", ".", "20*", "é"}
)

func oneOf[T any](r random, list []T) T { return list[r.IntN(len(list))] }

func (r random) chance(percent int) bool { return r.IntN(100) < percent }

func (r random) value(depth int) trace.Value {
	switch n := r.IntN(12); {
	case n == 0:
		return trace.Value{}
	case n <= 2:
		return trace.Value{Kind: trace.KindInt, Int: oneOf(r, []int64{0, 1, 2, -1, 200, math.MaxInt64, math.MinInt64, 1 << 53, 1<<53 + 1, 1000, 5})}
	case n == 3:
		return trace.Value{Kind: trace.KindDouble, Dbl: oneOf(r, []float64{0, math.Copysign(0, -1), 2, 2.5, math.NaN(), math.Inf(1), math.Inf(-1), 1 << 53, 1 << 63, -(1 << 63), 1000, 1e300})}
	case n == 4:
		return trace.Value{Kind: trace.KindBool, Int: int64(r.IntN(2))}
	case n == 5:
		return trace.Value{Kind: trace.KindBytes, Str: oneOf(r, testTexts)}
	case n == 6 && depth > 0:
		v := trace.Value{Kind: trace.KindList}
		for range r.IntN(4) {
			v.List = append(v.List, r.value(depth-1))
		}
		return v
	case n <= 8 && depth > 0:
		return trace.Value{Kind: trace.KindMap, Map: r.attrs(depth - 1)}
	case n == 9:
		return trace.Value{Kind: trace.KindString, Str: time.Unix(0, int64(testStart)+int64(r.IntN(4))).UTC().Format(time.RFC3339Nano)}
	}
	return trace.Value{Kind: trace.KindString, Str: oneOf(r, testTexts)}
}

func (r random) attrs(depth int) []trace.Attr {
	var out []trace.Attr
	for range r.IntN(5) {
		out = append(out, trace.Attr{Key: oneOf(r, testKeys), Value: r.value(depth)})
	}
	return out
}

func (r random) traceID() trace.ID {
	return trace.ID{15: byte(1 + r.IntN(12)), 0: byte(r.IntN(2) * 0xab)}
}

func (r random) spanID() trace.SpanID {
	return trace.SpanID{7: byte(1 + r.IntN(8)), 0: byte(r.IntN(2) * 0xff)}
}

func (r random) resource() *trace.Resource {
	res := &trace.Resource{Attrs: r.attrs(2)}
	if r.chance(70) {
		res.Attrs = append(res.Attrs, trace.Attr{Key: "service.name", Value: trace.Value{Kind: trace.KindString, Str: oneOf(r, testTexts)}})
	}
	if r.chance(40) {
		res.SchemaURL = oneOf(r, testTexts)
	}
	return res
}

func (r random) scope() *trace.Scope {
	s := &trace.Scope{Attrs: r.attrs(1)}
	if r.chance(60) {
		s.Name, s.Version, s.SchemaURL = oneOf(r, testTexts), oneOf(r, testTexts), oneOf(r, testTexts)
	}
	return s
}

func (r random) span(resources []*trace.Resource, scopes []*trace.Scope) trace.Span {
	s := trace.Span{
		TraceID: r.traceID(), SpanID: r.spanID(), Name: oneOf(r, testTexts), Kind: trace.Kind(r.IntN(6)), StatusCode: int32(r.IntN(3)),
		StartNanos: testStart + uint64(r.IntN(6)), Attrs: r.attrs(2), Resource: oneOf(r, resources), Scope: oneOf(r, scopes),
	}
	s.EndNanos = s.StartNanos + uint64(oneOf(r, []int{0, 1, 2, 3, 2_000_000_000, -2}))
	if r.chance(3) {
		s.EndNanos = 0
	}
	if r.chance(20) {
		s.StartNanos += uint64(r.IntN(3)) * uint64(time.Hour)
	}
	if r.chance(60) {
		s.ParentID = r.spanID()
	}
	if r.chance(30) {
		s.TraceState, s.StatusMessage = oneOf(r, testTexts), oneOf(r, testTexts)
	}
	for range r.IntN(5) - 1 {
		s.Events = append(s.Events, trace.Event{
			TimeNanos: s.StartNanos + uint64(oneOf(r, []int{0, 1, 2, 50_000, -1})), Name: oneOf(r, testTexts), Attrs: r.attrs(2),
		})
	}
	for range r.IntN(5) - 2 {
		l := trace.Link{TraceID: r.traceID(), SpanID: r.spanID(), Attrs: r.attrs(1)}
		if r.chance(30) {
			l.TraceID, l.SpanID, l.TraceState = trace.ID{}, trace.SpanID{}, oneOf(r, testTexts)
		}
		s.Links = append(s.Links, l)
	}
	return s
}

// filter draws a filter; it may be invalid.
func (r random) filter(depth int) *expression.Call {
	if depth > 0 && r.chance(55) {
		switch r.IntN(5) {
		case 0:
			return &expression.Call{Op: "not", Args: []expression.Term{r.filter(depth - 1)}}
		case 1:
			level := oneOf(r, []expression.Level{"event", "link"})
			return &expression.Call{Op: "some", Args: []expression.Term{&expression.Nested{Level: level}, r.filter(depth - 1)}}
		default:
			c := &expression.Call{Op: oneOf(r, []expression.Op{"and", "or"})}
			for range 2 + r.IntN(2) {
				c.Args = append(c.Args, r.filter(depth-1))
			}
			return c
		}
	}
	return r.leaf()
}

func (r random) leaf() *expression.Call {
	ref := r.ref()
	call := func(op expression.Op, args ...expression.Term) *expression.Call {
		return &expression.Call{Op: op, Args: args}
	}
	switch r.IntN(10) {
	case 0:
		return call("exists", ref)
	case 1:
		return call("regex", ref, &expression.Scalar{Value: oneOf(r, testRegex)})
	case 2:
		return call(oneOf(r, []expression.Op{"in", "not_in"}), ref, r.list(ref))
	case 3:
		l := &expression.List{}
		for range 1 + r.IntN(3) {
			l.Values = append(l.Values, oneOf(r, testWords))
		}
		return call(oneOf(r, []expression.Op{"phrase", "fulltext"}), r.attrRef(), l)
	case 4:
		return call(r.comparison(), ref, r.ref())
	case 5:
		return call(r.comparison(), r.scalar(ref), ref)
	}
	if r.chance(3) {
		ref = r.scalar(nil)
	}
	return call(r.comparison(), ref, r.scalar(ref))
}

func (r random) comparison() expression.Op {
	return oneOf(r, []expression.Op{"eq", "eq", "ne", "gt", "gte", "lt", "lte"})
}

func (r random) attrRef() *expression.Attr {
	key := oneOf(r, testKeys)
	if key == "" {
		key = "a"
	}
	return &expression.Attr{Key: key, Level: oneOf(r, []expression.Level{"", "span", "resource", "scope", "event", "link"})}
}

func (r random) ref() expression.Term {
	if r.chance(50) {
		return r.attrRef()
	}
	f := oneOf(r, expression.Fields())
	return &expression.Field{Level: f.Level, Name: f.Name}
}

func (r random) list(ref expression.Term) *expression.List {
	l := &expression.List{}
	for range 1 + r.IntN(3) {
		l.Values = append(l.Values, r.scalar(ref).Value)
	}
	if _, ok := ref.(*expression.Attr); ok && r.chance(30) {
		l.Type = oneOf(r, []expression.Type{"string", "int", "double", "bool"})
	}
	return l
}

// scalar draws a constant that may go with the reference.
func (r random) scalar(ref expression.Term) *expression.Scalar {
	if f, ok := ref.(*expression.Field); ok {
		return &expression.Scalar{Value: r.fieldText(f)}
	}
	s := &expression.Scalar{Value: oneOf(r, testTexts)}
	if r.chance(50) {
		s.Value = oneOf(r, testNums)
	}
	if r.chance(40) {
		s.Type = oneOf(r, []expression.Type{"string", "int", "double", "bool"})
	}
	return s
}

func (r random) fieldText(f *expression.Field) string {
	info, _ := expression.LookupField(f.Level, f.Name)
	text := ""
	switch info.Kind {
	case expression.KindDuration:
		return oneOf(r, []string{"0s", "1ns", "2ns", "-1ns", "2s", "50us", "3h"})
	case expression.KindTimestamp:
		if r.chance(5) {
			return oneOf(r, []string{"0001-01-01T00:00:00Z", "9999-01-01T00:00:00Z"})
		}
		return time.Unix(0, int64(testStart)+int64(r.IntN(8))).UTC().Format(time.RFC3339Nano)
	case expression.KindSpanKind:
		return oneOf(r, expression.SpanKinds())
	case expression.KindSpanStatus:
		return oneOf(r, expression.SpanStatuses())
	case expression.KindText:
		switch {
		case f.Name == "traceID":
			text = r.traceID().String()
		case strings.HasSuffix(f.Name, "anID"):
			text = r.spanID().String()
		default:
			return oneOf(r, testTexts)
		}
	}
	switch r.IntN(8) {
	case 0:
		return strings.ToUpper(text)
	case 1:
		return oneOf(r, []string{"", "ab", fmt.Sprintf("%0*d", len(text), 0), text[:6]})
	}
	return text
}

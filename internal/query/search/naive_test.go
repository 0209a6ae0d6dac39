package search

import (
	"encoding/hex"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/expression"
)

// naive evaluates filters over spans in memory, as the filter language is
// described and in the most obvious way. It shares no code with search.
type naive struct {
	span  *trace.Span
	event *trace.Event // bound by some
	link  *trace.Link
}

// A naive value is a string, an int64, a float64, a bool, []byte, time.Duration,
// time.Time, or nothing for an attribute that is there and has no plain value.
type nothing struct{}

func (n naive) holds(c *expression.Call) bool {
	arg := func(i int) expression.Term { return c.Args[i] }
	switch c.Op {
	case expression.OpAnd:
		return !slices.ContainsFunc(c.Args, func(t expression.Term) bool { return !n.holds(t.(*expression.Call)) })
	case expression.OpOr:
		return slices.ContainsFunc(c.Args, func(t expression.Term) bool { return n.holds(t.(*expression.Call)) })
	case expression.OpNot:
		return !n.holds(arg(0).(*expression.Call))
	case expression.OpSome:
		return n.some(arg(0).(*expression.Nested).Level, arg(1).(*expression.Call))
	case expression.OpExists:
		return n.exists(arg(0))
	case expression.OpRegex:
		re := regexp.MustCompile(arg(1).(*expression.Scalar).Value)
		return n.anyText(arg(0), re.MatchString)
	case expression.OpPhrase, expression.OpFulltext:
		words := arg(1).(*expression.List).Values
		return n.anyText(arg(0), func(s string) bool { return naiveWords(c.Op, s, words) })
	case expression.OpIn:
		return n.in(arg(0), arg(1).(*expression.List))
	case expression.OpNotIn:
		return len(n.values(arg(0))) > 0 && !n.in(arg(0), arg(1).(*expression.List))
	case expression.OpNe:
		return n.compared(arg(0)) && n.compared(arg(1)) && !n.compare(expression.OpEq, arg(0), arg(1))
	default:
		return n.compare(c.Op, arg(0), arg(1))
	}
}

func (n naive) some(level expression.Level, c *expression.Call) bool {
	if level == expression.LevelEvent {
		for i := range n.span.Events {
			if m := (naive{n.span, &n.span.Events[i], n.link}); m.holds(c) {
				return true
			}
		}
		return false
	}
	for i := range n.span.Links {
		if m := (naive{n.span, n.event, &n.span.Links[i]}); m.holds(c) {
			return true
		}
	}
	return false
}

// exists: kinds and statuses always read as a word, and are carried when set.
func (n naive) exists(t expression.Term) bool {
	if f, ok := t.(*expression.Field); ok && f.Level == expression.LevelSpan {
		switch f.Name {
		case "kind":
			return n.span.Kind != 0
		case "status":
			return n.span.StatusCode != 0
		}
	}
	return len(n.values(t)) > 0
}

func (n naive) anyText(t expression.Term, test func(string) bool) bool {
	return slices.ContainsFunc(n.values(t), func(v any) bool {
		s, ok := v.(string)
		return ok && test(s)
	})
}

func (n naive) in(t expression.Term, l *expression.List) bool {
	for i := range l.Values {
		if n.compare(expression.OpEq, t, &expression.Scalar{Value: l.Values[i], Type: l.Type}) {
			return true
		}
	}
	return false
}

// compared reports whether the operand of ne holds a value at all.
func (n naive) compared(t expression.Term) bool {
	if _, ok := t.(*expression.Scalar); ok {
		return true
	}
	return len(n.values(t)) > 0
}

func naiveWords(op expression.Op, text string, words []string) bool {
	have := strings.FieldsFunc(text, func(r rune) bool { return !unicode.In(r, unicode.L, unicode.Nd, unicode.M) })
	at := func(i int, w string) bool { return i < len(have) && strings.EqualFold(have[i], w) }
	if op == expression.OpFulltext {
		for _, w := range words {
			if !slices.ContainsFunc(have, func(h string) bool { return strings.EqualFold(h, w) }) {
				return false
			}
		}
		return true
	}
	for i := range have {
		all := true
		for k, w := range words {
			all = all && at(i+k, w)
		}
		if all {
			return true
		}
	}
	return false
}

// compare: some pair of values compares.
func (n naive) compare(op expression.Op, left, right expression.Term) bool {
	a, ca := left.(*expression.Scalar)
	b, cb := right.(*expression.Scalar)
	switch {
	case ca && cb:
		return naiveConstants(op, a, b)
	case ca:
		return n.compare(map[expression.Op]expression.Op{"eq": "eq", "gt": "lt", "lt": "gt", "gte": "lte", "lte": "gte"}[op], right, left)
	case cb:
		return slices.ContainsFunc(n.values(left), func(v any) bool { return naiveConstant(op, left, v, b) })
	}
	for _, v := range n.values(left) {
		for _, w := range n.values(right) {
			if naiveAttrs(op, v, w) {
				return true
			}
		}
	}
	return false
}

// naiveConstant compares a value of a reference with a constant.
func naiveConstant(op expression.Op, ref expression.Term, v any, c *expression.Scalar) bool {
	switch v := v.(type) {
	case time.Duration:
		d, _ := c.Duration()
		return naiveOrder(op, big.NewInt(int64(v)).Cmp(big.NewInt(int64(d))))
	case time.Time:
		t, _ := c.Timestamp()
		return naiveOrder(op, v.Compare(t))
	}
	if f, ok := ref.(*expression.Field); ok { // text
		text := c.Value
		if op == expression.OpEq && strings.HasSuffix(f.Name, "ID") {
			text = strings.ToLower(text)
		}
		return naiveOrder(op, strings.Compare(v.(string), text))
	}
	n, isInt := naiveInt(c.Value)
	f, isFloat := naiveFloat(c.Value)
	var num any = f
	if isInt {
		num = n
	}
	switch c.Type {
	case expression.TypeString:
		s, ok := v.(string)
		return ok && naiveOrder(op, strings.Compare(s, c.Value))
	case expression.TypeInt:
		_, ok := v.(int64)
		return ok && isInt && naiveNumbers(op, v, n)
	case expression.TypeDouble:
		f, _ := strconv.ParseFloat(c.Value, 64)
		_, ok := v.(float64)
		return ok && naiveNumbers(op, v, f)
	case expression.TypeBool:
		b, _ := strconv.ParseBool(c.Value)
		return op == expression.OpEq && v == any(b)
	}
	if op == expression.OpEq { // any stored type that reads the same
		switch v := v.(type) {
		case string:
			return v == c.Value
		case int64:
			return isInt && v == n
		case float64:
			return isFloat && v == f
		case bool:
			return strconv.FormatBool(v) == c.Value
		}
		return false
	}
	if isInt || isFloat {
		return naiveNumbers(op, v, num)
	}
	s, ok := v.(string)
	return ok && naiveOrder(op, strings.Compare(s, c.Value))
}

func naiveInt(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

func naiveFloat(s string) (float64, bool) {
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && strings.ContainsFunc(s, unicode.IsDigit)
}

func naiveConstants(op expression.Op, a, b *expression.Scalar) bool {
	t := a.Type
	if t == "" {
		t = b.Type
	}
	number := func(s string) (any, bool) {
		if n, ok := naiveInt(s); ok {
			return n, true
		}
		if t != "" {
			f, err := strconv.ParseFloat(s, 64)
			return f, err == nil
		}
		f, ok := naiveFloat(s)
		return f, ok
	}
	switch t {
	case expression.TypeBool:
		x, _ := strconv.ParseBool(a.Value)
		y, _ := strconv.ParseBool(b.Value)
		return op == expression.OpEq && x == y
	case expression.TypeString:
		return naiveOrder(op, strings.Compare(a.Value, b.Value))
	}
	x, ok1 := number(a.Value)
	y, ok2 := number(b.Value)
	if ok1 && ok2 {
		return naiveNumbers(op, x, y)
	}
	return naiveOrder(op, strings.Compare(a.Value, b.Value))
}

// naiveAttrs compares values of two references: an attribute's text reads as a
// duration or an instant beside one.
func naiveAttrs(op expression.Op, v, w any) bool {
	switch x := v.(type) {
	case time.Duration:
		if s, ok := w.(string); ok {
			d, err := time.ParseDuration(s)
			return err == nil && naiveAttrs(op, v, d)
		}
		y, ok := w.(time.Duration)
		return ok && naiveNumbers(op, int64(x), int64(y))
	case time.Time:
		if s, ok := w.(string); ok {
			t, err := time.Parse(time.RFC3339Nano, s)
			return err == nil && naiveOrder(op, x.Compare(t))
		}
		y, ok := w.(time.Time)
		return ok && naiveOrder(op, x.Compare(y))
	case string:
		switch y := w.(type) {
		case time.Duration:
			d, err := time.ParseDuration(x)
			return err == nil && naiveAttrs(op, d, y)
		case time.Time:
			t, err := time.Parse(time.RFC3339Nano, x)
			return err == nil && naiveAttrs(op, t, y)
		case string:
			return naiveOrder(op, strings.Compare(x, y))
		}
		return false
	case []byte:
		y, ok := w.([]byte)
		return ok && op == expression.OpEq && string(x) == string(y)
	case bool:
		return op == expression.OpEq && v == w
	}
	return naiveNumbers(op, v, w)
}

func naiveNumbers(op expression.Op, a, b any) bool {
	x, ok1 := naiveBig(a)
	y, ok2 := naiveBig(b)
	return ok1 && ok2 && naiveOrder(op, x.Cmp(y))
}

func naiveBig(v any) (*big.Float, bool) {
	switch v := v.(type) {
	case int64:
		return new(big.Float).SetPrec(100).SetInt64(v), true
	case float64:
		if v != v {
			return nil, false
		}
		return new(big.Float).SetPrec(100).SetFloat64(v), true
	}
	return nil, false
}

func naiveOrder(op expression.Op, c int) bool {
	return op == "eq" && c == 0 || op == "gt" && c > 0 || op == "lt" && c < 0 || op == "gte" && c >= 0 || op == "lte" && c <= 0
}

// values returns what the reference holds.
func (n naive) values(t expression.Term) []any {
	switch t := t.(type) {
	case *expression.Attr:
		return n.attr(t)
	case *expression.Field:
		switch t.Level {
		case expression.LevelSpan:
			return n.spanField(t.Name)
		case expression.LevelEvent, expression.LevelLink:
			return n.elementField(t)
		default:
			return n.groupField(t)
		}
	}
	return nil
}

func (n naive) events() []trace.Event {
	if n.event != nil {
		return []trace.Event{*n.event}
	}
	return n.span.Events
}

func (n naive) links() []trace.Link {
	if n.link != nil {
		return []trace.Link{*n.link}
	}
	return n.span.Links
}

func (n naive) attr(a *expression.Attr) []any {
	var out []any
	add := func(attrs []trace.Attr) { naiveWalk("", trace.Value{Kind: trace.KindMap, Map: attrs}, a.Key, &out) }
	switch a.Level {
	case expression.LevelSpan:
		add(n.span.Attrs)
	case expression.LevelResource:
		add(n.span.Resource.Attrs)
	case expression.LevelScope:
		add(n.span.Scope.Attrs)
	case expression.LevelEvent:
		for _, e := range n.events() {
			add(e.Attrs)
		}
	case expression.LevelLink:
		for _, l := range n.links() {
			add(l.Attrs)
		}
	default:
		add(n.span.Attrs)
		add(n.span.Resource.Attrs)
	}
	return out
}

// naiveWalk appends what lies under the key: list elements share the name of the
// list, map entries are named below the map. prefix ends with a dot unless empty.
func naiveWalk(prefix string, v trace.Value, key string, out *[]any) {
	for _, a := range v.Map {
		naiveVisit(prefix+a.Key, a.Value, key, out)
	}
}

func naiveVisit(name string, v trace.Value, key string, out *[]any) {
	if name == key {
		*out = append(*out, map[trace.ValueKind]any{
			trace.KindString: v.Str, trace.KindBool: v.Int != 0, trace.KindInt: v.Int, trace.KindDouble: v.Dbl, trace.KindBytes: []byte(v.Str),
			trace.KindEmpty: nothing{}, trace.KindList: nothing{}, trace.KindMap: nothing{},
		}[v.Kind])
	}
	for _, item := range v.List {
		naiveVisit(name, item, key, out)
	}
	naiveWalk(name+".", v, key, out)
}

func optional(s string) []any {
	if s == "" {
		return nil
	}
	return []any{s}
}

func (n naive) spanField(name string) []any {
	s := n.span
	at := func(nanos uint64) time.Time { return time.Unix(int64(nanos/1e9), int64(nanos%1e9)) }
	switch name {
	case "traceID":
		return []any{hex.EncodeToString(s.TraceID[:])}
	case "spanID":
		return []any{hex.EncodeToString(s.SpanID[:])}
	case "parentSpanID":
		if s.ParentID == (trace.SpanID{}) {
			return nil
		}
		return []any{hex.EncodeToString(s.ParentID[:])}
	case "traceState":
		return optional(s.TraceState)
	case "name":
		return []any{s.Name}
	case "kind":
		return []any{[]string{"unspecified", "internal", "server", "client", "producer", "consumer"}[s.Kind]}
	case "status":
		return []any{[]string{"unset", "ok", "error"}[s.StatusCode]}
	case "statusMessage":
		return optional(s.StatusMessage)
	case "startTime":
		return []any{at(s.StartNanos)}
	case "endTime":
		if s.EndNanos == 0 {
			return nil
		}
		return []any{at(s.EndNanos)}
	default: // duration
		return []any{time.Duration(int64(s.EndNanos) - int64(s.StartNanos))}
	}
}

func (n naive) groupField(f *expression.Field) []any {
	if f.Level == expression.LevelResource {
		if f.Name == "schemaURL" {
			return optional(n.span.Resource.SchemaURL)
		}
		return slices.DeleteFunc(n.attr(&expression.Attr{Level: f.Level, Key: "service.name"}), func(v any) bool {
			_, ok := v.(string)
			return !ok
		})
	}
	return optional(map[string]string{
		"name": n.span.Scope.Name, "version": n.span.Scope.Version, "schemaURL": n.span.Scope.SchemaURL,
	}[f.Name])
}

func (n naive) elementField(f *expression.Field) (out []any) {
	if f.Level == expression.LevelEvent {
		for _, e := range n.events() {
			out = append(out, map[string]any{
				"name": e.Name, "time": time.Unix(0, int64(e.TimeNanos)), "timeSinceStart": time.Duration(e.TimeNanos - n.span.StartNanos),
			}[f.Name])
		}
		return out
	}
	id := func(b []byte) string {
		if strings.Trim(string(b), "\x00") == "" {
			return ""
		}
		return hex.EncodeToString(b)
	}
	for _, l := range n.links() {
		out = append(out, map[string]any{
			"traceID": id(l.TraceID[:]), "spanID": id(l.SpanID[:]), "traceState": l.TraceState,
		}[f.Name])
	}
	return out
}

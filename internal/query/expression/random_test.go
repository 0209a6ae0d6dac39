package expression

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// generator makes random valid filters for the tests of this package.
type generator struct{ *rand.Rand }

func newGenerator(seed uint64) generator {
	return generator{rand.New(rand.NewPCG(seed, 17))}
}

func pick[T any](g generator, of ...T) T { return of[g.IntN(len(of))] }

// filter returns a valid filter of at most depth calls one in the other.
func (g generator) filter(depth int, bound ...Level) *Call {
	if depth <= 1 || g.IntN(4) == 0 {
		return g.leaf(bound)
	}
	switch op := pick(g, OpAnd, OpOr, OpNot, OpSome); op {
	case OpNot:
		return &Call{Op: op, Args: []Term{g.filter(depth-1, bound...)}}
	case OpSome:
		level := pick(g, LevelEvent, LevelLink)
		if slices.Contains(bound, level) {
			return g.leaf(bound)
		}
		inner := append([]Level{level}, bound...)
		return &Call{Op: op, Args: []Term{&Nested{Level: level}, g.filter(depth-1, inner...)}}
	default:
		c := &Call{Op: op}
		for range 2 + g.IntN(2) {
			c.Args = append(c.Args, g.filter(depth-1, bound...))
		}
		return c
	}
}

// leaf returns a filter without and, or and not.
func (g generator) leaf(bound []Level) *Call {
	op := Op(pick(g, Operators()[3:]...))
	if op == OpSome && slices.Contains(bound, LevelLink) {
		op = OpExists
	}
	switch op {
	case OpExists:
		return &Call{Op: op, Args: []Term{g.reference()}}
	case OpSome:
		return &Call{Op: op, Args: []Term{&Nested{Level: LevelLink}, &Call{Op: OpExists, Args: []Term{g.attr()}}}}
	case OpIn, OpNotIn:
		ref := g.reference()
		return &Call{Op: op, Args: []Term{ref, g.list(ref)}}
	case OpPhrase, OpFulltext:
		l := &List{Type: pick(g, TypeAny, TypeString)}
		for range 1 + g.IntN(3) {
			l.Values = append(l.Values, pick(g, "connection", "refused", "500", "é", "e\u0301té", "中文", "not"))
		}
		return &Call{Op: op, Args: []Term{g.attr(), l}}
	case OpRegex:
		pattern := pick(g, "", "a.*b", `\d+\.\d`, "[Aa]|[^b]", "`", `"`, "x{2,3}", "not", "7")
		return &Call{Op: op, Args: []Term{pick[Term](g, g.attr(), &Field{LevelSpan, "kind"}), &Scalar{Value: pattern, Type: pick(g, TypeAny, TypeString)}}}
	}
	return g.comparison(op)
}

func (g generator) comparison(op Op) *Call {
	left := g.reference()
	for unordered(left) && op.ordered() {
		left = g.reference()
	}
	var right Term = &Scalar{Value: g.valueFor(left)}
	if a, ok := left.(*Attr); ok {
		right = pick[Term](g, right, a, g.attr(), &Scalar{"5", TypeInt}, &Scalar{"inf", TypeDouble},
			&Scalar{"-1.5", TypeDouble}, &Scalar{"5", TypeString}, &Scalar{"x y", TypeString}, &Field{LevelSpan, "name"})
		if g.IntN(8) == 0 && !op.ordered() {
			right = &Scalar{pick(g, "true", "false", "T"), TypeBool}
		}
	}
	if g.IntN(4) == 0 {
		left, right = right, left
	}
	return &Call{Op: op, Args: []Term{left, right}}
}

func (g generator) list(of Term) *List {
	l := &List{}
	for range 1 + g.IntN(4) {
		l.Values = append(l.Values, g.valueFor(of))
	}
	if _, ok := of.(*Attr); ok && g.IntN(2) == 0 {
		l.Type = pick(g, TypeString, TypeInt, TypeDouble, TypeBool)
		for i := range l.Values {
			l.Values[i] = map[Type]string{TypeString: l.Values[i], TypeInt: "-7", TypeDouble: "1e9", TypeBool: "false"}[l.Type]
		}
	}
	return l
}

func (g generator) reference() Term {
	if g.IntN(2) == 0 {
		return g.attr()
	}
	f := pick(g, fields...)
	return &Field{Level: f.Level, Name: f.Name}
}

func (g generator) attr() *Attr {
	key := pick(g, "http.status_code", "k", "a key", "duration", "name", "span.kind", "service", "not", "AND", "5xx",
		"int", "attr", "event", `q"uote`, "tab\there", "é.ü", "a:b", "a/b@c", "link.", "\u2028", "[x]", "time", "traceID", "-a", "$x", "x$")
	return &Attr{Key: key, Level: pick(g, LevelAny, LevelAny, LevelSpan, LevelResource, LevelScope, LevelEvent, LevelLink)}
}

// valueFor returns an untyped value that may be compared with the reference.
func (g generator) valueFor(t Term) string {
	kind := KindText
	if f, ok := t.(*Field); ok {
		info, _ := LookupField(f.Level, f.Name)
		kind = info.Kind
	}
	switch kind {
	case KindDuration:
		return pick(g, "2s", "1h30m", "50us", "50µs", "-1ms", "0", time.Duration(g.Int64()).String())
	case KindTimestamp:
		return time.Unix(g.Int64N(1<<33), g.Int64N(1e9)).UTC().Format(time.RFC3339Nano)
	case KindSpanKind, KindSpanStatus:
		return pick(g, kind.words()...)
	case KindText:
	}
	return pick(g, "", "cart", "GET /a", "5", "500ms", "+1", "-", "--5", "1_000", "true", "not", "span.name", "a\nb", "\x00",
		`\`, `"`, "`", "10.0.0.1:80", "2026-08-16", strconv.FormatFloat(g.Float64(), 'g', -1, 64), "é", "\U0001f600", "<&>", "5 ", "int:5")
}

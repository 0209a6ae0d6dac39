package expression

import (
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/pandodb/pando/internal/base"
)

// The bounds of a filter. What exceeds them is refused as too large.
const (
	// MaxDepth is how deep calls nest, the filter itself being the first. It
	// also ends walks of a tree that contains itself.
	MaxDepth = 32
	// MaxNodes is how many terms a filter has, calls included.
	MaxNodes = 1024
	// MaxValues is how many values a list has.
	MaxValues = 1000
	// MaxString is the length of a key, a name or a value, in bytes.
	MaxString = 4 << 10
	// MaxBytes is the length of a filter's JSON form or text form.
	MaxBytes = 1 << 20
)

// Validate says whether the filter means something: operators have the
// operands they take, names are of the vocabulary, constants can be read as
// what they are compared with, and the bounds hold. A nil filter is not valid.
//
// Errors are of the classes invalid and too large, one line each: the position
// in terms of the JSON form, what was found there, what would be right.
func (c *Call) Validate() error {
	if f := new(validator).filter(c); f != nil {
		return f.err()
	}
	return nil
}

// validator walks a filter. It is used once.
type validator struct {
	path  []int // index of the operand at each depth
	nodes int
	bound []Level // collections that enclosing `some` calls bind
}

// fault is the first thing that is wrong with a filter.
type fault struct {
	class base.Class
	at    string // position, "filter.args[1]"
	text  string
	// operands is the same position as indices, for those who know the filter
	// in another form.
	operands []int
}

func (f *fault) err() error { return base.Errorf(f.class, "%s: %s", f.at, f.text) }

// fail returns a fault at the current position, or at the member of it.
func (v *validator) fail(member, format string, args ...any) *fault {
	return v.faultOf(base.ClassInvalid, member, fmt.Sprintf(format, args...))
}

func (v *validator) tooLarge(member, format string, args ...any) *fault {
	return v.faultOf(base.ClassTooLarge, member, fmt.Sprintf(format, args...))
}

func (v *validator) faultOf(class base.Class, member, text string) *fault {
	at := []byte("filter")
	for i, operand := range v.path {
		if i > 0 {
			at = append(at, ".call"...)
		}
		at = append(at, ".args["...)
		at = strconv.AppendInt(at, int64(operand), 10)
		at = append(at, ']')
	}
	at = append(at, member...)
	return &fault{class: class, at: string(at), text: text, operands: slices.Clone(v.path)}
}

func (v *validator) filter(c *Call) *fault {
	if c == nil {
		return v.fail("", "found nothing, want a call")
	}
	return v.call(c)
}

func (v *validator) call(c *Call) *fault {
	if len(v.path)+1 > MaxDepth {
		return v.tooLarge("", "found calls nested more than %d deep, which is the limit", MaxDepth)
	}
	if v.nodes++; v.nodes > MaxNodes {
		return v.tooLarge("", "found more than %d terms, which is the limit", MaxNodes)
	}
	sig, ok := lookupSignature(c.Op)
	if !ok {
		return v.fail(v.memberOfCall("op"), "found the operator %s, want %s", quote(string(c.Op)), oneOf(Operators()))
	}
	if f := v.arity(c, &sig); f != nil {
		return f
	}
	if c.Op == OpSome {
		return v.some(c)
	}
	for i, arg := range c.Args {
		place := sig.operands[min(i, len(sig.operands)-1)]
		if f := v.operand(i, arg, place, c.Op); f != nil {
			return f
		}
	}
	return v.meaning(c)
}

// memberOfCall names a member of the call at the current position: the filter
// is a call itself, operands say that they are one.
func (v *validator) memberOfCall(name string) string {
	if len(v.path) == 0 {
		return "." + name
	}
	return ".call." + name
}

func (v *validator) arity(c *Call, sig *signature) *fault {
	if sig.variadic {
		if len(c.Args) < 2 {
			return v.fail(v.memberOfCall("args"), "found %s of %q, want two or more", count(len(c.Args), "operand"), c.Op)
		}
		return nil
	}
	if len(c.Args) != len(sig.operands) {
		return v.fail(v.memberOfCall("args"), "found %s of %q, want %d", count(len(c.Args), "operand"), c.Op, len(sig.operands))
	}
	return nil
}

// operand checks one operand by itself.
func (v *validator) operand(i int, arg Term, place operand, op Op) *fault {
	v.path = append(v.path, i)
	if missing(arg) {
		return v.fail("", "found nothing, want %s for %q", operandNames[place], op)
	}
	if !place.accepts(arg) {
		return v.fail("", "found %s, want %s for %q", describe(arg), operandNames[place], op)
	}
	if f := v.term(arg); f != nil {
		return f
	}
	v.path = v.path[:len(v.path)-1]
	return nil
}

func (v *validator) term(t Term) *fault {
	if c, ok := t.(*Call); ok {
		return v.call(c)
	}
	if v.nodes++; v.nodes > MaxNodes {
		return v.tooLarge("", "found more than %d terms, which is the limit", MaxNodes)
	}
	switch t := t.(type) {
	case *Attr:
		return v.attr(t)
	case *Field:
		return v.field(t)
	case *Nested:
		return v.nested(t)
	case *Scalar:
		return v.scalar(t)
	case *List:
		return v.list(t)
	}
	return v.fail("", "found %s, want a term of the language", describe(t))
}

func (v *validator) attr(a *Attr) *fault {
	if a.Level != LevelAny && !slices.Contains(levels, string(a.Level)) {
		return v.fail(".attr.level", "found %s, want %s, or none for span and resource", quote(string(a.Level)), oneOf(levels))
	}
	if a.Key == "" {
		return v.fail(".attr.key", "found nothing, want the key of an attribute")
	}
	return v.text(".attr.key", a.Key)
}

func (v *validator) field(f *Field) *fault {
	if !slices.Contains(levels, string(f.Level)) {
		return v.fail(".field.level", "found %s, want %s", quote(string(f.Level)), oneOf(levels))
	}
	if _, ok := LookupField(f.Level, f.Name); !ok {
		return v.fail(".field.name", "found %s, want a field of %s: %s; attributes are of attr",
			quote(f.Name), f.Level, oneOf(fieldNames(f.Level)))
	}
	return nil
}

func (v *validator) nested(n *Nested) *fault {
	if !slices.Contains(nestedLevels, string(n.Level)) {
		return v.fail(".nested.level", "found %s, want %s", quote(string(n.Level)), oneOf(nestedLevels))
	}
	return nil
}

func (v *validator) scalar(s *Scalar) *fault {
	if f := v.typeName(".scalar.type", s.Type); f != nil {
		return f
	}
	if f := v.text(".scalar.value", s.Value); f != nil {
		return f
	}
	if want := wantOfType(s.Value, s.Type); want != "" {
		return v.fail(".scalar.value", "found %s, want %s, as its type is %s", quote(s.Value), want, s.Type)
	}
	return nil
}

func (v *validator) list(l *List) *fault {
	if f := v.typeName(".list.type", l.Type); f != nil {
		return f
	}
	if len(l.Values) == 0 {
		return v.fail(".list.values", "found no value, want one or more: no value is in an empty list")
	}
	if len(l.Values) > MaxValues {
		return v.tooLarge(".list.values", "found %d values, the limit is %d", len(l.Values), MaxValues)
	}
	for i, value := range l.Values {
		member := ".list.values[" + strconv.Itoa(i) + "]"
		if f := v.text(member, value); f != nil {
			return f
		}
		if want := wantOfType(value, l.Type); want != "" {
			return v.fail(member, "found %s, want %s, as the list's type is %s", quote(value), want, l.Type)
		}
	}
	return nil
}

func (v *validator) typeName(member string, t Type) *fault {
	if t != TypeAny && !slices.Contains(types, string(t)) {
		return v.fail(member, "found %s, want %s, or none", quote(string(t)), oneOf(types))
	}
	return nil
}

func (v *validator) text(member, s string) *fault {
	if len(s) > MaxString {
		return v.tooLarge(member, "found %d bytes, the limit is %d", len(s), MaxString)
	}
	if !utf8.ValidString(s) {
		return v.fail(member, "found %s, want text in UTF-8", quote(s))
	}
	return nil
}

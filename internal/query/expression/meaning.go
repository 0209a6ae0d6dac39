package expression

import (
	"slices"
	"strconv"
)

// This file holds the rules that look at the operands of a call together. Each
// operand by itself is known to be right.

func (v *validator) meaning(c *Call) *fault {
	switch {
	case c.Op.comparison():
		return v.comparison(c)
	case c.Op == OpIn || c.Op == OpNotIn:
		return v.membership(c)
	case c.Op == OpRegex:
		return v.regex(c)
	case c.Op == OpPhrase || c.Op == OpFulltext:
		return v.wordList(c)
	}
	return nil
}

// failAt is fail at operand i of the call at the current position.
func (v *validator) failAt(i int, member, format string, args ...any) *fault {
	v.path = append(v.path, i)
	return v.fail(member, format, args...)
}

// some binds a collection while it walks the predicate, and refuses to bind
// one twice: which element an inner reference would mean is not defined.
func (v *validator) some(c *Call) *fault {
	if f := v.operand(0, c.Args[0], anyCollection, OpSome); f != nil {
		return f
	}
	level := c.Args[0].(*Nested).Level
	if slices.Contains(v.bound, level) {
		return v.failAt(0, "", "found %s within a \"some\" of the same, want at most one around a predicate", describe(c.Args[0]))
	}
	v.bound = append(v.bound, level)
	if f := v.operand(1, c.Args[1], anyPredicate, OpSome); f != nil {
		return f
	}
	v.bound = v.bound[:len(v.bound)-1]
	return nil
}

func (v *validator) comparison(c *Call) *fault {
	for i, arg := range c.Args {
		if c.Op.ordered() && unordered(arg) {
			return v.failAt(i, "", "found %s for %q, want something with an order: text, a number, a duration or a timestamp",
				describe(arg), c.Op)
		}
	}
	left, right := domainOf(c.Args[0]), domainOf(c.Args[1])
	if left != anyDomain && right != anyDomain && left != right {
		return v.failAt(1, "", "found %s, which is %s, want %s as %s is",
			describe(c.Args[1]), domainNames[right], domainNames[left], describe(c.Args[0]))
	}
	for i, arg := range c.Args {
		s, ok := arg.(*Scalar)
		if !ok {
			continue
		}
		other := c.Args[1-i]
		if want := wantBeside(s.Value, other); want != "" {
			return v.failAt(i, ".scalar.value", "found %s, want %s to compare with %s", quote(s.Value), want, describe(other))
		}
	}
	return nil
}

// wantBeside returns what a constant compared with other has to look like, or
// "" when value is that.
func wantBeside(value string, other Term) string {
	switch other := other.(type) {
	case *Field:
		info, _ := LookupField(other.Level, other.Name)
		return wantOfKind(value, info.Kind)
	case *Scalar:
		if other.Type == TypeInt {
			return wantOfType(value, TypeDouble)
		}
		return wantOfType(value, other.Type)
	}
	return ""
}

// unordered says whether nothing sorts before or after the value: booleans and
// the fields that hold one of a few words.
func unordered(t Term) bool {
	switch t := t.(type) {
	case *Field:
		info, _ := LookupField(t.Level, t.Name)
		return info.Kind.words() != nil
	case *Scalar:
		return t.Type == TypeBool
	}
	return false
}

func (v *validator) membership(c *Call) *fault {
	field, ok := c.Args[0].(*Field)
	if !ok {
		return nil
	}
	list := c.Args[1].(*List)
	info, _ := LookupField(field.Level, field.Name)
	if d := list.Type.domain(); d != anyDomain && d != info.Kind.domain() {
		return v.failAt(1, ".list.type", "found %q, want values that are %s as %s is, or no type",
			list.Type, domainNames[info.Kind.domain()], describe(field))
	}
	for i, value := range list.Values {
		if want := wantOfKind(value, info.Kind); want != "" {
			return v.failAt(1, ".list.values["+strconv.Itoa(i)+"]", "found %s, want %s to compare with %s",
				quote(value), want, describe(field))
		}
	}
	return nil
}

func (v *validator) regex(c *Call) *fault {
	if field, ok := c.Args[0].(*Field); ok {
		if d := domainOf(field); d != textDomain {
			return v.failAt(0, "", "found %s, which is %s, want text for a pattern to match", describe(field), domainNames[d])
		}
	}
	s := c.Args[1].(*Scalar)
	if d := s.Type.domain(); d != anyDomain && d != textDomain {
		return v.failAt(1, ".scalar.type", "found %q, want string or none for a pattern", s.Type)
	}
	if err := checkPattern(s.Value); err != nil {
		v.path = append(v.path, 1)
		return v.faultOf(classOfPattern(err), ".scalar.value", err.Error())
	}
	return nil
}

func (v *validator) wordList(c *Call) *fault {
	list := c.Args[1].(*List)
	if d := list.Type.domain(); d != anyDomain && d != textDomain {
		return v.failAt(1, ".list.type", "found %q, want string or none for the words of %q", list.Type, c.Op)
	}
	for i, word := range list.Values {
		if !isWord(word) {
			return v.failAt(1, ".list.values["+strconv.Itoa(i)+"]",
				"found %s, want one word: letters, digits and marks, at most %d UTF-16 units", quote(word), maxWordUnits)
		}
	}
	return nil
}

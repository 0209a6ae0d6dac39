package expression

import (
	"slices"
	"strconv"
	"strings"
)

// String returns the filter in the text form, on one line, with no more
// parentheses than needed: Parse makes an equal filter from it. Of a filter
// that is not valid it says why.
func (c *Call) String() string {
	if err := c.Validate(); err != nil {
		return "invalid " + err.Error()
	}
	return string(appendCall(nil, c))
}

var signOf = map[Op]string{
	OpEq: " = ", OpNe: " != ", OpGt: " > ", OpGte: " >= ", OpLt: " < ", OpLte: " <= ", OpRegex: " ~ ",
	OpIn: " in ", OpNotIn: " not in ", OpPhrase: " phrase ", OpFulltext: " fulltext ",
}

func appendCall(dst []byte, c *Call) []byte {
	switch c.Op {
	case OpAnd, OpOr:
		for i, arg := range c.Args {
			if i > 0 {
				dst = append(dst, " "+string(c.Op)+" "...)
			}
			dst = appendPredicate(dst, arg, c.Op)
		}
		return dst
	case OpNot:
		dst = append(dst, "not "...)
		return appendPredicate(dst, c.Args[0], OpNot)
	case OpExists:
		dst = append(dst, "exists "...)
		return appendValue(dst, c.Args[0])
	case OpSome:
		dst = append(dst, "some "...)
		dst = append(dst, c.Args[0].(*Nested).Level...)
		dst = append(dst, " ("...)
		dst = appendCall(dst, c.Args[1].(*Call))
		return append(dst, ')')
	default:
		return appendLeaf(dst, c)
	}
}

// appendLeaf appends a call whose operator stands between its two operands.
func appendLeaf(dst []byte, c *Call) []byte {
	dst = appendValue(dst, c.Args[0])
	dst = append(dst, signOf[c.Op]...)
	if l, ok := c.Args[1].(*List); ok {
		return appendList(dst, l, c.Op)
	}
	_, constant := c.Args[0].(*Scalar)
	if a, ok := c.Args[1].(*Attr); ok && a.Level == LevelAny && !constant {
		// A bare word would be a constant.
		return appendKey(dst, a)
	}
	return appendValue(dst, c.Args[1])
}

// appendPredicate appends an operand of and, or and not, in parentheses where
// it binds weaker than they do or where they would swallow it.
func appendPredicate(dst []byte, t Term, around Op) []byte {
	c := t.(*Call)
	if c.Op == OpOr || c.Op == OpAnd && around != OpOr {
		dst = append(dst, '(')
		dst = appendCall(dst, c)
		return append(dst, ')')
	}
	return appendCall(dst, c)
}

// appendValue appends a reference or a constant.
func appendValue(dst []byte, t Term) []byte {
	switch t := t.(type) {
	case *Field:
		dst = append(dst, t.Level...)
		dst = append(dst, '.')
		return append(dst, t.Name...)
	case *Attr:
		return appendAttr(dst, t)
	case *Scalar:
		if t.Type != TypeAny {
			dst = append(dst, t.Type...)
			dst = append(dst, ':')
		}
		return appendConstant(dst, t.Value, t.Type)
	}
	return dst
}

func appendAttr(dst []byte, a *Attr) []byte {
	if a.Level == LevelAny {
		_, short := shortFields[a.Key]
		if short || isKeyword(a.Key) || levelOf(a.Key) != LevelAny || !wholly(a.Key, tokenWord) {
			return appendKey(dst, a)
		}
		return append(dst, a.Key...)
	}
	word := string(a.Level) + "." + a.Key
	if _, field := LookupField(a.Level, a.Key); field || !wholly(word, tokenWord) {
		return appendKey(dst, a)
	}
	return append(dst, word...)
}

// appendKey appends the spelling of an attribute that has no other meaning.
func appendKey(dst []byte, a *Attr) []byte {
	if a.Level == LevelAny {
		dst = append(dst, "attr"...)
	}
	dst = append(dst, a.Level...)
	dst = append(dst, '[')
	dst = strconv.AppendQuote(dst, a.Key)
	return append(dst, ']')
}

// appendConstant appends a value, bare where it reads like a number or a
// boolean, else in quotes.
func appendConstant(dst []byte, value string, t Type) []byte {
	word := t == TypeBool && slices.Contains([]string{"true", "false"}, value)
	if word || t != TypeString && wholly(value, tokenNumber) {
		return append(dst, value...)
	}
	return strconv.AppendQuote(dst, value)
}

func appendList(dst []byte, l *List, op Op) []byte {
	if l.Type != TypeAny {
		dst = append(dst, l.Type...)
		dst = append(dst, ':')
	}
	dst = append(dst, '(')
	if op == OpPhrase || op == OpFulltext {
		dst = strconv.AppendQuote(dst, strings.Join(l.Values, " "))
		return append(dst, ')')
	}
	for i, value := range l.Values {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = appendConstant(dst, value, l.Type)
	}
	return append(dst, ')')
}

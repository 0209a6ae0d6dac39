package expression

import (
	"strconv"
	"unicode/utf8"
)

// maxQuoted is how much of a caller's text a message repeats, in bytes.
const maxQuoted = 64

// quote returns the text in quotes for a message of one line, shortened.
func quote(s string) string {
	if len(s) <= maxQuoted {
		return strconv.Quote(s)
	}
	end := maxQuoted
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return strconv.Quote(s[:end]) + "…"
}

// describe names a term in a message.
func describe(t Term) string {
	if missing(t) {
		return "nothing"
	}
	switch t := t.(type) {
	case *Attr:
		if t.Level == LevelAny {
			return "the attribute " + quote(t.Key)
		}
		return "the attribute " + quote(t.Key) + " of " + quote(string(t.Level))
	case *Field:
		return "the field " + shorten(string(t.Level)+"."+t.Name)
	case *Nested:
		return "the collection " + quote(string(t.Level))
	case *Scalar:
		if t.Type == TypeAny {
			return "the constant " + quote(t.Value)
		}
		return "the constant " + quote(t.Value) + " of type " + quote(string(t.Type))
	case *List:
		return "a list of " + count(len(t.Values), "value")
	case *Call:
		return "a call of " + quote(string(t.Op))
	}
	return "an unknown term"
}

// shorten returns the text as it is when it is harmless, else quoted.
func shorten(s string) string {
	if q := quote(s); q != `"`+s+`"` {
		return q
	}
	return s
}

// count returns "1 operand", "3 operands".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// missing says whether there is no term: a nil interface or a nil pointer in it.
func missing(t Term) bool {
	switch t := t.(type) {
	case nil:
		return true
	case *Attr:
		return t == nil
	case *Field:
		return t == nil
	case *Nested:
		return t == nil
	case *Scalar:
		return t == nil
	case *List:
		return t == nil
	case *Call:
		return t == nil
	}
	return false
}

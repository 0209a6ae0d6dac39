package expression

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Int returns the value as a 64-bit integer in decimal.
func (s *Scalar) Int() (int64, error) { return strconv.ParseInt(s.Value, 10, 64) }

// Double returns the value as a number, as strconv.ParseFloat reads it.
func (s *Scalar) Double() (float64, error) { return strconv.ParseFloat(s.Value, 64) }

// Bool returns the value as a boolean, as strconv.ParseBool reads it.
func (s *Scalar) Bool() (bool, error) { return strconv.ParseBool(s.Value) }

// Duration returns the value as a duration in Go's syntax.
func (s *Scalar) Duration() (time.Duration, error) { return time.ParseDuration(s.Value) }

// Timestamp returns the value as an instant of RFC 3339. It may lie outside of
// what 64 bits of nanoseconds hold.
func (s *Scalar) Timestamp() (time.Time, error) { return time.Parse(time.RFC3339Nano, s.Value) }

// At returns element i as a constant of the list's type.
func (l *List) At(i int) Scalar { return Scalar{Value: l.Values[i], Type: l.Type} }

// domain is the sort of values that one comparison stays in. A value of
// anyDomain takes the domain of what it is compared with.
type domain uint8

const (
	anyDomain domain = iota
	textDomain
	numberDomain
	boolDomain
	durationDomain
	timestampDomain
)

var domainNames = [...]string{"anything", "text", "a number", "a boolean", "a duration", "a timestamp"}

func (t Type) domain() domain {
	switch t {
	case TypeString:
		return textDomain
	case TypeInt, TypeDouble:
		return numberDomain
	case TypeBool:
		return boolDomain
	case TypeAny:
	}
	return anyDomain
}

func (k Kind) domain() domain {
	switch k {
	case KindDuration:
		return durationDomain
	case KindTimestamp:
		return timestampDomain
	case KindText, KindSpanKind, KindSpanStatus:
	}
	return textDomain
}

// words returns the closed vocabulary of a kind; nil where there is none.
func (k Kind) words() []string {
	switch k {
	case KindSpanKind:
		return spanKinds
	case KindSpanStatus:
		return spanStatuses
	case KindText, KindDuration, KindTimestamp:
	}
	return nil
}

// domainOf returns the domain of a value; the term is an Attr, a known Field,
// a Scalar or a List.
func domainOf(t Term) domain {
	switch t := t.(type) {
	case *Field:
		info, _ := LookupField(t.Level, t.Name)
		return info.Kind.domain()
	case *Scalar:
		return t.Type.domain()
	case *List:
		return t.Type.domain()
	}
	return anyDomain
}

// wantOfType returns what a constant of the type looks like, or "" when the
// value is one.
func wantOfType(value string, t Type) string {
	s := Scalar{Value: value}
	var err error
	want := ""
	switch t {
	case TypeInt:
		_, err = s.Int()
		want = "a decimal integer of 64 bits"
	case TypeDouble:
		_, err = s.Double()
		want = "a number"
	case TypeBool:
		_, err = s.Bool()
		want = "true or false"
	case TypeAny, TypeString:
	}
	if err == nil {
		return ""
	}
	return want
}

// wantOfKind returns what a constant compared with a field of the kind looks
// like, or "" when the value is one.
func wantOfKind(value string, k Kind) string {
	s := Scalar{Value: value}
	switch k {
	case KindDuration:
		if _, err := s.Duration(); err != nil {
			return "a duration such as 2s, 1h30m or 50us"
		}
	case KindTimestamp:
		if _, err := s.Timestamp(); err != nil {
			return "a timestamp such as 2026-08-16T18:56:20.5Z"
		}
	case KindSpanKind, KindSpanStatus:
		if !slices.Contains(k.words(), value) {
			return oneOf(k.words())
		}
	case KindText:
	}
	return ""
}

func oneOf(words []string) string {
	return "one of " + strings.Join(words, ", ")
}

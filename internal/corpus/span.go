package corpus

import (
	"encoding/hex"
	"strconv"
)

// TraceID is a trace's 16 bytes in wire order.
type TraceID [16]byte

// String returns the 32 hex digits that query APIs use.
func (id TraceID) String() string { return hex.EncodeToString(id[:]) }

// SpanID is a span's 8 bytes in wire order; the zero value means no parent.
type SpanID [8]byte

// Kind is a span's kind, numbered as on the wire.
type Kind uint8

// The kinds that occur.
const (
	KindInternal Kind = 1
	KindServer   Kind = 2
	KindClient   Kind = 3
	KindProducer Kind = 4
	KindConsumer Kind = 5
)

// StatusCode is a span's status, numbered as on the wire.
type StatusCode uint8

// The status codes.
const (
	StatusUnset StatusCode = 0
	StatusOK    StatusCode = 1
	StatusError StatusCode = 2
)

// ValueType tells which field of a Value holds.
type ValueType uint8

// The types of attribute values, numbered as the wire's oneof.
const (
	TypeString ValueType = 1
	TypeBool   ValueType = 2
	TypeInt    ValueType = 3
	TypeDouble ValueType = 4
)

// Value is one typed attribute value. Values compare with ==, and are equal
// only if their types are.
type Value struct {
	Type   ValueType
	Str    string
	Bool   bool
	Int    int64
	Double float64
}

// String returns a string value.
func String(s string) Value { return Value{Type: TypeString, Str: s} }

// Int returns an integer value.
func Int(n int64) Value { return Value{Type: TypeInt, Int: n} }

// Double returns a floating-point value.
func Double(f float64) Value { return Value{Type: TypeDouble, Double: f} }

// Bool returns a boolean value.
func Bool(b bool) Value { return Value{Type: TypeBool, Bool: b} }

// Text returns the value as query APIs spell it.
func (v Value) Text() string {
	switch v.Type {
	case TypeBool:
		return strconv.FormatBool(v.Bool)
	case TypeInt:
		return strconv.FormatInt(v.Int, 10)
	case TypeDouble:
		return strconv.FormatFloat(v.Double, 'g', -1, 64)
	default:
		return v.Str
	}
}

// Attr is one attribute. Keys are unique within one list.
type Attr struct {
	Key   string
	Value Value
}

// Event is a timed annotation of a span.
type Event struct {
	Time  int64 // Unix nanoseconds
	Name  string
	Attrs []Attr
}

// Link points from a span to a span of another trace.
type Link struct {
	TraceID TraceID
	SpanID  SpanID
	Attrs   []Attr
}

// Resource is what emits spans: one instance of one service. Spans of one
// instance share one Resource, so pointers compare as identities.
type Resource struct {
	Service string // equals the attribute service.name
	Attrs   []Attr
}

// Scope is the instrumentation library that made a span.
type Scope struct {
	Name    string
	Version string
}

// Span is one decoded span. Start and End are Unix nanoseconds. Resource and
// Scope are shared and read-only; the slices belong to the span.
type Span struct {
	TraceID       TraceID
	SpanID        SpanID
	Parent        SpanID
	Flags         uint32
	Name          string
	Kind          Kind
	Start, End    int64
	Attrs         []Attr
	Events        []Event
	Links         []Link
	Status        StatusCode
	StatusMessage string
	Resource      *Resource
	Scope         *Scope
}

// Duration returns End - Start in nanoseconds.
func (s *Span) Duration() int64 { return s.End - s.Start }

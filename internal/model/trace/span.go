package trace

import (
	"encoding/hex"

	"github.com/pandodb/pando/internal/base"
)

// ID is a trace id, 16 bytes; all zero is invalid.
type ID [16]byte

// SpanID is a span id, 8 bytes; all zero is invalid and, as a parent, means a
// root span.
type SpanID [8]byte

// String returns the id as 32 lowercase hex digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// IsZero reports whether the id is the invalid all-zero one.
func (id ID) IsZero() bool { return id == ID{} }

// String returns the id as 16 lowercase hex digits.
func (id SpanID) String() string { return hex.EncodeToString(id[:]) }

// IsZero reports whether the id is the invalid all-zero one.
func (id SpanID) IsZero() bool { return id == SpanID{} }

// ParseID reads a trace id from 1 to 32 hex digits; short ones are padded with
// leading zeros, as older clients write 64-bit ids and drop zeros.
func ParseID(s string) (ID, error) {
	var id ID
	if err := parseHex(id[:], s); err != nil {
		return ID{}, base.Errorf(base.ClassInvalid, "trace id %.40q: want 1 to 32 hex digits, not all zero", s)
	}
	return id, nil
}

// ParseSpanID reads a span id from 1 to 16 hex digits.
func ParseSpanID(s string) (SpanID, error) {
	var id SpanID
	if err := parseHex(id[:], s); err != nil {
		return SpanID{}, base.Errorf(base.ClassInvalid, "span id %.40q: want 1 to 16 hex digits, not all zero", s)
	}
	return id, nil
}

func parseHex(dst []byte, s string) error {
	if len(s) == 0 || len(s) > 2*len(dst) {
		return hex.ErrLength
	}
	buf := make([]byte, 0, 32)
	for range 2*len(dst) - len(s) {
		buf = append(buf, '0')
	}
	buf = append(buf, s...)
	if _, err := hex.Decode(dst, buf); err != nil {
		return err
	}
	for _, b := range dst {
		if b != 0 {
			return nil
		}
	}
	return hex.ErrLength
}

// ValueKind is the kind of an attribute value, as OpenTelemetry defines them.
type ValueKind uint8

// The kinds. KindEmpty is a value that was sent without content.
const (
	KindEmpty ValueKind = iota
	KindString
	KindBool
	KindInt
	KindDouble
	KindBytes
	KindList
	KindMap
)

// Value is an attribute value. The field its Kind names is set.
type Value struct {
	Kind ValueKind
	Str  string // KindString, KindBytes
	Int  int64  // KindInt; KindBool as 0 or 1
	Dbl  float64
	List []Value
	Map  []Attr
}

// Attr is one attribute.
type Attr struct {
	Key   string
	Value Value
}

// Resource is what emitted a span. Spans share the pointer.
type Resource struct {
	Attrs        []Attr
	DroppedAttrs uint32
	Entities     []EntityRef
	SchemaURL    string // of the ResourceSpans message
}

// EntityRef names attributes of a resource that together identify or describe
// one entity, such as a host.
type EntityRef struct {
	SchemaURL       string
	Type            string
	IDKeys          []string
	DescriptionKeys []string
}

// Service returns the resource's service.name, or "" when it has none that is
// text.
func (r *Resource) Service() string {
	if r == nil {
		return ""
	}
	for i := range r.Attrs {
		if a := &r.Attrs[i]; a.Key == "service.name" {
			if a.Value.Kind == KindString {
				return a.Value.Str
			}
			return ""
		}
	}
	return ""
}

// Scope is the instrumentation that produced a span. Spans share the pointer.
type Scope struct {
	Name         string
	Version      string
	Attrs        []Attr
	DroppedAttrs uint32
	SchemaURL    string // of the ScopeSpans message
}

// Event is a time-stamped happening inside a span.
type Event struct {
	TimeNanos    uint64
	Name         string
	Attrs        []Attr
	DroppedAttrs uint32
}

// Link points to another span.
type Link struct {
	TraceID      ID
	SpanID       SpanID
	TraceState   string
	Attrs        []Attr
	DroppedAttrs uint32
	Flags        uint32
}

// Kind is a span kind with OpenTelemetry's numbers.
type Kind int32

// The span kinds.
const (
	KindUnspecified Kind = 0
	KindInternal    Kind = 1
	KindServer      Kind = 2
	KindClient      Kind = 3
	KindProducer    Kind = 4
	KindConsumer    Kind = 5
)

var kindNames = [...]string{"unspecified", "internal", "server", "client", "producer", "consumer"}

// String returns the kind's lowercase name.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return "unspecified"
	}
	return kindNames[k]
}

// StatusError is OpenTelemetry's status code of a failed span; 0 is unset and 1
// is ok.
const StatusError = 2

// Span is one span with everything OTLP carries.
type Span struct {
	TraceID       ID
	SpanID        SpanID
	ParentID      SpanID // zero for a root
	TraceState    string
	Flags         uint32
	Name          string
	Kind          Kind
	StartNanos    uint64
	EndNanos      uint64
	Attrs         []Attr // ascending by key
	DroppedAttrs  uint32
	Events        []Event
	DroppedEvents uint32
	Links         []Link
	DroppedLinks  uint32
	StatusCode    int32
	StatusMessage string
	Resource      *Resource // never nil
	Scope         *Scope    // never nil
}

// DurationNanos returns end minus start, zero when the clock ran backwards.
func (s *Span) DurationNanos() uint64 {
	if s.EndNanos < s.StartNanos {
		return 0
	}
	return s.EndNanos - s.StartNanos
}

// Trace is every known span of one trace, ascending by start time, then span id.
type Trace struct {
	ID    ID
	Spans []Span
}

// ServiceCount is one service's share of a trace.
type ServiceCount struct {
	Service string
	Spans   uint32
	Errors  uint32
}

// Summary is what a result list shows of a trace, without its spans.
type Summary struct {
	ID          ID
	StartNanos  uint64 // earliest span start
	EndNanos    uint64 // latest span end
	Spans       uint32
	Errors      uint32 // spans with status error
	Orphans     uint32 // spans whose parent is not known
	RootService string // of the earliest span without a known parent
	RootName    string
	Services    []ServiceCount // ascending by name
}

// Operation is a span name a service was seen with.
type Operation struct {
	Name string
	Kind Kind
}

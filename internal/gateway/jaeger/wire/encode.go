package wire

import (
	"math"
	"strings"
	"unicode/utf8"

	"github.com/pandodb/pando/internal/gen/apiv2pb"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/otlpwire"
)

// Encoder writes spans of the trace model as Jaeger's messages, without an
// object per span and tag. It remembers the processes it wrote by their
// resource: use one for the spans of one answer. The zero Encoder is ready; it
// is not safe for concurrent use.
type Encoder struct {
	processes map[*trace.Resource][]byte
	text      []byte // scratch: a list or map as text
}

// AppendChunk appends the spans, each with its process, as the bytes of a
// SpansResponseChunk, which jaeger.api_v2 and jaeger.storage.v1 have alike.
func (e *Encoder) AppendChunk(dst []byte, spans []trace.Span) []byte {
	for i := range spans {
		var mark int
		dst, mark = otlpwire.Begin(dst, 1)
		dst = otlpwire.End(e.AppendSpan(dst, &spans[i]), mark)
	}
	return dst
}

// AppendSpan appends the bytes of a Span message, with its process.
func (e *Encoder) AppendSpan(dst []byte, s *trace.Span) []byte {
	dst = otlpwire.AppendLen(dst, 1, s.TraceID[:])
	dst = otlpwire.AppendLen(dst, 2, s.SpanID[:])
	dst = appendText(dst, 3, s.Name)
	dst = appendReferences(dst, s)
	if flags := s.Flags &^ parentFlags; flags != 0 {
		dst = otlpwire.AppendUint(dst, 5, uint64(flags))
	}
	dst = appendInstant(dst, 6, int64(s.StartNanos/1e9), int64(s.StartNanos%1e9))
	duration := int64(s.EndNanos - s.StartNanos) // negative where the clock ran backwards
	dst = appendInstant(dst, 7, duration/1e9, duration%1e9)
	dst = e.appendTags(dst, s)
	for i := range s.Events {
		var mark int
		dst, mark = otlpwire.Begin(dst, 9)
		dst = otlpwire.End(e.appendLog(dst, &s.Events[i]), mark)
	}
	dst = otlpwire.AppendLen(dst, 10, e.process(s.Resource))
	return e.appendWarnings(dst, s)
}

// parentFlags are what OTLP says of a span's parent beside the trace flags, of
// which the low byte has as many as Jaeger: its first bit, sampled, is the same.
// Jaeger's clients leave them zero.
const parentFlags = 0x300

// Numbers of the fields of a KeyValue.
const (
	fieldKey    = 1
	fieldType   = 2
	fieldStr    = 3
	fieldBool   = 4
	fieldInt    = 5
	fieldDouble = 6
	fieldBinary = 7
)

// appendText appends a text field, or nothing for an empty one. Protobuf's text
// is UTF-8; other bytes become U+FFFD.
func appendText(dst []byte, field uint32, s string) []byte {
	if s == "" {
		return dst
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return otlpwire.AppendLen(dst, field, s)
}

// appendInstant appends a Timestamp or a Duration, also when it is zero.
func appendInstant(dst []byte, field uint32, seconds, nanos int64) []byte {
	dst, mark := otlpwire.Begin(dst, field)
	if seconds != 0 {
		dst = otlpwire.AppendUint(dst, 1, uint64(seconds))
	}
	if nanos != 0 {
		dst = otlpwire.AppendUint(dst, 2, uint64(nanos))
	}
	return otlpwire.End(dst, mark)
}

// appendReferences appends the parent and the links of a span. A link to the
// parent only says what kind of parent it is.
func appendReferences(dst []byte, s *trace.Span) []byte {
	if !s.ParentID.IsZero() {
		dst = appendReference(dst, s.TraceID, s.ParentID, parentRefType(s))
	}
	for i := range s.Links {
		if l := &s.Links[i]; !linksParent(l, s) {
			dst = appendReference(dst, l.TraceID, l.SpanID, refType(l))
		}
	}
	return dst
}

func appendReference(dst []byte, id trace.ID, span trace.SpanID, kind apiv2pb.SpanRefType) []byte {
	dst, mark := otlpwire.Begin(dst, 4)
	dst = otlpwire.AppendLen(dst, 1, id[:])
	dst = otlpwire.AppendLen(dst, 2, span[:])
	if kind != 0 {
		dst = otlpwire.AppendUint(dst, 3, uint64(kind))
	}
	return otlpwire.End(dst, mark)
}

// parentRefType is the type of the reference to a span's parent: the last link
// to it decides.
func parentRefType(s *trace.Span) apiv2pb.SpanRefType {
	kind := apiv2pb.SpanRefType_CHILD_OF
	for i := range s.Links {
		if linksParent(&s.Links[i], s) {
			kind = refType(&s.Links[i])
		}
	}
	return kind
}

func refType(l *trace.Link) apiv2pb.SpanRefType {
	for i := range l.Attrs {
		if l.Attrs[i].Key == AttrRefType && l.Attrs[i].Value.Str == refChildOf {
			return apiv2pb.SpanRefType_CHILD_OF
		}
	}
	return apiv2pb.SpanRefType_FOLLOWS_FROM
}

// appendTags appends the tags of a span: of its scope, its attributes, then of
// its fields.
func (e *Encoder) appendTags(dst []byte, s *trace.Span) []byte {
	const field = 8
	dst = appendTextTag(dst, field, TagScopeName, s.Scope.Name)
	dst = appendTextTag(dst, field, TagScopeVersion, s.Scope.Version)
	said := false // the attributes tell the status
	for i := range s.Attrs {
		a := &s.Attrs[i]
		if a.Key == AttrWarnings {
			continue
		}
		said = said || SaysStatus(a, s.StatusCode)
		dst = e.appendTag(dst, field, a)
	}
	if s.Kind > trace.KindUnspecified && s.Kind <= trace.KindConsumer {
		dst = appendTextTag(dst, field, TagSpanKind, s.Kind.String())
	}
	switch {
	case said:
	case s.StatusCode == codeOK:
		dst = appendTextTag(dst, field, TagStatusCode, StatusOK)
	case s.StatusCode == trace.StatusError:
		dst = appendTextTag(dst, field, TagStatusCode, StatusError)
		dst = e.appendTag(dst, field, &errorTag)
	}
	dst = appendTextTag(dst, field, TagStatusMessage, s.StatusMessage)
	return appendTextTag(dst, field, TagTraceState, s.TraceState)
}

// errorTag is what Jaeger shows of a status of error, beside the code.
var errorTag = trace.Attr{Key: TagError, Value: trace.Value{Kind: trace.KindBool, Int: 1}}

// SaysStatus reports whether a span's attribute says, in Jaeger's words, that
// the status has that code, so that no other tag need say it.
func SaysStatus(a *trace.Attr, code int32) bool {
	switch a.Key {
	case TagError:
		return code == trace.StatusError && a.Value.Kind == trace.KindBool && a.Value.Int != 0
	case TagStatusCode:
		return a.Value.Kind == trace.KindString &&
			(code == trace.StatusError && strings.EqualFold(a.Value.Str, StatusError) ||
				code == codeOK && strings.EqualFold(a.Value.Str, StatusOK))
	default:
		return false
	}
}

// appendLog appends a log; the event's name is a field, unless a field has its
// place.
func (e *Encoder) appendLog(dst []byte, v *trace.Event) []byte {
	const field = 2
	dst = appendInstant(dst, 1, int64(v.TimeNanos/1e9), int64(v.TimeNanos%1e9))
	named := false
	for i := range v.Attrs {
		named = named || v.Attrs[i].Key == TagEvent
	}
	if !named {
		dst = appendTextTag(dst, field, TagEvent, v.Name)
	}
	for i := range v.Attrs {
		dst = e.appendTag(dst, field, &v.Attrs[i])
	}
	return dst
}

// process returns the bytes of a resource's process.
func (e *Encoder) process(r *trace.Resource) []byte {
	if p, ok := e.processes[r]; ok {
		return p
	}
	service := r.Service()
	if service == "" {
		service = NoService
	}
	p, named := appendText(nil, 1, service), false
	for i := range r.Attrs {
		if r.Attrs[i].Key == AttrService && !named {
			named = true
			continue
		}
		p = e.appendTag(p, 2, &r.Attrs[i])
	}
	if e.processes == nil {
		e.processes = make(map[*trace.Resource][]byte)
	}
	e.processes[r] = p
	return p
}

// appendTextTag appends a tag, or nothing for an empty value.
func appendTextTag(dst []byte, field uint32, key, value string) []byte {
	if value == "" {
		return dst
	}
	dst, mark := otlpwire.Begin(dst, field)
	dst = otlpwire.AppendLen(dst, fieldKey, key)
	return otlpwire.End(appendText(dst, fieldStr, value), mark)
}

// appendTag appends an attribute as a tag. As in Jaeger's own messages, fields of
// the value that hold the default are left out.
func (e *Encoder) appendTag(dst []byte, field uint32, a *trace.Attr) []byte {
	dst, mark := otlpwire.Begin(dst, field)
	dst = appendText(dst, fieldKey, a.Key)
	switch v := &a.Value; v.Kind {
	case trace.KindBool:
		dst = otlpwire.AppendUint(dst, fieldType, uint64(apiv2pb.ValueType_BOOL))
		if v.Int != 0 {
			dst = otlpwire.AppendUint(dst, fieldBool, 1)
		}
	case trace.KindInt:
		dst = otlpwire.AppendUint(dst, fieldType, uint64(apiv2pb.ValueType_INT64))
		if v.Int != 0 {
			dst = otlpwire.AppendUint(dst, fieldInt, uint64(v.Int))
		}
	case trace.KindDouble:
		dst = otlpwire.AppendUint(dst, fieldType, uint64(apiv2pb.ValueType_FLOAT64))
		if bits := math.Float64bits(v.Dbl); bits != 0 {
			dst = otlpwire.AppendFixed64(dst, fieldDouble, bits)
		}
	case trace.KindBytes:
		dst = otlpwire.AppendUint(dst, fieldType, uint64(apiv2pb.ValueType_BINARY))
		if v.Str != "" {
			dst = otlpwire.AppendLen(dst, fieldBinary, v.Str)
		}
	case trace.KindList, trace.KindMap:
		e.text = appendPlain(e.text[:0], v)
		dst = otlpwire.AppendLen(dst, fieldStr, e.text)
	default: // text, or nothing
		dst = appendText(dst, fieldStr, v.Str)
	}
	return otlpwire.End(dst, mark)
}

// appendWarnings appends the warnings that came as an attribute.
func (e *Encoder) appendWarnings(dst []byte, s *trace.Span) []byte {
	const field = 12
	for i := range s.Attrs {
		if s.Attrs[i].Key != AttrWarnings {
			continue
		}
		switch v := &s.Attrs[i].Value; v.Kind {
		case trace.KindList:
			for j := range v.List {
				dst = otlpwire.AppendLen(dst, field, PlainText(&v.List[j]))
			}
		default:
			dst = otlpwire.AppendLen(dst, field, PlainText(v))
		}
	}
	return dst
}

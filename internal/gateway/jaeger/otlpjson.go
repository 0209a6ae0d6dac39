package jaeger

import (
	"cmp"
	"encoding/hex"
	"slices"
	"strconv"

	"github.com/pandodb/pando/internal/model/trace"
)

// otlpEncoder writes spans in OTLP's JSON: proto3 JSON, but with ids in hex and
// enums as numbers. Members that hold their default are left out, except those
// that Jaeger always writes: resource, scope and status.
type otlpEncoder struct {
	comma bool // a ResourceSpans came before
}

// scopeGroup is the spans of a trace that share resource and scope.
type scopeGroup struct {
	resource int     // in the order of first appearance
	spans    []int32 // ascending
}

// begin starts the list of ResourceSpans, which encode adds to and end ends.
func (e *otlpEncoder) begin(out *output) { out.text(`{"resourceSpans":[`) }

func (e *otlpEncoder) end(out *output) { out.text(`]}`) }

// encode writes the spans of one trace to out, at least one.
func (e *otlpEncoder) encode(out *output, spans []trace.Span) {
	groups := groupSpans(spans)
	for i := range groups {
		first := &spans[groups[i].spans[0]]
		opens := i == 0 || groups[i].resource != groups[i-1].resource
		closes := i == len(groups)-1 || groups[i].resource != groups[i+1].resource
		if e.comma || !opens {
			out.text(",")
		}
		e.comma = true
		if opens {
			out.buf = appendOTLPResource(append(out.buf, `{"resource":{`...), first.Resource)
			out.text(`},"scopeSpans":[`)
		}
		out.buf = appendOTLPScope(append(out.buf, `{"scope":{`...), first.Scope)
		out.text(`},"spans":[`)
		for k, n := range groups[i].spans {
			if k > 0 {
				out.text(",")
			}
			out.buf = appendOTLPSpan(out.buf, &spans[n])
			out.spill()
		}
		out.buf = appendSchemaURL(append(out.buf, ']'), first.Scope.SchemaURL)
		if closes {
			out.buf = appendSchemaURL(append(out.buf, ']'), first.Resource.SchemaURL)
		}
	}
}

// groupSpans returns the groups of a trace: those of a resource are neighbours;
// resources, and scopes in them, keep the order of their first span.
func groupSpans(spans []trace.Span) []scopeGroup {
	type pair struct {
		resource *trace.Resource
		scope    *trace.Scope
	}
	var groups []scopeGroup
	resources, places := make(map[*trace.Resource]int), make(map[pair]int)
	last, at := pair{}, -1
	for i := range spans {
		if p := (pair{spans[i].Resource, spans[i].Scope}); at < 0 || p != last {
			known, ok := places[p]
			at, last = known, p
			if !ok {
				if _, ok := resources[p.resource]; !ok {
					resources[p.resource] = len(resources)
				}
				at = len(groups)
				places[p] = at
				groups = append(groups, scopeGroup{resource: resources[p.resource]})
			}
		}
		groups[at].spans = append(groups[at].spans, int32(i))
	}
	slices.SortStableFunc(groups, func(a, b scopeGroup) int { return cmp.Compare(a.resource, b.resource) })
	return groups
}

// appendSchemaURL appends the last member of an object.
func appendSchemaURL(dst []byte, url string) []byte {
	if url != "" {
		dst = appendString(append(dst, `,"schemaUrl":`...), url)
	}
	return append(dst, '}')
}

// The functions below append the members of an object, each with a comma behind
// it; trimComma takes the last one off.

func appendOTLPResource(dst []byte, r *trace.Resource) []byte {
	empty := len(dst)
	dst = appendAttrsMember(dst, r.Attrs)
	dst = appendCountMember(dst, "droppedAttributesCount", r.DroppedAttrs)
	if len(r.Entities) > 0 {
		dst = append(dst, `"entityRefs":[`...)
		for i := range r.Entities {
			dst = appendEntity(dst, &r.Entities[i])
		}
		dst = append(dst[:len(dst)-1], `],`...)
	}
	return trimComma(dst, empty)
}

func appendEntity(dst []byte, e *trace.EntityRef) []byte {
	dst = append(dst, '{')
	empty := len(dst)
	dst = appendTextMember(dst, "schemaUrl", e.SchemaURL)
	dst = appendTextMember(dst, "type", e.Type)
	dst = appendTextsMember(dst, "idKeys", e.IDKeys)
	dst = appendTextsMember(dst, "descriptionKeys", e.DescriptionKeys)
	return append(trimComma(dst, empty), `},`...)
}

func appendOTLPScope(dst []byte, s *trace.Scope) []byte {
	empty := len(dst)
	dst = appendTextMember(dst, "name", s.Name)
	dst = appendTextMember(dst, "version", s.Version)
	dst = appendAttrsMember(dst, s.Attrs)
	dst = appendCountMember(dst, "droppedAttributesCount", s.DroppedAttrs)
	return trimComma(dst, empty)
}

// appendOTLPSpan appends a whole Span object.
func appendOTLPSpan(dst []byte, s *trace.Span) []byte {
	dst = appendIDMember(append(dst, '{'), "traceId", s.TraceID[:])
	dst = appendIDMember(dst, "spanId", s.SpanID[:])
	dst = appendTextMember(dst, "traceState", s.TraceState)
	if !s.ParentID.IsZero() {
		dst = appendIDMember(dst, "parentSpanId", s.ParentID[:])
	}
	dst = appendCountMember(dst, "flags", s.Flags)
	dst = appendTextMember(dst, "name", s.Name)
	dst = appendEnumMember(dst, "kind", int32(s.Kind))
	dst = appendNanosMember(dst, "startTimeUnixNano", s.StartNanos)
	dst = appendNanosMember(dst, "endTimeUnixNano", s.EndNanos)
	dst = appendAttrsMember(dst, s.Attrs)
	dst = appendCountMember(dst, "droppedAttributesCount", s.DroppedAttrs)
	if len(s.Events) > 0 {
		dst = append(dst, `"events":[`...)
		for i := range s.Events {
			dst = appendOTLPEvent(dst, &s.Events[i])
		}
		dst = append(dst[:len(dst)-1], `],`...)
	}
	dst = appendCountMember(dst, "droppedEventsCount", s.DroppedEvents)
	if len(s.Links) > 0 {
		dst = append(dst, `"links":[`...)
		for i := range s.Links {
			dst = appendOTLPLink(dst, &s.Links[i])
		}
		dst = append(dst[:len(dst)-1], `],`...)
	}
	dst = appendCountMember(dst, "droppedLinksCount", s.DroppedLinks)
	dst = append(dst, `"status":{`...)
	empty := len(dst)
	dst = appendTextMember(dst, "message", s.StatusMessage)
	dst = appendEnumMember(dst, "code", s.StatusCode)
	return append(trimComma(dst, empty), `}}`...)
}

func appendOTLPEvent(dst []byte, v *trace.Event) []byte {
	dst = append(dst, '{')
	empty := len(dst)
	dst = appendNanosMember(dst, "timeUnixNano", v.TimeNanos)
	dst = appendTextMember(dst, "name", v.Name)
	dst = appendAttrsMember(dst, v.Attrs)
	dst = appendCountMember(dst, "droppedAttributesCount", v.DroppedAttrs)
	return append(trimComma(dst, empty), `},`...)
}

func appendOTLPLink(dst []byte, l *trace.Link) []byte {
	dst = append(dst, '{')
	empty := len(dst)
	if !l.TraceID.IsZero() {
		dst = appendIDMember(dst, "traceId", l.TraceID[:])
	}
	if !l.SpanID.IsZero() {
		dst = appendIDMember(dst, "spanId", l.SpanID[:])
	}
	dst = appendTextMember(dst, "traceState", l.TraceState)
	dst = appendAttrsMember(dst, l.Attrs)
	dst = appendCountMember(dst, "droppedAttributesCount", l.DroppedAttrs)
	dst = appendCountMember(dst, "flags", l.Flags)
	return append(trimComma(dst, empty), `},`...)
}

func appendAttrsMember(dst []byte, attrs []trace.Attr) []byte {
	if len(attrs) == 0 {
		return dst
	}
	dst = appendKeyValues(append(dst, `"attributes":`...), attrs)
	return append(dst, ',')
}

func appendKeyValues(dst []byte, attrs []trace.Attr) []byte {
	dst = append(dst, '[')
	for i := range attrs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(append(dst, `{"key":`...), attrs[i].Key)
		dst = appendOTLPValue(append(dst, `,"value":`...), &attrs[i].Value)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// appendOTLPValue appends an AnyValue object.
func appendOTLPValue(dst []byte, v *trace.Value) []byte {
	switch v.Kind {
	case trace.KindString:
		dst = appendString(append(dst, `{"stringValue":`...), v.Str)
	case trace.KindBool:
		dst = strconv.AppendBool(append(dst, `{"boolValue":`...), v.Int != 0)
	case trace.KindInt:
		dst = strconv.AppendInt(append(dst, `{"intValue":"`...), v.Int, 10)
		dst = append(dst, '"')
	case trace.KindDouble:
		dst = appendFloat(append(dst, `{"doubleValue":`...), v.Dbl)
	case trace.KindBytes:
		dst = appendBase64(append(dst, `{"bytesValue":`...), v.Str)
	case trace.KindList:
		dst = append(dst, `{"arrayValue":{"values":[`...)
		for i := range v.List {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendOTLPValue(dst, &v.List[i])
		}
		dst = append(dst, `]}`...)
	case trace.KindMap:
		dst = appendKeyValues(append(dst, `{"kvlistValue":{"values":`...), v.Map)
		dst = append(dst, '}')
	default:
		dst = append(dst, '{')
	}
	return append(dst, '}')
}

func appendName(dst []byte, name string) []byte {
	return append(append(append(dst, '"'), name...), `":`...)
}

func appendIDMember(dst []byte, name string, id []byte) []byte {
	dst = hex.AppendEncode(append(appendName(dst, name), '"'), id)
	return append(dst, `",`...)
}

func appendTextMember(dst []byte, name, v string) []byte {
	if v == "" {
		return dst
	}
	return append(appendString(appendName(dst, name), v), ',')
}

func appendTextsMember(dst []byte, name string, list []string) []byte {
	if len(list) == 0 {
		return dst
	}
	dst = append(appendName(dst, name), '[')
	for _, v := range list {
		dst = append(appendString(dst, v), ',')
	}
	return append(dst[:len(dst)-1], `],`...)
}

func appendCountMember(dst []byte, name string, n uint32) []byte {
	if n == 0 {
		return dst
	}
	return append(strconv.AppendUint(appendName(dst, name), uint64(n), 10), ',')
}

func appendEnumMember(dst []byte, name string, n int32) []byte {
	if n == 0 {
		return dst
	}
	return append(strconv.AppendInt(appendName(dst, name), int64(n), 10), ',')
}

// appendNanosMember appends a 64-bit integer: a string, since JSON's numbers are
// too small in JavaScript.
func appendNanosMember(dst []byte, name string, n uint64) []byte {
	if n == 0 {
		return dst
	}
	dst = strconv.AppendUint(append(appendName(dst, name), '"'), n, 10)
	return append(dst, `",`...)
}

package trace

import (
	"math"

	"github.com/pandodb/pando/internal/otlpwire"
)

// AppendOTLP appends the spans as the bytes of a TracesData message, which are
// those of an ExportTraceServiceRequest too. Spans are grouped by resource and
// scope (by pointer, as ReadSpans shares them) in the order of first occurrence;
// inside a group they keep their order.
func AppendOTLP(dst []byte, spans []Span) []byte {
	for _, rg := range groupSpans(spans) {
		var all, res int
		dst, all = otlpwire.Begin(dst, otlpwire.FieldResourceSpans)
		dst, res = otlpwire.Begin(dst, 1)
		dst = otlpwire.End(appendResource(dst, rg.resource), res)
		for i := range rg.scopes {
			dst = appendScopeSpans(dst, &rg.scopes[i], spans)
		}
		dst = appendText(dst, 3, rg.resource.SchemaURL)
		dst = otlpwire.End(dst, all)
	}
	return dst
}

type resourceGroup struct {
	resource *Resource
	scopes   []scopeGroup
}

type scopeGroup struct {
	scope *Scope
	spans []int // index in the caller's slice
}

func groupSpans(spans []Span) []resourceGroup {
	type place struct{ resource, scope int }
	var groups []resourceGroup
	resources := make(map[*Resource]int)
	type pair struct {
		resource *Resource
		scope    *Scope
	}
	places := make(map[pair]place)
	for i := range spans {
		s := &spans[i]
		at, ok := places[pair{s.Resource, s.Scope}]
		if !ok {
			r, ok := resources[s.Resource]
			if !ok {
				r = len(groups)
				resources[s.Resource] = r
				groups = append(groups, resourceGroup{resource: s.Resource})
			}
			g := &groups[r]
			at = place{resource: r, scope: len(g.scopes)}
			places[pair{s.Resource, s.Scope}] = at
			g.scopes = append(g.scopes, scopeGroup{scope: s.Scope})
		}
		sg := &groups[at.resource].scopes[at.scope]
		sg.spans = append(sg.spans, i)
	}
	return groups
}

func appendScopeSpans(dst []byte, g *scopeGroup, spans []Span) []byte {
	dst, all := otlpwire.Begin(dst, otlpwire.FieldScopeSpans)
	dst, scope := otlpwire.Begin(dst, 1)
	dst = otlpwire.End(appendScope(dst, g.scope), scope)
	for _, i := range g.spans {
		var mark int
		dst, mark = otlpwire.Begin(dst, otlpwire.FieldSpans)
		dst = otlpwire.End(AppendSpan(dst, &spans[i]), mark)
	}
	dst = appendText(dst, 3, g.scope.SchemaURL)
	return otlpwire.End(dst, all)
}

func appendResource(dst []byte, r *Resource) []byte {
	dst = appendAttrs(dst, fieldResourceAttrs, r.Attrs)
	dst = appendCount(dst, 2, r.DroppedAttrs)
	for i := range r.Entities {
		e := &r.Entities[i]
		var mark int
		dst, mark = otlpwire.Begin(dst, 3)
		dst = appendText(dst, 1, e.SchemaURL)
		dst = appendText(dst, 2, e.Type)
		for _, k := range e.IDKeys {
			dst = otlpwire.AppendLen(dst, 3, k)
		}
		for _, k := range e.DescriptionKeys {
			dst = otlpwire.AppendLen(dst, 4, k)
		}
		dst = otlpwire.End(dst, mark)
	}
	return dst
}

func appendScope(dst []byte, s *Scope) []byte {
	dst = appendText(dst, fieldScopeName, s.Name)
	dst = appendText(dst, fieldScopeVersion, s.Version)
	dst = appendAttrs(dst, fieldScopeAttrs, s.Attrs)
	return appendCount(dst, 4, s.DroppedAttrs)
}

// AppendSpan appends the span as the bytes of a Span message, without resource
// and scope.
func AppendSpan(dst []byte, s *Span) []byte {
	dst = otlpwire.AppendLen(dst, 1, s.TraceID[:])
	dst = otlpwire.AppendLen(dst, 2, s.SpanID[:])
	dst = appendText(dst, 3, s.TraceState)
	if !s.ParentID.IsZero() {
		dst = otlpwire.AppendLen(dst, 4, s.ParentID[:])
	}
	dst = appendText(dst, 5, s.Name)
	if s.Kind != 0 {
		dst = otlpwire.AppendUint(dst, 6, uint64(s.Kind))
	}
	if s.StartNanos != 0 {
		dst = otlpwire.AppendFixed64(dst, 7, s.StartNanos)
	}
	if s.EndNanos != 0 {
		dst = otlpwire.AppendFixed64(dst, 8, s.EndNanos)
	}
	dst = appendAttrs(dst, fieldSpanAttrs, s.Attrs)
	dst = appendCount(dst, 10, s.DroppedAttrs)
	for i := range s.Events {
		var mark int
		dst, mark = otlpwire.Begin(dst, otlpwire.FieldEvents)
		dst = otlpwire.End(appendEvent(dst, &s.Events[i]), mark)
	}
	dst = appendCount(dst, 12, s.DroppedEvents)
	for i := range s.Links {
		var mark int
		dst, mark = otlpwire.Begin(dst, otlpwire.FieldLinks)
		dst = otlpwire.End(appendLink(dst, &s.Links[i]), mark)
	}
	dst = appendCount(dst, 14, s.DroppedLinks)
	if s.StatusCode != 0 || s.StatusMessage != "" {
		var mark int
		dst, mark = otlpwire.Begin(dst, 15)
		dst = appendText(dst, 2, s.StatusMessage)
		if s.StatusCode != 0 {
			dst = otlpwire.AppendUint(dst, 3, uint64(s.StatusCode))
		}
		dst = otlpwire.End(dst, mark)
	}
	if s.Flags != 0 {
		dst = otlpwire.AppendFixed32(dst, 16, s.Flags)
	}
	return dst
}

func appendEvent(dst []byte, e *Event) []byte {
	if e.TimeNanos != 0 {
		dst = otlpwire.AppendFixed64(dst, 1, e.TimeNanos)
	}
	dst = appendText(dst, fieldEventName, e.Name)
	dst = appendAttrs(dst, fieldEventAttrs, e.Attrs)
	return appendCount(dst, 4, e.DroppedAttrs)
}

func appendLink(dst []byte, l *Link) []byte {
	if !l.TraceID.IsZero() {
		dst = otlpwire.AppendLen(dst, fieldLinkTraceID, l.TraceID[:])
	}
	if !l.SpanID.IsZero() {
		dst = otlpwire.AppendLen(dst, fieldLinkSpanID, l.SpanID[:])
	}
	dst = appendText(dst, 3, l.TraceState)
	dst = appendAttrs(dst, fieldLinkAttrs, l.Attrs)
	dst = appendCount(dst, 5, l.DroppedAttrs)
	if l.Flags != 0 {
		dst = otlpwire.AppendFixed32(dst, 6, l.Flags)
	}
	return dst
}

func appendAttrs(dst []byte, field uint32, attrs []Attr) []byte {
	for i := range attrs {
		var kv, val int
		dst, kv = otlpwire.Begin(dst, field)
		dst = appendText(dst, 1, attrs[i].Key)
		dst, val = otlpwire.Begin(dst, 2)
		dst = otlpwire.End(appendValue(dst, &attrs[i].Value), val)
		dst = otlpwire.End(dst, kv)
	}
	return dst
}

// appendValue appends an AnyValue message. Its members have explicit presence:
// false, 0 and "" are written.
func appendValue(dst []byte, v *Value) []byte {
	switch v.Kind {
	case KindString:
		return otlpwire.AppendLen(dst, uint32(otlpwire.ValueString), v.Str)
	case KindBytes:
		return otlpwire.AppendLen(dst, uint32(otlpwire.ValueBytes), v.Str)
	case KindBool:
		return otlpwire.AppendUint(dst, uint32(otlpwire.ValueBool), uint64(v.Int))
	case KindInt:
		return otlpwire.AppendUint(dst, uint32(otlpwire.ValueInt), uint64(v.Int))
	case KindDouble:
		return otlpwire.AppendFixed64(dst, uint32(otlpwire.ValueDouble), math.Float64bits(v.Dbl))
	case KindList:
		dst, list := otlpwire.Begin(dst, uint32(otlpwire.ValueList))
		for i := range v.List {
			var item int
			dst, item = otlpwire.Begin(dst, 1)
			dst = otlpwire.End(appendValue(dst, &v.List[i]), item)
		}
		return otlpwire.End(dst, list)
	case KindMap:
		dst, entries := otlpwire.Begin(dst, uint32(otlpwire.ValueMap))
		return otlpwire.End(appendAttrs(dst, 1, v.Map), entries)
	default:
		return dst
	}
}

func appendText(dst []byte, field uint32, v string) []byte {
	if v == "" {
		return dst
	}
	return otlpwire.AppendLen(dst, field, v)
}

func appendCount(dst []byte, field, n uint32) []byte {
	if n == 0 {
		return dst
	}
	return otlpwire.AppendUint(dst, field, uint64(n))
}

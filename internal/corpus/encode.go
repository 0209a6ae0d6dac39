package corpus

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// AppendRequest appends an ExportTraceServiceRequest with the spans grouped by
// resource, then by scope, each in order of first appearance. It is the plain
// encoder: the corpus's own stream has a faster one that writes equal bytes.
func AppendRequest(dst []byte, spans []Span) []byte {
	type group struct {
		resource *Resource
		scopes   []*Scope
		bodies   [][]byte
	}
	var groups []*group
	byResource := make(map[*Resource]*group)
	for i := range spans {
		s := &spans[i]
		g := byResource[s.Resource]
		if g == nil {
			g = &group{resource: s.Resource}
			byResource[s.Resource] = g
			groups = append(groups, g)
		}
		k := 0
		for k < len(g.scopes) && g.scopes[k] != s.Scope {
			k++
		}
		if k == len(g.scopes) {
			g.scopes = append(g.scopes, s.Scope)
			g.bodies = append(g.bodies, appendScope(nil, s.Scope))
		}
		g.bodies[k] = appendBytes(g.bodies[k], 2, appendSpanBody(nil, s))
	}
	for _, g := range groups {
		body := appendResource(nil, g.resource)
		for _, scoped := range g.bodies {
			body = appendBytes(body, 2, scoped)
		}
		dst = appendBytes(dst, 1, body)
	}
	return dst
}

// appendResource appends field 1 of ResourceSpans.
func appendResource(dst []byte, r *Resource) []byte {
	return appendBytes(dst, 1, appendAttrs(nil, 1, r.Attrs))
}

// appendScope appends field 1 of ScopeSpans.
func appendScope(dst []byte, s *Scope) []byte {
	return appendBytes(dst, 1, appendString(appendString(nil, 1, s.Name), 2, s.Version))
}

func appendSpanBody(dst []byte, s *Span) []byte {
	dst = appendBytes(dst, 1, s.TraceID[:])
	dst = appendBytes(dst, 2, s.SpanID[:])
	if s.Parent != (SpanID{}) {
		dst = appendBytes(dst, 4, s.Parent[:])
	}
	dst = appendString(dst, 5, s.Name)
	dst = protowire.AppendVarint(protowire.AppendTag(dst, 6, protowire.VarintType), uint64(s.Kind))
	dst = appendFixed(dst, 7, uint64(s.Start))
	dst = appendFixed(dst, 8, uint64(s.End))
	dst = appendAttrs(dst, 9, s.Attrs)
	for i := range s.Events {
		dst = appendBytes(dst, 11, appendEventBody(nil, &s.Events[i]))
	}
	for i := range s.Links {
		l := &s.Links[i]
		body := appendBytes(appendBytes(nil, 1, l.TraceID[:]), 2, l.SpanID[:])
		dst = appendBytes(dst, 13, appendAttrs(body, 4, l.Attrs))
	}
	if s.Status != StatusUnset {
		var body []byte
		if s.StatusMessage != "" {
			body = appendString(body, 2, s.StatusMessage)
		}
		body = protowire.AppendTag(body, 3, protowire.VarintType)
		dst = appendBytes(dst, 15, protowire.AppendVarint(body, uint64(s.Status)))
	}
	dst = protowire.AppendTag(dst, 16, protowire.Fixed32Type)
	return protowire.AppendFixed32(dst, s.Flags)
}

func appendEventBody(dst []byte, e *Event) []byte {
	dst = appendString(appendFixed(dst, 1, uint64(e.Time)), 2, e.Name)
	return appendAttrs(dst, 3, e.Attrs)
}

// appendAttrs appends each attribute as a KeyValue in the numbered field.
func appendAttrs(dst []byte, field protowire.Number, attrs []Attr) []byte {
	for i := range attrs {
		a := &attrs[i]
		value := sizeAnyValue(a.Value)
		dst = protowire.AppendTag(dst, field, protowire.BytesType)
		dst = protowire.AppendVarint(dst, uint64(2+protowire.SizeBytes(len(a.Key))+protowire.SizeBytes(value)))
		dst = appendString(dst, 1, a.Key)
		dst = protowire.AppendTag(dst, 2, protowire.BytesType)
		dst = appendAnyValue(protowire.AppendVarint(dst, uint64(value)), a.Value)
	}
	return dst
}

// sizeAnyValue returns how many bytes appendAnyValue appends.
func sizeAnyValue(v Value) int {
	switch v.Type {
	case TypeBool:
		return 2
	case TypeInt:
		return 1 + protowire.SizeVarint(uint64(v.Int))
	case TypeDouble:
		return 9
	default:
		return 1 + protowire.SizeBytes(len(v.Str))
	}
}

func appendAnyValue(dst []byte, v Value) []byte {
	switch v.Type {
	case TypeBool:
		dst = protowire.AppendTag(dst, 2, protowire.VarintType)
		return protowire.AppendVarint(dst, protowire.EncodeBool(v.Bool))
	case TypeInt:
		return protowire.AppendVarint(protowire.AppendTag(dst, 3, protowire.VarintType), uint64(v.Int))
	case TypeDouble:
		return appendFixed(dst, 4, math.Float64bits(v.Double))
	default:
		return appendString(dst, 1, v.Str)
	}
}

func appendBytes(dst []byte, field protowire.Number, body []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(dst, field, protowire.BytesType), body)
}

func appendString(dst []byte, field protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(dst, field, protowire.BytesType), s)
}

func appendFixed(dst []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(dst, field, protowire.Fixed64Type), v)
}

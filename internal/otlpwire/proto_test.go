package otlpwire

import (
	"math/rand/v2"
	"strings"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// newProto returns an empty generated message of type m: the reference.
func newProto(m Message) proto.Message {
	switch m {
	case MessageRequest:
		return &collectorpb.ExportTraceServiceRequest{}
	case MessageResourceSpans:
		return &tracepb.ResourceSpans{}
	case MessageResource:
		return &resourcepb.Resource{}
	case MessageEntityRef:
		return &commonpb.EntityRef{}
	case MessageScopeSpans:
		return &tracepb.ScopeSpans{}
	case MessageScope:
		return &commonpb.InstrumentationScope{}
	case MessageSpan:
		return &tracepb.Span{}
	case MessageEvent:
		return &tracepb.Span_Event{}
	case MessageLink:
		return &tracepb.Span_Link{}
	case MessageStatus:
		return &tracepb.Status{}
	case MessageAttr:
		return &commonpb.KeyValue{}
	case MessageValue:
		return &commonpb.AnyValue{}
	case MessageList:
		return &commonpb.ArrayValue{}
	case MessageMap:
		return &commonpb.KeyValueList{}
	}
	panic("unknown message")
}

// fill sets random fields of a message, whatever its type.
func fill(r *rand.Rand, m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if r.IntN(3) == 0 || f.Kind() == protoreflect.MessageKind && depth == 0 {
			continue
		}
		if !f.IsList() {
			if f.Kind() == protoreflect.MessageKind {
				fill(r, m.Mutable(f).Message(), depth-1)
				continue
			}
			m.Set(f, randomScalar(r, f))
			continue
		}
		list := m.Mutable(f).List()
		for range r.IntN(4) {
			if f.Kind() == protoreflect.MessageKind {
				fill(r, list.AppendMutable().Message(), depth-1)
				continue
			}
			list.Append(randomScalar(r, f))
		}
	}
}

func randomScalar(r *rand.Rand, f protoreflect.FieldDescriptor) protoreflect.Value {
	n := r.Uint64() >> r.IntN(64)
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(strings.Repeat([]string{"x", "ü", "\x01\"\\/", "\U0001F600"}[r.IntN(4)], r.IntN(3)*r.IntN(70)))
	case protoreflect.BytesKind:
		size := r.IntN(4)
		switch f.Name() {
		case "trace_id":
			size = 16
		case "span_id", "parent_span_id":
			size = 8
		}
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return protoreflect.ValueOfBytes(b)
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(n%2 == 0)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(int32(n) >> r.IntN(32)))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(n))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(int64(n))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(n))
	case protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(n)
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(float64(n) / 8)
	}
	panic("kind without a generator: " + f.Kind().String())
}

// randomWire returns the encoding of a random message.
func randomWire(r *rand.Rand, m Message) []byte {
	p := newProto(m)
	fill(r, p.ProtoReflect(), 7)
	b, err := proto.Marshal(p)
	if err != nil {
		panic(err)
	}
	return b
}

// The functions below rebuild generated messages from the views, to compare.

func viewRequest(b []byte) *collectorpb.ExportTraceServiceRequest {
	out := &collectorpb.ExportTraceServiceRequest{}
	for f := FramesOf(b, FieldResourceSpans); f.Next(); {
		var v ResourceSpans
		check(v.Decode(f.Bytes()))
		rs := &tracepb.ResourceSpans{SchemaUrl: string(v.SchemaURL)}
		if v.Resource != nil {
			rs.Resource = viewResource(v.Resource)
		}
		for g := FramesOf(f.Bytes(), FieldScopeSpans); g.Next(); {
			var w ScopeSpans
			check(w.Decode(g.Bytes()))
			ss := &tracepb.ScopeSpans{SchemaUrl: string(w.SchemaURL)}
			if w.Scope != nil {
				ss.Scope = viewScope(w.Scope)
			}
			var span Span
			for h := FramesOf(g.Bytes(), FieldSpans); h.Next(); {
				check(span.Decode(h.Bytes()))
				ss.Spans = append(ss.Spans, viewSpan(&span))
			}
			rs.ScopeSpans = append(rs.ScopeSpans, ss)
		}
		out.ResourceSpans = append(out.ResourceSpans, rs)
	}
	return out
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func viewResource(b []byte) *resourcepb.Resource {
	var v Resource
	check(v.Decode(b))
	out := &resourcepb.Resource{Attributes: viewAttrs(v.Attrs.List), DroppedAttributesCount: v.DroppedAttrs}
	for f := FramesOf(b, 3); f.Next(); {
		var e EntityRef
		check(e.Decode(f.Bytes()))
		ref := &commonpb.EntityRef{SchemaUrl: string(e.SchemaURL), Type: string(e.Type)}
		for _, k := range e.IDKeys {
			ref.IdKeys = append(ref.IdKeys, string(k))
		}
		for _, k := range e.DescriptionKeys {
			ref.DescriptionKeys = append(ref.DescriptionKeys, string(k))
		}
		out.EntityRefs = append(out.EntityRefs, ref)
	}
	return out
}

func viewScope(b []byte) *commonpb.InstrumentationScope {
	var v Scope
	check(v.Decode(b))
	return &commonpb.InstrumentationScope{
		Name: string(v.Name), Version: string(v.Version),
		Attributes: viewAttrs(v.Attrs.List), DroppedAttributesCount: v.DroppedAttrs,
	}
}

func viewSpan(s *Span) *tracepb.Span {
	out := &tracepb.Span{
		TraceId: s.TraceID, SpanId: s.SpanID, TraceState: string(s.TraceState), ParentSpanId: s.ParentID,
		Name: string(s.Name), Kind: tracepb.Span_SpanKind(s.Kind), Flags: s.Flags,
		StartTimeUnixNano: s.StartNanos, EndTimeUnixNano: s.EndNanos, Attributes: viewAttrs(s.Attrs.List),
		DroppedAttributesCount: s.DroppedAttrs, DroppedEventsCount: s.DroppedEvents, DroppedLinksCount: s.DroppedLinks,
		Status: &tracepb.Status{Message: string(s.StatusMessage), Code: tracepb.Status_StatusCode(s.StatusCode)},
	}
	var e Event
	for f := FramesOf(s.Events, FieldEvents); f.Next(); {
		check(e.Decode(f.Bytes()))
		out.Events = append(out.Events, &tracepb.Span_Event{
			TimeUnixNano: e.TimeNanos, Name: string(e.Name), Attributes: viewAttrs(e.Attrs.List), DroppedAttributesCount: e.DroppedAttrs,
		})
	}
	var l Link
	for f := FramesOf(s.Links, FieldLinks); f.Next(); {
		check(l.Decode(f.Bytes()))
		out.Links = append(out.Links, &tracepb.Span_Link{
			TraceId: l.TraceID, SpanId: l.SpanID, TraceState: string(l.TraceState), Flags: l.Flags,
			Attributes: viewAttrs(l.Attrs.List), DroppedAttributesCount: l.DroppedAttrs,
		})
	}
	// Cloned, since the view's slices change with the next Decode.
	return proto.Clone(out).(*tracepb.Span)
}

func viewAttrs(list []Attr) []*commonpb.KeyValue {
	var out []*commonpb.KeyValue
	for i := range list {
		out = append(out, &commonpb.KeyValue{Key: string(list[i].Key), Value: viewValue(&list[i].Value)})
	}
	return out
}

func viewValue(v *Value) *commonpb.AnyValue {
	out := &commonpb.AnyValue{}
	switch v.Kind {
	case ValueString:
		out.Value = &commonpb.AnyValue_StringValue{StringValue: string(v.Bytes)}
	case ValueBytes:
		out.Value = &commonpb.AnyValue_BytesValue{BytesValue: v.Bytes}
	case ValueBool:
		out.Value = &commonpb.AnyValue_BoolValue{BoolValue: v.Num != 0}
	case ValueInt:
		out.Value = &commonpb.AnyValue_IntValue{IntValue: v.Int()}
	case ValueDouble:
		out.Value = &commonpb.AnyValue_DoubleValue{DoubleValue: v.Double()}
	case ValueList:
		list := &commonpb.ArrayValue{}
		for f := v.Items(); f.Next(); {
			var item Value
			check(item.Decode(f.Bytes()))
			list.Values = append(list.Values, viewValue(&item))
		}
		out.Value = &commonpb.AnyValue_ArrayValue{ArrayValue: list}
	case ValueMap:
		entries := &commonpb.KeyValueList{}
		for f := v.Entries(); f.Next(); {
			var entry Attr
			check(entry.Decode(f.Bytes()))
			entries.Values = append(entries.Values, viewAttrs([]Attr{entry})...)
		}
		out.Value = &commonpb.AnyValue_KvlistValue{KvlistValue: entries}
	}
	return out
}

// canonical strips what views do not keep: unknown fields, string table
// references, and whether a value or status is present but empty.
func canonical(m proto.Message) []byte {
	b, err := proto.Marshal(m)
	check(err)
	m = m.ProtoReflect().New().Interface()
	check(proto.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(b, m))
	normalise(m.ProtoReflect())
	b, err = proto.MarshalOptions{Deterministic: true}.Marshal(m)
	check(err)
	return b
}

func normalise(m protoreflect.Message) {
	switch x := m.Interface().(type) {
	case *commonpb.KeyValue:
		x.KeyStrindex = 0
		if x.Value == nil {
			x.Value = &commonpb.AnyValue{}
		}
	case *commonpb.AnyValue:
		if _, ok := x.Value.(*commonpb.AnyValue_StringValueStrindex); ok {
			x.Value = nil
		}
	case *tracepb.Span:
		if x.Status == nil {
			x.Status = &tracepb.Status{}
		}
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Kind() != protoreflect.MessageKind {
			return true
		}
		if !f.IsList() {
			normalise(v.Message())
			return true
		}
		for i := range v.List().Len() {
			normalise(v.List().Get(i).Message())
		}
		return true
	})
}

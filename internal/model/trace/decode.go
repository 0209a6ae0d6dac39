package trace

import (
	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/otlpwire"
)

// The functions of this file turn documents back into what OTLP's messages say.
// They accept any bytes and fail with an error of class base.ClassInvalid.

func decodeResource(doc []byte) (*Resource, error) {
	url, msg, ok := splitGroupDoc(doc)
	if !ok {
		return nil, base.Errorf(base.ClassInvalid, "document is cut off in its schema URL")
	}
	var view otlpwire.Resource
	if err := view.Decode(msg); err != nil {
		return nil, err
	}
	r := &Resource{DroppedAttrs: view.DroppedAttrs, SchemaURL: string(url)}
	var err error
	if r.Attrs, err = attrsOf(&view.Attrs); err != nil {
		return nil, err
	}
	var e otlpwire.EntityRef
	for f := otlpwire.FramesOf(msg, 3); f.Next(); {
		if err := e.Decode(f.Bytes()); err != nil {
			return nil, err
		}
		r.Entities = append(r.Entities, EntityRef{
			SchemaURL: string(e.SchemaURL), Type: string(e.Type),
			IDKeys: stringsOf(e.IDKeys), DescriptionKeys: stringsOf(e.DescriptionKeys),
		})
	}
	return r, nil
}

func decodeScope(doc []byte) (*Scope, error) {
	url, msg, ok := splitGroupDoc(doc)
	if !ok {
		return nil, base.Errorf(base.ClassInvalid, "document is cut off in its schema URL")
	}
	var view otlpwire.Scope
	if err := view.Decode(msg); err != nil {
		return nil, err
	}
	attrs, err := attrsOf(&view.Attrs)
	return &Scope{
		Name: string(view.Name), Version: string(view.Version),
		Attrs: attrs, DroppedAttrs: view.DroppedAttrs, SchemaURL: string(url),
	}, err
}

func decodeEvents(doc []byte) ([]Event, error) {
	var events []Event
	var view otlpwire.Event
	frames := otlpwire.FramesOf(doc, otlpwire.FieldEvents)
	for frames.Next() {
		if err := view.Decode(frames.Bytes()); err != nil {
			return nil, otlpwire.At("events", len(events), err)
		}
		attrs, err := attrsOf(&view.Attrs)
		if err != nil {
			return nil, otlpwire.At("events", len(events), err)
		}
		events = append(events, Event{
			TimeNanos: view.TimeNanos, Name: string(view.Name), Attrs: attrs, DroppedAttrs: view.DroppedAttrs,
		})
	}
	return events, frames.Err()
}

func decodeLinks(doc []byte) ([]Link, error) {
	var links []Link
	var view otlpwire.Link
	frames := otlpwire.FramesOf(doc, otlpwire.FieldLinks)
	for frames.Next() {
		if err := view.Decode(frames.Bytes()); err != nil {
			return nil, otlpwire.At("links", len(links), err)
		}
		attrs, err := attrsOf(&view.Attrs)
		if err != nil {
			return nil, otlpwire.At("links", len(links), err)
		}
		l := Link{TraceState: string(view.TraceState), Attrs: attrs, DroppedAttrs: view.DroppedAttrs, Flags: view.Flags}
		if len(view.TraceID) == len(l.TraceID) {
			l.TraceID = ID(view.TraceID)
		}
		if len(view.SpanID) == len(l.SpanID) {
			l.SpanID = SpanID(view.SpanID)
		}
		links = append(links, l)
	}
	return links, frames.Err()
}

// decodeExtra decodes the extra document: attributes in the order they came.
func decodeExtra(doc []byte) ([]Attr, error) {
	return attrsIn(otlpwire.FramesOf(doc, fieldSpanAttrs), 0)
}

// decodeValue decodes the document of an attribute column: an AnyValue.
func decodeValue(doc []byte) (Value, error) { return valueIn(doc, 0) }

func attrsOf(view *otlpwire.Attrs) ([]Attr, error) {
	if len(view.List) == 0 {
		return nil, nil
	}
	attrs := make([]Attr, len(view.List))
	for i := range view.List {
		a := &view.List[i]
		v, err := valueOf(&a.Value, 0)
		if err != nil {
			return nil, otlpwire.At("attributes", i, err)
		}
		attrs[i] = Attr{Key: string(a.Key), Value: v}
	}
	return attrs, nil
}

// attrsIn decodes frames of KeyValue messages.
func attrsIn(frames otlpwire.Frames, depth int) ([]Attr, error) {
	var attrs []Attr
	var view otlpwire.Attr
	for frames.Next() {
		if err := view.Decode(frames.Bytes()); err != nil {
			return nil, err
		}
		v, err := valueOf(&view.Value, depth)
		if err != nil {
			return nil, err
		}
		attrs = append(attrs, Attr{Key: string(view.Key), Value: v})
	}
	return attrs, frames.Err()
}

func valueIn(msg []byte, depth int) (Value, error) {
	var view otlpwire.Value
	if err := view.Decode(msg); err != nil {
		return Value{}, err
	}
	return valueOf(&view, depth)
}

func valueOf(v *otlpwire.Value, depth int) (Value, error) {
	if depth > otlpwire.MaxDepth {
		return Value{}, base.Errorf(base.ClassInvalid, "lists and maps nest deeper than %d", otlpwire.MaxDepth)
	}
	switch v.Kind {
	case otlpwire.ValueString:
		return Value{Kind: KindString, Str: string(v.Bytes)}, nil
	case otlpwire.ValueBytes:
		return Value{Kind: KindBytes, Str: string(v.Bytes)}, nil
	case otlpwire.ValueBool:
		return Value{Kind: KindBool, Int: int64(v.Num)}, nil
	case otlpwire.ValueInt:
		return Value{Kind: KindInt, Int: v.Int()}, nil
	case otlpwire.ValueDouble:
		return Value{Kind: KindDouble, Dbl: v.Double()}, nil
	case otlpwire.ValueList:
		list := []Value{}
		frames := v.Items()
		for frames.Next() {
			item, err := valueIn(frames.Bytes(), depth+1)
			if err != nil {
				return Value{}, err
			}
			list = append(list, item)
		}
		return Value{Kind: KindList, List: list}, frames.Err()
	case otlpwire.ValueMap:
		attrs, err := attrsIn(v.Entries(), depth+1)
		return Value{Kind: KindMap, Map: attrs}, err
	default:
		return Value{}, nil
	}
}

func stringsOf(list [][]byte) []string {
	if len(list) == 0 {
		return nil
	}
	out := make([]string, len(list))
	for i, b := range list {
		out[i] = string(b)
	}
	return out
}

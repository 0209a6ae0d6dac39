package trace

import (
	"encoding/hex"
	"math"

	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/otlpwire"
)

// Element is a view of one message of a document: the resource, the scope, one of
// the events or one of the links. What its kind does not have is empty. It aliases
// the document.
type Element struct {
	SchemaURL  []byte // of resources and scopes
	Name       []byte // of scopes and events
	Version    []byte // of scopes
	TraceState []byte // of links

	time            uint64
	traceID, spanID []byte
	msg             []byte
	attrs           uint32 // field of msg that holds the attributes
}

// Elements calls visit for every element of a document of column ColResource,
// ColScope, ColEvents or ColLinks, until visit returns false. The view is valid
// during the call only. It accepts any bytes: a damaged document has the elements
// before the damage.
func Elements(id column.ID, doc []byte, visit func(*Element) bool) {
	switch id {
	case ColResource, ColScope:
		url, msg, ok := splitGroupDoc(doc)
		if !ok {
			return
		}
		e := Element{SchemaURL: url, msg: msg, attrs: fieldResourceAttrs}
		if id == ColScope {
			e.Name, e.Version, e.attrs = last(msg, fieldScopeName), last(msg, fieldScopeVersion), fieldScopeAttrs
		}
		visit(&e)
	case ColEvents:
		for f := otlpwire.FramesOf(doc, otlpwire.FieldEvents); f.Next(); {
			if e := eventElement(f.Bytes()); !visit(&e) {
				return
			}
		}
	case ColLinks:
		for f := otlpwire.FramesOf(doc, otlpwire.FieldLinks); f.Next(); {
			if e := linkElement(f.Bytes()); !visit(&e) {
				return
			}
		}
	}
}

func eventElement(msg []byte) Element {
	e := Element{msg: msg, attrs: fieldEventAttrs}
	var c otlpwire.Cursor
	for c.Reset(msg); c.Next(); {
		switch {
		case c.Number() == fieldEventTime && c.Type() == otlpwire.Fixed64:
			e.time = c.Uint
		case c.Number() == fieldEventName && c.Type() == otlpwire.Len:
			e.Name = c.Bytes
		}
	}
	return e
}

func linkElement(msg []byte) Element {
	e := Element{msg: msg, attrs: fieldLinkAttrs}
	var c otlpwire.Cursor
	for c.Reset(msg); c.Next(); {
		if c.Type() != otlpwire.Len {
			continue
		}
		switch c.Number() {
		case fieldLinkTraceID:
			e.traceID = c.Bytes
		case fieldLinkSpanID:
			e.spanID = c.Bytes
		case fieldLinkTraceState:
			e.TraceState = c.Bytes
		}
	}
	return e
}

// TimeNanos returns when an event happened, in Unix nanoseconds; what 63 bits do
// not hold is the latest instant that they do.
func (e *Element) TimeNanos() int64 { return int64(min(e.time, math.MaxInt64)) }

// SinceNanos returns how long after a start, in Unix nanoseconds, an event
// happened; negative when it was before.
func (e *Element) SinceNanos(start int64) int64 { return int64(e.time - uint64(start)) }

// AppendTraceID appends the trace id of a link as 32 lowercase hex digits, or
// nothing when the link has none.
func (e *Element) AppendTraceID(dst []byte) []byte { return appendID(dst, e.traceID) }

// AppendSpanID appends the span id of a link as 16 lowercase hex digits, or
// nothing when the link has none.
func (e *Element) AppendSpanID(dst []byte) []byte { return appendID(dst, e.spanID) }

func appendID(dst, id []byte) []byte {
	for _, b := range id {
		if b != 0 {
			return hex.AppendEncode(dst, id)
		}
	}
	return dst
}

// Values calls visit for what the element's attributes hold under a name, as
// Values does, and reports whether to go on.
func (e *Element) Values(name string, visit func(column.Value) bool) bool {
	return finder{name, visit}.attrs(e.msg, e.attrs, 0, 0)
}

// Values calls visit for what the attributes of a document hold under a name,
// until visit returns false: the tags of that name that Expand emits, and, as a
// value without a type, each list, map and empty value of that name. So a name is
// among the attributes if and only if visit is called. It reports whether visit
// wants to go on. The document is of any Doc column; names that Expand derives
// from fields are none of an attribute.
func Values(id column.ID, doc []byte, name string, visit func(column.Value) bool) bool {
	f := finder{name, visit}
	if id.Family == FamilyAttr {
		var v otlpwire.Value
		if v.Decode(doc) != nil {
			return true
		}
		if id.Name == name {
			return f.value(&v, 0)
		}
		if isPrefix([]byte(id.Name), name) {
			return f.below(&v, len(id.Name)+1, 0)
		}
		return true
	}
	if id == ColExtra {
		return f.attrs(doc, fieldSpanAttrs, 0, 0)
	}
	more := true
	Elements(id, doc, func(e *Element) bool {
		more = e.Values(name, visit)
		return more
	})
	return more
}

// isPrefix reports whether name may lie inside a map under the key.
func isPrefix(key []byte, name string) bool {
	return len(key) < len(name) && name[len(key)] == '.' && string(key) == name[:len(key)]
}

// finder visits the values under a name. Its methods report whether to go on.
type finder struct {
	name  string
	visit func(column.Value) bool
}

// attrs looks at attributes whose own names begin at byte from of the name.
func (f finder) attrs(msg []byte, field uint32, from, depth int) bool {
	rest := f.name[from:]
	var a otlpwire.Attr
	for frames := otlpwire.FramesOf(msg, field); frames.Next(); {
		if a.Decode(frames.Bytes()) != nil {
			return true
		}
		if from > 0 && from-1+len(a.Key) > maxTagPath {
			continue
		}
		switch {
		case string(a.Key) == rest:
			if !f.value(&a.Value, depth) {
				return false
			}
		case isPrefix(a.Key, rest):
			if !f.below(&a.Value, from+len(a.Key)+1, depth) {
				return false
			}
		}
	}
	return true
}

// value visits a value of the name.
func (f finder) value(v *otlpwire.Value, depth int) bool {
	if t, ok := scalar(v); ok {
		return f.visit(t)
	}
	if !f.visit(column.Value{}) {
		return false
	}
	return f.items(v, depth, func(item *otlpwire.Value) bool { return f.value(item, depth+1) })
}

// below visits the values of the name inside a value whose own name ends before
// byte from.
func (f finder) below(v *otlpwire.Value, from, depth int) bool {
	if v.Kind == otlpwire.ValueMap && depth < otlpwire.MaxDepth {
		return f.attrs(v.Bytes, 1, from, depth+1)
	}
	return f.items(v, depth, func(item *otlpwire.Value) bool { return f.below(item, from, depth+1) })
}

func (f finder) items(v *otlpwire.Value, depth int, visit func(*otlpwire.Value) bool) bool {
	if v.Kind != otlpwire.ValueList || depth == otlpwire.MaxDepth {
		return true
	}
	var item otlpwire.Value
	for frames := v.Items(); frames.Next(); {
		if item.Decode(frames.Bytes()) != nil {
			return true
		}
		if !visit(&item) {
			return false
		}
	}
	return true
}

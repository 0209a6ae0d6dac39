package trace

import (
	"encoding/binary"
	"encoding/hex"
	"slices"

	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/otlpwire"
)

// Names of the tags that Expand derives from fields instead of attributes. The
// scope's are OpenTelemetry's own names for exporters without scopes; those of
// events and links hold a colon, which keeps them apart from attribute keys.
const (
	TagScopeName    = "otel.scope.name"
	TagScopeVersion = "otel.scope.version"
	TagEventName    = "event:name"
	TagLinkTraceID  = "link:trace_id" // 32 lowercase hex digits
	TagLinkSpanID   = "link:span_id"  // 16 lowercase hex digits
)

// The same names as tags carry them: searches expand every event of a block.
var (
	tagScopeName    = []byte(TagScopeName)
	tagScopeVersion = []byte(TagScopeVersion)
	tagEventName    = []byte(TagEventName)
	tagLinkTraceID  = []byte(TagLinkTraceID)
	tagLinkSpanID   = []byte(TagLinkSpanID)
)

// maxTagPath bounds the joined keys of nested maps. Without it, one huge key
// above many small ones would expand to the square of the document's size.
const maxTagPath = 1 << 10

// Field numbers of the messages that documents hold.
const (
	fieldResourceAttrs  = 1
	fieldScopeName      = 1
	fieldScopeVersion   = 2
	fieldScopeAttrs     = 3
	fieldSpanAttrs      = 9
	fieldEventTime      = 1
	fieldEventName      = 2
	fieldEventAttrs     = 3
	fieldLinkTraceID    = 1
	fieldLinkSpanID     = 2
	fieldLinkTraceState = 3
	fieldLinkAttrs      = 4
)

// appendGroupDoc appends the document of a resource or scope; see doc.go.
func appendGroupDoc(dst, schemaURL, msg []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(schemaURL)))
	dst = append(dst, schemaURL...)
	return append(dst, msg...)
}

// splitGroupDoc is the reverse of appendGroupDoc.
func splitGroupDoc(doc []byte) (schemaURL, msg []byte, ok bool) {
	n, w := binary.Uvarint(doc)
	if w <= 0 || n > uint64(len(doc)-w) {
		return nil, nil, false
	}
	doc = doc[w:]
	return doc[:n], doc[n:], true
}

// Expand emits the tags of a document, as column.Layout.Expand demands:
//
//   - resource, scope: attributes by key, and the scope's TagScopeName and
//     TagScopeVersion
//   - events: TagEventName and attributes of each event
//   - links: TagLinkTraceID, TagLinkSpanID and attributes of each link
//   - extra, and documents of attribute columns: span attributes
//
// A list is a tag per element under the list's name, so that a search finds a
// list by any element; an entry of a map is named map key, dot, entry key. Empty
// values are no tags, nor are attributes of events and links that bear the name
// of a derived tag: that name always tells of the field.
func Expand(id column.ID, doc []byte, emit func(column.Tag) bool) {
	x := expander{emit: emit}
	if id.Family == FamilyAttr {
		var v otlpwire.Value
		if v.Decode(doc) == nil {
			x.value([]byte(id.Name), &v, 0)
		}
		return
	}
	switch id {
	case ColResource:
		if _, msg, ok := splitGroupDoc(doc); ok {
			x.attrs(msg, fieldResourceAttrs)
		}
	case ColScope:
		if _, msg, ok := splitGroupDoc(doc); ok {
			x.text(tagScopeName, last(msg, fieldScopeName))
			x.text(tagScopeVersion, last(msg, fieldScopeVersion))
			x.attrs(msg, fieldScopeAttrs)
		}
	case ColEvents:
		x.derived = derivedEventTags
		for f := otlpwire.FramesOf(doc, otlpwire.FieldEvents); f.Next() && !x.stop; {
			x.text(tagEventName, last(f.Bytes(), fieldEventName))
			x.attrs(f.Bytes(), fieldEventAttrs)
		}
	case ColLinks:
		x.derived = derivedLinkTags
		for f := otlpwire.FramesOf(doc, otlpwire.FieldLinks); f.Next() && !x.stop; {
			x.hex(tagLinkTraceID, last(f.Bytes(), fieldLinkTraceID))
			x.hex(tagLinkSpanID, last(f.Bytes(), fieldLinkSpanID))
			x.attrs(f.Bytes(), fieldLinkAttrs)
		}
	case ColExtra:
		x.attrs(doc, fieldSpanAttrs)
	}
}

// last returns the payload of the last such field, which is the one that counts.
func last(msg []byte, field uint32) []byte {
	var v []byte
	for f := otlpwire.FramesOf(msg, field); f.Next(); {
		v = f.Bytes()
	}
	return v
}

// derivedEventTags and derivedLinkTags are names that attributes cannot take.
var (
	derivedEventTags = []string{TagEventName}
	derivedLinkTags  = []string{TagLinkTraceID, TagLinkSpanID}
)

type expander struct {
	emit    func(column.Tag) bool
	derived []string
	stop    bool
	buf     [64]byte
}

func (x *expander) tag(name []byte, v column.Value) {
	if !x.stop {
		x.stop = !x.emit(column.Tag{Name: name, Value: v})
	}
}

func (x *expander) text(name, v []byte) {
	if len(v) > 0 {
		x.tag(name, column.Value{Type: column.String, Bytes: v})
	}
}

func (x *expander) hex(name, id []byte) {
	if len(id) > 0 && len(id) <= len(x.buf)/2 {
		x.text(name, hex.AppendEncode(x.buf[:0], id))
	}
}

// attrs emits the attributes in the given field of msg.
func (x *expander) attrs(msg []byte, field uint32) {
	var a otlpwire.Attr
	for f := otlpwire.FramesOf(msg, field); f.Next() && !x.stop; {
		if a.Decode(f.Bytes()) != nil {
			return
		}
		if len(x.derived) > 0 && slices.Contains(x.derived, string(a.Key)) {
			continue
		}
		x.value(a.Key, &a.Value, 0)
	}
}

func (x *expander) value(name []byte, v *otlpwire.Value, depth int) {
	if t, ok := scalar(v); ok {
		x.tag(name, t)
		return
	}
	if depth == otlpwire.MaxDepth {
		return
	}
	switch v.Kind {
	case otlpwire.ValueList:
		var item otlpwire.Value
		for f := v.Items(); f.Next() && !x.stop; {
			if item.Decode(f.Bytes()) != nil {
				return
			}
			x.value(name, &item, depth+1)
		}
	case otlpwire.ValueMap:
		var entry otlpwire.Attr
		var path []byte
		for f := v.Entries(); f.Next() && !x.stop; {
			if entry.Decode(f.Bytes()) != nil {
				return
			}
			if len(name)+len(entry.Key) > maxTagPath {
				continue
			}
			path = append(append(append(path[:0], name...), '.'), entry.Key...)
			x.value(path, &entry.Value, depth+1)
		}
	default: // empty
	}
}

// scalar returns the column value of an attribute value that has one.
func scalar(v *otlpwire.Value) (column.Value, bool) {
	switch v.Kind {
	case otlpwire.ValueString:
		return column.Value{Type: column.String, Bytes: v.Bytes}, true
	case otlpwire.ValueBytes:
		return column.Value{Type: column.Bytes, Bytes: v.Bytes}, true
	case otlpwire.ValueBool:
		return column.Value{Type: column.Bool, Int: int64(v.Num)}, true
	case otlpwire.ValueInt:
		return column.Value{Type: column.Int64, Int: v.Int()}, true
	case otlpwire.ValueDouble:
		return column.Value{Type: column.Float64, Float: v.Double()}, true
	default:
		return column.Value{}, false
	}
}

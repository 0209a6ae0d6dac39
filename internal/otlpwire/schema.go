package otlpwire

import "unicode/utf8"

// Message names a message type of OTLP.
type Message uint8

// The messages.
const (
	MessageRequest Message = iota + 1 // ExportTraceServiceRequest and TracesData
	MessageResourceSpans
	MessageResource
	MessageEntityRef
	MessageScopeSpans
	MessageScope
	MessageSpan
	MessageEvent
	MessageLink
	MessageStatus
	MessageAttr  // KeyValue
	MessageValue // AnyValue
	MessageList  // ArrayValue
	MessageMap   // KeyValueList
	numMessages
)

// kind is how a field's payload is read.
type kind uint8

const (
	kindString kind = iota + 1
	kindBytes
	kindTraceID // bytes that OTLP/JSON writes in hex
	kindSpanID
	kindMessage
	kindBool
	kindUint32
	kindInt32
	kindInt64
	kindEnum
	kindFixed32
	kindFixed64
	kindDouble
)

var wireTypes = [...]WireType{
	kindString: Len, kindBytes: Len, kindTraceID: Len, kindSpanID: Len, kindMessage: Len,
	kindBool: Varint, kindUint32: Varint, kindInt32: Varint, kindInt64: Varint, kindEnum: Varint,
	kindFixed32: Fixed32, kindFixed64: Fixed64, kindDouble: Fixed64,
}

// field describes one field. Kind zero means that the number is not known.
type field struct {
	name     string // as in the .proto file; OTLP/JSON writes it in lowerCamelCase
	json     string
	kind     kind
	msg      Message // of kindMessage
	repeated bool
	enum     []string // names by number, of kindEnum
}

// maxKnown is one above the highest field number of any known field.
const maxKnown = 17

// fields of a message by number.
type fields [maxKnown]field

// known returns the field with that number, or nil.
func (f *fields) known(num uint32) *field {
	if num < maxKnown && f[num].kind != 0 {
		return &f[num]
	}
	return nil
}

func str(name, json string) field         { return field{name: name, json: json, kind: kindString} }
func num(name, json string, k kind) field { return field{name: name, json: json, kind: k} }
func one(name, json string, m Message) field {
	return field{name: name, json: json, kind: kindMessage, msg: m}
}

func many(name, json string, m Message) field {
	return field{name: name, json: json, kind: kindMessage, msg: m, repeated: true}
}

var spanKinds = []string{
	"SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER",
	"SPAN_KIND_CLIENT", "SPAN_KIND_PRODUCER", "SPAN_KIND_CONSUMER",
}

var statusCodes = []string{"STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"}

var droppedAttrs = num("dropped_attributes_count", "droppedAttributesCount", kindUint32)

// schemas is OTLP as data: validation and JSON run from it. It follows
// opentelemetry-proto 1.11.
var schemas = newSchemas()

func newSchemas() [numMessages]fields {
	attrs := many("attributes", "attributes", MessageAttr)
	schemaURL := str("schema_url", "schemaUrl")
	return [numMessages]fields{
		MessageRequest:       {1: many("resource_spans", "resourceSpans", MessageResourceSpans)},
		MessageResourceSpans: {1: one("resource", "resource", MessageResource), 2: many("scope_spans", "scopeSpans", MessageScopeSpans), 3: schemaURL},
		MessageResource:      {1: attrs, 2: droppedAttrs, 3: many("entity_refs", "entityRefs", MessageEntityRef)},
		MessageEntityRef: {
			1: schemaURL, 2: str("type", "type"),
			3: {name: "id_keys", json: "idKeys", kind: kindString, repeated: true},
			4: {name: "description_keys", json: "descriptionKeys", kind: kindString, repeated: true},
		},
		MessageScopeSpans: {1: one("scope", "scope", MessageScope), 2: many("spans", "spans", MessageSpan), 3: schemaURL},
		MessageScope:      {1: str("name", "name"), 2: str("version", "version"), 3: attrs, 4: droppedAttrs},
		MessageSpan: {
			1:  num("trace_id", "traceId", kindTraceID),
			2:  num("span_id", "spanId", kindSpanID),
			3:  str("trace_state", "traceState"),
			4:  num("parent_span_id", "parentSpanId", kindSpanID),
			5:  str("name", "name"),
			6:  {name: "kind", json: "kind", kind: kindEnum, enum: spanKinds},
			7:  num("start_time_unix_nano", "startTimeUnixNano", kindFixed64),
			8:  num("end_time_unix_nano", "endTimeUnixNano", kindFixed64),
			9:  attrs,
			10: droppedAttrs,
			11: many("events", "events", MessageEvent),
			12: num("dropped_events_count", "droppedEventsCount", kindUint32),
			13: many("links", "links", MessageLink),
			14: num("dropped_links_count", "droppedLinksCount", kindUint32),
			15: one("status", "status", MessageStatus),
			16: num("flags", "flags", kindFixed32),
		},
		MessageEvent: {
			1: num("time_unix_nano", "timeUnixNano", kindFixed64), 2: str("name", "name"), 3: attrs, 4: droppedAttrs,
		},
		MessageLink: {
			1: num("trace_id", "traceId", kindTraceID), 2: num("span_id", "spanId", kindSpanID),
			3: str("trace_state", "traceState"), 4: attrs, 5: droppedAttrs, 6: num("flags", "flags", kindFixed32),
		},
		MessageStatus: {
			2: str("message", "message"),
			3: {name: "code", json: "code", kind: kindEnum, enum: statusCodes},
		},
		MessageAttr: {
			1: str("key", "key"), 2: one("value", "value", MessageValue), 3: num("key_strindex", "keyStrindex", kindInt32),
		},
		MessageValue: {
			1: str("string_value", "stringValue"),
			2: num("bool_value", "boolValue", kindBool),
			3: num("int_value", "intValue", kindInt64),
			4: num("double_value", "doubleValue", kindDouble),
			5: one("array_value", "arrayValue", MessageList),
			6: one("kvlist_value", "kvlistValue", MessageMap),
			7: num("bytes_value", "bytesValue", kindBytes),
			8: num("string_value_strindex", "stringValueStrindex", kindInt32),
		},
		MessageList: {1: many("values", "values", MessageValue)},
		MessageMap:  {1: many("values", "values", MessageAttr)},
	}
}

// Validate checks message b of type m down to its leaves: every field is whole
// and has its wire type, every string is UTF-8, values nest at most MaxDepth
// deep. The error is of class base.ClassInvalid and names the field.
func Validate(m Message, b []byte) error { return validate(m, b, 0) }

func validate(m Message, b []byte, depth int) error {
	if m == MessageValue {
		if depth++; depth > MaxDepth {
			return faultf(FaultDepth, "lists and maps nest deeper than %d", MaxDepth)
		}
	}
	known := &schemas[m]
	var c Cursor
	c.Reset(b)
	for c.Next() {
		f := known.known(c.Number())
		if f == nil {
			continue
		}
		if c.Type() != wireTypes[f.kind] {
			return mismatch(&c, f)
		}
		switch f.kind {
		case kindString:
			if !utf8.Valid(c.Bytes) {
				return At(f.name, c.index(f), faultf(FaultText, "not valid UTF-8"))
			}
		case kindMessage:
			if err := validate(f.msg, c.Bytes, depth); err != nil {
				return At(f.name, c.index(f), err)
			}
		default: // any bits will do
		}
	}
	return c.err
}

// index returns which element of repeated field f the cursor is at, or -1 for a
// singular field. It walks the message again and is for error paths only.
func (c *Cursor) index(f *field) int {
	if !f.repeated {
		return -1
	}
	n := 0
	for before := (Cursor{buf: c.buf}); before.Next() && before.start < c.start; {
		if before.Tag == c.Tag {
			n++
		}
	}
	return n
}

func mismatch(c *Cursor, f *field) error {
	return At(f.name, -1, faultf(FaultWireType, "field %d has wire type %d, want %d",
		c.Number(), c.Type(), wireTypes[f.kind]))
}

// other handles a field that a view has no case for: nil for unknown ones, an
// error for known ones, whose wire type must be wrong then.
func (c *Cursor) other(m Message) error {
	if f := schemas[m].known(c.Number()); f != nil && c.Type() != wireTypes[f.kind] {
		return mismatch(c, f)
	}
	return nil
}

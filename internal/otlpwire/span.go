package otlpwire

// Field numbers of the repeated message fields that frames walk.
const (
	FieldResourceSpans = 1  // of ExportTraceServiceRequest and TracesData
	FieldScopeSpans    = 2  // of ResourceSpans
	FieldSpans         = 2  // of ScopeSpans
	FieldEvents        = 11 // of Span
	FieldLinks         = 13 // of Span
)

// ResourceSpans is a shallow view of a ResourceSpans message; walk its scopes
// with FramesOf(b, FieldScopeSpans).
type ResourceSpans struct {
	Resource  []byte // the Resource message, merged if it came in pieces
	SchemaURL []byte
}

// Decode reads the message b.
func (r *ResourceSpans) Decode(b []byte) error {
	inner, url, err := decodeGroup(MessageResourceSpans, b)
	r.Resource, r.SchemaURL = inner, url
	return err
}

// ScopeSpans is a shallow view of a ScopeSpans message; walk its spans with
// FramesOf(b, FieldSpans).
type ScopeSpans struct {
	Scope     []byte // the InstrumentationScope message, merged if in pieces
	SchemaURL []byte
}

// Decode reads the message b.
func (s *ScopeSpans) Decode(b []byte) error {
	inner, url, err := decodeGroup(MessageScopeSpans, b)
	s.Scope, s.SchemaURL = inner, url
	return err
}

// decodeGroup reads ResourceSpans and ScopeSpans, which share their shape:
// 1 what is common, 2 the members, 3 the schema URL.
func decodeGroup(m Message, b []byte) (inner, schemaURL []byte, err error) {
	var c Cursor
	c.Reset(b)
	for c.Next() {
		switch c.Tag {
		case 1<<3 | uint32(Len):
			inner = merge(inner, c.Bytes)
		case 2<<3 | uint32(Len):
		case 3<<3 | uint32(Len):
			schemaURL = c.Bytes
		default:
			if err := c.other(m); err != nil {
				return nil, nil, err
			}
		}
	}
	return inner, schemaURL, c.err
}

// Resource is a view of a Resource message.
type Resource struct {
	Attrs        Attrs
	DroppedAttrs uint32
	EntityRefs   int // how many; walk them with FramesOf(b, 3)
}

// Decode reads the message b.
func (r *Resource) Decode(b []byte) error {
	r.Attrs.reset()
	r.DroppedAttrs, r.EntityRefs = 0, 0
	var c Cursor
	c.Reset(b)
	for c.Next() {
		var err error
		switch c.Tag {
		case 1<<3 | uint32(Len):
			err = r.Attrs.add(c.Bytes)
		case 2<<3 | uint32(Varint):
			r.DroppedAttrs = uint32(c.Uint)
		case 3<<3 | uint32(Len):
			r.EntityRefs++
		default:
			err = c.other(MessageResource)
		}
		if err != nil {
			return err
		}
	}
	return c.err
}

// EntityRef is a view of an EntityRef message of a resource.
type EntityRef struct {
	SchemaURL, Type         []byte
	IDKeys, DescriptionKeys [][]byte
}

// Decode reads the message b.
func (e *EntityRef) Decode(b []byte) error {
	*e = EntityRef{IDKeys: e.IDKeys[:0], DescriptionKeys: e.DescriptionKeys[:0]}
	var c Cursor
	c.Reset(b)
	for c.Next() {
		switch c.Tag {
		case 1<<3 | uint32(Len):
			e.SchemaURL = c.Bytes
		case 2<<3 | uint32(Len):
			e.Type = c.Bytes
		case 3<<3 | uint32(Len):
			e.IDKeys = append(e.IDKeys, c.Bytes)
		case 4<<3 | uint32(Len):
			e.DescriptionKeys = append(e.DescriptionKeys, c.Bytes)
		default:
			if err := c.other(MessageEntityRef); err != nil {
				return err
			}
		}
	}
	return c.err
}

// Scope is a view of an InstrumentationScope message.
type Scope struct {
	Name, Version []byte
	Attrs         Attrs
	DroppedAttrs  uint32
}

// Decode reads the message b.
func (s *Scope) Decode(b []byte) error {
	s.Attrs.reset()
	s.Name, s.Version, s.DroppedAttrs = nil, nil, 0
	var c Cursor
	c.Reset(b)
	for c.Next() {
		var err error
		switch c.Tag {
		case 1<<3 | uint32(Len):
			s.Name = c.Bytes
		case 2<<3 | uint32(Len):
			s.Version = c.Bytes
		case 3<<3 | uint32(Len):
			err = s.Attrs.add(c.Bytes)
		case 4<<3 | uint32(Varint):
			s.DroppedAttrs = uint32(c.Uint)
		default:
			err = c.other(MessageScope)
		}
		if err != nil {
			return err
		}
	}
	return c.err
}

// Span is a view of a Span message. Events and links stay encoded.
type Span struct {
	TraceID, SpanID, ParentID []byte // any length: the wire does not say
	TraceState, Name          []byte
	Kind                      int32
	Flags                     uint32
	StartNanos, EndNanos      uint64
	Attrs                     Attrs
	// Events and Links are the frames of these fields, tags included, in the
	// order they came: walk them with FramesOf(s.Events, FieldEvents).
	Events, Links                             []byte
	DroppedAttrs, DroppedEvents, DroppedLinks uint32
	StatusCode                                int32
	StatusMessage                             []byte

	events, links frameSet
}

// Decode reads the message b. Slices of the view alias b, or memory of the view
// that the next Decode overwrites.
func (s *Span) Decode(b []byte) error {
	s.reset()
	var c Cursor
	c.Reset(b)
	for c.Next() {
		var err error
		switch c.Tag {
		case 9<<3 | uint32(Len):
			err = s.Attrs.add(c.Bytes)
		case 1<<3 | uint32(Len):
			s.TraceID = c.Bytes
		case 2<<3 | uint32(Len):
			s.SpanID = c.Bytes
		case 3<<3 | uint32(Len):
			s.TraceState = c.Bytes
		case 4<<3 | uint32(Len):
			s.ParentID = c.Bytes
		case 5<<3 | uint32(Len):
			s.Name = c.Bytes
		case 6<<3 | uint32(Varint):
			s.Kind = int32(c.Uint)
		case 7<<3 | uint32(Fixed64):
			s.StartNanos = c.Uint
		case 8<<3 | uint32(Fixed64):
			s.EndNanos = c.Uint
		case 10<<3 | uint32(Varint):
			s.DroppedAttrs = uint32(c.Uint)
		case 11<<3 | uint32(Len):
			s.events.add(&c)
		case 12<<3 | uint32(Varint):
			s.DroppedEvents = uint32(c.Uint)
		case 13<<3 | uint32(Len):
			s.links.add(&c)
		case 14<<3 | uint32(Varint):
			s.DroppedLinks = uint32(c.Uint)
		case 15<<3 | uint32(Len):
			err = s.decodeStatus(c.Bytes)
		case 16<<3 | uint32(Fixed32):
			s.Flags = uint32(c.Uint)
		default:
			err = c.other(MessageSpan)
		}
		if err != nil {
			return err
		}
	}
	s.Events, s.Links = s.events.bytes(b), s.links.bytes(b)
	return c.err
}

func (s *Span) reset() {
	attrs, events, links := s.Attrs, s.events, s.links
	*s = Span{Attrs: attrs, events: events, links: links}
	s.Attrs.reset()
	s.events.reset()
	s.links.reset()
}

// decodeStatus reads a Status message over what an earlier one set, as merging
// demands.
func (s *Span) decodeStatus(b []byte) error {
	var c Cursor
	c.Reset(b)
	for c.Next() {
		switch c.Tag {
		case 2<<3 | uint32(Len):
			s.StatusMessage = c.Bytes
		case 3<<3 | uint32(Varint):
			s.StatusCode = int32(c.Uint)
		default:
			if err := c.other(MessageStatus); err != nil {
				return At("status", -1, err)
			}
		}
	}
	return At("status", -1, c.err)
}

// frameSet gathers the frames of a field. Encoders write them in a row, so
// mostly it is just a range of the message; scattered ones are copied together.
type frameSet struct {
	start, end int // range of the message; end 0 means none
	scattered  bool
	scratch    []byte
}

func (f *frameSet) reset() { f.start, f.end, f.scattered, f.scratch = 0, 0, false, f.scratch[:0] }

func (f *frameSet) add(c *Cursor) {
	start, end := c.Span()
	switch {
	case f.end == 0:
		f.start, f.end = start, end
		return
	case !f.scattered && f.end == start:
		f.end = end
		return
	case !f.scattered:
		f.scattered, f.scratch = true, append(f.scratch, c.buf[f.start:f.end]...)
	}
	f.scratch = append(f.scratch, c.buf[start:end]...)
}

func (f *frameSet) bytes(b []byte) []byte {
	if f.scattered {
		return f.scratch
	}
	return b[f.start:f.end]
}

// Event is a view of a Span.Event message.
type Event struct {
	TimeNanos    uint64
	Name         []byte
	Attrs        Attrs
	DroppedAttrs uint32
}

// Decode reads the message b.
func (e *Event) Decode(b []byte) error {
	e.Attrs.reset()
	e.TimeNanos, e.Name, e.DroppedAttrs = 0, nil, 0
	var c Cursor
	c.Reset(b)
	for c.Next() {
		var err error
		switch c.Tag {
		case 1<<3 | uint32(Fixed64):
			e.TimeNanos = c.Uint
		case 2<<3 | uint32(Len):
			e.Name = c.Bytes
		case 3<<3 | uint32(Len):
			err = e.Attrs.add(c.Bytes)
		case 4<<3 | uint32(Varint):
			e.DroppedAttrs = uint32(c.Uint)
		default:
			err = c.other(MessageEvent)
		}
		if err != nil {
			return err
		}
	}
	return c.err
}

// Link is a view of a Span.Link message.
type Link struct {
	TraceID, SpanID []byte // any length
	TraceState      []byte
	Attrs           Attrs
	DroppedAttrs    uint32
	Flags           uint32
}

// Decode reads the message b.
func (l *Link) Decode(b []byte) error {
	l.Attrs.reset()
	*l = Link{Attrs: l.Attrs}
	var c Cursor
	c.Reset(b)
	for c.Next() {
		var err error
		switch c.Tag {
		case 1<<3 | uint32(Len):
			l.TraceID = c.Bytes
		case 2<<3 | uint32(Len):
			l.SpanID = c.Bytes
		case 3<<3 | uint32(Len):
			l.TraceState = c.Bytes
		case 4<<3 | uint32(Len):
			err = l.Attrs.add(c.Bytes)
		case 5<<3 | uint32(Varint):
			l.DroppedAttrs = uint32(c.Uint)
		case 6<<3 | uint32(Fixed32):
			l.Flags = uint32(c.Uint)
		default:
			err = c.other(MessageLink)
		}
		if err != nil {
			return err
		}
	}
	return c.err
}

package trace

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/otlpwire"
)

// Builder turns the wire bytes of export requests into a batch:
//
//	b.Reset(resource, bounds)
//	err := b.Add(request)    // any number of times
//	batch := b.Finish()
//	refused := b.Rejected()
//
// It keeps its working memory from batch to batch, so that a builder that is
// used again allocates little but the batch. A Builder is not safe for
// concurrent use.
type Builder struct {
	opts     Options
	resource base.ResourceID
	bounds   base.TimeRange

	rows     uint32
	times    []int64
	ids      []uint64
	keyCodes []uint32
	keys     interner
	lastID   ID // trace id of the last code in keyCodes

	fixed   fixedColumns
	columns []*columnBuilder // every column, ascending by ID once sorted
	sorted  bool
	attrs   attrTable

	span     otlpwire.Span
	pending  []*attrKey // column keys of span.Attrs.List; nil: to the extra document
	group    group      // what the spans now walked have in common
	rejected Rejected
	scratch  []byte
}

// fixedColumns are the builders of the declared columns.
type fixedColumns struct {
	name, kind, duration, parent, status, statusMessage, traceState, flags *columnBuilder
	droppedAttrs, droppedEvents, droppedLinks                              *columnBuilder
	resource, scope, events, links, extra                                  *columnBuilder
}

// group is what the spans of one ScopeSpans have in common. Codes are interned
// when the first span is stored, so refused groups leave no trace in the batch.
type group struct {
	resourceDoc, scopeDoc   []byte
	resourceCode, scopeCode uint32
	resourceKnown           bool // resourceCode is valid
	scopeKnown              bool // scopeCode is valid
	resourceFault           error
	scopeFault              error
}

// NewBuilder returns a builder. Call Reset before Add. The options must be valid.
func NewBuilder(o Options) *Builder {
	b := &Builder{opts: o.withDefaults()}
	b.span.Attrs.Max = b.opts.MaxAttrs
	b.dropScratch()
	return b
}

// Reset drops what was added and starts a batch for the trace resource. Spans
// that start outside bounds will be refused.
func (b *Builder) Reset(resource base.ResourceID, bounds base.TimeRange) {
	b.resource, b.bounds = resource, bounds
	b.rows = 0
	b.times, b.ids, b.keyCodes = b.times[:0], b.ids[:0], b.keyCodes[:0]
	b.keys.reset()
	b.rejected = Rejected{}
	if len(b.attrs.keys) > b.opts.MaxColumns/2 || b.scratchBytes() > maxScratchBytes {
		b.dropScratch()
		return
	}
	for _, c := range b.columns {
		c.reset()
	}
	b.attrs.reset()
}

// Rows returns how many spans the batch holds so far.
func (b *Builder) Rows() int { return int(b.rows) }

// Rejected returns which spans were refused since Reset.
func (b *Builder) Rejected() Rejected { return b.rejected }

// maxScratchBytes is how much memory a builder carries from batch to batch: a
// few times what a usual request of some thousand spans takes, so that only the
// rare giant is paid for twice.
const maxScratchBytes = 16 << 20

// scratchBytes returns the memory that the columns hold, used or not.
func (b *Builder) scratchBytes() int {
	n := 0
	for _, c := range b.columns {
		n += 4*cap(c.rows) + 8*cap(c.ints) + 8*cap(c.floats) + 4*cap(c.codes) +
			cap(c.values.dict.Data) + 4*cap(c.values.dict.Offsets) + 8*cap(c.values.slots)
	}
	return n
}

// dropScratch starts over with the declared columns only, when columns of former
// senders pile up or a giant request bloated them.
func (b *Builder) dropScratch() {
	b.columns, b.attrs = nil, attrTable{}
	f := &b.fixed
	for _, c := range []struct {
		dst **columnBuilder
		id  column.ID
	}{
		{&f.name, ColName},
		{&f.kind, ColKind},
		{&f.duration, ColDuration},
		{&f.parent, ColParent},
		{&f.status, ColStatus},
		{&f.statusMessage, ColStatusMessage},
		{&f.traceState, ColTraceState},
		{&f.flags, ColFlags},
		{&f.droppedAttrs, ColDroppedAttrs},
		{&f.droppedEvents, ColDroppedEvents},
		{&f.droppedLinks, ColDroppedLinks},
		{&f.resource, ColResource},
		{&f.scope, ColScope},
		{&f.events, ColEvents},
		{&f.links, ColLinks},
		{&f.extra, ColExtra},
	} {
		*c.dst = b.addColumn(c.id)
	}
}

func (b *Builder) addColumn(id column.ID) *columnBuilder {
	c := &columnBuilder{id: id}
	b.columns, b.sorted = append(b.columns, c), false
	return c
}

// Add adds the spans of an ExportTraceServiceRequest, or of a TracesData, which
// has the same bytes. It does not keep request. Spans that break a rule are
// refused one by one: see Rejected. Malformed bytes are an error of class
// base.ClassInvalid that names the field; what the builder holds is undefined
// then until Reset. The requests of one batch must stay below 1 GiB together.
func (b *Builder) Add(request []byte) error {
	frames := otlpwire.FramesOf(request, otlpwire.FieldResourceSpans)
	for i := 0; frames.Next(); i++ {
		if err := b.addResourceSpans(frames.Bytes()); err != nil {
			return otlpwire.At("resource_spans", i, err)
		}
	}
	return frames.Err()
}

func (b *Builder) addResourceSpans(msg []byte) error {
	var rs otlpwire.ResourceSpans
	if err := rs.Decode(msg); err != nil {
		return err
	}
	b.group = group{resourceDoc: appendGroupDoc(b.group.resourceDoc[:0], rs.SchemaURL, rs.Resource), scopeDoc: b.group.scopeDoc}
	fault, err := b.checkGroup(otlpwire.MessageResource, rs.Resource, rs.SchemaURL)
	if err != nil {
		return otlpwire.At("resource", -1, err)
	}
	b.group.resourceFault = fault
	frames := otlpwire.FramesOf(msg, otlpwire.FieldScopeSpans)
	for i := 0; frames.Next(); i++ {
		if err := b.addScopeSpans(frames.Bytes()); err != nil {
			return otlpwire.At("scope_spans", i, err)
		}
	}
	return frames.Err()
}

func (b *Builder) addScopeSpans(msg []byte) error {
	var ss otlpwire.ScopeSpans
	if err := ss.Decode(msg); err != nil {
		return err
	}
	b.group.scopeDoc, b.group.scopeKnown = appendGroupDoc(b.group.scopeDoc[:0], ss.SchemaURL, ss.Scope), false
	fault, err := b.checkGroup(otlpwire.MessageScope, ss.Scope, ss.SchemaURL)
	if err != nil {
		return otlpwire.At("scope", -1, err)
	}
	b.group.scopeFault = fault
	frames := otlpwire.FramesOf(msg, otlpwire.FieldSpans)
	for i := 0; frames.Next(); i++ {
		if err := b.addSpan(frames.Bytes()); err != nil {
			return otlpwire.At("spans", i, err)
		}
	}
	return frames.Err()
}

// checkGroup checks a resource or scope. A fault refuses its spans, an error the
// whole request.
func (b *Builder) checkGroup(m otlpwire.Message, msg, schemaURL []byte) (fault, err error) {
	name := "resource"
	if m == otlpwire.MessageScope {
		name = "scope"
	}
	if len(msg)+len(schemaURL) > b.opts.MaxDocBytes {
		return tooLong(name, len(msg)+len(schemaURL), b.opts.MaxDocBytes), nil
	}
	if !utf8.Valid(schemaURL) {
		return base.Errorf(base.ClassInvalid, "schema URL of the %s is not valid UTF-8", name), nil
	}
	return refusal(name, otlpwire.Validate(m, msg))
}

// addSpan adds one span or refuses it. Nothing is stored before everything is
// checked.
func (b *Builder) addSpan(msg []byte) error {
	s := &b.span
	if err := s.Decode(msg); err != nil {
		return err
	}
	reason, err := b.check(s)
	if err != nil {
		return err
	}
	if reason != nil {
		b.reject(s, reason)
		return nil
	}
	b.storeIdentity(s)
	b.storeFixed(s)
	b.storeDocs(s)
	b.storeAttrs(s.Attrs.List)
	b.rows++
	return nil
}

func (b *Builder) storeIdentity(s *otlpwire.Span) {
	id := ID(s.TraceID)
	if b.rows > 0 && id == b.lastID {
		b.keyCodes = append(b.keyCodes, b.keyCodes[b.rows-1])
	} else {
		b.scratch = AppendKey(b.scratch[:0], b.resource, id)
		b.keyCodes = append(b.keyCodes, b.addKey(b.scratch))
		b.lastID = id
	}
	b.times = append(b.times, int64(s.StartNanos))
	b.ids = append(b.ids, binary.BigEndian.Uint64(s.SpanID))
}

// addKey interns a key. Unlike values, keys must stay distinct however many
// there are.
func (b *Builder) addKey(key []byte) uint32 {
	b.keys.seen = 0
	return b.keys.add(key)
}

func (b *Builder) storeFixed(s *otlpwire.Span) {
	f, row := &b.fixed, b.rows
	f.duration.addInt(row, int64(s.EndNanos-s.StartNanos))
	f.name.addNonEmpty(row, s.Name)
	f.kind.addNonZero(row, int64(s.Kind))
	if len(s.ParentID) == 8 {
		f.parent.addNonZero(row, int64(binary.BigEndian.Uint64(s.ParentID)))
	}
	f.status.addNonZero(row, int64(s.StatusCode))
	f.statusMessage.addNonEmpty(row, s.StatusMessage)
	f.traceState.addNonEmpty(row, s.TraceState)
	f.flags.addNonZero(row, int64(s.Flags))
	f.droppedAttrs.addNonZero(row, int64(s.DroppedAttrs))
	f.droppedEvents.addNonZero(row, int64(s.DroppedEvents))
	f.droppedLinks.addNonZero(row, int64(s.DroppedLinks))
}

// emptyGroupDoc is the length of the document of an absent resource or scope,
// which is not stored.
const emptyGroupDoc = 1

func (b *Builder) storeDocs(s *otlpwire.Span) {
	f, g, row := &b.fixed, &b.group, b.rows
	if len(g.resourceDoc) > emptyGroupDoc {
		if !g.resourceKnown {
			g.resourceCode, g.resourceKnown = f.resource.values.add(g.resourceDoc), true
		}
		f.resource.addCode(row, g.resourceCode)
	}
	if len(g.scopeDoc) > emptyGroupDoc {
		if !g.scopeKnown {
			g.scopeCode, g.scopeKnown = f.scope.values.add(g.scopeDoc), true
		}
		f.scope.addCode(row, g.scopeCode)
	}
	f.events.addNonEmpty(row, s.Events)
	f.links.addNonEmpty(row, s.Links)
}

// storeAttrs stores each attribute in the column of its key and type, or in the
// extra document.
func (b *Builder) storeAttrs(attrs []otlpwire.Attr) {
	row := b.rows
	extra := b.scratch[:0]
	for i := range attrs {
		a, key := &attrs[i], b.pending[i]
		if key == nil || key.usedBy == row+1 {
			extra = appendAttr(extra, a)
			continue
		}
		key.usedBy = row + 1
		switch a.Value.Kind {
		case otlpwire.ValueString:
			b.column(key, column.String).addBytes(row, a.Value.Bytes)
		case otlpwire.ValueInt:
			b.column(key, column.Int64).addInt(row, a.Value.Int())
		case otlpwire.ValueDouble:
			b.column(key, column.Float64).addFloat(row, a.Value.Double())
		case otlpwire.ValueBool:
			b.column(key, column.Bool).addInt(row, int64(a.Value.Num))
		case otlpwire.ValueBytes:
			b.column(key, column.Bytes).addBytes(row, a.Value.Bytes)
		default:
			b.column(key, column.Doc).addBytes(row, a.Value.Raw)
		}
	}
	b.fixed.extra.addNonEmpty(row, extra)
	b.scratch = extra[:0]
}

// column returns the column of the key's values of type t.
func (b *Builder) column(key *attrKey, t column.Type) *columnBuilder {
	c := key.columns[t]
	if c == nil {
		c = b.addColumn(AttrColumn(key.name, t))
		key.columns[t] = c
	}
	return c
}

func appendAttr(dst []byte, a *otlpwire.Attr) []byte {
	dst, mark := otlpwire.Begin(dst, fieldSpanAttrs)
	dst = otlpwire.AppendLen(dst, 1, a.Key)
	dst = otlpwire.AppendLen(dst, 2, a.Value.Raw)
	return otlpwire.End(dst, mark)
}

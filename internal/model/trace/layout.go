package trace

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// The column families of the layout.
const (
	FamilySpan = 0 // fixed fields
	FamilyAttr = 1 // span attributes, one column per key and type
	FamilyDoc  = 2 // resource, scope, events, links, extra
)

// The declared columns. Every row has a duration; the others are absent where
// they would hold zero or nothing.
var (
	ColName          = column.ID{Family: FamilySpan, Type: column.String, Name: "name"}
	ColKind          = column.ID{Family: FamilySpan, Type: column.Int64, Name: "kind"}
	ColDuration      = column.ID{Family: FamilySpan, Type: column.Int64, Name: "duration"} // end - start, modulo 2^64
	ColParent        = column.ID{Family: FamilySpan, Type: column.Int64, Name: "parent"}   // span id, big-endian
	ColStatus        = column.ID{Family: FamilySpan, Type: column.Int64, Name: "status"}
	ColStatusMessage = column.ID{Family: FamilySpan, Type: column.String, Name: "status_message"}
	ColTraceState    = column.ID{Family: FamilySpan, Type: column.String, Name: "trace_state"}
	ColFlags         = column.ID{Family: FamilySpan, Type: column.Int64, Name: "flags"}
	ColDroppedAttrs  = column.ID{Family: FamilySpan, Type: column.Int64, Name: "dropped_attrs"}
	ColDroppedEvents = column.ID{Family: FamilySpan, Type: column.Int64, Name: "dropped_events"}
	ColDroppedLinks  = column.ID{Family: FamilySpan, Type: column.Int64, Name: "dropped_links"}

	ColResource = column.ID{Family: FamilyDoc, Type: column.Doc, Name: "resource"}
	ColScope    = column.ID{Family: FamilyDoc, Type: column.Doc, Name: "scope"}
	ColEvents   = column.ID{Family: FamilyDoc, Type: column.Doc, Name: "events"}
	ColLinks    = column.ID{Family: FamilyDoc, Type: column.Doc, Name: "links"}
	ColExtra    = column.ID{Family: FamilyDoc, Type: column.Doc, Name: "extra"}
)

// AttrColumn returns the column of span attributes with that key and type.
func AttrColumn(key string, t column.Type) column.ID {
	return column.ID{Family: FamilyAttr, Type: t, Name: key}
}

// OperationRefs are the columns whose combinations are the catalogue of services
// and operations: service name, span name, kind.
var OperationRefs = []column.Ref{
	{Col: ColResource, Tag: "service.name"},
	{Col: ColName},
	{Col: ColKind},
}

var layout = &column.Layout{
	Name: "trace",
	Families: []column.Family{
		FamilySpan: {Name: "span"},
		FamilyAttr: {Name: "attr", Dynamic: true},
		FamilyDoc:  {Name: "doc"},
	},
	Columns: []column.Spec{
		{ID: ColName},
		{ID: ColKind},
		{ID: ColDuration, Zone: true, NoIndex: true},
		{ID: ColParent, Codec: column.CodecIDRef, NoIndex: true},
		{ID: ColStatus},
		{ID: ColStatusMessage},
		{ID: ColTraceState, NoIndex: true},
		{ID: ColFlags, NoIndex: true},
		{ID: ColDroppedAttrs, NoIndex: true},
		{ID: ColDroppedEvents, NoIndex: true},
		{ID: ColDroppedLinks, NoIndex: true},
		{ID: ColResource},
		{ID: ColScope},
		{ID: ColEvents},
		{ID: ColLinks},
		{ID: ColExtra},
	},
	Rule:        column.DropExact,
	Projections: []column.Projection{{Name: "operations", Refs: OperationRefs}},
	Digest:      redDigest,
	Expand:      Expand,
}

// Layout returns the layout of the trace model. All callers share it.
func Layout() *column.Layout { return layout }

// KeySize is the length of every key of the layout.
const KeySize = 4 + 8 + 16

// PlacementHash is the hash that spreads traces over the key space. It is part
// of the key format.
func PlacementHash(id ID) uint64 { return xxhash.Sum64(id[:]) }

// AppendKey appends the key of a trace in a trace resource.
func AppendKey(dst []byte, resource base.ResourceID, id ID) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(resource))
	dst = binary.BigEndian.AppendUint64(dst, PlacementHash(id))
	return append(dst, id[:]...)
}

// ParseKey reads a key. It fails with base.ClassInvalid when the length is wrong
// or the hash is not that of the trace id.
func ParseKey(key []byte) (base.ResourceID, ID, error) {
	if len(key) != KeySize {
		return 0, ID{}, base.Errorf(base.ClassInvalid, "trace key %x: %d bytes, want %d", key, len(key), KeySize)
	}
	id := ID(key[12:])
	if binary.BigEndian.Uint64(key[4:]) != PlacementHash(id) {
		return 0, ID{}, base.Errorf(base.ClassInvalid, "trace key %x: hash does not match the trace id", key)
	}
	return base.ResourceID(binary.BigEndian.Uint32(key)), id, nil
}

// RowID returns the span id as the row's id.
func (id SpanID) RowID() uint64 { return binary.BigEndian.Uint64(id[:]) }

// SpanIDOf returns the span id of a row id.
func SpanIDOf(row uint64) SpanID {
	var id SpanID
	binary.BigEndian.PutUint64(id[:], row)
	return id
}

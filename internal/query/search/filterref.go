package search

import (
	"slices"

	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/expression"
)

// refKind says how the values of a reference read and compare.
type refKind uint8

const (
	kindAttr     refKind = iota // whatever was stored
	kindText                    // strings
	kindID                      // strings of lowercase hex digits
	kindDuration                // integers, nanoseconds
	kindInstant                 // integers, Unix nanoseconds
)

// fieldID is a built-in field; zero is an attribute.
type fieldID uint8

const (
	fieldTraceID fieldID = iota + 1
	fieldSpanID
	fieldParentID
	fieldTraceState
	fieldName
	fieldKind
	fieldStart
	fieldEnd
	fieldDuration
	fieldStatus
	fieldStatusMessage
	fieldService
	fieldResourceSchema
	fieldScopeName
	fieldScopeVersion
	fieldScopeSchema
	fieldEventName
	fieldEventTime
	fieldEventSince
	fieldLinkTraceID
	fieldLinkSpanID
	fieldLinkTraceState
)

// fieldDef is a built-in field: its kind, and the column that tells it unless the
// rows' identity does.
type fieldDef struct {
	id   fieldID
	kind refKind
	col  column.ID
}

var fieldDefs = map[expression.Field]fieldDef{
	{Level: "span", Name: "traceID"}:         {fieldTraceID, kindID, column.ID{}},
	{Level: "span", Name: "spanID"}:          {fieldSpanID, kindID, column.ID{}},
	{Level: "span", Name: "parentSpanID"}:    {fieldParentID, kindID, trace.ColParent},
	{Level: "span", Name: "traceState"}:      {fieldTraceState, kindText, trace.ColTraceState},
	{Level: "span", Name: "name"}:            {fieldName, kindText, trace.ColName},
	{Level: "span", Name: "kind"}:            {fieldKind, kindText, trace.ColKind},
	{Level: "span", Name: "startTime"}:       {fieldStart, kindInstant, column.ID{}},
	{Level: "span", Name: "endTime"}:         {fieldEnd, kindInstant, trace.ColDuration},
	{Level: "span", Name: "duration"}:        {fieldDuration, kindDuration, trace.ColDuration},
	{Level: "span", Name: "status"}:          {fieldStatus, kindText, trace.ColStatus},
	{Level: "span", Name: "statusMessage"}:   {fieldStatusMessage, kindText, trace.ColStatusMessage},
	{Level: "resource", Name: "service"}:     {fieldService, kindText, trace.ColResource},
	{Level: "resource", Name: "schemaURL"}:   {fieldResourceSchema, kindText, trace.ColResource},
	{Level: "scope", Name: "name"}:           {fieldScopeName, kindText, trace.ColScope},
	{Level: "scope", Name: "version"}:        {fieldScopeVersion, kindText, trace.ColScope},
	{Level: "scope", Name: "schemaURL"}:      {fieldScopeSchema, kindText, trace.ColScope},
	{Level: "event", Name: "name"}:           {fieldEventName, kindText, trace.ColEvents},
	{Level: "event", Name: "time"}:           {fieldEventTime, kindInstant, trace.ColEvents},
	{Level: "event", Name: "timeSinceStart"}: {fieldEventSince, kindDuration, trace.ColEvents},
	{Level: "link", Name: "traceID"}:         {fieldLinkTraceID, kindID, trace.ColLinks},
	{Level: "link", Name: "spanID"}:          {fieldLinkSpanID, kindID, trace.ColLinks},
	{Level: "link", Name: "traceState"}:      {fieldLinkTraceState, kindText, trace.ColLinks},
}

// serviceKey is the resource attribute that fieldService reads.
const serviceKey = "service.name"

// collection is what `some` binds an element of.
type collection uint8

const (
	events collection = iota
	links
	collections // how many
)

func (c collection) column() column.ID {
	if c == links {
		return trace.ColLinks
	}
	return trace.ColEvents
}

// reference is something a span carries.
type reference struct {
	field fieldID
	kind  refKind
	key   string // attributes
	// cols are the columns that tell the values: plain ones, then from docs on
	// documents. A field has one at most.
	cols []colRef
	docs int
	// element is the collection whose elements the reference reads, if any does.
	element collection
	nested  bool
}

// colRef is a column and its place in the compiler's table.
type colRef struct {
	id column.ID
	at int
}

// columnTable numbers the columns that a filter's references name.
type columnTable struct {
	ids []column.ID
	at  map[column.ID]int
}

func (t *columnTable) index(id column.ID) colRef {
	i, ok := t.at[id]
	if !ok {
		if t.at == nil {
			t.at = make(map[column.ID]int)
		}
		i = len(t.ids)
		t.at[id] = i
		t.ids = append(t.ids, id)
	}
	return colRef{id, i}
}

// reference resolves a term that refers to something; false for constants.
func (c *compiler) reference(t expression.Term) (reference, bool) {
	switch t := t.(type) {
	case *expression.Field:
		def, ok := fieldDefs[*t]
		if !ok {
			return reference{}, false
		}
		r := reference{field: def.id, kind: def.kind}
		if def.col != (column.ID{}) {
			r.cols = []colRef{c.cols.index(def.col)}
		}
		r.bind(t.Level)
		return r, true
	case *expression.Attr:
		r := reference{key: t.Key}
		for _, id := range plainColumns(t) {
			r.cols = append(r.cols, c.cols.index(id))
		}
		r.docs = len(r.cols)
		for _, id := range docColumns(t) {
			r.cols = append(r.cols, c.cols.index(id))
		}
		r.bind(t.Level)
		return r, true
	}
	return reference{}, false
}

func (r *reference) bind(level expression.Level) {
	switch level {
	case expression.LevelEvent:
		r.element, r.nested = events, true
	case expression.LevelLink:
		r.element, r.nested = links, true
	case expression.LevelAny, expression.LevelSpan, expression.LevelResource, expression.LevelScope:
	}
}

// attrTypes are the types of attribute columns that hold plain values.
var attrTypes = [...]column.Type{column.Int64, column.Float64, column.Bool, column.String, column.Bytes}

// plainColumns returns the columns that hold nothing but the attribute.
func plainColumns(a *expression.Attr) []column.ID {
	if a.Level != expression.LevelSpan && a.Level != expression.LevelAny {
		return nil
	}
	ids := make([]column.ID, 0, len(attrTypes))
	for _, t := range attrTypes {
		ids = append(ids, trace.AttrColumn(a.Key, t))
	}
	return ids
}

// docColumns returns the columns whose documents may hold the attribute. For one
// of the span these are the lists, maps and empty values of the key, the maps of
// what may be a prefix of it, and the attributes that did not get a column.
func docColumns(a *expression.Attr) []column.ID {
	switch a.Level {
	case expression.LevelResource:
		return []column.ID{trace.ColResource}
	case expression.LevelScope:
		return []column.ID{trace.ColScope}
	case expression.LevelEvent:
		return []column.ID{trace.ColEvents}
	case expression.LevelLink:
		return []column.ID{trace.ColLinks}
	case expression.LevelAny, expression.LevelSpan:
	}
	ids := spanDocs(a.Key)
	if a.Level == expression.LevelAny {
		ids = append(ids, trace.ColResource)
	}
	return ids
}

// spanDocs returns the columns whose documents may hold a span's attribute.
func spanDocs(key string) []column.ID {
	ids := []column.ID{trace.AttrColumn(key, column.Doc), trace.ColExtra}
	for i, c := range key {
		if c == '.' && i > 0 {
			ids = append(ids, trace.AttrColumn(key[:i], column.Doc))
		}
	}
	return ids
}

// derivedTags are tags that tell of fields, so that attributes of these names
// have to be looked for in the documents themselves.
var derivedTags = map[column.ID][]string{
	trace.ColScope:  {trace.TagScopeName, trace.TagScopeVersion},
	trace.ColEvents: {trace.TagEventName},
	trace.ColLinks:  {trace.TagLinkTraceID, trace.TagLinkSpanID},
}

// tagged reports whether the tags of the column's documents tell the reference's
// attribute and nothing else.
func (r *reference) tagged(id column.ID) bool { return !slices.Contains(derivedTags[id], r.key) }

package search

import (
	"encoding/binary"
	"encoding/hex"
	"slices"

	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/model/trace"
)

// on returns the condition that a value of a plain column, or a tag of a document
// column, meets c. What the column cannot hold is left out.
func (c *cond) on(id column.ID, tag string) columnar.Expr {
	var kids []columnar.Expr
	equal := c.equal
	if id.Type != column.Doc {
		equal = nil
		for _, v := range c.equal {
			if v.Type == id.Type {
				equal = append(equal, v)
			}
		}
	}
	switch len(equal) {
	case 0:
	case 1:
		kids = append(kids, columnar.Expr{Op: columnar.OpEqual, Col: id, Tag: tag, Value: equal[0]})
	default:
		kids = append(kids, columnar.Expr{Op: columnar.OpIn, Col: id, Tag: tag, Values: equal})
	}
	for i := range c.ranges {
		r := &c.ranges[i]
		if id.Type == column.Doc || id.Type == r.lo.Type {
			kids = append(kids, columnar.Expr{Op: columnar.OpRange, Col: id, Tag: tag, Lo: &r.lo, Hi: &r.hi})
		}
	}
	if c.text != nil && (id.Type == column.Doc || id.Type == column.String) {
		kids = append(kids, columnar.Expr{Op: columnar.OpTest, Col: id, Tag: tag, Test: func(v column.Value) bool {
			return v.Type == column.String && c.text(v.Bytes)
		}})
	}
	return or(kids...)
}

// onIDs returns the condition that the id in a column, read as text, meets c. The
// id of a value is what raw returns.
func (c *cond) onIDs(id column.ID, value func(raw []byte) (column.Value, bool), raw func(column.Value) []byte) columnar.Expr {
	if c.text != nil {
		return columnar.Expr{Op: columnar.OpTest, Col: id, Test: func(v column.Value) bool {
			return c.matchesText(hex.AppendEncode(nil, raw(v)))
		}}
	}
	var values []column.Value
	for _, text := range c.equal {
		if b, err := hex.DecodeString(string(text.Bytes)); err == nil {
			if v, ok := value(b); ok {
				values = append(values, v)
			}
		}
	}
	ids := cond{equal: values}
	return ids.on(id, "")
}

// rowIDValue returns a span id as the value that columns hold.
func rowIDValue(raw []byte) (column.Value, bool) {
	if len(raw) != 8 {
		return column.Value{}, false
	}
	return column.IntValue(int64(binary.BigEndian.Uint64(raw))), true
}

func rawRowID(v column.Value) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 0, 8), uint64(v.Int))
}

func (l *lowering) keyValue(raw []byte) (column.Value, bool) {
	if len(raw) != len(trace.ID{}) {
		return column.Value{}, false
	}
	return column.Value{Type: column.Bytes, Bytes: trace.AppendKey(nil, l.resource, trace.ID(raw))}, true
}

func rawKey(v column.Value) []byte { return v.Bytes[min(tieFrom, len(v.Bytes)):] }

// onWords returns the condition that the word of the number in a column meets c.
// Rows without a number, and numbers without a word, have the first.
func (c *cond) onWords(id column.ID, words []string) columnar.Expr {
	var yes, no cond
	for i, w := range words[1:] {
		to := pick(c.matchesText([]byte(w)), &yes, &no)
		to.equal = append(to.equal, column.IntValue(int64(i+1)))
	}
	if c.matchesText([]byte(words[0])) {
		return not(no.on(id, ""))
	}
	return yes.on(id, "")
}

// has lowers: a value of the reference meets the condition.
func (l *lowering) has(r *reference, c *cond) columnar.Expr {
	switch r.field {
	case 0:
		return l.attrHas(r, c)
	case fieldTraceID:
		return c.onIDs(columnar.RowKey, l.keyValue, rawKey)
	case fieldSpanID:
		return c.onIDs(columnar.RowID, rowIDValue, rawRowID)
	case fieldParentID:
		return c.onIDs(trace.ColParent, rowIDValue, rawRowID)
	case fieldStart:
		return c.on(columnar.RowTime, "")
	case fieldTraceState, fieldStatusMessage, fieldDuration:
		return c.on(r.cols[0].id, "")
	case fieldName:
		x := c.on(trace.ColName, "")
		if c.matchesText(nil) {
			return or(x, not(columnar.Expr{Op: columnar.OpExists, Col: trace.ColName}))
		}
		return x
	case fieldKind:
		return c.onWords(trace.ColKind, kindWords)
	case fieldStatus:
		return c.onWords(trace.ColStatus, statusWords)
	case fieldService:
		return c.on(trace.ColResource, serviceKey)
	case fieldResourceSchema, fieldScopeName, fieldScopeVersion, fieldScopeSchema:
		return l.groupHas(r, c)
	case fieldEventName:
		return l.elementHas(r, c, trace.TagEventName)
	case fieldLinkTraceID:
		return l.elementHas(r, c, trace.TagLinkTraceID)
	case fieldLinkSpanID:
		return l.elementHas(r, c, trace.TagLinkSpanID)
	case fieldEventTime, fieldLinkTraceState:
		return l.elementHas(r, c, "")
	default: // what takes the row's start and another column
		return and(l.likely(r), l.rows(&node{op: nodeHas, ref: *r, cond: *c}))
	}
}

func (l *lowering) attrHas(r *reference, c *cond) columnar.Expr {
	var kids []columnar.Expr
	for i, col := range r.cols {
		switch {
		case i < r.docs:
			kids = append(kids, c.on(col.id, ""))
		case r.tagged(col.id):
			kids = append(kids, c.on(col.id, r.key))
		default:
			kids = append(kids, docTest(col.id, func(doc []byte) bool {
				found := false
				trace.Values(col.id, doc, r.key, func(v column.Value) bool {
					found = c.matches(v)
					return !found
				})
				return found
			}))
		}
	}
	return or(kids...)
}

// groupHas tests a field of resources or scopes: there are few of them.
func (l *lowering) groupHas(r *reference, c *cond) columnar.Expr {
	return docTest(r.cols[0].id, func(doc []byte) bool {
		found := false
		r.groupField(doc, func(v column.Value) bool {
			found = c.matches(v)
			return !found
		})
		return found
	})
}

// elementHas tests a field of events or links by the tag that tells it. Tags do
// not tell empty values and unset ids; with those, and without a tag, whole
// documents are tested.
func (l *lowering) elementHas(r *reference, c *cond, tag string) columnar.Expr {
	const unsetID = "00000000000000000000000000000000"
	size := map[fieldID]int{fieldLinkTraceID: 32, fieldLinkSpanID: 16}[r.field]
	if tag != "" && !c.matchesText(nil) && (size == 0 || !c.matchesText([]byte(unsetID[:size]))) {
		return c.on(r.cols[0].id, tag)
	}
	has := node{op: nodeHas, ref: *r, cond: *c}
	id := r.cols[0].id
	some := node{op: nodeSome, some: r.element, kids: []node{has}}
	return docTest(id, func(doc []byte) bool { return some.someOf(&env{}, doc) })
}

// set lowers: the span carries what is referred to; see reference.set.
func (l *lowering) set(r *reference) columnar.Expr {
	if r.field == fieldKind || r.field == fieldStatus {
		return columnar.Expr{Op: columnar.OpExists, Col: r.cols[0].id}
	}
	return l.present(r)
}

// likely is met by all rows that have something to compare, and maybe by others.
func (l *lowering) likely(r *reference) columnar.Expr {
	if r.field == fieldEnd {
		return everyRow
	}
	return l.present(r)
}

// present lowers: there is something to compare.
func (l *lowering) present(r *reference) columnar.Expr {
	switch r.field {
	case 0:
		return l.attrPresent(r)
	case fieldTraceID, fieldSpanID, fieldName, fieldStart, fieldDuration, fieldKind, fieldStatus:
		return everyRow
	case fieldParentID, fieldTraceState, fieldStatusMessage:
		return columnar.Expr{Op: columnar.OpExists, Col: r.cols[0].id}
	case fieldEnd:
		return l.rows(&node{op: nodeExists, ref: *r})
	case fieldService, fieldResourceSchema, fieldScopeName, fieldScopeVersion, fieldScopeSchema:
		return docTest(r.cols[0].id, func(doc []byte) bool {
			found := false
			r.groupField(doc, func(column.Value) bool {
				found = true
				return false
			})
			return found
		})
	default: // every event and link has its fields
		return anyDoc(r.cols[0].id)
	}
}

func (l *lowering) attrPresent(r *reference) columnar.Expr {
	kids := make([]columnar.Expr, 0, len(r.cols))
	for i, col := range r.cols {
		switch {
		case i < r.docs:
			kids = append(kids, columnar.Expr{Op: columnar.OpExists, Col: col.id})
		case col.id == trace.AttrColumn(r.key, column.Doc):
			kids = append(kids, anyDoc(col.id))
		default:
			kids = append(kids, docTest(col.id, func(doc []byte) bool {
				return !trace.Values(col.id, doc, r.key, func(column.Value) bool { return false })
			}))
		}
	}
	return or(slices.Clip(kids)...)
}

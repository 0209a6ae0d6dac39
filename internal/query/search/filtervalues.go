package search

import (
	"encoding/binary"
	"math"

	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/model/trace"
)

// kindWords and statusWords are the words of the numbers of kinds and statuses;
// other numbers read as the first.
var (
	kindWords   = []string{"unspecified", "internal", "server", "client", "producer", "consumer"}
	statusWords = []string{"unset", "ok", "error"}
)

// kindValues and statusValues are the words as values.
var kindValues, statusValues = textValues(kindWords), textValues(statusWords)

func textValues(words []string) []column.Value {
	values := make([]column.Value, len(words))
	for i, w := range words {
		values[i] = column.StringValue(w)
	}
	return values
}

// wordOf returns the word of a number.
func wordOf(words []column.Value, n int64) column.Value {
	if n < 0 || n >= int64(len(words)) {
		n = 0
	}
	return words[n]
}

// values calls visit for each value of the reference, until visit returns false:
// for nothing when the span does not carry it, and with a value without a type
// for an attribute that is there and holds none. Values are valid during the call.
func (r *reference) values(e *env, visit func(column.Value) bool) {
	switch {
	case r.nested:
		r.elementValues(e, visit)
	case r.field == 0:
		r.attrValues(e, visit)
	case r.cols != nil && r.cols[0].id.Type == column.Doc:
		r.groupValues(e, visit)
	default:
		if v, ok := r.fieldValue(e); ok {
			visit(v)
		}
	}
}

func (r *reference) attrValues(e *env, visit func(column.Value) bool) {
	for i, c := range r.cols {
		v, ok := e.value(c)
		if !ok {
			continue
		}
		if i < r.docs && !visit(v) || i >= r.docs && !trace.Values(c.id, v.Bytes, r.key, visit) {
			return
		}
	}
}

// fieldValue returns the value of a field of the span.
func (r *reference) fieldValue(e *env) (column.Value, bool) {
	var v column.Value
	have := false
	if len(r.cols) > 0 {
		v, have = e.value(r.cols[0])
	}
	switch r.field {
	case fieldTraceID:
		return e.hexValue(e.b.Key(int(e.row))[tieFrom:]), true
	case fieldSpanID:
		return e.idValue(e.b.IDs[e.row]), true
	case fieldParentID:
		return e.idValue(uint64(v.Int)), have
	case fieldName:
		v.Type = column.String
		return v, true
	case fieldKind:
		return wordOf(kindValues, v.Int), true
	case fieldStatus:
		return wordOf(statusValues, v.Int), true
	case fieldStart:
		return column.IntValue(e.b.Times[e.row]), true
	case fieldDuration:
		v.Type = column.Int64
		return v, true
	case fieldEnd:
		end := uint64(e.b.Times[e.row]) + uint64(v.Int)
		return column.IntValue(int64(min(end, math.MaxInt64))), end != 0
	default: // text that is stored when it is not empty
		return v, have
	}
}

func (e *env) idValue(id uint64) column.Value {
	return e.hexValue(binary.BigEndian.AppendUint64(make([]byte, 0, 8), id))
}

// groupValues visits a field of the resource or the scope.
func (r *reference) groupValues(e *env, visit func(column.Value) bool) {
	doc, ok := e.value(r.cols[0])
	if ok {
		r.groupField(doc.Bytes, visit)
	}
}

// groupField visits the field of a document of a resource or a scope.
func (r *reference) groupField(doc []byte, visit func(column.Value) bool) {
	id := r.cols[0].id
	if r.field == fieldService {
		trace.Values(id, doc, serviceKey, func(v column.Value) bool { return v.Type != column.String || visit(v) })
		return
	}
	trace.Elements(id, doc, func(x *trace.Element) bool {
		var text []byte
		switch r.field {
		case fieldScopeName:
			text = x.Name
		case fieldScopeVersion:
			text = x.Version
		default:
			text = x.SchemaURL
		}
		return len(text) == 0 || visit(column.Value{Type: column.String, Bytes: text})
	})
}

// elementValues visits the values of the bound element, or of all elements.
func (r *reference) elementValues(e *env, visit func(column.Value) bool) {
	if x := e.bound[r.element]; x != nil {
		r.elementValue(e, x, visit)
		return
	}
	if doc, ok := e.value(r.cols[0]); ok {
		trace.Elements(r.cols[0].id, doc.Bytes, func(x *trace.Element) bool { return r.elementValue(e, x, visit) })
	}
}

// elementValue visits the values of one element and reports whether to go on.
func (r *reference) elementValue(e *env, x *trace.Element, visit func(column.Value) bool) bool {
	text := func(b []byte) bool { return visit(column.Value{Type: column.String, Bytes: b}) }
	switch r.field {
	case fieldEventName:
		return text(x.Name)
	case fieldEventTime:
		return visit(column.IntValue(x.TimeNanos()))
	case fieldEventSince:
		return visit(column.IntValue(x.SinceNanos(e.b.Times[e.row])))
	case fieldLinkTraceID:
		return text(x.AppendTraceID(e.buf[:0]))
	case fieldLinkSpanID:
		return text(x.AppendSpanID(e.buf[:0]))
	case fieldLinkTraceState:
		return text(x.TraceState)
	default:
		return x.Values(r.key, visit)
	}
}

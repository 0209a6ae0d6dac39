package search

import (
	"math"
	"strconv"
	"strings"

	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/model/trace"
)

// lower translates a query's conditions to a filter over the columns of the
// trace layout.
func lower(q *Query) columnar.Expr {
	var kids []columnar.Expr
	if q.Service != "" {
		kids = append(kids, docEqual(trace.ColResource, "service.name", column.StringValue(q.Service)))
	}
	if q.Operation != "" {
		kids = append(kids, equal(trace.ColName, column.StringValue(q.Operation)))
	}
	if q.Kind != trace.KindUnspecified {
		kids = append(kids, equal(trace.ColKind, column.IntValue(int64(q.Kind))))
	}
	if q.ErrorsOnly {
		kids = append(kids, columnar.Expr{Op: columnar.OpOr, Kids: []columnar.Expr{
			equal(trace.ColStatus, column.IntValue(trace.StatusError)),
			equal(trace.AttrColumn("error", column.Bool), column.BoolValue(true)),
			equal(trace.AttrColumn("error", column.String), column.StringValue("true")),
		}})
	}
	for i := range q.Tags {
		kids = append(kids, lowerTag(&q.Tags[i]))
	}
	if q.MinDuration > 0 || q.MaxDuration > 0 {
		kids = append(kids, durationRange(q.MinDuration, q.MaxDuration))
	}
	if len(kids) == 0 {
		return columnar.Expr{}
	}
	return columnar.Expr{Op: columnar.OpAnd, Kids: kids}
}

// durationRange bounds the duration, both ends inclusive. A span that ends
// before it starts has a negative one: it is shorter than everything.
func durationRange(lo, hi uint64) columnar.Expr {
	x := columnar.Expr{Op: columnar.OpRange, Col: trace.ColDuration}
	if lo > 0 {
		v := column.IntValue(int64(min(lo, math.MaxInt64)))
		x.Lo = &v
	}
	if hi > 0 {
		v := column.IntValue(int64(min(hi, math.MaxInt64)))
		x.Hi = &v
	}
	return x
}

func equal(id column.ID, v column.Value) columnar.Expr {
	return columnar.Expr{Op: columnar.OpEqual, Col: id, Value: v}
}

func docEqual(id column.ID, tag string, v column.Value) columnar.Expr {
	return columnar.Expr{Op: columnar.OpEqual, Col: id, Tag: tag, Value: v}
}

// fields are the columns of LevelField.
var fields = map[string]column.ID{
	FieldStatus:        trace.ColStatus,
	FieldStatusMessage: trace.ColStatusMessage,
	FieldTraceState:    trace.ColTraceState,
}

// lowerTag looks for the tag on the levels asked for, as each type its text can
// be read as.
func lowerTag(t *Tag) columnar.Expr {
	if t.Level == LevelField {
		return equal(fields[t.Key], readings(t)[0])
	}
	or := columnar.Expr{Op: columnar.OpOr}
	for _, v := range readings(t) {
		if t.Level == LevelAny || t.Level == LevelSpan {
			or.Kids = append(or.Kids, spanTag(t.Key, v)...)
		}
		for _, d := range [...]struct {
			level Level
			col   column.ID
		}{
			{LevelResource, trace.ColResource},
			{LevelScope, trace.ColScope},
			{LevelEvent, trace.ColEvents},
			{LevelLink, trace.ColLinks},
		} {
			if t.Level == LevelAny || t.Level == d.level {
				or.Kids = append(or.Kids, docEqual(d.col, t.Key, v))
			}
		}
	}
	if len(or.Kids) == 1 {
		return or.Kids[0]
	}
	return or
}

// spanTag finds a span attribute: in its typed column; in the documents that
// hold lists under the key, or maps under a prefix of it; and among attributes
// that did not get a column.
func spanTag(key string, v column.Value) []columnar.Expr {
	kids := []columnar.Expr{
		equal(trace.AttrColumn(key, v.Type), v),
		docEqual(trace.AttrColumn(key, column.Doc), key, v),
		docEqual(trace.ColExtra, key, v),
	}
	for i, c := range key {
		if c == '.' && i > 0 {
			kids = append(kids, docEqual(trace.AttrColumn(key[:i], column.Doc), key, v))
		}
	}
	return kids
}

// readings returns the typed values that the tag's value stands for.
func readings(t *Tag) []column.Value {
	switch t.Value.Kind {
	case trace.KindBool:
		return []column.Value{column.BoolValue(t.Value.Int != 0)}
	case trace.KindInt:
		return []column.Value{column.IntValue(t.Value.Int)}
	case trace.KindDouble:
		return []column.Value{column.FloatValue(t.Value.Dbl)}
	case trace.KindBytes:
		return []column.Value{{Type: column.Bytes, Bytes: []byte(t.Value.Str)}}
	case trace.KindEmpty, trace.KindString, trace.KindList, trace.KindMap: // text, below
	}
	if !t.AnyType {
		return []column.Value{column.StringValue(t.Value.Str)}
	}
	return textReadings(t.Value.Str)
}

// textReadings returns the values that read as the text: itself, and the number
// or the boolean that it spells.
func textReadings(s string) []column.Value {
	out := []column.Value{column.StringValue(s)}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		out = append(out, column.IntValue(n))
	}
	// Words such as "inf" read as floats too, but nobody means them.
	if f, err := strconv.ParseFloat(s, 64); err == nil && strings.ContainsAny(s, "0123456789") {
		out = append(out, column.FloatValue(f))
	}
	if s == "true" || s == "false" {
		out = append(out, column.BoolValue(s == "true"))
	}
	return out
}

package trace

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

var (
	noResource = &Resource{}
	noScope    = &Scope{}
)

// ReadSpans returns the spans of a batch, row by row. Columns that the batch
// lacks read as defaults, so a projected batch gives partial spans. The spans
// own their memory; rows with the same document share what it decodes to, so
// callers must not change it. Damaged keys or documents are an error of class
// base.ClassCorruption.
func ReadSpans(b *column.Batch) ([]Span, error) {
	if err := b.Validate(); err != nil {
		return nil, base.Mark(base.ClassCorruption, err)
	}
	r := reader{b: b, spans: make([]Span, b.Rows)}
	if err := r.identity(); err != nil {
		return nil, err
	}
	for i := range b.Cols {
		if v := &b.Cols[i]; v.ID.Family == FamilySpan {
			r.fixed(v)
		}
	}
	if err := r.docs(); err != nil {
		return nil, err
	}
	if err := r.attrs(); err != nil {
		return nil, err
	}
	return r.spans, nil
}

type reader struct {
	b     *column.Batch
	spans []Span
}

// rowOf returns the row of the value at position i.
func rowOf(v *column.Vector, i int) int {
	if v.Rows == nil {
		return i
	}
	return int(v.Rows[i])
}

func (r *reader) identity() error {
	ids := make([]ID, r.b.Keys.Len())
	for i := range ids {
		_, id, err := ParseKey(r.b.Keys.Value(uint32(i)))
		if err != nil {
			return base.Mark(base.ClassCorruption, err)
		}
		ids[i] = id
	}
	duration := r.b.Col(ColDuration)
	for i := range r.spans {
		s := &r.spans[i]
		s.TraceID, s.SpanID = ids[r.b.KeyCodes[i]], SpanIDOf(r.b.IDs[i])
		s.StartNanos = uint64(r.b.Times[i])
		s.EndNanos = s.StartNanos
		s.Resource, s.Scope = noResource, noScope
	}
	if duration != nil {
		for i, d := range duration.Ints {
			s := &r.spans[rowOf(duration, i)]
			s.EndNanos = s.StartNanos + uint64(d)
		}
	}
	return nil
}

// fixed fills a fixed column other than the duration. Columns of a later
// version are left alone.
func (r *reader) fixed(v *column.Vector) {
	if v.ID.Type == column.String {
		r.fixedTexts(v)
	} else {
		r.fixedInts(v)
	}
}

func (r *reader) fixedTexts(v *column.Vector) {
	values := dictStrings(v)
	switch v.ID {
	case ColName:
		for i, c := range v.Codes {
			r.spans[rowOf(v, i)].Name = values[c]
		}
	case ColStatusMessage:
		for i, c := range v.Codes {
			r.spans[rowOf(v, i)].StatusMessage = values[c]
		}
	case ColTraceState:
		for i, c := range v.Codes {
			r.spans[rowOf(v, i)].TraceState = values[c]
		}
	}
}

func (r *reader) fixedInts(v *column.Vector) {
	switch v.ID {
	case ColKind:
		for i, x := range v.Ints {
			r.spans[rowOf(v, i)].Kind = Kind(x)
		}
	case ColParent:
		for i, x := range v.Ints {
			binary.BigEndian.PutUint64(r.spans[rowOf(v, i)].ParentID[:], uint64(x))
		}
	case ColStatus:
		for i, x := range v.Ints {
			r.spans[rowOf(v, i)].StatusCode = int32(x)
		}
	case ColFlags:
		for i, x := range v.Ints {
			r.spans[rowOf(v, i)].Flags = uint32(x)
		}
	case ColDroppedAttrs:
		for i, x := range v.Ints {
			r.spans[rowOf(v, i)].DroppedAttrs = uint32(x)
		}
	case ColDroppedEvents:
		for i, x := range v.Ints {
			r.spans[rowOf(v, i)].DroppedEvents = uint32(x)
		}
	case ColDroppedLinks:
		for i, x := range v.Ints {
			r.spans[rowOf(v, i)].DroppedLinks = uint32(x)
		}
	}
}

// dictStrings returns the values that the vector uses, by code, as strings: cut
// from one copy when most of the dictionary is used.
func dictStrings(v *column.Vector) []string {
	d := &v.Dict
	out := make([]string, d.Len())
	if d.Len() > 2*len(v.Codes) {
		for _, c := range v.Codes {
			if out[c] == "" {
				out[c] = string(d.Value(c))
			}
		}
		return out
	}
	all := string(d.Data)
	for i := range out {
		out[i] = all[d.Offsets[i]:d.Offsets[i+1]]
	}
	return out
}

// decodeDocs decodes each document the vector uses once, and returns them by
// code.
func decodeDocs[T any](v *column.Vector, decode func(doc []byte) (T, error)) ([]T, error) {
	out := make([]T, v.Dict.Len())
	done := make([]bool, v.Dict.Len())
	for i, c := range v.Codes {
		if done[c] {
			continue
		}
		x, err := decode(v.Dict.Value(c))
		if err != nil {
			return nil, base.Errorf(base.ClassCorruption, "column %v, row %d: %w", v.ID, rowOf(v, i), err)
		}
		out[c], done[c] = x, true
	}
	return out, nil
}

func (r *reader) docs() error {
	if v := r.b.Col(ColResource); v != nil {
		docs, err := decodeDocs(v, decodeResource)
		if err != nil {
			return err
		}
		for i, c := range v.Codes {
			r.spans[rowOf(v, i)].Resource = docs[c]
		}
	}
	if v := r.b.Col(ColScope); v != nil {
		docs, err := decodeDocs(v, decodeScope)
		if err != nil {
			return err
		}
		for i, c := range v.Codes {
			r.spans[rowOf(v, i)].Scope = docs[c]
		}
	}
	if v := r.b.Col(ColEvents); v != nil {
		docs, err := decodeDocs(v, decodeEvents)
		if err != nil {
			return err
		}
		for i, c := range v.Codes {
			r.spans[rowOf(v, i)].Events = docs[c]
		}
	}
	if v := r.b.Col(ColLinks); v != nil {
		docs, err := decodeDocs(v, decodeLinks)
		if err != nil {
			return err
		}
		for i, c := range v.Codes {
			r.spans[rowOf(v, i)].Links = docs[c]
		}
	}
	return nil
}

// attrs fills the attributes. All spans' attributes lie in one array: counted
// first, then filled column by column, which is ascending by key.
func (r *reader) attrs() error {
	extraCol := r.b.Col(ColExtra)
	var extra [][]Attr
	counts := make([]int, len(r.spans))
	total := 0
	for i := range r.b.Cols {
		v := &r.b.Cols[i]
		if v.ID.Family != FamilyAttr {
			continue
		}
		total += v.Len()
		for p := range v.Len() {
			counts[rowOf(v, p)]++
		}
	}
	if extraCol != nil {
		var err error
		if extra, err = decodeDocs(extraCol, decodeExtra); err != nil {
			return err
		}
		for p, c := range extraCol.Codes {
			counts[rowOf(extraCol, p)] += len(extra[c])
			total += len(extra[c])
		}
	}
	all := make([]Attr, total)
	for i, n := range counts {
		if n > 0 {
			r.spans[i].Attrs, all = all[:0:n], all[n:]
		}
	}
	for i := range r.b.Cols {
		if v := &r.b.Cols[i]; v.ID.Family == FamilyAttr {
			if err := r.attrColumn(v); err != nil {
				return err
			}
		}
	}
	if extraCol == nil {
		return nil
	}
	for p, c := range extraCol.Codes {
		s := &r.spans[rowOf(extraCol, p)]
		s.Attrs = append(s.Attrs, extra[c]...)
		slices.SortStableFunc(s.Attrs, func(a, b Attr) int { return strings.Compare(a.Key, b.Key) })
	}
	return nil
}

func (r *reader) attrColumn(v *column.Vector) error {
	key := v.ID.Name
	add := func(p int, x Value) {
		s := &r.spans[rowOf(v, p)]
		s.Attrs = append(s.Attrs, Attr{Key: key, Value: x})
	}
	switch v.ID.Type {
	case column.String, column.Bytes:
		kind := KindString
		if v.ID.Type == column.Bytes {
			kind = KindBytes
		}
		values := dictStrings(v)
		for p, c := range v.Codes {
			add(p, Value{Kind: kind, Str: values[c]})
		}
	case column.Int64:
		for p, x := range v.Ints {
			add(p, Value{Kind: KindInt, Int: x})
		}
	case column.Bool:
		for p, x := range v.Ints {
			add(p, Value{Kind: KindBool, Int: x})
		}
	case column.Float64:
		for p, x := range v.Floats {
			add(p, Value{Kind: KindDouble, Dbl: x})
		}
	case column.Doc:
		docs, err := decodeDocs(v, decodeValue)
		if err != nil {
			return err
		}
		for p, c := range v.Codes {
			add(p, docs[c])
		}
	}
	return nil
}

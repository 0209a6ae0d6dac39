package jaeger

import (
	"encoding/hex"
	"strconv"

	"github.com/pandodb/pando/internal/gateway/jaeger/serve"
	"github.com/pandodb/pando/internal/gateway/jaeger/wire"
	"github.com/pandodb/pando/internal/model/trace"
)

// maxSafeInt is the largest integer that JavaScript's numbers hold exactly.
const maxSafeInt = 1<<53 - 1

// spanEncoder writes traces in Jaeger's JSON:
//
//	{"traceID","spans":[{"traceID","spanID","operationName","references":[…],
//	 "startTime","duration","tags":[…],"logs":[…],"processID","warnings"}],
//	 "processes":{"p1":{"serviceName","tags":[…]}},"warnings":null}
//
// Times and durations are in microseconds.
type spanEncoder struct {
	raw bool // tags and references keep the order that Jaeger stores them in

	// Of the trace being written.
	numbers   map[*trace.Resource]int // process number, from 1
	byText    map[string]int          // processes that look the same are one
	processes [][]byte                // their JSON; process n is at n-1

	// Scratch.
	text       []byte // a list or map as text
	references []reference
	fields     []fieldTag // of the last span, of which the rest is told
	fieldText  []byte
	plain      bool // it had neither status nor trace state
	scope      *trace.Scope
	kind       trace.Kind
}

// encode writes one trace to out; its spans are at least one.
func (e *spanEncoder) encode(out *output, t *trace.Trace) {
	e.numbers, e.byText = make(map[*trace.Resource]int), make(map[string]int)
	e.processes = e.processes[:0]

	out.text(`{"traceID":`)
	out.buf = appendLegacyID(out.buf, t.ID)
	out.text(`,"spans":[`)
	for i := range t.Spans {
		if i > 0 {
			out.text(",")
		}
		out.buf = e.appendSpan(out.buf, &t.Spans[i])
		out.spill()
	}
	out.text(`],"processes":{`)
	for i, p := range e.processes {
		if i > 0 {
			out.text(",")
		}
		out.buf = append(out.buf, `"p`...)
		out.buf = strconv.AppendInt(out.buf, int64(i+1), 10)
		out.buf = append(out.buf, `":`...)
		out.buf = append(out.buf, p...)
		out.spill()
	}
	out.text(`},"warnings":null}`)
}

// appendLegacyID appends a trace id as Jaeger's JSON shows it: the 16 digits of
// a 64-bit id, or 32.
func appendLegacyID(dst []byte, id trace.ID) []byte {
	digits := id[:]
	if [8]byte(id[:8]) == ([8]byte{}) {
		digits = id[8:]
	}
	return append(hex.AppendEncode(append(dst, '"'), digits), '"')
}

func (e *spanEncoder) appendSpan(dst []byte, s *trace.Span) []byte {
	dst = append(dst, `{"traceID":`...)
	dst = appendLegacyID(dst, s.TraceID)
	dst = append(dst, `,"spanID":"`...)
	dst = hex.AppendEncode(dst, s.SpanID[:])
	dst = append(dst, `","operationName":`...)
	dst = appendString(dst, s.Name)
	dst = e.appendReferences(append(dst, `,"references":[`...), s)
	dst = append(dst, `],"startTime":`...)
	dst = strconv.AppendUint(dst, s.StartNanos/1000, 10)
	dst = append(dst, `,"duration":`...)
	dst = strconv.AppendUint(dst, s.DurationNanos()/1000, 10)
	dst, warnings := e.appendSpanTags(append(dst, `,"tags":[`...), s)
	dst = append(dst, `],"logs":[`...)
	for i := range s.Events {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = e.appendLog(dst, &s.Events[i])
	}
	dst = append(dst, `],"processID":"p`...)
	dst = strconv.AppendInt(dst, int64(e.process(s.Resource)), 10)
	dst = append(dst, `","warnings":`...)
	return append(appendWarnings(dst, warnings), '}')
}

// appendReferences appends the parent and the links of a span. A link to the
// parent only says what kind of parent it is.
func (e *spanEncoder) appendReferences(dst []byte, s *trace.Span) []byte {
	if len(s.Links) == 0 {
		if s.ParentID.IsZero() {
			return dst
		}
		return appendReference(dst, &reference{"CHILD_OF", s.TraceID, s.ParentID})
	}
	refs := e.references[:0]
	if !s.ParentID.IsZero() {
		refs = append(refs, reference{parentRefType(s), s.TraceID, s.ParentID})
	}
	for i := range s.Links {
		if l := &s.Links[i]; !linksParent(l, s) {
			refs = append(refs, reference{refType(l), l.TraceID, l.SpanID})
		}
	}
	if !e.raw {
		putParentFirst(refs, s.TraceID)
	}
	for i := range refs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendReference(dst, &refs[i])
	}
	e.references = refs
	return dst
}

// reference is how a span refers to another.
type reference struct {
	kind  string
	trace trace.ID
	span  trace.SpanID
}

// putParentFirst moves what Jaeger's page takes for the parent to the front: the
// first CHILD_OF of the same trace, else the first of any kind.
func putParentFirst(refs []reference, id trace.ID) {
	parent := -1
	for i := range refs {
		if refs[i].trace != id {
			continue
		}
		if refs[i].kind == "CHILD_OF" {
			parent = i
			break
		}
		if parent < 0 {
			parent = i
		}
	}
	if parent > 0 {
		refs[0], refs[parent] = refs[parent], refs[0]
	}
}

func appendReference(dst []byte, r *reference) []byte {
	dst = append(append(dst, `{"refType":"`...), r.kind...)
	dst = appendLegacyID(append(dst, `","traceID":`...), r.trace)
	dst = hex.AppendEncode(append(dst, `,"spanID":"`...), r.span[:])
	return append(dst, `"}`...)
}

func linksParent(l *trace.Link, s *trace.Span) bool {
	return !s.ParentID.IsZero() && l.TraceID == s.TraceID && l.SpanID == s.ParentID
}

// parentRefType is the reference type of a span's parent: the last link to it
// decides.
func parentRefType(s *trace.Span) string {
	kind := "CHILD_OF"
	for i := range s.Links {
		if linksParent(&s.Links[i], s) {
			kind = refType(&s.Links[i])
		}
	}
	return kind
}

func refType(l *trace.Link) string {
	if v := find(l.Attrs, wire.AttrRefType); v != nil && v.Str == "child_of" {
		return "CHILD_OF"
	}
	return "FOLLOWS_FROM"
}

// find returns the value of an attribute, or nil.
func find(attrs []trace.Attr, key string) *trace.Value {
	for i := range attrs {
		if attrs[i].Key == key {
			return &attrs[i].Value
		}
	}
	return nil
}

// appendSpanTags appends a span's tags, each with a comma but the last: those
// that stand for fields and the attributes, sorted by name. Raw, they come as
// Jaeger stores them: of the scope, the attributes, then of the fields. Warnings
// that came as an attribute are returned instead.
func (e *spanEncoder) appendSpanTags(dst []byte, s *trace.Span) (_ []byte, warnings *trace.Value) {
	empty := len(dst)
	fields := e.fieldTags(s)
	if e.raw {
		for len(fields) > 0 && isScopeTag(fields[0].key) {
			dst = append(dst, e.fieldText[fields[0].start:fields[0].end]...)
			fields = fields[1:]
		}
	}
	for i := range s.Attrs {
		a := &s.Attrs[i]
		if a.Key == wire.AttrWarnings {
			warnings = &a.Value
			continue
		}
		for !e.raw && len(fields) > 0 && fields[0].before(a.Key) {
			dst = append(dst, e.fieldText[fields[0].start:fields[0].end]...)
			fields = fields[1:]
		}
		dst = append(e.appendTag(dst, a), ',')
	}
	if n := len(fields); n > 0 {
		dst = append(dst, e.fieldText[fields[0].start:fields[n-1].end]...)
	}
	return trimComma(dst, empty), warnings
}

// fieldTag is a tag that stands for a field of the span.
type fieldTag struct {
	key        string
	start, end int // of its JSON, with a comma, in spanEncoder.fieldText
}

// before reports whether the tag's place is before that of another key. Most
// differ in the first byte, and comparing that is cheaper than a call.
func (f *fieldTag) before(key string) bool {
	if key != "" && key[0] != f.key[0] {
		return f.key[0] < key[0]
	}
	return f.key < key
}

func isScopeTag(key string) bool { return key == wire.TagScopeName || key == wire.TagScopeVersion }

// fieldTags returns the tags for fields of a span that are set; they are valid
// until the next call. Most spans have those of the span before.
func (e *spanEncoder) fieldTags(s *trace.Span) []fieldTag {
	plain := s.StatusCode == 0 && s.StatusMessage == "" && s.TraceState == ""
	if !plain || !e.plain || s.Scope != e.scope || s.Kind != e.kind {
		e.fields, e.fieldText = e.fields[:0], e.fieldText[:0]
		e.setFieldTags(s)
		e.plain, e.scope, e.kind = plain, s.Scope, s.Kind
	}
	return e.fields
}

// setFieldTags adds the tags for fields that are set, in their order: by name or,
// raw, as Jaeger stores them.
func (e *spanEncoder) setFieldTags(s *trace.Span) {
	failed, code := statusTags(s)
	if !e.raw {
		e.addFieldTag(wire.TagError, failed)
	}
	e.addFieldTag(wire.TagScopeName, s.Scope.Name)
	e.addFieldTag(wire.TagScopeVersion, s.Scope.Version)
	if e.raw {
		e.addFieldTag(wire.TagSpanKind, serve.KindName(s.Kind))
		e.addFieldTag(wire.TagStatusCode, code)
		e.addFieldTag(wire.TagError, failed)
		e.addFieldTag(wire.TagStatusMessage, s.StatusMessage)
	} else {
		e.addFieldTag(wire.TagStatusCode, code)
		e.addFieldTag(wire.TagStatusMessage, s.StatusMessage)
		e.addFieldTag(wire.TagSpanKind, serve.KindName(s.Kind))
	}
	e.addFieldTag(wire.TagTraceState, s.TraceState)
}

// addFieldTag adds a tag, or nothing for an empty value. Errors are a truth value,
// not a text.
func (e *spanEncoder) addFieldTag(key, value string) {
	if value == "" {
		return
	}
	start := len(e.fieldText)
	if key == wire.TagError {
		e.fieldText = append(e.fieldText, `{"key":"error","type":"bool","value":true},`...)
	} else {
		e.fieldText = appendTextTag(e.fieldText, key, value)
	}
	e.fields = append(e.fields, fieldTag{key, start, len(e.fieldText)})
}

// trimComma drops the comma behind the last item of a list that began empty.
func trimComma(dst []byte, empty int) []byte {
	if len(dst) > empty {
		return dst[:len(dst)-1]
	}
	return dst
}

// appendTextTag appends a tag and a comma, or nothing for an empty value.
func appendTextTag(dst []byte, key, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(append(append(dst, `{"key":"`...), key...), `","type":"string","value":`...)
	return append(appendString(dst, value), `},`...)
}

func (e *spanEncoder) appendTag(dst []byte, a *trace.Attr) []byte {
	dst = appendString(append(dst, `{"key":`...), a.Key)
	switch v := &a.Value; v.Kind {
	case trace.KindBool:
		dst = strconv.AppendBool(append(dst, `,"type":"bool","value":`...), v.Int != 0)
	case trace.KindInt:
		dst = append(dst, `,"type":"int64","value":`...)
		if v.Int > maxSafeInt || v.Int < -maxSafeInt {
			dst = append(strconv.AppendInt(append(dst, '"'), v.Int, 10), '"')
		} else {
			dst = strconv.AppendInt(dst, v.Int, 10)
		}
	case trace.KindDouble:
		dst = appendFloat(append(dst, `,"type":"float64","value":`...), v.Dbl)
	case trace.KindBytes:
		dst = appendBase64(append(dst, `,"type":"binary","value":`...), v.Str)
	case trace.KindList, trace.KindMap:
		e.text = appendPlainValue(e.text[:0], v)
		dst = appendString(append(dst, `,"type":"string","value":`...), e.text)
	default: // text, or nothing
		dst = appendString(append(dst, `,"type":"string","value":`...), v.Str)
	}
	return append(dst, '}')
}

// statusTags returns the values of the tags that tell the status, each empty when
// an attribute of its name says the same, as in spans that came by Jaeger's own
// protocols.
func statusTags(s *trace.Span) (failed, code string) {
	switch s.StatusCode {
	case 0:
		return "", ""
	case 1:
		code = wire.StatusOK
	case trace.StatusError:
		failed, code = "true", wire.StatusError
	}
	for i := range s.Attrs {
		if a := &s.Attrs[i]; wire.SaysStatus(a, s.StatusCode) {
			if a.Key == wire.TagError {
				failed = ""
			} else {
				code = ""
			}
		}
	}
	return failed, code
}

// appendLog appends an event; its name is the first field, unless an attribute
// has its place.
func (e *spanEncoder) appendLog(dst []byte, v *trace.Event) []byte {
	dst = strconv.AppendUint(append(dst, `{"timestamp":`...), v.TimeNanos/1000, 10)
	dst = append(dst, `,"fields":[`...)
	empty := len(dst)
	own := -1 // the attribute that has the place of the name
	for i := range v.Attrs {
		if v.Attrs[i].Key == wire.TagEvent {
			own = i
			break
		}
	}
	first := -1
	switch {
	case own < 0:
		dst = appendTextTag(dst, wire.TagEvent, v.Name)
	case !e.raw && v.Attrs[own].Value.Kind == trace.KindString:
		first = own
		dst = append(e.appendTag(dst, &v.Attrs[own]), ',')
	}
	for i := range v.Attrs {
		if i != first {
			dst = append(e.appendTag(dst, &v.Attrs[i]), ',')
		}
	}
	return append(trimComma(dst, empty), `]}`...)
}

// process returns the number of the resource's process.
func (e *spanEncoder) process(r *trace.Resource) int {
	if n, ok := e.numbers[r]; ok {
		return n
	}
	p := e.appendProcess(nil, r)
	n, ok := e.byText[string(p)]
	if !ok {
		e.processes = append(e.processes, p)
		n = len(e.processes)
		e.byText[string(p)] = n
	}
	e.numbers[r] = n
	return n
}

func (e *spanEncoder) appendProcess(dst []byte, r *trace.Resource) []byte {
	service := r.Service()
	if service == "" {
		service = wire.NoService
	}
	dst = appendString(append(dst, `{"serviceName":`...), service)
	dst = append(dst, `,"tags":[`...)
	empty := len(dst)
	for i := range r.Attrs {
		if r.Attrs[i].Key != wire.AttrService {
			dst = append(e.appendTag(dst, &r.Attrs[i]), ',')
		}
	}
	return append(trimComma(dst, empty), `]}`...)
}

// appendWarnings appends the warnings of a span: a list of texts, or null.
func appendWarnings(dst []byte, v *trace.Value) []byte {
	if v == nil {
		return append(dst, "null"...)
	}
	if v.Kind != trace.KindList {
		return append(appendString(append(dst, '['), v.Str), ']')
	}
	dst = append(dst, '[')
	empty := len(dst)
	for i := range v.List {
		dst = append(appendString(dst, v.List[i].Str), ',')
	}
	return append(trimComma(dst, empty), ']')
}

package jaeger

import (
	"encoding/hex"
	"strconv"

	"github.com/pandodb/pando/internal/model/trace"
)

// Names of the tags by which Jaeger shows fields of a span, and of attributes
// that it shows as something else than a tag.
const (
	tagScopeName     = "otel.scope.name"
	tagScopeVersion  = "otel.scope.version"
	tagSpanKind      = "span.kind"
	tagStatusCode    = "otel.status_code"
	tagStatusMessage = "otel.status_description"
	tagError         = "error"
	tagTraceState    = "w3c.tracestate"
	tagEvent         = "event"

	attrService  = "service.name"
	attrWarnings = "@jaeger@warnings"     // texts
	attrRefType  = "opentracing.ref_type" // of a link: child_of or follows_from

	statusOK    = "OK"
	statusError = "ERROR"

	// noService is what Jaeger calls the sender of spans without service.name.
	noService = "missing-service-name"

	warnLink = "Invalid span link removed"
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
	raw bool // show invalid links as they are

	// Of the trace being written.
	numbers   map[*trace.Resource]int // process number, from 1
	byText    map[string]int          // processes that look the same are one
	processes [][]byte                // their JSON; process n is at n-1

	text []byte // scratch: a list or map as text
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
	dst, badLinks := e.appendReferences(append(dst, `,"references":[`...), s)
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
	return append(appendWarnings(dst, warnings, badLinks), '}')
}

// appendReferences appends the parent and the links of a span. A link to the
// parent only says what kind of parent it is. Links without a trace id are
// counted instead, unless everything is wanted raw.
func (e *spanEncoder) appendReferences(dst []byte, s *trace.Span) (_ []byte, badLinks int) {
	empty := len(dst)
	if !s.ParentID.IsZero() {
		dst = appendReference(dst, parentRefType(s), s.TraceID, s.ParentID)
	}
	for i := range s.Links {
		l := &s.Links[i]
		switch {
		case linksParent(l, s):
			continue
		case l.TraceID.IsZero() && !e.raw:
			badLinks++
			continue
		}
		if len(dst) > empty {
			dst = append(dst, ',')
		}
		dst = appendReference(dst, refType(l), l.TraceID, l.SpanID)
	}
	return dst, badLinks
}

func appendReference(dst []byte, kind string, id trace.ID, span trace.SpanID) []byte {
	dst = append(append(dst, `{"refType":"`...), kind...)
	dst = appendLegacyID(append(dst, `","traceID":`...), id)
	dst = hex.AppendEncode(append(dst, `,"spanID":"`...), span[:])
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
	if v := find(l.Attrs, attrRefType); v != nil && v.Str == "child_of" {
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

// appendSpanTags appends a span's tags: of its scope, its attributes, then of its
// fields. Each ends with a comma but the last. Warnings that came as an attribute
// are returned instead.
func (e *spanEncoder) appendSpanTags(dst []byte, s *trace.Span) (_ []byte, warnings *trace.Value) {
	empty := len(dst)
	dst = appendTextTag(dst, tagScopeName, s.Scope.Name)
	dst = appendTextTag(dst, tagScopeVersion, s.Scope.Version)
	for i := range s.Attrs {
		if s.Attrs[i].Key == attrWarnings {
			warnings = &s.Attrs[i].Value
			continue
		}
		dst = append(e.appendTag(dst, &s.Attrs[i]), ',')
	}
	dst = appendTextTag(dst, tagSpanKind, kindName(s.Kind))
	switch s.StatusCode {
	case 1:
		dst = appendTextTag(dst, tagStatusCode, statusOK)
	case trace.StatusError:
		dst = appendTextTag(dst, tagStatusCode, statusError)
		dst = append(dst, `{"key":"error","type":"bool","value":true},`...)
	}
	dst = appendTextTag(dst, tagStatusMessage, s.StatusMessage)
	dst = appendTextTag(dst, tagTraceState, s.TraceState)
	return trimComma(dst, empty), warnings
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

// appendLog appends an event; its name is a field, unless a field has its place.
func (e *spanEncoder) appendLog(dst []byte, v *trace.Event) []byte {
	dst = strconv.AppendUint(append(dst, `{"timestamp":`...), v.TimeNanos/1000, 10)
	dst = append(dst, `,"fields":[`...)
	empty := len(dst)
	if find(v.Attrs, tagEvent) == nil {
		dst = appendTextTag(dst, tagEvent, v.Name)
	}
	for i := range v.Attrs {
		dst = append(e.appendTag(dst, &v.Attrs[i]), ',')
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
		service = noService
	}
	dst = appendString(append(dst, `{"serviceName":`...), service)
	dst = append(dst, `,"tags":[`...)
	empty := len(dst)
	for i := range r.Attrs {
		if r.Attrs[i].Key != attrService {
			dst = append(e.appendTag(dst, &r.Attrs[i]), ',')
		}
	}
	return append(trimComma(dst, empty), `]}`...)
}

// appendWarnings appends the warnings that a span came with and those about its
// links: a list of texts, or null.
func appendWarnings(dst []byte, sent *trace.Value, badLinks int) []byte {
	if sent == nil && badLinks == 0 {
		return append(dst, "null"...)
	}
	dst = append(dst, '[')
	empty := len(dst)
	switch {
	case sent == nil:
	case sent.Kind == trace.KindList:
		for i := range sent.List {
			dst = append(appendString(dst, sent.List[i].Str), ',')
		}
	default:
		dst = append(appendString(dst, sent.Str), ',')
	}
	for range badLinks {
		dst = append(append(append(dst, '"'), warnLink...), `",`...)
	}
	return append(trimComma(dst, empty), ']')
}

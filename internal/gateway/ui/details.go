package ui

import (
	"encoding/base64"
	"math"
	"net/http"
	"strconv"

	"github.com/pandodb/pando/internal/model/trace"
)

type spansDoc struct {
	Spans []spanDoc `json:"spans"`
}

type spanDoc struct {
	SpanID            string      `json:"spanId"`
	ParentSpanID      string      `json:"parentSpanId"`
	Name              string      `json:"name"`
	Kind              string      `json:"kind"`
	Service           string      `json:"service"`
	StartUnixNano     string      `json:"startUnixNano"`
	DurationNanos     uint64      `json:"durationNanos"`
	StatusCode        string      `json:"statusCode"`
	StatusMessage     string      `json:"statusMessage"`
	TraceState        string      `json:"traceState"`
	Flags             uint32      `json:"flags"`
	Attributes        []attrDoc   `json:"attributes"`
	DroppedAttributes uint32      `json:"droppedAttributes"`
	Events            []eventDoc  `json:"events"`
	DroppedEvents     uint32      `json:"droppedEvents"`
	Links             []linkDoc   `json:"links"`
	DroppedLinks      uint32      `json:"droppedLinks"`
	Resource          resourceDoc `json:"resource"`
	Scope             scopeDoc    `json:"scope"`
}

// attrDoc carries its value as text, whatever its type: JSON numbers lose
// 64-bit integers, and the page shows text. Lists and maps are compact JSON.
type attrDoc struct {
	Key   string `json:"key"`
	Type  string `json:"type"`
	Value string `json:"value"`
}

type eventDoc struct {
	Name          string    `json:"name"`
	TimeUnixNano  string    `json:"timeUnixNano"`
	OffsetNanos   int64     `json:"offsetNanos"` // after the span's start; negative under skew
	Attributes    []attrDoc `json:"attributes"`
	DroppedValues uint32    `json:"droppedAttributes"`
}

type linkDoc struct {
	TraceID       string    `json:"traceId"`
	SpanID        string    `json:"spanId"`
	TraceState    string    `json:"traceState"`
	Flags         uint32    `json:"flags"`
	Attributes    []attrDoc `json:"attributes"`
	DroppedValues uint32    `json:"droppedAttributes"`
}

type resourceDoc struct {
	SchemaURL     string    `json:"schemaUrl"`
	Attributes    []attrDoc `json:"attributes"`
	DroppedValues uint32    `json:"droppedAttributes"`
}

type scopeDoc struct {
	Name          string    `json:"name"`
	Version       string    `json:"version"`
	SchemaURL     string    `json:"schemaUrl"`
	Attributes    []attrDoc `json:"attributes"`
	DroppedValues uint32    `json:"droppedAttributes"`
}

func (h *Handler) serveSpan(w http.ResponseWriter, r *http.Request) error {
	id, err := trace.ParseID(r.PathValue("id"))
	if err != nil {
		return err
	}
	spanID, err := trace.ParseSpanID(r.PathValue("span"))
	if err != nil {
		return err
	}
	spans, err := h.opts.Store.Span(r.Context(), id, spanID)
	if err != nil {
		return err
	}
	doc := spansDoc{Spans: make([]spanDoc, len(spans))}
	for i := range spans {
		doc.Spans[i] = newSpanDoc(&spans[i])
	}
	writeJSON(w, http.StatusOK, &doc)
	return nil
}

func newSpanDoc(s *trace.Span) spanDoc {
	doc := spanDoc{
		SpanID:            s.SpanID.String(),
		Name:              s.Name,
		Kind:              s.Kind.String(),
		Service:           s.Resource.Service(),
		StartUnixNano:     nanos(s.StartNanos),
		DurationNanos:     s.DurationNanos(),
		StatusCode:        statusName(s.StatusCode),
		StatusMessage:     s.StatusMessage,
		TraceState:        s.TraceState,
		Flags:             s.Flags,
		Attributes:        newAttrDocs(s.Attrs),
		DroppedAttributes: s.DroppedAttrs,
		Events:            make([]eventDoc, len(s.Events)),
		DroppedEvents:     s.DroppedEvents,
		Links:             make([]linkDoc, len(s.Links)),
		DroppedLinks:      s.DroppedLinks,
		Resource: resourceDoc{
			SchemaURL: s.Resource.SchemaURL, Attributes: newAttrDocs(s.Resource.Attrs), DroppedValues: s.Resource.DroppedAttrs,
		},
		Scope: scopeDoc{
			Name: s.Scope.Name, Version: s.Scope.Version, SchemaURL: s.Scope.SchemaURL,
			Attributes: newAttrDocs(s.Scope.Attrs), DroppedValues: s.Scope.DroppedAttrs,
		},
	}
	if !s.ParentID.IsZero() {
		doc.ParentSpanID = s.ParentID.String()
	}
	for i := range s.Events {
		e := &s.Events[i]
		doc.Events[i] = eventDoc{
			Name: e.Name, TimeUnixNano: nanos(e.TimeNanos), OffsetNanos: int64(e.TimeNanos - s.StartNanos),
			Attributes: newAttrDocs(e.Attrs), DroppedValues: e.DroppedAttrs,
		}
	}
	for i := range s.Links {
		l := &s.Links[i]
		doc.Links[i] = linkDoc{
			TraceID: l.TraceID.String(), SpanID: l.SpanID.String(), TraceState: l.TraceState,
			Flags: l.Flags, Attributes: newAttrDocs(l.Attrs), DroppedValues: l.DroppedAttrs,
		}
	}
	return doc
}

func statusName(code int32) string {
	switch code {
	case 0:
		return "unset"
	case 1:
		return "ok"
	case trace.StatusError:
		return "error"
	default:
		return strconv.Itoa(int(code))
	}
}

var valueTypes = [...]string{"empty", "string", "bool", "int", "double", "bytes", "list", "map"}

func newAttrDocs(attrs []trace.Attr) []attrDoc {
	docs := make([]attrDoc, len(attrs))
	for i := range attrs {
		v := &attrs[i].Value
		docs[i] = attrDoc{Key: attrs[i].Key, Type: valueTypes[v.Kind], Value: valueText(v)}
	}
	return docs
}

// valueText renders a value for reading: strings as they are, bytes as base64,
// lists and maps as compact JSON.
func valueText(v *trace.Value) string {
	switch v.Kind {
	case trace.KindEmpty:
		return ""
	case trace.KindString:
		return v.Str
	case trace.KindBytes:
		return base64.StdEncoding.EncodeToString([]byte(v.Str))
	case trace.KindDouble:
		return doubleText(v.Dbl)
	default:
		return string(appendValue(nil, v, 0))
	}
}

// doubleText writes a number as JSON has it, and as JavaScript names those that
// JSON has not.
func doubleText(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// maxValueDepth ends the rendering of values nested deeper than any sender
// means; the rest is shown as an ellipsis.
const maxValueDepth = 32

func appendValue(dst []byte, v *trace.Value, depth int) []byte {
	if depth > maxValueDepth {
		return append(dst, `"…"`...)
	}
	switch v.Kind {
	case trace.KindString:
		return appendQuoted(dst, v.Str)
	case trace.KindBytes:
		return appendQuoted(dst, base64.StdEncoding.EncodeToString([]byte(v.Str)))
	case trace.KindBool:
		return strconv.AppendBool(dst, v.Int != 0)
	case trace.KindInt:
		return strconv.AppendInt(dst, v.Int, 10)
	case trace.KindDouble:
		if math.IsNaN(v.Dbl) || math.IsInf(v.Dbl, 0) {
			return appendQuoted(dst, doubleText(v.Dbl))
		}
		return append(dst, doubleText(v.Dbl)...)
	case trace.KindList:
		return appendList(dst, v.List, depth)
	case trace.KindMap:
		return appendMap(dst, v.Map, depth)
	default:
		return append(dst, "null"...)
	}
}

func appendList(dst []byte, list []trace.Value, depth int) []byte {
	dst = append(dst, '[')
	for i := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendValue(dst, &list[i], depth+1)
	}
	return append(dst, ']')
}

func appendMap(dst []byte, attrs []trace.Attr, depth int) []byte {
	dst = append(dst, '{')
	for i := range attrs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendQuoted(dst, attrs[i].Key), ':')
		dst = appendValue(dst, &attrs[i].Value, depth+1)
	}
	return append(dst, '}')
}

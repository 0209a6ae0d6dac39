package e2e

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// span is one span as every reader must tell it. Fields that a way of reading
// does not carry are blanked in what is expected of it.
type span struct {
	ID, Parent    string // hex
	Service, Name string
	Kind          string // server, client, …
	Failed        bool
	Message       string            // of the status
	Attributes    map[string]string // values as text
	Events        []string          // names
	Links         []string          // span ids
}

func byName(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return spans
}

// valueText renders a decoded JSON value: numbers as short as they go, lists as
// JSON.
func valueText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	default:
		text, err := json.Marshal(v)
		if err != nil {
			return err.Error()
		}
		return string(text)
	}
}

// otlpData is a TracesData message in JSON, with ids in hex as OTLP has them or
// in base64 as protobuf's general mapping does.
type otlpData struct {
	ResourceSpans []struct {
		Resource   struct{ Attributes []otlpAttribute }
		ScopeSpans []struct {
			Spans []otlpSpan
		}
	}
}

type otlpSpan struct {
	TraceID      string `json:"traceId"`
	SpanID       string `json:"spanId"`
	ParentSpanID string `json:"parentSpanId"`
	Name         string
	Kind         any
	Attributes   []otlpAttribute
	Events       []struct{ Name string }
	Links        []struct {
		SpanID string `json:"spanId"`
	}
	Status struct {
		Code    any
		Message string
	}
}

type otlpAttribute struct {
	Key   string
	Value map[string]any
}

// text returns the value of an attribute.
func (a *otlpAttribute) text() string {
	for kind, v := range a.Value {
		if kind != "arrayValue" {
			return valueText(v) // intValue is a string in JSON
		}
		var list []any
		values, _ := v.(map[string]any)["values"].([]any) // no values are an empty list
		for _, e := range values {
			for _, v := range e.(map[string]any) {
				list = append(list, v)
			}
		}
		return valueText(list)
	}
	return ""
}

var kinds = []string{"unspecified", "internal", "server", "client", "producer", "consumer"}

// kindName returns the name of a kind that is a number or SPAN_KIND_X.
func kindName(v any) string {
	if n, ok := v.(float64); ok && int(n) < len(kinds) {
		return kinds[int(n)]
	}
	return strings.ToLower(strings.TrimPrefix(fmt.Sprint(v), "SPAN_KIND_"))
}

// hexID returns an id in hex.
func hexID(id string) string {
	if _, err := hex.DecodeString(id); err == nil && (len(id) == 16 || len(id) == 32) {
		return id
	}
	raw, err := base64.StdEncoding.DecodeString(id)
	if err != nil {
		return id
	}
	return hex.EncodeToString(raw)
}

// spans returns the spans of the message.
func (d *otlpData) spans() []span {
	var out []span
	for _, rs := range d.ResourceSpans {
		service := ""
		for _, a := range rs.Resource.Attributes {
			if a.Key == "service.name" {
				service = a.text()
			}
		}
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				out = append(out, s.normal(service))
			}
		}
	}
	return out
}

func (s *otlpSpan) normal(service string) span {
	out := span{
		ID: hexID(s.SpanID), Parent: hexID(s.ParentSpanID), Service: service, Name: s.Name, Kind: kindName(s.Kind),
		Failed:  s.Status.Code == float64(2) || s.Status.Code == "STATUS_CODE_ERROR",
		Message: s.Status.Message, Attributes: map[string]string{},
	}
	for _, a := range s.Attributes {
		out.Attributes[a.Key] = a.text()
	}
	for _, e := range s.Events {
		out.Events = append(out.Events, e.Name)
	}
	for _, l := range s.Links {
		out.Links = append(out.Links, hexID(l.SpanID))
	}
	return out
}

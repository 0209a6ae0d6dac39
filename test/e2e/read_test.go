package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// reader is one way of reading.
type reader struct {
	name string
	// trace returns the spans of a trace, by name.
	trace func(t *testing.T, id string) []span
	// search returns the ids of the traces of a service that have a span with
	// the attribute.
	search func(t *testing.T, service, key, value string) []string
	// carries blanks in a span what the reader does not carry.
	carries func(*span)
}

var readers = []reader{
	{"page API", pageTrace, pageSearch, func(*span) {}},
	{"Jaeger JSON", jaegerTrace, jaegerSearch, func(*span) {}},
	{"Jaeger api/v3 HTTP", v3Trace, v3Search, func(*span) {}},
	{"Jaeger api/v3 gRPC", grpcTrace, grpcSearch, func(*span) {}},
	{"command line", cliTrace, cliSearch, func(s *span) {
		s.Message, s.Attributes, s.Events, s.Links = "", nil, nil, nil
	}},
}

func getJSON(t *testing.T, path string, doc any) {
	t.Helper()
	body, err := pando.get(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	decode(t, body, doc)
}

func decode(t *testing.T, body []byte, doc any) {
	t.Helper()
	if err := json.Unmarshal(body, doc); err != nil {
		t.Fatalf("%v in %.500s", err, body)
	}
}

func pageTrace(t *testing.T, id string) []span {
	t.Helper()
	var columns struct {
		SpanIDs string `json:"spanIds"`
	}
	getJSON(t, "/api/v1/traces/"+id, &columns)
	var out []span
	for at := 0; at+16 <= len(columns.SpanIDs); at += 16 {
		type attribute struct{ Key, Value string }
		var doc struct {
			Spans []struct {
				SpanID        string `json:"spanId"`
				ParentSpanID  string `json:"parentSpanId"`
				Name, Kind    string
				Service       string
				StatusCode    string
				StatusMessage string
				Attributes    []attribute
				Events        []struct{ Name string }
				Links         []struct {
					SpanID string `json:"spanId"`
				}
			}
		}
		getJSON(t, "/api/v1/traces/"+id+"/spans/"+columns.SpanIDs[at:at+16], &doc)
		for _, s := range doc.Spans {
			n := span{
				ID: s.SpanID, Parent: s.ParentSpanID, Service: s.Service, Name: s.Name, Kind: s.Kind,
				Failed: s.StatusCode == "error", Message: s.StatusMessage, Attributes: map[string]string{},
			}
			for _, a := range s.Attributes {
				n.Attributes[a.Key] = a.Value
			}
			for _, e := range s.Events {
				n.Events = append(n.Events, e.Name)
			}
			for _, l := range s.Links {
				n.Links = append(n.Links, l.SpanID)
			}
			out = append(out, n)
		}
	}
	return byName(out)
}

func pageSearch(t *testing.T, service, key, value string) []string {
	t.Helper()
	var doc struct {
		Traces []struct {
			TraceID string `json:"traceId"`
		}
	}
	getJSON(t, "/api/v1/traces/search?"+url.Values{"service": {service}, "tags": {key + "=" + value}}.Encode(), &doc)
	var ids []string
	for _, tr := range doc.Traces {
		ids = append(ids, tr.TraceID)
	}
	return ids
}

// jaegerTraces is Jaeger's answer about traces.
type jaegerTraces struct {
	Data []struct {
		TraceID string `json:"traceID"`
		Spans   []struct {
			SpanID        string `json:"spanID"`
			OperationName string
			ProcessID     string `json:"processID"`
			References    []struct {
				RefType string
				SpanID  string `json:"spanID"`
			}
			Tags []jaegerTag
			Logs []struct{ Fields []jaegerTag }
		}
		Processes map[string]struct{ ServiceName string }
	}
}

type jaegerTag struct {
	Key   string
	Value any
}

func jaegerTrace(t *testing.T, id string) []span {
	t.Helper()
	var doc jaegerTraces
	getJSON(t, "/api/traces/"+id, &doc)
	var out []span
	for _, tr := range doc.Data {
		for _, s := range tr.Spans {
			n := span{ID: s.SpanID, Service: tr.Processes[s.ProcessID].ServiceName, Name: s.OperationName, Attributes: map[string]string{}}
			for _, r := range s.References {
				if r.RefType == "CHILD_OF" {
					n.Parent = r.SpanID
				} else {
					n.Links = append(n.Links, r.SpanID)
				}
			}
			for _, tag := range s.Tags {
				n.takeJaegerTag(tag)
			}
			for _, log := range s.Logs {
				for _, f := range log.Fields {
					if f.Key == "event" {
						n.Events = append(n.Events, valueText(f.Value))
					}
				}
			}
			out = append(out, n)
		}
	}
	return byName(out)
}

// takeJaegerTag sorts a tag: some stand for fields of a span.
func (s *span) takeJaegerTag(tag jaegerTag) {
	text := valueText(tag.Value)
	switch tag.Key {
	case "span.kind":
		s.Kind = text
	case "error":
		s.Failed = text == "true"
	case "otel.status_description":
		s.Message = text
	case "otel.status_code", "otel.scope.name", "otel.scope.version":
	default:
		s.Attributes[tag.Key] = text
	}
}

func jaegerSearch(t *testing.T, service, key, value string) []string {
	t.Helper()
	tags, err := json.Marshal(map[string]string{key: value})
	if err != nil {
		t.Fatal(err)
	}
	var doc jaegerTraces
	getJSON(t, "/api/traces?"+url.Values{"service": {service}, "tags": {string(tags)}, "lookback": {"1h"}}.Encode(), &doc)
	var ids []string
	for _, tr := range doc.Data {
		ids = append(ids, tr.TraceID)
	}
	return ids
}

// v3Trace asks for the spans as they were sent: clocks that step by microseconds
// while a story is told are an attribute of a span otherwise.
func v3Trace(t *testing.T, id string) []span {
	t.Helper()
	var doc struct{ Result otlpData }
	getJSON(t, "/api/v3/traces/"+id+"?raw_traces=true", &doc)
	return byName(doc.Result.spans())
}

// lastHour returns the bounds of a search, as RFC 3339.
func lastHour() (start, end string) {
	now := time.Now().UTC()
	return now.Add(-time.Hour).Format(time.RFC3339Nano), now.Add(time.Minute).Format(time.RFC3339Nano)
}

func v3Search(t *testing.T, service, key, value string) []string {
	t.Helper()
	start, end := lastHour()
	attributes, err := json.Marshal(map[string]string{key: value})
	if err != nil {
		t.Fatal(err)
	}
	body, err := pando.get(t.Context(), "/api/v3/traces?"+url.Values{
		"query.service_name": {service}, "query.attributes": {string(attributes)},
		"query.start_time_min": {start}, "query.start_time_max": {end},
	}.Encode())
	if errors.Is(err, errNotFound) { // as Jaeger says that nothing matches
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for d := json.NewDecoder(bytes.NewReader(body)); ; {
		var doc struct{ Result otlpData }
		if err := d.Decode(&doc); errors.Is(err, io.EOF) {
			return ids
		} else if err != nil {
			t.Fatalf("%v in %.500s", err, body)
		}
		ids = append(ids, doc.Result.traceIDs()...)
	}
}

// traceIDs returns the distinct trace ids of the message.
func (d *otlpData) traceIDs() []string {
	var ids []string
	for _, rs := range d.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				if id := hexID(s.TraceID); !slices.Contains(ids, id) {
					ids = append(ids, id)
				}
			}
		}
	}
	return ids
}

// grpcurl calls a method, as its user knows it by reflection, and returns the
// messages of the answer.
func grpcurl[M any](t *testing.T, method string, request any) []M {
	t.Helper()
	text, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	answer := command(t, tool(t, "grpcurl"), "-plaintext", "-d", string(text), pando.addr, "jaeger.api_v3.QueryService/"+method)
	var out []M
	for d := json.NewDecoder(bytes.NewReader(answer)); ; {
		var m M
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatalf("%v in %.500s", err, answer)
		}
		out = append(out, m)
	}
}

func grpcTrace(t *testing.T, id string) []span {
	t.Helper()
	var out []span
	for _, m := range grpcurl[otlpData](t, "GetTrace", map[string]any{"trace_id": id, "raw_traces": true}) {
		out = append(out, m.spans()...)
	}
	return byName(out)
}

func grpcSearch(t *testing.T, service, key, value string) []string {
	t.Helper()
	start, end := lastHour()
	var ids []string
	for _, m := range grpcurl[otlpData](t, "FindTraces", map[string]any{"query": map[string]any{
		"service_name": service, "attributes": map[string]string{key: value},
		"start_time_min": start, "start_time_max": end, "search_depth": 20,
	}}) {
		for _, id := range m.traceIDs() {
			if !slices.Contains(ids, id) { // a trace may take several messages
				ids = append(ids, id)
			}
		}
	}
	return ids
}

func cliTrace(t *testing.T, id string) []span {
	t.Helper()
	var doc struct {
		Spans []struct {
			SpanID       string `json:"spanId"`
			ParentSpanID string `json:"parentSpanId"`
			Service      string
			Name         string
			Kind         any
			Error        bool
		}
	}
	decode(t, command(t, pando.binary, "trace", "get", id, "--server", pando.addr, "-o", "json"), &doc)
	var out []span
	for _, s := range doc.Spans {
		out = append(out, span{ID: s.SpanID, Parent: s.ParentSpanID, Service: s.Service, Name: s.Name, Kind: kindName(s.Kind), Failed: s.Error})
	}
	return byName(out)
}

func cliSearch(t *testing.T, service, key, value string) []string {
	t.Helper()
	out := command(t, pando.binary, "trace", "search", "--server", pando.addr, "--service", service, "--tag", key+"="+value, "-o", "jsonl")
	var ids []string
	for line := range strings.Lines(string(out)) {
		var doc struct {
			TraceID string `json:"traceId"`
		}
		decode(t, []byte(line), &doc)
		ids = append(ids, doc.TraceID)
	}
	return ids
}

// itoa keeps numbers in attribute tables short.
func itoa(n int) string { return strconv.Itoa(n) }

package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Status is what a server says about itself.
type Status struct {
	Version      string `json:"version"`
	State        string `json:"state"` // waiting or ready
	ServiceCount int    `json:"serviceCount"`
}

// Status asks what runs there.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var doc Status
	return doc, c.get(ctx, "/api/v1/status", nil, &doc)
}

// Services returns the names of the services that sent spans.
func (c *Client) Services(ctx context.Context) ([]string, error) {
	var doc struct{ Services []string }
	return doc.Services, c.get(ctx, "/api/v1/services", nil, &doc)
}

// Operations returns the names of a service's operations, ascending.
func (c *Client) Operations(ctx context.Context, service string) ([]string, error) {
	var doc struct {
		Operations []struct{ Name string }
	}
	err := c.get(ctx, "/api/v1/services/"+url.PathEscape(service)+"/operations", nil, &doc)
	var names []string
	for _, op := range doc.Operations {
		if n := len(names); n == 0 || names[n-1] != op.Name { // one per kind
			names = append(names, op.Name)
		}
	}
	return names, err
}

// Search asks for traces. Zero fields do not constrain; times are Unix
// nanoseconds.
type Search struct {
	Service, Operation, Kind string
	Tags                     []Tag
	Errors                   bool
	MinDuration, MaxDuration time.Duration
	// Filter is in the text form of the language of filters.
	Filter     string
	Start, End int64
	Slowest    bool
	Limit      int
	Token      string // of the page wanted; empty is the first
}

// SpanSearch asks for spans, by the conditions of a Search.
type SpanSearch struct {
	Search
	Sort      string // start or duration
	Ascending bool
}

// Tag is a condition on an attribute; the value matches any type by its text.
type Tag struct{ Key, Value string }

// Summary is one trace of an answer.
type Summary struct {
	TraceID       string  `json:"traceId"`
	RootService   string  `json:"rootService"`
	RootOperation string  `json:"rootOperation"`
	Start         Nanos   `json:"startUnixNano"`
	Duration      int64   `json:"durationNanos"`
	Spans         int     `json:"spanCount"`
	Errors        int     `json:"errorCount"`
	Orphans       int     `json:"orphanCount"`
	Services      []Count `json:"services"`
}

// Count is one service's share of a trace.
type Count struct {
	Name   string `json:"name"`
	Spans  int    `json:"spanCount"`
	Errors int    `json:"errorCount"`
}

// Nanos is a time in Unix nanoseconds; in JSON it is a decimal string, which
// keeps its digits in every reader.
type Nanos int64

// MarshalJSON writes the string.
func (n Nanos) MarshalJSON() ([]byte, error) {
	return strconv.AppendQuote(nil, strconv.FormatInt(int64(n), 10)), nil
}

// UnmarshalJSON reads the string.
func (n *Nanos) UnmarshalJSON(b []byte) error {
	text, err := strconv.Unquote(string(b))
	if err != nil {
		return fmt.Errorf("time %s: want a decimal string of nanoseconds", b)
	}
	v, err := strconv.ParseInt(text, 10, 64)
	*n = Nanos(v)
	return err
}

// Time returns the time in UTC.
func (n Nanos) Time() time.Time { return time.Unix(0, int64(n)).UTC() }

// FoundSpan is one span of an answer.
type FoundSpan struct {
	TraceID       string `json:"traceId"`
	SpanID        string `json:"spanId"`
	Service       string `json:"service"`
	Name          string `json:"name"`
	Kind          string `json:"kind"`
	Start         Nanos  `json:"startUnixNano"`
	Duration      int64  `json:"durationNanos"`
	StatusCode    string `json:"statusCode"`
	StatusMessage string `json:"statusMessage,omitempty"`
}

// Search returns summaries of the traces that match, best first, and the token
// of the page after these: empty at the end.
func (c *Client) Search(ctx context.Context, q *Search) ([]Summary, string, error) {
	var doc struct {
		Traces    []Summary
		NextToken string
	}
	err := c.get(ctx, "/api/v1/traces/search", q.values(), &doc)
	return doc.Traces, doc.NextToken, err
}

// SearchSpans returns the spans that match, in order, and the token of the page
// after these: empty at the end.
func (c *Client) SearchSpans(ctx context.Context, q *SpanSearch) ([]FoundSpan, string, error) {
	v := q.values()
	v.Set("sort", q.Sort)
	v.Set("direction", map[bool]string{false: "descending", true: "ascending"}[q.Ascending])
	var doc struct {
		Spans     []FoundSpan
		NextToken string
	}
	err := c.get(ctx, "/api/v1/spans/search", v, &doc)
	return doc.Spans, doc.NextToken, err
}

func (q *Search) values() url.Values {
	v := url.Values{}
	set := func(key, value string, present bool) {
		if present {
			v.Set(key, value)
		}
	}
	set("service", q.Service, q.Service != "")
	set("operation", q.Operation, q.Operation != "")
	set("kind", q.Kind, q.Kind != "")
	set("tags", quoteTags(q.Tags), len(q.Tags) > 0)
	set("errors", "true", q.Errors)
	set("minDuration", q.MinDuration.String(), q.MinDuration > 0)
	set("maxDuration", q.MaxDuration.String(), q.MaxDuration > 0)
	set("filter", q.Filter, q.Filter != "")
	set("token", q.Token, q.Token != "")
	set("start", strconv.FormatInt(q.Start, 10), q.Start != 0)
	set("end", strconv.FormatInt(q.End, 10), q.End != 0)
	set("order", "slowest", q.Slowest)
	set("limit", strconv.Itoa(q.Limit), q.Limit > 0)
	return v
}

var tagEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`)

// quoteTags writes the words that the server reads.
func quoteTags(tags []Tag) string {
	words := make([]string, len(tags))
	for i, t := range tags {
		words[i] = t.Key + `="` + tagEscapes.Replace(t.Value) + `"`
	}
	return strings.Join(words, " ")
}

// Flags of a row of a trace.
const (
	FlagError  = 1
	FlagOrphan = 2
)

// Trace is a trace as rows in tree order, parents before children.
type Trace struct {
	TraceID  string `json:"traceId"`
	Start    Nanos  `json:"startUnixNano"`
	Duration int64  `json:"durationNanos"`
	Spans    []Span `json:"spans"`
}

// Span is one row.
type Span struct {
	SpanID   string `json:"spanId"`
	ParentID string `json:"parentSpanId,omitempty"` // empty when the parent is not known
	Depth    int    `json:"depth"`                  // 0 for a root
	Service  string `json:"service"`
	Name     string `json:"name"`
	Kind     int    `json:"kind"` // OpenTelemetry's number
	Start    Nanos  `json:"startUnixNano"`
	Duration int64  `json:"durationNanos"`
	Error    bool   `json:"error"`
	Orphan   bool   `json:"orphan,omitempty"`
}

// columns is a trace as the server sends it.
type columns struct {
	TraceID  string   `json:"traceId"`
	Start    Nanos    `json:"startUnixNano"`
	Duration int64    `json:"durationNanos"`
	Services []string `json:"services"`
	Names    []string `json:"names"`
	SpanIDs  string   `json:"spanIds"`
	Starts   []int64  `json:"start"`
	Lengths  []int64  `json:"duration"`
	Depths   []int    `json:"depth"`
	Parents  []int    `json:"parent"`
	Service  []int    `json:"service"`
	Name     []int    `json:"name"`
	Kinds    []int    `json:"kind"`
	Flags    []int    `json:"flags"`
}

// Trace returns a trace. The id may leave out leading zeros.
func (c *Client) Trace(ctx context.Context, id string) (*Trace, error) {
	var body json.RawMessage
	if err := c.get(ctx, "/api/v1/traces/"+url.PathEscape(id), nil, &body); err != nil {
		return nil, err
	}
	t, err := parseTrace(body)
	if err != nil {
		return nil, fmt.Errorf("trace %s: %w", id, err)
	}
	return t, nil
}

// parseTrace reads the columns of a trace and trusts none of them.
func parseTrace(body []byte) (*Trace, error) {
	var doc columns
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, err
	}
	if !doc.consistent() {
		return nil, errors.New("the server's columns do not fit together")
	}
	return doc.trace(), nil
}

const spanIDDigits = 16

// consistent reports whether all columns have one entry per span and all
// references lead somewhere.
func (d *columns) consistent() bool {
	n := len(d.Starts)
	if len(d.SpanIDs) != n*spanIDDigits || len(d.Lengths) != n || len(d.Depths) != n || len(d.Parents) != n ||
		len(d.Service) != n || len(d.Name) != n || len(d.Kinds) != n || len(d.Flags) != n {
		return false
	}
	for i := range n {
		if d.Depths[i] < 0 || d.Parents[i] >= n || d.Service[i] < 0 || d.Service[i] >= len(d.Services) || d.Name[i] < 0 || d.Name[i] >= len(d.Names) {
			return false
		}
	}
	return true
}

func (d *columns) spanID(row int) string {
	return d.SpanIDs[row*spanIDDigits : (row+1)*spanIDDigits]
}

func (d *columns) trace() *Trace {
	t := &Trace{TraceID: d.TraceID, Start: d.Start, Duration: d.Duration, Spans: make([]Span, len(d.Starts))}
	for i := range t.Spans {
		t.Spans[i] = Span{
			SpanID: d.spanID(i), Depth: d.Depths[i], Service: d.Services[d.Service[i]], Name: d.Names[d.Name[i]],
			Kind: d.Kinds[i], Start: d.Start + Nanos(d.Starts[i]), Duration: d.Lengths[i],
			Error: d.Flags[i]&FlagError != 0, Orphan: d.Flags[i]&FlagOrphan != 0,
		}
		if p := d.Parents[i]; p >= 0 {
			t.Spans[i].ParentID = d.spanID(p)
		}
	}
	return t
}

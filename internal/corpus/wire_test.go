package corpus

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// decodeRequest is the real OTLP decoder's view of a request, as plain spans
// by span id. Resources and scopes are fresh, so pointers do not compare.
func decodeRequest(t *testing.T, req []byte) []Span {
	t.Helper()
	var msg collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(req, &msg); err != nil {
		t.Fatalf("unmarshal: %v", err)
	}
	var out []Span
	for _, rs := range msg.ResourceSpans {
		resource := &Resource{Attrs: plainAttrs(rs.Resource.Attributes)}
		resource.Service = resource.Attrs[0].Value.Str
		for _, ss := range rs.ScopeSpans {
			scope := &Scope{ss.Scope.Name, ss.Scope.Version}
			for _, s := range ss.Spans {
				out = append(out, plainSpan(s, resource, scope))
			}
		}
	}
	return out
}

func plainSpan(s *trace.Span, resource *Resource, scope *Scope) Span {
	out := Span{
		Flags: s.Flags, Name: s.Name, Kind: Kind(s.Kind), Attrs: plainAttrs(s.Attributes),
		Start: int64(s.StartTimeUnixNano), End: int64(s.EndTimeUnixNano),
		Status: StatusCode(s.Status.GetCode()), StatusMessage: s.Status.GetMessage(),
		Resource: resource, Scope: scope,
	}
	copy(out.TraceID[:], s.TraceId)
	copy(out.SpanID[:], s.SpanId)
	copy(out.Parent[:], s.ParentSpanId)
	for _, e := range s.Events {
		out.Events = append(out.Events, Event{int64(e.TimeUnixNano), e.Name, plainAttrs(e.Attributes)})
	}
	for _, l := range s.Links {
		link := Link{Attrs: plainAttrs(l.Attributes)}
		copy(link.TraceID[:], l.TraceId)
		copy(link.SpanID[:], l.SpanId)
		out.Links = append(out.Links, link)
	}
	return out
}

func plainAttrs(kvs []*common.KeyValue) []Attr {
	var out []Attr
	for _, kv := range kvs {
		a := Attr{Key: kv.Key}
		switch v := kv.Value.Value.(type) {
		case *common.AnyValue_StringValue:
			a.Value = String(v.StringValue)
		case *common.AnyValue_IntValue:
			a.Value = Int(v.IntValue)
		case *common.AnyValue_DoubleValue:
			a.Value = Double(v.DoubleValue)
		case *common.AnyValue_BoolValue:
			a.Value = Bool(v.BoolValue)
		}
		out = append(out, a)
	}
	return out
}

// collect decodes a stream into spans by trace id and span id, checking the
// span counts and the uniqueness of spans.
func collect(t *testing.T, into map[TraceID]map[SpanID]Span, stream func(func([]byte, int) bool)) {
	t.Helper()
	for req, n := range stream {
		spans := decodeRequest(t, req)
		if len(spans) != n {
			t.Fatalf("request of %d spans yielded as %d", len(spans), n)
		}
		for _, s := range spans {
			if into[s.TraceID] == nil {
				into[s.TraceID] = make(map[SpanID]Span)
			}
			if _, dup := into[s.TraceID][s.SpanID]; dup {
				t.Fatalf("span %x of trace %v came twice", s.SpanID, s.TraceID)
			}
			into[s.TraceID][s.SpanID] = s
		}
	}
}

func compareWithTraces(t *testing.T, c *Corpus, got map[TraceID]map[SpanID]Span) {
	t.Helper()
	if len(got) != c.Len() {
		t.Fatalf("%d traces arrived, want %d", len(got), c.Len())
	}
	for i := range c.Len() {
		want := c.Trace(i)
		if want[0].TraceID != c.TraceID(i) || len(got[want[0].TraceID]) != len(want) {
			t.Fatalf("trace %d: %d spans arrived, want %d", i, len(got[want[0].TraceID]), len(want))
		}
		for _, w := range want {
			if g := got[w.TraceID][w.SpanID]; !reflect.DeepEqual(w, g) {
				t.Fatalf("trace %d span %x (-want +got):\n%s", i, w.SpanID, cmp.Diff(w, g))
			}
		}
	}
}

func TestRequestsCarryTheTraces(t *testing.T) {
	t.Parallel()
	for _, cfg := range []Config{
		{Traces: 700},
		{Traces: 3, Seed: 9},
		{Traces: 150, InFlight: 1, RequestSpans: 7, Spread: time.Second, Base: 1},
	} {
		c := New(cfg)
		got := make(map[TraceID]map[SpanID]Span)
		collect(t, got, c.Requests)
		compareWithTraces(t, c, got)
	}
}

func TestSharesCarryEverySpanOnce(t *testing.T) {
	t.Parallel()
	c := New(Config{Traces: 300})
	for _, parts := range []int{2, 7, 310} {
		got := make(map[TraceID]map[SpanID]Span)
		for part := range parts {
			collect(t, got, c.ShareRequests(Share{part, parts}))
		}
		compareWithTraces(t, c, got)
	}
}

// The stream's encoder against the plain one: a request with one trace in
// flight has its spans in order of end time.
func TestFastEncoderEqualsPlain(t *testing.T) {
	c := New(Config{Traces: 400, InFlight: 1, RequestSpans: 1 << 20})
	var d draft
	for i := range c.Len() {
		c.fill(&d, i)
		spans := c.Trace(i)
		for k := range spans {
			want := appendBytes(nil, 2, appendSpanBody(nil, &spans[k]))
			if got := d.appendSpan(nil, k); !bytes.Equal(got, want) {
				t.Fatalf("trace %d span %d:\n got %x\nwant %x", i, k, got, want)
			}
		}
	}
	var all []Span
	for req := range c.Requests {
		spans := decodeRequest(t, req)
		shared := make(map[string]*Resource)
		for i := range spans {
			id := spans[i].Resource.Attrs[3].Value.Str
			if shared[id] == nil {
				shared[id] = spans[i].Resource
			}
			spans[i].Resource = shared[id]
			spans[i].Scope = &c.cat.scopes[scopeIndex(c, spans[i].Scope.Name)]
		}
		all = append(all, spans...)
		if got := AppendRequest(nil, all); !bytes.Equal(got, req) {
			t.Fatal("re-encoding the decoded request changed it")
		}
	}
}

func scopeIndex(c *Corpus, name string) int {
	for i := range c.cat.scopes {
		if c.cat.scopes[i].Name == name {
			return i
		}
	}
	panic("unknown scope " + name)
}

func TestStopsWhenAsked(t *testing.T) {
	calls := 0
	New(Config{Traces: 500}).Requests(func([]byte, int) bool {
		calls++
		return calls < 2
	})
	if calls != 2 {
		t.Errorf("yielded %d requests after a stop at 2", calls)
	}
}

func TestAtShiftsTimesOnly(t *testing.T) {
	c := New(Config{Traces: 50})
	const delta = 12_345_678_901
	moved := c.At(c.Config().Base + delta)
	for i := range c.Len() {
		a, b := c.Trace(i), moved.Trace(i)
		for k := range a {
			a[k].Start += delta
			a[k].End += delta
			for e := range a[k].Events {
				a[k].Events[e].Time += delta
			}
		}
		if diff := cmp.Diff(a, b); diff != "" {
			t.Fatal(diff)
		}
	}
}

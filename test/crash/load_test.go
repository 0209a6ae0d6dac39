package crash

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// key names a request: the seq-th of a writer in a round.
type key struct{ round, writer, seq int }

const (
	maxTracesPerRequest = 5
	// seqsPerOperation bounds the traces of one operation, so that one search
	// lists all of them.
	seqsPerOperation = 100
	// spread is how far back spans start: in three segments of a day.
	spread = 40 * time.Hour
)

// load makes requests: pure functions of the seed and the key.
type load struct {
	seed uint64
	now  int64         // Unix nanoseconds; all spans start before it
	back time.Duration // how far back they start; zero means 40 hours
}

// made is one trace as a request starts it.
type made struct {
	id        string // hex
	service   string
	operation string
	unique    string // value of the root's tag that no other span has
	start     int64
	duration  int64
	spans     []*tracepb.Span // the root first
	late      *tracepb.Span   // travels in the writer's next request; mostly nil
}

// serviceOf and storeOf name the services of a writer.
func serviceOf(writer int) string { return fmt.Sprintf("front-%d", writer) }
func storeOf(writer int) string   { return fmt.Sprintf("store-%d", writer) }

// traces returns the traces that the request starts.
func (l *load) traces(k key) []made {
	h := fnv.New64a()
	for _, n := range []int{k.round, k.writer, k.seq} {
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(n))) // never fails
	}
	rng := rand.New(rand.NewPCG(l.seed, h.Sum64()))
	out := make([]made, 1+rng.IntN(maxTracesPerRequest))
	for i := range out {
		out[i] = l.trace(k, i, rng)
	}
	return out
}

func (l *load) trace(k key, i int, rng *rand.Rand) made {
	id := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, rng.Uint64()), rng.Uint64()|1)
	m := made{
		id: hex.EncodeToString(id), service: serviceOf(k.writer),
		operation: fmt.Sprintf("op-%d-%d", k.round, k.seq/seqsPerOperation),
		unique:    fmt.Sprintf("%d.%d.%d.%d", k.round, k.writer, k.seq, i),
		start:     l.now - int64(time.Second) - rng.Int64N(int64(cmp.Or(l.back, spread))),
		duration:  int64(time.Millisecond) + rng.Int64N(int64(10*time.Second)),
	}
	root := newSpan(id, rng, m.start, m.duration)
	root.Name, root.Kind, root.Attributes = m.operation, tracepb.Span_SPAN_KIND_SERVER, rootAttributes(m.unique, k, rng)
	m.spans = []*tracepb.Span{root}
	for range rng.IntN(4) {
		m.spans = append(m.spans, newChild(root, rng))
	}
	if rng.IntN(5) == 0 {
		m.late = newChild(root, rng)
		m.late.Name = "late"
	}
	return m
}

func newSpan(trace []byte, rng *rand.Rand, start, duration int64) *tracepb.Span {
	return &tracepb.Span{
		TraceId: trace, SpanId: binary.BigEndian.AppendUint64(nil, rng.Uint64()|1),
		StartTimeUnixNano: uint64(start), EndTimeUnixNano: uint64(start + duration),
	}
}

// newChild returns a span inside the root, with everything that a span can carry.
func newChild(root *tracepb.Span, rng *rand.Rand) *tracepb.Span {
	s := newSpan(root.TraceId, rng, int64(root.StartTimeUnixNano)+rng.Int64N(1000), rng.Int64N(int64(time.Millisecond)))
	s.ParentSpanId, s.Name, s.Kind = root.SpanId, "child", tracepb.Span_SPAN_KIND_CLIENT
	s.TraceState, s.Flags, s.DroppedAttributesCount = "vendor=1", 0x101, uint32(rng.IntN(3))
	s.Attributes = []*commonpb.KeyValue{text("db.statement", fmt.Sprintf("SELECT %d", rng.IntN(50)))}
	if rng.IntN(3) == 0 {
		s.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "it broke"}
		s.Events = []*tracepb.Span_Event{{
			TimeUnixNano: s.StartTimeUnixNano + 1, Name: "exception",
			Attributes: []*commonpb.KeyValue{text("exception.message", fmt.Sprint(rng.Uint32()))},
		}}
		s.Links = []*tracepb.Span_Link{{TraceId: root.TraceId, SpanId: root.SpanId, Attributes: []*commonpb.KeyValue{text("why", "retry")}}}
	}
	return s
}

// rootAttributes returns values of every type, ascending by key, as they come back.
func rootAttributes(unique string, k key, rng *rand.Rand) []*commonpb.KeyValue {
	value := func(key string, v *commonpb.AnyValue) *commonpb.KeyValue {
		return &commonpb.KeyValue{Key: key, Value: v}
	}
	return []*commonpb.KeyValue{
		value("bool", &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: rng.IntN(2) == 0}}),
		value("bytes", &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: binary.BigEndian.AppendUint64(nil, rng.Uint64())}}),
		text("crash.unique", unique),
		value("double", &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: rng.NormFloat64()}}),
		value("int", &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: int64(k.seq)}}),
		value("list", &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{
			Values: []*commonpb.AnyValue{{Value: &commonpb.AnyValue_StringValue{StringValue: "a"}}, {Value: &commonpb.AnyValue_IntValue{IntValue: 2}}},
		}}}),
		text("payload", noise(rng, rng.IntN(1500))),
	}
}

func text(key, value string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: value}}}
}

// noise returns n characters that do not compress well.
func noise(rng *rand.Rand, n int) string {
	out := make([]byte, 0, n+16)
	for len(out) < n {
		out = hex.AppendEncode(out, binary.LittleEndian.AppendUint64(nil, rng.Uint64()))
	}
	return string(out[:n])
}

// request returns the export request of the key: the traces it starts, and the
// late spans of the request before.
func (l *load) request(k key) *collectorpb.ExportTraceServiceRequest {
	var roots, children []*tracepb.Span
	if k.seq > 0 {
		for _, m := range l.traces(key{k.round, k.writer, k.seq - 1}) {
			if m.late != nil {
				children = append(children, m.late)
			}
		}
	}
	for _, m := range l.traces(k) {
		roots = append(roots, m.spans[0])
		children = append(children, m.spans[1:]...)
	}
	req := &collectorpb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{resourceSpans(serviceOf(k.writer), roots)}}
	if len(children) > 0 {
		req.ResourceSpans = append(req.ResourceSpans, resourceSpans(storeOf(k.writer), children))
	}
	return req
}

func resourceSpans(service string, spans []*tracepb.Span) *tracepb.ResourceSpans {
	return &tracepb.ResourceSpans{
		Resource:   resourceOf(service),
		ScopeSpans: []*tracepb.ScopeSpans{{Scope: &commonpb.InstrumentationScope{Name: "crash", Version: "1"}, Spans: spans}},
	}
}

func resourceOf(service string) *resourcepb.Resource {
	return &resourcepb.Resource{Attributes: []*commonpb.KeyValue{text("host.name", "host-of-"+service), text("service.name", service)}}
}

// expected is one span with what surrounds it.
type expected struct {
	service string
	span    *tracepb.Span
}

// expect returns the spans of the trace that must be there, by span id, given
// whether its own request and the next one are.
func (m *made) expect(writer int, own, next bool) map[string]expected {
	out := make(map[string]expected)
	if own {
		for i, s := range m.spans {
			service := storeOf(writer)
			if i == 0 {
				service = serviceOf(writer)
			}
			out[hex.EncodeToString(s.SpanId)] = expected{service, s}
		}
	}
	if next && m.late != nil {
		out[hex.EncodeToString(m.late.SpanId)] = expected{storeOf(writer), m.late}
	}
	return out
}

// serviceIn returns the service.name among attributes.
func serviceIn(attributes []*commonpb.KeyValue) string {
	for _, a := range attributes {
		if a.GetKey() == "service.name" {
			return a.GetValue().GetStringValue()
		}
	}
	return ""
}

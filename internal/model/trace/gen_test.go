package trace

import (
	"fmt"
	"math"
	"math/rand/v2"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// randomTraces draws messages that use every feature of OTLP, often at once.
type randomTraces struct{ *rand.Rand }

func newRandomTraces(seed uint64) randomTraces {
	return randomTraces{rand.New(rand.NewPCG(seed, 1))}
}

func (r randomTraces) chance(percent int) bool { return r.IntN(100) < percent }

func (r randomTraces) text() string {
	words := []string{"", "a", "GET /cart", "ünï", "\x00", "k1", "k2", "k3", "service.name", "http.status_code"}
	if r.chance(10) {
		return fmt.Sprint(r.Uint64())
	}
	return words[r.IntN(len(words))]
}

func (r randomTraces) count() uint32 {
	if r.chance(70) {
		return 0
	}
	return r.Uint32() >> r.IntN(32)
}

func (r randomTraces) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	if n > 0 {
		b[0] |= 1
	}
	return b
}

func (r randomTraces) value(depth int) *commonpb.AnyValue {
	v := &commonpb.AnyValue{}
	switch n := r.IntN(10); {
	case n == 0:
		if r.chance(50) {
			return nil
		}
	case n == 1:
		v.Value = &commonpb.AnyValue_BoolValue{BoolValue: r.chance(50)}
	case n == 2:
		v.Value = &commonpb.AnyValue_IntValue{IntValue: int64(r.Uint64()) >> r.IntN(64)}
	case n == 3:
		floats := []float64{0, math.Copysign(0, -1), 1.5, math.Inf(1), math.NaN(), r.NormFloat64()}
		v.Value = &commonpb.AnyValue_DoubleValue{DoubleValue: floats[r.IntN(len(floats))]}
	case n == 4:
		v.Value = &commonpb.AnyValue_BytesValue{BytesValue: r.bytes(r.IntN(5))}
	case n == 5 && depth > 0:
		list := &commonpb.ArrayValue{}
		for range r.IntN(4) {
			item := r.value(depth - 1)
			if item == nil {
				item = &commonpb.AnyValue{}
			}
			list.Values = append(list.Values, item)
		}
		v.Value = &commonpb.AnyValue_ArrayValue{ArrayValue: list}
	case n == 6 && depth > 0:
		v.Value = &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{Values: r.attrs(depth - 1)}}
	default:
		v.Value = &commonpb.AnyValue_StringValue{StringValue: r.text()}
	}
	return v
}

func (r randomTraces) attrs(depth int) []*commonpb.KeyValue {
	var out []*commonpb.KeyValue
	for range r.IntN(6) {
		out = append(out, &commonpb.KeyValue{Key: r.text(), Value: r.value(depth)})
	}
	return out
}

func (r randomTraces) span() *tracepb.Span {
	s := &tracepb.Span{
		TraceId: r.bytes(16), SpanId: r.bytes(8), Name: r.text(), Kind: tracepb.Span_SpanKind(r.IntN(6)),
		StartTimeUnixNano: r.Uint64() >> 1 >> r.IntN(63), EndTimeUnixNano: r.Uint64() >> r.IntN(64),
		Attributes: r.attrs(3), DroppedAttributesCount: r.count(), DroppedEventsCount: r.count(),
		DroppedLinksCount: r.count(), Flags: r.count(),
	}
	if r.chance(50) {
		s.TraceId = append(make([]byte, 15), 1+byte(r.IntN(2)))
	}
	if r.chance(70) {
		s.ParentSpanId = r.bytes(8)
	}
	if r.chance(20) {
		s.TraceState = "a=" + r.text()
	}
	if r.chance(40) {
		s.Status = &tracepb.Status{Message: r.text(), Code: tracepb.Status_StatusCode(r.IntN(4) - 1)}
	}
	for range r.IntN(8) - 5 {
		s.Events = append(s.Events, &tracepb.Span_Event{
			TimeUnixNano: r.Uint64(), Name: r.text(), Attributes: r.attrs(2), DroppedAttributesCount: r.count(),
		})
	}
	for range r.IntN(8) - 5 {
		l := &tracepb.Span_Link{TraceId: r.bytes(16), SpanId: r.bytes(8), Attributes: r.attrs(2), DroppedAttributesCount: r.count(), Flags: r.count()}
		if r.chance(10) {
			l.TraceId, l.SpanId, l.TraceState = nil, nil, r.text()
		}
		s.Links = append(s.Links, l)
	}
	return s
}

func (r randomTraces) data() *tracepb.TracesData {
	d := &tracepb.TracesData{}
	for range r.IntN(4) {
		rs := &tracepb.ResourceSpans{SchemaUrl: r.text()}
		if r.chance(80) {
			rs.Resource = &resourcepb.Resource{Attributes: r.attrs(2), DroppedAttributesCount: r.count()}
		}
		if r.chance(20) && rs.Resource != nil {
			rs.Resource.EntityRefs = []*commonpb.EntityRef{{SchemaUrl: r.text(), Type: "host", IdKeys: []string{"a", ""}, DescriptionKeys: []string{"b"}}}
		}
		for range r.IntN(3) {
			ss := &tracepb.ScopeSpans{SchemaUrl: r.text()}
			if r.chance(80) {
				ss.Scope = &commonpb.InstrumentationScope{Name: r.text(), Version: r.text(), Attributes: r.attrs(1), DroppedAttributesCount: r.count()}
			}
			for range r.IntN(6) {
				ss.Spans = append(ss.Spans, r.span())
			}
			rs.ScopeSpans = append(rs.ScopeSpans, ss)
		}
		d.ResourceSpans = append(d.ResourceSpans, rs)
	}
	return d
}

// shopTraces draws spans as a web shop's services send them: ten attributes and
// about 570 bytes each.
func shopTraces(seed uint64, spans int) *tracepb.TracesData {
	r := newRandomTraces(seed)
	services := []string{"frontend", "cart", "checkout", "payment", "shipping", "catalog", "currency", "email"}
	routes := []string{"/", "/cart", "/product/{id}", "/checkout", "/api/v1/recommendations"}
	str := func(k, v string) *commonpb.KeyValue {
		return &commonpb.KeyValue{Key: k, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: v}}}
	}
	num := func(k string, v int64) *commonpb.KeyValue {
		return &commonpb.KeyValue{Key: k, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: v}}}
	}
	d := &tracepb.TracesData{}
	start := uint64(1_760_000_000_000_000_000)
	perService := (spans + len(services) - 1) / len(services)
	traces := make([][]byte, max(spans/20, 1))
	for i := range traces {
		traces[i] = r.bytes(16)
	}
	for _, svc := range services {
		ss := &tracepb.ScopeSpans{Scope: &commonpb.InstrumentationScope{Name: "go.opentelemetry.io/contrib/net/http", Version: "0.61.0"}}
		for range min(perService, spans) {
			spans--
			start += r.Uint64N(1e6)
			route := routes[r.IntN(len(routes))]
			s := &tracepb.Span{
				TraceId: traces[r.IntN(len(traces))], SpanId: r.bytes(8), ParentSpanId: r.bytes(8), Flags: 0x101,
				Name: "GET " + route, Kind: tracepb.Span_SpanKind(1 + r.IntN(3)),
				StartTimeUnixNano: start, EndTimeUnixNano: start + r.Uint64N(1e8),
				Attributes: []*commonpb.KeyValue{
					str("http.request.method", "GET"), str("http.route", route),
					num("http.response.status_code", 200), str("server.address", "shop.example.internal"),
					num("server.port", 8080), str("url.path", fmt.Sprintf("%s/%d", route, r.IntN(2000))),
					str("user_agent.original", fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox/%[1]d.0", 100+r.IntN(30))),
					str("network.peer.address", fmt.Sprintf("10.3.%d.%d", r.IntN(4), r.IntN(250))),
					str("session.id", fmt.Sprintf("%032x", r.Uint64())), num("http.response.body.size", r.Int64N(1e5)),
				},
			}
			if r.chance(5) {
				s.Status = &tracepb.Status{Code: 2, Message: "deadline exceeded"}
				s.Events = []*tracepb.Span_Event{{TimeUnixNano: start + 5, Name: "exception", Attributes: []*commonpb.KeyValue{str("exception.type", "Timeout")}}}
			}
			ss.Spans = append(ss.Spans, s)
		}
		d.ResourceSpans = append(d.ResourceSpans, &tracepb.ResourceSpans{
			Resource:   &resourcepb.Resource{Attributes: []*commonpb.KeyValue{str("service.name", svc), str("host.name", svc+"-7d9f"), str("telemetry.sdk.language", "go")}},
			ScopeSpans: []*tracepb.ScopeSpans{ss},
		})
	}
	return d
}

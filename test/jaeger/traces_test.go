package pandotest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// otlpGenerator makes spans as SDKs of OpenTelemetry do, the same for the same
// seed and time.
type otlpGenerator struct {
	*rand.Rand
	now time.Time
}

// randomTraces returns traces of up to 12 spans each, all of the hour before now,
// and their ids.
func randomTraces(seed uint64, n int, now time.Time) (ptrace.Traces, []pcommon.TraceID) {
	g := &otlpGenerator{rand.New(rand.NewPCG(seed, 0)), now}
	td := ptrace.NewTraces()
	ids := make([]pcommon.TraceID, n)
	for i := range ids {
		if g.IntN(3) > 0 { // the others are of 64 bits
			g.fill(ids[i][:8])
		}
		g.fill(ids[i][8:])
		g.trace(td, ids[i])
	}
	return td, ids
}

// trace adds a trace, each span of which is a resource's of its own.
func (g *otlpGenerator) trace(td ptrace.Traces, id pcommon.TraceID) {
	start := g.now.Add(-time.Duration(g.Int64N(int64(time.Hour))))
	var spans []ptrace.Span
	var first ptrace.SpanSlice
	for i := range 1 + g.IntN(12) {
		rs := td.ResourceSpans().AppendEmpty()
		g.resource(rs.Resource().Attributes())
		ss := rs.ScopeSpans().AppendEmpty()
		if g.IntN(3) > 0 {
			ss.Scope().SetName(fmt.Sprintf("scope-%d", g.IntN(3)))
			ss.Scope().SetVersion([]string{"", "1.0"}[g.IntN(2)])
		}
		s := ss.Spans().AppendEmpty()
		if i == 0 {
			first = ss.Spans()
		}
		s.SetTraceID(id)
		s.SetSpanID(g.spanID())
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Duration(i) * time.Millisecond)))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Duration(50-i)*time.Millisecond + time.Duration(g.IntN(1e6)))))
		if i > 0 && g.IntN(8) > 0 {
			s.SetParentSpanID(spans[g.IntN(len(spans))].SpanID())
		}
		g.span(s, id)
		spans = append(spans, s)
	}
	if g.IntN(4) == 0 { // sent once more; of another, calls between services may count twice until a merge
		spans[0].CopyTo(first.AppendEmpty())
	}
}

// fill writes an id that is not zero.
func (g *otlpGenerator) fill(id []byte) {
	for i := range id {
		id[i] = byte(g.Uint32())
	}
	id[len(id)-1] |= 1
}

func (g *otlpGenerator) spanID() (id pcommon.SpanID) {
	g.fill(id[:])
	return id
}

func (g *otlpGenerator) resource(m pcommon.Map) {
	service := g.IntN(6)
	m.PutStr("service.name", fmt.Sprintf("service-%d", service))
	m.PutStr("host.name", fmt.Sprintf("host-%d", service))
	if service == 0 {
		m.PutStr("telemetry.sdk.language", "go")
		m.PutInt("process.pid", 4711)
	}
}

func (g *otlpGenerator) span(s ptrace.Span, id pcommon.TraceID) {
	s.SetName(fmt.Sprintf("operation %d/<é>", g.IntN(8)))
	s.SetKind(ptrace.SpanKind(g.IntN(6)))
	s.Status().SetCode(ptrace.StatusCode(g.IntN(3)))
	if s.Status().Code() == ptrace.StatusCodeError {
		s.Status().SetMessage([]string{"", "it broke"}[g.IntN(2)])
	}
	if g.IntN(4) == 0 {
		s.TraceState().FromRaw("vendor=1")
	}
	g.attributes(s.Attributes())
	for i := range g.IntN(3) {
		e := s.Events().AppendEmpty()
		e.SetName(fmt.Sprintf("event %d", i))
		e.SetTimestamp(s.StartTimestamp() + pcommon.Timestamp(i*1000+g.IntN(1000)))
		g.attributes(e.Attributes())
	}
	for range g.IntN(3) / 2 {
		l := s.Links().AppendEmpty()
		l.SetTraceID(pcommon.TraceID{1: 7, 15: 9})
		if !s.ParentSpanID().IsEmpty() && g.IntN(2) == 0 { // of a root, Jaeger 1 takes it for the parent
			l.SetTraceID(id)
		}
		l.SetSpanID(g.spanID())
	}
}

// attributes adds some of every type that both of Jaeger's models have.
func (g *otlpGenerator) attributes(m pcommon.Map) {
	for range g.IntN(5) {
		n := g.IntN(4)
		switch key := fmt.Sprintf("key.%d.%d", g.IntN(6), n); g.IntN(6) {
		case 0:
			m.PutInt(key, int64(g.Uint64())>>g.IntN(64))
		case 1:
			m.PutBool(key, n > 1)
		case 2:
			m.PutDouble(key, g.NormFloat64())
		case 3:
			list := m.PutEmptySlice(key)
			list.AppendEmpty().SetStr("a")
			list.AppendEmpty().SetInt(int64(n))
		case 4:
			m.PutEmptyBytes(key).FromRaw([]byte{byte(n), 0, 0xff})
		default:
			m.PutStr(key, fmt.Sprintf("value \"%d\" <&> 世界", n))
		}
	}
	if g.IntN(6) == 0 {
		m.PutInt("http.response.status_code", int64(200+100*g.IntN(4)))
	}
}

package pandotest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jaegertracing/jaeger-idl/model/v1"
)

// generator makes spans of every shape that api_v2 has, but for text that is not
// UTF-8, the same for the same seed and time.
type generator struct {
	*rand.Rand
	now time.Time
}

// randomSpans returns about n/12 traces of n spans in the order they might come.
func randomSpans(seed uint64, n int) []*model.Span {
	g := &generator{rand.New(rand.NewPCG(seed, 0)), time.Now().Add(-time.Hour).UTC()}
	out := make([]*model.Span, 0, n)
	for len(out) < n {
		id := model.NewTraceID(g.Uint64()*uint64(g.IntN(2)), g.Uint64()|1)
		size := 1 + g.IntN(23)
		if g.IntN(500) == 0 {
			size = 2_000
		}
		for range min(size, n-len(out)) {
			out = append(out, g.span(id))
		}
	}
	g.Shuffle(len(out), func(i, k int) { out[i], out[k] = out[k], out[i] })
	return out
}

func (g *generator) span(id model.TraceID) *model.Span {
	s := &model.Span{
		TraceID: id, SpanID: model.NewSpanID(g.Uint64() | 1), OperationName: g.text("op"),
		Flags:     model.Flags(g.IntN(4)),
		StartTime: g.now.Add(-time.Duration(g.Int64N(int64(time.Hour)))),
		Duration:  time.Duration(g.Int64N(int64(10*time.Second)) * int64(g.IntN(2))),
		Tags:      g.tags(12),
		Process:   &model.Process{ServiceName: fmt.Sprintf("service-%d", g.IntN(40)), Tags: g.tags(4)},
	}
	g.status(s)
	for i := range g.IntN(4) {
		ref := model.SpanRef{TraceID: id, SpanID: model.NewSpanID(uint64(i+1)<<32 | uint64(g.Uint32())), RefType: model.SpanRefType(g.IntN(2))}
		if g.IntN(3) == 0 {
			ref.TraceID = model.NewTraceID(0, g.Uint64()|1)
		}
		s.References = append(s.References, ref)
	}
	for range g.IntN(4) {
		log := model.Log{Timestamp: s.StartTime.Add(time.Duration(g.IntN(1e6))), Fields: g.tags(4)}
		if g.IntN(2) == 0 {
			log.Fields = append(log.Fields, model.String("event", g.text("event")))
		}
		s.Logs = append(s.Logs, log)
	}
	for range g.IntN(8) / 6 {
		s.Warnings = append(s.Warnings, g.text("warning"))
	}
	return s
}

// status adds tags that stand for fields, well formed and not.
func (g *generator) status(s *model.Span) {
	add := func(odds int, tag model.KeyValue) {
		if g.IntN(odds) == 0 {
			s.Tags = append(s.Tags, tag)
		}
	}
	add(2, model.String("span.kind", []string{"server", "client", "producer", "consumer", "internal", "Server", "odd", ""}[g.IntN(8)]))
	if g.IntN(30) > 0 { // one or the other: two of a key may change places
		add(8, model.Bool("error", g.IntN(4) > 0))
	} else {
		add(1, model.String("error", "true"))
	}
	add(8, model.String("otel.status_code", []string{"OK", "ERROR", "error", "odd"}[g.IntN(4)]))
	add(12, model.String("otel.status_description", g.text("why")))
	add(12, model.String("otel.scope.name", g.text("scope")))
	add(12, model.String("otel.scope.version", "v1"))
	add(20, model.String("w3c.tracestate", "a=b"))
}

func (g *generator) tags(most int) []model.KeyValue {
	var out []model.KeyValue
	for range g.IntN(most) {
		key := fmt.Sprintf("key.%d", g.IntN(30))
		switch g.IntN(6) {
		case 0:
			out = append(out, model.Bool(key, g.IntN(2) == 0))
		case 1:
			out = append(out, model.Int64(key, int64(g.Uint64())>>g.IntN(64)))
		case 2:
			out = append(out, model.Float64(key, g.NormFloat64()))
		case 3:
			data := make([]byte, g.IntN(20))
			for i := range data {
				data[i] = byte(g.Uint32())
			}
			out = append(out, model.Binary(key, data))
		default:
			out = append(out, model.String(key, g.text("value")))
		}
	}
	return out
}

// text is empty, short or long, and not only ASCII.
func (g *generator) text(stem string) string {
	switch g.IntN(12) {
	case 0:
		return ""
	case 1:
		return stem + " 世界 ☃ \x00\n"
	case 2:
		return fmt.Sprintf("%s-%0*d", stem, g.IntN(2_000), g.Uint64())
	default:
		return fmt.Sprintf("%s-%d", stem, g.IntN(100))
	}
}

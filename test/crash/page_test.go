package crash

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// pageTrace is a trace as the page reads it: one array per column.
type pageTrace struct {
	StartUnixNano string   `json:"startUnixNano"`
	SpanCount     int      `json:"spanCount"`
	Services      []string `json:"services"`
	Names         []string `json:"names"`
	SpanIDs       string   `json:"spanIds"`
	Start         []int64  `json:"start"`
	Duration      []int64  `json:"duration"`
	Service       []int    `json:"service"`
	Name          []int    `json:"name"`
	Kind          []int32  `json:"kind"`
}

// outline reads a trace over the page's API: of every span what its timeline
// shows. A trace that is not there has no spans.
func (p *process) outline(ctx context.Context, id string) (map[string]expected, error) {
	status, answer, err := p.get(ctx, "/api/v1/traces/"+id)
	if err != nil || status == http.StatusNotFound {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("trace %s: status %d: %.300s", id, status, answer)
	}
	var doc pageTrace
	if err := json.Unmarshal(answer, &doc); err != nil {
		return nil, err
	}
	base, err := strconv.ParseInt(doc.StartUnixNano, 10, 64)
	if err != nil {
		return nil, err
	}
	trace, err := hex.DecodeString(id)
	if err != nil {
		return nil, err
	}
	out := make(map[string]expected)
	for i := range doc.SpanCount {
		span := doc.SpanIDs[16*i : 16*i+16]
		raw, err := hex.DecodeString(span)
		if err != nil {
			return nil, err
		}
		if _, ok := out[span]; ok {
			return nil, fmt.Errorf("trace %s: span %s is there twice", id, span)
		}
		out[span] = expected{doc.Services[doc.Service[i]], &tracepb.Span{
			TraceId: trace, SpanId: raw, Name: doc.Names[doc.Name[i]], Kind: tracepb.Span_SpanKind(doc.Kind[i]),
			StartTimeUnixNano: uint64(base + doc.Start[i]), EndTimeUnixNano: uint64(base + doc.Start[i] + doc.Duration[i]),
		}}
	}
	return out, nil
}

// outlineOf reduces spans to what outline tells.
func outlineOf(spans map[string]expected) map[string]expected {
	out := make(map[string]expected, len(spans))
	for id, e := range spans {
		s := e.span
		out[id] = expected{e.service, &tracepb.Span{
			TraceId: s.TraceId, SpanId: s.SpanId, Name: s.Name, Kind: s.Kind,
			StartTimeUnixNano: s.StartTimeUnixNano, EndTimeUnixNano: s.EndTimeUnixNano,
		}}
	}
	return out
}

package jaeger

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/pandodb/pando/internal/model/trace"
)

// TestAdjustedAsByJaeger compares with what the adjusters of Jaeger 1.76 made of
// the same traces, of which testdata/jaeger_adjusted.sums keeps a hash each. The
// end of a span was moved along with its start, as Jaeger 2 does.
func TestAdjustedAsByJaeger(t *testing.T) {
	sums, err := os.ReadFile("testdata/jaeger_adjusted.sums")
	if err != nil {
		t.Fatal(err)
	}
	for seed, want := range strings.Fields(string(sums)) {
		tr := tangled(uint64(seed))
		Adjuster{MaxClockSkew: 300 * time.Millisecond}.Adjust(&tr)
		rows := rowsOf(decodeTraces(t, trace.AppendOTLP(nil, tr.Spans)))
		if got := sumOf(rows); got != want {
			t.Errorf("seed %d: Jaeger has other spans than\n%s", seed, strings.Join(rows, "\n"))
		}
	}
}

func sumOf(rows []string) string {
	sum := sha256.Sum256([]byte(strings.Join(rows, "\n")))
	return fmt.Sprintf("%x", sum[:8])
}

// tangled is a trace with missing parents, circles, copies, shared ids, hosts
// that disagree and hosts that do not say who they are. The spans of a resource
// are neighbours.
func tangled(seed uint64) trace.Trace {
	rng := rand.New(rand.NewPCG(seed, 77))
	var resources []*trace.Resource
	for range 4 {
		r := &trace.Resource{Attrs: []trace.Attr{text("service.name", fmt.Sprint("s", rng.IntN(3)))}}
		if rng.IntN(4) > 0 {
			r.Attrs = append(r.Attrs, text([]string{"host.name", "host.id"}[rng.IntN(2)], fmt.Sprint("h", rng.IntN(3))))
		}
		if rng.IntN(6) == 0 {
			r.Attrs = append(r.Attrs, trace.Attr{Key: "host.ip", Value: list("1.1.1.1", "b")})
		}
		if rng.IntN(6) == 0 {
			r.Attrs = append(r.Attrs, text("telemetry.sdk.name", fmt.Sprint(rng.IntN(2))), trace.Attr{Key: "peer.ipv4", Value: trace.Value{Kind: trace.KindInt, Int: 77}})
		}
		resources = append(resources, r)
	}
	sc := &trace.Scope{Name: "l", Attrs: []trace.Attr{text("z", "1"), text("a", "2")}}
	tr := trace.Trace{ID: traceID(1)}
	for range 1 + rng.IntN(9) {
		s := spanAt(1+rng.Uint64N(7), rng.Uint64N(9), "", rng.IntN(1000), 0)
		s.EndNanos = s.StartNanos + rng.Uint64N(5e8)
		s.Events = []trace.Event{{TimeNanos: s.StartNanos + 1, Name: "e", Attrs: []trace.Attr{text("z", "1"), text("a", "2")}}}
		s.Resource, s.Scope = resources[rng.IntN(4)], sc
		s.Kind = trace.Kind(rng.IntN(6))
		if s.Kind == trace.KindServer && slices.ContainsFunc(tr.Spans, func(o trace.Span) bool { return o.Kind == trace.KindServer && o.SpanID == s.SpanID }) {
			s.Kind = 1
		}
		if rng.IntN(3) == 0 {
			s.Attrs = []trace.Attr{{Key: "ip", Value: trace.Value{Kind: trace.KindInt, Int: rng.Int64N(1 << 33)}}}
		}
		if rng.IntN(4) == 0 {
			s.Attrs = append(s.Attrs, text("telemetry.sdk.name", fmt.Sprint(rng.IntN(2))))
		}
		if rng.IntN(4) == 0 {
			s.Links = []trace.Link{{SpanID: spanID(3)}, {TraceID: traceID(3), SpanID: spanID(3)}}
		}
		tr.Spans = append(tr.Spans, s)
		if rng.IntN(5) == 0 && s.Kind != trace.KindServer {
			tr.Spans = append(tr.Spans, s)
		}
	}
	order := map[*trace.Resource]int{}
	for _, s := range tr.Spans {
		if _, ok := order[s.Resource]; !ok {
			order[s.Resource] = len(order)
		}
	}
	slices.SortStableFunc(tr.Spans, func(a, b trace.Span) int { return order[a.Resource] - order[b.Resource] })
	return tr
}

// rowsOf returns a line for each span, with everything that adjusters touch.
func rowsOf(m *tracepb.TracesData) (rows []string) {
	text := func(m proto.Message) string {
		b, _ := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		return fmt.Sprintf("%q", b)
	}
	for _, rs := range m.GetResourceSpans() {
		var ra []string
		for _, a := range rs.GetResource().GetAttributes() {
			ra = append(ra, text(a))
		}
		slices.Sort(ra)
		for _, ss := range rs.GetScopeSpans() {
			for _, s := range ss.GetSpans() {
				var sa []string
				for _, a := range s.GetAttributes() {
					sa = append(sa, text(a))
				}
				slices.Sort(sa)
				rows = append(rows, fmt.Sprintf("%x<%x start %d end %d event %d attrs %q links %d res %q scope %s", s.SpanId, s.ParentSpanId, s.StartTimeUnixNano, s.EndTimeUnixNano, s.Events[0].TimeUnixNano, sa, len(s.Links), ra, text(ss.GetScope())))
			}
		}
	}
	return rows
}

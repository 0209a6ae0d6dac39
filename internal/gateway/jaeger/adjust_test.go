package jaeger

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pandodb/pando/internal/gateway/jaeger/wire"
	"github.com/pandodb/pando/internal/model/trace"
)

// spanAt is a span of a host that lasted from start to end, in milliseconds.
func spanAt(id, parent uint64, host string, start, end int) trace.Span {
	r := &trace.Resource{Attrs: []trace.Attr{text("service.name", "s")}}
	if host != "" {
		r.Attrs = slices.Insert(r.Attrs, 0, text("host.name", host))
	}
	return trace.Span{
		TraceID: traceID(1), SpanID: spanID(id), ParentID: spanID(parent), Name: fmt.Sprint("span ", id),
		StartNanos: uint64(start) * 1e6, EndNanos: uint64(end) * 1e6, Resource: r, Scope: &trace.Scope{},
		Events: []trace.Event{{TimeNanos: uint64(start)*1e6 + 1, Name: "begun"}},
	}
}

func warningsOf(s *trace.Span) []string {
	v := find(s.Attrs, wire.AttrWarnings)
	if v == nil {
		return nil
	}
	var out []string
	for _, w := range v.List {
		out = append(out, w.Str)
	}
	return out
}

// moved is what became of a span: its times in milliseconds and its warnings.
func moved(s *trace.Span) string {
	return strings.Join(append([]string{fmt.Sprintf("%d-%d", s.StartNanos/1e6, s.EndNanos/1e6)}, warningsOf(s)...), " | ")
}

// skews are traces whose span 1 is the root, unless they say otherwise.
var skews = map[string]struct {
	spans []trace.Span
	most  time.Duration
	want  []string
}{
	"fits": {
		most:  time.Second,
		spans: []trace.Span{spanAt(1, 0, "a", 100, 200), spanAt(2, 1, "b", 120, 180)},
		want:  []string{"100-200", "120-180"},
	},
	"one host is never corrected": {
		most:  time.Second,
		spans: []trace.Span{spanAt(1, 0, "a", 100, 200), spanAt(2, 1, "a", 50, 110)},
		want:  []string{"100-200", "50-110"},
	},
	"begins too early: into the middle": {
		most:  time.Second,
		spans: []trace.Span{spanAt(1, 0, "a", 100, 200), spanAt(2, 1, "b", 50, 110)},
		want:  []string{"100-200", "120-180 | This span's timestamps were adjusted by 70ms"},
	},
	"ends too late: into the middle": {
		most:  time.Second,
		spans: []trace.Span{spanAt(1, 0, "a", 100, 200), spanAt(2, 1, "b", 180, 240)},
		want:  []string{"100-200", "120-180 | This span's timestamps were adjusted by -60ms"},
	},
	"longer than its parent: to its start": {
		most:  time.Second,
		spans: []trace.Span{spanAt(1, 0, "a", 100, 200), spanAt(2, 1, "b", 50, 250)},
		want:  []string{"100-200", "100-300 | This span's timestamps were adjusted by 50ms"},
	},
	"longer, but later: stays": {
		most:  time.Second,
		spans: []trace.Span{spanAt(1, 0, "a", 100, 200), spanAt(2, 1, "b", 150, 350)},
		want:  []string{"100-200", "150-350"},
	},
	"the same host below moves along": {
		most:  time.Second,
		spans: []trace.Span{spanAt(1, 0, "a", 100, 200), spanAt(2, 1, "b", 50, 110), spanAt(3, 2, "b", 60, 70)},
		want: []string{
			"100-200", "120-180 | This span's timestamps were adjusted by 70ms",
			"130-140 | This span's timestamps were adjusted by 70ms",
		},
	},
	"another host below is compared with the moved parent": {
		most:  time.Second,
		spans: []trace.Span{spanAt(1, 0, "a", 100, 200), spanAt(2, 1, "b", 50, 110), spanAt(3, 2, "a", 130, 140)},
		want:  []string{"100-200", "120-180 | This span's timestamps were adjusted by 70ms", "130-140"},
	},
	"hosts that do not say who they are": {
		most:  time.Second,
		spans: []trace.Span{spanAt(1, 0, "", 100, 200), spanAt(2, 1, "", 0, 10)},
		want:  []string{"100-200", "145-155 | This span's timestamps were adjusted by 145ms"},
	},
	"children before parents": {
		most:  time.Second,
		spans: []trace.Span{spanAt(3, 2, "b", 60, 70), spanAt(2, 1, "b", 50, 110), spanAt(1, 0, "a", 100, 200)},
		want: []string{
			"130-140 | This span's timestamps were adjusted by 70ms",
			"120-180 | This span's timestamps were adjusted by 70ms", "100-200",
		},
	},
	"too far": {
		most:  5 * time.Millisecond,
		spans: []trace.Span{spanAt(1, 0, "a", 100, 200), spanAt(2, 1, "b", 50, 110)},
		want:  []string{"100-200", "50-110 | max clock skew adjustment delta of 5ms exceeded; not applying calculated delta of 70ms"},
	},
	"switched off": {
		spans: []trace.Span{spanAt(1, 0, "a", 100, 200), spanAt(2, 1, "b", 50, 110)},
		want:  []string{"100-200", "50-110 | clock skew adjustment disabled; not applying calculated delta of 70ms"},
	},
	"a missing parent": {
		most:  time.Second,
		spans: []trace.Span{spanAt(2, 9, "b", 50, 110), spanAt(3, 2, "c", 0, 10)},
		want: []string{
			"50-110 | parent span ID=0000000000000009 is not in the trace; skipping clock skew adjustment",
			"75-85 | This span's timestamps were adjusted by 75ms",
		},
	},
	"an id twice": {
		most:  time.Second,
		spans: []trace.Span{spanAt(1, 0, "a", 100, 200), spanAt(1, 0, "b", 10, 20), spanAt(2, 1, "c", 50, 110)},
		want: []string{
			"100-200", "10-20 | duplicate span IDs; skipping clock skew adjustment",
			"120-180 | This span's timestamps were adjusted by 70ms",
		},
	},
	"a circle, and a span below it": {
		most:  time.Second,
		spans: []trace.Span{spanAt(1, 2, "a", 100, 200), spanAt(2, 1, "b", 50, 110), spanAt(3, 3, "c", 1, 2), spanAt(4, 1, "d", 1, 2)},
		want:  []string{"100-200", "50-110", "1-2", "1-2"},
	},
}

func TestClocksAreCorrected(t *testing.T) {
	for name, test := range skews {
		t.Run(name, func(t *testing.T) {
			tr := trace.Trace{ID: traceID(1), Spans: test.spans}
			Adjuster{MaxClockSkew: test.most}.Adjust(&tr)
			var got []string
			for i := range tr.Spans {
				s := &tr.Spans[i]
				got = append(got, moved(s))
				if s.Events[0].TimeNanos != s.StartNanos+1 {
					t.Errorf("span %d: its event is at %d", i, s.Events[0].TimeNanos)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestHostOf(t *testing.T) {
	number := trace.Attr{Key: "ip", Value: trace.Value{Kind: trace.KindInt, Int: 0x01020304}}
	for want, attrs := range map[string][]trace.Attr{
		"":        {text("service.name", "s")},
		"id":      {text("host.id", "id"), text("host.ip", "1.1.1.1"), text("host.name", "name")},
		"1.1.1.1": {{Key: "host.ip", Value: list("1.1.1.1", "2.2.2.2")}, text("host.name", "name")},
		"name":    {text("host.name", "name"), text("ip", "3.3.3.3")},
		"1.2.3.4": {number},
	} {
		if got := hostOf(adjustedResource(&trace.Resource{Attrs: attrs})); got != want {
			t.Errorf("%v: host %q, want %q", attrs, got, want)
		}
	}
}

func TestSharedIDsAreSplit(t *testing.T) {
	kind := func(s trace.Span, k trace.Kind) trace.Span {
		s.Kind = k
		return s
	}
	tests := map[string]struct {
		spans []trace.Span
		want  []string // id<parent
	}{
		"the server becomes the client's child and takes the children": {
			spans: []trace.Span{
				spanAt(1, 0, "a", 0, 9), kind(spanAt(2, 1, "a", 1, 8), trace.KindClient),
				kind(spanAt(2, 1, "b", 2, 7), trace.KindServer), spanAt(4, 2, "b", 3, 6),
			},
			want: []string{"1<0", "2<1", "3<2", "4<3"},
		},
		"no client, no change": {
			spans: []trace.Span{kind(spanAt(2, 1, "a", 1, 8), trace.KindServer), kind(spanAt(2, 1, "b", 2, 7), trace.KindServer)},
			want:  []string{"2<1", "2<1"},
		},
		"two servers": {
			spans: []trace.Span{
				kind(spanAt(1, 0, "a", 1, 8), trace.KindClient), kind(spanAt(1, 0, "b", 2, 7), trace.KindServer),
				kind(spanAt(1, 0, "c", 2, 7), trace.KindServer), spanAt(3, 1, "c", 3, 4),
			},
			want: []string{"1<0", "2<1", "4<1", "3<4"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			tr := trace.Trace{ID: traceID(1), Spans: test.spans}
			Adjuster{}.Adjust(&tr)
			var got []string
			for _, s := range tr.Spans {
				got = append(got, fmt.Sprintf("%d<%d", s.SpanID.RowID(), s.ParentID.RowID()))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestCopiesAreDropped(t *testing.T) {
	other := spanAt(1, 0, "a", 1, 2)
	other.Name = "other"
	shuffled := spanAt(1, 0, "a", 1, 2)
	slices.Reverse(shuffled.Resource.Attrs)
	tr := trace.Trace{Spans: []trace.Span{spanAt(1, 0, "a", 1, 2), spanAt(1, 0, "a", 1, 2), other, shuffled, spanAt(1, 0, "b", 1, 2), spanAt(2, 0, "a", 1, 2)}}
	Adjuster{}.Adjust(&tr)
	var got []string
	for i := range tr.Spans {
		got = append(got, tr.Spans[i].Name+"@"+hostOf(tr.Spans[i].Resource))
	}
	if diff := cmp.Diff([]string{"span 1@a", "other@a", "span 1@b", "span 2@a"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAttributesAreNormalized(t *testing.T) {
	num := func(key string, n int64) trace.Attr {
		return trace.Attr{Key: key, Value: trace.Value{Kind: trace.KindInt, Int: n}}
	}
	shared := &trace.Resource{Attrs: []trace.Attr{text("z", "1"), num("ip", 0x08080808), text("telemetry.sdk.name", "sdk")}}
	tr := trace.Trace{Spans: []trace.Span{
		{
			SpanID: spanID(1), Resource: shared, Scope: &trace.Scope{Attrs: []trace.Attr{text("b", ""), text("a", "")}},
			Attrs:  []trace.Attr{num("ip", 1), {Key: "peer.ipv4", Value: trace.Value{Kind: trace.KindDouble, Dbl: 0x7f000001}}, text("telemetry.sdk.language", "go")},
			Events: []trace.Event{{Attrs: []trace.Attr{text("b", ""), text("a", "")}}},
			Links:  []trace.Link{{TraceID: traceID(2), Attrs: []trace.Attr{text("b", ""), text("a", "")}}, {SpanID: spanID(1)}, {}},
		},
		{
			SpanID: spanID(2), Resource: shared, Scope: &trace.Scope{},
			Attrs: []trace.Attr{text("ip", "text stays"), text("telemetry.sdk.language", "go"), text("telemetry.sdk.name", "mine")},
		},
	}}
	Adjuster{}.Adjust(&tr)
	resource := &trace.Resource{Attrs: []trace.Attr{text("ip", "8.8.8.8"), text("telemetry.sdk.language", "go"), text("telemetry.sdk.name", "sdk"), text("z", "1")}}
	want := []trace.Span{
		{
			SpanID: spanID(1), Resource: resource, Scope: &trace.Scope{Attrs: []trace.Attr{text("a", ""), text("b", "")}},
			Attrs:  []trace.Attr{{Key: wire.AttrWarnings, Value: list(warnLink, warnLink)}, text("ip", "0.0.0.1"), text("peer.ipv4", "127.0.0.1")},
			Events: []trace.Event{{Attrs: []trace.Attr{text("a", ""), text("b", "")}}},
			Links:  []trace.Link{{TraceID: traceID(2), Attrs: []trace.Attr{text("a", ""), text("b", "")}}},
		},
		{SpanID: spanID(2), Resource: resource, Scope: &trace.Scope{}, Attrs: []trace.Attr{
			{Key: wire.AttrWarnings, Value: list("conflicting values between Span and Resource for attribute telemetry.sdk.name")},
			text("ip", "text stays"), text("telemetry.sdk.name", "mine"),
		}},
	}
	if diff := cmp.Diff(want, tr.Spans); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if tr.Spans[0].Resource != tr.Spans[1].Resource {
		t.Error("the spans do not share their resource any more")
	}
}

func TestWarningsJoinThoseSent(t *testing.T) {
	for name, test := range map[string]struct{ have, want []trace.Attr }{
		"none": {[]trace.Attr{text("!", ""), text("a", "")}, []trace.Attr{text("!", ""), {Key: wire.AttrWarnings, Value: list("w")}, text("a", "")}},
		"list": {[]trace.Attr{{Key: wire.AttrWarnings, Value: list("v")}, text("a", "")}, []trace.Attr{{Key: wire.AttrWarnings, Value: list("v", "w")}, text("a", "")}},
		"text": {[]trace.Attr{text(wire.AttrWarnings, "v")}, []trace.Attr{{Key: wire.AttrWarnings, Value: list("v", "w")}}},
	} {
		s := trace.Span{Attrs: test.have}
		addWarning(&s, "w")
		if diff := cmp.Diff(test.want, s.Attrs); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestAdjustWritesToNothingShared: what spans point to stays as it was, so that
// adjusting a copy of the spans leaves the trace as it was stored; and a second
// adjustment finds nothing left to move.
func TestAdjustWritesToNothingShared(t *testing.T) {
	same := cmpopts.EquateNaNs()
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 9))
		n := 1 + rng.IntN(12)
		tr := adjustable(rng, n)
		before := trace.AppendOTLP(nil, tr.Spans)
		copied := trace.Trace{ID: tr.ID, Spans: slices.Clone(tr.Spans)}
		Adjuster{MaxClockSkew: math.MaxInt64}.Adjust(&copied)
		if after := trace.AppendOTLP(nil, tr.Spans); !slices.Equal(before, after) {
			t.Fatalf("seed %d: the stored trace changed", seed)
		}
		if len(copied.Spans) > n {
			t.Fatalf("seed %d: %d spans of %d", seed, len(copied.Spans), n)
		}
		again := trace.Trace{ID: tr.ID, Spans: slices.Clone(tr.Spans)}
		Adjuster{MaxClockSkew: math.MaxInt64}.Adjust(&again)
		if diff := cmp.Diff(copied, again, same); diff != "" {
			t.Fatalf("seed %d: two adjustments differ:\n%s", seed, diff)
		}
	}
}

// adjustable is a random trace that gives adjusters much to do.
func adjustable(rng *rand.Rand, n int) trace.Trace {
	tr := randomTrace(rng, n)
	hosts := []trace.Attr{text("host.name", "a"), text("host.id", "b"), text("ip", "c")}
	for i := range tr.Spans {
		s := &tr.Spans[i]
		if rng.IntN(3) == 0 {
			s.Attrs = append(s.Attrs, trace.Attr{Key: "ip", Value: trace.Value{Kind: trace.KindInt, Int: int64(i)}}, text("telemetry.sdk.name", fmt.Sprint(i%2)))
		}
		if rng.IntN(4) == 0 {
			s.Resource = &trace.Resource{Attrs: append(slices.Clone(s.Resource.Attrs), hosts[rng.IntN(3)])}
		}
		if rng.IntN(5) == 0 && i > 0 {
			*s = tr.Spans[i-1]
		}
		if rng.IntN(4) == 0 {
			s.Links = append(slices.Clone(s.Links), trace.Link{SpanID: spanID(1)})
		}
		s.StartNanos, s.EndNanos = rng.Uint64N(1e9), rng.Uint64N(1e9)
	}
	return tr
}

func BenchmarkAdjust(b *testing.B) {
	for _, n := range []int{1, 100, 100_000} {
		for _, kind := range []string{"well", "skewed"} {
			stored := benchTrace(n)
			if kind == "well" { // children lie in their parents
				for i := range stored.Spans {
					stored.Spans[i].EndNanos = stored.Spans[0].EndNanos + uint64(n-i)*1000
				}
			}
			b.Run(fmt.Sprintf("spans=%d/%s", n, kind), func(b *testing.B) {
				spans := make([]trace.Span, n)
				b.ReportAllocs()
				for b.Loop() {
					copy(spans, stored.Spans)
					tr := trace.Trace{ID: stored.ID, Spans: spans}
					Adjuster{MaxClockSkew: time.Second}.Adjust(&tr)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/span")
			})
		}
	}
}

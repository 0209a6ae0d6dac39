package jaeger

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/pandodb/pando/internal/model/trace"
)

// TestJSONAsByJaeger compares with the JSON that Jaeger 1.76 writes for the same
// traces, of which each line of testdata/jaeger_json.sums has two hashes: of the
// raw trace and of the adjusted one. Left out is what we write otherwise: values
// that are lists, maps, empty or no bytes at all, and warnings, whose words are
// those of Jaeger 2.
func TestJSONAsByJaeger(t *testing.T) {
	sums, err := os.ReadFile("testdata/jaeger_json.sums")
	if err != nil {
		t.Fatal(err)
	}
	for seed, want := range strings.Split(strings.TrimSpace(string(sums)), "\n") {
		raw, adjusted := talkative(uint64(seed)), talkative(uint64(seed))
		Adjuster{}.Adjust(&adjusted)
		if got := jsonSum(t, &raw, true) + " " + jsonSum(t, &adjusted, false); got != want {
			t.Errorf("seed %d: %s, want %s", seed, got, want)
		}
	}
}

func jsonSum(t *testing.T, tr *trace.Trace, raw bool) string {
	t.Helper()
	var buf bytes.Buffer
	out, enc := &output{w: &buf}, spanEncoder{raw: raw}
	enc.encode(out, tr)
	out.flush()
	return sumOfJSON(t, buf.Bytes())
}

// sumOfJSON hashes a trace in Jaeger's JSON, whatever the order of its spans and
// the names of its processes.
func sumOfJSON(t *testing.T, doc []byte) string {
	t.Helper()
	var tr struct {
		TraceID   string
		Spans     []map[string]any
		Processes map[string]any
	}
	if err := json.Unmarshal(doc, &tr); err != nil {
		t.Fatal(err)
	}
	spans := make(map[string]any)
	for _, s := range tr.Spans {
		s["processID"] = tr.Processes[fmt.Sprint(s["processID"])]
		delete(s, "warnings")
		spans[fmt.Sprint(s["spanID"])] = s
	}
	b, err := json.Marshal([]any{tr.TraceID, spans})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return fmt.Sprintf("%x", sum[:8])
}

// plainValues leaves values that Jaeger's model has.
func plainValues(attrs []trace.Attr) {
	for i := range attrs {
		switch v := &attrs[i].Value; v.Kind {
		case trace.KindMap, trace.KindList:
			*v = trace.Value{Kind: trace.KindString, Str: "x"}
		case trace.KindBytes:
			v.Str += "b"
		case trace.KindEmpty:
			v.Kind = trace.KindString
		}
	}
}

// talkative is a trace with all that Jaeger's JSON can show.
func talkative(seed uint64) trace.Trace {
	rng := rand.New(rand.NewPCG(seed, 78))
	tr := randomTrace(rng, 1+rng.IntN(6))
	for i := range tr.Spans {
		s := &tr.Spans[i]
		plainValues(s.Attrs)
		plainValues(s.Resource.Attrs)
		if find(s.Resource.Attrs, "service.name") == nil {
			s.Resource.Attrs = append(s.Resource.Attrs, text("service.name", "svc"))
		}
		s.SpanID, s.ParentID = spanID(uint64(i+1)), spanID(uint64(rng.IntN(i+1)))
		s.StartNanos = 1e18
		s.EndNanos = 1e18 + 1000*uint64(rng.IntN(100000))
		if i > 0 && s.ParentID != (trace.SpanID{}) {
			s.EndNanos = s.StartNanos + 1
		}
		for k := range s.Events {
			plainValues(s.Events[k].Attrs)
			s.Events[k].TimeNanos %= 1 << 61
			if rng.IntN(4) == 0 {
				s.Events[k].Attrs = append(s.Events[k].Attrs, text("event", "mine"))
			}
		}
		for k := range s.Links {
			plainValues(s.Links[k].Attrs)
			if rng.IntN(3) == 0 {
				s.Links[k].Attrs = append(s.Links[k].Attrs, text("opentracing.ref_type", "child_of"))
			}
			if rng.IntN(4) == 0 {
				s.Links[k].TraceID = traceID(77)
			}
			if rng.IntN(4) == 0 {
				s.Links[k].TraceID = trace.ID{15: 7}
			}
		}
		if rng.IntN(8) == 0 {
			s.Attrs = append(s.Attrs, trace.Attr{Key: "ip", Value: trace.Value{Kind: trace.KindInt, Int: 7}})
		}
	}
	return tr
}

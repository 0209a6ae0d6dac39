package wire

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gen/apiv2pb"
	"github.com/pandodb/pando/internal/model/trace"
)

// recorded is what OpenTelemetry's translator, which Jaeger runs, made of random
// spans: its inputs and outputs, in both directions.
type recorded struct {
	Source   string   `json:"source"`
	ToOTLP   []sample `json:"toOTLP"`
	FromOTLP []sample `json:"fromOTLP"`
}

// sample is one span as the bytes of a jaeger.api_v2.Span and of a TracesData.
type sample struct {
	Span []byte `json:"span"`
	OTLP []byte `json:"otlp"`
}

func readRecorded(t testing.TB) (r recorded) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "translator.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.ToOTLP) == 0 || len(r.FromOTLP) == 0 {
		t.Fatal("nothing is recorded")
	}
	return r
}

// readOTLP returns the only span of a TracesData.
func readOTLP(t *testing.T, otlp []byte) trace.Span {
	t.Helper()
	b := trace.NewBuilder(trace.Options{})
	b.Reset(1, base.AllTime)
	if err := b.Add(otlp); err != nil {
		t.Fatal(err)
	}
	spans, err := trace.ReadSpans(b.Finish())
	if err != nil || len(spans) != 1 {
		t.Fatalf("%d spans, %v", len(spans), err)
	}
	return spans[0]
}

// TestAgreesToOTLP compares with the translator but for the one thing that we do
// otherwise: tags of which a field says not all stay.
func TestAgreesToOTLP(t *testing.T) {
	for i, s := range readRecorded(t).ToOTLP {
		in, err := DecodeSpan(s.Span)
		if err != nil {
			t.Fatal(err)
		}
		want, got := readOTLP(t, s.OTLP), *firstSpan(t, in)
		got.Attrs = slices.DeleteFunc(got.Attrs, func(a trace.Attr) bool {
			return SaysStatus(&a, trace.StatusError) || a.Key == TagStatusCode
		})
		if len(got.Attrs) == 0 {
			got.Attrs = want.Attrs[:0]
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("sample %d, %v (-translator +ours):\n%s", i, in, diff)
		}
	}
}

// TestAgreesFromOTLP compares with the translator.
func TestAgreesFromOTLP(t *testing.T) {
	for i, s := range readRecorded(t).FromOTLP {
		var want apiv2pb.Span
		if err := proto.Unmarshal(s.Span, &want); err != nil {
			t.Fatal(err)
		}
		got := modelled(t, []trace.Span{readOTLP(t, s.OTLP)})[0]
		if diff := gocmp.Diff(normal(&want), normal(got), protocmp.Transform()); diff != "" {
			t.Errorf("sample %d (-translator +ours):\n%s", i, diff)
		}
	}
}

// FuzzEncode asks that whatever a store takes, protobuf's own decoder reads.
func FuzzEncode(f *testing.F) {
	for _, s := range readRecorded(f).FromOTLP[:8] {
		f.Add(s.OTLP)
	}
	b := trace.NewBuilder(trace.Options{})
	f.Fuzz(func(t *testing.T, otlp []byte) {
		b.Reset(1, base.AllTime)
		if b.Add(otlp) != nil {
			return
		}
		spans, err := trace.ReadSpans(b.Finish())
		if err != nil {
			t.Fatal(err)
		}
		if got := modelled(t, spans); len(got) != len(spans) {
			t.Fatalf("%d spans of %d", len(got), len(spans))
		}
	})
}

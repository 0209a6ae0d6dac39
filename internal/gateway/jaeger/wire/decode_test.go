package wire

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gen/apiv2pb"
	"github.com/pandodb/pando/internal/model/trace"
)

func TestDecodePostSpans(t *testing.T) {
	rng := rand.New(rand.NewPCG(*seed, 3))
	want := &apiv2pb.PostSpansRequest{Batch: &apiv2pb.Batch{Process: &apiv2pb.Process{ServiceName: "p"}}}
	for range 4 {
		want.Batch.Spans = append(want.Batch.Spans, randomSpan(rng))
	}
	msg, err := proto.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodePostSpans(msg)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want.GetBatch(), got, protocmp.Transform(), cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for n := range len(msg) {
		if _, err := DecodePostSpans(msg[:n]); err != nil && base.ClassOf(err) != base.ClassInvalid {
			t.Fatalf("first %d bytes: %v", n, err)
		}
	}
}

func TestDecodeRefusals(t *testing.T) {
	tag := protowire.AppendTag
	varint := func(field protowire.Number) []byte {
		return protowire.AppendVarint(tag(nil, field, protowire.VarintType), 1)
	}
	in := func(msg []byte, field protowire.Number) []byte {
		return protowire.AppendBytes(tag(nil, field, protowire.BytesType), msg)
	}
	for _, test := range []struct {
		msg  []byte
		want string
	}{
		{varint(1), "field 1 has wire type 0, want 2"},
		{in(nil, 5), "field 5 has wire type 2, want 0"},
		{in(varint(1), 8), "tags[0]: field 1 has wire type 0, want 2"},
		{append(in(nil, 8), in(in(nil, 6), 8)...), "tags[1]: field 6 has wire type 2, want 1"},
		{in(in(varint(3), 2), 9), "logs[0]: fields[0]: field 3 has wire type 0, want 2"},
		{in(in(nil, 1), 6), "start_time: field 1 has wire type 2, want 0"},
		{in(varint(1), 4), "references[0]: field 1 has wire type 0, want 2"},
		{in(varint(2), 10), "process: field 2 has wire type 0, want 2"},
		{[]byte{0x0a, 5, 1}, "offset 0: field is longer than its message"},
	} {
		if _, err := DecodeSpan(test.msg); err == nil || err.Error() != test.want || base.ClassOf(err) != base.ClassInvalid {
			t.Errorf("%x: got %v, want %s", test.msg, err, test.want)
		}
	}
}

func TestDecodeBoundsElements(t *testing.T) {
	msg := bytes.Repeat([]byte{8<<3 | 2, 0}, maxElements+1)
	if _, err := DecodeSpan(msg); base.ClassOf(err) != base.ClassTooLarge {
		t.Errorf("got %v", err)
	}
}

// TestParseSpanForms reads one span as both of Jaeger's encodings write it.
func TestParseSpanForms(t *testing.T) {
	want := newSpan(str("s", "x"), boolean("b", true), integerTag("i", -9007199254740993), binaryTag("y", "\x00\xff"),
		&apiv2pb.KeyValue{Key: "f", VType: apiv2pb.ValueType_FLOAT64, VFloat64: 0.25})
	want.Flags, want.Warnings, want.ProcessId = 3, []string{"w"}, "p1"
	want.Duration = durationpb.New(1_500_000)
	want.References = []*apiv2pb.SpanRef{ref(childOf, 1, 9), ref(followsFrom, 3, 4)}
	want.Logs = []*apiv2pb.Log{{Timestamp: want.StartTime, Fields: []*apiv2pb.KeyValue{str("event", "e")}}}
	want.Process.Tags = []*apiv2pb.KeyValue{str("host", "h")}
	for _, name := range []string{"span.go.json", "span.pb.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseSpan(data)
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(want, got, protocmp.Transform(), cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestParseSpanRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(*seed, 4))
	for range 200 {
		want := randomSpan(rng)
		data, err := protojson.MarshalOptions{UseProtoNames: rng.IntN(2) == 0, UseEnumNumbers: rng.IntN(2) == 0}.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseSpan(data)
		if err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if !proto.Equal(want, got) {
			t.Fatalf("%s: got %v", data, got)
		}
	}
}

func TestParseSpanRefusals(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{`[]`, "not a JSON object"},
		{`{`, "not a JSON object"},
		{`{"trace_id":"!"}`, `trace_id: "!": want bytes in base64`},
		{`{"spanId":5}`, `spanId: 5: want bytes in base64`},
		{`{"start_time":"yesterday"}`, `start_time: "yesterday": want a time as in RFC 3339`},
		{`{"duration":"1 fortnight"}`, `duration: "1 fortnight": want nanoseconds, or a duration such as 1.5s`},
		{`{"flags":-1}`, `flags: -1: want an integer from 0 to 4294967295`},
		{`{"tags":[{},{"v_type":"WORD"}]}`, `tags: [1]: v_type: "WORD": want the name or the number of a type`},
		{`{"tags":[{"vFloat64":"x"}]}`, `tags: [0]: vFloat64: "x": want a number`},
		{`{"tags":[{"vBool":1}]}`, `tags: [0]: vBool: 1: want true or false`},
		{`{"tags":{}}`, `tags: {}: want a list`},
		{`{"references":[{"ref_type":{}}]}`, `references: [0]: ref_type: {}: want the name or the number of a type`},
		{`{"process":"p"}`, `process: not a JSON object`},
		{`{"warnings":"w"}`, `warnings: "w": want a list of texts`},
		{`{"operationName":7}`, `operationName: 7: want a text`},
	} {
		_, err := ParseSpan([]byte(test.in))
		if err == nil || !strings.HasPrefix(err.Error(), test.want) || base.ClassOf(err) != base.ClassInvalid {
			t.Errorf("%s: got %v, want %s", test.in, err, test.want)
		}
	}
}

// FuzzDecodeSpan compares with protobuf's own decoder, which refuses more: what
// it takes, we take and read the same.
func FuzzDecodeSpan(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 5))
	for range 8 {
		msg, err := proto.Marshal(randomSpan(rng))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(msg)
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		got, err := DecodeSpan(msg)
		var want apiv2pb.Span
		if proto.Unmarshal(msg, &want) == nil && err == nil {
			if got := mergeless(got); !proto.Equal(mergeless(&want), got) {
				t.Fatalf("got %v, protobuf has %v", got, &want)
			}
		}
		if err != nil {
			return
		}
		spans, err := Spans([]*apiv2pb.Span{got}, nil)
		if err != nil {
			return
		}
		again := modelled(t, spans)
		if second := modelled(t, stored2(t, again)); !proto.Equal(normal(again[0]), normal(second[0])) {
			t.Fatalf("not stable: %v, then %v", again[0], second[0])
		}
	})
}

// stored2 returns the spans without asking that a store takes them.
func stored2(t testing.TB, spans []*apiv2pb.Span) []trace.Span {
	t.Helper()
	out, err := Spans(spans, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// mergeless returns the span without what differs when a message occurs twice,
// which nobody sends: protobuf merges, we take the last; and without fields that
// are not known.
func mergeless(s *apiv2pb.Span) *apiv2pb.Span {
	s = proto.CloneOf(s)
	s.StartTime, s.Duration, s.Process = nil, nil, nil
	s.ProtoReflect().SetUnknown(nil)
	for _, tag := range s.Tags {
		tag.ProtoReflect().SetUnknown(nil)
	}
	for _, r := range s.References {
		r.ProtoReflect().SetUnknown(nil)
	}
	for _, l := range s.Logs {
		l.Timestamp = nil
		l.ProtoReflect().SetUnknown(nil)
		for _, tag := range l.Fields {
			tag.ProtoReflect().SetUnknown(nil)
		}
	}
	return s
}

func FuzzParseSpan(f *testing.F) {
	for _, name := range []string{"span.go.json", "span.pb.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"tags":[{"v_type":9,"v_float64":"NaN"}],"duration":"-1h","Trace_ID":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseSpan(data)
		if err != nil {
			if base.ClassOf(err) != base.ClassInvalid && base.ClassOf(err) != base.ClassTooLarge {
				t.Fatal(err)
			}
			return
		}
		if spans, err := Spans([]*apiv2pb.Span{s}, nil); err == nil {
			modelled(t, spans)
		}
	})
}

func BenchmarkSpans(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 6))
	batch := &apiv2pb.Batch{}
	for range 1000 {
		batch.Spans = append(batch.Spans, randomSpan(rng))
	}
	msg, err := proto.Marshal(batch)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("in", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(msg)))
		var wire []byte
		for b.Loop() {
			in, err := DecodeBatch(msg)
			if err != nil {
				b.Fatal(err)
			}
			if wire, err = AppendExport(wire[:0], in.Spans, in.Process); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("out", func(b *testing.B) {
		spans, err := Spans(batch.Spans, nil)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		b.SetBytes(int64(len(msg)))
		var wire []byte
		for b.Loop() {
			var e Encoder
			wire = e.AppendChunk(wire[:0], spans)
		}
	})
}

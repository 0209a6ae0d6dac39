package trace

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/otlpwire"
)

func textAttr(key, v string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: v}}}
}

func goodSpan() *tracepb.Span {
	return &tracepb.Span{
		TraceId: bytes.Repeat([]byte{1}, 16), SpanId: bytes.Repeat([]byte{2}, 8),
		Name: "work", StartTimeUnixNano: 150, EndTimeUnixNano: 170,
	}
}

func wrapSpans(spans ...*tracepb.Span) []byte {
	d := &tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource:   &resourcepb.Resource{Attributes: []*commonpb.KeyValue{textAttr("service.name", "shop")}},
		ScopeSpans: []*tracepb.ScopeSpans{{Spans: spans}},
	}}}
	b, err := proto.Marshal(d)
	if err != nil {
		panic(err)
	}
	return b
}

func TestRefusals(t *testing.T) {
	b := NewBuilder(Options{MaxAttrs: 4, MaxValueBytes: 100, MaxDocBytes: 200})
	f := func(change func(*tracepb.Span), want string) {
		t.Helper()
		s := goodSpan()
		change(s)
		b.Reset(1, base.TimeRange{Start: 100, End: 200})
		if err := b.Add(wrapSpans(goodSpan(), s)); err != nil {
			t.Errorf("want %q: %v", want, err)
			return
		}
		r := b.Rejected()
		if want == "" {
			if r.Count != 0 || b.Rows() != 2 {
				t.Errorf("refused: %v", r)
			}
			return
		}
		if r.Count != 1 || b.Rows() != 1 || !strings.Contains(r.Reasons[0], want) {
			t.Errorf("got %v, want %q", r, want)
		}
		batch := b.Finish()
		if err := batch.Validate(); err != nil {
			t.Error(err)
		}
		for _, v := range batch.Cols {
			if v.Dict.Len() > 1 {
				t.Errorf("column %v kept values of a refused span", v.ID)
			}
		}
	}
	long := strings.Repeat("x", 101)
	f(func(*tracepb.Span) {}, "")
	f(func(s *tracepb.Span) { s.EndTimeUnixNano = 0 }, "")
	f(func(s *tracepb.Span) { s.EndTimeUnixNano = 1<<64 - 1 }, "")
	f(func(s *tracepb.Span) { s.ParentSpanId = make([]byte, 8) }, "")
	f(func(s *tracepb.Span) { s.TraceId = nil }, "trace (none): trace id must be 16 bytes")
	f(func(s *tracepb.Span) { s.TraceId = make([]byte, 16) }, "trace id must be 16 bytes, not all zero")
	f(func(s *tracepb.Span) { s.TraceId = make([]byte, 17) }, "trace id must be 16 bytes")
	f(func(s *tracepb.Span) { s.SpanId = make([]byte, 8) }, "span id must be 8 bytes")
	f(func(s *tracepb.Span) { s.ParentSpanId = []byte{1} }, "parent span id has 1 bytes")
	f(func(s *tracepb.Span) { s.StartTimeUnixNano = 0 }, "start time is missing")
	f(func(s *tracepb.Span) { s.StartTimeUnixNano = 99 }, "start time 1970-01-01T00:00:00.000000099Z is before 1970-01-01T00:00:00.0000001Z")
	f(func(s *tracepb.Span) { s.StartTimeUnixNano = 200 }, "too far in the future, which begins at 1970-01-01T00:00:00.0000002Z")
	f(func(s *tracepb.Span) { s.StartTimeUnixNano = 1<<64 - 1 }, "start time 2554-07-21T23:34:33.709551615Z is too far")
	f(func(s *tracepb.Span) { s.Name = long }, "name has 101 bytes, at most 100")
	f(func(s *tracepb.Span) { s.TraceState = long }, "trace state has 101 bytes")
	f(func(s *tracepb.Span) { s.Status = &tracepb.Status{Message: long} }, "status message has 101 bytes")
	f(func(s *tracepb.Span) { s.Attributes = []*commonpb.KeyValue{textAttr("k", long)} }, `attribute "k" has 103 bytes`)
	f(func(s *tracepb.Span) {
		for i := range 5 {
			s.Attributes = append(s.Attributes, textAttr(fmt.Sprint(i), "v"))
		}
	}, "5 attributes, at most 4")
	f(func(s *tracepb.Span) {
		s.Events = []*tracepb.Span_Event{{Name: long}, {Name: long}}
	}, "events has 210 bytes, at most 200")
	f(func(s *tracepb.Span) { s.Links = []*tracepb.Span_Link{{TraceId: []byte{1}}} }, "link: trace id has 1 bytes")
	f(func(s *tracepb.Span) { s.Links = []*tracepb.Span_Link{{SpanId: []byte{1}}} }, "link: span id has 1 bytes")
}

// appendToSpan returns a request with raw bytes behind a good span's fields.
func appendToSpan(raw []byte) []byte {
	span, _ := proto.Marshal(goodSpan())
	frame := func(field uint32, b []byte) []byte { return otlpwire.AppendLen(nil, field, b) }
	return frame(1, frame(2, frame(2, append(span, raw...))))
}

func TestTextThatIsNotUTF8RefusesTheSpan(t *testing.T) {
	bad := []byte{'a', 0xff}
	frame := func(field uint32, b []byte) []byte { return otlpwire.AppendLen(nil, field, b) }
	b := NewBuilder(Options{})
	f := func(request []byte, want string) {
		t.Helper()
		b.Reset(1, base.AllTime)
		if err := b.Add(request); err != nil {
			t.Errorf("%s: %v", want, err)
			return
		}
		if r := b.Rejected(); r.Count != 1 || b.Rows() != 0 || !strings.Contains(r.Reasons[0], want) {
			t.Errorf("got %v, want %q", r, want)
		}
	}
	f(appendToSpan(frame(5, bad)), "name is not valid UTF-8")
	f(appendToSpan(frame(9, frame(1, bad))), "attribute key")
	f(appendToSpan(frame(9, append(frame(1, []byte("k")), frame(2, frame(1, bad))...))), `attribute "k" is not valid UTF-8`)
	f(appendToSpan(frame(9, append(frame(1, []byte("k")), frame(2, frame(5, frame(1, frame(1, bad))))...))),
		`attribute "k": array_value.values[0].string_value: not valid UTF-8`)
	f(appendToSpan(frame(11, frame(2, bad))), "events[0].name: not valid UTF-8")
	f(appendToSpan(frame(13, frame(3, bad))), "links[0].trace_state: not valid UTF-8")
	deep := []byte{}
	for range 100 {
		deep = frame(5, frame(1, deep))
	}
	f(appendToSpan(frame(9, frame(2, deep))), "nest deeper than 64")

	span, _ := proto.Marshal(goodSpan())
	f(frame(1, append(frame(1, frame(1, frame(1, bad))), frame(2, frame(2, span))...)), "resource: attributes[0].key: not valid UTF-8")
	f(frame(1, frame(2, append(frame(1, frame(1, bad)), frame(2, span)...))), "scope: name: not valid UTF-8")
	f(frame(1, append(frame(2, frame(2, span)), frame(3, bad)...)), "schema URL of the resource")
}

func TestMalformedBytesRefuseTheRequest(t *testing.T) {
	b := NewBuilder(Options{})
	f := func(request []byte, want string) {
		t.Helper()
		b.Reset(1, base.AllTime)
		if err := b.Add(request); base.ClassOf(err) != base.ClassInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	frame := func(field uint32, b []byte) []byte { return otlpwire.AppendLen(nil, field, b) }
	f([]byte{0x0a}, "offset 0: field is cut off")
	f(appendToSpan([]byte{0x28, 1}), "resource_spans[0].scope_spans[0].spans[0].name: field 5 has wire type 0")
	f(appendToSpan(frame(11, []byte{0xff})), "spans[0].events[0]: offset 0: truncated")
	f(appendToSpan(frame(9, frame(2, frame(5, []byte{0x0a, 9})))), "spans[0].attributes[0].value.array_value: offset 0")
}

// What has no column must come back all the same, and columns must be bounded.
func TestOddAttributesGoToTheExtraDocument(t *testing.T) {
	s := goodSpan()
	for i := range 50 {
		s.Attributes = append(s.Attributes, textAttr(fmt.Sprintf("k%02d", i), "v"))
	}
	s.Attributes = append(s.Attributes, textAttr("k00", "again"), textAttr("", "empty key"), textAttr(strings.Repeat("long", 100), "v"))
	b := NewBuilder(Options{MaxColumns: 10})
	batch := build(t, b, wrapSpans(s))
	columns := 0
	for _, v := range batch.Cols {
		if v.ID.Family == FamilyAttr {
			columns++
		}
	}
	spans := must(ReadSpans(batch))
	if columns != 10 || len(spans[0].Attrs) != 53 {
		t.Errorf("%d columns, %d attributes", columns, len(spans[0].Attrs))
	}
	if a := spans[0].Attrs; a[1].Value.Str != "v" || a[2].Key != "k00" || a[2].Value.Str != "again" {
		t.Errorf("repeated key: %v", a[:3])
	}
}

// A builder must not carry anything of one batch into the next.
func TestReuseLeavesNoTrace(t *testing.T) {
	b := NewBuilder(Options{MaxColumns: 64})
	for seed := range uint64(60) {
		wire, _ := proto.Marshal(newRandomTraces(seed).data())
		got, want := build(t, b, wire), build(t, NewBuilder(Options{MaxColumns: 64}), wire)
		if a, b := fmt.Sprintf("%v", got), fmt.Sprintf("%v", want); a != b {
			t.Fatalf("seed %d: batch of a used builder differs:\n%s\n%s", seed, a, b)
		}
		wide := goodSpan()
		for i := range 20 {
			wide.Attributes = append(wide.Attributes, textAttr(fmt.Sprintf("s%d.%d", seed, i), "v"))
		}
		build(t, b, wrapSpans(wide))
	}
}

func TestInternerAgreesWithMap(t *testing.T) {
	var in interner
	r := rand.New(rand.NewPCG(1, 1))
	for round := range 20 {
		in.reset()
		codes := map[string]uint32{}
		spread := 1 << r.IntN(12)
		for range 3000 {
			v := binary.AppendUvarint(nil, uint64(r.IntN(spread)))
			code := in.add(v)
			if !bytes.Equal(in.dict.Value(code), v) {
				t.Fatalf("round %d: code %d is another value", round, code)
			}
			if want, ok := codes[string(v)]; ok && want != code && !in.off {
				t.Fatalf("round %d: value has codes %d and %d", round, want, code)
			}
			codes[string(v)] = code
			if found, ok := in.find(v); !in.off && (!ok || found != code) {
				t.Fatalf("round %d: find %d, %v", round, found, ok)
			}
		}
		if !in.off && in.dict.Len() != len(codes) {
			t.Fatalf("round %d: %d values, want %d", round, in.dict.Len(), len(codes))
		}
	}
}

func TestInternerGivesUpOnUniqueValues(t *testing.T) {
	var in interner
	for i := range uint64(10_000) {
		if code := in.add(binary.BigEndian.AppendUint64(nil, i)); code != uint32(i) {
			t.Fatalf("value %d has code %d", i, code)
		}
	}
	if !in.off || len(in.slots) > 4*sampleValues {
		t.Errorf("off %v, %d slots", in.off, len(in.slots))
	}
}

// Traces are keys: however many, each is there once.
func TestKeysStayDistinct(t *testing.T) {
	var spans []*tracepb.Span
	for i := range uint64(4000) {
		s := goodSpan()
		binary.BigEndian.PutUint64(s.TraceId, i%2000)
		binary.BigEndian.PutUint64(s.SpanId, i+1)
		spans = append(spans, s)
	}
	batch := build(t, NewBuilder(Options{}), wrapSpans(spans...))
	if batch.Keys.Len() != 2000 || batch.Col(ColName).Dict.Len() != 1 || batch.Col(ColName).Rows != nil {
		t.Errorf("%d keys, name %v", batch.Keys.Len(), batch.Col(ColName).Dict.Len())
	}
	if batch.Col(ColResource).Dict.Len() != 1 || batch.Col(ColScope) != nil || batch.Col(ColKind) != nil {
		t.Error("defaults are stored")
	}
}

func TestExpand(t *testing.T) {
	s := goodSpan()
	s.Attributes = []*commonpb.KeyValue{
		{Key: "list", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: []*commonpb.AnyValue{
			textAttr("", "a").Value, {Value: &commonpb.AnyValue_IntValue{IntValue: 2}},
		}}}}},
		{Key: "map", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{Values: []*commonpb.KeyValue{
			textAttr("b", "c"), textAttr(strings.Repeat("k", 2000), "too long"),
			{Key: "d", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: true}}},
		}}}}},
		{Key: "empty"},
		textAttr("list", "second"),
	}
	s.Events = []*tracepb.Span_Event{{Name: "boom", Attributes: []*commonpb.KeyValue{textAttr("exception.type", "E")}}, {}}
	s.Links = []*tracepb.Span_Link{{TraceId: bytes.Repeat([]byte{0xab}, 16), SpanId: bytes.Repeat([]byte{0xcd}, 8), Attributes: []*commonpb.KeyValue{textAttr("l", "m")}}}
	d := &tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{
		SchemaUrl: "url",
		Resource:  &resourcepb.Resource{Attributes: []*commonpb.KeyValue{textAttr("service.name", "shop"), {Key: "f", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: 1.5}}}}},
		ScopeSpans: []*tracepb.ScopeSpans{{
			Scope: &commonpb.InstrumentationScope{Name: "lib", Version: "v1", Attributes: []*commonpb.KeyValue{{Key: "y", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: []byte{1}}}}}},
			Spans: []*tracepb.Span{s},
		}},
	}}}
	wire, _ := proto.Marshal(d)
	batch := build(t, NewBuilder(Options{}), wire)
	var got []string
	for i := range batch.Cols {
		v := &batch.Cols[i]
		if v.ID.Type != column.Doc {
			continue
		}
		Expand(v.ID, v.At(0).Bytes, func(tag column.Tag) bool {
			value := string(tag.Value.Bytes)
			switch tag.Value.Type {
			case column.Int64, column.Bool:
				value = fmt.Sprint(tag.Value.Int)
			case column.Float64:
				value = fmt.Sprint(tag.Value.Float)
			}
			got = append(got, fmt.Sprintf("%s: %s=%s:%v", v.ID.Name, tag.Name, value, tag.Value.Type))
			return true
		})
	}
	want := []string{
		"list: list=a:string", "list: list=2:int",
		"map: map.b=c:string", "map: map.d=1:bool",
		"events: event:name=boom:string", "events: exception.type=E:string",
		"extra: list=second:string",
		"links: link:trace_id=abababababababababababababababab:string", "links: link:span_id=cdcdcdcdcdcdcdcd:string", "links: l=m:string",
		"resource: service.name=shop:string", "resource: f=1.5:float",
		"scope: otel.scope.name=lib:string", "scope: otel.scope.version=v1:string", "scope: y=\x01:bytes",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for i := range batch.Cols {
		if v := &batch.Cols[i]; v.ID.Type == column.Doc {
			calls := 0
			Expand(v.ID, v.At(0).Bytes, func(column.Tag) bool { calls++; return false })
			if calls > 1 {
				t.Errorf("%v: emit was called %d times after it said stop", v.ID, calls)
			}
		}
	}
}

// A giant must not be paid for by every request after it.
func TestScratchIsDroppedAfterAGiant(t *testing.T) {
	b := NewBuilder(Options{})
	var spans []*tracepb.Span
	for i := range 200 {
		s := goodSpan()
		s.Attributes = []*commonpb.KeyValue{textAttr("k", strings.Repeat(fmt.Sprintf("%08d", i), 30_000))}
		spans = append(spans, s)
	}
	build(t, b, wrapSpans(spans...))
	if b.scratchBytes() < maxScratchBytes {
		t.Fatal("the giant is too small for this test")
	}
	build(t, b, wrapSpans(goodSpan()))
	if n := b.scratchBytes(); n > 1<<20 {
		t.Errorf("%d bytes kept", n)
	}
}

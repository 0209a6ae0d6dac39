package otlpwire

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/pandodb/pando/internal/base"
)

// otlpJSON renders a message as OTLP/JSON by way of protojson.
func otlpJSON(t *testing.T, m proto.Message, o protojson.MarshalOptions) []byte {
	t.Helper()
	b, err := o.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&tree); err != nil {
		t.Fatal(err)
	}
	hexIDs(tree)
	b, err = json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func hexIDs(tree any) {
	switch x := tree.(type) {
	case []any:
		for _, v := range x {
			hexIDs(v)
		}
	case map[string]any:
		for k, v := range x {
			switch k {
			case "traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id":
				raw, _ := base64.StdEncoding.DecodeString(v.(string))
				x[k] = hex.EncodeToString(raw)
			default:
				hexIDs(v)
			}
		}
	}
}

func TestJSONOfRandomMessages(t *testing.T) {
	options := []protojson.MarshalOptions{
		{}, {UseProtoNames: true}, {UseEnumNumbers: true}, {EmitUnpopulated: true, UseEnumNumbers: true},
	}
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 6))
		want := newProto(MessageRequest)
		fill(r, want.ProtoReflect(), 7)
		src := otlpJSON(t, want, options[seed%4])
		wire, err := AppendJSON(nil, MessageRequest, src)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, src)
		}
		got := newProto(MessageRequest)
		if err := proto.Unmarshal(wire, got); err != nil {
			t.Fatal(err)
		}
		if a, b := canonical(got), canonical(want); !bytes.Equal(a, b) {
			t.Fatalf("seed %d differs:\n%s", seed, src)
		}
		if len(wire) > len(src) {
			t.Errorf("seed %d: output is longer than input", seed)
		}
	}
}

func TestJSONForms(t *testing.T) {
	f := func(src string, want *tracepb.Span) {
		t.Helper()
		wire, err := AppendJSON(nil, MessageSpan, []byte(src))
		if err != nil {
			t.Errorf("%s: %v", src, err)
			return
		}
		got := &tracepb.Span{}
		if err := proto.Unmarshal(wire, got); err != nil || !proto.Equal(got, want) {
			t.Errorf("%s: %v, %v", src, got, err)
		}
	}
	f(`{"traceId":"5B8EFFF798038103d269b633813fc60c"}`, &tracepb.Span{TraceId: []byte("\x5b\x8e\xff\xf7\x98\x03\x81\x03\xd2\x69\xb6\x33\x81\x3f\xc6\x0c")})
	f(`{"kind":2}`, &tracepb.Span{Kind: 2})
	f(`{"kind":"2"}`, &tracepb.Span{Kind: 2})
	f(`{"kind":"SPAN_KIND_CLIENT"}`, &tracepb.Span{Kind: 3})
	f(`{"kind":-7}`, &tracepb.Span{Kind: -7})
	f(`{"startTimeUnixNano":"1544712660000000000","endTimeUnixNano":1544712660000000001}`,
		&tracepb.Span{StartTimeUnixNano: 1544712660000000000, EndTimeUnixNano: 1544712660000000001})
	f(`{"endTimeUnixNano":18446744073709551615}`, &tracepb.Span{EndTimeUnixNano: 1<<64 - 1})
	f(`{"flags":1e2,"droppedLinksCount":3.0}`, &tracepb.Span{Flags: 100, DroppedLinksCount: 3})
	f(`{"name":"\ud83d","traceState":"\ud83dA\udc00\ud83d\u0041\ud83d\ud83d\ude00"}`,
		&tracepb.Span{Name: "\uFFFD", TraceState: "\uFFFDA\uFFFD\uFFFDA\uFFFD\U0001F600"})
	f(` { "name" : "a\"\\\/\b\f\n\r\t\u00fc\ud83d\ude00ü" } `, &tracepb.Span{Name: "a\"\\/\b\f\n\r\tü\U0001F600ü"})
	f(`{"name":null,"events":null,"unknown":{"a":[1,-2.5e-3,true,false,null,"x",{}]},"status":{"code":"STATUS_CODE_ERROR"}}`,
		&tracepb.Span{Status: &tracepb.Status{Code: 2}})
	f(`{}`, &tracepb.Span{})
}

func TestJSONErrors(t *testing.T) {
	f := func(src, want string) {
		t.Helper()
		_, err := AppendJSON(nil, MessageSpan, []byte(src))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\ngot  %v\nwant %s", src, err, want)
			return
		}
		if base.ClassOf(err) != base.ClassInvalid {
			t.Errorf("%s: class %v", src, base.ClassOf(err))
		}
	}
	f(``, "offset 0: text ends early: want {")
	f(`[]`, `offset 0: found '[': want {`)
	f(`{"name":"a"`, `offset 11: text ends early`)
	f(`{"name":"a"}x`, `offset 12: found 'x': want the end of the text`)
	f(`{"name":"a",}`, `want a value after the comma`)
	f(`{"name":1}`, `name: offset 8: found '1': want "`)
	f(`{"name":"a","name":"b"}`, `name: offset 19: occurs twice`)
	f(`{"name":"`+"\xff"+`"}`, `not valid UTF-8`)
	f(`{"name":"\ud800\u00"}`, `want a hex digit`)
	f(`{"name":"\x"}`, `want a known escape`)
	f("{\"name\":\"a\nb\"}", `control characters must be escaped`)
	f(`{"traceId":"xyz"}`, `traceId: offset 16: id "xyz" is not hex`)
	f(`{"traceId":"abc"}`, `is not hex`)
	f(`{"flags":-1}`, `flags: offset 11: "-1" is not within 0 and 4294967295`)
	f(`{"flags":4294967296}`, `is not within`)
	f(`{"flags":1.5}`, `is not an integer`)
	f(`{"flags":01}`, `want , or }`)
	f(`{"flags":"0x1"}`, `is not a number`)
	f(`{"kind":"SERVER"}`, `kind: offset 16: "SERVER" is not one of`)
	f(`{"events":{}}`, `events: offset 10: found '{': want [`)
	f(`{"events":[{},{"name":2}]}`, `events[1].name: offset 22`)
	f(`{"attributes":[{"key":"a","value":{"stringValue":"b","intValue":1}}]}`, `attributes[0].value.intValue: offset 64: a second kind`)
	f(`{"attributes":[{"value":{"doubleValue":"inf"}}]}`, `is not a number`)
	f(`{"attributes":[{"value":{"bytesValue":"@@"}}]}`, `not base64`)
	f(`{"x":`+strings.Repeat("[", 100_000), `nest deeper than 64`)
	f(`{"attributes":[{"value":`+strings.Repeat(`{"arrayValue":{"values":[`, 100_000), `nest deeper than 64`)
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"a"}}]},` +
		`"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","kind":2,` +
		`"startTimeUnixNano":"1544712660000000000","endTimeUnixNano":1544712661000000000,"attributes":[` +
		`{"key":"i","value":{"intValue":"3"}},{"key":"d","value":{"doubleValue":-1.5e3}},{"key":"b","value":{"boolValue":true}},` +
		`{"key":"y","value":{"bytesValue":"AQI="}},{"key":"l","value":{"arrayValue":{"values":[{},{"kvlistValue":{"values":[]}}]}}}]}]}]}]}`))
	f.Add([]byte(`{"unknown":[{"a":"\ud83d\ude00"}],"resource_spans":[]}`))
	f.Fuzz(func(t *testing.T, src []byte) {
		wire, err := AppendJSON(nil, MessageRequest, src)
		if err != nil {
			return
		}
		if !json.Valid(src) {
			t.Fatalf("accepted what is not JSON: %q", src)
		}
		if err := Validate(MessageRequest, wire); err != nil {
			t.Fatalf("output of %q: %v", src, err)
		}
		if len(wire) > len(src)+16 {
			t.Fatalf("output of %d bytes for %d bytes of input", len(wire), len(src))
		}
	})
}

func BenchmarkAppendJSON(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 7))
	m := newProto(MessageRequest)
	fill(r, m.ProtoReflect(), 7)
	raw, _ := protojson.Marshal(m)
	src := bytes.ReplaceAll(raw, []byte(`traceId`), []byte(`ignored`))
	src = bytes.ReplaceAll(src, []byte(`panId`), []byte(`ignored2`))
	var dst []byte
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = AppendJSON(dst[:0], MessageRequest, src); err != nil {
			b.Fatal(err)
		}
	}
}

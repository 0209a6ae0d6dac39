package otlpwire

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/pandodb/pando/internal/base"
)

// The schema must be that of the generated messages: same fields, names, types.
func TestSchemaIsThatOfOTLP(t *testing.T) {
	kinds := map[protoreflect.Kind][]kind{
		protoreflect.StringKind: {kindString}, protoreflect.BytesKind: {kindBytes, kindTraceID, kindSpanID},
		protoreflect.MessageKind: {kindMessage}, protoreflect.BoolKind: {kindBool}, protoreflect.EnumKind: {kindEnum},
		protoreflect.Uint32Kind: {kindUint32}, protoreflect.Int32Kind: {kindInt32}, protoreflect.Int64Kind: {kindInt64},
		protoreflect.Fixed32Kind: {kindFixed32}, protoreflect.Fixed64Kind: {kindFixed64}, protoreflect.DoubleKind: {kindDouble},
	}
	for m := MessageRequest; m < numMessages; m++ {
		d := newProto(m).ProtoReflect().Descriptor()
		count := 0
		for num := range schemas[m] {
			if schemas[m][num].kind != 0 {
				count++
			}
		}
		if count != d.Fields().Len() {
			t.Errorf("%s: %d fields, OTLP has %d", d.Name(), count, d.Fields().Len())
		}
		for i := range d.Fields().Len() {
			want := d.Fields().Get(i)
			f := schemas[m].known(uint32(want.Number()))
			if f == nil {
				t.Errorf("%s: field %s is missing", d.Name(), want.Name())
				continue
			}
			if f.name != string(want.Name()) || f.json != want.JSONName() || f.repeated != want.IsList() {
				t.Errorf("%s: field %d is %+v, want %v", d.Name(), want.Number(), *f, want)
			}
			if !slices.Contains(kinds[want.Kind()], f.kind) {
				t.Errorf("%s.%s: kind %d is not %v", d.Name(), f.name, f.kind, want.Kind())
			}
			if want.Kind() == protoreflect.MessageKind && newProto(f.msg).ProtoReflect().Descriptor() != want.Message() {
				t.Errorf("%s.%s: message %d is not %s", d.Name(), f.name, f.msg, want.Message().Name())
			}
			for n, name := range f.enum {
				if v := want.Enum().Values().ByNumber(protoreflect.EnumNumber(n)); v == nil || string(v.Name()) != name {
					t.Errorf("%s.%s: enum value %d is not %s", d.Name(), f.name, n, name)
				}
			}
		}
	}
}

// compare checks that Validate and the views agree with the reference on b.
func compare(t *testing.T, b []byte) {
	t.Helper()
	want := newProto(MessageRequest)
	wantErr := proto.Unmarshal(b, want)
	err := Validate(MessageRequest, b)
	if fault, ok := FaultOf(err); ok && (fault == FaultWireType || fault == FaultDepth) {
		return // we are stricter here
	}
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("Validate: %v; protobuf: %v; input %x", err, wantErr, b)
	}
	if err != nil {
		if base.ClassOf(err) != base.ClassInvalid {
			t.Fatalf("class of %v is %v", err, base.ClassOf(err))
		}
		return
	}
	if got, want := canonical(viewRequest(b)), canonical(want); !bytes.Equal(got, want) {
		t.Fatalf("views and protobuf differ:\ninput %x\ngot   %x\nwant  %x", b, got, want)
	}
}

func TestAgreesWithProtobuf(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 2))
		b := randomWire(r, MessageRequest)
		compare(t, b)
		compare(t, append(b, randomWire(r, MessageRequest)...))
		for range 20 {
			compare(t, damage(r, b))
		}
	}
}

// damage returns b with a byte changed, bytes removed, or a piece repeated.
func damage(r *rand.Rand, b []byte) []byte {
	b = bytes.Clone(b)
	if len(b) == 0 {
		return b
	}
	at := r.IntN(len(b))
	switch r.IntN(3) {
	case 0:
		b[at] = byte(r.Uint32())
	case 1:
		b = b[:at]
	default:
		end := at + r.IntN(len(b)-at)
		b = append(b, b[at:end]...)
	}
	return b
}

// Singular messages in pieces, and members of AnyValue over each other, follow
// the merge rules.
func TestMergesLikeProtobuf(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	wrap := func(field protowire.Number, parts ...[]byte) []byte {
		var out []byte
		for _, p := range parts {
			out = protowire.AppendTag(out, field, protowire.BytesType)
			out = protowire.AppendBytes(out, p)
		}
		return out
	}
	for range 300 {
		value := func() []byte { return randomWire(r, MessageValue) }
		attr := append(wrap(2, value(), value()), wrap(2, append(value(), value()...))...)
		span := append(wrap(9, attr), wrap(15, randomWire(r, MessageStatus), randomWire(r, MessageStatus))...)
		span = append(append(span, wrap(11, randomWire(r, MessageEvent))...), wrap(9, attr)...)
		span = append(span, wrap(11, randomWire(r, MessageEvent), randomWire(r, MessageEvent))...)
		scope := append(wrap(1, randomWire(r, MessageScope)), wrap(2, span)...)
		scope = append(scope, wrap(1, randomWire(r, MessageScope))...)
		res := append(wrap(1, randomWire(r, MessageResource)), wrap(2, scope)...)
		res = append(res, wrap(1, randomWire(r, MessageResource))...)
		compare(t, wrap(1, res))
	}
}

func FuzzValidate(f *testing.F) {
	for seed := range uint64(200) {
		if b := randomWire(rand.New(rand.NewPCG(seed, 4)), MessageSpan); len(b) < 600 { // big seeds fuzz slowly
			f.Add(AppendLen(nil, FieldResourceSpans, AppendLen(nil, FieldScopeSpans, AppendLen(nil, FieldSpans, b))))
		}
	}
	f.Add([]byte{0x0b, 0x08, 0x01, 0x0c})             // a group, closed
	f.Add([]byte{0x13, 0x1b, 0x1c, 0x14})             // groups in a group
	f.Add([]byte{0x13, 0x1b, 0x14, 0x1c})             // crossed groups
	f.Add([]byte{0x8a, 0x00, 0x00})                   // overlong tag
	f.Add([]byte{0x0a, 0x80, 0x80, 0x80, 0x80, 0x01}) // length beyond the end
	f.Fuzz(func(t *testing.T, b []byte) { compare(t, b) })
}

func TestErrorsNameTheField(t *testing.T) {
	f := func(m Message, b []byte, fault Fault, want string) {
		t.Helper()
		err := Validate(m, b)
		if err == nil {
			t.Errorf("%x: no error, want %q", b, want)
			return
		}
		if got, _ := FaultOf(err); err.Error() != want || got != fault {
			t.Errorf("%x:\ngot  %d %v\nwant %d %s", b, got, err, fault, want)
		}
	}
	frame := func(field uint32, b []byte) []byte { return AppendLen(nil, field, b) }
	badKey := frame(9, frame(1, []byte{0xff}))
	f(MessageSpan, append(frame(9, nil), badKey...), FaultText, "attributes[1].key: not valid UTF-8")
	f(MessageRequest, frame(1, frame(2, frame(2, badKey))), FaultText,
		"resource_spans[0].scope_spans[0].spans[0].attributes[0].key: not valid UTF-8")
	f(MessageSpan, AppendUint(nil, 5, 1), FaultWireType, "name: field 5 has wire type 0, want 2")
	f(MessageSpan, []byte{0x2a, 5, 'a'}, FaultSyntax, "offset 0: field is longer than its message")
	f(MessageSpan, []byte{0x00}, FaultSyntax, "offset 0: impossible field number")
	f(MessageSpan, []byte{0x2f}, FaultSyntax, "offset 0: impossible wire type or stray end of group")
	f(MessageSpan, []byte{0x30, 0xff}, FaultSyntax, "offset 0: truncated or overlong integer")
}

func nested(depth int) []byte {
	var b []byte
	for range depth - 1 {
		b = AppendLen(nil, 5, AppendLen(nil, 1, b))
	}
	return b
}

func TestNestingIsBounded(t *testing.T) {
	if err := Validate(MessageValue, nested(MaxDepth)); err != nil {
		t.Errorf("depth %d: %v", MaxDepth, err)
	}
	if fault, _ := FaultOf(Validate(MessageValue, nested(MaxDepth+1))); fault != FaultDepth {
		t.Errorf("depth %d: fault %d", MaxDepth+1, fault)
	}
	if err := Validate(MessageValue, nested(20_000)); err == nil || len(err.Error()) > 4096 {
		t.Errorf("depth 20000: %.100v", err)
	}
	groups := bytes.Repeat([]byte{0x7b}, MaxDepth+1)
	if fault, _ := FaultOf(Validate(MessageSpan, groups)); fault != FaultWireType && fault != FaultDepth {
		t.Errorf("nested groups: fault %d", fault)
	}
}

func TestBeginEnd(t *testing.T) {
	for _, n := range []int{0, 1, 127, 128, 16383, 16384, 1 << 21} {
		inner := strings.Repeat("x", n)
		got, mark := Begin([]byte("head"), 3)
		got = End(append(got, inner...), mark)
		if want := AppendLen([]byte("head"), 3, inner); !bytes.Equal(got, want) {
			t.Errorf("%d bytes: frame differs", n)
		}
	}
}

func TestMaxAttrsBoundsMemory(t *testing.T) {
	b := bytes.Repeat([]byte{0x4a, 0x00}, 10_000)
	var s Span
	s.Attrs.Max = 16
	if err := s.Decode(b); err != nil || s.Attrs.Count != 10_000 || len(s.Attrs.List) != 16 {
		t.Errorf("count %d, list %d, %v", s.Attrs.Count, len(s.Attrs.List), err)
	}
}

func benchmarkWire() []byte {
	r := rand.New(rand.NewPCG(5, 5))
	var spans []byte
	for i := range 1000 {
		var s []byte
		s = AppendLen(s, 1, fmt.Sprintf("%016x", r.Uint64()))
		s = AppendLen(s, 2, fmt.Sprintf("%08x", r.Uint32()))
		s = AppendLen(s, 4, fmt.Sprintf("%08x", r.Uint32()))
		s = AppendLen(s, 5, "GET /product/{id}")
		s = AppendUint(s, 6, 2)
		s = AppendFixed64(AppendFixed64(s, 7, 1_760_000_000_000_000_000), 8, 1_760_000_000_001_000_000)
		for a := range 10 {
			kv := AppendLen(nil, 1, fmt.Sprintf("http.attribute.%d", a))
			kv = AppendLen(kv, 2, AppendLen(nil, 1, fmt.Sprintf("value %d of %d", i, a)))
			s = AppendLen(s, 9, kv)
		}
		spans = AppendLen(spans, FieldSpans, s)
	}
	return AppendLen(nil, FieldResourceSpans, AppendLen(nil, FieldScopeSpans, spans))
}

func BenchmarkSpanDecode(b *testing.B) {
	wire := benchmarkWire()
	var s Span
	b.SetBytes(int64(len(wire)))
	b.ReportAllocs()
	for b.Loop() {
		for rs := FramesOf(wire, FieldResourceSpans); rs.Next(); {
			for ss := FramesOf(rs.Bytes(), FieldScopeSpans); ss.Next(); {
				for f := FramesOf(ss.Bytes(), FieldSpans); f.Next(); {
					if err := s.Decode(f.Bytes()); err != nil {
						b.Fatal(err)
					}
				}
			}
		}
	}
}

func BenchmarkValidate(b *testing.B) {
	wire := benchmarkWire()
	b.SetBytes(int64(len(wire)))
	b.ReportAllocs()
	for b.Loop() {
		if err := Validate(MessageRequest, wire); err != nil {
			b.Fatal(err)
		}
	}
}

package wire

import (
	"cmp"
	"encoding/binary"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gen/apiv2pb"
	"github.com/pandodb/pando/internal/model/trace"
)

var seed = flag.Uint64("seed", 1, "of random spans")

func str(key, value string) *apiv2pb.KeyValue {
	return &apiv2pb.KeyValue{Key: key, VStr: value}
}

func boolean(key string, value bool) *apiv2pb.KeyValue {
	return &apiv2pb.KeyValue{Key: key, VType: apiv2pb.ValueType_BOOL, VBool: value}
}

func integerTag(key string, value int64) *apiv2pb.KeyValue {
	return &apiv2pb.KeyValue{Key: key, VType: apiv2pb.ValueType_INT64, VInt64: value}
}

func binaryTag(key, value string) *apiv2pb.KeyValue {
	return &apiv2pb.KeyValue{Key: key, VType: apiv2pb.ValueType_BINARY, VBinary: []byte(value)}
}

func idBytes(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func traceBytes(n uint64) []byte { return binary.BigEndian.AppendUint64(idBytes(7), n) }

func ref(kind apiv2pb.SpanRefType, id, span uint64) *apiv2pb.SpanRef {
	return &apiv2pb.SpanRef{TraceId: traceBytes(id), SpanId: idBytes(span), RefType: kind}
}

const (
	childOf     = apiv2pb.SpanRefType_CHILD_OF
	followsFrom = apiv2pb.SpanRefType_FOLLOWS_FROM
)

// newSpan is a plain span of trace 1.
func newSpan(tags ...*apiv2pb.KeyValue) *apiv2pb.Span {
	return &apiv2pb.Span{
		TraceId: traceBytes(1), SpanId: idBytes(2), OperationName: "op",
		StartTime: &timestamppb.Timestamp{Seconds: 1_700_000_000, Nanos: 123_456_789},
		Duration:  &durationpb.Duration{Nanos: 5_000_001},
		Tags:      tags,
		Process:   &apiv2pb.Process{ServiceName: "shop"},
	}
}

// stored returns the spans as they come back out of a store.
func stored(t testing.TB, spans []*apiv2pb.Span) []trace.Span {
	t.Helper()
	wire, err := AppendExport(nil, spans, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := trace.NewBuilder(trace.Options{})
	b.Reset(1, base.AllTime)
	if err := b.Add(wire); err != nil {
		t.Fatal(err)
	}
	if r := b.Rejected(); r.Count > 0 {
		t.Fatal(r.Reasons)
	}
	out, err := trace.ReadSpans(b.Finish())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// modelled returns the spans as Jaeger's clients read them.
func modelled(t testing.TB, spans []trace.Span) []*apiv2pb.Span {
	t.Helper()
	var e Encoder
	var chunk apiv2pb.SpansResponseChunk
	if err := proto.Unmarshal(e.AppendChunk(nil, spans), &chunk); err != nil {
		t.Fatal(err)
	}
	return chunk.GetSpans()
}

func firstSpan(t testing.TB, s *apiv2pb.Span) *trace.Span {
	t.Helper()
	return &stored(t, []*apiv2pb.Span{s})[0]
}

// TestFields asks which tags become fields, which stay, and that what comes back
// is what came.
func TestFields(t *testing.T) {
	type fields struct {
		Kind               trace.Kind
		Status             int32
		Message, State     string
		Scope, Version     string
		Attrs              int
		Name               string
		Parent             uint64
		Links, Events      int
		Flags              uint32
		Start, End, Length uint64
	}
	plain := fields{Name: "op", Start: 1_700_000_000_123_456_789, End: 1_700_000_000_128_456_790, Length: 5_000_001}
	with := func(change func(*fields)) fields {
		f := plain
		change(&f)
		return f
	}
	for name, test := range map[string]struct {
		in   *apiv2pb.Span
		want fields
	}{
		"plain":             {newSpan(), plain},
		"kind":              {newSpan(str("span.kind", "server")), with(func(f *fields) { f.Kind = trace.KindServer })},
		"kind in capitals":  {newSpan(str("span.kind", "SERVER")), with(func(f *fields) { f.Attrs = 1 })},
		"kind twice":        {newSpan(str("span.kind", "client"), str("span.kind", "server")), with(func(f *fields) { f.Kind, f.Attrs = trace.KindClient, 1 })},
		"kind is a number":  {newSpan(integerTag("span.kind", 2)), with(func(f *fields) { f.Attrs = 1 })},
		"error":             {newSpan(boolean("error", true)), with(func(f *fields) { f.Status, f.Attrs = 2, 1 })},
		"error is false":    {newSpan(boolean("error", false)), with(func(f *fields) { f.Attrs = 1 })},
		"error is text":     {newSpan(str("error", "true")), with(func(f *fields) { f.Attrs = 1 })},
		"error twice":       {newSpan(boolean("error", true), boolean("error", true), str("otel.status_code", "ERROR")), with(func(f *fields) { f.Status, f.Attrs = 2, 3 })},
		"error and code":    {newSpan(boolean("error", true), str("otel.status_code", "ERROR")), with(func(f *fields) { f.Status = 2 })},
		"error but ok":      {newSpan(boolean("error", true), str("otel.status_code", "OK")), with(func(f *fields) { f.Status, f.Attrs = 2, 2 })},
		"error code only":   {newSpan(str("otel.status_code", "ERROR")), with(func(f *fields) { f.Status, f.Attrs = 2, 1 })},
		"ok":                {newSpan(str("otel.status_code", "OK")), with(func(f *fields) { f.Status = 1 })},
		"ok, no error":      {newSpan(str("otel.status_code", "OK"), boolean("error", false)), with(func(f *fields) { f.Status, f.Attrs = 1, 1 })},
		"ok in small":       {newSpan(str("otel.status_code", "ok")), with(func(f *fields) { f.Status, f.Attrs = 1, 1 })},
		"ok twice":          {newSpan(str("otel.status_code", "OK"), str("otel.status_code", "OK")), with(func(f *fields) { f.Status, f.Attrs = 1, 2 })},
		"code unknown":      {newSpan(str("otel.status_code", "bad"), str("otel.status_description", "m")), with(func(f *fields) { f.Attrs = 2 })},
		"message":           {newSpan(boolean("error", true), str("otel.status_description", "m")), with(func(f *fields) { f.Status, f.Message, f.Attrs = 2, "m", 1 })},
		"message of none":   {newSpan(str("otel.status_description", "m")), with(func(f *fields) { f.Attrs = 1 })},
		"http status":       {newSpan(integerTag("http.status_code", 500)), with(func(f *fields) { f.Attrs = 1 })},
		"trace state":       {newSpan(str("w3c.tracestate", "a=b")), with(func(f *fields) { f.State = "a=b" })},
		"scope":             {newSpan(str("otel.scope.version", "1"), str("otel.scope.name", "lib")), with(func(f *fields) { f.Scope, f.Version = "lib", "1" })},
		"version of none":   {newSpan(str("otel.scope.version", "1")), with(func(f *fields) { f.Attrs = 1 })},
		"old library names": {newSpan(str("otel.library.name", "l")), with(func(f *fields) { f.Attrs = 1 })},
		"same key twice":    {newSpan(str("k", "1"), str("k", "2"), integerTag("k", 3)), with(func(f *fields) { f.Attrs = 3 })},
		"parent":            {withRefs(ref(childOf, 1, 9)), with(func(f *fields) { f.Parent = 9 })},
		"parent is second":  {withRefs(ref(childOf, 5, 8), ref(childOf, 1, 9)), with(func(f *fields) { f.Parent, f.Links = 9, 1 })},
		"follows":           {withRefs(ref(followsFrom, 1, 9)), with(func(f *fields) { f.Parent, f.Links = 9, 1 })},
		"follows, child":    {withRefs(ref(followsFrom, 1, 8), ref(childOf, 1, 9)), with(func(f *fields) { f.Parent, f.Links = 9, 1 })},
		"other traces":      {withRefs(ref(followsFrom, 3, 8), ref(childOf, 4, 9)), with(func(f *fields) { f.Links = 2 })},
		"parent is zero":    {withRefs(ref(childOf, 1, 0)), with(func(f *fields) { f.Links = 1 })},
		"no trace id":       {withRefs(&apiv2pb.SpanRef{SpanId: idBytes(3)}), with(func(f *fields) { f.Links = 1 })},
	} {
		t.Run(name, func(t *testing.T) {
			s := firstSpan(t, test.in)
			got := fields{
				Kind: s.Kind, Status: s.StatusCode, Message: s.StatusMessage, State: s.TraceState,
				Scope: s.Scope.Name, Version: s.Scope.Version, Attrs: len(s.Attrs), Name: s.Name,
				Parent: binary.BigEndian.Uint64(s.ParentID[:]), Links: len(s.Links), Events: len(s.Events),
				Flags: s.Flags, Start: s.StartNanos, End: s.EndNanos, Length: s.DurationNanos(),
			}
			if diff := gocmp.Diff(test.want, got); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
			back := modelled(t, []trace.Span{*s})[0]
			if diff := gocmp.Diff(normal(test.in), normal(back), protocmp.Transform(), cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("round trip (-want +got):\n%s", diff)
			}
		})
	}
}

func withRefs(refs ...*apiv2pb.SpanRef) *apiv2pb.Span {
	s := newSpan()
	s.References = refs
	return s
}

// normal returns the span without what a round trip may change: the order of
// tags, the place of the parent, and references to it beyond the first.
func normal(s *apiv2pb.Span) *apiv2pb.Span {
	s = proto.CloneOf(s)
	sortTags(s.GetTags())
	sortTags(s.GetProcess().GetTags())
	for _, l := range s.GetLogs() {
		sortTags(l.GetFields())
		if l.Timestamp == nil {
			l.Timestamp = &timestamppb.Timestamp{}
		}
	}
	for _, r := range s.GetReferences() {
		if len(r.GetTraceId()) == 0 {
			r.TraceId = make([]byte, 16)
		}
	}
	parent := func(kind apiv2pb.SpanRefType) *apiv2pb.SpanRef {
		i := slices.IndexFunc(s.References, func(r *apiv2pb.SpanRef) bool {
			return r.RefType == kind && string(r.TraceId) == string(s.TraceId) && string(r.SpanId) != string(idBytes(0))
		})
		if i < 0 {
			return nil
		}
		return s.References[i]
	}
	p := parent(childOf)
	if p == nil {
		p = parent(followsFrom)
	}
	if p == nil {
		return s
	}
	p = proto.CloneOf(p)
	others := []*apiv2pb.SpanRef{p}
	for _, r := range s.References {
		if string(r.TraceId) != string(p.TraceId) || string(r.SpanId) != string(p.SpanId) {
			others = append(others, r)
		} else if r.RefType == followsFrom {
			p.RefType = followsFrom
		}
	}
	s.References = others
	return s
}

func sortTags(tags []*apiv2pb.KeyValue) {
	slices.SortFunc(tags, func(a, b *apiv2pb.KeyValue) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.String(), b.String()))
	})
}

// TestRoundTripRandom writes random spans by api_v2 and reads them back.
func TestRoundTripRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(*seed, 2))
	for i := range 1000 {
		want := randomSpan(rng)
		encoded, err := proto.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		in, err := DecodeSpan(encoded)
		if err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(want, in) {
			t.Fatalf("span %d, -seed %d: decoded %v from %v", i, *seed, in, want)
		}
		got := modelled(t, stored(t, []*apiv2pb.Span{in}))[0]
		if want, got := normal(want), normal(got); !proto.Equal(want, got) {
			t.Fatalf("span %d, -seed %d: (-want +got):\n%s", i, *seed, gocmp.Diff(want, got, protocmp.Transform(), cmpopts.EquateNaNs()))
		}
	}
}

// TestErrorTagsKeepTheirOrder: a status that stands for error=true must not come
// back behind another tag of that name.
func TestErrorTagsKeepTheirOrder(t *testing.T) {
	want := newSpan(boolean(TagError, true), str(TagError, "true"), str(TagStatusCode, StatusError))
	got := modelled(t, stored(t, []*apiv2pb.Span{want}))[0]
	var order []string
	for _, tag := range got.GetTags() {
		if tag.GetKey() == TagError {
			order = append(order, tag.GetVType().String())
		}
	}
	if s := strings.Join(order, " "); s != "BOOL STRING" {
		t.Errorf("error tags came back as %s", s)
	}
}

func randomSpan(rng *rand.Rand) *apiv2pb.Span {
	s := &apiv2pb.Span{
		TraceId: traceBytes(1), SpanId: idBytes(rng.Uint64N(9) + 1), OperationName: pick(rng, "", "op", "é", "日本"),
		Flags:     rng.Uint32N(16),
		StartTime: &timestamppb.Timestamp{Seconds: rng.Int64N(4e9) + 1, Nanos: rng.Int32N(1e9)},
		Duration:  durationpb.New(0),
		Process:   &apiv2pb.Process{ServiceName: pick(rng, "shop", "bank"), Tags: randomTags(rng)},
		Tags:      randomTags(rng),
	}
	s.Duration = &durationpb.Duration{Seconds: rng.Int64N(3), Nanos: rng.Int32N(1e9)}
	if rng.IntN(8) == 0 {
		s.Duration = &durationpb.Duration{Nanos: -rng.Int32N(1e9)}
	}
	for range rng.IntN(4) {
		s.References = append(s.References, ref(apiv2pb.SpanRefType(rng.IntN(2)), rng.Uint64N(3), rng.Uint64N(3)))
	}
	for range rng.IntN(3) {
		s.Logs = append(s.Logs, &apiv2pb.Log{
			Timestamp: &timestamppb.Timestamp{Seconds: rng.Int64N(4e9), Nanos: rng.Int32N(1e9)}, Fields: randomTags(rng),
		})
	}
	for range rng.IntN(3) {
		s.Warnings = append(s.Warnings, pick(rng, "", "w", "clock \"skew\""))
	}
	return s
}

func pick(rng *rand.Rand, list ...string) string { return list[rng.IntN(len(list))] }

func randomTags(rng *rand.Rand) (tags []*apiv2pb.KeyValue) {
	for range rng.IntN(7) {
		tag := &apiv2pb.KeyValue{Key: pick(rng, "a", "b", "", "error", "event", "span.kind", "otel.status_code",
			"otel.status_description", "w3c.tracestate", "otel.scope.name", "otel.scope.version", "http.status_code")}
		switch tag.VType = apiv2pb.ValueType(rng.IntN(5)); tag.VType {
		case apiv2pb.ValueType_STRING:
			tag.VStr = pick(rng, "", "x", "true", "server", "client", "ERROR", "OK", "ok", "Error", "é\n\"")
		case apiv2pb.ValueType_BOOL:
			tag.VBool = rng.IntN(3) > 0
		case apiv2pb.ValueType_INT64:
			tag.VInt64 = int64(rng.Uint64()) >> rng.IntN(64)
		case apiv2pb.ValueType_FLOAT64:
			tag.VFloat64 = []float64{0, -1.5, math.MaxFloat64, math.NaN(), math.Inf(-1)}[rng.IntN(5)]
		default:
			tag.VBinary = [][]byte{nil, {0}, {0xff, 1}}[rng.IntN(3)]
		}
		tags = append(tags, tag)
	}
	return tags
}

// TestInvalidText asks that text which is not UTF-8 is stored as bytes.
func TestInvalidText(t *testing.T) {
	s := newSpan(str("k", "\xff"), str("bad\xfe", "v"), integerTag("\xfd", 3), boolean("\xfd", true), binaryTag("\xfd", "x"),
		&apiv2pb.KeyValue{Key: "\xfd", VType: apiv2pb.ValueType_FLOAT64, VFloat64: 1.5}, str("w3c.tracestate", "\xff"))
	s.OperationName, s.Process.ServiceName = "op\xff", "shop\xff"
	s.Process.Tags = append(s.Process.Tags, str("p", "\xff"))
	s.Warnings = []string{"w\xff"}
	s.Logs = append(s.Logs, &apiv2pb.Log{Fields: []*apiv2pb.KeyValue{str("event", "\xff")}})
	var got []string
	add := func(where string, attrs []trace.Attr) {
		for _, a := range attrs {
			got = append(got, fmt.Sprintf("%s %s=%d:%q%v", where, a.Key, a.Value.Kind, a.Value.Str, len(a.Value.List)))
		}
	}
	span := firstSpan(t, s)
	add("span", span.Attrs)
	add("event", span.Events[0].Attrs)
	add("resource", span.Resource.Attrs)
	want := []string{
		`span @jaeger@warnings=6:""1`,
		`span invalid-span-name=5:"op\xff"0`,
		`span invalid-tag-key-1=5:"bad\xfe:v"0`,
		`span invalid-tag-key-2=5:"\xfd:3"0`,
		`span invalid-tag-key-3=5:"\xfd:true"0`,
		`span invalid-tag-key-4=5:"\xfd:78"0`,
		`span invalid-tag-key-5=5:"\xfd:1.5"0`,
		`span k=5:"\xff"0`,
		`span w3c.tracestate=5:"\xff"0`,
		`event event=5:"\xff"0`,
		`resource service.name=1:"invalid-service-name"0`,
		`resource invalid-service-name=5:"shop\xff"0`,
		`resource p=5:"\xff"0`,
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if span.Name != "invalid-span-name" {
		t.Errorf("name %q", span.Name)
	}
	if back := modelled(t, []trace.Span{*span})[0]; back.Warnings[0] != "w\ufffd" || back.Process.ServiceName != "invalid-service-name" {
		t.Errorf("back: %v", back)
	}
}

// TestProcesses asks that the span's process goes before the batch's, and that
// equal processes are one resource.
func TestProcesses(t *testing.T) {
	own := func(name string) *apiv2pb.Span {
		s := newSpan()
		s.Process = &apiv2pb.Process{ServiceName: name, Tags: []*apiv2pb.KeyValue{
			str("t", "1"), integerTag("i", 1), boolean("b", true), binaryTag("y", "x"),
			{Key: "f", VType: apiv2pb.ValueType_FLOAT64, VFloat64: 1},
		}}
		return s
	}
	none := newSpan()
	none.Process = nil
	spans, err := Spans([]*apiv2pb.Span{own("a"), none, own("a"), own("b")}, &apiv2pb.Process{ServiceName: "batch"})
	if err != nil {
		t.Fatal(err)
	}
	var services []string
	for _, s := range spans {
		services = append(services, s.Resource.Service())
	}
	if diff := gocmp.Diff([]string{"a", "batch", "a", "b"}, services); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
	if spans[0].Resource != spans[2].Resource || spans[0].Scope != spans[3].Scope {
		t.Error("equal processes or scopes are apart")
	}
	nobody := newSpan()
	nobody.Process = nil
	if got := modelled(t, stored(t, []*apiv2pb.Span{nobody}))[0].GetProcess().GetServiceName(); got != NoService {
		t.Errorf("service of nobody: %q", got)
	}
}

func TestBadIDs(t *testing.T) {
	bad := func(change func(*apiv2pb.Span)) *apiv2pb.Span {
		s := newSpan()
		change(s)
		return s
	}
	for want, s := range map[string]*apiv2pb.Span{
		"spans[1]: trace_id has 7 bytes: want 16, or 8":                bad(func(s *apiv2pb.Span) { s.TraceId = make([]byte, 7) }),
		"spans[1]: span_id has 16 bytes: want 8":                       bad(func(s *apiv2pb.Span) { s.SpanId = make([]byte, 16) }),
		"spans[1]: references[0]: trace_id has 1 bytes: want 16, or 8": bad(func(s *apiv2pb.Span) { s.References = []*apiv2pb.SpanRef{{TraceId: []byte{1}}} }),
		"spans[1]: references[0]: span_id has 9 bytes: want 8":         bad(func(s *apiv2pb.Span) { s.References = []*apiv2pb.SpanRef{{SpanId: make([]byte, 9)}} }),
	} {
		_, err := AppendExport(nil, []*apiv2pb.Span{newSpan(), s}, nil)
		if err == nil || err.Error() != want || base.ClassOf(err) != base.ClassInvalid {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	short := newSpan()
	short.TraceId = idBytes(5)
	if s := firstSpan(t, short); s.TraceID.String() != "00000000000000000000000000000005" {
		t.Errorf("64-bit id: %v", s.TraceID)
	}
}

func TestTimes(t *testing.T) {
	at := func(sec int64, nanos int32) *timestamppb.Timestamp {
		return &timestamppb.Timestamp{Seconds: sec, Nanos: nanos}
	}
	for _, test := range []struct {
		ts   *timestamppb.Timestamp
		want uint64
	}{
		{nil, 0},
		{at(-62135596800, 0), 0},
		{at(-1, 0), 1},
		{at(0, -5), 0},
		{at(2, 3), 2_000_000_003},
		{at(math.MaxInt64, 0), math.MaxInt64},
		{at(9223372033, math.MaxInt32), 9223372033*1e9 + math.MaxInt32},
		{at(9223372034, 0), math.MaxInt64},
	} {
		if got := nanosOf(test.ts); got != test.want {
			t.Errorf("nanosOf(%v) = %d, want %d", test.ts, got, test.want)
		}
	}
	if got := endOf(5, &durationpb.Duration{Seconds: -1}); got != 0 {
		t.Errorf("end before 1970: %d", got)
	}
}

// TestSpansOfOTLP asks how spans that api_v2 cannot say are shown.
func TestSpansOfOTLP(t *testing.T) {
	value := func(v trace.Value) []trace.Attr { return []trace.Attr{{Key: "k", Value: v}} }
	text := func(s string) trace.Value { return trace.Value{Kind: trace.KindString, Str: s} }
	for _, test := range []struct {
		value trace.Value
		want  string
	}{
		{trace.Value{}, ""},
		{trace.Value{Kind: trace.KindList, List: []trace.Value{text("a<\""), {}, {Kind: trace.KindBool, Int: 1}, {Kind: trace.KindBytes, Str: "\xff"}}}, `["a<\"",null,true,"/w=="]`},
		{trace.Value{Kind: trace.KindMap, Map: []trace.Attr{{Key: "z", Value: trace.Value{Kind: trace.KindInt, Int: -1}}, {Key: "a", Value: trace.Value{Kind: trace.KindDouble, Dbl: 0.5}}}}, `{"z":-1,"a":0.5}`},
		{trace.Value{Kind: trace.KindList, List: []trace.Value{{Kind: trace.KindDouble, Dbl: math.NaN()}, {Kind: trace.KindDouble, Dbl: math.Inf(1)}, {Kind: trace.KindDouble, Dbl: math.Inf(-1)}}}, `["NaN","Infinity","-Infinity"]`},
	} {
		s := trace.Span{Attrs: value(test.value), Resource: &trace.Resource{}, Scope: &trace.Scope{}}
		if got := modelled(t, []trace.Span{s})[0].Tags[0]; got.VStr != test.want || got.VType != apiv2pb.ValueType_STRING {
			t.Errorf("%v: got %v, want %s", test.value, got, test.want)
		}
	}
	s := trace.Span{
		Flags: 0x301, StatusCode: trace.StatusError, Resource: &trace.Resource{}, Scope: &trace.Scope{},
		Attrs: []trace.Attr{{Key: "error", Value: text("timeout")}, {Key: AttrWarnings, Value: text("one")}},
	}
	got := modelled(t, []trace.Span{s})[0]
	if got.Flags != 1 || len(got.Warnings) != 1 || len(got.Tags) != 3 {
		t.Errorf("got %v", got)
	}
	if text := got.Tags[1].String() + got.Tags[2].String(); !strings.Contains(text, "ERROR") || !strings.Contains(text, "v_bool") {
		t.Errorf("status tags: %s", text)
	}
}

package trace

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// flatSpan is one span with what it shares, in canonical wire bytes.
type flatSpan struct{ resource, scope, span string }

// flatten canonicalises traces to a sorted list of spans: attributes of spans
// ascending by key, absent values present and empty, fields of profiles gone.
func flatten(d *tracepb.TracesData) []flatSpan {
	bytesOf := func(m proto.Message, url string) string {
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			panic(err)
		}
		return url + "|" + string(b)
	}
	var out []flatSpan
	for _, rs := range d.ResourceSpans {
		res := rs.Resource
		if res == nil {
			res = &resourcepb.Resource{}
		}
		canonicalAttrs(res.Attributes)
		for _, ss := range rs.ScopeSpans {
			scope := ss.Scope
			if scope == nil {
				scope = &commonpb.InstrumentationScope{}
			}
			canonicalAttrs(scope.Attributes)
			for _, s := range ss.Spans {
				canonicalSpan(s)
				out = append(out, flatSpan{bytesOf(res, rs.SchemaUrl), bytesOf(scope, ss.SchemaUrl), bytesOf(s, "")})
			}
		}
	}
	slices.SortFunc(out, func(a, b flatSpan) int {
		return strings.Compare(a.resource+a.scope+a.span, b.resource+b.scope+b.span)
	})
	return out
}

func canonicalSpan(s *tracepb.Span) {
	canonicalAttrs(s.Attributes)
	slices.SortStableFunc(s.Attributes, func(a, b *commonpb.KeyValue) int { return strings.Compare(a.Key, b.Key) })
	if s.Status != nil && s.Status.Code == 0 && s.Status.Message == "" {
		s.Status = nil
	}
	if bytes.Equal(s.ParentSpanId, make([]byte, 8)) {
		s.ParentSpanId = nil
	}
	for _, e := range s.Events {
		canonicalAttrs(e.Attributes)
	}
	for _, l := range s.Links {
		canonicalAttrs(l.Attributes)
		if bytes.Equal(l.TraceId, make([]byte, 16)) {
			l.TraceId = nil
		}
		if bytes.Equal(l.SpanId, make([]byte, 8)) {
			l.SpanId = nil
		}
	}
}

func canonicalAttrs(attrs []*commonpb.KeyValue) {
	for _, a := range attrs {
		a.KeyStrindex = 0
		if a.Value == nil {
			a.Value = &commonpb.AnyValue{}
		}
		canonicalValue(a.Value)
	}
}

func canonicalValue(v *commonpb.AnyValue) {
	switch x := v.Value.(type) {
	case *commonpb.AnyValue_ArrayValue:
		for _, item := range x.ArrayValue.Values {
			canonicalValue(item)
		}
	case *commonpb.AnyValue_KvlistValue:
		canonicalAttrs(x.KvlistValue.Values)
	case *commonpb.AnyValue_StringValueStrindex:
		v.Value = nil
	}
}

func build(t testing.TB, b *Builder, request []byte) *column.Batch {
	t.Helper()
	b.Reset(7, base.AllTime)
	if err := b.Add(request); err != nil {
		t.Fatal(err)
	}
	batch := b.Finish()
	if err := batch.Validate(); err != nil {
		t.Fatal(err)
	}
	return batch
}

// throughStore returns what comes back of d after the whole way.
func throughStore(t testing.TB, b *Builder, d *tracepb.TracesData) *tracepb.TracesData {
	t.Helper()
	wire, err := proto.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	batch := build(t, b, wire)
	spans, err := ReadSpans(batch)
	if err != nil {
		t.Fatal(err)
	}
	if rej := b.Rejected(); rej.Count > 0 {
		t.Fatalf("refused: %v", rej)
	}
	out := &tracepb.TracesData{}
	if err := proto.Unmarshal(AppendOTLP(nil, spans), out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRoundTripIsLossless(t *testing.T) {
	builders := map[string]*Builder{
		"default":       NewBuilder(Options{}),
		"small columns": NewBuilder(Options{MaxColumns: 3, MaxKeyBytes: 6}),
	}
	for name, b := range builders {
		for seed := range uint64(400) {
			d := newRandomTraces(seed).data()
			got, want := flatten(throughStore(t, b, d)), flatten(d)
			if !slices.Equal(got, want) {
				t.Fatalf("%s: seed %d:\ngot  %q\nwant %q", name, seed, got, want)
			}
		}
	}
}

func TestRoundTripOfSelection(t *testing.T) {
	d := shopTraces(3, 200)
	wire, _ := proto.Marshal(d)
	batch := build(t, NewBuilder(Options{}), wire)
	all, err := ReadSpans(batch)
	if err != nil {
		t.Fatal(err)
	}
	rows := []uint32{3, 50, 51, 199}
	some, err := ReadSpans(batch.Select(rows))
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range rows {
		if got, want := fmt.Sprintf("%+v", AppendSpan(nil, &some[i])), fmt.Sprintf("%+v", AppendSpan(nil, &all[row])); got != want {
			t.Errorf("row %d differs after Select", row)
		}
		if some[i].Resource.Service() != all[row].Resource.Service() {
			t.Errorf("row %d: service %q", row, some[i].Resource.Service())
		}
	}
}

func TestBatchOwnsItsMemory(t *testing.T) {
	wire, _ := proto.Marshal(shopTraces(4, 50))
	b := NewBuilder(Options{})
	batch := build(t, b, wire)
	before := AppendOTLP(nil, must(ReadSpans(batch)))
	clear(wire)
	other, _ := proto.Marshal(shopTraces(5, 80))
	build(t, b, other)
	if !bytes.Equal(before, AppendOTLP(nil, must(ReadSpans(batch)))) {
		t.Error("batch changed when its request or builder was reused")
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func FuzzBuilder(f *testing.F) {
	for seed := range uint64(200) {
		if wire, _ := proto.Marshal(newRandomTraces(seed).data()); len(wire) < 600 { // big seeds fuzz slowly
			f.Add(wire)
		}
	}
	b := NewBuilder(Options{})
	f.Fuzz(func(t *testing.T, request []byte) {
		b.Reset(1, base.AllTime)
		err := b.Add(request)
		want := &tracepb.TracesData{}
		wantErr := proto.Unmarshal(request, want)
		if err != nil {
			return // FuzzValidate of otlpwire compares what is accepted
		}
		batch := b.Finish()
		if err := batch.Validate(); err != nil {
			t.Fatal(err)
		}
		spans, err := ReadSpans(batch)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range batch.Cols {
			if v.ID.Type == column.Doc {
				for c := range v.Dict.Len() {
					Expand(v.ID, v.Dict.Value(uint32(c)), func(column.Tag) bool { return true })
				}
			}
		}
		if b.Rejected().Count > 0 || wantErr != nil {
			return
		}
		got := &tracepb.TracesData{}
		if err := proto.Unmarshal(AppendOTLP(nil, spans), got); err != nil {
			t.Fatal(err)
		}
		dropUnknown(want)
		if got, want := flatten(got), flatten(want); !slices.Equal(got, want) {
			t.Fatalf("\ngot  %q\nwant %q", got, want)
		}
	})
}

// dropUnknown removes unknown fields by unmarshalling without them.
func dropUnknown(d *tracepb.TracesData) {
	b, err := proto.Marshal(d)
	if err != nil {
		panic(err)
	}
	proto.Reset(d)
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(b, d); err != nil {
		panic(err)
	}
}

func FuzzReadSpans(f *testing.F) {
	for seed := range uint64(40) {
		s := newRandomTraces(seed).span()
		s.TraceId, s.SpanId = nil, nil
		if doc, _ := proto.Marshal(s); len(doc) < 600 {
			f.Add(doc)
			f.Add(appendGroupDoc(nil, []byte("url"), doc))
		}
	}
	f.Fuzz(func(_ *testing.T, doc []byte) {
		for _, id := range []column.ID{ColResource, ColScope, ColEvents, ColLinks, ColExtra, AttrColumn("k", column.Doc)} {
			b := &column.Batch{Rows: 1, KeyCodes: []uint32{0}, Times: []int64{1}, IDs: []uint64{1}}
			b.Keys.Append(AppendKey(nil, 1, ID{1}))
			v := column.Vector{ID: id, Codes: []uint32{0}}
			v.Dict.Append(doc)
			b.Cols = []column.Vector{v}
			if spans, err := ReadSpans(b); err == nil {
				AppendOTLP(nil, spans)
			}
			Expand(id, doc, func(column.Tag) bool { return true })
			ServiceOf(doc)
		}
	})
}

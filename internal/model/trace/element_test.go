package trace

import (
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// TestValuesAgreeWithTags: under every name, Values finds the tags that Expand
// emits, and Elements cover the documents.
func TestValuesAgreeWithTags(t *testing.T) {
	b := NewBuilder(Options{MaxColumns: 4})
	docs := 0
	for seed := range uint64(200) {
		b.Reset(1, base.AllTime)
		request, err := proto.Marshal(newRandomTraces(seed).data())
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Add(request); err != nil {
			continue // broken text, which refuses requests
		}
		batch := b.Finish()
		for i := range batch.Cols {
			if v := &batch.Cols[i]; v.ID.Type == column.Doc {
				for code := range uint32(v.Dict.Len()) {
					checkValues(t, v.ID, v.Dict.Value(code))
					docs++
				}
			}
		}
	}
	if docs < 100 {
		t.Errorf("only %d documents were compared", docs)
	}
}

func checkValues(t *testing.T, id column.ID, doc []byte) {
	t.Helper()
	tags := make(map[string][]string)
	Expand(id, doc, func(x column.Tag) bool {
		tags[string(x.Name)] = append(tags[string(x.Name)], fmt.Sprint(x.Value))
		return true
	})
	for _, derived := range []string{TagScopeName, TagScopeVersion, TagEventName, TagLinkTraceID, TagLinkSpanID} {
		delete(tags, derived)
	}
	for name, want := range tags {
		var got []string
		Values(id, doc, name, func(v column.Value) bool {
			if v.Type.Valid() {
				got = append(got, fmt.Sprint(v))
			}
			return true
		})
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("column %v, name %q: values %v, tags %v", id, name, got, want)
		}
	}
	Values(id, doc, "no such name", func(v column.Value) bool {
		t.Fatalf("column %v has a value %v under no name", id, v)
		return false
	})
}

func TestElements(t *testing.T) {
	text := func(s string) Value { return Value{Kind: KindString, Str: s} }
	span := Span{
		TraceID: ID{1}, SpanID: SpanID{1}, StartNanos: 100,
		Resource: &Resource{SchemaURL: "r", Attrs: []Attr{{"k", text("v")}}},
		Scope:    &Scope{Name: "n", Version: "1", SchemaURL: "s"},
		Events:   []Event{{TimeNanos: 90, Name: "e"}, {TimeNanos: 1 << 63, Attrs: []Attr{{TagEventName, text("x")}}}},
		Links:    []Link{{TraceID: ID{15: 0xab}, SpanID: SpanID{7: 1}, TraceState: "a=1"}, {}},
	}
	b := NewBuilder(Options{})
	b.Reset(1, base.AllTime)
	if err := b.Add(AppendOTLP(nil, []Span{span})); err != nil {
		t.Fatal(err)
	}
	batch := b.Finish()
	f := func(id column.ID, want ...string) {
		t.Helper()
		var got []string
		Elements(id, batch.Col(id).Dict.Value(0), func(e *Element) bool {
			got = append(got, fmt.Sprintf("%s|%s|%s|%s|%s|%s|%d|%d", e.SchemaURL, e.Name, e.Version, e.TraceState,
				e.AppendTraceID(nil), e.AppendSpanID(nil), e.TimeNanos(), e.SinceNanos(100)))
			return true
		})
		if !slices.Equal(got, want) {
			t.Errorf("%v:\n got %q\nwant %q", id, got, want)
		}
	}
	f(ColResource, "r||||||0|-100")
	f(ColScope, "s|n|1||||0|-100")
	f(ColEvents, "|e|||||90|-10", "||||||9223372036854775807|9223372036854775708")
	f(ColLinks, "|||a=1|000000000000000000000000000000ab|0000000000000001|0|-100", "||||||0|-100")
	// An attribute cannot pass for the field whose tag bears its name.
	var names []string
	Expand(ColEvents, batch.Col(ColEvents).Dict.Value(0), func(x column.Tag) bool {
		names = append(names, string(x.Value.Bytes))
		return true
	})
	if !slices.Equal(names, []string{"e"}) {
		t.Errorf("names of events: %q", names)
	}
}

// FuzzElements: views and values of any bytes end, and agree with Expand about
// what is a tag.
func FuzzElements(f *testing.F) {
	f.Add(uint8(0), []byte("\x01r\x0a\x0a\x0a\x01k\x12\x05\x0a\x03a.b"), "k")
	f.Add(uint8(2), []byte("\x5a\x03\x12\x01e"), "event:name")
	f.Add(uint8(3), []byte("\x6a\x04\x0a\x02\xab\xcd"), "x")
	f.Add(uint8(5), []byte("\x32\x09\x0a\x07\x0a\x01b\x12\x02\x18\x01"), "a.b")
	ids := []column.ID{ColResource, ColScope, ColEvents, ColLinks, ColExtra, AttrColumn("a", column.Doc)}
	f.Fuzz(func(t *testing.T, which uint8, doc []byte, name string) {
		id := ids[int(which)%len(ids)]
		Elements(id, doc, func(e *Element) bool {
			_ = e.AppendSpanID(e.AppendTraceID(nil))
			return e.TimeNanos() >= 0
		})
		typed := 0
		Values(id, doc, name, func(v column.Value) bool {
			if v.Type.Valid() {
				typed++
			}
			return true
		})
		tags := 0
		Expand(id, doc, func(x column.Tag) bool {
			if string(x.Name) == name {
				tags++
			}
			return true
		})
		derived := slices.Contains([]string{TagScopeName, TagScopeVersion, TagEventName, TagLinkTraceID, TagLinkSpanID}, name)
		if !derived && typed != tags {
			t.Errorf("%v %x: %d values under %q, %d tags", id, doc, typed, name, tags)
		}
	})
}

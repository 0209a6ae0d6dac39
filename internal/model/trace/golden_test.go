package trace

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/pandodb/pando/internal/column"
)

var rewrite = flag.Bool("rewrite", false, "rewrite testdata")

// dump renders a batch for people, one line per value.
func dump(b *column.Batch) []byte {
	var out bytes.Buffer
	for row := range b.Rows {
		fmt.Fprintf(&out, "row %d: key %x  time %d  id %016x\n", row, b.Key(row), b.Times[row], b.IDs[row])
	}
	for i := range b.Cols {
		v := &b.Cols[i]
		for p := range v.Len() {
			var text string
			switch x := v.At(p); x.Type {
			case column.Int64, column.Bool:
				text = fmt.Sprint(x.Int)
			case column.Float64:
				text = fmt.Sprint(x.Float)
			case column.String:
				text = fmt.Sprintf("%q", x.Bytes)
			default:
				text = fmt.Sprintf("%x", x.Bytes)
			}
			fmt.Fprintf(&out, "%v[%d] = %s\n", v.ID, rowOf(v, p), text)
		}
	}
	return out.Bytes()
}

// What ingest makes of a span is a format: parts and logs hold it.
func TestBatchGolden(t *testing.T) {
	value := func(v *commonpb.AnyValue, key string) *commonpb.KeyValue {
		return &commonpb.KeyValue{Key: key, Value: v}
	}
	full := goodSpan()
	full.ParentSpanId = bytes.Repeat([]byte{3}, 8)
	full.TraceState, full.Flags, full.Kind = "a=1", 0x101, 2
	full.Status = &tracepb.Status{Code: 2, Message: "boom"}
	full.DroppedAttributesCount, full.DroppedEventsCount, full.DroppedLinksCount = 4, 5, 6
	full.Attributes = []*commonpb.KeyValue{
		textAttr("s", "text"),
		value(&commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: -1}}, "i"),
		value(&commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: 0.5}}, "d"),
		value(&commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: true}}, "b"),
		value(&commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: []byte{7}}}, "y"),
		value(&commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: []*commonpb.AnyValue{textAttr("", "e").Value}}}}, "l"),
		value(nil, "none"),
		textAttr("s", "twice"),
	}
	full.Events = []*tracepb.Span_Event{{TimeUnixNano: 160, Name: "ev"}}
	full.Links = []*tracepb.Span_Link{{TraceId: full.TraceId, SpanId: full.SpanId}}
	bare := goodSpan()
	bare.Name, bare.EndTimeUnixNano = "", 140
	d := &tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{
		{
			SchemaUrl: "url", Resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{textAttr("service.name", "shop")}},
			ScopeSpans: []*tracepb.ScopeSpans{{Scope: &commonpb.InstrumentationScope{Name: "lib"}, Spans: []*tracepb.Span{full}}},
		},
		{ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{bare}}}},
	}}
	wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	got := dump(build(t, NewBuilder(Options{}), wire))
	path := filepath.Join("testdata", "batch.golden")
	if *rewrite {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

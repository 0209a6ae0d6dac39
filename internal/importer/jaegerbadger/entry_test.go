package jaegerbadger

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gen/apiv2pb"
)

func TestDecodeEntry(t *testing.T) {
	span := made(7, 9)
	key, value := keyOf(span), marshal(t, span)
	got, err := DecodeEntry(key, value, 0xf0|encodingProto)
	if err != nil || !proto.Equal(got, span) {
		t.Errorf("protobuf: %v, %v", got, err)
	}
	other := made(7, 10)
	badRef := made(7, 9)
	badRef.References = []*apiv2pb.SpanRef{{TraceId: []byte{1, 2, 3}}}
	badSpan := made(7, 9)
	badSpan.SpanId = []byte{1}
	for name, c := range map[string]struct {
		key, value []byte
		meta       byte
		want       string
	}{
		"empty":               {key, nil, encodingProto, "empty"},
		"no encoding":         {key, value, 0, "encoding is 0"},
		"unknown encoding":    {key, value, 3, "encoding is 3"},
		"protobuf for JSON":   {key, value, encodingJSON, ""},
		"JSON for protobuf":   {key, []byte(`{}`), encodingProto, ""},
		"cut":                 {key, value[:len(value)-3], encodingProto, ""},
		"another span":        {key, marshal(t, other), encodingProto, "the ids of its key"},
		"short key":           {key[:keySize-1], value, encodingProto, "the key has 32 bytes"},
		"long key":            {append(bytes.Clone(key), 0), value, encodingProto, "the key has 34 bytes"},
		"an index":            {append([]byte{0x81}, key[1:]...), value, encodingProto, "begin with 0x80"},
		"length of reference": {key, marshal(t, badRef), encodingProto, "references[0]: trace_id has 3 bytes"},
		"length of span id":   {key, marshal(t, badSpan), encodingProto, "span_id has 1 bytes"},
	} {
		if _, err := DecodeEntry(c.key, c.value, c.meta); base.ClassOf(err) != base.ClassInvalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// jsonEntries are the entries of the wire package's JSON spans.
func jsonEntries(t testing.TB) (keys, values [][]byte) {
	t.Helper()
	for _, name := range []string{"span.go.json", "span.pb.json"} {
		value, err := os.ReadFile(filepath.Join("..", "..", "gateway", "jaeger", "wire", "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		key := append([]byte{spanPrefix}, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1)
		key = append(key, 0, 0, 0, 0, 0, 0, 0, 0) // the start is not compared
		keys, values = append(keys, append(key, 0, 0, 0, 0, 0, 0, 0, 2)), append(values, value)
	}
	return keys, values
}

func TestDecodeEntryOfJSON(t *testing.T) {
	keys, values := jsonEntries(t)
	var first *apiv2pb.Span
	for i := range keys {
		got, err := DecodeEntry(keys[i], values[i], encodingJSON)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = got
		}
		if got.GetOperationName() != "op" || !proto.Equal(got, first) {
			t.Errorf("form %d: %v, want %v", i, got, first)
		}
	}
}

func FuzzDecodeEntry(f *testing.F) {
	span := made(7, 9)
	f.Add(keyOf(span), marshal(f, span), byte(encodingProto))
	keys, values := jsonEntries(f)
	for i := range keys {
		f.Add(keys[i], values[i], byte(encodingJSON))
	}
	f.Add([]byte{spanPrefix}, []byte("{}"), byte(encodingJSON))
	f.Fuzz(func(t *testing.T, key, value []byte, meta byte) {
		s, err := DecodeEntry(key, value, meta)
		if err != nil {
			if base.ClassOf(err) == base.ClassBug {
				t.Errorf("an error without a class: %v", err)
			}
			return
		}
		// Whatever is decoded can be converted, sent and hashed.
		var d decoder
		b := &batch{entries: []entry{{key: key, value: value, meta: meta}}}
		spans, sums, c, err := d.decode(b)
		if err != nil || len(spans) != 1 || len(sums) != 1 || c.Spans != 1 || c.Undecodable != 0 {
			t.Fatalf("%v: %d spans, %+v, %v", s, len(spans), c, err)
		}
		if _, err := requests(nil, spans, func([]byte, int) error { return nil }); err != nil {
			t.Fatal(err)
		}
	})
}

package trace

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

func TestLayoutIsValid(t *testing.T) {
	if err := Layout().Validate(); err != nil {
		t.Error(err)
	}
}

// The key is a format: these bytes must never change.
func TestKeyGolden(t *testing.T) {
	id, err := ParseID("5b8efff798038103d269b633813fc60c")
	if err != nil {
		t.Fatal(err)
	}
	key := AppendKey(nil, 0x01020304, id)
	const want = "01020304" + "68f7f7b2f0402155" + "5b8efff798038103d269b633813fc60c"
	if got := hex.EncodeToString(key); got != want {
		t.Errorf("key is %s, want %s", got, want)
	}
	resource, back, err := ParseKey(key)
	if err != nil || resource != 0x01020304 || back != id {
		t.Errorf("ParseKey: %d %v %v", resource, back, err)
	}
	key[5] ^= 1
	if _, _, err := ParseKey(key); base.ClassOf(err) != base.ClassInvalid {
		t.Errorf("wrong hash: %v", err)
	}
	if _, _, err := ParseKey(key[:27]); base.ClassOf(err) != base.ClassInvalid {
		t.Errorf("short key: %v", err)
	}
}

func TestSpanIDIsRowID(t *testing.T) {
	id := SpanID{1, 2, 3, 4, 5, 6, 7, 8}
	if id.RowID() != 0x0102030405060708 || SpanIDOf(id.RowID()) != id {
		t.Errorf("row id %x", id.RowID())
	}
}

func TestParseIDs(t *testing.T) {
	f := func(s string, trace, span bool) {
		t.Helper()
		id, err := ParseID(s)
		if (err == nil) != trace {
			t.Errorf("trace id %q: %v, %v", s, id, err)
		}
		if again, err := ParseID(id.String()); trace && (err != nil || again != id) {
			t.Errorf("trace id %q does not survive its text", s)
		}
		sid, err := ParseSpanID(s)
		if (err == nil) != span {
			t.Errorf("span id %q: %v, %v", s, sid, err)
		}
		if again, err := ParseSpanID(sid.String()); span && (err != nil || again != sid) {
			t.Errorf("span id %q does not survive its text", s)
		}
	}
	f("1", true, true)
	f("5b8efff798038103d269b633813fc60c", true, false)
	f("EEE19B7EC3C1B174", true, true)
	f("", false, false)
	f("0", false, false)
	f("xyz", false, false)
	f("5b8efff798038103d269b633813fc60c0", false, false)
}

// The documents are a format too.
func TestGroupDocGolden(t *testing.T) {
	doc := appendGroupDoc(nil, []byte("u1"), []byte{0x10, 0x05})
	if want := []byte{2, 'u', '1', 0x10, 0x05}; !bytes.Equal(doc, want) {
		t.Errorf("document is %x, want %x", doc, want)
	}
	r, err := decodeResource(doc)
	if err != nil || r.SchemaURL != "u1" || r.DroppedAttrs != 5 {
		t.Errorf("%+v, %v", r, err)
	}
	for _, bad := range [][]byte{nil, {3, 'u', '1'}, {0xff}, {0, 0x0a}} {
		if _, err := decodeResource(bad); base.ClassOf(err) != base.ClassInvalid {
			t.Errorf("%x: %v", bad, err)
		}
	}
}

func TestReadSpansReportsDamage(t *testing.T) {
	good := func() *column.Batch {
		b := &column.Batch{Rows: 1, KeyCodes: []uint32{0}, Times: []int64{1}, IDs: []uint64{1}}
		b.Keys.Append(AppendKey(nil, 1, ID{1}))
		return b
	}
	f := func(name string, damage func(*column.Batch)) {
		t.Helper()
		b := good()
		damage(b)
		if _, err := ReadSpans(b); !base.IsCorruption(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadSpans(good()); err != nil {
		t.Fatal(err)
	}
	f("code beyond the dictionary", func(b *column.Batch) { b.KeyCodes[0] = 1 })
	f("missing id", func(b *column.Batch) { b.IDs = nil })
	f("short key", func(b *column.Batch) { b.Keys.Reset(); b.Keys.Append([]byte("x")) })
	for _, id := range []column.ID{ColResource, ColScope, ColEvents, ColLinks, ColExtra, AttrColumn("k", column.Doc)} {
		f(id.String(), func(b *column.Batch) {
			v := column.Vector{ID: id, Codes: []uint32{0}}
			v.Dict.Append([]byte{0x00, 0x0a, 0x7f})
			b.Cols = []column.Vector{v}
		})
	}
}

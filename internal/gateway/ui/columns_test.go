package ui

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pandodb/pando/internal/model/trace"
)

type columnsDoc struct {
	headerDoc
	Services []string `json:"services"`
	Names    []string `json:"names"`
	SpanIDs  string   `json:"spanIds"`
	Start    []int64  `json:"start"`
	Duration []int64  `json:"duration"`
	Depth    []int64  `json:"depth"`
	Parent   []int64  `json:"parent"`
	Service  []int64  `json:"service"`
	Name     []int64  `json:"name"`
	Kind     []int64  `json:"kind"`
	Flags    []int64  `json:"flags"`
}

// TestColumnsGolden pins the document: its names are API.
func TestColumnsGolden(t *testing.T) {
	id := trace.ID{15: 0xab}
	db := newSpan(3, 2)
	db.Name, db.Kind, db.StatusCode = `SELECT "x"`, trace.KindClient, trace.StatusError
	lost := newSpan(4, 9)
	lost.Resource = newResource("mail")
	tr := &trace.Trace{ID: id, Spans: []trace.Span{newSpan(1, 0), newSpan(2, 1), db, lost}}
	h := newTestHandler(t, &fakeStore{traces: map[trace.ID]*trace.Trace{id: tr}})
	for _, path := range []string{"/api/v1/traces/ab", "/api/v1/traces/000000000000000000000000000000AB"} {
		got := get(t, h, path)
		want := `{"traceId":"000000000000000000000000000000ab","startUnixNano":"1795176001000000000",` +
			`"durationNanos":3500000000,"spanCount":4,` +
			`"notes":{"orphans":1,"duplicates":0,"cycles":0,"skewed":0,"truncated":0},` +
			`"services":["shop","mail"],"names":["op","SELECT \"x\""],` +
			`"spanIds":"0000000000000001000000000000000200000000000000030000000000000004",` +
			`"start":[0,1000000000,2000000000,3000000000],` +
			`"duration":[500000000,500000000,500000000,500000000],` +
			`"depth":[0,1,2,0],"parent":[-1,0,1,-1],"service":[0,0,0,1],"name":[0,0,1,0],` +
			`"kind":[0,0,3,0],"flags":[0,0,1,2]}`
		if got.Body.String() != want {
			t.Errorf("%s:\n got %s\nwant %s", path, got.Body, want)
		}
	}
}

// TestColumnsAgainstSpans reads the document back and compares it with the
// spans it came from.
func TestColumnsAgainstSpans(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	spans := randomTrace(rng, 20_000) // longer than one chunk
	spans[7].EndNanos = 0             // a clock that ran backwards
	spans[8].EndNanos = 1<<64 - 1     // or far ahead
	rows := buildTree(spans)
	var out bytes.Buffer
	if err := writeColumns(&out, &trace.Trace{Spans: spans}, rows, maxRows); err != nil {
		t.Fatal(err)
	}
	doc := decode[columnsDoc](t, out.Bytes())
	start, end := bounds(spans)
	if doc.StartUnixNano != strconv.FormatUint(start, 10) || doc.DurationNanos != end-start {
		t.Errorf("starts at %s and takes %d, want %d and %d", doc.StartUnixNano, doc.DurationNanos, start, end-start)
	}
	for r, i := range rows.order {
		s := &spans[i]
		got := []any{
			doc.SpanIDs[16*r : 16*r+16], doc.Start[r], doc.Duration[r], doc.Depth[r], doc.Parent[r],
			doc.Services[doc.Service[r]], doc.Names[doc.Name[r]], doc.Kind[r], doc.Flags[r],
		}
		want := []any{
			s.SpanID.String(), int64(s.StartNanos - start), int64(min(s.DurationNanos(), math.MaxInt64)), int64(rows.depth[r]), int64(rows.parent[r]),
			s.Resource.Service(), s.Name, int64(s.Kind), int64(rows.flags[r]),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("row %d: %s", r, diff)
		}
	}
}

func TestColumnsTruncated(t *testing.T) {
	const limit = 100
	spans := calls(limit + 10)
	var out bytes.Buffer
	if err := writeColumns(&out, &trace.Trace{Spans: spans}, buildTree(spans), limit); err != nil {
		t.Fatal(err)
	}
	doc := decode[columnsDoc](t, out.Bytes())
	if doc.SpanCount != limit+10 || doc.Notes.Truncated != 10 || len(doc.Start) != limit || len(doc.SpanIDs) != 16*limit {
		t.Errorf("count %d, truncated %d, rows %d", doc.SpanCount, doc.Notes.Truncated, len(doc.Start))
	}
}

func TestColumnsCompressed(t *testing.T) {
	id := trace.ID{1}
	store := &fakeStore{traces: map[trace.ID]*trace.Trace{id: {ID: id, Spans: calls(5000)}}}
	h := newTestHandler(t, store)
	target := "/api/v1/traces/" + id.String()
	plain, packed := get(t, h, target), get(t, h, target, "Accept-Encoding", "br, gzip")
	if packed.Header().Get("Content-Encoding") != "gzip" || packed.Body.Len() >= plain.Body.Len() {
		t.Fatalf("%d bytes for %d, %v", packed.Body.Len(), plain.Body.Len(), packed.Header())
	}
	zr, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(zr)
	if err != nil || !bytes.Equal(got, plain.Body.Bytes()) {
		t.Errorf("decompressed answer differs, err %v", err)
	}
}

func TestTraceErrors(t *testing.T) {
	empty := trace.ID{15: 1}
	h := newTestHandler(t, &fakeStore{traces: map[trace.ID]*trace.Trace{empty: {ID: empty}}})
	f := func(path string, status int, code string) {
		t.Helper()
		w := get(t, h, "/api/v1/traces/"+path)
		if doc := decode[errorDoc](t, w.Body.Bytes()); w.Code != status || doc.Error.Code != code || doc.Error.Hint == "" {
			t.Errorf("%s: status %d, %+v", path, w.Code, doc)
		}
	}
	f("1", 404, "E_NOT_FOUND")
	f("2", 404, "E_NOT_FOUND")
	f("0", 400, "E_INVALID")
	f("xyz", 400, "E_INVALID")
	f("123456789012345678901234567890123", 400, "E_INVALID")
	f("1/spans/0", 400, "E_INVALID")
	f("2/spans/5", 404, "E_NOT_FOUND")
	f("1/spans/12345678901234567", 400, "E_INVALID")
}

// failingWriter fails after some bytes, as a reader that leaves does.
type failingWriter struct{ left int }

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, http.ErrHandlerTimeout
	}
	return len(p), nil
}

func TestColumnsReaderLeaves(t *testing.T) {
	spans := calls(20_000)
	rows := buildTree(spans)
	for left := 0; left < 800_000; left += 100_000 {
		if err := writeColumns(&failingWriter{left}, &trace.Trace{Spans: spans}, rows, maxRows); err == nil {
			t.Errorf("no error after %d bytes", left)
		}
	}
}

func BenchmarkWriteColumns(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprintf("spans=%d", n), func(b *testing.B) {
			tr := &trace.Trace{Spans: calls(n)}
			rows := buildTree(tr.Spans)
			var size bytes.Buffer
			if err := writeColumns(&size, tr, rows, maxRows); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(size.Len()))
			b.ReportAllocs()
			for b.Loop() {
				if err := writeColumns(io.Discard, tr, rows, maxRows); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

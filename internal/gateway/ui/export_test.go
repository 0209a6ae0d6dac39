package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/pandodb/pando/internal/model/trace"
)

// savedDoc is what a saved trace holds.
type savedDoc struct {
	Trace struct {
		SpanIDs  string   `json:"spanIds"`
		Services []string `json:"services"`
		Names    []string `json:"names"`
	} `json:"trace"`
	Spans []struct {
		Name       string    `json:"name"`
		Attributes []attrDoc `json:"attributes"`
		Resource   int       `json:"resource"`
		Scope      int       `json:"scope"`
	} `json:"spans"`
	Resources []resourceDoc `json:"resources"`
	Scopes    []scopeDoc    `json:"scopes"`
}

var savedData = regexp.MustCompile(`<script type="application/octet-stream" id="trace">([A-Za-z0-9+/=]*)</script>`)

func readSaved(t *testing.T, file string) savedDoc {
	t.Helper()
	found := savedData.FindStringSubmatch(file)
	if found == nil {
		t.Fatal("the file holds no data")
	}
	zr, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(found[1])))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(zr)
	if err != nil {
		t.Fatal(err)
	}
	return decode[savedDoc](t, text)
}

// hostile is a name that would leave any element it is written into.
const hostile = `</script></title></style><script>alert("x")</script><!-- "'&` + "\u2028\x00"

func TestExport(t *testing.T) {
	id := trace.ID{15: 1}
	other := newResource(hostile)
	a, b, c := newSpan(1, 0), newSpan(2, 1), newSpan(3, 1)
	a.Name, a.Resource, c.Resource = hostile, other, other
	b.Attrs = []trace.Attr{text(hostile, hostile)}
	store := &fakeStore{traces: map[trace.ID]*trace.Trace{id: {ID: id, Spans: []trace.Span{a, b, c}}}}
	h := newTestHandler(t, store)
	w := get(t, h, "/api/v1/traces/1/export.html")
	if w.Code != 200 || w.Header().Get("Content-Disposition") != `attachment; filename="trace-`+id.String()+`.html"` {
		t.Fatalf("status %d, headers %v", w.Code, w.Header())
	}
	file := w.Body.String()
	for element, want := range map[string]int{"<script": 2, "</script": 2, "<title": 1, "</title": 1, "<style": 1, "</style": 1, "<!--": 0, "alert(": 2} {
		// The name stands, escaped, in the title and nowhere else: as a service and as an operation.
		if got := strings.Count(strings.ToLower(file), element); got != want {
			t.Errorf("%d times %s, want %d", got, element, want)
		}
	}
	doc := readSaved(t, file)
	if diff := cmp.Diff([]string{hostile, "op"}, doc.Trace.Names); diff != "" {
		t.Error(diff)
	}
	if len(doc.Spans) != 3 || doc.Spans[0].Name != hostile || len(doc.Resources) != 2 || len(doc.Scopes) != 1 {
		t.Fatalf("%+v", doc)
	}
	if diff := cmp.Diff([]attrDoc{{hostile, "string", hostile}}, doc.Spans[1].Attributes); diff != "" {
		t.Error(diff)
	}
	if doc.Spans[0].Resource != doc.Spans[2].Resource || doc.Resources[doc.Spans[1].Resource].Attributes[0].Value != "shop" {
		t.Errorf("%+v", doc)
	}
	for path, status := range map[string]int{"2": 404, "zz": 400} {
		if w := get(t, h, "/api/v1/traces/"+path+"/export.html"); w.Code != status {
			t.Errorf("%s: status %d, want %d", path, w.Code, status)
		}
	}
}

// TestExportPolicy checks that the file lets in its own script and nothing else.
func TestExportPolicy(t *testing.T) {
	id := trace.ID{15: 1}
	h := newTestHandler(t, &fakeStore{traces: map[trace.ID]*trace.Trace{id: {ID: id, Spans: []trace.Span{newSpan(1, 0)}}}})
	file := get(t, h, "/api/v1/traces/1/export.html").Body.Bytes()
	_, code, _ := bytes.Cut(file, []byte("<script>"))
	code, _, _ = bytes.Cut(code, []byte("</script>"))
	sum := sha256.Sum256(code)
	want := "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; " +
		"script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	if !bytes.Contains(file, []byte(`<meta http-equiv="Content-Security-Policy" content="`+want+`">`)) {
		t.Errorf("the policy is not %s", want)
	}
}

func TestExportIsBounded(t *testing.T) {
	tr := &trace.Trace{ID: trace.ID{15: 1}}
	for i := range uint64(70) {
		s := newSpan(i+1, 0)
		s.Attrs = []trace.Attr{text("big", strings.Repeat("x", 1<<20))}
		tr.Spans = append(tr.Spans, s)
	}
	var out bytes.Buffer
	if err := writeExport(&out, tr, buildTree(tr.Spans)); err != nil {
		t.Fatal(err)
	}
	var doc savedDoc
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Spans) != maxExportBytes>>20 || len(doc.Trace.SpanIDs) != 70*16 {
		t.Errorf("%d spans with details, %d in all", len(doc.Spans), len(doc.Trace.SpanIDs)/16)
	}
}

// TestExportCountsResources: what spans do not share is a part of the size.
func TestExportCountsResources(t *testing.T) {
	tr := &trace.Trace{ID: trace.ID{15: 1}}
	for i := range uint64(70) {
		s := newSpan(i+1, 0)
		s.Resource = newResource(fmt.Sprint(i, strings.Repeat("x", 1<<20)))
		tr.Spans = append(tr.Spans, s)
	}
	var out bytes.Buffer
	if err := writeExport(&out, tr, buildTree(tr.Spans)); err != nil {
		t.Fatal(err)
	}
	var doc savedDoc
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	// The service's name is in the span's document, too.
	if most := maxExportBytes >> 21; len(doc.Spans) > most || len(doc.Resources) > most {
		t.Errorf("%d spans of %d resources", len(doc.Spans), len(doc.Resources))
	}
}

func TestExportTitleIsBounded(t *testing.T) {
	s := newSpan(1, 0)
	if got := titleOf(&s); got != "shop: op" {
		t.Errorf("title %q", got)
	}
	s.Name = strings.Repeat("é", 1<<20)
	if got := titleOf(&s); len(got) > maxTitleBytes+3 || !utf8.ValidString(got) || !strings.HasSuffix(got, "é…") {
		t.Errorf("title of %d bytes: %q", len(got), got)
	}
}

func TestViewerRefuses(t *testing.T) {
	file := func(text string) *asset { return &asset{plain: []byte(text)} }
	for _, wrong := range []assets{
		{},
		{"viewer/viewer.js": file("1")},
		{"viewer/viewer.js": file(`"</SCRIPT>"`), "viewer/viewer.css": file("")},
		{"viewer/viewer.js": file(`"<!--"`), "viewer/viewer.css": file("")},
		{"viewer/viewer.js": file("1"), "viewer/viewer.css": file("</style>")},
	} {
		if _, err := newViewer(wrong); err == nil {
			t.Errorf("%v: no error", wrong)
		}
	}
}

func TestExportStopsWithItsReader(t *testing.T) {
	v := &viewer{beforeTitle: make([]byte, 10), afterTitle: make([]byte, 10), afterData: make([]byte, 10)}
	for left := range 50 {
		err := v.write(&failingWriter{left}, "title", func(out io.Writer) error {
			_, err := fmt.Fprint(out, "data")
			return err
		})
		if err == nil {
			t.Errorf("no error after %d bytes", left)
		}
	}
}

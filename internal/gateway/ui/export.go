package ui

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"math"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
)

const (
	// maxExportRows bounds the spans whose details a saved trace holds, and
	// maxExportBytes their size before compression: a browser parses that in some
	// seconds. The timeline is whole in any case.
	maxExportRows  = 100_000
	maxExportBytes = 64 << 20
	// maxTitleBytes bounds the title, which a browser cuts much earlier.
	maxTitleBytes = 512
)

// viewer is the page that draws one saved trace, as built by web/, in the parts
// that stand around the data.
//
//	<head> policy, title, style
//	<script type="application/octet-stream" id="trace"> base64 of gzip of JSON
//	<script> the viewer
//
// Nothing of the data can end its element: base64 has no such character. The
// title is the only other text that senders choose. The policy lets in one
// script, by its hash, and no request of any kind.
type viewer struct {
	beforeTitle, afterTitle, afterData []byte
}

func newViewer(page assets) (*viewer, error) {
	script, style := page["viewer/viewer.js"], page["viewer/viewer.css"]
	if script == nil || style == nil {
		return nil, errors.New("read embedded page: the viewer of saved traces is missing")
	}
	code := bytes.TrimSpace(script.plain)
	if bytes.Contains(bytes.ToLower(code), []byte("</script")) || bytes.Contains(code, []byte("<!--")) ||
		bytes.Contains(bytes.ToLower(style.plain), []byte("</style")) {
		return nil, errors.New("read embedded page: the viewer of saved traces cannot stand inside of a page")
	}
	sum := sha256.Sum256(code)
	policy := "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; " +
		"script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	return &viewer{
		beforeTitle: []byte(`<!doctype html><html lang="en"><head><meta charset="utf-8">` +
			`<meta http-equiv="Content-Security-Policy" content="` + policy + `">` +
			`<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><title>`),
		afterTitle: []byte("</title><style>" + string(style.plain) + "</style></head>\n" +
			`<body><div id="app"></div><script type="application/octet-stream" id="trace">`),
		afterData: []byte("</script>\n<script>" + string(code) + "</script></body></html>\n"),
	}, nil
}

// serveExport answers a trace as one file that draws itself without a server.
func (h *Handler) serveExport(w http.ResponseWriter, r *http.Request) error {
	t, err := h.trace(r)
	if err != nil {
		return err
	}
	ordered := buildTree(t.Spans)
	header := w.Header()
	header.Set("Content-Type", contentTypes[".html"])
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Disposition", `attachment; filename="trace-`+t.ID.String()+`.html"`)
	root := &t.Spans[ordered.order[0]]
	title := html.EscapeString(titleOf(root))
	_ = h.viewer.write(w, title, func(out io.Writer) error { // a reader that left is no error
		return writeExport(out, t, ordered)
	})
	return nil
}

// titleOf names a trace by its first span.
func titleOf(root *trace.Span) string {
	title := root.Resource.Service() + ": " + root.Name
	if len(title) <= maxTitleBytes {
		return title
	}
	return strings.ToValidUTF8(title[:maxTitleBytes], "") + "…"
}

// write streams the file; data writes the JSON.
func (v *viewer) write(w io.Writer, title string, data func(io.Writer) error) error {
	for _, part := range [][]byte{v.beforeTitle, []byte(title), v.afterTitle} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	encoder := base64.NewEncoder(base64.StdEncoding, w)
	packer, err := gzip.NewWriterLevel(encoder, gzip.DefaultCompression)
	if err != nil {
		return err
	}
	if err := data(packer); err != nil {
		return err
	}
	if err := packer.Close(); err != nil {
		return err
	}
	if err := encoder.Close(); err != nil {
		return err
	}
	_, err = w.Write(v.afterData)
	return err
}

// trace returns the trace that the request names.
func (h *Handler) trace(r *http.Request) (*trace.Trace, error) {
	id, err := trace.ParseID(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	t, err := h.opts.Store.Trace(r.Context(), id)
	switch {
	case err != nil:
		return nil, err
	case len(t.Spans) == 0:
		return nil, base.Errorf(base.ClassNotFound, "trace %s has no spans", id)
	case len(t.Spans) > math.MaxInt32:
		return nil, base.Errorf(base.ClassTooLarge, "trace %s has %d spans", id, len(t.Spans))
	}
	return t, nil
}

// writeExport writes the JSON of a saved trace: the columns that the page draws,
// and the details of its first rows, whose resources and scopes are numbered,
// since most spans share them.
//
//	{"trace":{…},"spans":[{…,"resource":0,"scope":0},…],
//	 "resources":[{…}],"scopes":[{…}]}
func writeExport(out io.Writer, t *trace.Trace, rows *tree) error {
	if _, err := io.WriteString(out, `{"trace":`); err != nil {
		return err
	}
	if err := writeColumns(out, t, rows, maxRows); err != nil {
		return err
	}
	if _, err := io.WriteString(out, `,"spans":[`); err != nil {
		return err
	}
	resources, scopes := newDictionary(), newDictionary()
	written := 0
	for row := 0; row < min(len(rows.order), maxExportRows) && written+resources.size+scopes.size < maxExportBytes; row++ {
		doc := newSpanDoc(&t.Spans[rows.order[row]])
		text, err := json.Marshal(&exportSpanDoc{
			spanDoc: doc, Resource: resources.code(encoded(&doc.Resource)), Scope: scopes.code(encoded(&doc.Scope)),
		})
		if err != nil {
			return err
		}
		if row > 0 {
			text = append([]byte{','}, text...)
		}
		if _, err := out.Write(text); err != nil {
			return err
		}
		written += len(text)
	}
	_, err := fmt.Fprintf(out, `],"resources":%s,"scopes":%s}`, listOf(resources.texts), listOf(scopes.texts))
	return err
}

// exportSpanDoc is a span document with numbers in place of what others share.
type exportSpanDoc struct {
	spanDoc

	Resource int32 `json:"resource"`
	Scope    int32 `json:"scope"`
}

// encoded returns the JSON of one of this package's documents.
func encoded(doc any) string {
	text, err := json.Marshal(doc)
	if err != nil { // cannot happen: see writeJSON
		return "null"
	}
	return string(text)
}

// listOf joins JSON texts to a list.
func listOf(texts []string) []byte {
	list := []byte{'['}
	for i, text := range texts {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, text...)
	}
	return append(list, ']')
}

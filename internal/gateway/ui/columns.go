package ui

import (
	"encoding/hex"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"strconv"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
)

// maxRows bounds the rows of one answer. Browsers stop drawing elements about
// 16 million pixels high, which is more rows than this; the answer then is some
// 25 MB before compression.
const maxRows = 500_000

func (h *Handler) serveTrace(w http.ResponseWriter, r *http.Request) error {
	id, err := trace.ParseID(r.PathValue("id"))
	if err != nil {
		return err
	}
	t, err := h.opts.Store.Trace(r.Context(), id)
	if err != nil {
		return err
	}
	if len(t.Spans) == 0 {
		return base.Errorf(base.ClassNotFound, "trace %s has no spans", id)
	}
	if len(t.Spans) > math.MaxInt32 {
		return base.Errorf(base.ClassTooLarge, "trace %s has %d spans", id, len(t.Spans))
	}
	ordered := buildTree(t.Spans)
	streamJSON(w, r, func(out io.Writer) error { return writeColumns(out, t, ordered) })
	return nil
}

// writeColumns streams the columnar document of doc.go. It holds one chunk of
// output and the two dictionaries, never the document.
func writeColumns(out io.Writer, t *trace.Trace, rows *tree) error {
	w := columnWriter{out: out, buf: make([]byte, 0, chunkBytes+maxNumberBytes), spans: t.Spans, rows: rows}
	w.shown = min(len(rows.order), maxRows)
	w.header(t)
	services, names := newDictionary(), newDictionary()
	serviceOf, nameOf := make([]int32, w.shown), make([]int32, w.shown)
	for r, i := range rows.order[:w.shown] {
		serviceOf[r] = services.code(w.spans[i].Resource.Service())
		nameOf[r] = names.code(w.spans[i].Name)
	}
	w.texts("services", services.texts)
	w.texts("names", names.texts)
	w.spanIDs()
	start, _ := bounds(t.Spans)
	w.column("start", func(r int) int64 { return int64(w.span(r).StartNanos - start) })
	w.column("duration", func(r int) int64 { return int64(w.span(r).DurationNanos()) })
	w.column("depth", func(r int) int64 { return int64(rows.depth[r]) })
	w.column("parent", func(r int) int64 { return int64(rows.parent[r]) })
	w.column("service", func(r int) int64 { return int64(serviceOf[r]) })
	w.column("name", func(r int) int64 { return int64(nameOf[r]) })
	w.column("kind", func(r int) int64 { return int64(w.span(r).Kind) })
	w.column("flags", func(r int) int64 { return int64(rows.flags[r]) })
	w.buf = append(w.buf, '}')
	w.flush()
	return w.err
}

const (
	chunkBytes = 64 << 10
	// maxNumberBytes is what one number and its comma take at most.
	maxNumberBytes = 24
)

type columnWriter struct {
	out   io.Writer
	buf   []byte
	err   error // the first error of out; later writes are dropped
	spans []trace.Span
	rows  *tree
	shown int
}

func (w *columnWriter) span(row int) *trace.Span { return &w.spans[w.rows.order[row]] }

func (w *columnWriter) header(t *trace.Trace) {
	start, end := bounds(t.Spans)
	doc := headerDoc{
		TraceID:       t.ID.String(),
		StartUnixNano: nanos(start),
		DurationNanos: end - start,
		SpanCount:     len(w.rows.order),
		Notes: notesDoc{
			Orphans: w.rows.orphans, Duplicates: w.rows.copies, Cycles: w.rows.cycles,
			Skewed: w.rows.skewed, Truncated: len(w.rows.order) - w.shown,
		},
	}
	text, err := json.Marshal(&doc)
	if err != nil {
		w.err = err
		return
	}
	w.buf = append(w.buf, text[:len(text)-1]...) // the columns follow inside the braces
}

type headerDoc struct {
	TraceID       string   `json:"traceId"`
	StartUnixNano string   `json:"startUnixNano"`
	DurationNanos uint64   `json:"durationNanos"`
	SpanCount     int      `json:"spanCount"`
	Notes         notesDoc `json:"notes"`
}

type notesDoc struct {
	Orphans    int `json:"orphans"`
	Duplicates int `json:"duplicates"`
	Cycles     int `json:"cycles"`
	Skewed     int `json:"skewed"`
	Truncated  int `json:"truncated"`
}

// bounds returns the earliest start and the latest end. A span that ends before
// it starts counts as a point.
func bounds(spans []trace.Span) (start, end uint64) {
	start = math.MaxUint64
	for i := range spans {
		start = min(start, spans[i].StartNanos)
		end = max(end, spans[i].StartNanos, spans[i].EndNanos)
	}
	return start, end
}

func (w *columnWriter) key(name string) {
	w.buf = append(w.buf, ',', '"')
	w.buf = append(w.buf, name...)
	w.buf = append(w.buf, '"', ':')
}

func (w *columnWriter) texts(name string, texts []string) {
	w.key(name)
	text, err := json.Marshal(orEmpty(texts))
	if err != nil {
		w.err = err
		return
	}
	w.buf = append(w.buf, text...)
	w.flush()
}

func (w *columnWriter) spanIDs() {
	w.key("spanIds")
	w.buf = append(w.buf, '"')
	for r := range w.shown {
		w.buf = hex.AppendEncode(w.buf, w.span(r).SpanID[:])
		w.flushFull()
	}
	w.buf = append(w.buf, '"')
}

// column writes one array. The call per row costs about as much as rendering
// the number; both vanish beside the compressor.
func (w *columnWriter) column(name string, value func(row int) int64) {
	w.key(name)
	w.buf = append(w.buf, '[')
	for r := range w.shown {
		if r > 0 {
			w.buf = append(w.buf, ',')
		}
		w.buf = strconv.AppendInt(w.buf, value(r), 10)
		w.flushFull()
	}
	w.buf = append(w.buf, ']')
}

func (w *columnWriter) flushFull() {
	if len(w.buf) >= chunkBytes {
		w.flush()
	}
}

func (w *columnWriter) flush() {
	if w.err == nil {
		_, w.err = w.out.Write(w.buf)
	}
	w.buf = w.buf[:0]
}

// dictionary numbers texts in order of first appearance.
type dictionary struct {
	codes map[string]int32
	texts []string
}

func newDictionary() *dictionary { return &dictionary{codes: map[string]int32{}} }

func (d *dictionary) code(text string) int32 {
	code, ok := d.codes[text]
	if !ok {
		code = int32(len(d.texts))
		d.codes[text] = code
		d.texts = append(d.texts, text)
	}
	return code
}

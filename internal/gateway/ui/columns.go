package ui

import (
	"encoding/hex"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"strconv"

	"github.com/pandodb/pando/internal/model/trace"
)

// maxRows bounds the rows of one answer. Browsers stop drawing elements about
// 16 million pixels high, which is more rows than this; the answer then is some
// 25 MB before compression.
const maxRows = 500_000

func (h *Handler) serveTrace(w http.ResponseWriter, r *http.Request) error {
	t, err := h.trace(r)
	if err != nil {
		return err
	}
	ordered := buildTree(t.Spans)
	streamJSON(w, r, func(out io.Writer) error { return writeColumns(out, t, ordered, maxRows) })
	return nil
}

// writeColumns streams the columnar document of doc.go, at most limit rows of
// it. It holds the columns and one chunk of output, never the document.
func writeColumns(out io.Writer, t *trace.Trace, rows *tree, limit int) error {
	w := columnWriter{out: out, buf: make([]byte, 0, chunkBytes+maxNumberBytes)}
	shown := min(len(rows.order), limit)
	w.header(t, rows, shown)
	c := gather(t.Spans, rows.order[:shown])
	w.texts("services", c.services.texts)
	w.texts("names", c.names.texts)
	w.spanIDs(c.ids)
	writeColumn(&w, "start", c.start)
	writeColumn(&w, "duration", c.duration)
	writeColumn(&w, "depth", rows.depth[:shown])
	writeColumn(&w, "parent", rows.parent[:shown])
	writeColumn(&w, "service", c.service)
	writeColumn(&w, "name", c.name)
	writeColumn(&w, "kind", c.kind)
	writeColumn(&w, "flags", rows.flags[:shown])
	w.buf = append(w.buf, '}')
	w.flush()
	return w.err
}

// columns holds what the document shows of the spans, by row.
type columns struct {
	services, names dictionary
	ids             []trace.SpanID
	start, duration []int64
	service, name   []int32
	kind            []int32
}

// gather reads each span once: they lie far apart in memory, rows do not.
func gather(spans []trace.Span, order []int32) *columns {
	n := len(order)
	c := &columns{
		services: newDictionary(), names: newDictionary(), ids: make([]trace.SpanID, n),
		start: make([]int64, n), duration: make([]int64, n),
		service: make([]int32, n), name: make([]int32, n), kind: make([]int32, n),
	}
	start, _ := bounds(spans)
	for r, i := range order {
		s := &spans[i]
		c.ids[r] = s.SpanID
		// Starts fit, as stores check; ends are what senders say.
		c.start[r], c.duration[r] = int64(s.StartNanos-start), int64(min(s.DurationNanos(), math.MaxInt64))
		c.service[r], c.name[r] = c.services.code(s.Resource.Service()), c.names.code(s.Name)
		c.kind[r] = int32(s.Kind)
	}
	return c
}

const (
	chunkBytes = 64 << 10
	// maxNumberBytes is what one number and its comma take at most.
	maxNumberBytes = 24
)

type columnWriter struct {
	out io.Writer
	buf []byte
	err error // the first error of out; later writes are dropped
}

func (w *columnWriter) header(t *trace.Trace, rows *tree, shown int) {
	start, end := bounds(t.Spans)
	doc := headerDoc{
		TraceID:       t.ID.String(),
		StartUnixNano: nanos(start),
		DurationNanos: end - start,
		SpanCount:     len(rows.order),
		Notes: notesDoc{
			Orphans: rows.orphans, Duplicates: rows.copies, Cycles: rows.cycles,
			Skewed: rows.skewed, Truncated: len(rows.order) - shown,
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

func (w *columnWriter) spanIDs(ids []trace.SpanID) {
	w.key("spanIds")
	w.buf = append(w.buf, '"')
	for i := range ids {
		w.buf = hex.AppendEncode(w.buf, ids[i][:])
		w.flushFull()
	}
	w.buf = append(w.buf, '"')
}

// writeColumn writes one array.
func writeColumn[T int32 | int64 | uint8](w *columnWriter, name string, values []T) {
	w.key(name)
	w.buf = append(w.buf, '[')
	for i, v := range values {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.buf = strconv.AppendInt(w.buf, int64(v), 10)
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
	size  int // bytes of the texts
}

func newDictionary() dictionary { return dictionary{codes: map[string]int32{}} }

func (d *dictionary) code(text string) int32 {
	code, ok := d.codes[text]
	if !ok {
		code = int32(len(d.texts))
		d.codes[text] = code
		d.texts = append(d.texts, text)
		d.size += len(text)
	}
	return code
}

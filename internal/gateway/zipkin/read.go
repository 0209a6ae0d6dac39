package zipkin

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strconv"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/serve"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

// flushBytes is how much of an answer is gathered before it goes out.
const flushBytes = 64 << 10

func setHeaders(h http.Header) {
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
}

// writeList answers with a list, never with null. Encoding cannot fail: elements
// are texts and structs of this package.
func writeList[T any](w http.ResponseWriter, list []T) error {
	if list == nil {
		list = []T{}
	}
	return writeDoc(w, http.StatusOK, list)
}

func writeDoc(w http.ResponseWriter, status int, doc any) error {
	body, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	setHeaders(w.Header())
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a reader that left is no error
	return nil
}

func (g *Gateway) serveServices(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := g.bounded(r.Context())
	defer cancel()
	names, err := g.store.Services(ctx)
	if err != nil {
		return err
	}
	return writeList(w, names)
}

// serveSpans takes spans, or lists the names of those of a service.
func (g *Gateway) serveSpans(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodPost {
		return g.postSpans(w, r)
	}
	p := newParams(r.URL.RawQuery)
	service := p.required("serviceName")
	if p.err != nil {
		return p.err
	}
	ctx, cancel := g.bounded(r.Context())
	defer cancel()
	ops, err := g.store.Operations(ctx, service, trace.KindUnspecified)
	if err != nil {
		return err
	}
	names := make([]string, 0, len(ops))
	for _, op := range ops {
		if op.Name != "" {
			names = append(names, op.Name)
		}
	}
	return writeList(w, slices.Compact(names)) // ascending already
}

// serveRemoteServices lists the remote services in the newest spans of a service.
func (g *Gateway) serveRemoteServices(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r.URL.RawQuery)
	service := p.required("serviceName")
	if p.err != nil {
		return p.err
	}
	ctx, cancel := g.bounded(r.Context())
	defer cancel()
	spans, _, err := g.store.FindSpans(ctx, remoteQuery(service, g.opts.Clock()))
	if err != nil {
		return err
	}
	var names []string
	var show shower
	var s span
	for i := range spans {
		if show.show(&s, &spans[i]); s.remote.service != "" {
			names = append(names, s.remote.service)
		}
	}
	slices.Sort(names)
	return writeList(w, slices.Compact(names))
}

// serveSearch finds traces.
func (g *Gateway) serveSearch(w http.ResponseWriter, r *http.Request) error {
	q, err := parseSearch(newParams(r.URL.RawQuery), g.opts.Clock())
	if err != nil {
		return err
	}
	ctx, cancel := g.bounded(r.Context())
	defer cancel()
	found, _, err := g.store.FindPage(ctx, q)
	if err != nil {
		return err
	}
	refs := make([]search.Ref, len(found))
	for i, f := range found {
		refs[i] = search.Ref(f)
	}
	return g.writeTraces(w, r, refs)
}

// serveTrace answers with the spans of one trace.
func (g *Gateway) serveTrace(w http.ResponseWriter, r *http.Request) error {
	id, err := trace.ParseID(r.PathValue("id"))
	if err != nil {
		return err
	}
	traces, err := serve.NewTraceReader(g, []search.Ref{{ID: id}}).Next(r.Context())
	if err != nil {
		return err
	}
	if len(traces) == 0 {
		return serve.ErrTraceNotFound
	}
	o := newOutput(w)
	o.spans(traces[0].Spans)
	o.flush()
	return nil
}

// serveTraceMany answers with those of the traces that there are.
func (g *Gateway) serveTraceMany(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r.URL.RawQuery)
	text := p.required("traceIds")
	if p.err != nil {
		return p.err
	}
	seen := make(map[trace.ID]bool)
	var refs []search.Ref
	for _, field := range splitList(text) {
		id, err := trace.ParseID(field)
		if err != nil {
			return err
		}
		if seen[id] {
			return base.Errorf(base.ClassInvalid, "parameter 'traceIds': %s is there twice", id)
		}
		seen[id] = true
		refs = append(refs, search.Ref{ID: id})
	}
	if len(refs) < 2 {
		return base.Errorf(base.ClassInvalid, "parameter 'traceIds' has one id: want two or more, or ask /api/v2/trace/{id}")
	}
	return g.writeTraces(w, r, refs)
}

// writeTraces answers with a list of traces, which it reads a few at a time. An
// error after the first of them breaks the connection: the answer must not look
// whole.
func (g *Gateway) writeTraces(w http.ResponseWriter, r *http.Request, refs []search.Ref) error {
	reader := serve.NewTraceReader(g, refs)
	traces, err := reader.Next(r.Context())
	if err != nil {
		return err
	}
	o := newOutput(w)
	o.buf = append(o.buf, '[')
	for first := true; len(traces) > 0; {
		for i := range traces {
			if !first {
				o.buf = append(o.buf, ',')
			}
			first = false
			o.spans(traces[i].Spans)
		}
		if traces, err = reader.Next(r.Context()); err != nil {
			g.opts.Logger.WarnContext(r.Context(), "zipkin answer was cut off", slog.String("path", r.URL.Path), slog.Any("err", err))
			panic(http.ErrAbortHandler)
		}
	}
	o.buf = append(o.buf, ']')
	o.flush()
	return nil
}

// output is the body of an answer of spans, gathered in buf.
type output struct {
	w    http.ResponseWriter
	buf  []byte
	show shower
	span span // scratch
}

// newOutput starts a JSON answer with status 200.
func newOutput(w http.ResponseWriter) *output {
	setHeaders(w.Header())
	return &output{w: w, buf: make([]byte, 0, flushBytes+flushBytes/4)}
}

// spans writes a list of spans.
func (o *output) spans(spans []trace.Span) {
	o.buf = append(o.buf, '[')
	for i := range spans {
		if i > 0 {
			o.buf = append(o.buf, ',')
		}
		o.show.show(&o.span, &spans[i])
		if o.buf = appendSpan(o.buf, &o.span); len(o.buf) >= flushBytes {
			o.flush()
		}
	}
	o.buf = append(o.buf, ']')
}

func (o *output) flush() {
	_, _ = o.w.Write(o.buf) // a reader that left is no error
	o.buf = o.buf[:0]
}

// link is a call of one service by another, in Zipkin's words.
type link struct {
	Parent string `json:"parent"`
	Child  string `json:"child"`
	Calls  uint64 `json:"callCount"`
	Errors uint64 `json:"errorCount,omitempty"`
}

func (g *Gateway) serveDependencies(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r.URL.RawQuery)
	p.required("endTs")
	time := p.time(g.opts.Clock())
	if p.err != nil {
		return p.err
	}
	ctx, cancel := g.bounded(r.Context())
	defer cancel()
	calls, err := g.store.Dependencies(ctx, time)
	if err != nil {
		return err
	}
	links := make([]link, len(calls))
	for i, c := range calls {
		links[i] = link{Parent: c.Parent, Child: c.Child, Calls: c.Calls, Errors: c.Errors}
	}
	return writeList(w, links)
}

// serveAutocompleteKeys lists the keys that the site is configured to complete:
// none.
func (g *Gateway) serveAutocompleteKeys(w http.ResponseWriter, _ *http.Request) error {
	return writeList[string](w, nil)
}

// serveAutocompleteValues lists the values of such a key.
func (g *Gateway) serveAutocompleteValues(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r.URL.RawQuery)
	if p.required("key"); p.err != nil {
		return p.err
	}
	return writeList[string](w, nil)
}

type healthDoc struct {
	Status string `json:"status"`
	Reason string `json:"reason,omitempty"`
}

func (g *Gateway) serveHealth(w http.ResponseWriter, _ *http.Request) error {
	if err := g.opts.Ready(); err != nil {
		return writeDoc(w, http.StatusServiceUnavailable, healthDoc{Status: "DOWN", Reason: err.Error()})
	}
	return writeDoc(w, http.StatusOK, healthDoc{Status: "UP"})
}

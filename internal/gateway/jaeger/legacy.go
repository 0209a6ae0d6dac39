package jaeger

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/serve"
	"github.com/pandodb/pando/internal/model/trace"
)

const (
	// defaultLookback is how far back Jaeger looks for traces when a search does
	// not say when to start.
	defaultLookback = 48 * time.Hour
	// defaultDependencyLookback is the same for dependencies.
	defaultDependencyLookback = 24 * time.Hour
)

// envelope is what every answer of the legacy surface comes in. Lists of traces
// are streamed in the same shape: see legacyTraces.
type envelope struct {
	Data   any           `json:"data"`
	Total  int           `json:"total"`
	Limit  int           `json:"limit"`
	Offset int           `json:"offset"`
	Errors []legacyError `json:"errors"`
}

type legacyError struct {
	Code    int    `json:"code,omitempty"`
	Msg     string `json:"msg"`
	TraceID string `json:"traceID,omitempty"`
}

func writeLegacyError(w http.ResponseWriter, f *failure) {
	writeDoc(w, f.HTTP, &envelope{Errors: []legacyError{{Code: f.HTTP, Msg: f.Message}}})
}

// writeList answers with a list, never with null.
func writeList[T any](w http.ResponseWriter, list []T) {
	if list == nil {
		list = []T{}
	}
	writeDoc(w, http.StatusOK, &envelope{Data: list, Total: len(list)})
}

func (g *Gateway) legacyServices(w http.ResponseWriter, r *http.Request) error {
	services, err := g.store.Services(r.Context())
	if err != nil {
		return err
	}
	writeList(w, services)
	return nil
}

// legacyServiceOperations lists names only, of all kinds.
func (g *Gateway) legacyServiceOperations(w http.ResponseWriter, r *http.Request) error {
	ops, err := g.store.Operations(r.Context(), r.PathValue("service"), trace.KindUnspecified)
	if err != nil {
		return err
	}
	names := make([]string, len(ops))
	for i := range ops {
		names[i] = ops[i].Name
	}
	writeList(w, slices.Compact(names)) // ascending already
	return nil
}

// operationDoc is an operation on both HTTP surfaces.
type operationDoc struct {
	Name     string `json:"name"`
	SpanKind string `json:"spanKind"`
}

func (g *Gateway) legacyOperations(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r.URL.RawQuery)
	f, err := serve.NewOperationFilter(p.text("service"), p.text("spanKind"))
	if err != nil || p.err != nil {
		return firstError(p.err, err)
	}
	ops, err := g.store.Operations(r.Context(), f.Service, f.Kind)
	if err != nil {
		return err
	}
	ops = f.Keep(ops)
	list := make([]operationDoc, len(ops))
	for i, op := range ops {
		list[i] = operationDoc{Name: op.Name, SpanKind: serve.KindName(op.Kind)}
	}
	writeList(w, list)
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// legacySearch finds traces, or gets those whose ids are given.
func (g *Gateway) legacySearch(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r.URL.RawQuery)
	if texts := p.values["traceID"]; len(texts) > 0 {
		return g.legacyList(w, r, p, texts)
	}
	s, err := parseLegacySearch(p, g.opts.Clock())
	if err != nil {
		return err
	}
	ids, err := g.findTraces(r.Context(), s)
	if err != nil {
		return err
	}
	_, err = g.writeLegacy(w, r, &legacyTraces{lookup: lookup{ids: ids, raw: s.raw}})
	return err
}

// parseLegacySearch reads the parameters of a search. Unknown ones are ignored,
// as Jaeger does: its page sends some for itself.
func parseLegacySearch(p *params, now time.Time) (*searchParams, error) {
	s := &searchParams{
		service:    p.text("service"),
		operation:  p.text("operation"),
		attributes: make(map[string]string),
		min:        p.duration("minDuration"),
		max:        p.duration("maxDuration"),
		depth:      p.count("limit"),
		raw:        p.boolean("raw"),
	}
	for _, text := range p.values["tag"] {
		p.tag(s.attributes, "tag", text)
	}
	for _, text := range p.values["tags"] {
		if strings.IndexAny(strings.TrimSpace(text), "{[") == 0 {
			p.attributes(s.attributes, "tags", text)
		} else {
			p.logfmt(s.attributes, "tags", text)
		}
	}
	end, ok := p.units("end", time.Microsecond)
	if !ok {
		end = now.UnixNano()
	}
	start, ok := p.units("start", time.Microsecond)
	if !ok {
		start = before(end, int64(legacyLookback(p.text("lookback"))))
	}
	// Clients round to microseconds, so the last one counts whole.
	s.time = base.TimeRange{Start: start, End: end + int64(time.Microsecond)}
	if p.err == nil && end < start {
		p.err = base.Errorf(base.ClassInvalid, "time range is reversed: parameter 'end' is before 'start'")
	}
	return s, p.err
}

// legacyLookback reads how far the page looked back, such as 2d. It sends the
// start too, so that this matters to people who write addresses by hand; words
// such as "custom" mean the default.
func legacyLookback(text string) time.Duration {
	const maxDays = 100_000
	if n := len(text); n > 1 && (text[n-1] == 'd' || text[n-1] == 'w') {
		days, err := strconv.Atoi(text[:n-1])
		if text[n-1] == 'w' {
			days *= 7
		}
		if err == nil && days > 0 && days <= maxDays {
			return time.Duration(days) * 24 * time.Hour
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return d
	}
	return defaultLookback
}

// legacyList gets traces by id. Those that are not there are named in the errors
// of the answer.
func (g *Gateway) legacyList(w http.ResponseWriter, r *http.Request, p *params, texts []string) error {
	ids := make([]trace.ID, len(texts))
	for i, text := range texts {
		id, err := parseTraceID(text)
		if err != nil {
			return err
		}
		ids[i] = id
	}
	when, raw, err := legacyGetParams(p)
	if err != nil {
		return err
	}
	_, err = g.writeLegacy(w, r, &legacyTraces{lookup: lookup{ids: ids, time: when, raw: raw, archive: true}, name: true})
	return err
}

func (g *Gateway) legacyTrace(w http.ResponseWriter, r *http.Request) error {
	id, err := parseTraceID(r.PathValue("id"))
	if err != nil {
		return err
	}
	when, raw, err := legacyGetParams(newParams(r.URL.RawQuery))
	if err != nil {
		return err
	}
	found, err := g.writeLegacy(w, r, &legacyTraces{
		lookup: lookup{ids: []trace.ID{id}, time: when, raw: raw, archive: true}, must: true,
	})
	if err == nil && !found {
		return serve.ErrTraceNotFound
	}
	return err
}

// legacyGetParams reads what goes with ids: a guess of the time, and raw.
func legacyGetParams(p *params) (base.TimeRange, bool, error) {
	start, hasStart := p.units("start", time.Microsecond)
	end, hasEnd := p.units("end", time.Microsecond)
	raw := p.boolean("raw")
	when, err := serve.Interval{Start: start, End: end, HasStart: hasStart, HasEnd: hasEnd}.Hint()
	return when, raw, firstError(p.err, err)
}

// legacyTraces says which traces are written, and how.
type legacyTraces struct {
	lookup
	must bool // write nothing if there is no trace
	name bool // name those that are missing
}

// writeLegacy streams traces in an envelope and reports whether there were any.
// An error means that nothing was written.
func (g *Gateway) writeLegacy(w http.ResponseWriter, r *http.Request, how *legacyTraces) (bool, error) {
	reader := g.newTraceReader(how.lookup)
	traces, err := reader.next(r.Context())
	if err != nil || how.must && len(traces) == 0 {
		return false, err
	}
	missing := make(map[trace.ID]bool)
	if how.name {
		for _, id := range how.ids {
			missing[id] = true
		}
	}
	out, enc := newOutput(w), spanEncoder{raw: how.raw}
	out.text(`{"data":[`)
	found := len(traces) > 0
	for comma := ""; len(traces) > 0 && out.err == nil; comma = "," {
		for i := range traces {
			out.text(comma)
			comma = ","
			enc.encode(out, &traces[i])
			delete(missing, traces[i].ID)
		}
		if traces, err = reader.next(r.Context()); err != nil {
			g.abort(r, err)
		}
	}
	out.text(`],"total":0,"limit":0,"offset":0,"errors":`)
	out.buf = appendMissing(out.buf, how.ids, missing)
	out.text("}")
	out.flush()
	return found, nil
}

// abort ends an answer that cannot be completed: the client sees the connection
// break instead of half an answer that looks whole.
func (g *Gateway) abort(r *http.Request, err error) {
	_ = g.failureOf(r.Context(), r.URL.Path, err) // logs what is ours
	panic(http.ErrAbortHandler)
}

// appendMissing appends an error per missing trace, or null.
func appendMissing(dst []byte, wanted []trace.ID, missing map[trace.ID]bool) []byte {
	if len(missing) == 0 {
		return append(dst, "null"...)
	}
	dst = append(dst, '[')
	empty := len(dst)
	for _, id := range wanted {
		if missing[id] {
			delete(missing, id)
			dst = appendString(append(dst, `{"msg":`...), serve.ErrTraceNotFound.Error())
			dst = append(appendLegacyID(append(dst, `,"traceID":`...), id), `},`...)
		}
	}
	return append(trimComma(dst, empty), ']')
}

type legacyDependency struct {
	Parent    string `json:"parent"`
	Child     string `json:"child"`
	CallCount uint64 `json:"callCount"`
}

func (g *Gateway) legacyDependencies(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r.URL.RawQuery)
	end, ok := p.units("endTs", time.Millisecond)
	if !ok {
		end = g.opts.Clock().UnixNano()
	}
	lookback, ok := p.units("lookback", time.Millisecond)
	if !ok {
		lookback = int64(defaultDependencyLookback)
	}
	if lookback <= 0 {
		p.fail("lookback", p.text("lookback"), "a positive number of milliseconds")
	}
	if p.err != nil {
		return p.err
	}
	deps, err := g.store.Dependencies(r.Context(), base.TimeRange{Start: before(end, lookback), End: end + 1})
	if err != nil {
		return err
	}
	service := p.text("service")
	list := make([]legacyDependency, 0, len(deps))
	for _, d := range deps {
		if service == "" || service == d.Parent || service == d.Child {
			list = append(list, legacyDependency{Parent: d.Parent, Child: d.Child, CallCount: d.Calls})
		}
	}
	// No total: Jaeger gives none here.
	writeDoc(w, http.StatusOK, &envelope{Data: list})
	return nil
}

// before returns the instant that lies back before t, or the first there is.
func before(t, back int64) int64 {
	if t < base.AllTime.Start+back {
		return base.AllTime.Start
	}
	return t - back
}

package jaeger

import (
	"mime"
	"net/http"
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gen/jaegerpb"
	"github.com/pandodb/pando/internal/model/trace"
)

// v3Error is the error document of a gRPC gateway.
type v3Error struct {
	Error v3ErrorDetails `json:"error"`
}

type v3ErrorDetails struct {
	GRPCCode   codes.Code `json:"grpcCode"`
	HTTPCode   int        `json:"httpCode"`
	Message    string     `json:"message"`
	HTTPStatus string     `json:"httpStatus"`
}

func writeV3Error(w http.ResponseWriter, f *failure) {
	writeDoc(w, f.http, &v3Error{Error: v3ErrorDetails{
		GRPCCode: f.grpc, HTTPCode: f.http, Message: f.message, HTTPStatus: http.StatusText(f.http),
	}})
}

type v3ServicesDoc struct {
	Services []string `json:"services"`
}

func (g *Gateway) v3Services(w http.ResponseWriter, r *http.Request) error {
	services, err := g.store.Services(r.Context())
	if err != nil {
		return err
	}
	if services == nil {
		services = []string{} // the page wants a list
	}
	writeDoc(w, http.StatusOK, &v3ServicesDoc{Services: services})
	return nil
}

type v3OperationsDoc struct {
	Operations []operationDoc `json:"operations"`
}

func (g *Gateway) v3Operations(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r.URL.RawQuery)
	f, err := newOperationFilter(p.text("service"), p.text("spanKind", "span_kind"))
	if err != nil || p.err != nil {
		return firstError(p.err, err)
	}
	ops, err := g.store.Operations(r.Context(), f.service, f.kind)
	if err != nil {
		return err
	}
	doc := v3OperationsDoc{Operations: []operationDoc{}}
	for _, op := range f.keep(ops) {
		kind := kindName(op.Kind)
		if kind == "" {
			kind = trace.KindInternal.String() // as Jaeger does, here only
		}
		doc.Operations = append(doc.Operations, operationDoc{Name: op.Name, SpanKind: kind})
	}
	writeDoc(w, http.StatusOK, &doc)
	return nil
}

func (g *Gateway) v3Trace(w http.ResponseWriter, r *http.Request) error {
	id, err := parseTraceID(r.PathValue("id"))
	if err != nil {
		return err
	}
	p := newParams(r.URL.RawQuery)
	start, hasStart := p.instant("startTime", "start_time")
	end, hasEnd := p.instant("endTime", "end_time")
	raw := p.boolean("rawTraces", "raw_traces")
	when, err := hint(start, hasStart, end, hasEnd)
	if err != nil || p.err != nil {
		return firstError(p.err, err)
	}
	found, err := g.writeV3(w, r, lookup{ids: []trace.ID{id}, time: when, raw: raw, archive: true})
	if err == nil && !found {
		return errNotFound
	}
	return err
}

func (g *Gateway) v3Find(w http.ResponseWriter, r *http.Request) error {
	s, err := parseV3Search(r)
	if err != nil {
		return err
	}
	q, err := s.query()
	if err != nil {
		return err
	}
	ids, err := g.store.FindIDs(r.Context(), q)
	if err != nil {
		return err
	}
	found, err := g.writeV3(w, r, lookup{ids: ids, raw: s.raw})
	if err == nil && !found {
		return base.Errorf(base.ClassNotFound, "No traces found") // Jaeger's words
	}
	return err
}

// writeV3 streams traces as one TracesData and reports whether there were any;
// if not, or with an error, nothing was written.
func (g *Gateway) writeV3(w http.ResponseWriter, r *http.Request, l lookup) (bool, error) {
	reader := g.newTraceReader(l)
	traces, err := reader.next(r.Context())
	if err != nil || len(traces) == 0 {
		return false, err
	}
	out, enc := newOutput(w), otlpEncoder{}
	out.text(`{"result":`)
	enc.begin(out)
	for len(traces) > 0 && out.err == nil {
		for i := range traces {
			enc.encode(out, traces[i].Spans)
		}
		if traces, err = reader.next(r.Context()); err != nil {
			g.abort(r, err)
		}
	}
	enc.end(out)
	out.text("}")
	out.flush()
	return true, nil
}

func (g *Gateway) v3Summaries(w http.ResponseWriter, r *http.Request) error {
	s, err := parseV3Search(r)
	if err != nil {
		return err
	}
	q, err := s.query()
	if err != nil {
		return err
	}
	found, err := g.store.Summaries(r.Context(), q)
	if err != nil {
		return err
	}
	out := newOutput(w)
	out.text(`{"summaries":[`)
	for i := range found {
		if i > 0 {
			out.text(",")
		}
		out.buf = appendSummary(out.buf, &found[i])
		out.spill()
	}
	out.text("]}")
	out.flush()
	return nil
}

// appendSummary appends a TraceSummary with all its members, zeros included: the
// page adds them up without asking whether they are there.
func appendSummary(dst []byte, s *trace.Summary) []byte {
	dst = appendIDMember(append(dst, '{'), "traceId", s.ID[:])
	dst = append(appendString(appendName(dst, "rootServiceName"), s.RootService), ',')
	dst = append(appendString(appendName(dst, "rootOperationName"), s.RootName), ',')
	dst = strconv.AppendUint(append(dst, `"minStartTimeUnixNano":"`...), s.StartNanos, 10)
	dst = strconv.AppendUint(append(dst, `","maxEndTimeUnixNano":"`...), s.EndNanos, 10)
	dst = strconv.AppendUint(append(dst, `","spanCount":`...), uint64(s.Spans), 10)
	dst = strconv.AppendUint(append(dst, `,"errorSpanCount":`...), uint64(s.Errors), 10)
	dst = strconv.AppendUint(append(dst, `,"orphanSpanCount":`...), uint64(s.Orphans), 10)
	dst = append(dst, `,"services":[`...)
	empty := len(dst)
	for i := range s.Services {
		c := &s.Services[i]
		dst = appendString(append(dst, `{"name":`...), c.Service)
		dst = strconv.AppendUint(append(dst, `,"spanCount":`...), uint64(c.Spans), 10)
		dst = strconv.AppendUint(append(dst, `,"errorSpanCount":`...), uint64(c.Errors), 10)
		dst = append(dst, `},`...)
	}
	return append(trimComma(dst, empty), `]}`...)
}

// parseV3Search reads a search from the query string of a GET, or from the body
// of a POST: a FindTracesRequest in proto3 JSON.
func parseV3Search(r *http.Request) (*searchParams, error) {
	if r.Method != http.MethodPost {
		return parseV3Query(newParams(r.URL.RawQuery))
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return nil, base.Errorf(base.ClassInvalid, "content type %.80q: want application/json", r.Header.Get("Content-Type"))
	}
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	var req jaegerpb.FindTracesRequest
	if err := protojson.Unmarshal(body, &req); err != nil {
		return nil, base.Errorf(base.ClassInvalid, "request body: %w", err)
	}
	return searchOf(req.GetQuery())
}

// parseV3Query reads the parameters of a search, under their names of today and
// those of before. Unknown parameters are ignored, as Jaeger does, but not an
// unknown condition: dropping it would answer more than was asked for.
func parseV3Query(p *params) (*searchParams, error) {
	if text := p.text("query.filter"); text != "" {
		return nil, errFilter
	}
	s := &searchParams{
		service:    p.text("query.serviceName", "query.service_name"),
		operation:  p.text("query.operationName", "query.operation_name"),
		attributes: make(map[string]string),
		min:        p.duration("query.durationMin", "query.duration_min"),
		max:        p.duration("query.durationMax", "query.duration_max"),
		depth:      p.count("query.searchDepth", "query.search_depth", "query.num_traces"),
		raw:        p.boolean("query.rawTraces", "query.raw_traces"),
	}
	if text := p.text("query.attributes"); text != "" {
		p.attributes(s.attributes, "query.attributes", text)
	}
	start, hasStart := p.instant("query.startTimeMin", "query.start_time_min")
	end, hasEnd := p.instant("query.startTimeMax", "query.start_time_max")
	if p.err != nil {
		return nil, p.err
	}
	if !hasStart || !hasEnd {
		return nil, base.Errorf(base.ClassInvalid, "query.startTimeMin and query.startTimeMax are required")
	}
	if start >= end {
		return nil, base.Errorf(base.ClassInvalid, "query.startTimeMin must be before query.startTimeMax")
	}
	s.time = base.TimeRange{Start: start, End: end}
	return s, nil
}

// errFilter refuses Jaeger's experimental structured filters.
var errFilter = base.Errorf(base.ClassInvalid,
	"query.filter is not supported here: use query.serviceName, query.operationName, query.attributes and the duration bounds")

type v3DependenciesDoc struct {
	Dependencies []v3Dependency `json:"dependencies"`
}

type v3Dependency struct {
	Parent    string `json:"parent"`
	Child     string `json:"child"`
	CallCount uint64 `json:"callCount,string"`
}

func (g *Gateway) v3Dependencies(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r.URL.RawQuery)
	start, hasStart := p.instant("startTime", "start_time")
	end, hasEnd := p.instant("endTime", "end_time")
	if p.err != nil {
		return p.err
	}
	deps, err := g.dependencies(r.Context(), interval{start, end, hasStart, hasEnd})
	if err != nil {
		return err
	}
	doc := v3DependenciesDoc{Dependencies: make([]v3Dependency, len(deps))}
	for i, d := range deps {
		doc.Dependencies[i] = v3Dependency{Parent: d.Parent, Child: d.Child, CallCount: d.Calls}
	}
	writeDoc(w, http.StatusOK, &doc)
	return nil
}

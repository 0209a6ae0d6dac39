package jaeger

import (
	"net/http"
	"strconv"

	"google.golang.org/grpc/codes"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/serve"
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
	writeDoc(w, f.HTTP, &v3Error{Error: v3ErrorDetails{
		GRPCCode: f.GRPC, HTTPCode: f.HTTP, Message: f.Message, HTTPStatus: http.StatusText(f.HTTP),
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
	f, err := serve.NewOperationFilter(p.text("service"), p.text("spanKind", "span_kind"))
	if err != nil || p.err != nil {
		return firstError(p.err, err)
	}
	ops, err := g.store.Operations(r.Context(), f.Service, f.Kind)
	if err != nil {
		return err
	}
	doc := v3OperationsDoc{Operations: []operationDoc{}}
	for _, op := range f.Keep(ops) {
		kind := serve.KindName(op.Kind)
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
	when, err := serve.Interval{Start: start, End: end, HasStart: hasStart, HasEnd: hasEnd}.Hint()
	if err != nil || p.err != nil {
		return firstError(p.err, err)
	}
	found, err := g.writeV3(w, r, lookup{ids: []trace.ID{id}, time: when, raw: raw, archive: true})
	if err == nil && !found {
		return serve.ErrTraceNotFound
	}
	return err
}

func (g *Gateway) v3Find(w http.ResponseWriter, r *http.Request) error {
	s, err := parseV3Search(r)
	if err != nil {
		return err
	}
	ids, err := g.findTraces(r.Context(), s)
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
	found, next, err := g.findSummaries(r.Context(), s)
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
	out.text("]")
	out.buf = append(appendNextPage(out.buf, next), '}')
	out.flush()
	return nil
}

// appendNextPage appends the token of the next page as a member, if there is one.
func appendNextPage(dst []byte, token string) []byte {
	if token == "" {
		return dst
	}
	return appendString(append(dst, `,"nextPageToken":`...), token)
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
	deps, err := g.dependencies(r.Context(), serve.Interval{Start: start, End: end, HasStart: hasStart, HasEnd: hasEnd})
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

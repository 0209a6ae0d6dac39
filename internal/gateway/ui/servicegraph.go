package ui

import (
	"net/http"
	"strconv"

	"github.com/pandodb/pando/internal/query/search"
)

type serviceGraphDoc struct {
	StartUnixNano string           `json:"startUnixNano"`
	EndUnixNano   string           `json:"endUnixNano"`
	Services      []graphNodeDoc   `json:"services"`
	Calls         []serviceCallDoc `json:"calls"`
	OrphanCount   uint64           `json:"orphanCount"`
}

type graphNodeDoc struct {
	Name      string `json:"name"`
	SpanCount uint64 `json:"spanCount"`
	redDoc
}

type serviceCallDoc struct {
	Parent string `json:"parent"`
	Child  string `json:"child"`
	redDoc
	MessageCount uint64 `json:"messageCount"`
}

// redDoc is rate, errors and durations; the page divides by the time itself.
type redDoc struct {
	CallCount  uint64 `json:"callCount"`
	ErrorCount uint64 `json:"errorCount"`
	P50Nanos   uint64 `json:"p50Nanos"`
	P95Nanos   uint64 `json:"p95Nanos"`
	P99Nanos   uint64 `json:"p99Nanos"`
}

// serveServiceGraph tells what services did and who called whom, of whole minutes.
func (h *Handler) serveServiceGraph(w http.ResponseWriter, r *http.Request) error {
	time, err := parseTime(r.URL.Query(), h.opts.Clock())
	if err != nil {
		return err
	}
	g, err := h.opts.Store.ServiceGraph(r.Context(), time)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, newServiceGraphDoc(g))
	return nil
}

func newServiceGraphDoc(g *search.Graph) *serviceGraphDoc {
	doc := &serviceGraphDoc{
		StartUnixNano: strconv.FormatInt(g.Time.Start, 10),
		EndUnixNano:   strconv.FormatInt(g.Time.End, 10),
		Services:      make([]graphNodeDoc, len(g.Services)),
		Calls:         make([]serviceCallDoc, len(g.Edges)),
		OrphanCount:   g.Orphans,
	}
	for i, s := range g.Services {
		doc.Services[i] = graphNodeDoc{
			Name: s.Service, SpanCount: s.Spans,
			redDoc: redDoc{CallCount: s.Calls, ErrorCount: s.Errors, P50Nanos: s.P50, P95Nanos: s.P95, P99Nanos: s.P99},
		}
	}
	for i, e := range g.Edges {
		doc.Calls[i] = serviceCallDoc{
			Parent: e.Parent, Child: e.Child, MessageCount: e.Messages,
			redDoc: redDoc{CallCount: e.Calls, ErrorCount: e.Errors, P50Nanos: e.P50, P95Nanos: e.P95, P99Nanos: e.P99},
		}
	}
	return doc
}

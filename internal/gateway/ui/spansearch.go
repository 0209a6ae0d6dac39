package ui

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

type spanSearchDoc struct {
	StartUnixNano string       `json:"startUnixNano"`
	EndUnixNano   string       `json:"endUnixNano"`
	Limit         int          `json:"limit"`
	Spans         []spanRowDoc `json:"spans"`
	// NextToken is that of searchDoc.
	NextToken string `json:"nextToken"`
}

// spanRowDoc is a span as a row of a table.
type spanRowDoc struct {
	TraceID       string `json:"traceId"`
	SpanID        string `json:"spanId"`
	Service       string `json:"service"`
	Name          string `json:"name"`
	Kind          string `json:"kind"`
	StartUnixNano string `json:"startUnixNano"`
	DurationNanos uint64 `json:"durationNanos"`
	StatusCode    string `json:"statusCode"`
	StatusMessage string `json:"statusMessage"`
}

// serveSpanSearch finds spans by the conditions that serveSearch finds traces by.
func (h *Handler) serveSpanSearch(w http.ResponseWriter, r *http.Request) error {
	p := r.URL.Query()
	conditions, err := parseConditions(p, h.opts.Clock())
	if err != nil {
		return err
	}
	page, err := parsePage(p)
	if err != nil {
		return err
	}
	order, err := parseSort(p)
	if err != nil {
		return err
	}
	q := &search.SpanQuery{Filter: filterOf(&conditions), Time: conditions.Time, OrderBy: order, Page: page}
	if err := q.Validate(); err != nil {
		return err
	}
	found, next, err := h.opts.Store.FindSpans(r.Context(), q)
	if err != nil {
		return err
	}
	doc := spanSearchDoc{
		StartUnixNano: strconv.FormatInt(q.Time.Start, 10),
		EndUnixNano:   strconv.FormatInt(q.Time.End, 10),
		Limit:         q.Page.Size,
		Spans:         make([]spanRowDoc, len(found)),
		NextToken:     next,
	}
	for i := range found {
		doc.Spans[i] = newSpanRowDoc(&found[i])
	}
	writeJSON(w, http.StatusOK, &doc)
	return nil
}

func newSpanRowDoc(s *trace.Span) spanRowDoc {
	return spanRowDoc{
		TraceID: s.TraceID.String(), SpanID: s.SpanID.String(), Service: s.Resource.Service(), Name: s.Name,
		Kind: s.Kind.String(), StartUnixNano: nanos(s.StartNanos), DurationNanos: s.DurationNanos(),
		StatusCode: statusName(s.StatusCode), StatusMessage: s.StatusMessage,
	}
}

// parseSort reads the order of spans: the newest first unless told otherwise.
func parseSort(p url.Values) ([]search.SpanSort, error) {
	sort := search.SpanSort{Field: search.SpanStart, Desc: true}
	switch field := p.Get("sort"); field {
	case "", "start":
	case "duration":
		sort.Field = search.SpanDuration
	default:
		return nil, base.Errorf(base.ClassInvalid, "sort %.40q: want start or duration", field)
	}
	switch direction := p.Get("direction"); direction {
	case "", "descending":
	case "ascending":
		sort.Desc = false
	default:
		return nil, base.Errorf(base.ClassInvalid, "direction %.40q: want ascending or descending", direction)
	}
	return []search.SpanSort{sort}, nil
}

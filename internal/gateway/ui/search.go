package ui

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

const (
	// defaultLookback is what a first look wants: the last hour.
	defaultLookback = time.Hour
	defaultLimit    = 50
	// maxLimit bounds one page of a result list; the token of the answer leads to
	// the next one.
	maxLimit = 1000
)

type searchDoc struct {
	StartUnixNano string       `json:"startUnixNano"`
	EndUnixNano   string       `json:"endUnixNano"`
	Limit         int          `json:"limit"`
	Traces        []summaryDoc `json:"traces"`
	// NextToken asks for the page after this one, with the start and the end of
	// this answer and everything else as it was; empty on the last page.
	NextToken string `json:"nextToken"`
}

type summaryDoc struct {
	TraceID       string            `json:"traceId"`
	RootService   string            `json:"rootService"`
	RootOperation string            `json:"rootOperation"`
	StartUnixNano string            `json:"startUnixNano"`
	DurationNanos uint64            `json:"durationNanos"`
	SpanCount     uint32            `json:"spanCount"`
	ErrorCount    uint32            `json:"errorCount"`
	OrphanCount   uint32            `json:"orphanCount"`
	Services      []serviceCountDoc `json:"services"`
}

type serviceCountDoc struct {
	Name       string `json:"name"`
	SpanCount  uint32 `json:"spanCount"`
	ErrorCount uint32 `json:"errorCount"`
}

func (h *Handler) serveSearch(w http.ResponseWriter, r *http.Request) error {
	q, err := parseQuery(r.URL.Query(), h.opts.Clock())
	if err != nil {
		return err
	}
	found, next, err := h.opts.Store.SummariesPage(r.Context(), &q)
	if err != nil {
		return err
	}
	doc := searchDoc{
		StartUnixNano: strconv.FormatInt(q.Time.Start, 10),
		EndUnixNano:   strconv.FormatInt(q.Time.End, 10),
		Limit:         q.Page.Size,
		Traces:        make([]summaryDoc, len(found)),
		NextToken:     next,
	}
	for i := range found {
		doc.Traces[i] = newSummaryDoc(&found[i])
	}
	writeJSON(w, http.StatusOK, &doc)
	return nil
}

func newSummaryDoc(s *trace.Summary) summaryDoc {
	doc := summaryDoc{
		TraceID:       s.ID.String(),
		RootService:   s.RootService,
		RootOperation: s.RootName,
		StartUnixNano: nanos(s.StartNanos),
		DurationNanos: max(s.EndNanos, s.StartNanos) - s.StartNanos,
		SpanCount:     s.Spans,
		ErrorCount:    s.Errors,
		OrphanCount:   s.Orphans,
		Services:      make([]serviceCountDoc, len(s.Services)),
	}
	for i, c := range s.Services {
		doc.Services[i] = serviceCountDoc{Name: c.Service, SpanCount: c.Spans, ErrorCount: c.Errors}
	}
	return doc
}

// parseQuery turns request parameters into a valid query for one page. Unknown
// parameters are ignored, so that pages of different ages can talk to one server.
func parseQuery(p url.Values, now time.Time) (search.Query, error) {
	q, err := parseConditions(p, now)
	if err != nil {
		return q, err
	}
	page, err := parsePage(p)
	if err != nil {
		return q, err
	}
	q.Page = &page
	if err := parseOrder(&q, p); err != nil {
		return q, err
	}
	return q, q.Validate()
}

// parseConditions reads what must hold on a span. The query asks for no number
// of results yet.
func parseConditions(p url.Values, now time.Time) (search.Query, error) {
	q := search.Query{
		Service:    p.Get("service"),
		Operation:  p.Get("operation"),
		ErrorsOnly: p.Get("errors") == "true",
	}
	if len(q.Service) > maxNameBytes || len(q.Operation) > maxNameBytes {
		return q, base.Errorf(base.ClassTooLarge, "a service or operation name has more than %d bytes", maxNameBytes)
	}
	for _, step := range []func(*search.Query, url.Values) error{parseKind, parseDurations, parseFilter} {
		if err := step(&q, p); err != nil {
			return q, err
		}
	}
	var err error
	if q.Tags, err = parseTags(p.Get("tags")); err != nil {
		return q, err
	}
	q.Time, err = parseTime(p, now)
	return q, err
}

func parseKind(q *search.Query, p url.Values) error {
	name := p.Get("kind")
	if name == "" {
		return nil
	}
	for k := trace.KindInternal; k <= trace.KindConsumer; k++ {
		if k.String() == name {
			q.Kind = k
			return nil
		}
	}
	return base.Errorf(base.ClassInvalid, "kind %.40q: want internal, server, client, producer or consumer", name)
}

func parseOrder(q *search.Query, p url.Values) error {
	switch name := p.Get("order"); name {
	case "", "newest":
		q.Order = search.Newest
	case "slowest":
		q.Order = search.Slowest
	default:
		return base.Errorf(base.ClassInvalid, "order %.40q: want newest or slowest", name)
	}
	return nil
}

func parsePage(p url.Values) (search.Page, error) {
	page := search.Page{Size: defaultLimit, Token: p.Get("token")}
	text := p.Get("limit")
	if text == "" {
		return page, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > maxLimit {
		return page, base.Errorf(base.ClassInvalid, "limit %.40q: want 1 to %d results", text, maxLimit)
	}
	page.Size = limit
	return page, nil
}

func parseDurations(q *search.Query, p url.Values) error {
	var err error
	if q.MinDuration, err = parseDuration(p, "minDuration"); err != nil {
		return err
	}
	q.MaxDuration, err = parseDuration(p, "maxDuration")
	return err
}

func parseDuration(p url.Values, name string) (uint64, error) {
	text := p.Get(name)
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, base.Errorf(base.ClassInvalid, "%s %.40q: want a duration such as 250ms or 1.5s", name, text)
	}
	return uint64(d), nil
}

// parseTime reads start and end, or lookback from now. A missing end is now; a
// missing start lies the default lookback before the end.
func parseTime(p url.Values, now time.Time) (base.TimeRange, error) {
	end, err := parseInstant(p, "end", now.UnixNano())
	if err != nil {
		return base.TimeRange{}, err
	}
	lookback := defaultLookback
	if text := p.Get("lookback"); text != "" {
		if lookback, err = time.ParseDuration(text); err != nil || lookback <= 0 {
			return base.TimeRange{}, base.Errorf(base.ClassInvalid, "lookback %.40q: want a duration such as 15m or 24h", text)
		}
	}
	start, err := parseInstant(p, "start", end-int64(lookback))
	return base.TimeRange{Start: start, End: end}, err
}

func parseInstant(p url.Values, name string, missing int64) (int64, error) {
	text := p.Get(name)
	if text == "" {
		return missing, nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() < 1970 || t.Year() > 2261 {
		return 0, base.Errorf(base.ClassInvalid, "%s %.40q: want RFC 3339, such as 2026-11-20T14:00:00Z, or Unix nanoseconds", name, text)
	}
	return t.UnixNano(), nil
}

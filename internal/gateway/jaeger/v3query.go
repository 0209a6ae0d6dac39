package jaeger

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/serve"
	"github.com/pandodb/pando/internal/gateway/jaeger/wire"
	"github.com/pandodb/pando/internal/gen/jaegerpb"
	"github.com/pandodb/pando/internal/query/search"
)

// searchOf reads a search message. Fields we do not know are refused: they may
// be conditions, and without them the answer would be more than was asked for.
func searchOf(pb *jaegerpb.TraceQueryParameters) (*searchParams, error) {
	if pb == nil {
		return nil, base.Errorf(base.ClassInvalid, "query is missing")
	}
	if err := serve.KnownFields("query", pb); err != nil {
		return nil, err
	}
	in, err := serve.NewInterval(pb.GetStartTimeMin(), pb.GetStartTimeMax())
	if err != nil {
		return nil, err
	}
	when, err := in.Search()
	if err != nil {
		return nil, err
	}
	s := &searchParams{
		service:    pb.GetServiceName(),
		operation:  pb.GetOperationName(),
		attributes: pb.GetAttributes(),
		time:       when,
		depth:      int(pb.GetSearchDepth()),
		raw:        pb.GetRawTraces(),
	}
	if _, err := serve.Depth("search_depth", pb.GetSearchDepth()); err != nil {
		return nil, err
	}
	if s.filter, err = wire.Filter(pb.GetFilter()); err != nil {
		return nil, err
	}
	if pb.GetPagination() != nil {
		if s.page, err = pageOf(pb.GetPagination()); err != nil {
			return nil, err
		}
	}
	if s.min, err = serve.Duration("duration_min", pb.GetDurationMin()); err != nil {
		return nil, err
	}
	s.max, err = serve.Duration("duration_max", pb.GetDurationMax())
	return s, err
}

// pageOf reads a page; without one, it asks for nothing.
func pageOf(pb *jaegerpb.Pagination) (*search.Page, error) {
	if pb != nil {
		if err := serve.KnownFields("pagination", pb); err != nil {
			return nil, err
		}
	}
	page, err := serve.NewPage(uint64(pb.GetPageSize()), pb.GetPageToken())
	return &page, err
}

// spanSearchOf reads a message that asks for spans.
func spanSearchOf(pb *jaegerpb.SpanQueryParameters) (*search.SpanQuery, error) {
	if pb == nil {
		return nil, base.Errorf(base.ClassInvalid, "query is missing")
	}
	if err := serve.KnownFields("query", pb); err != nil {
		return nil, err
	}
	in, err := serve.NewInterval(pb.GetStartTimeMin(), pb.GetStartTimeMax())
	if err != nil {
		return nil, err
	}
	when, err := in.Search()
	if err != nil {
		return nil, err
	}
	page, err := pageOf(pb.GetPagination())
	if err != nil {
		return nil, err
	}
	q := &search.SpanQuery{Time: when, Page: *page}
	if q.Filter, err = wire.Filter(pb.GetFilter()); err != nil {
		return nil, err
	}
	if q.OrderBy, err = orderOfSpans("order_by", pb.GetOrderBy()); err != nil {
		return nil, err
	}
	return q, q.Validate()
}

// orderOfSpans reads an order, which the request calls name.
func orderOfSpans(name string, terms []*jaegerpb.SpanSortOrder) ([]search.SpanSort, error) {
	var order []search.SpanSort
	for i, o := range terms {
		at := fmt.Sprintf("%s[%d]", name, i)
		if err := serve.KnownFields(at, o); err != nil {
			return nil, err
		}
		term, err := serve.SpanSort(o.GetExpression(), o.GetDirection(), at)
		if err != nil {
			return nil, err
		}
		order = append(order, term)
	}
	return order, nil
}

// parseV3Search reads a search from the query string of a GET, or from the body
// of a POST: a FindTracesRequest in proto3 JSON.
func parseV3Search(r *http.Request) (*searchParams, error) {
	if r.Method != http.MethodPost {
		return parseV3Query(newParams(r.URL.RawQuery))
	}
	var req jaegerpb.FindTracesRequest
	if err := readMessage(r, &req); err != nil {
		return nil, err
	}
	return searchOf(req.GetQuery())
}

// parseV3SpanSearch reads a search for spans likewise.
func parseV3SpanSearch(r *http.Request) (*search.SpanQuery, error) {
	if r.Method != http.MethodPost {
		return parseV3SpanQuery(newParams(r.URL.RawQuery))
	}
	var req jaegerpb.FindSpansRequest
	if err := readMessage(r, &req); err != nil {
		return nil, err
	}
	return spanSearchOf(req.GetQuery())
}

// readMessage reads the body of a request, which is a message in proto3 JSON.
func readMessage(r *http.Request, msg proto.Message) error {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return base.Errorf(base.ClassInvalid, "content type %.80q: want application/json", r.Header.Get("Content-Type"))
	}
	body, err := readBody(r)
	if err != nil {
		return err
	}
	if err := protojson.Unmarshal(body, msg); err != nil {
		return base.Errorf(base.ClassInvalid, "request body: %w", err)
	}
	return nil
}

// parseV3Query reads the parameters of a search, under their names of today and
// those of before. Unknown parameters are ignored, as Jaeger does.
func parseV3Query(p *params) (*searchParams, error) {
	s := &searchParams{
		service:    p.text("query.serviceName", "query.service_name"),
		operation:  p.text("query.operationName", "query.operation_name"),
		attributes: make(map[string]string),
		min:        p.duration("query.durationMin", "query.duration_min"),
		max:        p.duration("query.durationMax", "query.duration_max"),
		filter:     p.filter("query.filter"),
		depth:      p.count("query.searchDepth", "query.search_depth", "query.num_traces"),
		page:       p.page(),
		raw:        p.boolean("query.rawTraces", "query.raw_traces"),
	}
	if text := p.text("query.attributes"); text != "" {
		p.attributes(s.attributes, "query.attributes", text)
	}
	s.time = p.searchTime()
	return s, p.err
}

// spanParams are the parameters of a search for spans.
var spanParams = []string{
	"query.startTimeMin", "query.start_time_min", "query.startTimeMax", "query.start_time_max", "query.filter",
	"query.pagination.pageSize", "query.pagination.page_size", "query.pagination.pageToken", "query.pagination.page_token",
	"query.orderBy", "query.order_by",
}

// parseV3SpanQuery reads the parameters of a search for spans. The order, for
// which Jaeger has no parameter, is the list that a body would have. Conditions
// that only searches for traces know, such as query.serviceName, are refused.
func parseV3SpanQuery(p *params) (*search.SpanQuery, error) {
	p.only("query.", spanParams)
	q := &search.SpanQuery{Filter: p.filter("query.filter"), Time: p.searchTime()}
	page := p.page()
	if page == nil && p.err == nil {
		_, p.err = serve.NewPage(0, "")
	}
	var order jaegerpb.SpanQueryParameters
	if text, name := p.get("query.orderBy", "query.order_by"); text != "" {
		if !json.Valid([]byte(text)) || protojson.Unmarshal([]byte(`{"orderBy":`+text+`}`), &order) != nil {
			p.fail(name, text, `a list such as [{"expression":{"field":{"level":"span","name":"duration"}},"direction":"desc"}]`)
		}
	}
	if p.err != nil {
		return nil, p.err
	}
	q.Page = *page
	var err error
	if q.OrderBy, err = orderOfSpans("query.orderBy", order.GetOrderBy()); err != nil {
		return nil, err
	}
	return q, q.Validate()
}

// searchTime reads the time range of a search.
func (p *params) searchTime() base.TimeRange {
	start, hasStart := p.instant("query.startTimeMin", "query.start_time_min")
	end, hasEnd := p.instant("query.startTimeMax", "query.start_time_max")
	switch {
	case p.err != nil:
	case !hasStart || !hasEnd:
		p.err = base.Errorf(base.ClassInvalid, "query.startTimeMin and query.startTimeMax are required")
	case start >= end:
		p.err = base.Errorf(base.ClassInvalid, "query.startTimeMin must be before query.startTimeMax")
	}
	return base.TimeRange{Start: start, End: end}
}

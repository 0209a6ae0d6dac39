package jaegerstore

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/serve"
	"github.com/pandodb/pando/internal/gateway/jaeger/wire"
	"github.com/pandodb/pando/internal/gen/storagev2pb"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

// traceQuery returns the query that a message asks for, newest traces first.
func traceQuery(pb *storagev2pb.TraceQueryParameters) (*search.Query, error) {
	if pb == nil {
		return nil, base.Errorf(base.ClassInvalid, "query is missing")
	}
	if err := serve.KnownFields("query", pb); err != nil {
		return nil, err
	}
	time, err := searchTime(pb.GetStartTimeMin(), pb.GetStartTimeMax())
	if err != nil {
		return nil, err
	}
	q := &search.Query{Service: pb.GetServiceName(), Operation: pb.GetOperationName(), Time: time, Order: search.Newest}
	if err := setResults(q, pb); err != nil {
		return nil, err
	}
	if pb.GetFilter() != nil {
		if set := predicates(pb); len(set) > 0 {
			return nil, base.Errorf(base.ClassInvalid,
				"query has a filter and %s: say it all in the filter", strings.Join(set, ", "))
		}
		if q.Filter, err = wire.Filter(pb.GetFilter()); err != nil {
			return nil, err
		}
		return q, q.Validate()
	}
	if err := setDurations(q, pb.GetDurationMin(), pb.GetDurationMax()); err != nil {
		return nil, err
	}
	for i, kv := range pb.GetAttributes() {
		if err := addAttribute(q, kv); err != nil {
			return nil, base.Errorf(base.ClassInvalid, "attributes[%d]: %w", i, err)
		}
	}
	return q, q.Validate()
}

// setResults sets how many traces the query asks for.
func setResults(q *search.Query, pb *storagev2pb.TraceQueryParameters) (err error) {
	switch {
	case pb.GetPagination() == nil:
		q.Limit, err = serve.SoftDepth("search_depth", pb.GetSearchDepth())
		return err
	case pb.GetSearchDepth() != 0:
		return base.Errorf(base.ClassInvalid, "search_depth %d and pagination: only one of them can bound a search", pb.GetSearchDepth())
	}
	page, err := pageOf(pb.GetPagination())
	q.Page = &page
	return err
}

func pageOf(pb *storagev2pb.Pagination) (search.Page, error) {
	if err := serve.KnownFields("pagination", pb); err != nil {
		return search.Page{}, err
	}
	return serve.NewPage(uint64(pb.GetPageSize()), pb.GetPageToken())
}

func searchTime(start, end *timestamppb.Timestamp) (base.TimeRange, error) {
	in, err := serve.NewInterval(start, end)
	if err != nil {
		return base.TimeRange{}, err
	}
	return in.Search()
}

// predicates names the conditions of the message that a filter excludes.
func predicates(pb *storagev2pb.TraceQueryParameters) []string {
	var set []string
	for _, p := range []struct {
		name string
		set  bool
	}{
		{"service_name", pb.GetServiceName() != ""},
		{"operation_name", pb.GetOperationName() != ""},
		{"attributes", len(pb.GetAttributes()) > 0},
		{"duration_min", pb.GetDurationMin().AsDuration() != 0},
		{"duration_max", pb.GetDurationMax().AsDuration() != 0},
	} {
		if p.set {
			set = append(set, p.name)
		}
	}
	return set
}

// setDurations sets the bounds of the span's duration.
func setDurations(q *search.Query, shortest, longest *durationpb.Duration) error {
	lo, err := serve.Duration("duration_min", shortest)
	if err != nil {
		return err
	}
	hi, err := serve.Duration("duration_max", longest)
	q.MinDuration, q.MaxDuration = uint64(lo), uint64(hi)
	return err
}

// addAttribute adds the condition that a span has the attribute. To Jaeger all
// that has a text is that text: the number 200 finds the text "200" and back.
func addAttribute(q *search.Query, kv *storagev2pb.KeyValue) error {
	if kv.GetKey() == "" {
		return base.Errorf(base.ClassInvalid, "the key is empty")
	}
	switch v := kv.GetValue().GetValue().(type) {
	case *storagev2pb.AnyValue_StringValue:
		serve.AddTag(q, kv.GetKey(), v.StringValue)
	case *storagev2pb.AnyValue_BoolValue:
		serve.AddTag(q, kv.GetKey(), strconv.FormatBool(v.BoolValue))
	case *storagev2pb.AnyValue_IntValue:
		serve.AddTag(q, kv.GetKey(), strconv.FormatInt(v.IntValue, 10))
	case *storagev2pb.AnyValue_DoubleValue:
		serve.AddTag(q, kv.GetKey(), strconv.FormatFloat(v.DoubleValue, 'g', -1, 64))
	case *storagev2pb.AnyValue_BytesValue:
		q.Tags = append(q.Tags, search.Tag{Key: kv.GetKey(), Value: trace.Value{Kind: trace.KindBytes, Str: string(v.BytesValue)}})
	default:
		return base.Errorf(base.ClassInvalid, "the value of %.80q is a list, a map or nothing: want text, a number, a truth value or bytes", kv.GetKey())
	}
	return nil
}

// maxOrder is how many terms an order can have: as many as there are fields.
const maxOrder = 4

// spanQuery returns the query for spans that a message asks for.
func spanQuery(pb *storagev2pb.SpanQueryParameters) (*search.SpanQuery, error) {
	if pb == nil {
		return nil, base.Errorf(base.ClassInvalid, "query is missing")
	}
	if err := serve.KnownFields("query", pb); err != nil {
		return nil, err
	}
	time, err := searchTime(pb.GetStartTimeMin(), pb.GetStartTimeMax())
	if err != nil {
		return nil, err
	}
	if pb.GetPagination() == nil {
		return nil, base.Errorf(base.ClassInvalid, "pagination is required: spans are found in pages")
	}
	q := &search.SpanQuery{Time: time}
	if q.Page, err = pageOf(pb.GetPagination()); err != nil {
		return nil, err
	}
	if q.Filter, err = wire.Filter(pb.GetFilter()); err != nil {
		return nil, err
	}
	if len(pb.GetOrderBy()) > maxOrder {
		return nil, base.Errorf(base.ClassInvalid, "order_by has %d terms: at most %d", len(pb.GetOrderBy()), maxOrder)
	}
	for i, term := range pb.GetOrderBy() {
		at := "order_by[" + strconv.Itoa(i) + "]"
		if err := serve.KnownFields(at, term); err != nil {
			return nil, err
		}
		by, err := serve.SpanSort(term.GetExpression(), term.GetDirection(), at)
		if err != nil {
			return nil, err
		}
		q.OrderBy = append(q.OrderBy, by)
	}
	return q, q.Validate()
}

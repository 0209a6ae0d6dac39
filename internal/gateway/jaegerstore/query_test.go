package jaegerstore

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/serve"
	"github.com/pandodb/pando/internal/gen/expressionpb"
	"github.com/pandodb/pando/internal/gen/storagev2pb"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

func stringValue(s string) *storagev2pb.AnyValue {
	return &storagev2pb.AnyValue{Value: &storagev2pb.AnyValue_StringValue{StringValue: s}}
}

// newer adds a field that this version does not know: three bytes.
func newer[M proto.Message](m M) M {
	m.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 7))
	return m
}

func existsFilter() *expressionpb.Call {
	return &expressionpb.Call{Op: "exists", Args: []*expressionpb.Expression{
		{Term: &expressionpb.Expression_Attr{Attr: &expressionpb.AttributeReference{Key: "a"}}},
	}}
}

// TestTraceQuery: what a message says in terms of the search.
func TestTraceQuery(t *testing.T) {
	pb := aQuery()
	pb.ServiceName, pb.OperationName, pb.SearchDepth = "shop", "GET /", 7
	pb.DurationMin, pb.DurationMax = durationpb.New(time.Second), durationpb.New(time.Minute)
	for _, kv := range []struct {
		key   string
		value *storagev2pb.AnyValue
	}{
		{"s", stringValue("200")},
		{"b", &storagev2pb.AnyValue{Value: &storagev2pb.AnyValue_BoolValue{BoolValue: true}}},
		{"i", &storagev2pb.AnyValue{Value: &storagev2pb.AnyValue_IntValue{IntValue: -3}}},
		{"d", &storagev2pb.AnyValue{Value: &storagev2pb.AnyValue_DoubleValue{DoubleValue: 72.5}}},
		{"x", &storagev2pb.AnyValue{Value: &storagev2pb.AnyValue_BytesValue{BytesValue: []byte{0xff}}}},
		{"span.kind", stringValue("server")},
		{"error", &storagev2pb.AnyValue{Value: &storagev2pb.AnyValue_BoolValue{BoolValue: true}}},
	} {
		pb.Attributes = append(pb.Attributes, &storagev2pb.KeyValue{Key: kv.key, Value: kv.value})
	}
	got, err := traceQuery(pb)
	if err != nil {
		t.Fatal(err)
	}
	anyType := func(key, text string) search.Tag {
		return search.Tag{Key: key, Value: trace.Value{Kind: trace.KindString, Str: text}, AnyType: true}
	}
	want := &search.Query{
		Service: "shop", Operation: "GET /", Kind: trace.KindServer, ErrorsOnly: true,
		Time:        base.TimeRange{Start: testNow.Add(-time.Hour).UnixNano(), End: testNow.UnixNano()},
		MinDuration: 1e9, MaxDuration: 60e9, Limit: 7,
		Tags: []search.Tag{
			anyType("s", "200"), anyType("b", "true"), anyType("i", "-3"), anyType("d", "72.5"),
			{Key: "x", Value: trace.Value{Kind: trace.KindBytes, Str: "\xff"}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestBounds: how many results a search asks for.
func TestBounds(t *testing.T) {
	for _, tc := range []struct {
		depth int32
		page  *storagev2pb.Pagination
		limit int
		size  int
	}{
		{limit: serve.DefaultDepth},
		{depth: 1, limit: 1},
		{depth: search.MaxLimit + 1, limit: search.MaxLimit},
		{depth: math.MaxInt32, limit: search.MaxLimit},
		{page: &storagev2pb.Pagination{PageSize: 5}, size: 5},
		{page: &storagev2pb.Pagination{PageSize: math.MaxUint32}, size: search.MaxPage},
	} {
		pb := aQuery()
		pb.SearchDepth, pb.Pagination = tc.depth, tc.page
		q, err := traceQuery(pb)
		if err != nil || q.Limit != tc.limit || (q.Page != nil) != (tc.size > 0) || q.Page != nil && q.Page.Size != tc.size {
			t.Errorf("depth %d, page %v: %+v, %v", tc.depth, tc.page, q, err)
		}
	}
}

// TestBadTraceQueries: every refusal says what is wrong and where.
func TestBadTraceQueries(t *testing.T) {
	type query = storagev2pb.TraceQueryParameters
	attr := func(key string, v *storagev2pb.AnyValue) func(*query) {
		return func(q *query) {
			q.Attributes = []*storagev2pb.KeyValue{{Key: "ok", Value: stringValue("")}, {Key: key, Value: v}}
		}
	}
	const wantValue = ": want text, a number, a truth value or bytes"
	for _, tc := range []struct {
		change func(*query)
		want   string
	}{
		{func(q *query) { q.StartTimeMin = nil }, "start_time_min and start_time_max are required"},
		{func(q *query) { q.StartTimeMax = timestamppb.New(time.Time{}) }, "start_time_min and start_time_max are required"},
		{func(q *query) { q.StartTimeMax = q.StartTimeMin }, "start_time_min must be before start_time_max"},
		{func(q *query) { q.StartTimeMin = at(time.Hour) }, "start_time_min must be before start_time_max"},
		{func(q *query) { newer(q) }, "query: 3 bytes of fields that are not known here"},
		{func(q *query) { q.SearchDepth = -1 }, "search_depth -1: want 1 to 10000 traces, or 0 for 100"},
		{
			func(q *query) { q.SearchDepth, q.Pagination = 5, &storagev2pb.Pagination{PageSize: 5} },
			"search_depth 5 and pagination: only one of them can bound a search",
		},
		{func(q *query) { q.Pagination = &storagev2pb.Pagination{} }, "pagination.page_size is 0: want 1 to 10000 results"},
		{
			func(q *query) { q.Pagination = newer(&storagev2pb.Pagination{PageSize: 1}) },
			"pagination: 3 bytes of fields that are not known here",
		},
		{
			func(q *query) { q.Pagination = &storagev2pb.Pagination{PageSize: 1, PageToken: "forged"} },
			`page token "forged": it was not given out here`,
		},
		{func(q *query) { q.DurationMin = durationpb.New(-1) }, "duration_min: -1ns: a duration must not be negative"},
		{func(q *query) { q.DurationMax = durationpb.New(-1) }, "duration_max: -1ns: a duration must not be negative"},
		{attr("", stringValue("x")), "attributes[1]: the key is empty"},
		{attr("k", nil), `attributes[1]: the value of "k" is a list, a map or nothing` + wantValue},
		{attr("k", &storagev2pb.AnyValue{}), `attributes[1]: the value of "k" is a list, a map or nothing` + wantValue},
		{
			attr("k", &storagev2pb.AnyValue{Value: &storagev2pb.AnyValue_ArrayValue{}}),
			`attributes[1]: the value of "k" is a list, a map or nothing` + wantValue,
		},
		{
			attr("k", &storagev2pb.AnyValue{Value: &storagev2pb.AnyValue_KvlistValue{}}),
			`attributes[1]: the value of "k" is a list, a map or nothing` + wantValue,
		},
		{
			func(q *query) {
				q.Filter, q.ServiceName, q.OperationName = existsFilter(), "s", "o"
				q.Attributes = []*storagev2pb.KeyValue{{Key: "k"}}
				q.DurationMin, q.DurationMax = durationpb.New(1), durationpb.New(2)
			},
			"query has a filter and service_name, operation_name, attributes, duration_min, duration_max: say it all in the filter",
		},
		{
			func(q *query) { q.Filter = &expressionpb.Call{Op: "not", Args: []*expressionpb.Expression{{}}} },
			"filter.args[0]: an empty expression: want attr, field, nested, scalar, list or call",
		},
	} {
		c := dial(t, Target{Store: &fakeStore{}}, nil)
		q := aQuery()
		tc.change(q)
		_, err := c.reader2.FindTraceIDs(t.Context(), &storagev2pb.FindTraceIDsRequest{Query: q})
		if got := text(err); got != "InvalidArgument: "+tc.want {
			t.Errorf("%s, want %s", got, tc.want)
		}
		_, err = receiveAll(c.reader2.FindTraceSummaries(t.Context(), &storagev2pb.FindTraceSummariesRequest{Query: q}))
		// A fake that finds no summaries looks at their tokens, too.
		if got := text(err); got != "InvalidArgument: "+tc.want {
			t.Errorf("summaries: %s, want %s", got, tc.want)
		}
	}
}

func TestBadRequestsV2(t *testing.T) {
	c, ctx := dial(t, Target{Store: &fakeStore{}}, nil), t.Context()
	get := func(p ...*storagev2pb.GetTraceParams) error {
		_, err := receiveAll(c.reader2.GetTraces(ctx, &storagev2pb.GetTracesRequest{Query: p}))
		return err
	}
	id := traceID(1)
	paged := aQuery()
	paged.Pagination = &storagev2pb.Pagination{PageSize: 1}
	find := func(q *storagev2pb.TraceQueryParameters) error {
		_, err := receiveAll(c.reader2.FindTraces(ctx, &storagev2pb.FindTracesRequest{Query: q}))
		return err
	}
	operations := func(service, kind string) error {
		_, err := c.reader2.GetOperations(ctx, &storagev2pb.GetOperationsRequest{Service: service, SpanKind: kind})
		return err
	}
	depends := func(start, end *timestamppb.Timestamp) error {
		_, err := c.deps2.GetDependencies(ctx, &storagev2pb.GetDependenciesRequest{StartTime: start, EndTime: end})
		return err
	}
	for _, tc := range []struct {
		err  error
		want string
	}{
		{get(&storagev2pb.GetTraceParams{TraceId: id[:]}, &storagev2pb.GetTraceParams{TraceId: id[:8]}), "query[1]: trace_id has 8 bytes: want 16"},
		{get(&storagev2pb.GetTraceParams{}), "query[0]: trace_id has 0 bytes: want 16"},
		{get(&storagev2pb.GetTraceParams{TraceId: append(id[:], 0)}), "query[0]: trace_id has 17 bytes: want 16"},
		{get(&storagev2pb.GetTraceParams{TraceId: id[:], StartTime: at(1), EndTime: at(0)}), "query[0]: time range is reversed: it ends before it starts"},
		{find(nil), "query is missing"},
		{find(paged), "FindTraces has no pages, its answer cannot carry a token: use search_depth, or FindTraceIDs or FindTraceSummaries"},
		{operations("", ""), "parameter 'service' is required"},
		{operations("s", "teapot"), `span kind "teapot": want internal, server, client, producer, consumer or unspecified`},
		{depends(nil, at(0)), "start_time and end_time are required"},
		{depends(at(0), nil), "start_time and end_time are required"},
		{depends(at(0), at(0)), "end_time must be after start_time"},
	} {
		if got := text(tc.err); got != "InvalidArgument: "+tc.want {
			t.Errorf("%s, want %s", got, tc.want)
		}
	}
}

func TestBadSpanQueries(t *testing.T) {
	type query = storagev2pb.SpanQueryParameters
	field := func(level, name, direction string) *storagev2pb.SpanSortOrder {
		return &storagev2pb.SpanSortOrder{Direction: direction, Expression: &expressionpb.Expression{
			Term: &expressionpb.Expression_Field{Field: &expressionpb.FieldReference{Level: level, Name: name}},
		}}
	}
	order := func(terms ...*storagev2pb.SpanSortOrder) func(*query) { return func(q *query) { q.OrderBy = terms } }
	const wantField = "want startTime, duration, traceID or spanID of level span"
	start := field("span", "startTime", "")
	c := dial(t, Target{Store: &fakeStore{}}, nil)
	for _, tc := range []struct {
		change func(*query)
		want   string
	}{
		{func(q *query) { q.StartTimeMax = nil }, "start_time_min and start_time_max are required"},
		{func(q *query) { q.StartTimeMax = at(-2 * time.Hour) }, "start_time_min must be before start_time_max"},
		{func(q *query) { q.Pagination = nil }, "pagination is required: spans are found in pages"},
		{func(q *query) { q.Pagination.PageSize = 0 }, "pagination.page_size is 0: want 1 to 10000 results"},
		{func(q *query) { q.Pagination.PageToken = "forged" }, `page token "forged": it was not given out here`},
		{func(q *query) { newer(q) }, "query: 3 bytes of fields that are not known here"},
		{
			func(q *query) { q.Filter = &expressionpb.Call{Op: "not", Args: []*expressionpb.Expression{{}}} },
			"filter.args[0]: an empty expression: want attr, field, nested, scalar, list or call",
		},
		{order(start, start, start, start, start), "order_by has 5 terms: at most 4"},
		{order(start, start), "order term 1: start time is in the order already"},
		{order(start, &storagev2pb.SpanSortOrder{}), "order_by[1].expression: an empty expression: want attr, field, nested, scalar, list or call"},
		{
			order(&storagev2pb.SpanSortOrder{Expression: &expressionpb.Expression{Term: &expressionpb.Expression_Call{Call: existsFilter()}}}),
			"order_by[0].expression: no field: " + wantField,
		},
		{order(field("span", "name", "")), `order_by[0].expression: field "name" of level "span": ` + wantField},
		{order(field("event", "duration", "")), `order_by[0].expression: field "duration" of level "event": ` + wantField},
		{order(field("span", strings.Repeat("x", 99), "")), `order_by[0].expression: field "` + strings.Repeat("x", 40) + `" of level "span": ` + wantField},
		{order(field("span", "spanID", "down")), `order_by[0].direction: "down": want asc or desc`},
		{order(newer(field("span", "spanID", "asc"))), "order_by[0]: 3 bytes of fields that are not known here"},
	} {
		q := aSpanQuery(1)
		tc.change(q)
		_, err := receiveAll(c.reader2.FindSpans(t.Context(), &storagev2pb.FindSpansRequest{Query: q}))
		if got := text(err); got != "InvalidArgument: "+tc.want {
			t.Errorf("%s, want %s", got, tc.want)
		}
	}
	if _, err := receiveAll(c.reader2.FindSpans(t.Context(), &storagev2pb.FindSpansRequest{})); text(err) != "InvalidArgument: query is missing" {
		t.Errorf("no query: %s", text(err))
	}
}

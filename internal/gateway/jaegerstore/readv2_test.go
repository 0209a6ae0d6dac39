package jaegerstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/wire"
	"github.com/pandodb/pando/internal/gen/storagev2pb"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/expression"
	"github.com/pandodb/pando/internal/query/search"
)

func aQuery() *storagev2pb.TraceQueryParameters {
	return &storagev2pb.TraceQueryParameters{StartTimeMin: at(-time.Hour), StartTimeMax: at(0)}
}

func aSpanQuery(size uint32) *storagev2pb.SpanQueryParameters {
	return &storagev2pb.SpanQueryParameters{
		StartTimeMin: at(-time.Hour), StartTimeMax: at(0), Pagination: &storagev2pb.Pagination{PageSize: size},
	}
}

// spansOf returns the ids of trace and span in the order of a message.
func spansOf(t *testing.T, td *tracepb.TracesData) (ids []string) {
	t.Helper()
	for _, rs := range td.GetResourceSpans() {
		for _, ss := range rs.GetScopeSpans() {
			for _, s := range ss.GetSpans() {
				ids = append(ids, fmt.Sprintf("%x/%d", s.GetTraceId()[15], binary.BigEndian.Uint64(s.GetSpanId())))
			}
		}
	}
	if len(ids) == 0 {
		t.Error("an empty message")
	}
	return ids
}

func TestCatalogueV2(t *testing.T) {
	store := &fakeStore{
		services:   []string{"bank", "shop"},
		operations: []trace.Operation{{Name: "GET /", Kind: trace.KindServer}, {Name: "job"}},
		deps:       someCalls(),
	}
	c, ctx := dial(t, Target{Store: store}, nil), t.Context()

	services, err := c.reader2.GetServices(ctx, &storagev2pb.GetServicesRequest{})
	if err != nil || !slices.Equal(services.GetServices(), store.services) {
		t.Errorf("services %v, %v", services, err)
	}
	ops, err := c.reader2.GetOperations(ctx, &storagev2pb.GetOperationsRequest{Service: "shop"})
	wantOps := &storagev2pb.GetOperationsResponse{Operations: []*storagev2pb.Operation{{Name: "GET /", SpanKind: "server"}, {Name: "job"}}}
	if diff := cmp.Diff(wantOps, ops, protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("operations: %v %s", err, diff)
	}
	if _, err = c.reader2.GetOperations(ctx, &storagev2pb.GetOperationsRequest{Service: "shop", SpanKind: "client"}); err != nil || store.kind != trace.KindClient {
		t.Errorf("operations of a kind: asked for %v, %v", store.kind, err)
	}
	deps, err := c.deps2.GetDependencies(ctx, &storagev2pb.GetDependenciesRequest{
		StartTime: timestamppb.New(time.Unix(1, 0)), EndTime: timestamppb.New(time.Unix(2, 5)),
	})
	wantDeps := &storagev2pb.GetDependenciesResponse{Dependencies: []*storagev2pb.Dependency{
		{Parent: "shop", Child: "bank", CallCount: 3, Source: "pando"},
	}}
	if diff := cmp.Diff(wantDeps, deps, protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("dependencies: %v %s", err, diff)
	}
	if want := (base.TimeRange{Start: 1e9, End: 2e9 + 5}); store.time != want {
		t.Errorf("asked for %v, want %v", store.time, want)
	}
}

// TestCapabilitiesV2 pins what is declared: taking one back breaks clients.
func TestCapabilitiesV2(t *testing.T) {
	got, err := dial(t, Target{Store: &fakeStore{}}, nil).capabilities2.GetCapabilities(t.Context(), &storagev2pb.GetCapabilitiesRequest{})
	want := &storagev2pb.GetCapabilitiesResponse{Search: &storagev2pb.SearchCapabilities{
		WithoutServiceName: true, SameSpanConjunction: true, Paginated: true, SpanSearch: true, SpanSorting: true,
		Filter: &storagev2pb.FilterCapabilities{
			Levels: []string{"span", "resource", "scope", "event", "link"},
			Operators: []string{
				"and", "or", "not", "eq", "ne", "gt", "lt", "gte", "lte", "regex", "exists", "in", "not_in", "some", "phrase", "fulltext",
			},
		},
	}}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("%v, (-want +got):\n%s", err, diff)
	}
}

// TestGetTraces: traces in the order asked for, each once, those that are not
// there left out, times as hints.
func TestGetTraces(t *testing.T) {
	store := &fakeStore{traces: []trace.Trace{newTrace(1, 2, 1), newTrace(2, 1, 1)}}
	ask := func(ids ...uint64) *storagev2pb.GetTracesRequest {
		req := &storagev2pb.GetTracesRequest{}
		for _, n := range ids {
			id := traceID(n)
			req.Query = append(req.Query, &storagev2pb.GetTraceParams{TraceId: id[:]})
		}
		return req
	}
	c := dial(t, Target{Store: store}, nil)
	req := ask(2, 7, 1, 2)
	req.Query[0].StartTime, req.Query[0].EndTime = at(0), at(time.Hour)
	req.Query[2].StartTime, req.Query[2].EndTime = timestamppb.New(time.Time{}), timestamppb.New(time.Time{})
	got, err := receiveAll(c.reader2.GetTraces(t.Context(), req))
	if err != nil || len(got) != 2 {
		t.Fatalf("%d messages, %v", len(got), err)
	}
	if ids := slices.Concat(spansOf(t, got[0]), spansOf(t, got[1])); !slices.Equal(ids, []string{"2/1", "1/1", "1/2"}) {
		t.Errorf("spans %v", ids)
	}
	day := int64(24 * time.Hour)
	want := base.TimeRange{Start: testNow.UnixNano() - day, End: testNow.Add(time.Hour).UnixNano() + day}
	if len(store.refs) != 3 || store.refs[0].Time != want || store.refs[2].Time != (base.TimeRange{}) {
		t.Errorf("asked for %+v", store.refs)
	}
	for _, none := range []*storagev2pb.GetTracesRequest{ask(), ask(8, 9)} {
		if got, err := receiveAll(c.reader2.GetTraces(t.Context(), none)); err != nil || len(got) != 0 {
			t.Errorf("%v: %d messages, %v", none, len(got), err)
		}
	}
}

// TestBigTraces: large traces come in several messages that clients take, never
// with spans of two traces, and those of one are neighbours.
func TestBigTraces(t *testing.T) {
	store := &fakeStore{}
	for n := range uint64(40) {
		store.traces = append(store.traces, newTrace(n, 3, 1))
	}
	store.traces[3] = newTrace(3, 9000, 1000)
	got, err := receiveAll(dial(t, Target{Store: store}, nil).reader2.FindTraces(t.Context(), &storagev2pb.FindTracesRequest{Query: aQuery()}))
	if err != nil {
		t.Fatal(err)
	}
	spans := make(map[byte]int)
	last := byte(255)
	for _, td := range got {
		id := td.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()[0].GetTraceId()[15]
		if id != last && spans[id] > 0 {
			t.Fatalf("trace %d comes again after trace %d", id, last)
		}
		for _, s := range spansOf(t, td) {
			var of byte
			if _, err := fmt.Sscanf(s, "%x/", &of); err != nil || of != id {
				t.Fatalf("a message of trace %d has span %s", id, s)
			}
			spans[id]++
		}
		last = id
	}
	if len(spans) != 40 || spans[3] != 9000 || spans[39] != 3 || len(got) < 39+9 {
		t.Errorf("%d traces, %d spans of the big one, %d messages", len(spans), spans[3], len(got))
	}
}

func TestFindTraceIDs(t *testing.T) {
	store := &fakeStore{traces: []trace.Trace{newTrace(1, 1, 1), newTrace(2, 1, 1), newTrace(3, 1, 1)}}
	c := dial(t, Target{Store: store}, nil)
	q := aQuery()
	q.Pagination = &storagev2pb.Pagination{PageSize: 2}
	var ids []byte
	for range 2 {
		got, err := c.reader2.FindTraceIDs(t.Context(), &storagev2pb.FindTraceIDsRequest{Query: q})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range got.GetTraceIds() {
			ids = append(ids, f.GetTraceId()[15])
			if len(f.GetTraceId()) != 16 || f.GetStart() != nil || f.GetEnd() != nil {
				t.Errorf("found %v", f)
			}
		}
		q.Pagination.PageToken = got.GetNextPageToken()
	}
	if !slices.Equal(ids, []byte{1, 2, 3}) || q.Pagination.PageToken != "" {
		t.Errorf("ids %v, then token %q", ids, q.Pagination.PageToken)
	}
	if store.query.Limit != 0 || *store.query.Page != (search.Page{Size: 2, Token: "2"}) {
		t.Errorf("asked for %+v", store.query)
	}
	store.when = base.TimeRange{Start: 5, End: 7e9}
	got, err := c.reader2.FindTraceIDs(t.Context(), &storagev2pb.FindTraceIDsRequest{Query: aQuery()})
	if err != nil || len(got.GetTraceIds()) != 3 || got.GetNextPageToken() != "" ||
		got.GetTraceIds()[0].GetStart().AsTime().UnixNano() != 5 || got.GetTraceIds()[0].GetEnd().GetSeconds() != 7 {
		t.Errorf("found %v, %v", got, err)
	}
}

func TestFindTraceSummaries(t *testing.T) {
	store := &fakeStore{}
	for n := range uint64(1200) {
		store.summaries = append(store.summaries, trace.Summary{ID: traceID(n), Spans: uint32(n)})
	}
	store.summaries[0] = trace.Summary{
		ID: traceID(9), StartNanos: 5, EndNanos: 8, Spans: 3, Errors: 2, Orphans: 1, RootService: "shop", RootName: "GET /",
		Services: []trace.ServiceCount{{Service: "bank", Spans: 1}, {Service: "shop", Spans: 2, Errors: 2}},
	}
	id := traceID(9)
	first := &storagev2pb.TraceSummary{
		TraceId: id[:], RootServiceName: "shop", RootOperationName: "GET /",
		MinStartTimeUnixNano: 5, MaxEndTimeUnixNano: 8, SpanCount: 3, ErrorSpanCount: 2, OrphanSpanCount: 1,
		Services: []*storagev2pb.ServiceSummary{{Name: "bank", SpanCount: 1}, {Name: "shop", SpanCount: 2, ErrorSpanCount: 2}},
	}
	c := dial(t, Target{Store: store}, nil)
	q := aQuery()
	q.Pagination = &storagev2pb.Pagination{PageSize: 1100}
	for i, want := range []struct {
		messages, last int
		token          string
	}{{3, 1100 - 1024, "1100"}, {1, 100, ""}} {
		got, err := receiveAll(c.reader2.FindTraceSummaries(t.Context(), &storagev2pb.FindTraceSummariesRequest{Query: q}))
		if err != nil || len(got) != want.messages || len(got[len(got)-1].GetSummaries()) != want.last {
			t.Fatalf("page %d: %d messages, %v", i, len(got), err)
		}
		if i == 0 {
			if diff := cmp.Diff(first, got[0].GetSummaries()[0], protocmp.Transform()); diff != "" {
				t.Errorf("summary (-want +got):\n%s", diff)
			}
		}
		for j, m := range got {
			if m.GetNextPageToken() != "" && j < len(got)-1 {
				t.Errorf("page %d: message %d has a token", i, j)
			}
		}
		if q.Pagination.PageToken = got[len(got)-1].GetNextPageToken(); q.Pagination.PageToken != want.token {
			t.Errorf("page %d: token %q", i, q.Pagination.PageToken)
		}
	}
	store.summaries = nil
	if got, err := receiveAll(c.reader2.FindTraceSummaries(t.Context(), &storagev2pb.FindTraceSummariesRequest{Query: aQuery()})); err != nil || len(got) != 0 {
		t.Errorf("nothing found: %d messages, %v", len(got), err)
	}
}

// TestFindSpans: the order of the search is the order of the messages, which mix
// traces and resources; a token comes with the last.
func TestFindSpans(t *testing.T) {
	store := &fakeStore{}
	shop, bank, scope := resource("shop"), resource("bank"), &trace.Scope{}
	var want []string
	for i := range uint64(5000) {
		s := newTrace(i%3, 1, 400).Spans[0]
		s.SpanID, s.Resource, s.Scope = spanID(i), shop, scope
		if i%4 == 0 {
			s.Resource = bank
		}
		store.spans = append(store.spans, s)
		want = append(want, fmt.Sprintf("%x/%d", i%3, i))
	}
	c := dial(t, Target{Store: store}, nil)
	filter := &expression.Call{Op: expression.OpExists, Args: []expression.Term{&expression.Attr{Key: "a"}}}
	q := aSpanQuery(4000)
	q.Filter = wire.FilterMessage(filter)
	for _, by := range []struct{ field, direction string }{{"duration", "desc"}, {"traceID", ""}, {"spanID", "asc"}, {"startTime", "desc"}} {
		q.OrderBy = append(q.OrderBy, &storagev2pb.SpanSortOrder{
			Expression: wire.TermMessage(&expression.Field{Level: expression.LevelSpan, Name: by.field}), Direction: by.direction,
		})
	}
	var ids []string
	for i := range 2 {
		got, err := receiveAll(c.reader2.FindSpans(t.Context(), &storagev2pb.FindSpansRequest{Query: q}))
		if err != nil || i == 0 && len(got) < 2 {
			t.Fatalf("%d messages, %v", len(got), err)
		}
		for j, m := range got {
			ids = append(ids, spansOf(t, m.GetSpans())...)
			if m.GetNextPageToken() != "" && j < len(got)-1 {
				t.Errorf("message %d has a token", j)
			}
		}
		q.Pagination.PageToken = got[len(got)-1].GetNextPageToken()
	}
	if diff := cmp.Diff(want, ids); diff != "" || q.Pagination.PageToken != "" {
		t.Errorf("token %q, spans (-want +got):\n%s", q.Pagination.PageToken, diff)
	}
	wantQuery := &search.SpanQuery{
		Filter: filter, Time: base.TimeRange{Start: testNow.Add(-time.Hour).UnixNano(), End: testNow.UnixNano()},
		OrderBy: []search.SpanSort{
			{Field: search.SpanDuration, Desc: true}, {Field: search.SpanTraceID}, {Field: search.SpanSpanID}, {Field: search.SpanStart, Desc: true},
		},
		Page: search.Page{Size: 4000, Token: "4000"},
	}
	if diff := cmp.Diff(wantQuery, store.find); diff != "" {
		t.Errorf("query (-want +got):\n%s", diff)
	}
	store.spans = nil
	if got, err := receiveAll(c.reader2.FindSpans(t.Context(), &storagev2pb.FindSpansRequest{Query: aSpanQuery(1)})); err != nil || len(got) != 0 {
		t.Errorf("nothing found: %d messages, %v", len(got), err)
	}
}

// TestArchiveHeader: the header chooses the archive for every question.
func TestArchiveHeader(t *testing.T) {
	main := &fakeStore{services: []string{"main"}}
	c := dial(t, Target{Store: main}, &Target{Store: &fakeStore{services: []string{"archive"}}, Spans: &fakeSpans{}})
	alone := dial(t, Target{Store: main}, nil)
	for _, tc := range []struct {
		value string
		from  *clients
		want  string
		err   string
	}{
		{"", c, "main", "OK: "},
		{"false", c, "main", "OK: "},
		{"true", c, "archive", "OK: "},
		{"maybe", c, "", `InvalidArgument: header pando-archive: "maybe": want true or false`},
		{"true", alone, "", "FailedPrecondition: header pando-archive: this server keeps no archive"},
	} {
		ctx := t.Context()
		if tc.value != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, ArchiveHeader, tc.value)
		}
		got, err := tc.from.reader2.GetServices(ctx, &storagev2pb.GetServicesRequest{})
		if text(err) != tc.err || tc.want != "" && !slices.Equal(got.GetServices(), []string{tc.want}) {
			t.Errorf("%q: %v, %s", tc.value, got, text(err))
		}
	}
	// What cannot say an error by its values says it by its status.
	ctx := metadata.AppendToOutgoingContext(t.Context(), ArchiveHeader, "maybe")
	_, err1 := c.reader2.FindTraceIDs(ctx, &storagev2pb.FindTraceIDsRequest{Query: aQuery()})
	_, err2 := receiveAll(c.reader2.GetTraces(ctx, &storagev2pb.GetTracesRequest{}))
	_, err3 := receiveAll(c.reader2.FindTraceSummaries(ctx, &storagev2pb.FindTraceSummariesRequest{Query: aQuery()}))
	_, err4 := receiveAll(c.reader2.FindSpans(ctx, &storagev2pb.FindSpansRequest{Query: aSpanQuery(1)}))
	_, err5 := c.deps2.GetDependencies(ctx, &storagev2pb.GetDependenciesRequest{})
	_, err6 := c.reader2.GetOperations(ctx, &storagev2pb.GetOperationsRequest{Service: "s"})
	for i, err := range []error{err1, err2, err3, err4, err5, err6} {
		if text(err) != `InvalidArgument: header pando-archive: "maybe": want true or false` {
			t.Errorf("%d: %s", i+1, text(err))
		}
	}
}

// TestStoreErrorsV2: errors of the store reach clients with the code of their
// class, from every method.
func TestStoreErrorsV2(t *testing.T) {
	c := dial(t, Target{Store: &fakeStore{err: base.Errorf(base.ClassUnavailable, "moving"), traces: []trace.Trace{newTrace(1, 1, 1)}}}, nil)
	ctx := t.Context()
	id := traceID(1)
	_, err1 := c.reader2.GetServices(ctx, &storagev2pb.GetServicesRequest{})
	_, err2 := c.reader2.GetOperations(ctx, &storagev2pb.GetOperationsRequest{Service: "s"})
	_, err3 := c.deps2.GetDependencies(ctx, &storagev2pb.GetDependenciesRequest{StartTime: at(0), EndTime: at(1)})
	_, err4 := receiveAll(c.reader2.GetTraces(ctx, &storagev2pb.GetTracesRequest{Query: []*storagev2pb.GetTraceParams{{TraceId: id[:]}}}))
	_, err5 := receiveAll(c.reader2.FindTraces(ctx, &storagev2pb.FindTracesRequest{Query: aQuery()}))
	_, err6 := c.reader2.FindTraceIDs(ctx, &storagev2pb.FindTraceIDsRequest{Query: aQuery()})
	_, err7 := receiveAll(c.reader2.FindTraceSummaries(ctx, &storagev2pb.FindTraceSummariesRequest{Query: aQuery()}))
	_, err8 := receiveAll(c.reader2.FindSpans(ctx, &storagev2pb.FindSpansRequest{Query: aSpanQuery(1)}))
	for i, err := range []error{err1, err2, err3, err4, err5, err6, err7, err8} {
		if text(err) != "Unavailable: moving" {
			t.Errorf("%d: %s", i+1, text(err))
		}
	}
}

func TestNewAsksForParts(t *testing.T) {
	whole := Target{Store: &fakeStore{}, Spans: &fakeSpans{}}
	_, err1 := New(Target{Store: whole.Store}, Options{})
	_, err2 := New(Target{Spans: whole.Spans}, Options{})
	_, err3 := New(whole, Options{Archive: &Target{}})
	for _, err := range []error{err1, err2, err3} {
		if base.ClassOf(err) != base.ClassInvalid {
			t.Errorf("got %v", err)
		}
	}
	if g, err := New(whole, Options{Timeout: -1}); err != nil || g.main.Store != whole.Store {
		t.Errorf("without a bound: %v, %v", g, errors.Join(err))
	}
}

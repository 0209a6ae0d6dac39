package jaegerstore

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	gocmp "github.com/google/go-cmp/cmp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/gateway/jaeger/wire"
	"github.com/pandodb/pando/internal/gen/apiv2pb"
	"github.com/pandodb/pando/internal/gen/storagev1pb"
	"github.com/pandodb/pando/internal/gen/storagev2pb"
	"github.com/pandodb/pando/internal/jobs"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/expression"
	"github.com/pandodb/pando/internal/query/search"
)

// tabletStore is a real tablet, as a store of search and as a writer.
type tabletStore struct {
	tablet *columnar.Tablet
	mu     sync.Mutex // of Export
	index  uint64
}

const testResource = 7

// newTablet returns a target over a tablet of its own in memory.
func newTablet(t testing.TB) (Target, *columnar.Tablet) {
	t.Helper()
	pool := jobs.New(jobs.Options{})
	t.Cleanup(pool.Close)
	tablet, err := columnar.Open(columnar.Options{
		FS: vfs.NewMem(), Dir: "tablet", ID: 1, Layout: trace.Layout(), Jobs: pool, SegmentInterval: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tablet.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &tabletStore{tablet: tablet}
	return Target{Store: search.NewTraces(s, testResource), Spans: s}, tablet
}

func (s *tabletStore) Export(_ context.Context, wire []byte) (int64, string, error) {
	b := trace.NewBuilder(trace.Options{})
	b.Reset(testResource, base.AllTime)
	if err := b.Add(wire); err != nil {
		return 0, "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index++
	s.tablet.Apply(base.Position{Term: 1, Index: s.index}, b.Finish())
	return int64(b.Rejected().Count), "", nil
}

// viewed asks a view of the tablet.
func viewed[T any](s *tabletStore, ask func(*columnar.View) (T, error)) (T, error) {
	v, err := s.tablet.View()
	if err != nil {
		var none T
		return none, err
	}
	defer v.Close()
	return ask(v)
}

func (s *tabletStore) TopKeys(ctx context.Context, req *columnar.TopRequest) ([]columnar.Top, error) {
	return viewed(s, func(v *columnar.View) ([]columnar.Top, error) { return v.TopKeys(ctx, req) })
}

func (s *tabletStore) TopRows(ctx context.Context, req *columnar.TopRowsRequest) (*columnar.RowPage, error) {
	return viewed(s, func(v *columnar.View) (*columnar.RowPage, error) { return v.TopRows(ctx, req) })
}

func (s *tabletStore) ReadKeys(ctx context.Context, req *columnar.ReadRequest) ([]*column.Batch, error) {
	return viewed(s, func(v *columnar.View) ([]*column.Batch, error) { return v.ReadKeys(ctx, req) })
}

func (s *tabletStore) Distinct(ctx context.Context, refs []column.Ref) ([]columnar.Tuple, error) {
	return viewed(s, func(v *columnar.View) ([]columnar.Tuple, error) { return v.Distinct(ctx, refs) })
}

func (s *tabletStore) Scan(ctx context.Context, req *columnar.ScanRequest, visit func(*column.Batch) error) error {
	_, err := viewed(s, func(v *columnar.View) (int, error) { return 0, v.Scan(ctx, req, visit) })
	return err
}

func (s *tabletStore) Digests(ctx context.Context, time base.TimeRange, visit func(*columnar.Digest) error) error {
	_, err := viewed(s, func(v *columnar.View) (int, error) { return 0, v.Digests(ctx, time, visit) })
	return err
}

// randomSpans returns spans of Jaeger's model: traces of a handful, some times
// and durations equal.
func randomSpans(seed uint64, n int) []*apiv2pb.Span {
	rng := rand.New(rand.NewPCG(seed, 1))
	spans := make([]*apiv2pb.Span, n)
	for i := range spans {
		id, sid := traceID(rng.Uint64N(uint64(n)/5)+1), spanID(uint64(i+1))
		s := &apiv2pb.Span{
			TraceId: id[:], SpanId: sid[:], OperationName: fmt.Sprint("op-", rng.IntN(4)),
			StartTime: at(-time.Duration(rng.IntN(50)) * time.Second), Duration: durationpb.New(time.Duration(rng.IntN(20)) * time.Millisecond),
			Process: &apiv2pb.Process{ServiceName: fmt.Sprint("service-", rng.IntN(3))},
			Tags: []*apiv2pb.KeyValue{
				{Key: "code", VType: apiv2pb.ValueType_INT64, VInt64: int64(200 + rng.IntN(3))},
				{Key: "user", VStr: fmt.Sprint("u", rng.IntN(9))},
				{Key: "span.kind", VStr: []string{"server", "client"}[rng.IntN(2)]},
			},
		}
		if rng.IntN(10) == 0 {
			s.Tags = append(s.Tags, &apiv2pb.KeyValue{Key: "error", VType: apiv2pb.ValueType_BOOL, VBool: true})
		}
		spans[i] = s
	}
	return spans
}

// write sends the spans as Jaeger's collector does.
func write(t *testing.T, c *clients, spans []*apiv2pb.Span) {
	t.Helper()
	stream, err := c.stream1.WriteSpanStream(t.Context())
	for _, s := range spans {
		if err == nil {
			err = stream.Send(&storagev1pb.WriteSpanRequest{Span: s})
		}
	}
	if err == nil {
		_, err = stream.CloseAndRecv()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// found is what is compared of a span.
type found struct {
	Trace, Span string
	Start       int64
	Duration    time.Duration
}

func modelOf(s *apiv2pb.Span) found {
	return found{
		Trace: fmt.Sprintf("%x", s.GetTraceId()), Span: fmt.Sprintf("%x", s.GetSpanId()),
		Start: s.GetStartTime().AsTime().UnixNano(), Duration: s.GetDuration().AsDuration(),
	}
}

func otlpOf(s *tracepb.Span) found {
	return found{
		Trace: fmt.Sprintf("%x", s.GetTraceId()), Span: fmt.Sprintf("%x", s.GetSpanId()),
		Start: int64(s.GetStartTimeUnixNano()), Duration: time.Duration(s.GetEndTimeUnixNano() - s.GetStartTimeUnixNano()),
	}
}

// walkSpans returns all spans that a search finds, page by page.
func walkSpans(t *testing.T, c *clients, q *storagev2pb.SpanQueryParameters) (all []found) {
	t.Helper()
	q.Pagination.PageToken = ""
	for {
		got, err := receiveAll(c.reader2.FindSpans(t.Context(), &storagev2pb.FindSpansRequest{Query: q}))
		if err != nil {
			t.Fatal(err)
		}
		n, next := 0, ""
		for _, m := range got {
			next = m.GetNextPageToken()
			for _, rs := range m.GetSpans().GetResourceSpans() {
				for _, ss := range rs.GetScopeSpans() {
					for _, s := range ss.GetSpans() {
						all, n = append(all, otlpOf(s)), n+1
					}
				}
			}
		}
		if n > int(q.Pagination.GetPageSize()) {
			t.Errorf("a page of %d spans has %d", q.Pagination.GetPageSize(), n)
		}
		if next == "" {
			return all
		}
		q.Pagination.PageToken = next
	}
}

func compareText(a, b string) int { return cmp.Compare(a, b) }

// TestSpanPages: for every order the pages of a search over a real tablet are the
// spans that match, sorted, each once.
func TestSpanPages(t *testing.T) {
	target, tablet := newTablet(t)
	c := dial(t, target, nil)
	spans := randomSpans(1, 600)
	write(t, c, spans[:300])
	if err := tablet.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, c, spans[300:])

	byField := map[string]func(a, b found) int{
		"startTime": func(a, b found) int { return cmp.Compare(a.Start, b.Start) },
		"duration":  func(a, b found) int { return cmp.Compare(a.Duration, b.Duration) },
		"traceID":   func(a, b found) int { return compareText(a.Trace, b.Trace) },
		"spanID":    func(a, b found) int { return compareText(a.Span, b.Span) },
	}
	failed := wire.FilterMessage(&expression.Call{Op: expression.OpEq, Args: []expression.Term{
		&expression.Field{Level: expression.LevelSpan, Name: "status"}, &expression.Scalar{Value: "error"},
	}})
	for _, order := range [][]string{{}, {"duration desc"}, {"duration asc", "startTime asc"}, {"traceID desc"}, {"spanID asc"}, {"startTime asc", "spanID desc"}} {
		for _, filtered := range []bool{false, true} {
			q := aSpanQuery(37)
			q.StartTimeMax = at(time.Second)
			var want []found
			for _, s := range spans {
				if !filtered || slices.ContainsFunc(s.GetTags(), func(kv *apiv2pb.KeyValue) bool { return kv.GetKey() == "error" }) {
					want = append(want, modelOf(s))
				}
			}
			if filtered {
				q.Filter = failed
			}
			var terms []func(a, b found) int
			for _, o := range order {
				var name, direction string
				if _, err := fmt.Sscan(o, &name, &direction); err != nil {
					t.Fatal(err)
				}
				term := byField[name]
				if direction == "desc" {
					term = func(a, b found) int { return byField[name](b, a) }
				}
				terms = append(terms, term)
				q.OrderBy = append(q.OrderBy, &storagev2pb.SpanSortOrder{
					Expression: wire.TermMessage(&expression.Field{Level: expression.LevelSpan, Name: name}), Direction: direction,
				})
			}
			terms = append(terms, func(a, b found) int { return cmp.Compare(b.Start, a.Start) }, byField["traceID"], byField["spanID"])
			slices.SortFunc(want, func(a, b found) int {
				for _, term := range terms {
					if n := term(a, b); n != 0 {
						return n
					}
				}
				return 0
			})
			if diff := gocmp.Diff(want, walkSpans(t, c, q)); diff != "" {
				t.Errorf("order %v, filtered %v (-want +got):\n%s", order, filtered, diff)
			}
		}
	}
}

// TestTracePages: ids and summaries in pages are what one search finds, newest
// first, and what is read of them is what was written, by both versions.
func TestTracePages(t *testing.T) {
	target, tablet := newTablet(t)
	c := dial(t, target, nil)
	spans := randomSpans(2, 500)
	write(t, c, spans)
	if err := tablet.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	newest := make(map[trace.ID]int64)
	count := make(map[trace.ID]int32)
	for _, s := range spans {
		id := trace.ID(s.GetTraceId())
		newest[id] = max(newest[id], modelOf(s).Start)
		count[id]++
	}
	want := make([]trace.ID, 0, len(newest))
	for id := range newest {
		want = append(want, id)
	}
	slices.SortFunc(want, func(a, b trace.ID) int { return cmp.Or(cmp.Compare(newest[b], newest[a]), bytes.Compare(a[:], b[:])) })

	q := aQuery()
	q.StartTimeMax = at(time.Second)
	q.Pagination = &storagev2pb.Pagination{PageSize: 13}
	var ids, summaries []trace.ID
	for {
		got, err := c.reader2.FindTraceIDs(t.Context(), &storagev2pb.FindTraceIDsRequest{Query: q})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range got.GetTraceIds() {
			ids = append(ids, trace.ID(f.GetTraceId()))
		}
		sums, err := receiveAll(c.reader2.FindTraceSummaries(t.Context(), &storagev2pb.FindTraceSummariesRequest{Query: q}))
		if err != nil || len(sums) != 1 || sums[0].GetNextPageToken() != got.GetNextPageToken() {
			t.Fatalf("summaries: %d messages, %v", len(sums), err)
		}
		for _, s := range sums[0].GetSummaries() {
			summaries = append(summaries, trace.ID(s.GetTraceId()))
			if s.GetSpanCount() != count[trace.ID(s.GetTraceId())] {
				t.Errorf("summary %v, want %d spans", s, count[trace.ID(s.GetTraceId())])
			}
		}
		if q.Pagination.PageToken = got.GetNextPageToken(); q.Pagination.PageToken == "" {
			break
		}
	}
	if !slices.Equal(ids, want) || !slices.Equal(summaries, want) {
		t.Errorf("%d ids, %d summaries, want %d:\n%v\n%v", len(ids), len(summaries), len(want), ids, want)
	}

	for _, id := range ids[:5] {
		one, err1 := receiveAll(c.reader1.GetTrace(t.Context(), &storagev1pb.GetTraceRequest{TraceId: id[:]}))
		two, err2 := receiveAll(c.reader2.GetTraces(t.Context(), &storagev2pb.GetTracesRequest{Query: []*storagev2pb.GetTraceParams{{TraceId: id[:]}}}))
		if err1 != nil || err2 != nil || len(one) != 1 || len(two) != 1 {
			t.Fatal(err1, err2)
		}
		var written []found
		for _, s := range spans {
			if trace.ID(s.GetTraceId()) == id {
				written = append(written, modelOf(s))
			}
		}
		var by1, by2 []found
		for _, s := range one[0].GetSpans() {
			by1 = append(by1, modelOf(s))
		}
		for _, rs := range two[0].GetResourceSpans() {
			for _, ss := range rs.GetScopeSpans() {
				for _, s := range ss.GetSpans() {
					by2 = append(by2, otlpOf(s))
				}
			}
		}
		for _, all := range [][]found{written, by1, by2} {
			slices.SortFunc(all, func(a, b found) int { return compareText(a.Span, b.Span) })
		}
		if !slices.Equal(by1, written) || !slices.Equal(by2, written) {
			t.Errorf("trace %s:\n%v\n%v\n%v", id, written, by1, by2)
		}
	}
}

// TestSearches: the conditions of both versions over a real tablet.
func TestSearches(t *testing.T) {
	target, _ := newTablet(t)
	c := dial(t, target, nil)
	spans := randomSpans(3, 400)
	write(t, c, spans)
	tag := func(s *apiv2pb.Span, key string) *apiv2pb.KeyValue {
		for _, kv := range s.GetTags() {
			if kv.GetKey() == key {
				return kv
			}
		}
		return &apiv2pb.KeyValue{}
	}
	attribute := func(key string, v *storagev2pb.AnyValue) *storagev2pb.KeyValue {
		return &storagev2pb.KeyValue{Key: key, Value: v}
	}
	type query = storagev2pb.TraceQueryParameters
	for _, tc := range []struct {
		name  string
		ask   func(*query)
		match func(*apiv2pb.Span) bool
	}{
		{"everything", func(*query) {}, func(*apiv2pb.Span) bool { return true }},
		{
			"service and operation", func(q *query) { q.ServiceName, q.OperationName = "service-1", "op-2" },
			func(s *apiv2pb.Span) bool {
				return s.GetProcess().GetServiceName() == "service-1" && s.GetOperationName() == "op-2"
			},
		},
		{
			"number as text", func(q *query) { q.Attributes = append(q.Attributes, attribute("code", stringValue("201"))) },
			func(s *apiv2pb.Span) bool { return tag(s, "code").GetVInt64() == 201 },
		},
		{
			"number", func(q *query) {
				q.Attributes = append(q.Attributes, attribute("code", &storagev2pb.AnyValue{Value: &storagev2pb.AnyValue_IntValue{IntValue: 201}}))
			},
			func(s *apiv2pb.Span) bool { return tag(s, "code").GetVInt64() == 201 },
		},
		{
			"error and kind on one span", func(q *query) {
				q.Attributes = append(q.Attributes, attribute("error", stringValue("true")), attribute("span.kind", stringValue("client")))
			},
			func(s *apiv2pb.Span) bool {
				return tag(s, "error").GetVBool() && tag(s, "span.kind").GetVStr() == "client"
			},
		},
		{
			"duration", func(q *query) {
				q.DurationMin, q.DurationMax = durationpb.New(5*time.Millisecond), durationpb.New(7*time.Millisecond)
			},
			func(s *apiv2pb.Span) bool {
				return s.GetDuration().AsDuration() >= 5*time.Millisecond && s.GetDuration().AsDuration() <= 7*time.Millisecond
			},
		},
		{
			"filter", func(q *query) {
				q.Filter = wire.FilterMessage(&expression.Call{Op: expression.OpAnd, Args: []expression.Term{
					&expression.Call{Op: expression.OpGt, Args: []expression.Term{
						&expression.Field{Level: expression.LevelSpan, Name: "duration"}, &expression.Scalar{Value: "10ms"},
					}},
					&expression.Call{Op: expression.OpIn, Args: []expression.Term{
						&expression.Attr{Key: "user"}, &expression.List{Values: []string{"u1", "u2"}},
					}},
				}})
			},
			func(s *apiv2pb.Span) bool {
				return s.GetDuration().AsDuration() > 10*time.Millisecond && (tag(s, "user").GetVStr() == "u1" || tag(s, "user").GetVStr() == "u2")
			},
		},
	} {
		q := aQuery()
		q.StartTimeMax, q.SearchDepth = at(time.Second), 1000
		tc.ask(q)
		want := make(map[string]bool)
		for _, s := range spans {
			if tc.match(s) {
				want[fmt.Sprintf("%x", s.GetTraceId())] = true
			}
		}
		if len(want) == 0 {
			t.Fatalf("%s: nothing matches", tc.name)
		}
		got := make(map[string]bool)
		ids, err := c.reader2.FindTraceIDs(t.Context(), &storagev2pb.FindTraceIDsRequest{Query: q})
		for _, f := range ids.GetTraceIds() {
			got[fmt.Sprintf("%x", f.GetTraceId())] = true
		}
		if diff := gocmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v, (-want +got):\n%s", tc.name, err, diff)
		}
	}
}

// TestForgedTokens: a token is good for the search that gave it out, and refused
// precisely by every other.
func TestForgedTokens(t *testing.T) {
	target, _ := newTablet(t)
	c := dial(t, target, nil)
	write(t, c, randomSpans(4, 100))
	q := aQuery()
	q.StartTimeMax = at(time.Second)
	q.Pagination = &storagev2pb.Pagination{PageSize: 2}
	first, err := c.reader2.FindTraceIDs(t.Context(), &storagev2pb.FindTraceIDsRequest{Query: q})
	if err != nil || first.GetNextPageToken() == "" {
		t.Fatal(first, err)
	}
	good := first.GetNextPageToken()
	spanPage := aSpanQuery(2)
	spanPage.Pagination.PageToken = good
	_, ofSpans := receiveAll(c.reader2.FindSpans(t.Context(), &storagev2pb.FindSpansRequest{Query: spanPage}))
	ask := func(token, service string) error {
		q.ServiceName, q.Pagination.PageToken = service, token
		_, err := c.reader2.FindTraceIDs(t.Context(), &storagev2pb.FindTraceIDsRequest{Query: q})
		return err
	}
	damaged := []byte(good)
	damaged[10] ^= 1
	if err := ask(good, ""); err != nil {
		t.Error(err)
	}
	for i, err := range []error{ofSpans, ask(good, "service-1"), ask(string(damaged), ""), ask(good[:len(good)-4], ""), ask("***", "")} {
		if got := text(err); !bytes.HasPrefix([]byte(got), []byte("InvalidArgument: ")) || len(got) < 30 {
			t.Errorf("%d: %s", i, got)
		}
	}
}

// TestCataloguesOfTablet: services, operations and calls as they were written.
func TestCataloguesOfTablet(t *testing.T) {
	target, _ := newTablet(t)
	c := dial(t, target, nil)
	parent, child := aSpan(1, 1), aSpan(1, 2)
	child.Process = &apiv2pb.Process{ServiceName: "bank"}
	child.References = []*apiv2pb.SpanRef{{TraceId: parent.GetTraceId(), SpanId: parent.GetSpanId()}}
	child.Tags = []*apiv2pb.KeyValue{{Key: "span.kind", VStr: "server"}}
	write(t, c, []*apiv2pb.Span{parent, child})
	services, err := c.reader1.GetServices(t.Context(), &storagev1pb.GetServicesRequest{})
	if err != nil || !slices.Equal(services.GetServices(), []string{"bank", "shop"}) {
		t.Errorf("services %v, %v", services, err)
	}
	ops, err := c.reader1.GetOperations(t.Context(), &storagev1pb.GetOperationsRequest{Service: "bank"})
	if err != nil || len(ops.GetOperations()) != 1 || ops.GetOperations()[0].GetSpanKind() != "server" {
		t.Errorf("operations %v, %v", ops, err)
	}
	deps, err := c.deps2.GetDependencies(t.Context(), &storagev2pb.GetDependenciesRequest{
		StartTime: timestamppb.New(testNow.Add(-time.Hour)), EndTime: timestamppb.New(testNow.Add(time.Hour)),
	})
	if err != nil || len(deps.GetDependencies()) != 1 || deps.GetDependencies()[0].GetChild() != "bank" || deps.GetDependencies()[0].GetCallCount() != 1 {
		t.Errorf("dependencies %v, %v", deps, err)
	}
}

package ui

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

func TestAttributes(t *testing.T) {
	number := func(key string, n int64) trace.Attr {
		return trace.Attr{Key: key, Value: trace.Value{Kind: trace.KindInt, Int: n}}
	}
	a, b := newSpan(1, 0), newSpan(2, 1)
	a.Attrs = []trace.Attr{text("http.method", "GET"), number("http.status", 200), text("", "no key"), text("long", strings.Repeat("x", 500))}
	b.Attrs = []trace.Attr{text("http.method", "POST"), text("http.status", "200"), text("http.method", "GET")}
	b.Events = []trace.Event{{Name: "e", Attrs: []trace.Attr{text("http.retry", "1")}}}
	store := &fakeStore{spans: []trace.Span{a, b}}
	h := newTestHandler(t, store)
	doc := getJSON[attributesDoc](t, h, "/api/v1/attributes?service=shop&prefix=http.")
	want := attributesDoc{SpanCount: 2, Attributes: []attributeDoc{
		{Key: "http.method", Level: "span", Types: []string{"string"}, SpanCount: 2, Values: []string{"GET", "POST"}},
		{Key: "http.status", Level: "span", Types: []string{"string", "int"}, SpanCount: 2, Values: []string{"200"}},
		{Key: "http.retry", Level: "event", Types: []string{"string"}, SpanCount: 1, Values: []string{"1"}},
	}}
	if diff := cmp.Diff(want, doc); diff != "" {
		t.Error(diff)
	}
	if got := store.spanQuery.Filter.String(); got != `resource.service = "shop"` {
		t.Errorf("the store was asked for %s", got)
	}
	all := getJSON[attributesDoc](t, h, "/api/v1/attributes")
	if len(all.Attributes) != 5 || all.Truncated || store.spanQuery.Filter != nil {
		t.Errorf("%+v", all)
	}
	for _, wrong := range []string{"lookback=x", "start=7&end=7"} {
		if w := get(t, h, "/api/v1/attributes?"+wrong); w.Code != 400 {
			t.Errorf("%s: status %d", wrong, w.Code)
		}
	}
	if w := get(t, h, "/api/v1/attributes?prefix="+strings.Repeat("x", 2000)); w.Code != 413 {
		t.Errorf("a long prefix: status %d", w.Code)
	}
}

// TestAttributesAreBounded sends what a hostile sender would.
func TestAttributesAreBounded(t *testing.T) {
	s := newSpan(1, 0)
	for i := range 2 * maxSampledKeys {
		s.Attrs = append(s.Attrs, text(fmt.Sprint("key", i), "x"))
	}
	for i := range 2 * maxSampledValues {
		s.Attrs = append(s.Attrs, text("key1", fmt.Sprint(i)))
	}
	doc := getJSON[attributesDoc](t, newTestHandler(t, &fakeStore{spans: []trace.Span{s}}), "/api/v1/attributes")
	if len(doc.Attributes) != maxAttributes || !doc.Truncated || len(doc.Attributes[0].Values) > maxAttributeValues {
		t.Errorf("%d attributes, truncated %t", len(doc.Attributes), doc.Truncated)
	}
}

// pagedStore has many traces, one each second going back from the end.
type pagedStore struct {
	fakeStore
	left int
	asks int
}

func (s *pagedStore) SummariesPage(_ context.Context, q *search.Query) ([]trace.Summary, string, error) {
	s.asks++
	n := min(s.left, q.Page.Size)
	found := make([]trace.Summary, n)
	for i := range found {
		found[i] = trace.Summary{StartNanos: uint64(q.Time.Start) + uint64(s.left-i-1)*1e9, Errors: uint32(i % 2)}
	}
	if s.left -= n; s.left == 0 {
		return found, "", nil
	}
	return found, "more", nil
}

func TestHistogram(t *testing.T) {
	const target = "/api/v1/traces/histogram?start=1000000000000&end=1060000000000" // 60 s
	store := &pagedStore{left: 60}
	doc := getJSON[histogramDoc](t, newTestHandler(t, store), target)
	if doc.Counted != 60 || doc.CompleteFromUnixNano != doc.StartUnixNano || len(doc.Buckets) != histogramBuckets {
		t.Fatalf("%+v", doc)
	}
	for i, b := range doc.Buckets {
		if want := (bucketDoc{Traces: 1, Failed: (i + 1) % 2}); b != want {
			t.Errorf("bucket %d: %+v, want %+v", i, b, want)
		}
	}
	store = &pagedStore{left: 100_000}
	doc = getJSON[histogramDoc](t, newTestHandler(t, store), "/api/v1/traces/histogram?start=1000000000000&end=101000000000000")
	if doc.Counted != histogramTraces || doc.CompleteFromUnixNano != "97000000000000" || store.asks != histogramTraces/histogramPage {
		t.Errorf("%d traces from %s on, %d questions", doc.Counted, doc.CompleteFromUnixNano, store.asks)
	}
	outside := &fakeStore{found: []trace.Summary{{StartNanos: 1}, {StartNanos: 1 << 63}}}
	doc = getJSON[histogramDoc](t, newTestHandler(t, outside), target)
	if doc.Buckets[0].Traces != 1 || doc.Buckets[histogramBuckets-1].Traces != 1 {
		t.Errorf("traces outside the range: %+v", doc.Buckets)
	}
	all := &fakeStore{found: []trace.Summary{{StartNanos: 1}, {StartNanos: 1 << 63}}}
	doc = getJSON[histogramDoc](t, newTestHandler(t, all), "/api/v1/traces/histogram?start=-9223372036854775808&end=9223372036854775807")
	if doc.Buckets[histogramBuckets/2].Traces != 1 || doc.Buckets[histogramBuckets-1].Traces != 1 {
		t.Errorf("traces of all time: %+v", doc.Buckets)
	}
}

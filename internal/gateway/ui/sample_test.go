package ui

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pandodb/pando/internal/base"
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

// steadyStore has a trace each second of a range, every second one with an error.
type steadyStore struct {
	fakeStore
	all  base.TimeRange
	asks int
}

func (s *steadyStore) SummariesPage(_ context.Context, q *search.Query) ([]trace.Summary, string, error) {
	s.asks++
	var found []trace.Summary
	start, end := max(q.Time.Start, s.all.Start), min(q.Time.End, s.all.End)
	for at := (end - 1) / 1e9 * 1e9; at >= start; at -= 1e9 {
		if len(found) == q.Page.Size {
			return found, "more", nil
		}
		id := trace.ID(binary.BigEndian.AppendUint64(make([]byte, 8), uint64(at)))
		found = append(found, trace.Summary{ID: id, StartNanos: uint64(at), Errors: uint32(at / 1e9 % 2)})
	}
	return found, "", nil
}

func TestHistogram(t *testing.T) {
	const target = "/api/v1/traces/histogram?start=1000000000000&end=1060000000000" // 60 s
	store := &steadyStore{all: base.AllTime}
	doc := getJSON[histogramDoc](t, newTestHandler(t, store), target)
	if doc.Counted != 60 || len(doc.Buckets) != histogramBuckets || store.asks != 1 {
		t.Fatalf("%+v after %d questions", doc, store.asks)
	}
	for i, b := range doc.Buckets {
		if want := (bucketDoc{Traces: 1, Failed: i % 2}); b != want {
			t.Errorf("bucket %d: %+v, want %+v", i, b, want)
		}
	}
	outside := &fakeStore{found: []trace.Summary{{StartNanos: 1}, {StartNanos: 1 << 63}}}
	doc = getJSON[histogramDoc](t, newTestHandler(t, outside), target)
	if doc.Buckets[0].Traces != 1 || doc.Buckets[histogramBuckets-1].Traces != 1 {
		t.Errorf("traces outside the range: %+v", doc.Buckets)
	}
	doc = getJSON[histogramDoc](t, newTestHandler(t, outside), "/api/v1/traces/histogram?start=-9223372036854775808&end=9223372036854775807")
	if doc.Buckets[histogramBuckets/2].Traces != 1 || doc.Buckets[histogramBuckets-1].Traces != 1 {
		t.Errorf("traces of all time: %+v", doc.Buckets)
	}
}

// TestHistogramEstimates looks at 60,000 seconds, of which the first 30,050 and
// the last 9,000 are silent.
func TestHistogramEstimates(t *testing.T) {
	store := &steadyStore{all: base.TimeRange{Start: 30_050e9, End: 51_000e9}}
	doc := getJSON[histogramDoc](t, newTestHandler(t, store), "/api/v1/traces/histogram?start=0&end=60000000000000")
	if store.asks != 1+histogramBuckets || doc.Counted != 21*bucketSample {
		t.Errorf("%d questions, %d traces", store.asks, doc.Counted)
	}
	for i, b := range doc.Buckets {
		var want bucketDoc
		if i >= 30 && i < 51 {
			want = bucketDoc{Traces: 1000, Failed: 500, Estimated: true}
		}
		if b != want {
			t.Errorf("bucket %d: %+v, want %+v", i, b, want)
		}
	}
	burst := make([]trace.Summary, bucketSample)
	for i := range burst {
		burst[i].StartNanos = 999_999
	}
	if b := newBucketDoc(burst, base.TimeRange{End: 1_000_000}, true); b.Traces != bucketSample*maxScale {
		t.Errorf("a burst: %+v", b)
	}
}

// TestHistogramCountsOnce has one long trace with matching spans in every bucket,
// besides a crowd in the fifth.
func TestHistogramCountsOnce(t *testing.T) {
	long := trace.Summary{ID: trace.ID{1}, StartNanos: 500}
	crowd := func(q *search.Query) ([]trace.Summary, string, error) {
		if q.Page.Size == histogramTraces || q.Time.Start == 5000 {
			return slices.Repeat([]trace.Summary{{ID: trace.ID{2}, StartNanos: 5001}}, q.Page.Size), "more", nil
		}
		return []trace.Summary{long}, "", nil
	}
	doc := getJSON[histogramDoc](t, newTestHandler(t, &askedStore{ask: crowd}), "/api/v1/traces/histogram?start=0&end=60000")
	for i, b := range doc.Buckets {
		switch {
		case i == 0 && b != bucketDoc{Traces: 1}, i > 0 && i != 5 && b != bucketDoc{}, i == 5 && !b.Estimated:
			t.Errorf("bucket %d: %+v", i, b)
		}
	}
	// A sample that may have missed the trace makes what follows an estimate.
	missed := func(q *search.Query) ([]trace.Summary, string, error) {
		if q.Page.Size == histogramTraces || q.Time.Start == 0 {
			return []trace.Summary{{ID: trace.ID{2}, StartNanos: 999}}, "more", nil
		}
		return []trace.Summary{long}, "", nil
	}
	doc = getJSON[histogramDoc](t, newTestHandler(t, &askedStore{ask: missed}), "/api/v1/traces/histogram?start=0&end=60000")
	if want := (bucketDoc{Traces: 1, Estimated: true}); doc.Buckets[1] != want || doc.Buckets[2] != (bucketDoc{}) {
		t.Errorf("%+v", doc.Buckets[:3])
	}
}

// askedStore answers searches by a function.
type askedStore struct {
	fakeStore
	ask func(q *search.Query) ([]trace.Summary, string, error)
}

func (s *askedStore) SummariesPage(_ context.Context, q *search.Query) ([]trace.Summary, string, error) {
	return s.ask(q)
}

// TestHistogramsTakeTurns asks for more of them at a time than are counted.
func TestHistogramsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, beyond atomic.Int32
		slow := &askedStore{ask: func(*search.Query) ([]trace.Summary, string, error) {
			if now.Add(1) > maxCounts {
				beyond.Add(1)
			}
			defer now.Add(-1)
			time.Sleep(20 * time.Second) // of the bubble's clock: the third turn is past the timeout
			return nil, "", nil
		}}
		h := newTestHandler(t, slow)
		var served, refused atomic.Int32
		var all sync.WaitGroup
		for range 3 * maxCounts {
			all.Go(func() {
				switch w := get(t, h, "/api/v1/traces/histogram"); w.Code {
				case http.StatusOK:
					served.Add(1)
				case http.StatusTooManyRequests:
					refused.Add(1)
				}
			})
		}
		all.Wait()
		if beyond.Load() != 0 || served.Load() != 2*maxCounts || refused.Load() != maxCounts {
			t.Errorf("%d too many at a time, %d served, %d refused", beyond.Load(), served.Load(), refused.Load())
		}
	})
}

func TestParts(t *testing.T) {
	for _, whole := range []base.TimeRange{{Start: 0, End: 1}, {Start: -7, End: 100}, {Start: 5, End: 61e9}, base.AllTime} {
		at := whole.Start
		for i := range histogramBuckets {
			part := partOf(whole, i)
			if part.Start != at || part.End < part.Start {
				t.Errorf("%+v: part %d is %+v", whole, i, part)
			}
			at = part.End
		}
		if at != whole.End {
			t.Errorf("%+v: the parts end at %d", whole, at)
		}
	}
}

package ui

import (
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

const (
	// histogramBuckets is how many bars a page has room for.
	histogramBuckets = 60
	// histogramTraces is how many traces are counted one by one. Of more, each
	// bucket's newest bucketSample are looked at: enough to be right within a
	// seventh or so, and together as quick as one long list.
	histogramTraces = 1000
	bucketSample    = 50
	// maxScale bounds an estimate: a sample from less than this part of a bucket
	// is a burst, and says little about the rest.
	maxScale = 1000
	// maxCounts bounds the histograms that are counted at a time: each may ask the
	// store as often as it has buckets. Others wait their turn.
	maxCounts = 4
)

type histogramDoc struct {
	StartUnixNano string `json:"startUnixNano"`
	EndUnixNano   string `json:"endUnixNano"`
	// Counted is how many traces were looked at.
	Counted int         `json:"counted"`
	Buckets []bucketDoc `json:"buckets"`
}

// bucketDoc counts the traces of one of the equal parts of the time range.
type bucketDoc struct {
	Traces int `json:"traces"`
	Failed int `json:"failed"`
	// Estimated says that the numbers are those of a sample, scaled.
	Estimated bool `json:"estimated"`
}

// serveHistogram counts the traces that match by time.
func (h *Handler) serveHistogram(w http.ResponseWriter, r *http.Request) error {
	q, err := parseConditions(r.URL.Query(), h.opts.Clock())
	if err != nil {
		return err
	}
	q.Page = &search.Page{Size: histogramTraces}
	if err := q.Validate(); err != nil {
		return err
	}
	doc, err := h.countInTurn(r.Context(), &q)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, doc)
	return nil
}

// countInTurn counts when fewer than maxCounts others do.
func (h *Handler) countInTurn(ctx context.Context, q *search.Query) (*histogramDoc, error) {
	select {
	case h.counts <- struct{}{}:
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, base.Errorf(base.ClassOverload, "%d other histograms are being counted", maxCounts)
		}
		return nil, ctx.Err()
	}
	defer func() { <-h.counts }()
	return h.countOverTime(ctx, q)
}

// countOverTime counts one by one when there are few, by samples when there are
// many.
func (h *Handler) countOverTime(ctx context.Context, q *search.Query) (*histogramDoc, error) {
	doc := &histogramDoc{
		StartUnixNano: strconv.FormatInt(q.Time.Start, 10), EndUnixNano: strconv.FormatInt(q.Time.End, 10),
		Buckets: make([]bucketDoc, histogramBuckets),
	}
	found, next, err := h.opts.Store.SummariesPage(ctx, q)
	if err != nil {
		return nil, err
	}
	if next == "" {
		for i := range found {
			doc.add(&found[i], q.Time)
		}
		return doc, nil
	}
	return doc, h.countByParts(ctx, q, doc)
}

// countByParts fills the buckets from samples of each. A trace with matching
// spans in several buckets counts in the first of them.
func (h *Handler) countByParts(ctx context.Context, q *search.Query, doc *histogramDoc) error {
	part := *q
	part.Page = &search.Page{Size: bucketSample}
	counted := make(map[trace.ID]struct{}, histogramTraces)
	sampled := false // whether the bucket before is an estimate
	for i := range doc.Buckets {
		part.Time = partOf(q.Time, i)
		if part.Time.Empty() {
			continue
		}
		found, next, err := h.opts.Store.SummariesPage(ctx, &part)
		if err != nil {
			return err
		}
		fresh := notIn(counted, found)
		doc.Counted += len(fresh)
		b := newBucketDoc(fresh, part.Time, next != "")
		// A sample may have missed the beginning of a trace that goes on here.
		b.Estimated = b.Estimated || sampled && slices.ContainsFunc(fresh, func(s trace.Summary) bool {
			return clampNanos(s.StartNanos, q.Time) < part.Time.Start
		})
		doc.Buckets[i], sampled = b, b.Estimated
	}
	return nil
}

// notIn returns the traces that are not in the set and adds them to it; it reuses
// the list.
func notIn(counted map[trace.ID]struct{}, found []trace.Summary) []trace.Summary {
	return slices.DeleteFunc(found, func(s trace.Summary) bool {
		_, known := counted[s.ID]
		counted[s.ID] = struct{}{}
		return known
	})
}

// add counts a trace. One that began before the range is in the first bucket: a
// part of it matched inside.
func (d *histogramDoc) add(s *trace.Summary, time base.TimeRange) {
	d.Counted++
	// As unsigned numbers the differences hold for all of time, too.
	at := float64(uint64(clampNanos(s.StartNanos, time)-time.Start)) / float64(uint64(time.End-time.Start))
	b := &d.Buckets[min(int(at*histogramBuckets), histogramBuckets-1)]
	b.Traces++
	if s.Errors > 0 {
		b.Failed++
	}
}

// newBucketDoc counts the newest traces of a part of time, and when there are
// more, takes the rest of it to be like the part that these cover.
func newBucketDoc(newest []trace.Summary, time base.TimeRange, more bool) bucketDoc {
	b := bucketDoc{Traces: len(newest), Estimated: more}
	for i := range newest {
		if newest[i].Errors > 0 {
			b.Failed++
		}
	}
	if !more || len(newest) == 0 {
		return b
	}
	oldest := clampNanos(newest[len(newest)-1].StartNanos, time)
	length, covered := float64(uint64(time.End-time.Start)), float64(uint64(time.End-oldest))
	scale := min(length/covered, maxScale)
	b.Traces = int(math.Round(float64(b.Traces) * scale))
	b.Failed = int(math.Round(float64(b.Failed) * scale))
	return b
}

// partOf returns one of the equal parts of a range.
func partOf(time base.TimeRange, i int) base.TimeRange {
	length := uint64(time.End - time.Start)
	whole, rest := length/histogramBuckets, length%histogramBuckets
	at := func(i uint64) int64 { return time.Start + int64(whole*i+rest*i/histogramBuckets) }
	return base.TimeRange{Start: at(uint64(i)), End: at(uint64(i) + 1)}
}

// clampNanos moves an instant into the range.
func clampNanos(n uint64, time base.TimeRange) int64 {
	return min(max(int64(min(n, math.MaxInt64)), time.Start), time.End-1)
}

package ui

import (
	"context"
	"math"
	"net/http"
	"strconv"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

const (
	// histogramBuckets is how many bars a page has room for.
	histogramBuckets = 60
	// histogramTraces bounds what one histogram counts, newest first: some tens of
	// milliseconds. The answer says from when on it is complete.
	histogramTraces = 4000
	histogramPage   = 1000
)

type histogramDoc struct {
	StartUnixNano string `json:"startUnixNano"`
	EndUnixNano   string `json:"endUnixNano"`
	// CompleteFromUnixNano is the start unless there were too many traces to
	// count: then, about, the start of the oldest one that was counted.
	CompleteFromUnixNano string      `json:"completeFromUnixNano"`
	Counted              int         `json:"counted"`
	Buckets              []bucketDoc `json:"buckets"`
}

// bucketDoc counts the traces of one of the equal parts of the time range.
type bucketDoc struct {
	Traces int `json:"traces"`
	Failed int `json:"failed"`
}

// serveHistogram counts the traces that match by their start.
func (h *Handler) serveHistogram(w http.ResponseWriter, r *http.Request) error {
	q, err := parseConditions(r.URL.Query(), h.opts.Clock())
	if err != nil {
		return err
	}
	q.Page = &search.Page{Size: histogramPage}
	if err := q.Validate(); err != nil {
		return err
	}
	doc, err := h.countOverTime(r.Context(), &q)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, doc)
	return nil
}

func (h *Handler) countOverTime(ctx context.Context, q *search.Query) (*histogramDoc, error) {
	start := strconv.FormatInt(q.Time.Start, 10)
	doc := &histogramDoc{
		StartUnixNano: start, EndUnixNano: strconv.FormatInt(q.Time.End, 10), CompleteFromUnixNano: start,
		Buckets: make([]bucketDoc, histogramBuckets),
	}
	for {
		found, next, err := h.opts.Store.SummariesPage(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range found {
			doc.add(&found[i], q.Time)
		}
		if next == "" || len(found) == 0 {
			return doc, nil
		}
		if doc.Counted >= histogramTraces {
			oldest := clampNanos(found[len(found)-1].StartNanos, q.Time)
			doc.CompleteFromUnixNano = strconv.FormatInt(oldest, 10)
			return doc, nil
		}
		q.Page.Token = next
	}
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

// clampNanos moves an instant into the range.
func clampNanos(n uint64, time base.TimeRange) int64 {
	return min(max(int64(min(n, math.MaxInt64)), time.Start), time.End-1)
}

package bench

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/corpus"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

// Lister is what is asked for spans and the service graph: server.Traces.
type Lister interface {
	FindSpans(ctx context.Context, q *search.SpanQuery) ([]trace.Span, string, error)
	ServiceGraph(ctx context.Context, time base.TimeRange) (*search.Graph, error)
}

// SpanPages is how fast pages of spans by duration came, longest first, over all
// spans.
type SpanPages struct {
	PageSize int     `json:"page_size"`
	Pages    int     `json:"pages"`    // walked in all
	First    Latency `json:"first_ms"` // the first page, asked for again and again
	Later    Latency `json:"later_ms"` // every other page of the walk, once
	Last     Latency `json:"last_ms"`  // the last one of the walk, again and again
}

// ServiceGraph is how fast the service graph of the corpus came.
type ServiceGraph struct {
	Times   int     `json:"times"`
	Edges   int     `json:"edges"`
	Calls   uint64  `json:"calls"`
	Latency Latency `json:"ms"`
}

const (
	spanPage   = 100
	spanPages  = 200 // walked
	spanRounds = 60  // of the first and the last page
	graphTimes = 200
)

// measureSpanPages walks pages of the longest spans and compares the walk with
// the durations that the corpus has.
func measureSpanPages(ctx context.Context, l Lister, o *corpus.Oracle) (SpanPages, error) {
	out := SpanPages{PageSize: spanPage}
	want := o.Durations()
	slices.SortFunc(want, func(a, b int64) int { return cmp.Compare(b, a) })
	ask := func(token string) ([]trace.Span, string, time.Duration, error) {
		q := &search.SpanQuery{
			Time: base.AllTime, OrderBy: []search.SpanSort{{Field: search.SpanDuration, Desc: true}},
			Page: search.Page{Size: spanPage, Token: token},
		}
		started := time.Now()
		spans, next, err := l.FindSpans(ctx, q)
		return spans, next, time.Since(started), err
	}
	var later []time.Duration
	token, last := "", ""
	for at := 0; out.Pages < spanPages; {
		spans, next, took, err := ask(token)
		if err != nil {
			return out, err
		}
		for i := range spans {
			if at+i >= len(want) || spans[i].DurationNanos() != uint64(want[at+i]) {
				return out, fmt.Errorf("span %d of the longest lasts %d ns, the corpus has another", at+i, spans[i].DurationNanos())
			}
		}
		at += len(spans)
		if out.Pages++; out.Pages > 1 {
			later = append(later, took)
		}
		if next == "" {
			break
		}
		last, token = token, next
	}
	again := func(token string) (Latency, error) {
		took := make([]time.Duration, spanRounds)
		var err error
		for i := range took {
			if _, _, took[i], err = ask(token); err != nil {
				return Latency{}, err
			}
		}
		return newLatency(took), nil
	}
	var err error
	out.Later = newLatency(later)
	if out.First, err = again(""); err != nil {
		return out, err
	}
	out.Last, err = again(last)
	return out, err
}

// measureGraph asks for the service graph of all spans and compares its calls
// with those of the corpus.
func measureGraph(ctx context.Context, l Lister, o *corpus.Oracle) (ServiceGraph, error) {
	out := ServiceGraph{Times: graphTimes}
	took := make([]time.Duration, graphTimes)
	for i := range took {
		started := time.Now()
		g, err := l.ServiceGraph(ctx, base.AllTime)
		took[i] = time.Since(started)
		if err != nil {
			return out, err
		}
		if i > 0 {
			continue
		}
		want := o.Calls()
		for _, e := range g.Edges {
			key := [2]string{e.Parent, e.Child}
			if want[key] != e.Calls {
				return out, fmt.Errorf("%s called %s %d times, the answer says %d", e.Parent, e.Child, want[key], e.Calls)
			}
			delete(want, key)
			out.Edges, out.Calls = out.Edges+1, out.Calls+e.Calls
		}
		if len(want) > 0 {
			return out, fmt.Errorf("the answer lacks %d pairs of services", len(want))
		}
	}
	out.Latency = newLatency(took)
	return out, nil
}

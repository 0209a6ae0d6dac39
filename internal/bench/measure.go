package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pandodb/pando/internal/bench/load"
	"github.com/pandodb/pando/internal/corpus"
)

// ClassResult is how a target did on one class.
type ClassResult struct {
	Class   string `json:"class"`
	Queries int    `json:"queries"`
	// Matches is the median number of traces that match a query.
	Matches int `json:"matches_p50"`
	// Refused says that the target has no such query; all else is zero then.
	Refused bool `json:"refused,omitempty"`

	Cold Latency `json:"cold_ms"` // first time asked
	Warm Latency `json:"warm_ms"` // second time
	// CPU is the mean processor time of this process per warm query; zero where
	// the system does not tell.
	CPU float64 `json:"cpu_ms"`

	Returned int `json:"returned"` // traces, over all queries
	Expected int `json:"expected"`
	Wrong    int `json:"wrong"`   // returned though they do not match
	Missing  int `json:"missing"` // of the expected
	Partial  int `json:"partial"` // returned with fewer or more spans than they have
	Exact    int `json:"exact"`   // queries answered with the right traces in the right order
}

// Right reports whether every answer was right.
func (r *ClassResult) Right() bool { return !r.Refused && r.Exact == r.Queries && r.Partial == 0 }

// Latency is a distribution in milliseconds.
type Latency struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// Measure asks every question of the plan twice: the first time the answers are
// graded, the second time only the clock runs.
func Measure(ctx context.Context, t Target, p *Plan) ([]ClassResult, error) {
	out := make([]ClassResult, 0, len(p.Classes))
	for i := range p.Classes {
		r, err := measureClass(ctx, t, p, &p.Classes[i])
		if err != nil {
			return out, fmt.Errorf("query class %s: %w", p.Classes[i].Class, err)
		}
		out = append(out, r)
	}
	return out, nil
}

func measureClass(ctx context.Context, t Target, p *Plan, c *ClassPlan) (ClassResult, error) {
	r := ClassResult{Class: c.Class.String(), Queries: len(c.Questions), Matches: c.answerSize()}
	cold := make([]time.Duration, 0, len(c.Questions))
	for i := range c.Questions {
		x := &c.Questions[i]
		started := time.Now()
		got, err := answer(ctx, t, &x.Query)
		cold = append(cold, time.Since(started))
		if errors.Is(err, ErrRefused) {
			return ClassResult{Class: r.Class, Queries: r.Queries, Matches: r.Matches, Refused: true}, nil
		}
		if err != nil {
			return r, err
		}
		p.grade(x, got, &r)
	}
	warm := make([]time.Duration, 0, len(c.Questions))
	cpu := processCPU()
	for i := range c.Questions {
		started := time.Now()
		if _, err := answer(ctx, t, &c.Questions[i].Query); err != nil {
			return r, err
		}
		warm = append(warm, time.Since(started))
	}
	if len(warm) > 0 {
		r.CPU = millis(processCPU()-cpu) / float64(len(warm))
	}
	r.Cold, r.Warm = newLatency(cold), newLatency(warm)
	return r, nil
}

func answer(ctx context.Context, t Target, q *corpus.Query) ([]Found, error) {
	if q.TraceID == (corpus.TraceID{}) {
		return t.Search(ctx, q)
	}
	spans, err := t.Trace(ctx, q.TraceID)
	if err != nil || spans == 0 {
		return nil, err
	}
	return []Found{{ID: q.TraceID, Spans: spans}}, nil
}

func newLatency(took []time.Duration) Latency {
	slices.Sort(took)
	return Latency{
		P50: millis(load.Percentile(took, 50)), P99: millis(load.Percentile(took, 99)), Max: millis(load.Percentile(took, 100)),
	}
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

package search

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/model/trace"
)

// MinStep is the shortest step of metrics: they are kept by the minute.
const MinStep = time.Minute

// MetricsQuery asks for calls, errors and latencies over time. Empty lists do not
// constrain.
type MetricsQuery struct {
	Services   []string
	Operations []string
	Kinds      []trace.Kind
	// GroupByOperation gives a series for every operation of a service, instead of
	// one for every service.
	GroupByOperation bool
	// Time bounds the points: at its start and every Step later, up to its end,
	// both inclusive.
	Time base.TimeRange
	// Step is rounded up to whole minutes, as is Window: what a point counts are
	// the spans that started in the Window before it, up to the end of the minute
	// that the point ends.
	Step   time.Duration
	Window time.Duration
	// Quantiles asks for these latencies of each point, from 0 to 1.
	Quantiles []float64
}

// Series is the points of a service, or of one of its operations.
type Series struct {
	Service   string
	Operation string // "" without GroupByOperation, and for operations beyond the bounds
	Points    []Point
}

// Point is what happened in the window before a moment.
type Point struct {
	Time   int64 // Unix nanoseconds
	Calls  uint64
	Errors uint64
	// Latencies are durations in nanoseconds, in the order of the quantiles; nil
	// without calls.
	Latencies []float64
}

const (
	// maxPoints is how many points a series may have.
	maxPoints = 11_000
	// maxAllPoints is how many points an answer may have: about 50 MB.
	maxAllPoints = 500_000
	// maxWindow is a window in minutes that reaches from the end of time, as Unix
	// nanoseconds have it, beyond its beginning.
	maxWindow = 1 << 29
	// maxQuantiles is how many latencies a point may have.
	maxQuantiles = 16
)

// Validate reports what is wrong with the query as a base.ClassInvalid or
// base.ClassTooLarge error.
func (q *MetricsQuery) Validate() error {
	switch {
	case q.Time.End < q.Time.Start:
		return base.Errorf(base.ClassInvalid, "time range is reversed: end %d is before start %d", q.Time.End, q.Time.Start)
	case q.Step < 0 || q.Window < 0:
		return base.Errorf(base.ClassInvalid, "step %v and window %v: want positive durations", q.Step, q.Window)
	case q.steps() >= maxPoints:
		return base.Errorf(base.ClassTooLarge, "more than %d points in a series: ask for a longer step or a shorter time", maxPoints)
	case len(q.Quantiles) > maxQuantiles:
		return base.Errorf(base.ClassTooLarge, "%d quantiles: at most %d", len(q.Quantiles), maxQuantiles)
	}
	for _, x := range q.Quantiles {
		if !(x >= 0 && x <= 1) {
			return base.Errorf(base.ClassInvalid, "quantile %g: want 0 to 1", x)
		}
	}
	return nil
}

// steps returns how many whole steps the time has.
func (q *MetricsQuery) steps() uint64 { return uint64(q.Time.End-q.Time.Start) / q.stepNanos() }

// stepNanos returns the step in whole minutes. The longest is longer than a
// time.Duration can be.
func (q *MetricsQuery) stepNanos() uint64 { return wholeMinutes(q.Step) * uint64(time.Minute) }

// wholeMinutes returns how many minutes a duration has, rounded up, at least one.
func wholeMinutes(d time.Duration) uint64 {
	return max(uint64(d/time.Minute)+uint64(min(d%time.Minute, 1)), 1)
}

// Metrics returns the series that have calls, ascending by service and operation.
// It reads what every part keeps for the purpose, no spans.
func (t *Traces) Metrics(ctx context.Context, q *MetricsQuery) ([]Series, error) {
	if err := q.Validate(); err != nil {
		return nil, err
	}
	f := newMetricsFolder(q)
	if err := t.eachDigest(ctx, f.minutes, f.add); err != nil {
		return nil, err
	}
	out := make([]Series, 0, len(f.series))
	for key, sums := range f.series {
		out = append(out, Series{Service: key.service, Operation: key.operation, Points: f.points(sums)})
	}
	slices.SortFunc(out, func(a, b Series) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Operation, b.Operation))
	})
	return out, nil
}

// seriesKey names a series.
type seriesKey struct{ service, operation string }

// metricsFolder sums up the cells of each series by span of minutes. The spans are
// what the starts and ends of all windows cut time into, so that every window is
// some of them.
type metricsFolder struct {
	q       *MetricsQuery
	window  int32   // minutes
	times   []int64 // of the points
	minutes minutes // of all windows
	cuts    []int32 // ascending; span i is the minutes [cuts[i], cuts[i+1])
	series  map[seriesKey][]*spanSum
}

// spanSum sums up the cells of a span of minutes.
type spanSum struct {
	calls, errors uint64
	latency       trace.Latency // if anybody asks for quantiles
}

func newMetricsFolder(q *MetricsQuery) *metricsFolder {
	f := &metricsFolder{q: q, series: make(map[seriesKey][]*spanSum)}
	f.window = int32(min(wholeMinutes(q.Window), maxWindow))
	for n := range q.steps() + 1 {
		t := q.Time.Start + int64(n*q.stepNanos())
		f.times = append(f.times, t)
		w := f.windowAt(t)
		f.cuts = append(f.cuts, w.lo, w.hi)
	}
	slices.Sort(f.cuts)
	f.cuts = slices.Compact(f.cuts)
	f.minutes = minutes{f.cuts[0], f.cuts[len(f.cuts)-1]}
	return f
}

// windowAt returns the minutes that a point at t counts.
func (f *metricsFolder) windowAt(t int64) minutes {
	end := trace.MinuteOf(max(t, base.AllTime.Start+1)-1) + 1
	return minutes{end - f.window, end}
}

func (f *metricsFolder) add(d *trace.Digest, m minutes, _ []*columnar.Links) error {
	for i := range d.Operations {
		o := &d.Operations[i]
		if !wants(f.q.Services, o.Service) || !wants(f.q.Operations, o.Name) || !wants(f.q.Kinds, o.Kind) {
			continue
		}
		cells := m.cut(o.Cells)
		if len(cells) == 0 {
			continue
		}
		key := seriesKey{service: o.Service}
		if f.q.GroupByOperation {
			key.operation = o.Name
		}
		sums, ok := f.series[key]
		if !ok {
			if n := len(f.series) + 1; n*len(f.times) > maxAllPoints {
				return base.Errorf(base.ClassTooLarge, "%d series and more of %d points: ask for fewer services or operations, a longer step or a shorter time", n, len(f.times))
			}
			sums = make([]*spanSum, len(f.cuts)-1)
			f.series[key] = sums
		}
		f.addCells(sums, cells)
	}
	return nil
}

// addCells adds cells, which are ascending.
func (f *metricsFolder) addCells(sums []*spanSum, cells []trace.Cell) {
	at, _ := slices.BinarySearch(f.cuts, cells[0].Minute+1)
	at-- // the last cut that is not after the minute
	for i := range cells {
		for f.cuts[at+1] <= cells[i].Minute {
			at++
		}
		s := sums[at]
		if s == nil {
			s = &spanSum{}
			sums[at] = s
		}
		s.calls += uint64(cells[i].Calls)
		s.errors += uint64(cells[i].Errors)
		if len(f.q.Quantiles) > 0 {
			s.latency.AddCell(&cells[i])
		}
	}
}

// cut returns the cells of the minutes, which are ascending.
func (m minutes) cut(cells []trace.Cell) []trace.Cell {
	for len(cells) > 0 && cells[0].Minute < m.lo {
		cells = cells[1:]
	}
	for len(cells) > 0 && cells[len(cells)-1].Minute >= m.hi {
		cells = cells[:len(cells)-1]
	}
	return cells
}

func wants[T comparable](list []T, v T) bool { return len(list) == 0 || slices.Contains(list, v) }

// points slides the window over the sums of a series.
func (f *metricsFolder) points(sums []*spanSum) []Point {
	var in spanSum // of the window: sums[first:next]
	out := make([]Point, len(f.times))
	first, next := 0, 0
	for i, t := range f.times {
		window := f.windowAt(t)
		for ; next < len(sums) && f.cuts[next] < window.hi; next++ {
			if s := sums[next]; s != nil {
				in.calls, in.errors = in.calls+s.calls, in.errors+s.errors
				in.latency.AddAll(&s.latency)
			}
		}
		for ; first < next && f.cuts[first] < window.lo; first++ {
			if s := sums[first]; s != nil {
				in.calls, in.errors = in.calls-s.calls, in.errors-s.errors
				in.latency.RemoveAll(&s.latency)
			}
		}
		out[i] = Point{Time: t, Calls: in.calls, Errors: in.errors}
		if in.calls == 0 {
			continue
		}
		for _, q := range f.q.Quantiles {
			out[i].Latencies = append(out[i].Latencies, in.latency.Quantile(q))
		}
	}
	return out
}

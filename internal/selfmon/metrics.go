package selfmon

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// maxLevel caps the level label of merges: the engine has three levels, counted
// from 1, and the label must not grow if that changes.
const maxLevel = 3

// workSeconds are the buckets of background work: a flush takes tens of
// milliseconds, a large merge minutes.
var workSeconds = []float64{0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300}

// syncSeconds are the buckets of log syncs: from a battery-backed cache to a
// disk that is about to be declared faulty.
var syncSeconds = []float64{0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2, 10}

// Metrics counts events. Its functions are safe for concurrent use and
// allocate nothing.
type Metrics struct {
	flushRows, flushBytes, flushed prometheus.Counter
	flushSeconds                   prometheus.Observer
	merges                         [maxLevel + 1]mergeMetrics
	quarantined                    prometheus.Counter
	droppedSegments, droppedBytes  prometheus.Counter
	stalls, stallSeconds           [stallEnd]prometheus.Counter
	syncEntries, syncBytes         prometheus.Counter
	syncErrors                     prometheus.Counter
	syncSeconds                    prometheus.Observer
	backgroundErrors               [opEnd]prometheus.Counter
	tabletsOpened, tabletsClosed   prometheus.Counter
}

type mergeMetrics struct {
	done, rows, bytesIn, bytesOut, inputs prometheus.Counter
	seconds                               prometheus.Observer
}

// registration builds metrics and registers each; the first failure sticks.
type registration struct {
	to  prometheus.Registerer
	err error
}

func (r *registration) add(c prometheus.Collector) {
	if r.err == nil {
		r.err = r.to.Register(c)
	}
}

func (r *registration) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	r.add(c)
	return c
}

func (r *registration) counters(name, help, label string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	r.add(c)
	return c
}

func (r *registration) histogram(name, help string, buckets []float64) prometheus.Observer {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	r.add(h)
	return h
}

// NewMetrics returns metrics registered with reg. A name that is taken, as by a
// second call with one registry, is an error.
func NewMetrics(reg prometheus.Registerer) (*Metrics, error) {
	r := &registration{to: reg}
	m := &Metrics{
		flushed:         r.counter("pando_flushes_total", "Memtables flushed to parts."),
		flushRows:       r.counter("pando_flush_rows_total", "Rows written by flushes."),
		flushBytes:      r.counter("pando_flush_bytes_total", "Bytes of parts written by flushes."),
		flushSeconds:    r.histogram("pando_flush_duration_seconds", "Duration of flushes.", workSeconds),
		quarantined:     r.counter("pando_parts_quarantined_total", "Damaged parts set aside."),
		droppedSegments: r.counter("pando_segments_dropped_total", "Segments dropped by retention."),
		droppedBytes:    r.counter("pando_segments_dropped_bytes_total", "Bytes of segments dropped by retention."),
		syncEntries:     r.counter("pando_log_sync_entries_total", "Entries made durable by log syncs."),
		syncBytes:       r.counter("pando_log_sync_bytes_total", "Bytes made durable by log syncs."),
		syncErrors:      r.counter("pando_log_sync_errors_total", "Log syncs that failed."),
		syncSeconds:     r.histogram("pando_log_sync_duration_seconds", "Duration of log syncs.", syncSeconds),
		tabletsOpened:   r.counter("pando_tablets_opened_total", "Tablets that began to serve."),
		tabletsClosed:   r.counter("pando_tablets_closed_total", "Tablets that ceased to serve."),
	}
	m.addMerges(r)
	stalls := r.counters("pando_write_stalls_total", "Times writes had to wait, by reason.", "reason")
	seconds := r.counters("pando_write_stall_seconds_total", "Time writes had to wait, by reason.", "reason")
	for why := StallReason(1); why < stallEnd; why++ {
		m.stalls[why] = stalls.WithLabelValues(why.String())
		m.stallSeconds[why] = seconds.WithLabelValues(why.String())
	}
	errs := r.counters("pando_background_errors_total", "Background work that failed, by operation.", "operation")
	for op := Operation(1); op < opEnd; op++ {
		m.backgroundErrors[op] = errs.WithLabelValues(op.String())
	}
	return m, r.err
}

func (m *Metrics) addMerges(r *registration) {
	done := r.counters("pando_merges_total", "Merges, by level of the output.", "level")
	rows := r.counters("pando_merge_rows_total", "Rows written by merges, by level of the output.", "level")
	in := r.counters("pando_merge_read_bytes_total", "Bytes of parts read by merges, by level of the output.", "level")
	out := r.counters("pando_merge_written_bytes_total", "Bytes of parts written by merges, by level of the output.", "level")
	inputs := r.counters("pando_merge_inputs_total", "Parts replaced by merges, by level of the output.", "level")
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "pando_merge_duration_seconds", Help: "Duration of merges, by level of the output.", Buckets: workSeconds,
	}, []string{"level"})
	r.add(seconds)
	for level := range m.merges {
		l := strconv.Itoa(level)
		m.merges[level] = mergeMetrics{
			done: done.WithLabelValues(l), rows: rows.WithLabelValues(l),
			bytesIn: in.WithLabelValues(l), bytesOut: out.WithLabelValues(l),
			inputs: inputs.WithLabelValues(l), seconds: seconds.WithLabelValues(l),
		}
	}
}

// Events returns events that count in m.
func (m *Metrics) Events() Events {
	return Events{
		FlushDone: m.flushDone,
		MergeDone: m.mergeDone,
		PartQuarantined: func(PartQuarantined) {
			m.quarantined.Inc()
		},
		SegmentDropped: func(e SegmentDropped) {
			m.droppedSegments.Inc()
			m.droppedBytes.Add(positive(e.Bytes))
		},
		Stall:   m.stall,
		LogSync: m.logSync,
		BackgroundError: func(e BackgroundError) {
			if e.Op > 0 && e.Op < opEnd {
				m.backgroundErrors[e.Op].Inc()
			}
		},
		TabletOpened: func(TabletOpened) { m.tabletsOpened.Inc() },
		TabletClosed: func(TabletClosed) { m.tabletsClosed.Inc() },
	}
}

func (m *Metrics) flushDone(e FlushDone) {
	m.flushed.Inc()
	m.flushRows.Add(positive(e.Rows))
	m.flushBytes.Add(positive(e.Bytes))
	m.flushSeconds.Observe(e.Dur.Seconds())
}

func (m *Metrics) mergeDone(e MergeDone) {
	at := &m.merges[min(max(e.Level, 0), maxLevel)]
	at.done.Inc()
	at.inputs.Add(float64(len(e.Inputs)))
	at.rows.Add(positive(e.Rows))
	at.bytesIn.Add(positive(e.BytesIn))
	at.bytesOut.Add(positive(e.BytesOut))
	at.seconds.Observe(e.Dur.Seconds())
}

func (m *Metrics) stall(e Stall) {
	if e.Why > 0 && e.Why < stallEnd {
		m.stalls[e.Why].Inc()
		m.stallSeconds[e.Why].Add(max(e.Dur, time.Duration(0)).Seconds())
	}
}

func (m *Metrics) logSync(e LogSync) {
	m.syncSeconds.Observe(e.Dur.Seconds())
	if e.Err != nil {
		m.syncErrors.Inc()
		return
	}
	m.syncEntries.Add(positive(int64(e.Entries)))
	m.syncBytes.Add(positive(e.Bytes))
}

// positive turns a count into what a counter may add: counters panic on
// negative values, and a wrong count must not end the process.
func positive(n int64) float64 { return float64(max(n, 0)) }

package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pandodb/pando/internal/gateway/otlp"
	"github.com/pandodb/pando/internal/jobs"
)

// ownMetrics exports what rooms below count for themselves. They cannot know the
// metrics registry, which lives on their own floor.
type ownMetrics struct {
	s      *Server
	ingest *otlp.Gateway

	requests, failed, bytes, spans, rejected, inFlight *prometheus.Desc
	jobsQueued, jobsRunning, jobsDone, jobsFailed      *prometheus.Desc
	cacheHits, cacheMisses, cacheBytes                 *prometheus.Desc
}

func newOwnMetrics(s *Server, ingest *otlp.Gateway) *ownMetrics {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("pando_"+name, help, labels, nil)
	}
	return &ownMetrics{
		s: s, ingest: ingest,
		requests:    d("otlp_requests_total", "OTLP trace export requests answered."),
		failed:      d("otlp_failed_requests_total", "OTLP trace export requests answered with an error."),
		bytes:       d("otlp_bytes_total", "Bytes of OTLP taken, after decompression."),
		spans:       d("otlp_spans_total", "Spans acknowledged: they are durable."),
		rejected:    d("otlp_rejected_spans_total", "Spans refused one by one, as partial success."),
		inFlight:    d("otlp_in_flight_bytes", "Bytes of OTLP requests being received and written."),
		jobsQueued:  d("jobs_queued", "Background jobs that wait, by kind.", "kind"),
		jobsRunning: d("jobs_running", "Background jobs that run, by kind.", "kind"),
		jobsDone:    d("jobs_total", "Background jobs that ended, by kind.", "kind"),
		jobsFailed:  d("jobs_failed_total", "Background jobs that failed, by kind.", "kind"),
		cacheHits:   d("page_cache_hits_total", "Reads answered from the page cache."),
		cacheMisses: d("page_cache_misses_total", "Reads that decoded bytes of a part."),
		cacheBytes:  d("page_cache_bytes", "Memory the page cache holds."),
	}
}

// Describe implements prometheus.Collector.
func (m *ownMetrics) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, out) }

// Collect implements prometheus.Collector.
func (m *ownMetrics) Collect(out chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge := func(d *prometheus.Desc, v int64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), labels...)
	}
	o := m.ingest.Stats()
	counter(m.requests, o.Requests)
	counter(m.failed, o.Failed)
	counter(m.bytes, o.Bytes)
	counter(m.spans, o.Spans)
	counter(m.rejected, o.RejectedSpans)
	gauge(m.inFlight, o.InFlightBytes)
	st := m.s.jobs.Stats()
	for _, k := range jobs.Kinds() {
		x := st.Kind(k)
		gauge(m.jobsQueued, int64(x.Queued), k.String())
		gauge(m.jobsRunning, int64(x.Running), k.String())
		counter(m.jobsDone, x.Done, k.String())
		counter(m.jobsFailed, x.Failed, k.String())
	}
	c := m.s.cache.Stats()
	counter(m.cacheHits, c.Hits)
	counter(m.cacheMisses, c.Misses)
	gauge(m.cacheBytes, c.Bytes)
}

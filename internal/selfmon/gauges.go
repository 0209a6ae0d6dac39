package selfmon

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// TabletStats is what one tablet holds, or the sum over many.
type TabletStats struct {
	Tablets       int64
	Segments      int64
	Parts         int64
	PartRows      int64
	PartBytes     int64
	MemtableRows  int64
	MemtableBytes int64
	// QuarantinedParts are set aside as damaged and serve no reads.
	QuarantinedParts int64
	// UnappliedBytes are committed in the log and not yet applied.
	UnappliedBytes int64
}

// Add adds o to s.
func (s *TabletStats) Add(o TabletStats) {
	s.Tablets += o.Tablets
	s.Segments += o.Segments
	s.Parts += o.Parts
	s.PartRows += o.PartRows
	s.PartBytes += o.PartBytes
	s.MemtableRows += o.MemtableRows
	s.MemtableBytes += o.MemtableBytes
	s.QuarantinedParts += o.QuarantinedParts
	s.UnappliedBytes += o.UnappliedBytes
}

// tabletGauge describes one exported field of TabletStats.
type tabletGauge struct {
	desc  *prometheus.Desc
	value func(*TabletStats) int64
}

func newTabletGauge(name, help string, value func(*TabletStats) int64) tabletGauge {
	return tabletGauge{prometheus.NewDesc(name, help, nil, nil), value}
}

type tabletCollector struct {
	sum    func() TabletStats
	gauges []tabletGauge
}

// RegisterTablets exports the sum over a node's tablets. The function is called
// once per scrape, so that all gauges of a scrape agree; it must be safe for
// concurrent use.
func RegisterTablets(reg prometheus.Registerer, sum func() TabletStats) error {
	return reg.Register(&tabletCollector{sum: sum, gauges: []tabletGauge{
		newTabletGauge("pando_tablets", "Tablets open on this node.", func(s *TabletStats) int64 { return s.Tablets }),
		newTabletGauge("pando_segments", "Time segments open on this node.", func(s *TabletStats) int64 { return s.Segments }),
		newTabletGauge("pando_parts", "Live parts on this node.", func(s *TabletStats) int64 { return s.Parts }),
		newTabletGauge("pando_part_rows", "Rows in live parts.", func(s *TabletStats) int64 { return s.PartRows }),
		newTabletGauge("pando_part_bytes", "Bytes on disk of live parts.", func(s *TabletStats) int64 { return s.PartBytes }),
		newTabletGauge("pando_memtable_rows", "Rows in memtables.", func(s *TabletStats) int64 { return s.MemtableRows }),
		newTabletGauge("pando_memtable_bytes", "Bytes of memory held by memtables.", func(s *TabletStats) int64 { return s.MemtableBytes }),
		newTabletGauge("pando_quarantined_parts", "Damaged parts set aside on this node.", func(s *TabletStats) int64 { return s.QuarantinedParts }),
		newTabletGauge("pando_log_unapplied_bytes", "Bytes committed in the log and not yet applied.", func(s *TabletStats) int64 { return s.UnappliedBytes }),
	}})
}

// Describe implements prometheus.Collector.
func (c *tabletCollector) Describe(out chan<- *prometheus.Desc) {
	for _, g := range c.gauges {
		out <- g.desc
	}
}

// Collect implements prometheus.Collector.
func (c *tabletCollector) Collect(out chan<- prometheus.Metric) {
	sum := c.sum()
	for _, g := range c.gauges {
		out <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, float64(g.value(&sum)))
	}
}

// RegisterRuntime exports the Go runtime's and the process's own metrics and a
// constant pando_build_info of value 1 with the version as its label.
func RegisterRuntime(reg prometheus.Registerer, version string) error {
	r := &registration{to: reg}
	r.add(collectors.NewGoCollector())
	r.add(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "pando_build_info", Help: "Always 1; the label is the running version.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	r.add(info)
	return r.err
}

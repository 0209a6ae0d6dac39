package bench

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/pandodb/pando/internal/bench/load"
	"github.com/pandodb/pando/internal/corpus"
)

// Report holds everything that a run measured. The JSON names are stable.
type Report struct {
	Machine  Machine       `json:"machine"`
	Workload Workload      `json:"workload"`
	Ingest   Ingest        `json:"ingest"`
	Disk     Disk          `json:"disk"`
	Floor    *Floor        `json:"floor,omitempty"`
	Wire     WireQueries   `json:"wire"`
	Queries  RouterQueries `json:"queries"`
	// LoadAverageAfter tells whether the machine was busy with other work.
	LoadAverageAfter string `json:"load_average_after"`
}

// Machine says where it ran.
type Machine struct {
	CPU         string `json:"cpu"`
	Cores       int    `json:"cores"`
	Go          string `json:"go"`
	LoadAverage string `json:"load_average_before"`
}

// Workload says what was run.
type Workload struct {
	Seed    uint64 `json:"seed"`
	Traces  int    `json:"traces"`
	Base    string `json:"base"`
	Senders int    `json:"senders"`
}

// Ingest is how the load went. CPU is the server's, from /proc.
type Ingest struct {
	EmptyStart     float64 `json:"empty_start_ms"` // from exec to listening
	Spans          int     `json:"spans"`
	Refused        int     `json:"refused"`
	WireBytes      int64   `json:"wire_bytes"`
	Retries        int     `json:"retries"`
	Seconds        float64 `json:"seconds"`
	SpansPerSecond float64 `json:"spans_per_second"`
	Acks           Latency `json:"ack_ms"`
	LoadCPU        float64 `json:"load_cpu_seconds"`
	CompactSeconds float64 `json:"compact_seconds"`
	TotalCPU       float64 `json:"total_cpu_seconds"` // load, flush and merge
	// SpansPerCPU counts the load only, SpansPerTotalCPU flush and merge too.
	SpansPerCPU      float64 `json:"spans_per_load_cpu_second"`
	SpansPerTotalCPU float64 `json:"spans_per_total_cpu_second"`
	PeakRSS          int64   `json:"peak_rss_bytes"`
}

func (in *Ingest) fill(r *load.Result, cpu time.Duration) {
	in.Spans, in.Refused, in.WireBytes, in.Retries = r.Spans, r.Refused, r.Bytes, r.Retries
	in.Seconds, in.SpansPerSecond = r.Elapsed.Seconds(), r.SpansPerSecond()
	in.Acks = newLatency(r.Latencies)
	in.LoadCPU = cpu.Seconds()
	in.SpansPerCPU = per(in.Spans, in.LoadCPU)
}

func (in *Ingest) fillCompacted(cpu time.Duration, peak int64) {
	in.TotalCPU, in.PeakRSS = cpu.Seconds(), peak
	in.SpansPerTotalCPU = per(in.Spans, in.TotalCPU)
}

func per(n int, seconds float64) float64 {
	if seconds <= 0 {
		return 0
	}
	return float64(n) / seconds
}

// Disk is what the data directory took after the merge and a clean stop.
type Disk struct {
	Kinds []DiskKind `json:"kinds"`
	// BytesPerSpan counts what grows with the data: parts and manifests.
	// AllBytesPerSpan counts log and control plane, too.
	BytesPerSpan    float64 `json:"bytes_per_span"`
	AllBytesPerSpan float64 `json:"all_bytes_per_span"`
}

func (d *Disk) fill(spans int) {
	all, data := SumBytes(d.Kinds)
	d.BytesPerSpan = float64(data) / float64(max(spans, 1))
	d.AllBytesPerSpan = float64(all) / float64(max(spans, 1))
}

// WireQueries is what a restarted server answered over HTTP.
type WireQueries struct {
	RestartToListen float64       `json:"restart_to_listen_ms"`
	RestartToAnswer float64       `json:"restart_to_answer_ms"`
	Classes         []ClassResult `json:"classes"`
	RSSAfter        int64         `json:"rss_after_bytes"`
}

// RouterQueries is what the same data answered in this process.
type RouterQueries struct {
	Open          float64       `json:"open_ms"`
	Classes       []ClassResult `json:"classes"`
	ComparedSpans int           `json:"compared_spans"` // whole, all equal
	SpanPages     SpanPages     `json:"span_pages"`
	ServiceGraph  ServiceGraph  `json:"service_graph"`
}

// Right reports whether every answer of the run was right.
func (r *Report) Right() bool {
	for _, classes := range [][]ClassResult{r.Wire.Classes, r.Queries.Classes} {
		for i := range classes {
			if !classes[i].Right() {
				return false
			}
		}
	}
	return true
}

func newReport(c *corpus.Corpus, o *Options) *Report {
	cfg := c.Config()
	return &Report{
		Machine: ThisMachine(),
		Workload: Workload{
			Seed: cfg.Seed, Traces: cfg.Traces, Senders: o.Senders,
			Base: time.Unix(0, cfg.Base).UTC().Format(time.RFC3339),
		},
	}
}

// ThisMachine describes the machine and how busy it is.
func ThisMachine() Machine {
	return Machine{CPU: cpuModel(), Cores: runtime.NumCPU(), Go: runtime.Version(), LoadAverage: loadAverage()}
}

func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// loadAverage returns the three averages, or "unknown".
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(text)); err == nil && len(fields) >= 3 {
		return strings.Join(fields[:3], " ")
	}
	return "unknown"
}

// Text renders the report for people.
func (r *Report) Text() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("Machine: %d cores %s, %s; load average %s before, %s after",
		r.Machine.Cores, r.Machine.CPU, r.Machine.Go, r.Machine.LoadAverage, r.LoadAverageAfter)
	line("Load: seed %d, %d traces from %s, %d requests at once", r.Workload.Seed, r.Workload.Traces, r.Workload.Base, r.Workload.Senders)
	in := &r.Ingest
	line("\nIngest: every request acknowledged when durable")
	line("  spans                       %12d  (%.0f bytes each on the wire, %d refused, %d retries)",
		in.Spans, float64(in.WireBytes)/float64(max(in.Spans, 1)), in.Refused, in.Retries)
	line("  spans/s                     %12.0f  (%.1f s)", in.SpansPerSecond, in.Seconds)
	line("  ack ms p50 / p99 / max      %s / %s / %s", ms(in.Acks.P50), ms(in.Acks.P99), ms(in.Acks.Max))
	line("  spans per server CPU-s      %12.0f  at load, %.0f with flush and merge", in.SpansPerCPU, in.SpansPerTotalCPU)
	line("  server CPU-s                %12.2f  at load, %.2f with flush and merge (%.1f s)", in.LoadCPU, in.TotalCPU, in.CompactSeconds)
	line("  peak RSS MB                 %12.1f", megabytes(in.PeakRSS))
	line("\nDisk: %.1f bytes per span, %.1f with log and control plane", r.Disk.BytesPerSpan, r.Disk.AllBytesPerSpan)
	for _, k := range r.Disk.Kinds {
		line("  %-18s %5d files %14d bytes %8.2f per span", k.Kind, k.Files, k.Bytes, float64(k.Bytes)/float64(max(in.Spans, 1)))
	}
	if r.Floor != nil {
		line("\nFloor: %.1f bytes per span (entropy given free statistics, no index)", r.Floor.BytesPerSpan())
		for _, i := range r.Floor.Items {
			line("  %-18s %8.2f", i.Name, i.BytesPerSpan)
		}
	}
	line("\nRestart: %s ms to listen, %s ms to the first answer; empty start %s ms",
		ms(r.Wire.RestartToListen), ms(r.Wire.RestartToAnswer), ms(in.EmptyStart))
	line("\nQueries at the router, whole traces decoded (ms)")
	b.WriteString(ClassTable(r.Queries.Classes))
	line("  %d spans compared whole with what was sent: equal", r.Queries.ComparedSpans)
	p, g := &r.Queries.SpanPages, &r.Queries.ServiceGraph
	line("  pages of %d spans by duration: first %s / %s, the next %d %s / %s, the last of them again %s / %s (p50 / p99)",
		p.PageSize, ms(p.First.P50), ms(p.First.P99), p.Pages-1, ms(p.Later.P50), ms(p.Later.P99), ms(p.Last.P50), ms(p.Last.P99))
	line("  service graph of %d calls over %d edges: %s / %s (p50 / p99 of %d)", g.Calls, g.Edges, ms(g.Latency.P50), ms(g.Latency.P99), g.Times)
	line("\nQueries over HTTP, summaries as JSON (ms); RSS afterwards %.1f MB", megabytes(r.Wire.RSSAfter))
	b.WriteString(ClassTable(r.Wire.Classes))
	return b.String()
}

// ClassTable renders results, one class per line.
func ClassTable(classes []ClassResult) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  %-22s %7s %7s %9s %9s %9s %9s %9s  %s\n",
		"class", "queries", "matches", "warm p50", "warm p99", "cold p50", "cold p99", "cpu", "answers")
	for i := range classes {
		c := &classes[i]
		if c.Refused {
			fmt.Fprintf(&b, "  %-22s %7d %7d %*s\n", c.Class, c.Queries, c.Matches, 58, "no such query")
			continue
		}
		fmt.Fprintf(&b, "  %-22s %7d %7d %9s %9s %9s %9s %9s  %s\n", c.Class, c.Queries, c.Matches,
			ms(c.Warm.P50), ms(c.Warm.P99), ms(c.Cold.P50), ms(c.Cold.P99), ms(c.CPU), c.verdict())
	}
	return b.String()
}

// verdict says how right the answers were.
func (r *ClassResult) verdict() string {
	if r.Right() {
		return fmt.Sprintf("exact, %d traces", r.Returned)
	}
	return fmt.Sprintf("%d of %d exact; %d of %d wrong, %d of %d missing, %d partial",
		r.Exact, r.Queries, r.Wrong, r.Returned, r.Missing, r.Expected, r.Partial)
}

// ms renders milliseconds with three significant digits.
func ms(v float64) string {
	switch {
	case v == 0:
		return "-"
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.0f", v)
	}
}

func megabytes(n int64) float64 { return float64(n) / 1e6 }

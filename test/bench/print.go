package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/pandodb/pando/internal/bench"
)

// printTables prints every figure and its ratio to the last store's.
func printTables(w io.Writer, o *options, m *bench.Machine, results []result) {
	p := printer{w: w, results: results}
	p.line("Machine: %d cores %s, %s; load average %s before", m.Cores, m.CPU, m.Go, m.LoadAverage)
	p.line("Load: %d traces, %d spans, %d requests at once", o.traces, results[0].Spans, o.senders)
	p.line("\n%-28s%s", "", p.names())
	p.row("spans per CPU-s, load", "%.0f", func(r *result) float64 { return per(r.Spans, r.LoadCPU) })
	p.row("spans per CPU-s, with merge", "%.0f", func(r *result) float64 { return per(r.Spans, r.TotalCPU) })
	p.row("spans/s", "%.0f", func(r *result) float64 { return r.SpansPerSecond })
	p.row("ack ms p50", "%.1f", func(r *result) float64 { return r.AckP50 })
	p.row("ack ms p99", "%.1f", func(r *result) float64 { return r.AckP99 })
	p.row("bytes/span, data", "%.1f", func(r *result) float64 { return float64(r.Data) / float64(r.Spans) })
	p.row("bytes/span, everything", "%.1f", func(r *result) float64 { return float64(r.Bytes) / float64(r.Spans) })
	p.row("peak RSS MB", "%.0f", func(r *result) float64 { return float64(r.PeakRSS) / 1e6 })
	p.row("reopen ms", "%.0f", func(r *result) float64 { return r.Reopen })
	p.line("\nWarm query latency in ms, in the store's process; whole traces come back.")
	for i := range results[0].Classes {
		class := func(r *result) *bench.ClassResult { return &r.Classes[i] }
		p.row(results[0].Classes[i].Class+" p50", "%.3f", func(r *result) float64 { return class(r).Warm.P50 })
		p.row("    p99", "%.3f", func(r *result) float64 { return class(r).Warm.P99 })
		p.row("    CPU", "%.3f", func(r *result) float64 { return class(r).CPU })
	}
	for k := range results {
		p.line("\nAnswers of %s", results[k].System)
		_, _ = io.WriteString(w, bench.ClassTable(results[k].Classes)) // as line
	}
}

type printer struct {
	w       io.Writer
	results []result
}

func (p *printer) line(format string, args ...any) {
	_, _ = fmt.Fprintf(p.w, format+"\n", args...) // the exit code does not depend on a reader
}

func (p *printer) names() string {
	cells := make([]string, 0, len(p.results)+1)
	for i := range p.results {
		cells = append(cells, p.results[i].System)
	}
	return align(append(cells, "ratio"))
}

func (p *printer) row(name, format string, value func(*result) float64) {
	cells := make([]string, 0, len(p.results)+1)
	for i := range p.results {
		cell := "-"
		if v := value(&p.results[i]); v != 0 {
			cell = fmt.Sprintf(format, v)
		}
		cells = append(cells, cell)
	}
	first, last := value(&p.results[0]), value(&p.results[len(p.results)-1])
	if first != 0 && last != 0 {
		cells = append(cells, fmt.Sprintf("%.3g", first/last))
	}
	p.line("%-28s%s", name, align(cells))
}

// align puts cells into columns, flush right.
func align(cells []string) string {
	var b strings.Builder
	for _, c := range cells {
		fmt.Fprintf(&b, "%14s", c)
	}
	return b.String()
}

func per(n int, seconds float64) float64 {
	if seconds <= 0 {
		return 0
	}
	return float64(n) / seconds
}

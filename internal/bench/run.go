package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/bench/load"
	"github.com/pandodb/pando/internal/cli/api"
	"github.com/pandodb/pando/internal/corpus"
	"github.com/pandodb/pando/internal/server"
)

// Options chooses a run. Zero fields mean the defaults.
type Options struct {
	// Command starts a server; flags are appended. Default: this executable with
	// the argument serve.
	Command []string
	// Corpus is the load. Its zero Base means DefaultBase(now), since a server
	// refuses spans that are older than its retention.
	Corpus corpus.Config
	// Senders is how many requests are under way at once. Default 4.
	Senders int
	// Queries is how many queries each class has, ByID how many each of the two
	// classes by trace id. Defaults 100 and 500.
	Queries, ByID int
	// Dir gets the data directory and is kept; empty means a temporary one.
	Dir string
	// SkipFloor leaves the entropy estimate out.
	SkipFloor bool
	// Config is that of the server when it is opened in this process; the child
	// reads its own from the environment. Listen and DataDir are overwritten.
	Config server.Config
	// Log, if set, gets a line per step.
	Log func(format string, args ...any)
}

func (o Options) withDefaults() (Options, error) {
	if len(o.Command) == 0 {
		self, err := os.Executable()
		if err != nil {
			return o, err
		}
		o.Command = []string{self, "serve"}
	}
	if o.Corpus.Base == 0 {
		o.Corpus.Base = DefaultBase(time.Now())
	}
	if o.Senders <= 0 {
		o.Senders = 4
	}
	if o.Queries <= 0 {
		o.Queries = 100
	}
	if o.ByID <= 0 {
		o.ByID = 500
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	return o, nil
}

// DefaultBase returns the whole hour that began two to three hours before now:
// recent enough for any retention, and its hour of starts is over.
func DefaultBase(now time.Time) int64 {
	return now.Truncate(time.Hour).Add(-2 * time.Hour).UnixNano()
}

// Run measures a server on the published trace load. It needs a Unix with /proc
// for the figures of CPU and memory; elsewhere they are zero.
func Run(ctx context.Context, o Options) (*Report, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	dir := o.Dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "pando-bench-"); err != nil {
			return nil, err
		}
		defer func() { _ = os.RemoveAll(dir) }() // best effort: it is temporary
	}
	r := &runner{o: o, c: corpus.New(o.Corpus), data: filepath.Join(dir, "data")}
	if _, err := os.Stat(r.data); err == nil {
		return nil, base.Errorf(base.ClassConflict, "%s exists: a run begins with an empty directory, choose another", r.data)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	r.report = newReport(r.c, &o)
	for _, step := range []func(context.Context) error{r.load, r.prepare, r.overWire, r.inProcess} {
		if err := step(ctx); err != nil {
			return r.report, err
		}
	}
	r.report.LoadAverageAfter = loadAverage()
	return r.report, nil
}

type runner struct {
	o      Options
	c      *corpus.Corpus
	data   string
	oracle *corpus.Oracle
	plan   *Plan
	report *Report
}

// load fills an empty server, compacts it and stops it.
func (r *runner) load(ctx context.Context) (err error) {
	c, err := startChild(ctx, r.o.Command, r.data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	in := &r.report.Ingest
	in.EmptyStart = millis(c.up)
	r.o.Log("load %d traces over OTLP gRPC to %s, %d requests at once", r.c.Len(), c.addr, r.o.Senders)
	before := c.usage()
	res, err := load.Run(ctx, load.Options{
		Endpoint: c.addr, Senders: r.o.Senders,
		Progress: func(p load.Result) { r.o.Log("  %d spans, %.0f/s", p.Spans, p.SpansPerSecond()) },
	}, r.c.Requests)
	if err != nil {
		return err
	}
	loaded := c.usage()
	in.fill(&res, loaded.CPU-before.CPU)
	r.o.Log("flush and merge")
	started := time.Now()
	if err := c.compact(ctx); err != nil {
		return err
	}
	in.CompactSeconds = time.Since(started).Seconds()
	done := c.usage()
	in.fillCompacted(done.CPU-before.CPU, done.PeakRSS)
	if err := c.stop(); err != nil {
		return err
	}
	if r.report.Disk.Kinds, err = DiskUsage(r.data); err != nil {
		return err
	}
	r.report.Disk.fill(res.Spans)
	if res.Refused > 0 {
		return fmt.Errorf("the server refused %d of %d spans: %s", res.Refused, res.Spans, res.Reason)
	}
	return nil
}

// prepare makes what needs no server: the queries with their answers.
func (r *runner) prepare(context.Context) error {
	r.o.Log("find the right answers")
	r.oracle = corpus.NewOracle(r.c.Config())
	r.plan = NewPlan(r.oracle, r.o.Queries, r.o.ByID)
	if !r.o.SkipFloor {
		r.o.Log("estimate the least size")
		r.report.Floor = NewFloor(r.c)
	}
	runtime.GC() // before latencies are measured
	return nil
}

// overWire starts the server again and asks it over HTTP.
func (r *runner) overWire(ctx context.Context) (err error) {
	r.o.Log("start again")
	started := time.Now()
	c, err := startChild(ctx, r.o.Command, r.data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	client, err := api.New(c.addr)
	if err != nil {
		return err
	}
	w := &r.report.Wire
	w.RestartToListen = millis(c.up)
	if _, err := (overHTTP{client}).Trace(ctx, r.c.TraceID(0)); err != nil {
		return err
	}
	w.RestartToAnswer = millis(time.Since(started))
	r.o.Log("query over HTTP")
	if w.Classes, err = Measure(ctx, overHTTP{client}, r.plan); err != nil {
		return err
	}
	w.RSSAfter = c.usage().RSS
	return nil
}

// inProcess opens the data directory here and asks the router.
func (r *runner) inProcess(ctx context.Context) (err error) {
	r.o.Log("query in this process")
	cfg := r.o.Config
	cfg.DataDir, cfg.Listen = r.data, "127.0.0.1:0"
	started := time.Now()
	s, err := server.Open(ctx, server.Options{Config: cfg})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	q := &r.report.Queries
	q.Open = millis(time.Since(started))
	if q.Classes, err = Measure(ctx, InProcess{s.Traces()}, r.plan); err != nil {
		return err
	}
	r.o.Log("page through spans, draw the service graph")
	if q.SpanPages, err = measureSpanPages(ctx, s.Traces(), r.oracle); err != nil {
		return err
	}
	if q.ServiceGraph, err = measureGraph(ctx, s.Traces(), r.oracle); err != nil {
		return err
	}
	r.o.Log("compare whole traces")
	q.ComparedSpans, err = Fidelity(ctx, s.Traces(), r.oracle, r.plan)
	return err
}

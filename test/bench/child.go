package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/pandodb/pando/internal/bench"
	"github.com/pandodb/pando/internal/corpus"
)

// result is what was measured of one store. Everything but the wall rates and
// acks comes from its own process.
type result struct {
	System         string  `json:"system"`
	Spans          int     `json:"spans"`
	SpansPerSecond float64 `json:"spans_per_second"`
	AckP50         float64 `json:"ack_ms_p50"`
	AckP99         float64 `json:"ack_ms_p99"`
	// LoadCPU is spent until the last ack, TotalCPU until everything was
	// flushed, merged and closed.
	LoadCPU  float64             `json:"load_cpu_seconds"`
	TotalCPU float64             `json:"total_cpu_seconds"`
	PeakRSS  int64               `json:"peak_rss_bytes"` // until then
	Bytes    int64               `json:"bytes"`          // of the closed directory
	Data     int64               `json:"data_bytes"`     // without log and control plane
	Reopen   float64             `json:"reopen_ms"`
	Classes  []bench.ClassResult `json:"classes"`
}

// store is a trace store that serves OTLP gRPC and answers queries.
type store interface {
	bench.Target
	Addr() string
	// Finish flushes and merges as far as the store can be asked to.
	Finish(ctx context.Context) error
	Close() error
}

var stores = map[string]func(ctx context.Context, dir string) (store, error){
	"pando":  openPando,
	"badger": openBadger,
}

// runChild serves until standard input ends, then measures and reports.
func runChild(ctx context.Context, o *options) error {
	open, ok := stores[o.child]
	if !ok {
		return fmt.Errorf("no store is called %q", o.child)
	}
	s, err := open(ctx, o.dir)
	if err != nil {
		return err
	}
	before := bench.ReadUsage(os.Getpid())
	if _, err := fmt.Println(s.Addr()); err != nil {
		return errors.Join(err, s.Close())
	}
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return errors.Join(err, s.Close())
	}
	var r result
	r.LoadCPU = (bench.ReadUsage(os.Getpid()).CPU - before.CPU).Seconds()
	if err := errors.Join(s.Finish(ctx), s.Close()); err != nil {
		return err
	}
	done := bench.ReadUsage(os.Getpid())
	r.TotalCPU, r.PeakRSS = (done.CPU - before.CPU).Seconds(), done.PeakRSS
	kinds, err := bench.DiskUsage(o.dir)
	if err != nil {
		return err
	}
	r.Bytes, r.Data = bench.SumBytes(kinds)
	if o.child == "badger" {
		r.Data = r.Bytes // its value log and tables are both data
	}
	if err := r.query(ctx, o, open); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(&r)
}

// query opens the directory again and asks everything.
func (r *result) query(ctx context.Context, o *options, open func(context.Context, string) (store, error)) (err error) {
	plan := bench.NewPlan(corpus.NewOracle(o.corpus()), o.queries, o.byID)
	started := time.Now()
	s, err := open(ctx, o.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	r.Reopen = millis(time.Since(started))
	r.Classes, err = bench.Measure(ctx, s, plan)
	return err
}

func defaultBase() int64 { return bench.DefaultBase(time.Now()) }

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

package demo

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/url"
	"os"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/bench/load"
	"github.com/pandodb/pando/internal/corpus"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
	"github.com/pandodb/pando/internal/server"
)

// Options chooses a demo. Zero fields mean the defaults.
type Options struct {
	// Config is the server's. An empty DataDir means a temporary one, which
	// Close removes.
	Config  server.Config
	Version string
	Logger  *slog.Logger
	// Seed makes the shop another one. Default corpus.DefaultSeed.
	Seed uint64
	// History is how much of the past is filled in. Default a day; it is cut to
	// what the server's retention takes.
	History time.Duration
	// Clock tells the time. Nil means the system clock.
	Clock base.Clock
}

const (
	// DefaultHistory shows a day's rhythm.
	DefaultHistory = 24 * time.Hour

	// The past is thin but for its last hour, which is what pages show first: so
	// a day is some 200,000 spans and ready in a few seconds.
	thinPerMinute  = 6
	densePerMinute = 60
	dense          = time.Hour

	// The fault began this long ago and went on for that long.
	incidentAgo    = 40 * time.Minute
	incidentLength = 25 * time.Minute

	// liveDelay keeps live spans out of the future: a trace ends up to ten
	// seconds after it starts.
	liveDelay = 5 * time.Second
)

// Demo is a running demo.
type Demo struct {
	o         Options
	server    *server.Server
	started   time.Time
	incident  base.TimeRange
	temporary string // directory to remove, empty when it is kept
}

// Open starts a server that listens, without data. When the configured port is
// taken, it takes a free one.
func Open(ctx context.Context, o Options) (*Demo, error) {
	if o.Clock == nil {
		o.Clock = base.SystemClock
	}
	if o.History <= 0 {
		o.History = DefaultHistory
	}
	o.History = min(o.History, time.Duration(o.Config.Storage.TTL)*9/10)
	d := &Demo{o: o, started: o.Clock()}
	begin := d.started.Add(-incidentAgo).UnixNano()
	d.incident = base.TimeRange{Start: begin, End: begin + int64(incidentLength)}
	if d.o.Config.DataDir == "" {
		dir, err := os.MkdirTemp("", "pando-demo-")
		if err != nil {
			return nil, err
		}
		d.o.Config.DataDir, d.temporary = dir, dir
	}
	if err := d.listen(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Demo) listen(ctx context.Context) error {
	err := d.open(ctx)
	if err == nil || base.ClassOf(err) != base.ClassUnavailable || d.server == nil {
		return err
	}
	// Someone has the port, often another demo: any other port shows as much.
	taken := d.server
	d.server = nil
	if err := taken.Close(); err != nil {
		return err
	}
	d.o.Config.Listen = "127.0.0.1:0"
	return d.open(ctx)
}

// open opens the server and listens. A server that could not listen stays in d.
func (d *Demo) open(ctx context.Context) (err error) {
	d.server, err = server.Open(ctx, server.Options{
		Config: d.o.Config, Version: d.o.Version, Logger: d.o.Logger, Clock: d.o.Clock,
	})
	if err != nil {
		return err
	}
	return d.server.Listen()
}

// Server returns the running server.
func (d *Demo) Server() *server.Server { return d.server }

// Kept returns the data directory if Close leaves it, and "" otherwise.
func (d *Demo) Kept() string {
	if d.temporary != "" {
		return ""
	}
	return d.o.Config.DataDir
}

// Close stops the server and removes a temporary data directory.
func (d *Demo) Close() error {
	var errs []error
	if d.server != nil {
		errs = append(errs, d.server.Close())
	}
	if d.temporary != "" {
		errs = append(errs, os.RemoveAll(d.temporary))
	}
	return errors.Join(errs...)
}

// Fill sends the shop's past. Progress gets what is done so far.
func (d *Demo) Fill(ctx context.Context, progress func(load.Result)) (load.Result, error) {
	end := d.started.Add(-liveDelay).UnixNano()
	thin := base.TimeRange{Start: end - int64(d.o.History), End: end - int64(min(dense, d.o.History))}
	res, err := load.Run(ctx, load.Options{Endpoint: d.server.Addr(), Progress: progress}, d.past(thin, end))
	if err != nil {
		return res, err
	}
	if res.Refused > 0 {
		return res, fmt.Errorf("the server refused %d of %d spans of the demo: %s", res.Refused, res.Spans, res.Reason)
	}
	return res, nil
}

// past yields the requests of the thin hours and then those until end.
func (d *Demo) past(thin base.TimeRange, end int64) iter.Seq2[[]byte, int] {
	return func(yield func([]byte, int) bool) {
		_ = d.slices(thinPerMinute, thin, yield) &&
			d.slices(densePerMinute, base.TimeRange{Start: thin.End, End: end}, yield)
	}
}

// fillSlice bounds the memory that a back-fill holds.
const fillSlice = int64(10 * time.Minute)

func (d *Demo) slices(perMinute int, r base.TimeRange, yield func([]byte, int) bool) bool {
	shop := d.shop(perMinute)
	for t := r.Start; t < r.End; t += fillSlice {
		for _, req := range shop.Slice(t, min(t+fillSlice, r.End)) {
			if !yield(req.Body, req.Spans) {
				return false
			}
		}
	}
	return true
}

func (d *Demo) shop(perMinute int) *corpus.Shop {
	return corpus.NewShop(corpus.ShopConfig{Seed: d.o.Seed, PerMinute: perMinute, Incident: d.incident})
}

// Services returns the names of the shop's services, the front door first.
func (d *Demo) Services() []string { return d.shop(densePerMinute).Services() }

// SlowOperation is the front door's operation that the planted fault slows down.
const SlowOperation = "GET /products/{sku}"

// Slowest returns the trace that shows the planted fault best: the slowest of
// SlowOperation.
func (d *Demo) Slowest(ctx context.Context) (trace.Summary, error) {
	found, err := d.server.Traces().Summaries(ctx, &search.Query{
		Service: d.Services()[0], Operation: SlowOperation, Time: d.incident, Order: search.Slowest, Limit: 1,
	})
	if err != nil {
		return trace.Summary{}, err
	}
	if len(found) == 0 {
		return trace.Summary{}, base.Errorf(base.ClassNotFound, "the demo has no slow trace")
	}
	return found[0], nil
}

// FirstLook is the path of the page that shows the fault in the scatter of its
// results: SlowOperation over the dense hour.
func (d *Demo) FirstLook() string {
	q := url.Values{"service": {d.Services()[0]}, "operation": {SlowOperation}, "limit": {"1000"}}
	return "/#/search?" + q.Encode()
}

// Live sends what the shop does, second by second, until ctx ends, which is no
// error, or the server fails.
func (d *Demo) Live(ctx context.Context) error {
	conn, err := load.Dial(d.server.Addr())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing is under way any more
	shop := d.shop(densePerMinute)
	sent := d.started.Add(-liveDelay).UnixNano()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.server.Failed():
			return d.server.Err()
		case <-tick.C:
		}
		until := d.o.Clock().Add(-liveDelay).UnixNano()
		for _, req := range shop.Slice(sent, until) {
			if _, _, err := load.Export(ctx, conn, req.Body); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
		}
		sent = until
	}
}

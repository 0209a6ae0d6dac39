package load

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/otlp/rawcodec"
)

// Source yields ExportTraceServiceRequest bytes with their span counts. The
// bytes are valid until the next one is asked for.
type Source = iter.Seq2[[]byte, int]

// Options says where and how fast to send. Zero fields mean the defaults.
type Options struct {
	// Endpoint is the host:port of an OTLP gRPC server. Required.
	Endpoint string
	// Senders is how many requests are under way at once, each on a connection
	// of its own. Default 4.
	Senders int
	// SpansPerSecond paces the load evenly; zero means as fast as it goes.
	SpansPerSecond float64
	// Progress, if set, is called about once a second with what is done so far.
	Progress func(Result)
}

// Result is what a load did.
type Result struct {
	Requests  int
	Spans     int // sent and answered, refused ones included
	Refused   int // of them, refused in a partial success
	Bytes     int64
	Retries   int
	Elapsed   time.Duration
	Latencies []time.Duration // of answered requests, ascending; retries included
	// Reason is why spans were refused, in the server's words.
	Reason string
}

// SpansPerSecond returns the rate over the elapsed time.
func (r *Result) SpansPerSecond() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Spans) / r.Elapsed.Seconds()
}

// Latency returns the p-th percentile of the request latencies, p in [0, 100].
func (r *Result) Latency(p float64) time.Duration { return Percentile(r.Latencies, p) }

// Percentile returns the p-th percentile of ascending values by the nearest-rank
// rule, zero if there are none.
func Percentile(ascending []time.Duration, p float64) time.Duration {
	if len(ascending) == 0 {
		return 0
	}
	rank := int(p/100*float64(len(ascending))+0.999999) - 1
	return ascending[min(max(rank, 0), len(ascending)-1)]
}

// maxMessage bounds answers; requests are bounded by the server.
const maxMessage = 4 << 20

// Run sends all requests of the source and returns when the last is answered,
// one fails for good, or ctx ends. The result counts what was done until then.
func Run(ctx context.Context, o Options, source Source) (Result, error) {
	if o.Senders <= 0 {
		o.Senders = 4
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &run{o: o, queue: make(chan request, o.Senders), free: make(chan []byte, 2*o.Senders)}
	started := time.Now()
	var senders sync.WaitGroup
	for range o.Senders {
		conn, err := Dial(o.Endpoint)
		if err != nil {
			cancel(err)
			break
		}
		senders.Go(func() {
			defer func() { _ = conn.Close() }() // nothing is under way any more
			if err := r.send(ctx, conn); err != nil {
				cancel(err)
			}
		})
	}
	stopProgress := r.report(ctx, started)
	r.produce(ctx, source)
	senders.Wait()
	stopProgress()
	out := r.result(started)
	slices.Sort(out.Latencies)
	return out, context.Cause(ctx)
}

// Dial opens a connection for requests that are bytes. It connects when first
// used.
func Dial(endpoint string) (*grpc.ClientConn, error) {
	conn, err := grpc.NewClient(endpoint,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawcodec.Codec{}), grpc.MaxCallRecvMsgSize(maxMessage)))
	if err != nil {
		return nil, base.Errorf(base.ClassInvalid, "endpoint %q: %w", endpoint, err)
	}
	return conn, nil
}

type request struct {
	body  []byte
	spans int
}

type run struct {
	o     Options
	queue chan request
	free  chan []byte // bodies to be reused

	mu struct {
		sync.Mutex
		Result
	}
}

// produce fills the queue until the source or ctx ends, and closes it.
func (r *run) produce(ctx context.Context, source Source) {
	defer close(r.queue)
	pace := pacer{perSecond: r.o.SpansPerSecond, started: time.Now()}
	for body, spans := range source {
		if !pace.wait(ctx, spans) {
			return
		}
		var buf []byte
		select {
		case buf = <-r.free:
		default:
		}
		select {
		case r.queue <- request{append(buf[:0], body...), spans}:
		case <-ctx.Done():
			return
		}
	}
}

// send takes requests from the queue and has them answered.
func (r *run) send(ctx context.Context, conn *grpc.ClientConn) error {
	for req := range r.queue {
		started := time.Now()
		ack, retries, err := Export(ctx, conn, req.body)
		if err != nil {
			return err
		}
		r.count(req, ack, retries, time.Since(started))
		select {
		case r.free <- req.body:
		default:
		}
	}
	return nil
}

func (r *run) count(req request, ack Ack, retries int, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.Requests++
	r.mu.Spans += req.spans
	r.mu.Refused += ack.Refused
	if ack.Reason != "" {
		r.mu.Reason = ack.Reason
	}
	r.mu.Bytes += int64(len(req.body))
	r.mu.Retries += retries
	r.mu.Latencies = append(r.mu.Latencies, took)
}

func (r *run) result(started time.Time) Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.mu.Result
	out.Elapsed = time.Since(started)
	return out
}

// report calls Progress every second until the returned function is called.
func (r *run) report(ctx context.Context, started time.Time) (stop func()) {
	if r.o.Progress == nil {
		return func() {}
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				r.o.Progress(r.result(started))
			case <-ctx.Done():
				return
			case <-done:
				return
			}
		}
	})
	return func() { close(done); wg.Wait() }
}

// pacer spreads spans evenly over time.
type pacer struct {
	perSecond float64
	started   time.Time
	spans     int // let through so far
}

// wait returns when the next spans may go, or false when ctx ended.
func (p *pacer) wait(ctx context.Context, spans int) bool {
	if p.perSecond <= 0 {
		return ctx.Err() == nil
	}
	due := p.started.Add(time.Duration(float64(p.spans) / p.perSecond * float64(time.Second)))
	p.spans += spans
	return sleep(ctx, time.Until(due))
}

func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// errGaveUp marks requests that the server kept turning away.
var errGaveUp = errors.New("the server kept asking to come back later")

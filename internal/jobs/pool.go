package jobs

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/invariants"
)

// ErrClosed says that the pool or the scope was closed before the job ran. It
// is of class unavailable.
var ErrClosed = base.Errorf(base.ClassUnavailable, "background work has stopped")

const (
	// minWorkers lets an urgent, a small and a large job run side by side even
	// on one core; merges wait for the disk much of the time.
	minWorkers = 3
	// defaultMaxQueued is a few jobs for each of a thousand tablets.
	defaultMaxQueued = 4096
	// retryAfter is what a full queue asks its caller to wait.
	retryAfter = time.Second
)

// Options configures a Pool. The zero value is the default.
type Options struct {
	// Workers is the most jobs that run at once. Zero or less is the number of
	// usable CPUs; anything below 3 is 3.
	Workers int
	// MaxQueued is the most jobs that wait. Zero or less is 4096.
	MaxQueued int
	// MaxRunningBytes bounds the summed CostBytes of running jobs that are not
	// urgent, and with it the disk space merges need on the side. A job above
	// it runs alone. Zero or less is unbounded.
	MaxRunningBytes int64
	// OnDone, if set, is told about every job that ran, from the job's
	// goroutine. The pool counts the job as running until it returns.
	OnDone func(Result)
}

func (o Options) withDefaults() Options {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	o.Workers = max(o.Workers, minWorkers)
	if o.MaxQueued <= 0 {
		o.MaxQueued = defaultMaxQueued
	}
	return o
}

// Result is how one run of a job went.
type Result struct {
	Kind  Kind
	Scope string
	Key   string
	// Wait is the time from submission to start, Dur that from start to end.
	Wait time.Duration
	Dur  time.Duration
	// Err is what Run returned, or its panic as an error of class bug.
	Err error
}

// Pool runs jobs. Its methods are safe for concurrent use.
type Pool struct {
	opts    Options
	started time.Time
	ctx     context.Context // ends when Close begins
	cancel  context.CancelFunc
	wg      sync.WaitGroup // running jobs; Add under mu while !closed

	mu struct {
		sync.Mutex
		closed bool
		queue  queue
		stats  [kindEnd]KindStats // but Queued and Running, which are counted on demand
	}
}

// New returns a pool. The caller closes it.
func New(opts Options) *Pool {
	p := &Pool{opts: opts.withDefaults(), started: time.Now()}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.mu.queue = newQueue(p.opts)
	return p
}

// Close drops waiting jobs, cancels the contexts of running ones and waits for
// them. Jobs submitted later are refused. It may be called twice.
func (p *Pool) Close() {
	p.mu.Lock()
	p.mu.closed = true
	dropped := p.mu.queue.drop(func(*entry) bool { return true })
	p.mu.Unlock()
	for _, e := range dropped {
		e.end(ErrClosed)
	}
	p.cancel()
	p.wg.Wait()
}

// submit queues the job in the scope and starts what may start. It returns the
// entry that will run, and whether that is a new one.
func (p *Pool) submit(s *Scope, j Job) (*entry, bool, error) {
	if j.Priority == 0 && j.Kind.valid() {
		j.Priority = kindPriorities[j.Kind]
	}
	if !j.Kind.valid() || j.Priority >= priorityEnd || j.CostBytes < 0 || j.Run == nil {
		return nil, false, base.Errorf(base.ClassBug, "malformed job: %v %q, priority %d, %d bytes", j.Kind, j.Key, j.Priority, j.CostBytes)
	}
	e := &entry{
		Job: j, id: identity{s, j.Kind, j.Key},
		queuedAt: int64(time.Since(p.started)), done: make(chan struct{}),
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.closed || s.closed {
		return nil, false, ErrClosed
	}
	in, full := p.mu.queue.add(e)
	if full {
		return nil, false, base.Retry(retryAfter, "background queue is full: %d jobs wait", p.opts.MaxQueued)
	}
	p.startLocked()
	return in, in == e, nil
}

// startLocked starts every job that may run.
func (p *Pool) startLocked() {
	for e := p.mu.queue.pick(); e != nil; e = p.mu.queue.pick() {
		p.wg.Add(1)
		e.id.scope.wg.Add(1)
		go p.run(e)
	}
}

// run executes one job and then starts its successors.
func (p *Pool) run(e *entry) {
	start := time.Since(p.started)
	err := errors.New("job left its goroutine") // stands if Run calls runtime.Goexit
	defer func() {
		r := Result{
			Kind: e.Kind, Scope: e.id.scope.name, Key: e.Key,
			Wait: start - time.Duration(e.queuedAt), Dur: time.Since(p.started) - start, Err: err,
		}
		if p.opts.OnDone != nil {
			p.opts.OnDone(r)
		}
		p.finish(e, r)
	}()
	err = e.call()
}

// call runs the job's function and turns a panic into an error.
func (e *entry) call() (err error) {
	if !invariants.Enabled {
		defer func() {
			if cause := recover(); cause != nil {
				err = base.Errorf(base.ClassBug, "panic in %v job %q of %s: %v\n%s", e.Kind, e.Key, e.id.scope.name, cause, debug.Stack())
			}
		}()
	}
	if err := e.Run(e.id.scope.ctx); err != nil {
		return fmt.Errorf("%v job %q of %s: %w", e.Kind, e.Key, e.id.scope.name, err)
	}
	return nil
}

// finish books the result, starts successors and releases who waits.
func (p *Pool) finish(e *entry, r Result) {
	p.mu.Lock()
	p.mu.queue.finish(e)
	s := &p.mu.stats[e.Kind]
	s.Done++
	s.Busy += r.Dur
	s.Waited += r.Wait
	if r.Err != nil && e.id.scope.ctx.Err() == nil {
		s.Failed++
	}
	p.startLocked()
	p.mu.Unlock()
	e.end(r.Err)
	e.id.scope.wg.Done()
	p.wg.Done()
}

func (e *entry) end(err error) {
	e.err = err
	close(e.done)
}

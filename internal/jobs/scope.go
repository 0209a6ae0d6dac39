package jobs

import (
	"context"
	"sync"
)

// Scope is one owner's share of a pool, a tablet for example: it names the
// owner, keeps its jobs' identities apart from others', and lets it leave
// alone. Its methods are safe for concurrent use.
type Scope struct {
	pool   *Pool
	name   string
	ctx    context.Context // ends when the scope or the pool closes
	cancel context.CancelFunc
	wg     sync.WaitGroup // the scope's running jobs; Add under pool.mu while !closed
	closed bool           // guarded by pool.mu
}

// Scope returns a new scope; the name appears in errors and results and need
// not be unique. The caller closes it, before or after the pool.
func (p *Pool) Scope(name string) *Scope {
	s := &Scope{pool: p, name: name}
	s.ctx, s.cancel = context.WithCancel(p.ctx)
	return s
}

// Submit queues the job and returns at once. It returns false if the same job
// (kind and key) already waits: that one runs later than this call and does
// the work. Errors: overload if the queue is full, ErrClosed.
func (s *Scope) Submit(j Job) (added bool, err error) {
	_, added, err = s.pool.submit(s, j)
	return added, err
}

// Do submits the job and waits for its end: its own run, or that of the same
// job that already waited. It returns the run's error, ErrClosed if the job was
// dropped, or ctx's error if that ended first; the job then still runs.
//
// Do not call it from a job: workers waiting for workers can block for ever.
func (s *Scope) Do(ctx context.Context, j Job) error {
	e, _, err := s.pool.submit(s, j)
	if err != nil {
		return err
	}
	select {
	case <-e.done:
		return e.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close drops the scope's waiting jobs, cancels the context of its running ones
// and waits for them. It may be called twice.
func (s *Scope) Close() {
	s.pool.mu.Lock()
	s.closed = true
	dropped := s.pool.mu.queue.drop(func(e *entry) bool { return e.id.scope == s })
	s.pool.mu.Unlock()
	for _, e := range dropped {
		e.end(ErrClosed)
	}
	s.cancel()
	s.wg.Wait()
}

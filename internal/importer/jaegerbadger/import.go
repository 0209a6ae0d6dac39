package jaegerbadger

import (
	"context"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
)

// Sender gives a server the bytes of an ExportTraceServiceRequest and returns
// once they are durable, with how many spans were refused, and why. It is used by
// several goroutines, and does not keep the request.
type Sender interface {
	Send(ctx context.Context, request []byte) (refused int, reason string, err error)
}

// ImportOptions says how to send. Zero fields mean the defaults.
type ImportOptions struct {
	// Target names the server in the state file. Required with State.
	Target string
	// Senders is how many requests are under way at once. Default 4.
	Senders int
	// State is a file that says how far the import has come. If it is there, the
	// import goes on where the file says, unless the store has changed since; it
	// is rewritten as requests are acknowledged. Empty means none.
	State string
	// Progress, if set, is called after each acknowledged batch, by one goroutine
	// at a time.
	Progress func(Progress)
}

// Progress tells how far something has come.
type Progress struct {
	Counts  Counts
	Resumed int64   // spans of Counts that are of an earlier run
	Done    float64 // about how much of the store, 0 to 1
}

// Result is what an import did.
type Result struct {
	Counts
	// Resumed is how many spans of Counts an earlier run had sent.
	Resumed int64
	// Restarted says that the state file was of other content of the store.
	Restarted bool
	Elapsed   time.Duration
}

// SpansPerSecond returns the rate of this run.
func (r *Result) SpansPerSecond() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Sent-r.Resumed) / r.Elapsed.Seconds()
}

// saveEvery is how old a state file may become while there are acknowledgements.
const saveEvery = time.Second

// Import sends every span of the store. The result tells what was acknowledged,
// also when there is an error; spans that cannot be decoded, and those that the
// server refuses, are counted and are no error.
func Import(ctx context.Context, s *Store, o ImportOptions, to Sender) (Result, error) {
	if o.Senders <= 0 {
		o.Senders = 4
	}
	l := &ledger{o: &o, place: s.place(), late: make(map[int]*settled), state: state{
		Version: stateVersion, Fingerprint: fmt.Sprintf("%016x", s.fingerprint), Target: o.Target,
	}}
	restarted, err := l.resume(s)
	if err != nil {
		return Result{}, err
	}
	resumed, started := l.state.Counts.Sent, time.Now()
	l.resumed = resumed
	after, err := l.state.after()
	if err != nil {
		return Result{}, err
	}
	err = pipeline(ctx, o.Senders, func(ctx context.Context, queue chan<- *batch) error {
		return s.each(ctx, after, func(b *batch) error { return put(ctx, queue, b) })
	}, func(ctx context.Context, queue <-chan *batch) error { return deliver(ctx, queue, to, l) })
	if saved := l.save(); err == nil {
		err = saved
	}
	return Result{Counts: l.state.Counts, Resumed: resumed, Restarted: restarted, Elapsed: time.Since(started)}, err
}

// pipeline runs one producer and some consumers of a queue until all are done or
// one fails, and returns the first error.
func pipeline[T any](ctx context.Context, consumers int, produce func(context.Context, chan<- T) error, consume func(context.Context, <-chan T) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan T, consumers)
	var wg sync.WaitGroup
	for range consumers {
		wg.Go(func() {
			if err := consume(ctx, queue); err != nil {
				cancel(err)
			}
		})
	}
	if err := produce(ctx, queue); err != nil {
		cancel(err)
	}
	close(queue)
	wg.Wait()
	return context.Cause(ctx)
}

func put[T any](ctx context.Context, queue chan<- T, v T) error {
	select {
	case queue <- v:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// deliver sends what comes and books it.
func deliver(ctx context.Context, queue <-chan *batch, to Sender, l *ledger) error {
	var d decoder
	var buf []byte
	for b := range queue {
		spans, _, c, err := d.decode(b)
		if err != nil {
			return err
		}
		buf, err = requests(buf, spans, func(request []byte, n int) error {
			refused, reason, err := to.Send(ctx, request)
			if err != nil {
				return err
			}
			c.Sent += int64(n)
			c.Refused += int64(refused)
			if refused > 0 {
				c.problem("refused: " + reason)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := l.settle(b, c); err != nil {
			return err
		}
	}
	return nil
}

// settled is an acknowledged batch.
type settled struct {
	key    []byte // its last
	counts *Counts
}

// ledger books batches in the order in which they were read.
type ledger struct {
	o     *ImportOptions
	place *place
	// resumed is how many spans earlier runs have sent.
	resumed int64

	mu    sync.Mutex // guards all below
	next  int
	late  map[int]*settled // acknowledged before an earlier one
	state state
	saved time.Time
}

// resume takes over the state file, if there is one and it is of this store.
func (l *ledger) resume(s *Store) (restarted bool, err error) {
	if l.o.State == "" {
		return false, nil
	}
	path, err := filepath.Abs(l.o.State)
	if err != nil {
		return false, err
	}
	l.o.State = path
	if err := outside(path, s.keys, s.values); err != nil {
		return false, fmt.Errorf("state file: %w", err)
	}
	old, err := loadState(vfs.Default, path)
	if err != nil || old == nil {
		return false, err
	}
	if old.Target != l.state.Target {
		return false, base.Errorf(base.ClassConflict, "state file %s is of an import into %s, not %s", path, old.Target, l.state.Target)
	}
	if old.Fingerprint != l.state.Fingerprint {
		return true, nil
	}
	l.state = *old
	return false, nil
}

// settle books a batch that is acknowledged.
func (l *ledger) settle(b *batch, c *Counts) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.late[b.seq] = &settled{b.last(), c}
	var last []byte
	for s := l.late[l.next]; s != nil; s = l.late[l.next] {
		delete(l.late, l.next)
		l.next++
		l.state.Counts.add(s.counts)
		last = s.key
	}
	if last == nil {
		return nil
	}
	l.state.Key = hex.EncodeToString(last)
	if l.o.Progress != nil {
		l.o.Progress(Progress{l.state.Counts, l.resumed, l.place.of(last)})
	}
	if time.Since(l.saved) < saveEvery {
		return nil
	}
	return l.saveLocked()
}

func (l *ledger) save() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.saveLocked()
}

func (l *ledger) saveLocked() error {
	if l.o.State == "" {
		return nil
	}
	l.saved = time.Now()
	return l.state.save(vfs.Default, l.o.State)
}

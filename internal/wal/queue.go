package wal

import (
	"context"
	"fmt"

	"github.com/pandodb/pando/internal/base"
)

// requestBytes is what a queued request counts beside its data, so that
// empty ones are bounded too.
const requestBytes = 64

// request is one call that waits for the writer. Exactly one of writes,
// compact and forget is used; none of them makes a barrier.
type request struct {
	writes  []Write
	compact base.GroupID
	upTo    base.Position
	forget  base.GroupID
	bytes   int64
	done    func(error)
}

// enqueue hands r to the writer, waiting for room in the queue.
func (l *Log) enqueue(ctx context.Context, r request) error {
	r.bytes += requestBytes
	for {
		room, err := l.tryEnqueue(r)
		if room == nil {
			return err
		}
		select {
		case <-room:
		case <-l.failed:
		case <-ctx.Done():
			return fmt.Errorf("wait for room in the log's queue: %w", ctx.Err())
		}
	}
}

// tryEnqueue returns a channel to wait for when the queue is full.
func (l *Log) tryEnqueue(r request) (room <-chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.mu.err != nil:
		return nil, l.mu.err
	case l.mu.closing:
		return nil, base.Errorf(base.ClassUnavailable, "log is closed")
	case l.mu.bytes > 0 && l.mu.bytes+r.bytes > l.opts.QueueBytes:
		return l.mu.room, nil
	}
	l.mu.queue = append(l.mu.queue, r)
	l.mu.bytes += r.bytes
	l.signal()
	return nil, nil
}

// signal wakes the writer, now or when it looks next.
func (l *Log) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// take returns everything queued, and whether the log is closing. It swaps
// the queue with the emptied slice of the round before.
func (l *Log) take(empty []request) (batch []request, closing bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	batch, l.mu.queue = l.mu.queue, empty
	if len(batch) > 0 {
		l.mu.bytes = 0
		close(l.mu.room)
		l.mu.room = make(chan struct{})
	}
	return batch, l.mu.closing
}

// poison ends the log: every request fails from now on.
func (l *Log) poison(cause error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.err == nil {
		l.mu.err = base.Mark(base.ClassUnavailable, fmt.Errorf("%w: %w", ErrPoisoned, cause))
		close(l.failed)
	}
	return l.mu.err
}

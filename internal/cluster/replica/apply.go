package replica

import (
	"context"
	"fmt"
	"sync"
)

// applier hands committed entries to the state machine on a goroutine of its
// own, all rounds that wait in one call, so that neither acknowledging nor
// replication waits for it. Raft bounds what waits to applyBytes.
type applier struct {
	group *Group
	wake  chan struct{} // capacity 1
	mu    struct {
		sync.Mutex
		tasks   []*applyTask
		busy    bool
		stopped bool
		applied uint64
		changed chan struct{} // closed when applied, err or stopped changes
		err     error
	}
}

func newApplier(g *Group, applied uint64) *applier {
	a := &applier{group: g, wake: make(chan struct{}, 1)}
	a.mu.applied, a.mu.changed = applied, make(chan struct{})
	return a
}

// add queues a round.
func (a *applier) add(t *applyTask) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mu.tasks = append(a.mu.tasks, t)
	a.signal()
}

func (a *applier) signal() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// run applies until stop.
func (a *applier) run() {
	var tasks []*applyTask
	var batch []Applied
	for {
		clear(tasks)
		var stopped bool
		if tasks, stopped = a.take(tasks[:0]); len(tasks) > 0 {
			batch = a.apply(tasks, batch[:0])
			continue
		}
		if stopped {
			return
		}
		<-a.wake
	}
}

// take returns the rounds that wait.
func (a *applier) take(empty []*applyTask) (tasks []*applyTask, stopped bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	tasks, a.mu.tasks = a.mu.tasks, empty
	a.mu.busy = len(tasks) > 0
	return tasks, a.mu.stopped
}

// apply hands the rounds to the state machine and answers them. It returns
// batch emptied, to use its memory again.
func (a *applier) apply(tasks []*applyTask, batch []Applied) []Applied {
	var ownBytes int64
	for _, t := range tasks {
		batch = append(batch, t.batch...)
		ownBytes += t.ownBytes
	}
	if len(batch) > 0 {
		a.group.sm.Apply(batch)
	}
	a.mu.Lock()
	a.mu.applied = tasks[len(tasks)-1].last
	a.broadcastLocked()
	a.mu.Unlock()
	a.group.unapplied.Add(-ownBytes)
	for _, t := range tasks {
		a.group.mail.answer(appliedEvent{t})
	}
	a.mu.Lock()
	a.mu.busy = false // after the answers, for a group that waits to close
	a.mu.Unlock()
	a.group.mail.signal()
	clear(batch)
	return batch[:0]
}

func (a *applier) broadcastLocked() {
	close(a.mu.changed)
	a.mu.changed = make(chan struct{})
}

func (a *applier) index() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mu.applied
}

// idle reports whether nothing waits or is being applied.
func (a *applier) idle() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.mu.tasks) == 0 && !a.mu.busy
}

// wait is Group.WaitApplied.
func (a *applier) wait(ctx context.Context, index uint64) error {
	for {
		changed, err := a.check(index)
		if changed == nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for entry %d of group %d: %w", index, a.group.id, ctx.Err())
		}
	}
}

// check returns a channel to wait for while index is not applied.
func (a *applier) check(index uint64) (changed <-chan struct{}, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.mu.applied >= index:
		return nil, nil
	case a.mu.err != nil:
		return nil, a.mu.err
	}
	return a.mu.changed, nil
}

// fail lets waiters fail with err.
func (a *applier) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mu.err == nil {
		a.mu.err = err
		a.broadcastLocked()
	}
}

func (a *applier) failure() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mu.err
}

// stop ends run once everything queued is applied.
func (a *applier) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mu.stopped = true
	a.signal()
}

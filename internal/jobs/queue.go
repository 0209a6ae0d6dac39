package jobs

import "slices"

// queue holds waiting and running jobs and decides what runs next. It is pure:
// no goroutine, no clock, no lock. The pool calls it under its own.
type queue struct {
	workers         int
	maxQueued       int
	maxRunningBytes int64

	waiting [priorityEnd][]*entry // oldest first
	queued  map[identity]*entry
	active  map[identity]*entry

	// running[p] counts running jobs of priority p and below, so running[Urgent]
	// counts all.
	running [priorityEnd]int
	// runningBytes is the cost of running jobs but the urgent ones.
	runningBytes int64
}

func newQueue(o Options) queue {
	return queue{
		workers: o.Workers, maxQueued: o.MaxQueued, maxRunningBytes: o.MaxRunningBytes,
		queued: map[identity]*entry{}, active: map[identity]*entry{},
	}
}

// limit returns how many jobs of priority p and below may run at once.
func (q *queue) limit(p Priority) int { return max(1, q.workers-int(p-Urgent)) }

// add queues e, or returns the queued job it is folded into, or says that the
// queue is full. Folding in a job of higher priority raises the one that waits.
func (q *queue) add(e *entry) (in *entry, full bool) {
	if twin := q.queued[e.id]; twin != nil {
		if e.Priority < twin.Priority {
			q.raise(twin, e.Priority)
		}
		return twin, false
	}
	if len(q.queued) >= q.maxQueued {
		return nil, true
	}
	q.queued[e.id] = e
	q.waiting[e.Priority] = append(q.waiting[e.Priority], e)
	return e, false
}

// raise moves a waiting job to the end of a higher priority.
func (q *queue) raise(e *entry, to Priority) {
	from := q.waiting[e.Priority]
	i := slices.Index(from, e)
	q.waiting[e.Priority] = slices.Delete(from, i, i+1)
	e.Priority = to
	q.waiting[to] = append(q.waiting[to], e)
}

// pick moves the next job that may run from waiting to running and returns it,
// or nil.
func (q *queue) pick() *entry {
	for p := Urgent; p < priorityEnd; p++ {
		if q.running[p] >= q.limit(p) {
			return nil // what is below p counts against the same limit
		}
		for i, e := range q.waiting[p] {
			if q.active[e.id] != nil {
				continue // its previous run has not ended
			}
			if !q.affordable(e) {
				return nil // younger and lower jobs must not overtake it for ever
			}
			q.waiting[p] = slices.Delete(q.waiting[p], i, i+1)
			delete(q.queued, e.id)
			q.start(e)
			return e
		}
	}
	return nil
}

// affordable reports whether e fits the budget of bytes. A job above the whole
// budget runs alone.
func (q *queue) affordable(e *entry) bool {
	return e.Priority == Urgent || q.runningBytes == 0 || q.maxRunningBytes <= 0 ||
		q.runningBytes+e.CostBytes <= q.maxRunningBytes
}

func (q *queue) start(e *entry) {
	q.active[e.id] = e
	q.count(e, 1)
}

// finish takes a running job out.
func (q *queue) finish(e *entry) {
	delete(q.active, e.id)
	q.count(e, -1)
}

func (q *queue) count(e *entry, sign int) {
	for p := Urgent; p <= e.Priority; p++ {
		q.running[p] += sign
	}
	if e.Priority != Urgent {
		q.runningBytes += int64(sign) * e.CostBytes
	}
}

// drop removes and returns the waiting jobs for which remove is true.
func (q *queue) drop(remove func(*entry) bool) (dropped []*entry) {
	for p := range q.waiting {
		q.waiting[p] = slices.DeleteFunc(q.waiting[p], func(e *entry) bool {
			if !remove(e) {
				return false
			}
			delete(q.queued, e.id)
			dropped = append(dropped, e)
			return true
		})
	}
	return dropped
}

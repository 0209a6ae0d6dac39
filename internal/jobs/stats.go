package jobs

import "time"

// KindStats counts the jobs of one kind.
type KindStats struct {
	Queued       int
	Running      int
	QueuedBytes  int64
	RunningBytes int64
	// Done counts runs that ended, Failed those of them that returned an error
	// or panicked (a run cancelled by Close is not failed).
	Done   uint64
	Failed uint64
	// Busy sums run times, Waited the times between submission and start.
	Busy   time.Duration
	Waited time.Duration
}

// Stats is a consistent picture of a pool.
type Stats struct {
	Workers int
	kinds   [kindEnd]KindStats
}

// Kind returns the counts of one kind.
func (s *Stats) Kind(k Kind) KindStats { return s.kinds[k] }

// Total returns the counts summed over all kinds.
func (s *Stats) Total() (sum KindStats) {
	for i := range s.kinds {
		k := &s.kinds[i]
		sum.Queued += k.Queued
		sum.Running += k.Running
		sum.QueuedBytes += k.QueuedBytes
		sum.RunningBytes += k.RunningBytes
		sum.Done += k.Done
		sum.Failed += k.Failed
		sum.Busy += k.Busy
		sum.Waited += k.Waited
	}
	return sum
}

// Kinds returns all kinds, for those who iterate over Stats.
func Kinds() []Kind {
	all := make([]Kind, 0, kindEnd-1)
	for k := Kind(1); k < kindEnd; k++ {
		all = append(all, k)
	}
	return all
}

// Stats returns the pool's counts. It takes time in proportion to the queue:
// once per scrape, not once per request.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Stats{Workers: p.opts.Workers, kinds: p.mu.stats}
	for _, e := range p.mu.queue.queued {
		s.kinds[e.Kind].Queued++
		s.kinds[e.Kind].QueuedBytes += e.CostBytes
	}
	for _, e := range p.mu.queue.active {
		s.kinds[e.Kind].Running++
		s.kinds[e.Kind].RunningBytes += e.CostBytes
	}
	return s
}

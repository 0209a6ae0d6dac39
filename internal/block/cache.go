package block

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Key names a cached value: a page of a column of a block of a part.
type Key struct {
	// Part must be unique on the node and never be reused; Cache.NextPart
	// hands out such numbers.
	Part uint64
	// Column and Block are ordinals inside the part.
	Column uint32
	Block  uint32
}

// Stats are counters and gauges of a cache.
type Stats struct {
	Hits, Misses  uint64
	Evictions     uint64 // entries pushed out to make room
	Entries       int64
	Bytes, Budget int64
}

// Cache keeps values within a budget of bytes. It is safe for concurrent
// use; Get does not allocate. A nil *Cache is valid and caches nothing.
type Cache[V any] struct {
	shards   []shard[V] // a power of two
	budget   int64
	lastPart atomic.Uint64
}

const (
	// shardsPerCPU keeps the chance low that two cores want one lock.
	shardsPerCPU = 4
	// minShardBytes keeps shards large enough for what is dear to load again. A
	// page takes kilobytes, but the dictionary or the postings of a column of a
	// large part take up to ten megabytes, and so does the page directory of a
	// part of thousands of columns. What a shard refuses for its size is decoded
	// at every use.
	minShardBytes = 16 << 20
	// entryOverhead is what an entry costs besides its value: the entry, its
	// map slot and its ghost.
	entryOverhead = 160
)

// NewCache returns a cache whose values' charges and bookkeeping together
// stay within budgetBytes. It returns nil if that is not positive.
func NewCache[V any](budgetBytes int64) *Cache[V] {
	if budgetBytes <= 0 {
		return nil
	}
	count := 1
	for count < shardsPerCPU*runtime.GOMAXPROCS(0) && budgetBytes/int64(2*count) >= minShardBytes {
		count *= 2
	}
	c := &Cache[V]{shards: make([]shard[V], count), budget: budgetBytes}
	for i := range c.shards {
		c.shards[i].init(budgetBytes / int64(count))
	}
	return c
}

// NextPart returns a number for Key.Part that was not returned before.
func (c *Cache[V]) NextPart() uint64 {
	if c == nil {
		return 0
	}
	return c.lastPart.Add(1)
}

// Get returns the value of the key.
func (c *Cache[V]) Get(key Key) (value V, ok bool) {
	if c == nil {
		return value, false
	}
	return c.shard(key).get(key)
}

// Add puts a value in, which the caller must not write to any more, and
// replaces an earlier one of the key. chargeBytes is its size in memory. A
// value larger than a shard's main queue is not kept.
func (c *Cache[V]) Add(key Key, value V, chargeBytes int64) {
	if c == nil {
		return
	}
	c.shard(key).add(key, value, max(chargeBytes, 0)+entryOverhead)
}

// EvictPart drops all values of a part that was closed. It costs time in
// proportion to those values.
func (c *Cache[V]) EvictPart(part uint64) {
	if c == nil {
		return
	}
	for i := range c.shards {
		c.shards[i].evictPart(part)
	}
}

// Stats returns the sums over all shards. The parts of the answer are read
// one after the other.
func (c *Cache[V]) Stats() Stats {
	if c == nil {
		return Stats{}
	}
	total := Stats{Budget: c.budget}
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		total.Hits += s.mu.hits
		total.Misses += s.mu.misses
		total.Evictions += s.mu.evictions
		total.Entries += int64(len(s.mu.entries))
		total.Bytes += s.mu.small.bytes + s.mu.main.bytes
		s.mu.Unlock()
	}
	return total
}

// shard returns the shard of a key.
func (c *Cache[V]) shard(key Key) *shard[V] {
	return &c.shards[key.hash()>>32&uint64(len(c.shards)-1)]
}

// hash spreads keys; the upper half chooses the shard, all of it the ghost.
func (k Key) hash() uint64 {
	return PageIdentity(k.Part, uint64(k.Column)<<32|uint64(k.Block))
}

// shard is an independent cache behind a lock of its own.
type shard[V any] struct {
	budget int64
	mu     struct {
		sync.Mutex
		entries map[Key]*entry[V]
		parts   map[uint64]*entry[V] // head of the list of a part's entries
		small   queue[V]
		main    queue[V]
		ghosts  ghosts

		hits, misses, evictions uint64
	}
	_ [64]byte // Keep neighbours' locks off this cache line.
}

// init prepares a zero shard.
func (s *shard[V]) init(budget int64) {
	s.budget = budget
	s.mu.entries = make(map[Key]*entry[V])
	s.mu.parts = make(map[uint64]*entry[V])
	s.mu.ghosts.init()
}

package block

// maxReads caps the count of reads an entry is credited with, as in the
// paper: enough to survive three rounds of the main queue.
const maxReads = 3

// entry is a cached value, linked into a queue and into its part's list.
type entry[V any] struct {
	key    Key
	value  V
	charge int64
	reads  uint8
	inMain bool

	newer, older   *entry[V] // in the queue
	before, behind *entry[V] // in the part's list
}

// queue is a list of entries by age.
type queue[V any] struct {
	newest, oldest *entry[V]
	bytes          int64
}

// push puts e in as the newest.
func (q *queue[V]) push(e *entry[V]) {
	e.newer, e.older = nil, q.newest
	if q.newest != nil {
		q.newest.newer = e
	} else {
		q.oldest = e
	}
	q.newest = e
	q.bytes += e.charge
}

// remove takes e out.
func (q *queue[V]) remove(e *entry[V]) {
	if e.newer != nil {
		e.newer.older = e.older
	} else {
		q.newest = e.older
	}
	if e.older != nil {
		e.older.newer = e.newer
	} else {
		q.oldest = e.newer
	}
	e.newer, e.older = nil, nil
	q.bytes -= e.charge
}

// get returns the value of the key and credits the entry with a read.
func (s *shard[V]) get(key Key) (value V, ok bool) {
	s.mu.Lock()
	e := s.mu.entries[key]
	if e == nil {
		s.mu.misses++
		s.mu.Unlock()
		return value, false
	}
	s.mu.hits++
	e.reads = min(e.reads+1, maxReads)
	value = e.value
	s.mu.Unlock()
	return value, true
}

// add puts a value in and makes room for it.
func (s *shard[V]) add(key Key, value V, charge int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.mu.entries[key]; old != nil {
		s.dropLocked(old)
	}
	if charge > s.budget-s.budget/10 {
		return
	}
	e := &entry[V]{key: key, value: value, charge: charge}
	e.inMain = s.mu.ghosts.forget(key.hash())
	s.queueLocked(e).push(e)
	s.mu.entries[key] = e
	s.linkLocked(e)
	for s.mu.small.bytes+s.mu.main.bytes > s.budget {
		s.evictLocked()
	}
}

// evictPart drops the entries of a part.
func (s *shard[V]) evictPart(part uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.mu.parts[part]; e != nil; e = s.mu.parts[part] {
		s.dropLocked(e)
	}
}

// evictLocked drops one entry, or moves entries from the small to the main
// queue until it finds one to drop.
func (s *shard[V]) evictLocked() {
	s.mu.evictions++
	for {
		fromSmall := s.mu.small.bytes > s.budget/10 || s.mu.main.oldest == nil
		if fromSmall {
			e := s.mu.small.oldest
			if e.reads == 0 {
				s.mu.ghosts.remember(e.key.hash(), len(s.mu.entries))
				s.dropLocked(e)
				return
			}
			s.mu.small.remove(e)
			e.reads, e.inMain = 0, true
			s.mu.main.push(e)
			continue
		}
		e := s.mu.main.oldest
		if e.reads == 0 {
			s.dropLocked(e)
			return
		}
		s.mu.main.remove(e)
		e.reads--
		s.mu.main.push(e)
	}
}

// dropLocked forgets an entry.
func (s *shard[V]) dropLocked(e *entry[V]) {
	s.queueLocked(e).remove(e)
	s.unlinkLocked(e)
	delete(s.mu.entries, e.key)
}

// queueLocked returns the queue that an entry is in.
func (s *shard[V]) queueLocked(e *entry[V]) *queue[V] {
	if e.inMain {
		return &s.mu.main
	}
	return &s.mu.small
}

// linkLocked puts e at the head of its part's list.
func (s *shard[V]) linkLocked(e *entry[V]) {
	head := s.mu.parts[e.key.Part]
	e.behind = head
	if head != nil {
		head.before = e
	}
	s.mu.parts[e.key.Part] = e
}

// unlinkLocked takes e out of its part's list.
func (s *shard[V]) unlinkLocked(e *entry[V]) {
	if e.behind != nil {
		e.behind.before = e.before
	}
	switch {
	case e.before != nil:
		e.before.behind = e.behind
	case e.behind != nil:
		s.mu.parts[e.key.Part] = e.behind
	default:
		delete(s.mu.parts, e.key.Part)
	}
	e.before, e.behind = nil, nil
}

// ghosts remembers the hashes of keys that left the small queue unread, in
// the order they left. A key that came back and left again may be forgotten
// early, when its older occurrence in the ring runs out: harmless and cheap.
type ghosts struct {
	present map[uint64]struct{}
	ring    []uint64 // oldest at head
	head    int
}

// init prepares zero ghosts.
func (g *ghosts) init() { g.present = make(map[uint64]struct{}) }

// remember adds a hash and drops the oldest beyond limit, the number of
// entries the cache holds at present.
func (g *ghosts) remember(hash uint64, limit int) {
	g.ring = append(g.ring, hash)
	g.present[hash] = struct{}{}
	for len(g.ring)-g.head > max(limit, 1) {
		delete(g.present, g.ring[g.head])
		g.head++
	}
	if g.head > len(g.ring)/2 {
		g.ring = append(g.ring[:0], g.ring[g.head:]...)
		g.head = 0
	}
}

// forget reports whether a hash is remembered and ends that.
func (g *ghosts) forget(hash uint64) bool {
	if _, ok := g.present[hash]; !ok {
		return false
	}
	delete(g.present, hash)
	return true
}

package wal

// entryOverhead is what a cached entry counts beside its data: slice header
// and place in the order of eviction.
const entryOverhead = 48

// cache bounds the data of recent entries that groups keep in memory, oldest
// out first over all groups. The writer goroutine owns it; the data itself
// lies in the groups.
//
// An entry that was overwritten or compacted keeps its place until its turn:
// the bound then counts bytes that are gone, never too few.
type cache struct {
	limit  int64
	bytes  int64
	order  []cached // order[head:] is waiting
	oldest int
}

type cached struct {
	group *Group
	index uint64
	bytes int64
}

// add counts entry i of g, whose data the group holds, and evicts.
func (c *cache) add(g *Group, i uint64, dataBytes int64) {
	c.order = append(c.order, cached{g, i, dataBytes + entryOverhead})
	c.bytes += dataBytes + entryOverhead
	for c.bytes > c.limit && c.oldest < len(c.order) {
		old := c.order[c.oldest]
		c.order[c.oldest] = cached{}
		c.oldest++
		c.bytes -= old.bytes
		old.group.mu.Lock()
		old.group.evictLocked(old.index)
		old.group.mu.Unlock()
	}
	if c.oldest > 1024 && c.oldest > len(c.order)/2 {
		n := copy(c.order, c.order[c.oldest:])
		clear(c.order[n:])
		c.order, c.oldest = c.order[:n], 0
	}
}

package columnar

import (
	"sync"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

const (
	// digestCacheBytes bounds what a tablet remembers of its parts' digests; those
	// folded from rows, of parts that are not final, may take twice as much.
	digestCacheBytes = 64 << 20
	// decodedDigest is how much larger a digest is in memory than encoded, in round
	// figures: a minute with one call takes three bytes there and 48 here.
	decodedDigest = 20
)

// sizedDigest is a decoded digest and about what it takes in memory.
type sizedDigest struct {
	value  any
	bytes  int
	folded bool   // from rows: dearer to make again than a stored one
	used   uint64 // when it was asked for last
}

// decodeDigest decodes a digest.
func decodeDigest(d *column.Digest, raw []byte) (sizedDigest, error) {
	v, err := d.Decode(raw)
	return sizedDigest{value: v, bytes: decodedDigest * len(raw)}, err
}

// digestCache remembers the digests of parts that were asked for last.
type digestCache struct {
	mu     sync.Mutex
	parts  map[base.PartID]sizedDigest
	bytes  int
	clock  uint64
	budget int // zero means digestCacheBytes
	asked  time.Time
}

// digestInterest is how long after somebody asked for digests those of new parts
// are made as they are written: pages of a service map ask again every few seconds.
const digestInterest = 15 * time.Minute

// ask notes that somebody asks for digests.
func (c *digestCache) ask(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = now
}

// wanted says whether somebody asked for digests a while ago.
func (c *digestCache) wanted(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.asked.IsZero() && now.Sub(c.asked) < digestInterest
}

func (c *digestCache) get(id base.PartID) (sizedDigest, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d, ok := c.parts[id]
	if ok {
		c.clock++
		d.used = c.clock
		c.parts[id] = d
	}
	return d, ok
}

// drop forgets parts.
func (c *digestCache) drop(ids []base.PartID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		c.bytes -= c.parts[id].bytes
		delete(c.parts, id)
	}
}

// put remembers a digest and forgets those that were not asked for the longest,
// folded ones last. What left with its part is among them sooner or later.
func (c *digestCache) put(id base.PartID, d sizedDigest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.parts == nil {
		c.parts = make(map[base.PartID]sizedDigest)
	}
	if c.budget == 0 {
		c.budget = digestCacheBytes
	}
	c.bytes -= c.parts[id].bytes
	delete(c.parts, id)
	for len(c.parts) > 0 && c.bytes+d.bytes > c.budget {
		oldest, first := base.PartID(0), true
		for k, x := range c.parts {
			if first || x.before(c.parts[oldest]) {
				oldest, first = k, false
			}
		}
		if c.parts[oldest].folded && c.bytes+d.bytes <= 2*c.budget {
			break
		}
		c.bytes -= c.parts[oldest].bytes
		delete(c.parts, oldest)
	}
	c.clock++
	d.used = c.clock
	c.parts[id] = d
	c.bytes += d.bytes
}

// before says whether d is forgotten before o.
func (d sizedDigest) before(o sizedDigest) bool {
	if d.folded != o.folded {
		return o.folded
	}
	return d.used < o.used
}

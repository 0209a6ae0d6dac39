package columnar

import (
	"sync"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

const (
	// digestCacheBytes bounds what a tablet remembers of its parts' digests.
	digestCacheBytes = 64 << 20
	// maxDigestBytes bounds the digests of one answer of a tablet.
	maxDigestBytes = 512 << 20
	// decodedDigest is how much larger a digest is in memory than encoded, in round
	// figures: a count of two bytes becomes eight, a minute of three forty.
	decodedDigest = 8
)

// sizedDigest is a decoded digest and about what it takes in memory.
type sizedDigest struct {
	value any
	bytes int
	used  uint64 // when it was asked for last
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

// put remembers a digest and forgets those that were not asked for the longest.
// What left with its part is among them sooner or later.
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
			if first || x.used < c.parts[oldest].used {
				oldest, first = k, false
			}
		}
		c.bytes -= c.parts[oldest].bytes
		delete(c.parts, oldest)
	}
	c.clock++
	d.used = c.clock
	c.parts[id] = d
	c.bytes += d.bytes
}

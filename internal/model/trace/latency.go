package trace

import (
	"math"
	"math/bits"
	"slices"
)

// Bucket numbers a range of durations: one for each nanosecond below 16, then 16
// of equal width for each power of two. A duration and the middle of its bucket
// differ by at most 1/32 of the duration, 3.2 %.
type Bucket uint16

// subBuckets is how many buckets share a power of two.
const subBuckets = 16

// NumBuckets is how many buckets there are.
const NumBuckets = subBuckets * (64 - 4 + 1)

// BucketOf returns the bucket of a duration in nanoseconds.
func BucketOf(nanos uint64) Bucket {
	if nanos < subBuckets {
		return Bucket(nanos)
	}
	shift := bits.Len64(nanos) - 5 // leaves five bits, the first of them one
	return Bucket(shift*subBuckets + int(nanos>>shift))
}

// Nanos returns the middle of the bucket.
func (b Bucket) Nanos() float64 {
	if b < 2*subBuckets { // one nanosecond wide
		return float64(b)
	}
	shift := uint(b)/subBuckets - 1
	low := uint64(subBuckets+uint(b)%subBuckets) << shift
	return float64(low) + float64(uint64(1)<<shift-1)/2
}

// Latency is a distribution of durations. The zero Latency is empty; it takes memory
// for the powers of two that its durations span.
type Latency struct {
	counts []uint64 // of the buckets from lo on
	lo     int
	total  uint64
}

// Reset empties the distribution; it keeps the memory.
func (l *Latency) Reset() { l.counts, l.total = l.counts[:0], 0 }

// Add counts n durations of a bucket.
func (l *Latency) Add(b Bucket, n uint64) {
	if n == 0 || b >= NumBuckets {
		return
	}
	at := int(b) - l.lo
	if uint(at) >= uint(len(l.counts)) {
		at = l.reach(b)
	}
	l.counts[at] += n
	l.total += n
}

// reach makes room for the bucket and returns its place.
func (l *Latency) reach(b Bucket) int {
	first := int(b) &^ (subBuckets - 1)
	lo, hi, from := first, first+subBuckets, 0
	if n := len(l.counts); n > 0 {
		lo, hi = min(lo, l.lo), max(hi, l.lo+n)
		from = l.lo - lo
	}
	old := l.counts
	l.counts = slices.Grow(old, hi-lo-len(old))[:hi-lo]
	copy(l.counts[from:], old) // they may overlap
	clear(l.counts[:from])
	clear(l.counts[from+len(old):])
	l.lo = lo
	return int(b) - lo
}

// AddCell counts the calls of a cell.
func (l *Latency) AddCell(c *Cell) {
	for _, x := range c.Latency {
		l.Add(x.Bucket, uint64(x.Count))
	}
}

// AddAll counts what o counts.
func (l *Latency) AddAll(o *Latency) {
	for i, n := range o.counts {
		l.Add(Bucket(o.lo+i), n)
	}
}

// RemoveAll takes out what was added as o.
func (l *Latency) RemoveAll(o *Latency) {
	for i, n := range o.counts {
		if n > 0 {
			l.counts[o.lo+i-l.lo] -= n
			l.total -= n
		}
	}
}

// Calls returns how many durations were counted.
func (l *Latency) Calls() uint64 { return l.total }

// Quantile returns a duration in nanoseconds that a share q, 0 to 1, of the
// durations does not exceed, give or take 3.2 %; zero when there are none.
func (l *Latency) Quantile(q float64) float64 {
	if l.total == 0 {
		return 0
	}
	// The rank of the wanted duration, counted from one.
	rank := min(max(uint64(math.Ceil(q*float64(l.total))), 1), l.total)
	seen := uint64(0)
	for i, n := range l.counts {
		if seen += n; seen >= rank {
			return Bucket(l.lo + i).Nanos()
		}
	}
	return Bucket(l.lo + len(l.counts) - 1).Nanos()
}

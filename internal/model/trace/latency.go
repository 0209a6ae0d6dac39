package trace

import (
	"math"
	"math/bits"
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

// Latency is a distribution of durations. The zero Latency is empty; it is large:
// use one for many, with Reset between.
type Latency struct {
	counts [NumBuckets]uint64
	total  uint64
	lo, hi int // counts outside [lo, hi) are zero
}

// Reset empties the distribution.
func (l *Latency) Reset() {
	clear(l.counts[l.lo:l.hi])
	l.total, l.lo, l.hi = 0, 0, 0
}

// Add counts n durations of a bucket.
func (l *Latency) Add(b Bucket, n uint64) {
	if n == 0 || b >= NumBuckets {
		return
	}
	if l.hi == 0 {
		l.lo, l.hi = int(b), int(b)+1
	}
	l.lo, l.hi = min(l.lo, int(b)), max(l.hi, int(b)+1)
	l.counts[b] += n
	l.total += n
}

// AddCell counts the calls of a cell.
func (l *Latency) AddCell(c *Cell) {
	for _, x := range c.Latency {
		l.Add(x.Bucket, uint64(x.Count))
	}
}

// RemoveCell takes out the calls of a cell that was added.
func (l *Latency) RemoveCell(c *Cell) {
	for _, x := range c.Latency {
		l.counts[x.Bucket] -= uint64(x.Count)
		l.total -= uint64(x.Count)
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
	for b := l.lo; b < l.hi; b++ {
		if seen += l.counts[b]; seen >= rank {
			return Bucket(b).Nanos()
		}
	}
	return Bucket(l.hi - 1).Nanos()
}

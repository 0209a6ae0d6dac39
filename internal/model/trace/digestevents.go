package trace

import (
	"math/bits"
	"slices"
)

// A fold turns every span into an event, a number whose order is that of the
// digest's counters:
//
//	operation or edge:22 │ minute + 2^31:32 │ bucket:10
//
// and counts equal events. The bucket errorMark counts the errors of the minute.
const (
	bucketBits = 10
	minuteBits = 32
	errorMark  = 1<<bucketBits - 1
)

func eventOf(id uint32, minute int32, bucket Bucket) uint64 {
	return uint64(id)<<(minuteBits+bucketBits) | uint64(uint32(minute)^1<<31)<<bucketBits | uint64(bucket)
}

func eventMinute(e uint64) int32 { return int32(uint32(e>>bucketBits) ^ 1<<31) }

// eventCount is how often an event came.
type eventCount struct {
	event uint64
	n     int64
}

// eventCounter counts events. They are collected, sorted and counted a buffer at a
// time: cheaper than a look-up each, and bounded by what is distinct.
type eventCounter struct {
	buf, tmp []uint64
	acc      []eventCount // ascending
}

// eventBuffer is how many events are collected: 8 MiB of them, as many as there are
// spans in most parts.
const eventBuffer = 1 << 20

func (c *eventCounter) add(e uint64) {
	if len(c.buf) >= max(eventBuffer, len(c.acc)) {
		c.compact()
	}
	c.buf = append(c.buf, e)
}

// compact counts the collected events.
func (c *eventCounter) compact() {
	if len(c.buf) == 0 {
		return
	}
	c.sortBuffer()
	distinct := 1
	for i := 1; i < len(c.buf); i++ {
		if c.buf[i] != c.buf[i-1] {
			distinct++
		}
	}
	counted := make([]eventCount, 0, distinct)
	for _, e := range c.buf {
		if n := len(counted); n > 0 && counted[n-1].event == e {
			counted[n-1].n++
		} else {
			counted = append(counted, eventCount{e, 1})
		}
	}
	c.buf = c.buf[:0]
	c.acc = mergeCounts(c.acc, counted)
}

// sortBuffer sorts buf digit by digit, the least first. Only bits in which events
// differ count: half of the minutes' and numbers' bits are the same in all.
func (c *eventCounter) sortBuffer() {
	some, all := uint64(0), ^uint64(0)
	for _, e := range c.buf {
		some, all = some|e, all&e
	}
	c.tmp = slices.Grow(c.tmp[:0], len(c.buf))[:len(c.buf)]
	for differ := some &^ all; differ != 0; {
		shift := bits.TrailingZeros64(differ)
		differ = differ >> shift >> digitBits << digitBits << shift
		c.sortDigit(shift)
	}
}

// digitBits is how many bits are sorted by at once: 2048 counts fit the first cache.
const digitBits = 11

// sortDigit sorts buf by the digit that begins at a bit.
func (c *eventCounter) sortDigit(shift int) {
	var next [1 << digitBits]uint32
	for _, e := range c.buf {
		next[e>>shift&(1<<digitBits-1)]++
	}
	at := uint32(0)
	for i, n := range next {
		next[i] = at
		at += n
	}
	tmp := c.tmp
	for _, e := range c.buf {
		k := e >> shift & (1<<digitBits - 1)
		tmp[next[k]] = e
		next[k]++
	}
	c.buf, c.tmp = tmp, c.buf
}

// total returns all counts, ascending by event.
func (c *eventCounter) total() []eventCount {
	c.compact()
	return c.acc
}

// mergeCounts adds the counts of b to those of a. Both are ascending.
func mergeCounts(a, b []eventCount) []eventCount {
	if len(a) == 0 {
		return b
	}
	out := make([]eventCount, 0, len(a)+len(b))
	for len(a) > 0 || len(b) > 0 {
		var x eventCount
		if len(b) == 0 || len(a) > 0 && a[0].event <= b[0].event {
			x, a = a[0], a[1:]
		} else {
			x, b = b[0], b[1:]
		}
		if n := len(out); n > 0 && out[n-1].event == x.event {
			out[n-1].n += x.n
		} else {
			out = append(out, x)
		}
	}
	return out
}

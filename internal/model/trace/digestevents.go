package trace

import "slices"

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

// eventCounter counts events. Single ones are collected, sorted and counted a
// buffer at a time: cheaper than a look-up each, and bounded by what is distinct.
type eventCounter struct {
	buf, tmp []uint64
	acc      []eventCount // ascending
}

// minEventBuffer is how many events are collected at least.
const minEventBuffer = 1 << 15

func (c *eventCounter) add(e uint64) {
	if len(c.buf) >= max(minEventBuffer, len(c.acc)) {
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
	counted := make([]eventCount, 0, len(c.buf)/2)
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

// sortBuffer sorts buf by its bytes, the least first, skipping those that all
// events share.
func (c *eventCounter) sortBuffer() {
	const digits = 8
	var counts [digits][256]uint32
	for _, e := range c.buf {
		for d := range digits {
			counts[d][byte(e>>(8*d))]++
		}
	}
	c.tmp = slices.Grow(c.tmp[:0], len(c.buf))[:len(c.buf)]
	for d := range digits {
		of := &counts[d]
		if of[byte(c.buf[0]>>(8*d))] == uint32(len(c.buf)) {
			continue
		}
		at := uint32(0)
		for i, n := range of {
			of[i] = at
			at += n
		}
		for _, e := range c.buf {
			k := byte(e >> (8 * d))
			c.tmp[of[k]] = e
			of[k]++
		}
		c.buf, c.tmp = c.tmp, c.buf
	}
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

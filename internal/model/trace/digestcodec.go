package trace

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"strings"
)

// The bytes of a digest; all integers are uvarints but where it says otherwise,
// and lists have their length in front:
//
//	version:1 byte, folded:1 byte, dropped
//	texts       { length bytes … }                       ascending, distinct
//	base        zigzag: the first minute of all
//	operations  { service name kind cells }              texts by their place
//	edges       { parent child kind cells }
//	traces      { resource trace id:16 bytes calls }     of open calls
//	  calls     { parent:8 bytes service kind minute bucket<<1|failed }
//	cells       { minute<<2|several<<1|failed, [errors-1], [buckets-2], latency }
//	  latency   bucket<<1|repeated, [count-2]            as often as there are buckets
//
// Minutes of cells are differences to the one before, the first to base; those of
// open calls to base. Buckets are differences to the one before of the cell; the
// first of a cell is the zigzag difference to the first of the cell before, or to
// bucket 256. What is in brackets is there if the bit before it is set, so that a
// minute with one call takes two or three bytes, and nothing more is gained by
// compressing the whole.
const digestVersion = 1

// Append implements column.DigestFolder.
func (f *digestFolder) Append(dst []byte) []byte {
	f.finishTrace()
	open := f.openCalls()
	ops := groupEvents(f.ops.total(), f.names.ops.list)
	edges := groupEvents(f.edges.total(), f.names.edges.list)
	folded := byte(0)
	if f.folded || f.names.folded {
		folded = 1
	}
	e := digestEncoder{dst: append(dst, digestVersion, folded)}
	e.uint(f.dropped)
	e.writeTexts(f.names.texts, ops, edges, open)
	e.writeGroups(ops)
	e.writeGroups(edges)
	e.writeOpen(open)
	return e.dst
}

// openCalls returns those that remain, in the order of their keys.
func (f *digestFolder) openCalls() []openSpan {
	if len(f.open) > maxOpenCalls {
		f.open = f.newest(f.open)
	}
	slices.SortFunc(f.open, f.names.compareOpen)
	return f.open
}

// newest cuts the list to the newest maxOpenCalls.
func (f *digestFolder) newest(open []openSpan) []openSpan {
	slices.SortFunc(open, func(a, b openSpan) int {
		if c := cmp.Compare(b.minute, a.minute); c != 0 {
			return c
		}
		return f.names.compareOpen(a, b)
	})
	if n := len(open) - maxOpenCalls; n > 0 {
		f.dropped += uint64(n)
		open = open[:maxOpenCalls]
	}
	return open
}

// compareOpen orders open spans by key and then by all they have.
func (n *digestNames) compareOpen(a, b openSpan) int {
	if c := compareKeys(&a.openKey, &b.openKey); c != 0 {
		return c
	}
	return cmp.Or(
		cmp.Compare(a.minute, b.minute), cmp.Compare(a.parent, b.parent), cmp.Compare(a.bucket, b.bucket),
		strings.Compare(n.texts[a.service], n.texts[b.service]), cmp.Compare(a.kind, b.kind),
		cmp.Compare(a.failure(), b.failure()),
	)
}

func compareKeys(a, b *openKey) int {
	return cmp.Or(cmp.Compare(a.resource, b.resource), cmp.Compare(a.hash, b.hash), bytes.Compare(a.trace[:], b.trace[:]))
}

// failure returns 1 for a failed span.
func (r *digestRow) failure() uint64 {
	if r.failed {
		return 1
	}
	return 0
}

// eventGroup is the counts of one operation or edge, ascending by minute.
type eventGroup struct {
	triple
	events []eventCount
}

// groupEvents cuts counts by their numbers.
func groupEvents(counts []eventCount, list []triple) []eventGroup {
	var out []eventGroup
	for len(counts) > 0 {
		id := counts[0].event >> (minuteBits + bucketBits)
		n := 1
		for n < len(counts) && counts[n].event>>(minuteBits+bucketBits) == id {
			n++
		}
		out = append(out, eventGroup{list[id], counts[:n]})
		counts = counts[n:]
	}
	return out
}

// digestEncoder appends the parts of a digest.
type digestEncoder struct {
	dst   []byte
	place []uint32 // of a text's code in the list of texts
	base  int32    // the first minute
}

func (e *digestEncoder) uint(v uint64) {
	if v < 0x80 {
		e.dst = append(e.dst, byte(v))
		return
	}
	e.dst = binary.AppendUvarint(e.dst, v)
}

// writeTexts writes the texts in use, ascending, and puts the groups in the order
// of theirs.
func (e *digestEncoder) writeTexts(texts []string, ops, edges []eventGroup, open []openSpan) {
	used := make([]bool, len(texts))
	for _, groups := range [][]eventGroup{ops, edges} {
		for _, g := range groups {
			used[g.a], used[g.b] = true, true
		}
	}
	for i := range open {
		used[open[i].service] = true
	}
	codes := make([]uint32, 0, len(texts))
	for c, ok := range used {
		if ok {
			codes = append(codes, uint32(c))
		}
	}
	slices.SortFunc(codes, func(a, b uint32) int { return strings.Compare(texts[a], texts[b]) })
	e.place = make([]uint32, len(texts))
	e.uint(uint64(len(codes)))
	for i, c := range codes {
		e.place[c] = uint32(i)
		e.uint(uint64(len(texts[c])))
		e.dst = append(e.dst, texts[c]...)
	}
	e.base = firstMinute(ops, edges, open)
	e.dst = binary.AppendVarint(e.dst, int64(e.base))
	for _, groups := range [][]eventGroup{ops, edges} {
		slices.SortFunc(groups, func(a, b eventGroup) int {
			return cmp.Or(cmp.Compare(e.place[a.a], e.place[b.a]), cmp.Compare(e.place[a.b], e.place[b.b]), cmp.Compare(a.kind, b.kind))
		})
	}
}

// firstMinute returns the least of all minutes, zero without any.
func firstMinute(ops, edges []eventGroup, open []openSpan) int32 {
	first, found := int32(0), false
	see := func(m int32) {
		if !found || m < first {
			first, found = m, true
		}
	}
	for _, groups := range [][]eventGroup{ops, edges} {
		for _, g := range groups {
			see(eventMinute(g.events[0].event))
		}
	}
	for i := range open {
		see(open[i].minute)
	}
	return first
}

func (e *digestEncoder) writeGroups(groups []eventGroup) {
	e.uint(uint64(len(groups)))
	for _, g := range groups {
		e.uint(uint64(e.place[g.a]))
		e.uint(uint64(e.place[g.b]))
		e.uint(uint64(g.kind))
		e.writeCells(g.events)
	}
}

// firstBucket is what the first bucket of all is a difference to: that of 1 ms or so,
// where most durations are near.
const firstBucket = 256

// writeCells writes the events of a group minute by minute.
func (e *digestEncoder) writeCells(events []eventCount) {
	cells := 0
	for i := range events {
		if i == 0 || events[i].event>>bucketBits != events[i-1].event>>bucketBits {
			cells++
		}
	}
	e.uint(uint64(cells))
	last, bucket := e.base, int64(firstBucket)
	for len(events) > 0 {
		minute := eventMinute(events[0].event)
		n := 1
		for n < len(events) && events[n].event>>bucketBits == events[0].event>>bucketBits {
			n++
		}
		e.writeCell(uint64(int64(minute)-int64(last)), events[:n], bucket)
		last, bucket = minute, int64(events[0].event&errorMark)
		events = events[n:]
	}
}

// writeCell writes the events of one minute. The first bucket is a difference to
// the one given.
func (e *digestEncoder) writeCell(minute uint64, events []eventCount, last int64) {
	head, errors := minute<<2, int64(0)
	if n := len(events) - 1; events[n].event&errorMark == errorMark {
		errors, events = events[n].n, events[:n]
		head |= 1
	}
	if len(events) > 1 {
		head |= 2
	}
	e.uint(head)
	if errors > 0 {
		e.uint(uint64(min(errors, math.MaxUint32)) - 1)
	}
	if len(events) > 1 {
		e.uint(uint64(len(events) - 2))
	}
	for i, x := range events {
		bucket := int64(x.event & errorMark)
		step := uint64(bucket - last)
		if i == 0 {
			step = zigzag(bucket - last)
		}
		last = bucket
		if x.n == 1 {
			e.uint(step << 1)
			continue
		}
		e.uint(step<<1 | 1)
		e.uint(uint64(min(x.n, math.MaxUint32)) - 2)
	}
}

func zigzag(v int64) uint64   { return uint64(v)<<1 ^ uint64(v>>63) }
func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

// writeOpen writes the open spans trace by trace.
func (e *digestEncoder) writeOpen(open []openSpan) {
	traces := 0
	for i := range open {
		if i == 0 || open[i].openKey != open[i-1].openKey {
			traces++
		}
	}
	e.uint(uint64(traces))
	for len(open) > 0 {
		n := 1
		for n < len(open) && open[n].openKey == open[0].openKey {
			n++
		}
		e.uint(uint64(open[0].resource))
		e.dst = append(e.dst, open[0].trace[:]...)
		e.uint(uint64(n))
		for i := range open[:n] {
			o := &open[i]
			e.dst = binary.BigEndian.AppendUint64(e.dst, o.parent)
			e.uint(uint64(e.place[o.service]))
			e.uint(uint64(o.kind))
			e.uint(uint64(int64(o.minute) - int64(e.base)))
			e.uint(uint64(o.bucket)<<1 | o.failure())
		}
		open = open[n:]
	}
}

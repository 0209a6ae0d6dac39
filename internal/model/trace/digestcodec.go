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
//	cells       { minute errors latency { bucket count } }
//
// Minutes of cells are differences to the one before, the first to base; those of
// open calls to base. Buckets are differences to the one before.
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

func (e *digestEncoder) uint(v uint64) { e.dst = binary.AppendUvarint(e.dst, v) }

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

// writeCells writes the events of a group minute by minute.
func (e *digestEncoder) writeCells(events []eventCount) {
	cells := 0
	for i := range events {
		if i == 0 || events[i].event>>bucketBits != events[i-1].event>>bucketBits {
			cells++
		}
	}
	e.uint(uint64(cells))
	last := e.base
	for len(events) > 0 {
		minute := eventMinute(events[0].event)
		n := 1
		for n < len(events) && events[n].event>>bucketBits == events[0].event>>bucketBits {
			n++
		}
		e.uint(uint64(int64(minute) - int64(last)))
		last = minute
		e.writeLatency(events[:n])
		events = events[n:]
	}
}

// writeLatency writes the events of one minute.
func (e *digestEncoder) writeLatency(events []eventCount) {
	errors := int64(0)
	if n := len(events) - 1; events[n].event&errorMark == errorMark {
		errors, events = events[n].n, events[:n]
	}
	e.uint(uint64(min(errors, math.MaxUint32)))
	e.uint(uint64(len(events)))
	last := uint64(0)
	for _, x := range events {
		bucket := x.event & errorMark
		e.uint(bucket - last)
		e.uint(uint64(min(x.n, math.MaxUint32)))
		last = bucket
	}
}

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

package corpus

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// Share is one worker's part of the stream: the traces whose index is Part
// modulo Parts. The zero value is all of them.
type Share struct {
	Part  int // in [0, Parts)
	Parts int // zero means one
}

// Requests yields the whole stream as ExportTraceServiceRequest bytes with
// their span counts, until yield returns false. The bytes are valid only until
// yield returns. Each call starts anew; concurrent calls are independent.
func (c *Corpus) Requests(yield func(req []byte, spans int) bool) {
	c.ShareRequests(Share{})(yield)
}

// ShareRequests is Requests for one worker of several. The shares together
// carry every span exactly once, but cut requests elsewhere than Requests
// does: each keeps its part of the traces in flight.
func (c *Corpus) ShareRequests(share Share) func(yield func(req []byte, spans int) bool) {
	share.Parts = max(share.Parts, 1)
	return func(yield func([]byte, int) bool) { newStream(c, share).run(yield) }
}

// stream merges the traces in flight by the end times of their spans.
//
// Every trace runs on a virtual clock of its own start: a lane is one of the
// InFlight places, and takes its next trace the moment its last one has ended.
// So real start times, which lie far apart, do not matter for the mixture.
type stream struct {
	c      *Corpus
	next   int // index of the next trace to enter
	step   int
	heap   []heapEntry // min-heap, one entry per busy lane
	draft  draft
	packer packer
}

// staggerNanos is the virtual time between the lanes' first traces: a median
// root duration over 200 lanes.
const staggerNanos = 200_000

// lane holds one trace in flight, encoded, its spans in order of end time.
type lane struct {
	index int
	spans []laneSpan
	pos   int
	base  int64 // virtual time of the trace's start
	wire  []byte
}

type laneSpan struct {
	end      int64 // relative to the trace's start
	instance int
	wire     extent
}

type heapEntry struct {
	time  int64
	index int // of the trace; breaks ties
	lane  *lane
}

func (a heapEntry) less(b heapEntry) bool {
	if a.time != b.time {
		return a.time < b.time
	}
	return a.index < b.index
}

func newStream(c *Corpus, share Share) *stream {
	s := &stream{c: c, next: share.Part, step: share.Parts, packer: newPacker(c)}
	lanes := max(c.cfg.InFlight/share.Parts, 1)
	for k := range lanes {
		l := new(lane)
		if !s.enter(l, int64(k)*staggerNanos*int64(share.Parts)) {
			break
		}
		s.heap = append(s.heap, l.head())
	}
	slices.SortFunc(s.heap, func(a, b heapEntry) int {
		return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.index, b.index))
	})
	return s
}

// enter loads the next trace into the lane; false when there is none.
func (s *stream) enter(l *lane, base int64) bool {
	if s.next >= s.c.cfg.Traces {
		return false
	}
	s.c.fill(&s.draft, s.next)
	l.index, l.base, l.pos = s.next, base, 0
	l.spans, l.wire = l.spans[:0], l.wire[:0]
	s.next += s.step
	for i := range s.draft.spans {
		d := &s.draft.spans[i]
		start := len(l.wire)
		l.wire = s.draft.appendSpan(l.wire, i)
		l.spans = append(l.spans, laneSpan{d.start + d.duration, d.instance, extent{start, len(l.wire)}})
	}
	slices.SortStableFunc(l.spans, func(a, b laneSpan) int { return cmp.Compare(a.end, b.end) })
	return true
}

func (l *lane) head() heapEntry { return heapEntry{l.base + l.spans[l.pos].end, l.index, l} }

func (s *stream) run(yield func([]byte, int) bool) {
	for len(s.heap) > 0 {
		l := s.heap[0].lane
		span := l.spans[l.pos]
		s.packer.add(span.instance, l.wire[span.wire.start:span.wire.end])
		s.advance(l)
		if s.packer.spans() == s.c.cfg.RequestSpans && !s.packer.flush(yield) {
			return
		}
	}
	if s.packer.spans() > 0 {
		s.packer.flush(yield)
	}
}

// advance moves the lane at the top of the heap to its next span.
func (s *stream) advance(l *lane) {
	l.pos++
	if l.pos == len(l.spans) && !s.enter(l, s.heap[0].time) {
		last := len(s.heap) - 1
		s.heap[0] = s.heap[last]
		s.heap = s.heap[:last]
	} else {
		s.heap[0] = l.head()
	}
	s.siftDown()
}

func (s *stream) siftDown() {
	h := s.heap
	if len(h) == 0 {
		return
	}
	item, i := h[0], 0
	for {
		child := 2*i + 1
		if child >= len(h) {
			break
		}
		if child+1 < len(h) && h[child+1].less(h[child]) {
			child++
		}
		if !h[child].less(item) {
			break
		}
		h[i] = h[child]
		i = child
	}
	h[i] = item
}

// packer groups the spans of one request by instance.
type packer struct {
	cat    *catalogue
	scopes [][]byte // ScopeSpans.scope by language, tag and length included
	arena  []byte   // spans in order of arrival
	items  []packed
	groups []packedGroup // in order of first appearance
	first  []int         // by instance: index into groups + 1
	out    []byte
}

type packed struct {
	wire extent
	next int // index into items + 1 of the group's next span
}

type packedGroup struct {
	instance   int
	bytes      int
	head, tail int // indices into items + 1
}

func newPacker(c *Corpus) packer {
	p := packer{cat: c.cat, first: make([]int, len(c.cat.instances))}
	for i := range c.cat.scopes {
		p.scopes = append(p.scopes, appendScope(nil, &c.cat.scopes[i]))
	}
	return p
}

func (p *packer) spans() int { return len(p.items) }

func (p *packer) add(instance int, wire []byte) {
	start := len(p.arena)
	p.arena = append(p.arena, wire...)
	p.items = append(p.items, packed{wire: extent{start, len(p.arena)}})
	g := p.first[instance]
	if g == 0 {
		p.groups = append(p.groups, packedGroup{instance: instance, head: len(p.items)})
		g = len(p.groups)
		p.first[instance] = g
	} else {
		p.items[p.groups[g-1].tail-1].next = len(p.items)
	}
	p.groups[g-1].tail = len(p.items)
	p.groups[g-1].bytes += len(wire)
}

// flush yields the request and resets the packer.
func (p *packer) flush(yield func([]byte, int) bool) bool {
	p.out = p.out[:0]
	for _, g := range p.groups {
		p.appendGroup(g)
		p.first[g.instance] = 0
	}
	spans := len(p.items)
	p.arena, p.items, p.groups = p.arena[:0], p.items[:0], p.groups[:0]
	return yield(p.out, spans)
}

// appendGroup appends one ResourceSpans with its only ScopeSpans.
func (p *packer) appendGroup(g packedGroup) {
	resource := p.cat.instances[g.instance].wire
	scope := p.scopes[p.cat.languageOf(g.instance)]
	scoped := len(scope) + g.bytes
	p.out = append(p.out, tagGroup)
	p.out = binary.AppendUvarint(p.out, uint64(len(resource)+1+varintSize(scoped)+scoped))
	p.out = append(p.out, resource...)
	p.out = append(p.out, tagScopeSpans)
	p.out = binary.AppendUvarint(p.out, uint64(scoped))
	p.out = append(p.out, scope...)
	for i := g.head; i != 0; i = p.items[i-1].next {
		w := p.items[i-1].wire
		p.out = append(p.out, p.arena[w.start:w.end]...)
	}
}

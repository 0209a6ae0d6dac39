package jaeger

import (
	"fmt"
	"slices"
	"time"

	"github.com/pandodb/pando/internal/model/trace"
)

// Warnings about clocks, in Jaeger's words, by which people search for them.
const (
	warnSameID   = "duplicate span IDs; skipping clock skew adjustment"
	warnNoParent = "parent span ID=%s is not in the trace; skipping clock skew adjustment"
	warnTooFar   = "max clock skew adjustment delta of %v exceeded; not applying calculated delta of %v"
	warnDisabled = "clock skew adjustment disabled; not applying calculated delta of %v"
	warnMoved    = "This span's timestamps were adjusted by %v"
)

// clock is what is known of the clock behind a span.
type clock struct {
	parent int32 // position of the parent, or noParent
	host   int32 // who runs the span; 0 is unknown
	state  clockState
	// Of the clock that the span was measured with against that of its root: set
	// once the state is settled.
	delta    int64 // nanoseconds to add
	deltaFor int32 // the host that delta was found for
}

type clockState uint8

const (
	open    clockState = iota
	onPath             // being settled
	settled            // moved, if need be
	adrift             // above it is a circle of parents instead of a root
)

const noParent = -1

// correctClocks moves spans that lie outside their parents because another host
// measured them. A host keeps its delta down the tree until the host changes;
// hosts that do not say who they are count as changing with every span. So a
// span is settled after its parent: settle walks up to a settled one first.
func (d *adjustment) correctClocks(most int64) {
	clocks := d.newClocks()
	var path []int32
	for i := range clocks {
		if clocks[i].state == open {
			path = d.settle(clocks, int32(i), path[:0], most)
		}
	}
}

// newClocks finds parents and hosts, and warns about spans that cannot take part.
func (d *adjustment) newClocks() []clock {
	clocks := make([]clock, len(d.spans))
	hosts := hostCodes{byName: map[string]int32{"": 0}, byResource: make(map[*trace.Resource]int32)}
	for i := range d.spans {
		s, c := &d.spans[i], &clocks[i]
		c.parent, c.host = noParent, hosts.of(s.Resource)
		if d.repeated && d.byID[s.SpanID.RowID()] != int32(i) {
			addWarning(s, warnSameID)
			c.state = settled // it stays where it is and is nobody's parent
			continue
		}
		if s.ParentID.IsZero() {
			continue
		}
		if at, ok := d.byID[s.ParentID.RowID()]; ok {
			c.parent = at
		} else {
			addWarning(s, fmt.Sprintf(warnNoParent, s.ParentID))
		}
	}
	return clocks
}

// settle settles the span at position i and those above it that are not yet. It
// returns path for reuse.
func (d *adjustment) settle(clocks []clock, i int32, path []int32, most int64) []int32 {
	for i != noParent && clocks[i].state == open {
		clocks[i].state = onPath
		path = append(path, i)
		i = clocks[i].parent
	}
	if i != noParent && clocks[i].state != settled { // a circle, or below one
		for _, k := range path {
			clocks[k].state = adrift
		}
		return path
	}
	for _, at := range slices.Backward(path) {
		c := &clocks[at]
		c.state = settled
		if c.parent == noParent {
			c.deltaFor = c.host
			continue
		}
		up := &clocks[c.parent]
		c.delta, c.deltaFor = up.delta, up.deltaFor
		if c.host == 0 || c.host != up.deltaFor {
			c.delta, c.deltaFor = skew(&d.spans[at], &d.spans[c.parent]), c.host
		}
		move(&d.spans[at], c.delta, most)
	}
	return path
}

// skew returns how far to move a span so that it lies in its parent: in the
// middle, as if the network took as long there as back. One that lasts longer
// than its parent is only kept from starting before it.
func skew(s, parent *trace.Span) int64 {
	start, end := int64(s.StartNanos), int64(s.EndNanos)
	from, to := int64(parent.StartNanos), int64(parent.EndNanos)
	switch {
	case end-start > to-from:
		return max(0, from-start)
	case start >= from && end <= to:
		return 0
	default:
		return from + ((to-from)-(end-start))/2 - start
	}
}

// move moves a span and its events by delta nanoseconds, at most that far.
func move(s *trace.Span, delta, most int64) {
	switch {
	case delta == 0:
		return
	case most <= 0:
		addWarning(s, fmt.Sprintf(warnDisabled, time.Duration(delta)))
		return
	case delta > most || delta < -most:
		addWarning(s, fmt.Sprintf(warnTooFar, time.Duration(most), time.Duration(delta)))
		return
	}
	s.StartNanos += uint64(delta)
	s.EndNanos += uint64(delta)
	events := make([]trace.Event, len(s.Events))
	for i := range s.Events {
		events[i] = s.Events[i]
		events[i].TimeNanos += uint64(delta)
	}
	s.Events = events
	addWarning(s, fmt.Sprintf(warnMoved, time.Duration(delta)))
}

// hostCodes numbers hosts; 0 is one that does not say who it is.
type hostCodes struct {
	byName     map[string]int32
	byResource map[*trace.Resource]int32
}

func (h *hostCodes) of(r *trace.Resource) int32 {
	code, ok := h.byResource[r]
	if ok {
		return code
	}
	name := hostOf(r)
	if code, ok = h.byName[name]; !ok {
		code = int32(len(h.byName))
		h.byName[name] = code
	}
	h.byResource[r] = code
	return code
}

// hostOf returns what tells hosts apart: the first of some attributes, the last
// of which is what clients of Jaeger before OpenTelemetry sent.
func hostOf(r *trace.Resource) string {
	for _, key := range [...]string{"host.id", "host.ip", "host.name", "ip"} {
		v := find(r.Attrs, key)
		if v == nil {
			continue
		}
		if v.Kind == trace.KindList && len(v.List) > 0 {
			v = &v.List[0]
		}
		if v.Kind == trace.KindString {
			return v.Str
		}
		return string(appendPlainValue(nil, v))
	}
	return ""
}

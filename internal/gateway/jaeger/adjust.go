package jaeger

import (
	"cmp"
	"slices"
	"time"

	"github.com/pandodb/pando/internal/gateway/jaeger/wire"
	"github.com/pandodb/pando/internal/model/trace"
)

// Adjuster repairs traces for readers as Jaeger does: see Adjust. The zero value
// repairs everything but clocks.
type Adjuster struct {
	// MaxClockSkew is how far spans are moved at most when the clocks of two hosts
	// disagree. A span that would have to move farther stays and gets a warning.
	// Zero, Jaeger's default, moves none.
	MaxClockSkew time.Duration
}

// Adjust repairs a trace. In this order:
//
//  1. Attributes are sorted by key.
//  2. Of spans that are the same in every byte, one stays. (In Jaeger after the
//     next step, which makes copies of a server differ.)
//  3. A server span that shares its id with a client span, as Zipkin's senders
//     do, gets an id of its own and becomes the client's child; what were
//     children of the shared id become the server's.
//  4. Spans of a host whose clock is off are moved into their parents.
//  5. Numbers under "ip" and "peer.ipv4" become addresses in text.
//  6. Attributes that describe the sender's library move to the resource.
//  7. Links without a trace id are dropped.
//
// What it did, or could not do, it says in the attribute @jaeger@warnings of the
// span, a list of texts, where Jaeger's own programs keep it.
//
// It writes to t.Spans, which may get shorter, but not to memory behind them:
// attributes, events, links, resources and scopes that change are copied first.
func (a Adjuster) Adjust(t *trace.Trace) {
	d := adjustment{spans: t.Spans}
	d.sortAttrs()
	d.indexIDs()
	if d.repeated {
		d.dropCopies()
		d.indexIDs()
	}
	if d.repeated {
		d.splitSharedIDs()
		d.indexIDs()
	}
	d.correctClocks(int64(a.MaxClockSkew))
	d.normalizeAttrs()
	d.dropEmptyLinks()
	t.Spans = d.spans
}

// adjustment is the work on one trace.
type adjustment struct {
	spans    []trace.Span
	byID     map[uint64]int32 // the first span of each id
	repeated bool             // some id is on several spans
}

// indexIDs notes where each span id is.
func (d *adjustment) indexIDs() {
	d.byID, d.repeated = make(map[uint64]int32, len(d.spans)), false
	for i := range d.spans {
		id := d.spans[i].SpanID.RowID()
		if _, ok := d.byID[id]; ok {
			d.repeated = true
			continue
		}
		d.byID[id] = int32(i)
	}
}

// addWarning adds a text to the warnings of a span.
func addWarning(s *trace.Span, text string) {
	at, found := slices.BinarySearchFunc(s.Attrs, wire.AttrWarnings, func(a trace.Attr, key string) int {
		return cmp.Compare(a.Key, key)
	})
	all := trace.Value{Kind: trace.KindList}
	if found {
		old := &s.Attrs[at].Value
		if old.Kind == trace.KindList {
			all.List = slices.Clone(old.List)
		} else {
			all.List = []trace.Value{*old}
		}
	}
	all.List = append(all.List, trace.Value{Kind: trace.KindString, Str: text})
	attrs := make([]trace.Attr, 0, len(s.Attrs)+1)
	attrs = append(append(attrs, s.Attrs[:at]...), trace.Attr{Key: wire.AttrWarnings, Value: all})
	if found {
		at++
	}
	s.Attrs = append(attrs, s.Attrs[at:]...)
}

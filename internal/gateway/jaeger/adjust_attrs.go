package jaeger

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/pandodb/pando/internal/model/trace"
)

const (
	warnLink     = "Invalid span link removed"
	warnConflict = "conflicting values between Span and Resource for attribute "
)

// sortAttrs sorts the attributes of resources, scopes, events and links; those of
// spans come sorted.
func (d *adjustment) sortAttrs() {
	resources, scopes := newSwap[trace.Resource](), newSwap[trace.Scope]()
	for i := range d.spans {
		s := &d.spans[i]
		s.Resource = resources.of(s.Resource, adjustedResource)
		s.Scope = scopes.of(s.Scope, sortedScope)
		sortEvents(s)
		sortLinks(s)
	}
}

func sortEvents(s *trace.Span) {
	copied := false
	for k := range s.Events {
		sorted, changed := sortedAttrs(s.Events[k].Attrs)
		if !changed {
			continue
		}
		if !copied {
			s.Events, copied = slices.Clone(s.Events), true
		}
		s.Events[k].Attrs = sorted
	}
}

func sortLinks(s *trace.Span) {
	copied := false
	for k := range s.Links {
		sorted, changed := sortedAttrs(s.Links[k].Attrs)
		if !changed {
			continue
		}
		if !copied {
			s.Links, copied = slices.Clone(s.Links), true
		}
		s.Links[k].Attrs = sorted
	}
}

// adjustedResource returns the resource with sorted attributes and addresses in
// text.
func adjustedResource(r *trace.Resource) *trace.Resource {
	sorted, changed := sortedAttrs(r.Attrs)
	for i := range sorted {
		if address, ok := addressOf(&sorted[i]); ok {
			if !changed {
				sorted, changed = slices.Clone(sorted), true
			}
			sorted[i].Value = address
		}
	}
	if !changed {
		return r
	}
	c := *r
	c.Attrs = sorted
	return &c
}

func sortedScope(s *trace.Scope) *trace.Scope {
	sorted, changed := sortedAttrs(s.Attrs)
	if !changed {
		return s
	}
	c := *s
	c.Attrs = sorted
	return &c
}

// sortedAttrs returns the attributes ascending by key: a copy, if changed.
func sortedAttrs(attrs []trace.Attr) (_ []trace.Attr, changed bool) {
	for i := 1; i < len(attrs); i++ {
		if attrs[i].Key < attrs[i-1].Key {
			attrs = slices.Clone(attrs)
			slices.SortStableFunc(attrs, func(a, b trace.Attr) int { return cmp.Compare(a.Key, b.Key) })
			return attrs, true
		}
	}
	return attrs, false
}

// swap replaces what spans share: each is looked at once.
type swap[T any] struct {
	known    map[*T]*T
	old, new *T // the last
}

func newSwap[T any]() *swap[T] { return &swap[T]{known: make(map[*T]*T)} }

func (w *swap[T]) of(old *T, replace func(*T) *T) *T {
	if old == w.old {
		return w.new
	}
	replaced, ok := w.known[old]
	if !ok {
		replaced = replace(old)
		w.known[old] = replaced
	}
	w.old, w.new = old, replaced
	return replaced
}

// normalizeAttrs rewrites the span attributes that Jaeger wants elsewhere or in
// another form.
func (d *adjustment) normalizeAttrs() {
	library := make(map[*trace.Resource]*trace.Resource) // with the library's attributes
	for i := range d.spans {
		s := &d.spans[i]
		moves := false
		for k := range s.Attrs {
			if address, ok := addressOf(&s.Attrs[k]); ok {
				s.Attrs = slices.Clone(s.Attrs)
				s.Attrs[k].Value = address
			}
			moves = moves || isLibrary(s.Attrs[k].Key)
		}
		if moves {
			moveLibrary(s, library)
		}
	}
	if len(library) == 0 {
		return
	}
	for i := range d.spans {
		if r := library[d.spans[i].Resource]; r != nil {
			d.spans[i].Resource = r
		}
	}
}

// isLibrary reports whether an attribute describes the sender's library.
func isLibrary(key string) bool {
	switch key {
	case "telemetry.sdk.language", "telemetry.sdk.name", "telemetry.sdk.version",
		"telemetry.distro.name", "telemetry.distro.version":
		return true
	default:
		return false
	}
}

// moveLibrary moves a span's attributes about its library to its resource as
// library has it, unless that knows better.
func moveLibrary(s *trace.Span, library map[*trace.Resource]*trace.Resource) {
	r := library[s.Resource]
	if r == nil {
		c := *s.Resource
		c.Attrs = slices.Clone(c.Attrs)
		r = &c
		library[s.Resource] = r
	}
	kept := make([]trace.Attr, 0, len(s.Attrs))
	var conflicts []string
	for _, a := range s.Attrs {
		if !isLibrary(a.Key) {
			kept = append(kept, a)
			continue
		}
		switch have := find(r.Attrs, a.Key); {
		case have == nil:
			r.Attrs = append(r.Attrs, a)
			r.Attrs, _ = sortedAttrs(r.Attrs)
		case !sameValue(have, &a.Value):
			kept = append(kept, a)
			conflicts = append(conflicts, a.Key)
		}
	}
	s.Attrs = kept
	for _, key := range conflicts {
		addWarning(s, warnConflict+key)
	}
}

func sameValue(a, b *trace.Value) bool {
	return a.Kind == b.Kind && bytes.Equal(appendPlainValue(nil, a), appendPlainValue(nil, b))
}

// addressOf returns the IPv4 address that an attribute has as a number.
func addressOf(a *trace.Attr) (trace.Value, bool) {
	if a.Key != "ip" && a.Key != "peer.ipv4" {
		return trace.Value{}, false
	}
	var n uint32
	switch a.Value.Kind {
	case trace.KindInt:
		n = uint32(a.Value.Int)
	case trace.KindDouble:
		n = uint32(int64(a.Value.Dbl))
	default:
		return trace.Value{}, false
	}
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return trace.Value{Kind: trace.KindString, Str: netip.AddrFrom4(b).String()}, true
}

// dropEmptyLinks drops links that lead nowhere.
func (d *adjustment) dropEmptyLinks() {
	for i := range d.spans {
		s := &d.spans[i]
		bad := 0
		for k := range s.Links {
			if s.Links[k].TraceID.IsZero() {
				bad++
			}
		}
		if bad == 0 {
			continue
		}
		kept := make([]trace.Link, 0, len(s.Links)-bad)
		for _, l := range s.Links {
			if !l.TraceID.IsZero() {
				kept = append(kept, l)
			}
		}
		s.Links = kept
		for range bad {
			addWarning(s, warnLink)
		}
	}
}

package jaegerbadger

import (
	"cmp"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/pandodb/pando/internal/model/trace"
)

// digester hashes spans as the trace model has them. The order of attributes,
// which a server does not keep, does not count. It remembers the resources and
// scopes of one batch by their address.
type digester struct {
	buf    []byte
	attrs  []trace.Attr
	groups map[group]uint64
}

type group struct {
	resource *trace.Resource
	scope    *trace.Scope
}

// reset forgets resources and scopes.
func (d *digester) reset() {
	if d.groups == nil {
		d.groups = make(map[group]uint64)
	}
	clear(d.groups)
}

// sum returns the hash of a span, its resource and its scope.
func (d *digester) sum(s *trace.Span) uint64 {
	g := group{s.Resource, s.Scope}
	outer, ok := d.groups[g]
	if !ok {
		outer = d.outer(g)
		d.groups[g] = outer
	}
	c := *s
	d.attrs = append(d.attrs[:0], s.Attrs...)
	c.Attrs = ordered(d.attrs)
	d.buf = trace.AppendSpan(d.buf[:0], &c)
	var h xxhash.Digest
	h.ResetWithSeed(outer)
	_, _ = h.Write(d.buf) // never fails
	return h.Sum64()
}

// outer hashes a resource and a scope by what a request says of them.
func (d *digester) outer(g group) uint64 {
	r, s := *g.resource, *g.scope
	r.Attrs = ordered(slices.Clone(r.Attrs))
	s.Attrs = ordered(slices.Clone(s.Attrs))
	return xxhash.Sum64(trace.AppendOTLP(nil, []trace.Span{{Resource: &r, Scope: &s}}))
}

// ordered sorts attributes by key; those of one key keep their order.
func ordered(attrs []trace.Attr) []trace.Attr {
	slices.SortStableFunc(attrs, func(a, b trace.Attr) int { return cmp.Compare(a.Key, b.Key) })
	return attrs
}

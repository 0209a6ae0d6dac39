package index

import "encoding/binary"

// group returns the group of ord, or false when there is none.
func (p *Postings) group(ord uint32) (termGroup, bool) {
	at := int(ord) / groupTerms * 4
	if int(ord) >= p.terms || at >= len(p.starts) {
		return termGroup{}, false
	}
	src := p.groups[binary.LittleEndian.Uint32(p.starts[at:]):]
	return termGroup{
		src:   src[2:],
		width: uint(min(src[0], 6)),
		least: int(min(src[1], longRows-1)),
		terms: min(p.terms-int(ord)/groupTerms*groupTerms, groupTerms),
	}, true
}

// termGroup is a group of short lists. Its header is clamped to what a writer
// can write, so a damaged one gives wrong rows below the universe, or an error,
// and never a large allocation.
type termGroup struct {
	src   []byte // counts, then lists
	width uint
	least int
	terms int
}

// count returns the number of rows of the group's i-th term.
func (g *termGroup) count(i int) int {
	r := bitReader{src: g.src, pos: i * int(g.width)}
	return g.least + int(r.read(g.width))
}

// lists returns a reader at the group's first list.
func (g *termGroup) lists() bitReader {
	return bitReader{src: g.src, pos: g.terms * int(g.width)}
}

// groupCursor reads short lists, best in the order of their ordinals: it then
// passes every list once.
type groupCursor struct {
	p     *Postings
	open  bool
	index int // of the open group
	group termGroup
	at    int // the term of the group whose list is next in r
	r     bitReader
}

// appendRows appends the rows of term ord, which must not be in the long table.
// An error leaves dst as it was.
func (c *groupCursor) appendRows(dst []uint32, ord uint32) ([]uint32, error) {
	index, in := int(ord)/groupTerms, int(ord)%groupTerms
	if !c.open || c.index != index || c.at > in {
		g, ok := c.p.group(ord)
		if !ok {
			return dst, nil
		}
		c.open, c.index, c.group, c.at, c.r = true, index, g, 0, g.lists()
	}
	for ; c.at < in; c.at++ {
		if n := c.group.count(c.at); n > 0 {
			skipShortList(&c.r, n, c.p.rows)
		}
	}
	n := c.group.count(in)
	c.at++
	if n == 0 {
		return dst, nil
	}
	out, ok := decodeShortList(dst, &c.r, n, c.p.rows)
	if !ok {
		c.open = false
		return dst, damaged("postings: list of term %d is malformed", ord)
	}
	return out, nil
}

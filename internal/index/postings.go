package index

import (
	"encoding/binary"
	"sort"
)

// Postings maps the ordinal of a term to the ascending rows that have it. It
// aliases the bytes it was opened on, is immutable and safe for concurrent use.
type Postings struct {
	rows   uint64
	terms  int
	long   []byte // entries of longEntryBytes, ordinals ascending
	starts []byte // offset of every group, four bytes each; empty without groups
	groups []byte
	lists  []byte // with tailBytes behind the last list
}

// OpenPostings opens what AppendPostings wrote; src must hold exactly that and
// must not change while the Postings is used. The directory is checked here,
// the lists when they are read. The caller compares Universe with the rows of
// its part before it lets sets of that size be made. Damage gives a ClassCorruption error without a
// file name: the caller knows it.
func OpenPostings(src []byte) (*Postings, error) {
	if len(src) == 0 || src[0] != postingsVersion {
		return nil, damaged("postings: bad header")
	}
	var head [5]uint64
	var ok bool
	rest := src[1:]
	for i := range head {
		if head[i], rest, ok = uvarint(rest); !ok || head[i] >= noList {
			return nil, damaged("postings: bad header")
		}
	}
	p := &Postings{rows: head[0], terms: int(head[1])}
	longBytes := head[2] * longEntryBytes
	startBytes := uint64(0)
	if head[3] > 0 {
		startBytes = (head[1] + groupTerms - 1) / groupTerms * 4
	}
	if longBytes+startBytes+head[3]+head[4]+tailBytes != uint64(len(rest)) {
		return nil, damaged("postings: %d bytes do not match the header", len(src))
	}
	p.long, rest = rest[:longBytes], rest[longBytes:]
	p.starts, rest = rest[:startBytes], rest[startBytes:]
	p.groups, p.lists = rest[:head[3]], rest[head[3]:]
	return p, p.check()
}

// check bounds the long table, so that no count makes a reader allocate more
// than its list can hold, and the group offsets.
func (p *Postings) check() error {
	next := uint64(0)
	for i := range len(p.long) / longEntryBytes {
		ord, count, offset := p.longEntry(i)
		if uint64(ord) < next || int(ord) >= p.terms || uint64(count) > p.rows {
			return damaged("postings: long term %d out of bounds", i)
		}
		next = uint64(ord) + 1
		if offset == noList {
			continue
		}
		body := len(p.lists) - tailBytes - int(offset)
		if body < 0 || int(count) > body*listBlockRows {
			return damaged("postings: list of term %d out of bounds", ord)
		}
	}
	prev := uint32(0)
	for i := 0; i < len(p.starts); i += 4 {
		start := binary.LittleEndian.Uint32(p.starts[i:])
		if start < prev || int(start)+2 > len(p.groups) {
			return damaged("postings: group %d out of bounds", i/4)
		}
		prev = start
	}
	return nil
}

// Universe returns the number of rows of the part.
func (p *Postings) Universe() int { return int(p.rows) }

// Terms returns the number of terms.
func (p *Postings) Terms() int { return p.terms }

// SizeBytes returns the length of the encoding that the Postings aliases.
func (p *Postings) SizeBytes() int {
	return len(p.long) + len(p.starts) + len(p.groups) + len(p.lists)
}

// Count returns the number of rows of term ord, or zero for an ordinal that is
// not below Terms.
func (p *Postings) Count(ord uint32) int {
	if i, ok := p.findLong(ord); ok {
		_, count, _ := p.longEntry(i)
		return int(count)
	}
	g, ok := p.group(ord)
	if !ok {
		return 0
	}
	return g.count(int(ord % groupTerms))
}

// CountRange returns the number of rows of all terms in [first, end): what a
// reader compares to decide between lists and a scan.
func (p *Postings) CountRange(first, end uint32) (rows int) {
	for ord := first; ord < min(end, uint32(p.terms)); {
		stop := min(end, uint32(p.terms), (ord/groupTerms+1)*groupTerms)
		if g, ok := p.group(ord); ok {
			for ; ord < stop; ord++ {
				rows += g.count(int(ord % groupTerms))
			}
		}
		ord = stop
	}
	i := sort.Search(len(p.long)/longEntryBytes, func(i int) bool { return p.longOrd(i) >= first })
	for ; i < len(p.long)/longEntryBytes && p.longOrd(i) < end; i++ {
		_, count, _ := p.longEntry(i)
		rows += int(count)
	}
	return rows
}

// Dense reports whether term ord has rows but no list: readers scan the
// column's codes for it.
func (p *Postings) Dense(ord uint32) bool {
	i, ok := p.findLong(ord)
	if !ok {
		return false
	}
	_, _, offset := p.longEntry(i)
	return offset == noList
}

// AppendRows appends the rows of term ord to dst, ascending. A dense term, or
// an ordinal that is not below Terms, appends nothing: ask Dense first. An error
// is ClassCorruption and leaves dst as it was.
func (p *Postings) AppendRows(dst []uint32, ord uint32) ([]uint32, error) {
	if i, ok := p.findLong(ord); ok {
		return p.appendLongRows(dst, i)
	}
	c := groupCursor{p: p}
	return c.appendRows(dst, ord)
}

// Rows makes dst the rows of term ord. When the term is dense it returns true
// and leaves dst empty. Errors are ClassCorruption.
func (p *Postings) Rows(dst *Set, ord uint32) (dense bool, err error) {
	dst.Reset(int(p.rows))
	if p.Dense(ord) {
		return true, nil
	}
	// The rows go straight to the set's list: SetRows would copy them.
	dst.list, err = p.AppendRows(dst.list, ord)
	dst.size = len(dst.list)
	if err == nil && dst.size > dst.n/bitmapShare {
		dst.toBitmap()
	}
	return false, err
}

// appendLongRows appends the rows of entry i of the long table.
func (p *Postings) appendLongRows(dst []uint32, i int) ([]uint32, error) {
	ord, count, offset := p.longEntry(i)
	if offset == noList {
		return dst, nil
	}
	out := append(dst, make([]uint32, count)...)
	if !decodeLongList(out[len(dst):], p.lists[offset:], p.rows) {
		return dst, damaged("postings: list of term %d is malformed", ord)
	}
	return out, nil
}

// findLong returns the entry of ord in the long table.
func (p *Postings) findLong(ord uint32) (i int, ok bool) {
	n := len(p.long) / longEntryBytes
	i = sort.Search(n, func(i int) bool { return p.longOrd(i) >= ord })
	return i, i < n && p.longOrd(i) == ord
}

func (p *Postings) longOrd(i int) uint32 {
	return binary.LittleEndian.Uint32(p.long[i*longEntryBytes:])
}

func (p *Postings) longEntry(i int) (ord, count, offset uint32) {
	e := p.long[i*longEntryBytes:][:longEntryBytes]
	le := binary.LittleEndian
	return le.Uint32(e), le.Uint32(e[4:]), le.Uint32(e[8:])
}

package index

import (
	"bytes"
	"encoding/binary"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// Terms is a sorted dictionary: distinct terms and their ordinals 0 to Len()-1,
// in the order of bytes.Compare. It aliases the bytes it was opened on, is
// immutable and safe for concurrent use.
type Terms struct {
	n        int
	width    int // bytes of a restart
	text     bool
	restarts []byte
	data     []byte
}

// OpenTerms opens what AppendTerms wrote; src must hold exactly that and must
// not change while the Terms is used. Every entry's bounds are checked here
// (2-3 ns a term), so that no later call can fail. Damage gives a
// ClassCorruption error without a file name: the caller knows it.
func OpenTerms(src []byte) (*Terms, error) {
	if len(src) < 3 || src[0] != termsVersion || src[1] > flagText || src[2] > 4 {
		return nil, damaged("terms: bad header")
	}
	t := &Terms{text: src[1]&flagText != 0, width: int(src[2])}
	n, rest, ok := uvarint(src[3:])
	size, rest, ok2 := uvarint(rest)
	if !ok || !ok2 || size > uint64(len(rest)) || n > size {
		return nil, damaged("terms: bad header")
	}
	t.n = int(n)
	blocks := (t.n + blockTerms - 1) / blockTerms
	restartBytes := max(blocks-1, 0) * t.width
	if uint64(restartBytes)+size != uint64(len(rest)) || (blocks > 1) != (t.width > 0) {
		return nil, damaged("terms: %d terms in %d bytes", n, len(src))
	}
	t.restarts, t.data = rest[:restartBytes:restartBytes], rest[restartBytes:]
	return t, t.check()
}

// check walks every entry: each must lie in its block, share no more than the
// term before has, and the blocks must fill the data.
func (t *Terms) check() error {
	pos := 0
	for b, first := 0, 0; first < t.n; b, first = b+1, first+blockTerms {
		end := t.blockEnd(b)
		if end <= pos || end > len(t.data) {
			return damaged("terms: block %d out of place", b)
		}
		if !checkTermBlock(t.data[pos:end], min(t.n-first, blockTerms)) {
			return damaged("terms: block %d is malformed", b)
		}
		pos = end
	}
	if pos != len(t.data) {
		return damaged("terms: %d bytes after the last term", len(t.data)-pos)
	}
	return nil
}

func checkTermBlock(src []byte, n int) bool {
	size, src, ok := uvarint(src)
	if !ok || size > uint64(len(src)) {
		return false
	}
	src = src[size:]
	for range n - 1 {
		if len(src) == 0 {
			return false
		}
		shared, suffix := uint64(src[0]>>4), uint64(src[0]&15)
		src = src[1:]
		if shared == headEscape || suffix == headEscape {
			if shared, suffix, src, ok = escapedHead(shared, suffix, src); !ok {
				return false
			}
		}
		if shared > size || suffix > uint64(len(src)) {
			return false
		}
		src, size = src[suffix:], shared+suffix
	}
	return len(src) == 0
}

// escapedHead reads the uvarints of a head in which a nibble is headEscape.
func escapedHead(shared, suffix uint64, src []byte) (uint64, uint64, []byte, bool) {
	const limit = 1 << 32
	var more uint64
	var ok bool
	if shared == headEscape {
		if more, src, ok = uvarint(src); !ok || more > limit {
			return 0, 0, nil, false
		}
		shared += more
	}
	if suffix == headEscape {
		if more, src, ok = uvarint(src); !ok || more > limit {
			return 0, 0, nil, false
		}
		suffix += more
	}
	return shared, suffix, src, true
}

// Len returns the number of terms.
func (t *Terms) Len() int { return t.n }

// SizeBytes returns the length of the encoding that the Terms aliases.
func (t *Terms) SizeBytes() int { return len(t.restarts) + len(t.data) }

// Append appends term ord to dst. ord must be below Len.
func (t *Terms) Append(dst []byte, ord uint32) []byte {
	it := t.block(int(ord) / blockTerms)
	base := len(dst)
	for range int(ord)%blockTerms + 1 {
		shared, suffix := it.next()
		dst = append(dst[:base+shared], suffix...)
	}
	return dst
}

// Lookup returns the ordinal of term, or false when it is not in the dictionary.
func (t *Terms) Lookup(term []byte) (ord uint32, ok bool) { return t.seek(term) }

// Range returns the ordinals of the terms in [lo, hi) as a half-open range.
// A nil bound is unbounded; an empty, non-nil hi excludes every term.
func (t *Terms) Range(lo, hi []byte) (first, end uint32) {
	end = uint32(t.n)
	if hi != nil {
		end, _ = t.seek(hi)
	}
	if lo != nil {
		first, _ = t.seek(lo)
	}
	return min(first, end), end
}

// Prefix returns the ordinals of the terms that start with prefix as a half-open
// range.
func (t *Terms) Prefix(prefix []byte) (first, end uint32) {
	return t.Range(prefix, successor(prefix))
}

// All appends every term to dst, in order: code i of an empty dst is ordinal i.
// It fails with ClassTooLarge, dst unchanged, when dst would reach 4 GiB.
func (t *Terms) All(dst *column.Dict) error {
	size := t.decodedBytes()
	if uint64(len(dst.Data))+size >= 1<<32 {
		return base.Errorf(base.ClassTooLarge, "index: %d terms hold %d bytes, a dictionary less than 4 GiB", t.n, size)
	}
	if len(dst.Offsets) == 0 {
		dst.Offsets = append(make([]uint32, 0, t.n+1), 0)
	}
	data := append(dst.Data, make([]byte, size)...)[:len(dst.Data)]
	offsets := dst.Offsets
	for b, first := 0, 0; first < t.n; b, first = b+1, first+blockTerms {
		it, start := t.block(b), len(data)
		for range min(t.n-first, blockTerms) {
			shared, suffix := it.next()
			end := len(data)
			data = append(append(data, data[start:start+shared]...), suffix...)
			offsets = append(offsets, uint32(len(data)))
			start = end
		}
	}
	dst.Data, dst.Offsets = data, offsets
	return nil
}

// decodedBytes returns the sum of the terms' lengths. Front coding can expand
// by far: the caller must compare before it allocates.
func (t *Terms) decodedBytes() (size uint64) {
	for b, first := 0, 0; first < t.n; b, first = b+1, first+blockTerms {
		it := t.block(b)
		for range min(t.n-first, blockTerms) {
			shared, suffix := it.next()
			size += uint64(shared + len(suffix))
		}
	}
	return size
}

// Scan calls visit with the terms of ordinals [first, end) in order until it
// returns false. term is valid during the call only. end must not exceed Len.
func (t *Terms) Scan(first, end uint32, visit func(ord uint32, term []byte) bool) {
	var term []byte
	for b := int(first) / blockTerms; b*blockTerms < int(end); b++ {
		it := t.block(b)
		for ord := uint32(b * blockTerms); ord < min(end, uint32((b+1)*blockTerms)); ord++ {
			shared, suffix := it.next()
			term = append(term[:shared], suffix...)
			if ord >= first && !visit(ord, term) {
				return
			}
		}
	}
}

// seek returns the smallest ordinal whose term is >= term (Len when there is
// none), and whether it is equal.
func (t *Terms) seek(term []byte) (ord uint32, exact bool) {
	b := t.findBlock(term)
	if b < 0 {
		return 0, false
	}
	it := t.block(b)
	first := it.first()
	matched := commonPrefix(first, term)
	if matched == len(first) && matched == len(term) {
		return uint32(b * blockTerms), true
	}
	// Invariant: the entry before is smaller than term and shares its first
	// matched bytes with it, no more.
	end := min(t.n, (b+1)*blockTerms)
	for i := b*blockTerms + 1; i < end; i++ {
		shared, suffix := it.next()
		if shared > matched { // differs from term where the entry before did
			continue
		}
		if shared < matched { // grew where the entry before equalled term
			return uint32(i), false
		}
		rest := term[matched:]
		more := commonPrefix(suffix, rest)
		if more == len(rest) {
			return uint32(i), more == len(suffix)
		}
		if more < len(suffix) && suffix[more] > rest[more] {
			return uint32(i), false
		}
		matched += more
	}
	return uint32(end), false
}

// findBlock returns the last block whose first term is at most term, or -1.
func (t *Terms) findBlock(term []byte) int {
	lo, hi := 0, (t.n+blockTerms-1)/blockTerms
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		size, rest, _ := uvarint(t.data[t.blockStart(mid):])
		if bytes.Compare(rest[:size], term) <= 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}

// successor returns the smallest string greater than every string with the
// prefix, or nil when there is none.
func successor(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			s := bytes.Clone(prefix[:i+1])
			s[i]++
			return s
		}
	}
	return nil
}

// blockStart returns the offset of block b.
func (t *Terms) blockStart(b int) int {
	if b == 0 {
		return 0
	}
	at := (b - 1) * t.width
	if at+4 <= len(t.restarts) {
		return int(binary.LittleEndian.Uint32(t.restarts[at:]) & (1<<(8*t.width) - 1))
	}
	start := 0
	for i := t.width - 1; i >= 0; i-- {
		start = start<<8 | int(t.restarts[at+i])
	}
	return start
}

// blockEnd returns the offset behind block b.
func (t *Terms) blockEnd(b int) int {
	if (b+1)*blockTerms >= t.n {
		return len(t.data)
	}
	return t.blockStart(b + 1)
}

// block returns an iterator over the entries of block b.
func (t *Terms) block(b int) entries { return entries{src: t.data[t.blockStart(b):], restart: true} }

// entries iterates over a checked block. The caller counts: it does not know
// where its block ends.
type entries struct {
	src     []byte
	restart bool // the next entry is the block's first
}

// first reads the block's first term.
func (e *entries) first() []byte {
	_, suffix := e.next()
	return suffix
}

// next returns how many bytes the next term shares with the one before, and
// its other bytes.
func (e *entries) next() (shared int, suffix []byte) {
	if e.restart {
		e.restart = false
		size, rest, _ := uvarint(e.src)
		e.src = rest[size:]
		return 0, rest[:size]
	}
	head, src := e.src[0], e.src[1:]
	s, n := uint64(head>>4), uint64(head&15)
	if s == headEscape || n == headEscape {
		s, n, src, _ = escapedHead(s, n, src)
	}
	e.src = src[n:]
	return int(s), src[:n]
}

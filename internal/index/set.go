package index

import (
	"math/bits"
	"slices"
	"sort"

	"github.com/pandodb/pando/internal/invariants"
)

// bitmapShare is the density at which a set becomes a bitmap: more than one
// member in bitmapShare rows, where a list of uint32 takes as much memory.
const bitmapShare = 32

// Set is a set of row ordinals below a universe of n rows. It is a sorted list
// while sparse and a bitmap once dense, and switches by itself. The zero Set is
// an empty set of an empty universe; Reset gives it another. Operations on two
// sets need equal universes and keep the receiver's memory for reuse.
//
// A Set is not safe for concurrent use while one of its users changes it.
type Set struct {
	n      int      // universe
	size   int      // members
	bitmap bool     // members are in words, else in list
	list   []uint32 // ascending
	words  []uint64 // len (n+63)/64; bits at or above n are zero
	spare  []uint32 // Or writes here, then swaps with list
}

// Reset empties the set and gives it a universe of n rows.
func (s *Set) Reset(n int) {
	s.n, s.size, s.bitmap, s.list = n, 0, false, s.list[:0]
}

// SetRange makes the set [lo, hi) in a universe of n rows; hi is at most n.
func (s *Set) SetRange(n int, lo, hi uint32) {
	s.Reset(n)
	if lo >= hi {
		return
	}
	s.size = int(hi - lo)
	if s.size <= n/bitmapShare {
		for r := lo; r < hi; r++ {
			s.list = append(s.list, r)
		}
		return
	}
	s.clearWords()
	fillBits(s.words, lo, hi)
}

// SetRows makes the set the given rows, which must be strictly ascending and
// below n. rows is copied.
func (s *Set) SetRows(n int, rows []uint32) {
	s.Reset(n)
	s.size = len(rows)
	if s.size <= n/bitmapShare {
		s.list = append(s.list, rows...)
		return
	}
	s.clearWords()
	setBits(s.words, rows)
}

// CopyFrom makes the set equal to o.
func (s *Set) CopyFrom(o *Set) {
	s.n, s.size, s.bitmap = o.n, o.size, o.bitmap
	if o.bitmap {
		s.words = append(s.words[:0], o.words...)
		return
	}
	s.list = append(s.list[:0], o.list...)
}

// Universe returns the number of rows the set is a subset of.
func (s *Set) Universe() int { return s.n }

// Len returns the number of members.
func (s *Set) Len() int { return s.size }

// Contains reports whether row is a member. Any row may be asked for.
func (s *Set) Contains(row uint32) bool {
	if s.bitmap {
		return int(row) < s.n && s.words[row/64]>>(row%64)&1 != 0
	}
	_, ok := slices.BinarySearch(s.list, row)
	return ok
}

// Next returns the smallest member that is at least row, or false when there is
// none. Readers use it to step over blocks without a member.
func (s *Set) Next(row uint32) (uint32, bool) {
	if !s.bitmap {
		i := lowerBound(s.list, row)
		if i == len(s.list) {
			return 0, false
		}
		return s.list[i], true
	}
	if int(row) >= s.n {
		return 0, false
	}
	i := int(row / 64)
	for w := s.words[i] &^ (1<<(row%64) - 1); ; w = s.words[i] {
		if w != 0 {
			return uint32(64*i + bits.TrailingZeros64(w)), true
		}
		if i++; i == len(s.words) {
			return 0, false
		}
	}
}

// CountRange returns the number of members in [lo, hi).
func (s *Set) CountRange(lo, hi uint32) int {
	hi = min(hi, uint32(s.n))
	if lo >= hi {
		return 0
	}
	if !s.bitmap {
		from := lowerBound(s.list, lo)
		return lowerBound(s.list[from:], hi)
	}
	i, j := int(lo/64), int((hi-1)/64)
	head, tail := ^uint64(0)<<(lo%64), ^uint64(0)>>(63-(hi-1)%64)
	if i == j {
		return bits.OnesCount64(s.words[i] & head & tail)
	}
	n := bits.OnesCount64(s.words[i]&head) + bits.OnesCount64(s.words[j]&tail)
	for _, w := range s.words[i+1 : j] {
		n += bits.OnesCount64(w)
	}
	return n
}

// AppendTo appends all members to dst, ascending.
func (s *Set) AppendTo(dst []uint32) []uint32 { return s.Slice(0, uint32(s.n), dst) }

// Slice appends the members in [lo, hi) to dst, ascending. Its cost is that of
// the range and the result, not of the set, so blocks can be read one by one.
func (s *Set) Slice(lo, hi uint32, dst []uint32) []uint32 {
	hi = min(hi, uint32(s.n))
	if lo >= hi {
		return dst
	}
	if !s.bitmap {
		from := lowerBound(s.list, lo)
		return append(dst, s.list[from:from+lowerBound(s.list[from:], hi)]...)
	}
	i, j := int(lo/64), int((hi-1)/64)
	for at := i; at <= j; at++ {
		w := s.words[at]
		if at == i {
			w &= ^uint64(0) << (lo % 64)
		}
		if at == j {
			w &= ^uint64(0) >> (63 - (hi-1)%64)
		}
		dst = appendWord(dst, w, uint32(64*at))
	}
	return dst
}

// SizeBytes returns the memory the set holds.
func (s *Set) SizeBytes() int { return 4*(cap(s.list)+cap(s.spare)) + 8*cap(s.words) }

// appendWord appends base plus the position of each set bit of w.
func appendWord(dst []uint32, w uint64, base uint32) []uint32 {
	if w == ^uint64(0) {
		for i := range uint32(64) {
			dst = append(dst, base+i)
		}
		return dst
	}
	for ; w != 0; w &= w - 1 {
		dst = append(dst, base+uint32(bits.TrailingZeros64(w)))
	}
	return dst
}

// lowerBound returns the index of the first element >= row.
func lowerBound(list []uint32, row uint32) int {
	return sort.Search(len(list), func(i int) bool { return list[i] >= row })
}

// clearWords makes the set's bitmap current and all zeros.
func (s *Set) clearWords() {
	size := (s.n + 63) / 64
	s.words = slices.Grow(s.words[:0], size)[:size]
	clear(s.words)
	s.bitmap = true
}

// toBitmap changes the representation, not the members.
func (s *Set) toBitmap() {
	if s.bitmap {
		return
	}
	s.clearWords()
	setBits(s.words, s.list)
}

// settle counts the bitmap's members and goes back to a list when they are few.
// Half the share gives hysteresis: a set on the border does not flap.
func (s *Set) settle() {
	s.size = 0
	for _, w := range s.words {
		s.size += bits.OnesCount64(w)
	}
	if s.size > s.n/bitmapShare/2 && !invariants.Sometimes(5) {
		return
	}
	s.list = slices.Grow(s.list[:0], s.size)
	for i, w := range s.words {
		s.list = appendWord(s.list, w, uint32(64*i))
	}
	s.bitmap = false
}

func setBits(words []uint64, rows []uint32) {
	for _, r := range rows {
		words[r/64] |= 1 << (r % 64)
	}
}

// fillBits sets the bits [lo, hi), which must not be empty.
func fillBits(words []uint64, lo, hi uint32) {
	i, j := int(lo/64), int((hi-1)/64)
	head, tail := ^uint64(0)<<(lo%64), ^uint64(0)>>(63-(hi-1)%64)
	if i == j {
		words[i] |= head & tail
		return
	}
	words[i] |= head
	for at := i + 1; at < j; at++ {
		words[at] = ^uint64(0)
	}
	words[j] |= tail
}

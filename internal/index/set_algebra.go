package index

import (
	"sort"

	"github.com/pandodb/pando/internal/invariants"
)

// gallopFactor is the ratio of lengths from which an intersection of two lists
// searches the longer one instead of stepping through both. Measured: equal
// cost at 20 to 40.
const gallopFactor = 32

// And keeps the members that o has too.
func (s *Set) And(o *Set) {
	invariants.Check(s.n == o.n, "sets of %d and %d rows", s.n, o.n)
	switch {
	case s.bitmap && o.bitmap:
		words := o.words[:len(s.words)]
		for i := range s.words {
			s.words[i] &= words[i]
		}
		s.settle()
		return
	case s.bitmap:
		s.list = append(s.list[:0], o.list...)
		s.list = keepBits(s.list, s.words, 1)
		s.bitmap = false
	case o.bitmap:
		s.list = keepBits(s.list, o.words, 1)
	default:
		s.list = intersect(s.list, o.list)
	}
	s.size = len(s.list)
}

// AndNot removes the members of o.
func (s *Set) AndNot(o *Set) {
	invariants.Check(s.n == o.n, "sets of %d and %d rows", s.n, o.n)
	switch {
	case s.bitmap && o.bitmap:
		words := o.words[:len(s.words)]
		for i := range s.words {
			s.words[i] &^= words[i]
		}
		s.settle()
		return
	case s.bitmap:
		for _, r := range o.list {
			s.words[r/64] &^= 1 << (r % 64)
		}
		s.settle()
		return
	case o.bitmap:
		s.list = keepBits(s.list, o.words, 0)
	default:
		s.list = subtract(s.list, o.list)
	}
	s.size = len(s.list)
}

// Or adds the members of o.
func (s *Set) Or(o *Set) {
	invariants.Check(s.n == o.n, "sets of %d and %d rows", s.n, o.n)
	if o.bitmap {
		s.toBitmap()
		words := o.words[:len(s.words)]
		for i := range s.words {
			s.words[i] |= words[i]
		}
		s.settle()
		return
	}
	s.OrRows(o.list)
}

// OrRows adds rows, which must be strictly ascending and below the universe.
func (s *Set) OrRows(rows []uint32) {
	if !s.bitmap && len(s.list)+len(rows) > s.n/bitmapShare {
		s.toBitmap()
	}
	if s.bitmap {
		for _, r := range rows {
			w, bit := r/64, uint64(1)<<(r%64)
			s.size += int(^s.words[w] >> (r % 64) & 1)
			s.words[w] |= bit
		}
		return
	}
	if len(s.list) == 0 || len(rows) > 0 && rows[0] > s.list[len(s.list)-1] {
		s.list = append(s.list, rows...)
	} else {
		s.spare = union(s.spare[:0], s.list, rows)
		s.list, s.spare = s.spare, s.list
	}
	s.size = len(s.list)
}

// Not makes the set its complement in the universe.
func (s *Set) Not() {
	s.toBitmap()
	for i := range s.words {
		s.words[i] = ^s.words[i]
	}
	if r := s.n % 64; r != 0 {
		s.words[len(s.words)-1] &= 1<<r - 1
	}
	s.settle()
}

// keepBits keeps the rows whose bit equals want. Every row is stored and the
// index advances by the bit, so no branch depends on the data.
func keepBits(list []uint32, words []uint64, want uint64) []uint32 {
	j := 0
	for _, r := range list {
		list[j] = r
		j += int(words[r/64]>>(r%64)&1 ^ want ^ 1)
	}
	return list[:j]
}

// intersect keeps the elements of a that b has, in place.
func intersect(a, b []uint32) []uint32 {
	if len(b) > gallopFactor*len(a) {
		return gallop(a, a, b)
	}
	if len(a) > gallopFactor*len(b) {
		// Elements of a that survive are no more than b's, and are found in order.
		return gallop(a[:0], b, a)
	}
	j, k := 0, 0
	for i := 0; i < len(a) && k < len(b); {
		x, y := a[i], b[k]
		a[j] = x
		j += oneIf(x == y)
		i += oneIf(x <= y)
		k += oneIf(y <= x)
	}
	return a[:j]
}

// gallop writes the elements of few that many has to dst, which may be the
// memory of either: it is written behind what was read.
func gallop(dst, few, many []uint32) []uint32 {
	dst = dst[:0]
	for _, x := range few {
		step := 1
		for step < len(many) && many[step] < x {
			step *= 2
		}
		lo, hi := step/2, min(step+1, len(many))
		lo += sort.Search(hi-lo, func(i int) bool { return many[lo+i] >= x })
		many = many[lo:]
		if len(many) == 0 {
			break
		}
		if many[0] == x {
			dst = append(dst, x)
		}
	}
	return dst
}

// subtract keeps the elements of a that b has not, in place.
func subtract(a, b []uint32) []uint32 {
	j, k := 0, 0
	for _, x := range a {
		for k < len(b) && b[k] < x {
			k++
		}
		a[j] = x
		j += oneIf(k == len(b) || b[k] != x)
	}
	return a[:j]
}

// union appends the merged elements of a and b to dst, each once.
func union(dst, a, b []uint32) []uint32 {
	i, k := 0, 0
	for i < len(a) && k < len(b) {
		x, y := a[i], b[k]
		dst = append(dst, min(x, y))
		i += oneIf(x <= y)
		k += oneIf(y <= x)
	}
	dst = append(dst, a[i:]...)
	return append(dst, b[k:]...)
}

// oneIf is compiled to a flag move, not to a branch.
func oneIf(b bool) int {
	if b {
		return 1
	}
	return 0
}

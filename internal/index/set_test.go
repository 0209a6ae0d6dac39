package index

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// twin is the obvious set.
type twin map[uint32]bool

func (w twin) rows() []uint32 { return slices.Sorted(maps.Keys(w)) }

// drawSet makes s a random set of a universe of n rows and returns its twin.
func drawSet(r *rand.Rand, s *Set, n int) twin {
	w := twin{}
	switch r.IntN(4) {
	case 0:
		lo := uint32(r.IntN(n + 1))
		hi := lo + uint32(r.IntN(n+1-int(lo)))
		s.SetRange(n, lo, hi)
		for ; lo < hi; lo++ {
			w[lo] = true
		}
		return w
	case 1:
		s.Reset(n)
		return w
	}
	share := []int{1, 2, 20, 40, 80, 1000, 30_000}[r.IntN(7)]
	for i := range uint32(n) {
		if r.IntN(share) == 0 {
			w[i] = true
		}
	}
	s.SetRows(n, w.rows())
	return w
}

func TestSetMatchesMapTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var a, b, c Set
	for _, n := range []int{0, 1, 63, 64, 65, 1000, 70_000} {
		rounds := 400
		if n > 1000 {
			rounds = 30
		}
		for range rounds {
			wa, wb := drawSet(r, &a, n), drawSet(r, &b, n)
			checkSet(t, r, &a, wa, n)
			wc := maps.Clone(wa)
			c.CopyFrom(&a)
			switch r.IntN(5) {
			case 0:
				c.And(&b)
				maps.DeleteFunc(wc, func(k uint32, _ bool) bool { return !wb[k] })
			case 1:
				c.AndNot(&b)
				maps.DeleteFunc(wc, func(k uint32, _ bool) bool { return wb[k] })
			case 2:
				c.Or(&b)
				maps.Copy(wc, wb)
			case 3:
				c.OrRows(wb.rows())
				maps.Copy(wc, wb)
			case 4:
				c.Not()
				wc = twin{}
				for i := range uint32(n) {
					if !wa[i] {
						wc[i] = true
					}
				}
			}
			checkSet(t, r, &c, wc, n)
			checkSet(t, r, &b, wb, n)
		}
	}
}

func checkSet(t *testing.T, r *rand.Rand, s *Set, w twin, n int) {
	t.Helper()
	want := w.rows()
	if got := s.AppendTo(nil); !slices.Equal(got, want) || s.Len() != len(want) || s.Universe() != n {
		t.Fatalf("set of %d has %d members %v, want %d %v", n, s.Len(), got, len(want), want)
	}
	for range 20 {
		lo, hi := uint32(r.IntN(n+70)), uint32(r.IntN(n+70))
		var in []uint32
		next, found := uint32(0), false
		for _, row := range want {
			if row >= lo && row < hi {
				in = append(in, row)
			}
			if row >= lo && !found {
				next, found = row, true
			}
		}
		if got := s.Slice(lo, hi, []uint32{9}); !slices.Equal(got[1:], in) {
			t.Fatalf("Slice(%d, %d) = %v, want %v", lo, hi, got[1:], in)
		}
		if got := s.CountRange(lo, hi); got != len(in) {
			t.Fatalf("CountRange(%d, %d) = %d, want %d", lo, hi, got, len(in))
		}
		if got, ok := s.Next(lo); ok != found || got != next {
			t.Fatalf("Next(%d) = %d %v, want %d %v", lo, got, ok, next, found)
		}
		if s.Contains(lo) != w[lo] {
			t.Fatalf("Contains(%d) = %v", lo, s.Contains(lo))
		}
	}
}

func TestSetOperationsOnItself(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 100 {
		var s Set
		w := drawSet(r, &s, 500)
		s.And(&s)
		checkSet(t, r, &s, w, 500)
		s.Or(&s)
		checkSet(t, r, &s, w, 500)
		s.AndNot(&s)
		checkSet(t, r, &s, twin{}, 500)
	}
}

func FuzzSetAlgebra(f *testing.F) {
	f.Add([]byte{1, 5, 9}, []byte{5}, uint16(100))
	f.Add([]byte{}, []byte{0, 0, 0}, uint16(3))
	f.Fuzz(func(t *testing.T, x, y []byte, size uint16) {
		n := int(size)%3000 + 1
		r := rand.New(rand.NewPCG(uint64(len(x)), uint64(len(y))))
		draw := func(steps []byte) (s Set, w twin) {
			w = twin{}
			at := 0
			for _, b := range steps {
				if at += int(b); at >= n {
					break
				}
				w[uint32(at)] = true
				at++
			}
			s.SetRows(n, w.rows())
			return s, w
		}
		a, wa := draw(x)
		b, wb := draw(y)
		var and, or, not Set
		and.CopyFrom(&a)
		and.And(&b)
		or.CopyFrom(&a)
		or.Or(&b)
		not.CopyFrom(&a)
		not.AndNot(&b)
		wAnd, wOr, wNot := twin{}, maps.Clone(wb), twin{}
		for k := range wa {
			wOr[k] = true
			if wb[k] {
				wAnd[k] = true
			} else {
				wNot[k] = true
			}
		}
		checkSet(t, r, &and, wAnd, n)
		checkSet(t, r, &or, wOr, n)
		checkSet(t, r, &not, wNot, n)
	})
}

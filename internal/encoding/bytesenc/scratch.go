package bytesenc

import (
	"bytes"
	"hash/maphash"
	"math/bits"
	"slices"
	"sync"
)

// scratch is the memory one level of encoding or decoding works in.
type scratch struct {
	strings Strings
	ints    []int64
	codes   []uint32
	table   []uint32 // open addressing: ordinal of a distinct value plus one
	buf     []byte
	decoder decoder
	holes   holes
}

// scratchPool keeps scratches between pages; inner pages take their own.
var scratchPool = sync.Pool{New: func() any { return new(scratch) }}

// maxPooledBytes keeps one giant page from pinning its memory for ever.
const maxPooledBytes = 8 << 20

func getScratch() *scratch { return scratchPool.Get().(*scratch) }

func putScratch(s *scratch) {
	held := cap(s.strings.Data) + cap(s.decoder.out.Data) + cap(s.buf) +
		8*cap(s.ints) + 8*cap(s.holes.spans) + 4*cap(s.decoder.out.Offsets)
	if held <= maxPooledBytes {
		scratchPool.Put(s)
	}
}

// hashSeed is new in every process. No encoding depends on it: codes are
// given in order of first appearance.
var hashSeed = maphash.MakeSeed()

// distinct fills strings with the distinct values of p in order of first
// appearance and codes with the ordinal of each value. It gives up and
// returns zero if there are more than limit.
func (s *scratch) distinct(p *Strings, limit int) int {
	size := 1 << bits.Len(uint(2*limit))
	s.table = slices.Grow(s.table[:0], size)[:size]
	clear(s.table)
	s.strings.Reset()
	s.codes = slices.Grow(s.codes[:0], p.Len())
	for i := range p.Len() {
		value := p.Value(i)
		code := s.find(value)
		if int(code) == s.strings.Len() {
			if int(code) == limit {
				return 0
			}
			s.strings.Append(value)
		}
		s.codes = append(s.codes, code)
	}
	return s.strings.Len()
}

// find returns the ordinal of value among strings; if it is not there, the
// ordinal it will have, under which it is entered into the table.
func (s *scratch) find(value []byte) uint32 {
	last := uint64(len(s.table) - 1)
	slot := maphash.Bytes(hashSeed, value) & last
	for s.table[slot] != 0 {
		if code := s.table[slot] - 1; bytes.Equal(s.strings.Value(int(code)), value) {
			return code
		}
		slot = (slot + 1) & last
	}
	// At the limit of distinct, the caller gives up: the table is not read
	// again, and never more than half full.
	s.table[slot] = uint32(s.strings.Len() + 1)
	return uint32(s.strings.Len())
}

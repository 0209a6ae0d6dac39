package part

import (
	"bytes"
	"hash/maphash"

	"github.com/pandodb/pando/internal/column"
)

// hashSeed keeps a tenant from choosing values that collide in the interning
// tables. Codes are numbered by first sight, so the seed shows in no byte of
// the output.
var hashSeed = maphash.MakeSeed()

// minSlots is the smallest table; every table is a power of two.
const minSlots = 64

// byteTable numbers distinct byte strings 0, 1, 2… in the order they come. It
// probes linearly; a slot keeps 32 bits of the hash, so that a probe touches a
// value's bytes only when it is very likely the same value.
type byteTable struct {
	slots []byteSlot // len is a power of two, at most 3/4 full
	vals  column.Dict
}

type byteSlot struct {
	hash uint32
	code uint32 // code + 1; zero is an empty slot
}

// maxKeptSlots is the size above which an emptied table starts small again:
// clearing it for every column would cost more than growing it for some.
const maxKeptSlots = 64 << 10

// reset empties the table and keeps its memory.
func (t *byteTable) reset() {
	if len(t.slots) > maxKeptSlots {
		t.slots = nil
	}
	clear(t.slots)
	t.vals.Reset()
}

// intern returns the code of v, adding it when it is new.
func (t *byteTable) intern(v []byte) uint32 {
	if 4*(t.vals.Len()+1) > 3*len(t.slots) {
		t.grow()
	}
	hash := uint32(maphash.Bytes(hashSeed, v))
	mask := uint32(len(t.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		s := &t.slots[i]
		if s.code == 0 {
			code := t.vals.Append(v)
			*s = byteSlot{hash: hash, code: code + 1}
			return code
		}
		if s.hash == hash && bytes.Equal(t.vals.Value(s.code-1), v) {
			return s.code - 1
		}
	}
}

// grow doubles the table.
func (t *byteTable) grow() {
	old := t.slots
	t.slots = make([]byteSlot, max(2*len(old), minSlots))
	mask := uint32(len(t.slots) - 1)
	for _, s := range old {
		if s.code == 0 {
			continue
		}
		i := s.hash & mask
		for t.slots[i].code != 0 {
			i = (i + 1) & mask
		}
		t.slots[i] = s
	}
}

// wordTable numbers distinct 64-bit words 0, 1, 2… in the order they come:
// integers, booleans and the bits of floats.
type wordTable struct {
	slots []uint32 // code + 1; zero is an empty slot
	vals  []uint64
}

// wordSeed plays hashSeed's part for words.
var wordSeed = maphash.Bytes(hashSeed, []byte("word"))

// hashWord mixes a word with two rounds of multiply and fold (the finaliser of
// MurmurHash3, Appleby 2011, shortened by its last shift).
func hashWord(v uint64) uint64 {
	v ^= wordSeed
	v = (v ^ v>>33) * 0xff51afd7ed558ccd
	return (v ^ v>>33) * 0xc4ceb9fe1a85ec53
}

// reset empties the table and keeps its memory.
func (t *wordTable) reset() {
	if len(t.slots) > maxKeptSlots {
		t.slots = nil
	}
	clear(t.slots)
	t.vals = t.vals[:0]
}

// intern returns the code of v, adding it when it is new.
func (t *wordTable) intern(v uint64) uint32 {
	if 4*(len(t.vals)+1) > 3*len(t.slots) {
		t.grow()
	}
	mask := uint64(len(t.slots) - 1)
	for i := hashWord(v) >> 32 & mask; ; i = (i + 1) & mask {
		code := t.slots[i]
		if code == 0 {
			t.vals = append(t.vals, v)
			t.slots[i] = uint32(len(t.vals))
			return uint32(len(t.vals) - 1)
		}
		if t.vals[code-1] == v {
			return code - 1
		}
	}
}

// grow doubles the table.
func (t *wordTable) grow() {
	t.slots = make([]uint32, max(2*len(t.slots), minSlots))
	mask := uint64(len(t.slots) - 1)
	for code, v := range t.vals {
		i := hashWord(v) >> 32 & mask
		for t.slots[i] != 0 {
			i = (i + 1) & mask
		}
		t.slots[i] = uint32(code + 1)
	}
}

// hashSet collects distinct 64-bit hashes.
type hashSet struct{ table wordTable }

func (s *hashSet) reset()           { s.table.reset() }
func (s *hashSet) add(hash uint64)  { s.table.intern(hash) }
func (s *hashSet) hashes() []uint64 { return s.table.vals }

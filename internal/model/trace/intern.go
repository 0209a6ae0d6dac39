package trace

import (
	"bytes"
	"hash/maphash"

	"github.com/pandodb/pando/internal/column"
)

// hashSeed makes slots unpredictable, so that no sender can aim for collisions.
var hashSeed = maphash.MakeSeed()

const (
	minSlots = 64
	// sampleValues is after how many values an interner asks whether it pays,
	// and giveUpShare (of 8) how many of them must be distinct to stop. Span
	// names, hosts and routes pass far below, ids and timestamps far above.
	sampleValues = 512
	giveUpShare  = 7
)

// interner builds a Dict of distinct values: open addressing with linear
// probing over slots of (high half of the hash, code+1). When nearly all values
// turn out distinct it stops looking and appends, which a Dict permits.
type interner struct {
	dict  column.Dict
	slots []uint64 // length a power of two, at most half full
	seen  int
	off   bool
}

// reset empties the interner, keeping memory in proportion to its last use.
func (t *interner) reset() {
	size := minSlots
	for size < 4*t.dict.Len() && size < len(t.slots) {
		size *= 2
	}
	if size <= cap(t.slots) {
		t.slots = t.slots[:size]
		clear(t.slots)
	}
	t.dict.Reset()
	t.seen, t.off = 0, false
}

// add returns the code of v.
func (t *interner) add(v []byte) uint32 {
	if t.off {
		return t.dict.Append(v)
	}
	if t.seen++; t.seen == sampleValues && t.dict.Len() > sampleValues*giveUpShare/8 {
		t.off = true
		return t.dict.Append(v)
	}
	if 2*t.dict.Len() >= len(t.slots) {
		t.grow()
	}
	h := maphash.Bytes(hashSeed, v)
	mask := uint64(len(t.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		slot := t.slots[i]
		if slot == 0 {
			code := t.dict.Append(v)
			t.slots[i] = h&^0xffffffff | uint64(code+1)
			return code
		}
		if (slot^h)>>32 == 0 {
			if code := uint32(slot) - 1; bytes.Equal(t.dict.Value(code), v) {
				return code
			}
		}
	}
}

// find returns the code of v, if it was added while the interner was on.
func (t *interner) find(v []byte) (code uint32, ok bool) {
	if len(t.slots) == 0 {
		return 0, false
	}
	h := maphash.Bytes(hashSeed, v)
	mask := uint64(len(t.slots) - 1)
	for i := h & mask; t.slots[i] != 0; i = (i + 1) & mask {
		if slot := t.slots[i]; (slot^h)>>32 == 0 && bytes.Equal(t.dict.Value(uint32(slot)-1), v) {
			return uint32(slot) - 1, true
		}
	}
	return 0, false
}

func (t *interner) grow() {
	size := max(minSlots, 2*len(t.slots))
	if size <= cap(t.slots) {
		t.slots = t.slots[:size]
		clear(t.slots)
	} else {
		t.slots = make([]uint64, size)
	}
	mask := uint64(size - 1)
	for code := range uint32(t.dict.Len()) {
		h := maphash.Bytes(hashSeed, t.dict.Value(code))
		i := h & mask
		for t.slots[i] != 0 {
			i = (i + 1) & mask
		}
		t.slots[i] = h&^0xffffffff | uint64(code+1)
	}
}

// columnBuilder gathers one column. Rows are listed even while the column is
// dense; finish drops the list then.
type columnBuilder struct {
	id     column.ID
	rows   []uint32
	ints   []int64
	floats []float64
	codes  []uint32
	values interner
}

func (c *columnBuilder) reset() {
	c.rows, c.ints, c.floats, c.codes = c.rows[:0], c.ints[:0], c.floats[:0], c.codes[:0]
	if c.values.dict.Len() > 0 {
		c.values.reset()
	}
}

func (c *columnBuilder) addInt(row uint32, v int64) {
	c.rows, c.ints = append(c.rows, row), append(c.ints, v)
}

// addNonZero adds v unless it is the default, which is not stored.
func (c *columnBuilder) addNonZero(row uint32, v int64) {
	if v != 0 {
		c.addInt(row, v)
	}
}

func (c *columnBuilder) addFloat(row uint32, v float64) {
	c.rows, c.floats = append(c.rows, row), append(c.floats, v)
}

func (c *columnBuilder) addCode(row, code uint32) {
	c.rows, c.codes = append(c.rows, row), append(c.codes, code)
}

func (c *columnBuilder) addBytes(row uint32, v []byte) { c.addCode(row, c.values.add(v)) }

// addNonEmpty adds v unless it is the default, which is not stored.
func (c *columnBuilder) addNonEmpty(row uint32, v []byte) {
	if len(v) > 0 {
		c.addBytes(row, v)
	}
}

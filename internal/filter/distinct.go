package filter

import "slices"

// Distinct collects hashes, each once: what a value filter of a block should be
// built from where values repeat, such as the tags of documents. The zero value
// is ready; Reset keeps its memory. It is not safe for concurrent use.
type Distinct struct {
	hashes []uint64
	table  []uint64 // open addressing by the hash itself; zero is an empty slot
	zero   bool     // the hash zero, which the table cannot hold
}

// minTable is the smallest table: a block of 1,024 rows fits at half load.
const minTable = 2048

// Reset empties the collection.
func (d *Distinct) Reset() {
	// Few hashes in a large table are found faster by themselves.
	if 16*len(d.hashes) < len(d.table) {
		mask := uint64(len(d.table) - 1)
		for _, h := range d.hashes {
			for i := h & mask; d.table[i] != 0; i = (i + 1) & mask {
				d.table[i] = 0
			}
		}
	} else {
		clear(d.table)
	}
	d.hashes, d.zero = d.hashes[:0], false
}

// Add adds a hash.
func (d *Distinct) Add(h uint64) {
	if h == 0 {
		if !d.zero {
			d.zero = true
			d.hashes = append(d.hashes, 0)
		}
		return
	}
	if 2*len(d.hashes) >= len(d.table) {
		d.grow()
	}
	mask := uint64(len(d.table) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		switch d.table[i] {
		case h:
			return
		case 0:
			d.table[i] = h
			d.hashes = append(d.hashes, h)
			return
		}
	}
}

// Hashes returns the hashes in the order of their first Add. The slice is valid
// until the next call of Add or Reset.
func (d *Distinct) Hashes() []uint64 { return d.hashes }

// grow doubles the table.
func (d *Distinct) grow() {
	size := max(2*len(d.table), minTable)
	d.table = slices.Grow(d.table[:0], size)[:size]
	clear(d.table)
	mask := uint64(size - 1)
	for _, h := range d.hashes {
		i := h & mask
		for d.table[i] != 0 {
			i = (i + 1) & mask
		}
		d.table[i] = h
	}
}

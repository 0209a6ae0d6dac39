package column

import (
	"hash/maphash"
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// RowHash is what a RowHasher makes of a row's values.
type RowHash struct {
	// Hash is HashRow's: it is the same wherever and whenever it is made.
	Hash uint64
	// Check is another hash, of the hasher's own seed: nobody can make values
	// of which both agree. Rows of equal RowHashes are taken to be equal.
	Check uint64
}

// RowHasher hashes many rows, column by column. Its hashes compare with its own
// only. It must not be used by two goroutines at once.
type RowHasher struct {
	seed  maphash.Seed
	start uint64
	known []RowHash // of the values of a dictionary
	seen  []bool    // which of known are set
}

// NewRowHasher returns a hasher of a random seed.
func NewRowHasher() *RowHasher {
	h := &RowHasher{seed: maphash.MakeSeed()}
	h.start = maphash.Bytes(h.seed, nil)
	return h
}

// Hash appends the hashes of the rows, which must be ascending.
func (h *RowHasher) Hash(dst []RowHash, b *Batch, rows []uint32) []RowHash {
	n := len(dst)
	dst = slices.Grow(dst, len(rows))[:n+len(rows)]
	out := dst[n:]
	for i := range out {
		out[i] = RowHash{Check: h.start}
	}
	for i := range b.Cols {
		h.column(out, &b.Cols[i], rows)
	}
	return dst
}

// column mixes the values of one column into the hashes.
func (h *RowHasher) column(out []RowHash, v *Vector, rows []uint32) {
	kind := uint64(v.ID.Family)<<8 | uint64(v.ID.Type)
	name := RowHash{xxhash.Sum64String(v.ID.Name), maphash.String(h.seed, v.ID.Name)}
	coded := v.ID.Type.Coded()
	if coded {
		h.forget(&v.Dict, len(rows))
	}
	p := 0
	for i, row := range rows {
		if v.Rows == nil {
			p = int(row)
		} else if p = seekRow(v.Rows, p, row); p == len(v.Rows) {
			return
		} else if v.Rows[p] != row {
			continue
		}
		var x RowHash
		switch {
		case coded:
			x = h.value(&v.Dict, v.Codes[p])
		case v.ID.Type == Float64:
			x.Hash = math.Float64bits(v.Floats[p])
			x.Check = x.Hash
		default:
			x.Hash = uint64(v.Ints[p])
			x.Check = x.Hash
		}
		out[i].Hash = mixHash(mixHash(mixHash(out[i].Hash, kind), name.Hash), x.Hash)
		out[i].Check = mixHash(mixHash(mixHash(out[i].Check, kind), name.Check), x.Check)
	}
}

// fewValues is how many values of a dictionary there must be per row for them
// not to be worth remembering.
const fewValues = 8

// forget makes room for the hashes of a dictionary's values, unless hardly any
// of them will be asked for.
func (h *RowHasher) forget(d *Dict, rows int) {
	h.known, h.seen = h.known[:0], h.seen[:0]
	if n := d.Len(); n <= fewValues*rows {
		h.known, h.seen = slices.Grow(h.known, n)[:n], slices.Grow(h.seen, n)[:n]
		clear(h.seen)
	}
}

// value returns the hashes of a value.
func (h *RowHasher) value(d *Dict, code uint32) RowHash {
	if len(h.seen) > 0 && h.seen[code] {
		return h.known[code]
	}
	v := d.Value(code)
	x := RowHash{xxhash.Sum64(v), maphash.Bytes(h.seed, v)}
	if len(h.seen) > 0 {
		h.known[code], h.seen[code] = x, true
	}
	return x
}

// seekRow returns the first place from p on whose row is not below the one asked
// for. Its cost is that of the logarithm of the way.
func seekRow(rows []uint32, p int, row uint32) int {
	step := 1
	for p+step < len(rows) && rows[p+step] < row {
		p += step
		step *= 2
	}
	at, _ := slices.BinarySearch(rows[p:min(p+step+1, len(rows))], row)
	return p + at
}

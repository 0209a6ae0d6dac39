package index

import "math/bits"

// A short list has fewer than longRows rows and lies in a group's bit stream:
//
//	first row │ k:5 escaped:1 │ escapes:6 │ high parts │ escape … │ low parts
//
// A list of one row ends after it; only an escaped one has a count of escapes,
// so that it can be skipped without reading its high parts one by one. The first
// row and escapes (the high part less escapeHigh) take what the largest row of
// the part needs.

// kBits and escapesBits are the widths of k and of the number of escapes.
const kBits, escapesBits = 5, 6

// rowBits is the width of a row number in a part of universe rows.
func rowBits(universe uint64) uint { return uint(bits.Len64(max(universe, 1) - 1)) }

// appendShortList appends a list of at least one row.
func appendShortList(w *bitWriter, rows []uint32, universe uint64) {
	width := rowBits(universe)
	w.write(uint64(rows[0]), width)
	if len(rows) == 1 {
		return
	}
	var scratch [longRows]uint32
	gaps := scratch[:len(rows)-1]
	for i := range gaps {
		gaps[i] = rows[i+1] - rows[i] - 1
	}
	code := chooseRice(gaps, uint64(rows[len(rows)-1]-rows[0])-uint64(len(gaps)))
	w.write(uint64(code.k)|uint64(oneIf(code.escaped))<<kBits, kBits+1)
	if code.escaped {
		w.write(code.escapes(gaps), escapesBits)
	}
	for _, g := range gaps {
		w.unary(uint64(min(g>>code.k, code.maxHigh())))
	}
	if code.escaped {
		for _, g := range gaps {
			if high := g >> code.k; high >= escapeHigh {
				w.write(uint64(high-escapeHigh), width)
			}
		}
	}
	for _, g := range gaps {
		w.write(uint64(g)&(1<<code.k-1), code.k)
	}
}

// maxShort bounds the rows of a short list as a damaged group may count them:
// least is below longRows and a count has at most 6 bits.
const maxShort = 2 * longRows

// skipShortList advances r behind a list of n rows.
func skipShortList(r *bitReader, n int, universe uint64) {
	width := int(rowBits(universe))
	r.pos += width
	if n == 1 {
		return
	}
	head := r.read(kBits + 1)
	behind := int(head&(1<<kBits-1)) * (n - 1)
	if head>>kBits != 0 {
		behind += width * int(r.read(escapesBits))
	}
	r.skipOnes(n - 1)
	r.pos += behind
}

// decodeShortList appends the n rows of a list to dst, or returns false when it
// is malformed or does not stay below universe.
func decodeShortList(dst []uint32, r *bitReader, n int, universe uint64) ([]uint32, bool) {
	width := rowBits(universe)
	row := r.read(width)
	dst = append(dst, uint32(row))
	if n == 1 {
		return dst, row < universe && !r.overrun()
	}
	var highs [maxShort]uint32
	gaps := highs[:n-1]
	head := r.read(kBits + 1)
	k, escapes := uint(head&(1<<kBits-1)), uint64(0)
	if head>>kBits != 0 {
		escapes = r.read(escapesBits)
	}
	for i := range gaps {
		gaps[i] = r.unary()
	}
	for i := 0; escapes > 0 && i < len(gaps); i++ {
		if gaps[i] == escapeHigh {
			gaps[i] += uint32(r.read(width))
			escapes--
		}
	}
	// Within this limit the sums below cannot overflow.
	total := uint64(0)
	for _, high := range gaps {
		total += uint64(high)
	}
	if total > universe>>k {
		return dst, false
	}
	for _, high := range gaps {
		row += 1 + (uint64(high)<<k | r.read(k))
		dst = append(dst, uint32(row))
	}
	return dst, row < universe && !r.overrun()
}

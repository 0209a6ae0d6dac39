package intenc

import "encoding/binary"

// BitsAt returns the 64 bits of src that start at bit pos, with zeros for
// what lies behind the end. The caller masks.
func BitsAt(src []byte, pos uint64) uint64 {
	i, shift := pos>>3, pos&7
	if i+9 <= uint64(len(src)) {
		s := src[i : i+9]
		return binary.LittleEndian.Uint64(s)>>shift | uint64(s[8])<<(64-shift)
	}
	var tail [9]byte
	if i < uint64(len(src)) {
		copy(tail[:], src[i:])
	}
	return binary.LittleEndian.Uint64(tail[:])>>shift | uint64(tail[8])<<(64-shift)
}

// BitWriter appends bit strings of any width to Dst, from the low end of
// each byte. The zero value starts a new slice.
type BitWriter struct {
	// Dst holds the whole words written; Flush completes it.
	Dst    []byte
	acc    uint64
	filled uint
}

// Write appends the low width bits of v, at most 64; its other bits must be
// zero.
func (w *BitWriter) Write(v uint64, width uint) {
	w.acc |= v << w.filled
	w.filled += width
	if w.filled >= 64 {
		w.Dst = binary.LittleEndian.AppendUint64(w.Dst, w.acc)
		w.filled -= 64
		w.acc = v >> (width - w.filled) // Zero where the shift is 64.
	}
}

// Flush pads with zeros up to a byte and returns Dst.
func (w *BitWriter) Flush() []byte {
	for ; w.filled > 0; w.filled -= min(w.filled, 8) {
		w.Dst = append(w.Dst, byte(w.acc))
		w.acc >>= 8
	}
	return w.Dst
}

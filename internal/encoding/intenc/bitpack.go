package intenc

import (
	"encoding/binary"

	"github.com/pandodb/pando/internal/invariants"
)

// word is what bits are packed from and unpacked to.
type word interface {
	~uint32 | ~uint64 | ~int64
}

// maxFastWidth is the widest value that one 64-bit load at any bit offset
// inside a byte holds completely.
const maxFastWidth = 57

// packedSize is the number of bytes of n values of width bits.
func packedSize(n int, width uint) int {
	return int((uint64(n)*uint64(width) + 7) / 8)
}

// mask returns width ones.
func mask(width uint) uint64 {
	if width >= 64 {
		return ^uint64(0)
	}
	return 1<<width - 1
}

// appendPacked appends vals, each less than 1<<width, in width bits.
func appendPacked[T word](dst []byte, vals []T, width uint) []byte {
	if width == 0 {
		return dst
	}
	var acc uint64
	var filled uint
	for _, val := range vals {
		v := uint64(val)
		acc |= v << (filled & 63)
		filled += width
		if filled >= 64 {
			dst = binary.LittleEndian.AppendUint64(dst, acc)
			filled -= 64
			acc = v >> (width - filled) // Zero where the shift is 64.
		}
	}
	for ; filled > 0; filled -= min(filled, 8) {
		dst = append(dst, byte(acc))
		acc >>= 8
	}
	return dst
}

// unpack sets dst[i] to base plus the i-th value of width bits in src.
// len(src) must be at least packedSize(len(dst), width); bytes behind that
// may be read but do not matter.
func unpack[T word](dst []T, src []byte, width uint, base T) {
	switch {
	case invariants.Sometimes(10): // One by one, as below.
	case width == 0:
		for i := range dst {
			dst[i] = base
		}
		return
	case width == 8:
		src = src[:len(dst)]
		for i := range dst {
			dst[i] = T(src[i]) + base
		}
		return
	case width <= maxFastWidth:
		done := unpackEights(dst, src, width, base)
		dst, src = dst[done:], src[packedSize(done, width):]
	}
	m := mask(width)
	for i := range dst {
		dst[i] = T(BitsAt(src, uint64(i)*uint64(width))&m) + base
	}
}

// unpackEights unpacks as many groups of eight values as src holds together
// with eight more bytes of slack, and returns how many values that were.
// A group starts on a byte, so offsets and shifts are the same in each.
func unpackEights[T word](dst []T, src []byte, width uint, base T) int {
	m := mask(width)
	o1, s1 := width>>3, width&7
	o2, s2 := 2*width>>3, 2*width&7
	o3, s3 := 3*width>>3, 3*width&7
	o4, s4 := 4*width>>3, 4*width&7
	o5, s5 := 5*width>>3, 5*width&7
	o6, s6 := 6*width>>3, 6*width&7
	o7, s7 := 7*width>>3, 7*width&7
	done := 0
	for len(dst) >= 8 && uint(len(src)) >= width+8 {
		d, s := dst[:8:8], src[:width+8]
		d[0] = T(binary.LittleEndian.Uint64(s)&m) + base
		d[1] = T(binary.LittleEndian.Uint64(s[o1:])>>(s1&63)&m) + base
		d[2] = T(binary.LittleEndian.Uint64(s[o2:])>>(s2&63)&m) + base
		d[3] = T(binary.LittleEndian.Uint64(s[o3:])>>(s3&63)&m) + base
		d[4] = T(binary.LittleEndian.Uint64(s[o4:])>>(s4&63)&m) + base
		d[5] = T(binary.LittleEndian.Uint64(s[o5:])>>(s5&63)&m) + base
		d[6] = T(binary.LittleEndian.Uint64(s[o6:])>>(s6&63)&m) + base
		d[7] = T(binary.LittleEndian.Uint64(s[o7:])>>(s7&63)&m) + base
		dst, src = dst[8:], src[width:]
		done += 8
	}
	return done
}

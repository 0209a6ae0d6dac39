package index

import (
	"encoding/binary"
	"math/bits"

	"github.com/pandodb/pando/internal/base"
)

// damaged returns a corruption error. It names no file: the package sees bytes.
func damaged(format string, args ...any) error {
	return base.Errorf(base.ClassCorruption, "index: "+format, args...)
}

// uvarint reads a uvarint and returns what follows it.
func uvarint(src []byte) (v uint64, rest []byte, ok bool) {
	if len(src) > 0 && src[0] < 0x80 {
		return uint64(src[0]), src[1:], true
	}
	v, n := binary.Uvarint(src)
	if n <= 0 {
		return 0, nil, false
	}
	return v, src[n:], true
}

// bitWriter appends bit fields to dst, the lowest bit of a byte first.
type bitWriter struct {
	dst []byte
	acc uint64
	n   uint // bits in acc, below 32 between calls
}

// write appends the low width bits of v; width is at most 32 and v has no
// higher bits set.
func (w *bitWriter) write(v uint64, width uint) {
	w.acc |= v << w.n
	w.n += width
	if w.n >= 32 {
		w.dst = binary.LittleEndian.AppendUint32(w.dst, uint32(w.acc))
		w.acc >>= 32
		w.n -= 32
	}
}

// unary appends v zeros and a one.
func (w *bitWriter) unary(v uint64) {
	for ; v > 31; v -= 31 {
		w.write(0, 31)
	}
	w.write(1<<v, uint(v)+1)
}

// flush pads the last byte with zeros and returns dst.
func (w *bitWriter) flush() []byte {
	for ; w.n > 0; w.n -= min(w.n, 8) {
		w.dst = append(w.dst, byte(w.acc))
		w.acc >>= 8
	}
	return w.dst
}

// bitReader reads what a bitWriter wrote. Reading past the end gives zeros and
// sets pos behind the end: check overrun once per unit.
type bitReader struct {
	src []byte
	pos int // bits
}

// peekBits is how many bits of a peek are valid at any position.
const peekBits = 57

// peek returns the next peekBits bits, or more, without consuming them.
func (r *bitReader) peek() uint64 {
	at := r.pos >> 3
	if at+8 <= len(r.src) {
		return binary.LittleEndian.Uint64(r.src[at:]) >> (r.pos & 7)
	}
	var tail [8]byte
	if at < len(r.src) {
		copy(tail[:], r.src[at:])
	}
	return binary.LittleEndian.Uint64(tail[:]) >> (r.pos & 7)
}

// read consumes width bits, at most peekBits.
func (r *bitReader) read(width uint) uint64 {
	v := r.peek() & (1<<width - 1)
	r.pos += int(width)
	return v
}

// unary consumes zeros and the one behind them, and returns their number.
func (r *bitReader) unary() (zeros uint32) {
	w := r.peek()
	for ; w&(1<<peekBits-1) == 0 && !r.overrun(); w = r.peek() {
		zeros += peekBits
		r.pos += peekBits
	}
	n := bits.TrailingZeros64(w)
	r.pos += n + 1
	return zeros + uint32(n)
}

// skipOnes advances behind the n-th set bit from here.
func (r *bitReader) skipOnes(n int) {
	for n > 0 && !r.overrun() {
		w := r.peek() & (1<<peekBits - 1)
		ones := bits.OnesCount64(w)
		if ones < n {
			n -= ones
			r.pos += peekBits
			continue
		}
		for ; n > 1; n-- {
			w &= w - 1
		}
		r.pos += bits.TrailingZeros64(w) + 1
		return
	}
}

// overrun reports whether more was read than there is.
func (r *bitReader) overrun() bool { return r.pos > 8*len(r.src) }

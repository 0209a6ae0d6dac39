package otlpwire

import (
	"encoding/binary"
	"math/bits"
)

// AppendUint appends a Varint field, also when v is zero.
func AppendUint(dst []byte, field uint32, v uint64) []byte {
	dst = binary.AppendUvarint(dst, uint64(field)<<3|uint64(Varint))
	return binary.AppendUvarint(dst, v)
}

// AppendFixed64 appends a Fixed64 field, also when v is zero.
func AppendFixed64(dst []byte, field uint32, v uint64) []byte {
	dst = binary.AppendUvarint(dst, uint64(field)<<3|uint64(Fixed64))
	return binary.LittleEndian.AppendUint64(dst, v)
}

// AppendFixed32 appends a Fixed32 field, also when v is zero.
func AppendFixed32(dst []byte, field uint32, v uint32) []byte {
	dst = binary.AppendUvarint(dst, uint64(field)<<3|uint64(Fixed32))
	return binary.LittleEndian.AppendUint32(dst, v)
}

// AppendLen appends a Len field, also when v is empty.
func AppendLen[B []byte | string](dst []byte, field uint32, v B) []byte {
	dst = binary.AppendUvarint(dst, uint64(field)<<3|uint64(Len))
	dst = binary.AppendUvarint(dst, uint64(len(v)))
	return append(dst, v...)
}

// Begin opens a Len field whose payload the caller appends next; End closes it.
// Frames nest. The mark is for End.
func Begin(dst []byte, field uint32) (_ []byte, mark int) {
	dst = binary.AppendUvarint(dst, uint64(field)<<3|uint64(Len))
	return append(dst, 0), len(dst) + 1
}

// End closes the frame that returned mark. A payload of 128 bytes or more is
// moved by the bytes its length takes beyond one: cheaper than computing every
// size up front, since the move is a memmove and sizes need a walk per level.
func End(dst []byte, mark int) []byte {
	n := len(dst) - mark
	extra := (bits.Len64(uint64(n)|1)+6)/7 - 1
	if extra > 0 {
		var pad [binary.MaxVarintLen64]byte
		dst = append(dst, pad[:extra]...)
		copy(dst[mark+extra:], dst[mark:mark+n])
	}
	binary.PutUvarint(dst[mark-1:], uint64(n))
	return dst
}

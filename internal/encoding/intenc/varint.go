package intenc

import (
	"encoding/binary"

	"github.com/pandodb/pando/internal/base"
)

// corruptf returns a corruption error. The caller that knows the file and
// the offset wraps it.
func corruptf(format string, args ...any) error {
	return base.Errorf(base.ClassCorruption, format, args...)
}

// Uvarint splits an unsigned varint (as written by binary.AppendUvarint) off
// the front of src.
func Uvarint(src []byte) (v uint64, rest []byte, err error) {
	v, n := binary.Uvarint(src)
	if n <= 0 {
		return 0, nil, corruptf("bad uvarint in %d bytes", len(src))
	}
	return v, src[n:], nil
}

// Varint splits a zigzag varint (as written by binary.AppendVarint) off the
// front of src.
func Varint(src []byte) (v int64, rest []byte, err error) {
	v, n := binary.Varint(src)
	if n <= 0 {
		return 0, nil, corruptf("bad varint in %d bytes", len(src))
	}
	return v, src[n:], nil
}

// AppendSection appends the uvarint length of body and body.
func AppendSection(dst, body []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(body))), body...)
}

// Section splits a run of bytes that is preceded by its uvarint length off
// the front of src. The result aliases src.
func Section(src []byte) (body, rest []byte, err error) {
	size, rest, err := Uvarint(src)
	if err != nil {
		return nil, nil, err
	}
	if size > uint64(len(rest)) {
		return nil, nil, corruptf("section of %d bytes in %d", size, len(rest))
	}
	return rest[:size:size], rest[size:], nil
}

// uvarintSize is the number of bytes binary.AppendUvarint appends for v.
func uvarintSize(v uint64) int {
	size := 1
	for v >= 0x80 {
		v >>= 7
		size++
	}
	return size
}

// varintSize is the number of bytes binary.AppendVarint appends for v.
func varintSize(v int64) int { return uvarintSize(uint64(v)<<1 ^ uint64(v>>63)) }

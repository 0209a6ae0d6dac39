package block

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/pandodb/pando/internal/base"
)

// TrailerSize is the number of bytes a frame adds to a payload.
const TrailerSize = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// PageIdentity mixes the ID of a file and the offset of a page in it into
// the identity that its checksum covers. File IDs must differ between all
// files that could be confused: mix the tablet, part and kind of file in.
func PageIdentity(fileID, offset uint64) uint64 {
	// The finaliser of SplitMix64 (Steele et al., OOPSLA 2014): a bijection
	// for each offset, so different files never share an identity there.
	z := fileID + offset*0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// AppendPage appends the payload and its checksum to dst.
func AppendPage(dst []byte, identity uint64, payload []byte) []byte {
	start := len(dst)
	return SealPage(append(dst, payload...), start, identity)
}

// SealPage appends the checksum of the payload dst[start:], for encoders that
// wrote the payload into the file's buffer directly.
func SealPage(dst []byte, start int, identity uint64) []byte {
	return binary.LittleEndian.AppendUint32(dst, pageSum(identity, dst[start:]))
}

// CheckPage verifies a framed page and returns its payload, which aliases
// src. A mismatch is of base.ClassCorruption; the caller adds file and offset.
func CheckPage(src []byte, identity uint64) ([]byte, error) {
	size := len(src) - TrailerSize
	if size < 0 {
		return nil, base.Errorf(base.ClassCorruption, "page of %d bytes has no checksum", len(src))
	}
	payload := src[:size:size]
	want := binary.LittleEndian.Uint32(src[size:])
	if got := pageSum(identity, payload); got != want {
		return nil, base.Errorf(base.ClassCorruption,
			"page checksum %08x, want %08x (%d bytes)", got, want, size)
	}
	return payload, nil
}

// pageSum is the checksum of a payload at its place.
func pageSum(identity uint64, payload []byte) uint32 {
	// The first eight bytes by table: a slice of a local array handed to
	// crc32 would escape to the heap.
	sum := ^uint32(0)
	for range 8 {
		sum = castagnoli[byte(sum)^byte(identity)] ^ sum>>8
		identity >>= 8
	}
	return crc32.Update(^sum, castagnoli, payload)
}

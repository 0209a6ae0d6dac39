package filter

import (
	"encoding/binary"
	"slices"
)

// The kinds of value filter. They are persisted: append only.
const (
	kindFingerprints = 1 // 16 bits of every hash, ascending, each once
	kindBloom        = 2 // blocks of 256 bits
)

const (
	// DefaultBitsPerKey gives 1.2 % false positives.
	DefaultBitsPerKey = 10

	blockBytes = 32
	blockBits  = 8 * blockBytes

	// maxBlocks keeps the multiplication that picks a block within 64 bits.
	maxBlocks = 1 << 31
)

// salts spread the low half of a hash over the eight lanes of a block: lane i
// has bit (h*salts[i])>>27. They are those of Parquet's specification
// (BloomFilter.md), odd and otherwise arbitrary.
var salts = [8]uint32{
	0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d,
	0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31,
}

// AppendBloom appends a filter of the hashes to dst. bitsPerKey sets the size;
// zero means DefaultBitsPerKey. Repeated hashes only make the filter larger than
// needed: pass each once where that is cheap. Where 16 bits of every hash take no
// more bytes than the blocks, they are stored instead.
func AppendBloom(dst []byte, hashes []uint64, bitsPerKey int) []byte {
	if bitsPerKey <= 0 {
		bitsPerKey = DefaultBitsPerKey
	}
	blocks := min((len(hashes)*bitsPerKey+blockBits-1)/blockBits, maxBlocks)
	if 2*len(hashes) <= blocks*blockBytes {
		return appendFingerprints(dst, hashes)
	}
	dst = append(dst, kindBloom)
	at := len(dst)
	dst = append(dst, make([]byte, blocks*blockBytes)...)
	body := dst[at:]
	for _, h := range hashes {
		b := body[blockOf(h, blocks):][:blockBytes]
		for i, salt := range salts {
			bit := uint32(h) * salt >> 27
			b[4*i+int(bit>>3)] |= 1 << (bit & 7)
		}
	}
	return dst
}

// BloomContains reports whether h may be among the hashes of the filter. False
// is certain. Bytes that are no filter exclude nothing: the answer is true.
func BloomContains(bloom []byte, h uint64) bool {
	if len(bloom) == 0 {
		return true
	}
	body := bloom[1:]
	switch {
	case bloom[0] == kindFingerprints && len(body)%2 == 0:
		return containsFingerprint(body, h)
	case bloom[0] == kindBloom && len(body)%blockBytes == 0 && len(body) > 0:
		return containsBlock(body[blockOf(h, len(body)/blockBytes):], uint32(h))
	default:
		return true
	}
}

// blockOf returns the offset of the block of h: its high half, scaled.
func blockOf(h uint64, blocks int) int {
	return int((h>>32)*uint64(blocks)>>32) * blockBytes
}

func containsBlock(block []byte, h uint32) bool {
	block = block[:blockBytes]
	missing := uint32(0)
	for i, salt := range salts {
		lane := binary.LittleEndian.Uint32(block[4*i:])
		missing |= ^lane >> (h * salt >> 27)
	}
	return missing&1 == 0
}

// fingerprint is what is kept of a hash among few.
func fingerprint(h uint64) uint16 { return uint16(h >> 48) }

func appendFingerprints(dst []byte, hashes []uint64) []byte {
	var scratch [64]uint16
	prints := scratch[:0]
	for _, h := range hashes {
		prints = append(prints, fingerprint(h))
	}
	slices.Sort(prints)
	dst = append(dst, kindFingerprints)
	for _, p := range slices.Compact(prints) {
		dst = binary.LittleEndian.AppendUint16(dst, p)
	}
	return dst
}

// containsFingerprint scans: there are a dozen, rarely more.
func containsFingerprint(body []byte, h uint64) bool {
	want := fingerprint(h)
	for ; len(body) >= 2; body = body[2:] {
		if binary.LittleEndian.Uint16(body) == want {
			return true
		}
	}
	return false
}

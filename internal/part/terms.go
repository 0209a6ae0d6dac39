package part

import (
	"github.com/pandodb/pando/internal/encoding/bytesenc"
)

// A unit of terms is what package index writes, compressed where that pays: the
// dictionary is opened whole, once, and used from memory.
//
//	plain [1] terms
//	zstd  [2] bytesenc zstd: uvarint length, frame
//
// The codec numbers are on disk: append, never renumber.
const (
	termsPlain = 1
	termsZstd  = 2
)

const (
	// minZstdBytes is the size from which terms are compressed.
	minZstdBytes = 256
	// maxZstdRatio bounds the memory that a damaged length can ask for. Front
	// coding leaves nothing that shrinks further.
	maxZstdRatio = 256
)

// appendTermsUnit appends the unit of the terms.
func appendTermsUnit(dst, terms []byte) []byte {
	if len(terms) < minZstdBytes {
		return append(append(dst, termsPlain), terms...)
	}
	start := len(dst)
	dst = bytesenc.AppendZstd(append(dst, termsZstd), terms)
	// An eighth less space is worth the time to decompress.
	if size := len(dst) - start; size <= len(terms)-len(terms)/8 && len(terms) <= maxZstdRatio*size {
		return dst
	}
	return append(append(dst[:start], termsPlain), terms...)
}

// parseTermsUnit returns the terms of a unit.
func parseTermsUnit(src []byte) ([]byte, error) {
	if len(src) == 0 {
		return nil, corruptf("terms: empty unit")
	}
	switch src[0] {
	case termsPlain:
		return src[1:], nil
	case termsZstd:
		return bytesenc.DecodeZstd(nil, src[1:], maxZstdRatio*len(src))
	}
	return nil, corruptf("terms: unknown codec %d", src[0])
}

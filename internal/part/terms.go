package part

import (
	"encoding/binary"

	"github.com/pandodb/pando/internal/encoding/bytesenc"
	"github.com/pandodb/pando/internal/encoding/intenc"
)

// A unit of terms is what package index writes, compressed where that pays: the
// dictionary is opened whole, once, and used from memory.
//
//	plain [1] terms
//	zstd  [2] uvarint length, zstd frame of the terms
//
// The codec numbers are on disk: append, never renumber.
const (
	termsPlain = 1
	termsZstd  = 2
)

// minZstdBytes is the size from which terms are compressed.
const minZstdBytes = 256

// appendTermsUnit appends the unit of the terms.
func appendTermsUnit(dst, terms []byte) []byte {
	if len(terms) < minZstdBytes {
		return append(append(dst, termsPlain), terms...)
	}
	start := len(dst)
	dst = binary.AppendUvarint(append(dst, termsZstd), uint64(len(terms)))
	dst = bytesenc.AppendZstd(dst, terms)
	// An eighth less space is worth the time to decompress.
	if len(dst)-start <= len(terms)-len(terms)/8 {
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
		size, body, err := intenc.Uvarint(src[1:])
		if err != nil {
			return nil, err
		}
		if size > maxUnitBytes {
			return nil, corruptf("terms: %d bytes", size)
		}
		return bytesenc.DecodeZstd(nil, body, int(size))
	}
	return nil, corruptf("terms: unknown codec %d", src[0])
}

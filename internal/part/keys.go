package part

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/encoding/bytesenc"
)

// Codec numbers of a block's keys. They are on disk: append, never renumber.
//
//	strings [1] bytesenc page of the keys, to the end
//	hash8   [2] as strings, of the keys without their bytes 4 to 12, which are
//	            the big-endian xxhash64 of all bytes from 12 on
//
// Keys of a block are ordered by a hash near their front (architecture: hashes
// place, full bytes identify), so neighbours share little beyond what the whole
// block shares, which the strings' affix codec takes out.
const (
	keysStrings = 1
	keysHash8   = 2
)

// The place of the derived hash in keys of codec hash8.
const (
	hash8Start = 4
	hash8End   = 12
)

// appendKeys appends the encoding of distinct ascending keys.
func appendKeys(dst []byte, keys *column.Dict, scratch *column.Dict) []byte {
	codec := byte(keysStrings)
	if hashesDerive(keys) {
		codec = keysHash8
		scratch.Reset()
		for i := range keys.Len() {
			k := keys.Value(uint32(i))
			scratch.Data = append(scratch.Data, k[:hash8Start]...)
			scratch.Append(k[hash8End:])
		}
		keys = scratch
	}
	return bytesenc.AppendStrings(append(dst, codec), keys.Offsets, keys.Data)
}

// hashesDerive reports whether codec hash8 holds the keys without loss.
func hashesDerive(keys *column.Dict) bool {
	for i := range keys.Len() {
		k := keys.Value(uint32(i))
		if len(k) < hash8End || binary.BigEndian.Uint64(k[hash8Start:]) != xxhash.Sum64(k[hash8End:]) {
			return false
		}
	}
	return true
}

// sharedPrefix returns the length of the common prefix of a and b.
func sharedPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// parseKeys reads n keys to the end of src into an empty dictionary.
func parseKeys(dst *column.Dict, src []byte, n int) error {
	if len(src) == 0 || src[0] != keysStrings && src[0] != keysHash8 {
		return corruptf("keys: unknown codec in %d bytes", len(src))
	}
	keys, err := bytesenc.DecodeStrings(bytesenc.Strings{}, src[1:], n, maxUnitBytes)
	if err != nil {
		return err
	}
	if src[0] == keysStrings {
		*dst = column.Dict(keys)
		return nil
	}
	dst.Data = make([]byte, 0, len(keys.Data)+n*(hash8End-hash8Start))
	dst.Offsets = append(make([]uint32, 0, n+1), 0)
	for i := range n {
		if !appendHashed(dst, keys.Value(i)) {
			return corruptf("keys: key %d has no room for a hash", i)
		}
	}
	return nil
}

// appendHashed appends a key with the hash that codec hash8 left out. It
// reports false when the key is too short to have had one.
func appendHashed(dst *column.Dict, key []byte) bool {
	if len(key) < hash8Start {
		return false
	}
	head, tail := key[:hash8Start], key[hash8Start:]
	dst.Data = binary.BigEndian.AppendUint64(append(dst.Data, head...), xxhash.Sum64(tail))
	dst.Append(tail)
	return true
}

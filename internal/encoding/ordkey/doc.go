// Package ordkey builds composite keys whose byte order is the order of the
// values they were built from, so that bytes.Compare is the only comparator.
//
//	uint32, uint64   big endian
//	int64            big endian with the sign bit flipped
//	int64 descending the complement of that
//	float64          IEEE 754 total order: -NaN < -Inf < … < -0 < +0 < … < +Inf < NaN;
//	                 bits complemented if negative, else the sign bit flipped
//	bytes, string    content with 0x00 written as 0x00 0xFF, then 0x00 0x01
//
// Every element ends itself, so a key is the concatenation of its elements
// and no key of the same elements is a prefix of another. A shorter list of
// the same elements is a prefix of all keys it begins, and PrefixEnd bounds
// those:
//
//	key(bytes "ab\x00", uint32 7)  61 62 00 FF 00 01 00 00 00 07
//
// Append functions append to dst and never fail. Decode functions take the
// element off the front of src and return the rest, or an error of
// base.ClassCorruption. Only what the Append functions write is accepted: a
// value has one key.
package ordkey

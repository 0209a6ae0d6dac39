// Package intenc turns slices of integers into bytes and back. It is the
// bottom of every page codec: timestamps, durations, lengths, dictionary
// codes, presence ordinals and references all end here.
//
// There are four families, each with its own append-only registry of codec
// numbers. The first byte of an encoding is the number; zero is never valid.
// The count of values is not stored, since a block header already knows it.
// No values are encoded as no bytes.
//
//	Ints    []int64   anything: times, durations, counters, sizes
//	Codes   []uint32  dictionary codes; readable from the middle
//	Rows    []uint32  strictly ascending ordinals below n (presence)
//	IDRefs  []uint64  values that mostly equal an ID of a row near by
//
// # Ints
//
// The encoder computes the exact size of every candidate and takes the
// smallest. A candidate is a transform (none, first or second differences)
// and a packing of what the transform leaves, the residuals r.
//
//	const   [1] varint value
//	linear  [2] varint first, varint step
//	raw     [3] n × 8 bytes little endian
//	flat    [4|5|6]  k head varints, varint base, width u8, packed(r-base)
//	blocks  [7|8|9]  k head varints, varint base, then per 128 residuals:
//	        +-----------+----------------+--------------+- - - - - - - - - - - -+
//	        | width u8  | uvarint        | packed low   | if bit 7 of width:    |
//	        | bit 7: +  | blockMin-base  | width bits   | count u8, hiWidth u8, |
//	        | exceptions|                | of r-blockMin| positions, packed high|
//	        +-----------+----------------+--------------+- - - - - - - - - - - -+
//	scaled  [10] varint min, uvarint divisor, Ints encoding of (v-min)/divisor
//
// The k = 0, 1 or 2 head values are the first value and the first difference,
// from which the transform is undone. All arithmetic wraps modulo 2^64, so
// every input is representable. Blocks are patched frames of reference after
// Zukowski et al., "Super-Scalar RAM-CPU Cache Compression" (ICDE 2006), with
// the exceptions' high bits kept aside as in OptPFD (Yan et al., WWW 2009).
//
// # Packed
//
// "packed" is a little-endian bit string: value i of width w occupies bits
// [i*w, (i+1)*w), bit b being bit b%8 of byte b/8. The last byte is padded
// with zeros. Eight values always end on a byte, which is what makes the
// unrolled reader in bitpack.go possible.
//
// # Rules
//
// Append functions append to dst and never fail. Decode functions append to
// dst, allocate only when its capacity is too small, demand that src is
// exactly one encoding, and return errors of base.ClassCorruption; dst's
// earlier content is then untouched. The caller bounds n: a constant page is
// three bytes for any n. All functions are safe for concurrent use.
package intenc

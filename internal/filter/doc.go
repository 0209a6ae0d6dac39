// Package filter answers "certainly not here" without reading data: value
// filters of a block of rows and the key filter of a part, both over 64-bit
// hashes (column.HashTerm, column.HashTag).
//
// Value filter (AppendBloom), one per block and column, some 1,000 hashes:
//
//	┌──────┬──────────────────────────────────────────────────────────┐
//	│ 0x01 │ fingerprint u16 × n, ascending                           │  few hashes
//	├──────┼──────────────────────────────────────────────────────────┤
//	│ 0x02 │ block × n: 8 lanes u32, one bit per hash and lane        │  many
//	└──────┴──────────────────────────────────────────────────────────┘
//
// The second is the split-block Bloom filter of Putze, Sanders and Singler
// ("Cache-, Hash- and Space-Efficient Bloom Filters", 2007) in the form of
// Parquet's BloomFilter.md: the high half of a hash picks a block of 32 bytes,
// the low half a bit in each of its eight lanes, so a look-up touches one cache
// line. Blocks need not be a power of two, so the size follows the number of
// hashes in steps of 32 bytes. 10 bits a hash give 1.2 % false positives. Up to
// 16 hashes fingerprints are no larger, and wrong once in 65,536/n.
//
// Key filter (AppendFuse), one per part, up to millions of keys:
//
//	┌──────┬──────────────────────────────────────────────────────────┐
//	│ 0x01 │ top half of every hash, u32 × n, ascending               │  ≤ 32 keys
//	├──────┼──────────┬─────────────────────┬──────────────┬──────────┤
//	│ 0x02 │ seed u64 │ segment length u32  │ segments u32 │ u16 × n  │
//	└──────┴──────────┴─────────────────────┴──────────────┴──────────┘
//
// The second is a binary fuse filter (Graf and Lemire, "Binary Fuse Filters",
// 2022) built by github.com/FastFilter/xorfilter: 18 to 23 bits a key and wrong
// once in 65,536, where a Bloom filter needs 23 bits. It cannot be added to,
// which a part never asks for. The reading side is ours, over the bytes of the
// file, so that opening a part copies nothing.
//
// All integers are little-endian. The sections have neither length nor checksum:
// the file that holds them has both. Hostile bytes cannot make a reader panic or
// leave its bounds; damaged value filters exclude nothing.
//
// Start reading at AppendBloom, then OpenFuse.
package filter

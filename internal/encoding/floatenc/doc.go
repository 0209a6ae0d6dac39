// Package floatenc turns pages of float64 into bytes and back, bit by bit:
// NaN payloads, negative zero and subnormal numbers survive.
//
// The count of values is not stored, since a block header knows it. No
// values are encoded as no bytes. The first byte is the codec number
// (append-only; zero is invalid); the encoder takes the smallest candidate.
//
//	const    [1] 8 bytes little endian
//	raw      [2] n × 8 bytes little endian
//	decimal  [3] exponent u8, section Ints m, section Rows exceptions,
//	             8 bytes little endian per exception
//	xor      [4] bit string
//
// # Decimal
//
// A value that was typed or measured in decimal is m / 10^exponent for a
// small integer m; the m are an Ints page of package intenc, which finds
// their slopes and common divisors. A value is used only if that division
// gives back its very bits; the others (staleness markers, -0, infinities)
// are exceptions, whose place in Ints is held by the m before them. This is
// ALP (Afroozeh et al., SIGMOD 2023) with one exponent, division in place of
// two multiplications (exact, so fewer exceptions), and the choice by size.
//
// # Xor
//
// Each value is xored with the one before it, as in Gorilla (Pelkonen et al.,
// VLDB 2015, section 4.1.2). Bits are packed from the low end of each byte.
//
//	first value   64 bits
//	0             same as before
//	1 0           the window of significant bits of before, in as many bits
//	1 1 L×5 S×6   a new window: L leading zeros, S significant bits less one
//
// # Rules
//
// As in intenc: Append functions never fail; decoders append, treat src as
// hostile, demand that it is exactly one encoding, and return errors of
// base.ClassCorruption with dst's content untouched. All functions are safe
// for concurrent use.
package floatenc

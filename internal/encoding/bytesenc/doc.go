// Package bytesenc turns pages of strings into bytes and back: attribute
// values, bodies, identifiers and names of too many kinds for a dictionary
// of their column.
//
// n values are given as n+1 offsets into one byte slice, value i being
// data[offsets[i]:offsets[i+1]]. The count is not stored, since a block
// header knows it. No values are encoded as no bytes.
//
//	AppendStrings ─► look at the page once: lengths, alphabet, common ends
//	                 ├ all equal ─────────────────────────────► const
//	                 └ write each candidate that fits, keep the smallest:
//	                    leaf      decimal, padded, hex, plain, zstd
//	                    affix     common ends + page of what is between
//	                    dict      page of distinct values + codes
//	                    template  page of templates + codes + page per hole
//
// # Codecs
//
// The first byte is the codec number (append-only; zero is invalid). A
// section is a uvarint length and that many bytes; Ints and Codes are
// encodings of package intenc; "…" is the rest of the input.
//
//	const     [1] …value
//	plain     [2] section Ints lengths, …bytes
//	zstd      [3] section Ints lengths, uvarint size, …zstd frame of the bytes
//	hex       [4] section Ints lengths/2, …bytes (two lower-case digits each)
//	decimal   [5] …Ints (values are int64 in canonical decimal form)
//	padded    [6] digits u8, …Ints (decimal, zero-padded to that many digits)
//	affix     [7] section prefix, section suffix, …page of the middles
//	dict      [8] uvarint count, section page of distinct values, …Codes
//	template  [9] uvarint count, section page of templates, section Codes,
//	              then per template and hole: section page of its values
//
// A template is a value with each number or hexadecimal run replaced by the
// byte 0x11; "/api/orders/8731" has the template "/api/orders/\x11" and one
// hole, of which all values form a page (here decimal). The idea is that of
// CLP (Rodrigues et al., OSDI 2021), with columns in place of packed rows.
//
// Pages nest at most dict → template → dict → affix → leaf; see nesting.
//
// # Rules
//
// As in intenc: Append functions never fail; decoders append, treat src as
// hostile and bound all they allocate by the caller's n and maxBytes, and
// return errors of base.ClassCorruption with dst's content untouched. All
// functions are safe for concurrent use.
package bytesenc

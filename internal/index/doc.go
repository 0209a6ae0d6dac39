// Package index holds the inverted index of one column of a part: Terms, the
// sorted dictionary of its distinct values; Postings, the rows of every term;
// and Set, the sets of rows that queries combine.
//
//	value ──Terms.Lookup──► ordinal ──Postings.Rows──► Set ──And, Or, Not──► rows
//
// Ordinals are those the column's pages store, so values are kept once and
// serve storage, look-up and filters alike.
//
// # Terms
//
//	┌─────────┬───────┬───────┬──────────┬───────────┬──────────────────┬────────┐
//	│ version │ flags │ width │ terms uv │ data uv   │ restarts         │ blocks │
//	│ 0x01    │ 1 B   │ 1 B   │ n        │ bytes     │ width B each     │        │
//	└─────────┴───────┴───────┴──────────┴───────────┴──────────────────┴────────┘
//	block:  length uv, first term │ 15 × (head, suffix)
//	head:   shared:4 suffix length:4; a nibble of 15 adds a uvarint, shared first
//
// Terms are front-coded: an entry holds the length of the prefix it shares with
// the term before and its other bytes. Every sixteenth starts afresh, and its
// offset is a restart. A look-up searches the restarts, then steps through one
// block without assembling terms: knowing how many bytes of the target the entry
// before has matched, an entry that shares more than that is smaller, one that
// shares less is larger, and only one that shares as much is compared.
//
// # Postings
//
//	┌─────────┬─────────┬──────────┬─────────┬───────────┬──────────┐
//	│ version │ rows uv │ terms uv │ long uv │ groups uv │ lists uv │
//	├─────────┴─────────┴──────────┴─────────┴───────────┴──────────┤
//	│ long table: (ordinal u32, count u32, offset u32) × long       │
//	│ starts: u32 × ⌈terms/32⌉, absent when groups is zero bytes    │
//	│ groups: width, least │ counts │ short lists    (a bit stream) │
//	│ lists:  (k │ high parts │ low parts) per 128 rows, byte-wise  │
//	│ eight zero bytes                                              │
//	└───────────────────────────────────────────────────────────────┘
//
// A term in more than a sixteenth of the rows has no list (offset all ones):
// readers scan the codes. A term of 64 rows or more has an entry in the long
// table and a list of its own; shorter ones are packed in groups of 32 terms,
// with the counts first, and a reader skips the lists before the one it wants.
// Lists are Rice-coded gaps, see rice.go. There is no bitmap form: at a
// sixteenth of the rows it would take 2.8 times the bytes of the list.
//
// # Rules
//
// Terms and Postings alias the bytes they were opened on, are immutable and safe
// for concurrent use. The sections carry a version but neither checksum nor
// length: the file that holds them has both. Still, any bytes may be opened:
// damage gives a ClassCorruption error or a wrong answer within bounds, and
// allocations stay in proportion to the input.
//
// Start reading at Terms, then Postings, then Set.
package index

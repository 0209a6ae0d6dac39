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
// There is no FST beside the blocks. Measured with vellum on dictionaries of 100
// to 100,000 user ids, hexadecimal ids, paths and integers, a map from term to
// ordinal costs once to twice the bytes of the blocks (4 to 20 B a term), takes
// 0.1 to 2.7 µs a term to build (blocks: 10 to 50 ns), and finds a term in 0.1 to
// 0.3 µs (blocks: 0.06 µs for 100 terms, 0.15 for 1,000, 0.3 to 0.45 for
// 100,000). The other use of an FST, intersecting it with an automaton, costs it
// 90 to 370 ns a term and the blocks 5 to 40, for shared prefixes are explicit
// here: see Terms.Match. Patterns do use vellum's automata.
//
// # Postings
//
//	┌─────────┬─────────┬──────────┬─────────┬───────────┬──────────┐
//	│ version │ rows uv │ terms uv │ long uv │ groups uv │ lists uv │
//	├─────────┴─────────┴──────────┴─────────┴───────────┴──────────┤
//	│ long table: (ordinal u32, count u32, offset u32) × long       │
//	│ starts: u32 × ⌈terms/32⌉, absent when groups is zero bytes    │
//	│ groups: width, least │ counts │ short lists    (a bit stream) │
//	│ lists:  long lists, in blocks of 128 rows        (byte-wise)  │
//	│ eight zero bytes                                              │
//	└───────────────────────────────────────────────────────────────┘
//
// A term in more than a sixteenth of the rows has no list (offset all ones):
// readers scan the codes. A term of 64 rows or more has an entry in the long
// table and a list of its own; shorter ones are packed in groups of 32 terms,
// with the counts first, and a reader skips the lists before the one it wants.
// Lists are Rice-coded gaps; rice.go explains the code, list_short.go and
// list_long.go draw the two forms. There is no bitmap form: at a sixteenth of
// the rows it would take 2.8 times the bytes of the list.
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

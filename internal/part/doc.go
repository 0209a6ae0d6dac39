// Package part writes and reads parts: immutable sorted runs of rows of one
// layout, each a directory of few files.
//
// Rows are ordered by (key, time, id) and cut into blocks of about a thousand,
// a block being a range of keys. Every column has a page per block in which it
// has values. How a column is stored is decided when it is written:
//
//	dict   values repeat, at least twice on average: one sorted dictionary of
//	       terms for the part, pages of ordinals, postings ordinal → rows.
//	       A value is stored once and serves filter, index and projection.
//	raw    values hardly repeat: pages of values, and per block a small filter
//	       that says which values, or tags of documents, it may have.
//
// The files; every one but metadata.json begins with a header (format.go) and is
// a sequence of units framed by package block:
//
//	metadata.json   counts, ranges, length and CRC32C of every file
//	meta.bin        skipping index, held in memory while the part is open:
//	                blocks, columns, zones, places of units           meta.go
//	primary.bin     page directory: length of every page              primary.go
//	index.seg       terms and postings of dict columns                package index
//	filter.bin      value filters of raw columns, filter of all keys  rawblock.go
//
//	packed parts                        wide parts
//	data.bin                            timestamps.bin   identity pages
//	┌──────────┬───────┬───────┬──      span.tf          pages of family "span"
//	│ block 0: │ col 0 │ col 2 │ …      ┌──────────────────┬──────────────────┬──
//	│ identity │ page  │ page  │        │ col 0: block 0,  │ col 1: block 0,  │ …
//	├──────────┼───────┼───────┼──      │ block 1, block 2 │ block 3          │
//	│ block 1: │ col 0 │ col 1 │ …      └──────────────────┴──────────────────┴──
//	└──────────┴───────┴───────┴──      attr.tf          pages of family "attr"
//	one read gives all columns of       one column of all blocks is adjacent;
//	a block; flushed, small parts       merged, large parts
//
// An identity page (identity.go) holds keys, times and ids of a block's rows, a
// column page (page.go) the values of one column. docs/format/part.md has an
// annotated dump.
//
// Integrity: the checksum of a unit covers the tablet, part, kind and family of
// its file and its offset, so damaged, swapped and misplaced bytes are all found
// when the unit is read. What a read does not touch, Verify does. Damage is a
// base.ClassCorruption error that names file and offset.
//
// Durability: a writer works in Dir+".tmp"; Finish syncs every file and the
// directory, renames it and syncs the parent. A crash leaves the part whole or
// not there; a directory that still ends in ".tmp" is garbage.
//
// Memory: a writer holds the hashes of all keys (8 bytes each), one column at
// a time (4 bytes a value, 8 when sparse, and the distinct values) and, packed,
// the encoded pages. An open part holds the skipping index and the key filter;
// the cache holds the rest.
//
// Start reading at Writer, then ColumnWriter; then Open and Part.ReadRows.
package part

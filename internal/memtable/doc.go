// Package memtable holds the youngest rows of a tablet in memory.
//
// Appending is O(1): a committed batch joins a list and is not looked into
// (Bytable's queue memtable, seed row D6). Only runs of small batches are joined
// into larger ones, a few at a time, so that readers visit few. Sorting, interning and indexing happen
// when somebody needs them:
//
//	Append ──► [batch][batch][batch] …            open, takes writes
//	                 │
//	   a reader ─────┤ View: the batches so far; a batch's key index is
//	                 │       built by the first reader that looks for a key
//	   seal ─────────┘ Sort: one order over all rows ──► columns into a part
//
// Sort works on distinct keys, not rows: keys are interned and sorted once, rows
// are counted into their key's place and only the few rows of one key are
// compared with each other. Rows that the layout's rule makes redundant are
// dropped there, so duplicates sent in one burst never reach the disk.
//
// A Table is safe for one appender and many readers.
package memtable

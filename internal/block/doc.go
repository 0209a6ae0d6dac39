// Package block frames pages and caches what was decoded from them.
//
// # Page frame
//
// A page is one column of one block. On disk it is its payload, which begins
// with a codec number, and a checksum:
//
//	+---------------------+--------------------------------------+
//	| payload, n bytes    | u32 little endian:                   |
//	|                     | CRC32C(identity u64 LE ++ payload)   |
//	+---------------------+--------------------------------------+
//
// The length is n+4 and stands in the directory that points to the page.
// The identity is mixed from the ID of the file and the page's offset in it
// and is not stored: a page that was swapped with another, or written to or
// read from the wrong place, fails its check like a damaged one.
//
// # Cache
//
// Cache is a sharded S3-FIFO (Yang et al., "FIFO Queues are All You Need for
// Cache Eviction", SOSP 2023) with a budget in bytes. New entries enter a
// small queue of a tenth of the budget; those read again before they reach
// its end move to the main queue, the others leave and only the hash of
// their key is remembered for a while; a key that returns while remembered
// goes to the main queue at once. A scan therefore flushes the small queue
// and nothing else.
//
//	         ┌ small, 10 % ┐  read again   ┌ main, 90 % ┐
//	Add ───► │ newest … old│ ────────────► │ newest … old│ ──► out if not
//	         └─────────────┘               └─────────────┘     read since
//	                │ not read again             ▲
//	                ▼                            │ Add of a remembered key
//	         ghosts (hashes) ────────────────────┘
//
// Values are shared: whoever puts one in gives up writing to it, and whoever
// gets one may read it for as long as it likes, evicted or not. Memory is
// returned by the garbage collector, so there are no pins. The same cache
// serves for whatever else is parsed once and only read, such as block headers
// or directories of a part; things that must be closed do not belong in it.
package block

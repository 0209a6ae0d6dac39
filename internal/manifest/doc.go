// Package manifest keeps the durable list of a tablet's live parts.
//
// Every change (a flush, a merge, a dropped segment) publishes a whole new
// snapshot file; the highest readable epoch is the truth and older files are
// removed after it is durable. A snapshot is small (a line per part), so writing
// it whole is simpler than a log of edits and just as fast beside the part files
// that precede it.
//
//	<dir>/0000000000000007.snp
//
//	┌────────┬─────────┬────────┬────────┬──────────────┐
//	│ "PNMF" │ version │ length │ CRC32C │ JSON, length │
//	│ 4      │ 4       │ 4      │ 4      │ bytes        │
//	└────────┴─────────┴────────┴────────┴──────────────┘
//	the checksum covers version, length, epoch and the JSON
//
// Rules. A snapshot names only parts that are whole and synced. It appears by
// write-temp, sync, rename, sync-directory. Parts in no snapshot are debris of a
// crash and may be removed. A damaged newest snapshot is an error, never silently
// an older one: older parts may be gone. Whoever knows better what is live may put
// another in its place (Store.Rescue).
//
// A Store is used by one goroutine at a time.
package manifest

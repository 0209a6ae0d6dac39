// Package columnar is the engine of all telemetry: one Tablet per key range,
// holding the rows of one layout in memtables and time-partitioned parts.
//
//	Apply(batch) ──► open memtable ──seal──► sealed memtables ──flush──► parts
//	                                                             merge ──┘ (3 levels,
//	View ───────► runs of the memtables + parts of the snapshot             per segment)
//
//	<dir>/000000000000002a.snp                  manifest: the live parts
//	<dir>/20261120T000000Z/0000000000000007/    a segment's part
//	<dir>/quarantine/0000000000000003/          a damaged part, kept for people
//
// What lives where. A row's segment is its time rounded down to the segment
// interval; a part lies in one segment; a segment is dropped whole when its end
// plus the TTL has passed, and reads cut at the TTL to the nanosecond before that.
//
// Order. Apply gets committed batches in log order and cannot fail. Flush takes
// sealed memtables oldest first and writes all their segments in one manifest
// edit that also records the log position up to which rows are now in parts, so
// a crash replays exactly the rest. Manifest edits are serialised by edit; views
// are a version (a set of parts) plus the memtables at one moment, taken under
// mu, so that a row is always in exactly one of the two.
//
// Ownership. A version holds a reference on each of its parts and is itself held
// by the tablet while current and by views. The last reference of a part that
// left the manifest removes its files.
//
// Damage. A part whose bytes do not check is set aside under quarantine/ and
// reported; the query that hit it fails with a corruption error, later ones
// answer without it and say that they are partial. No other error touches parts.
//
// Filters. An Expr is a tree of conditions on single rows: on columns, on tags of
// documents, and on the identity a row has besides (RowKey, RowTime, RowID). A
// memtable batch answers it by evalRun, a part by partEval, both with the set of
// rows that match; they look at rows before these are reconciled.
//
// Digests. A part of the final level keeps a summary of its rows (column.Digest),
// folded while a merge writes them, from the columns as they go by (digesttee.go).
// Other parts and memtables, these in pieces of some thousand rows, are folded on
// demand; for a while after somebody asked, new parts are as they are written, so
// that who asks again does not wait. Rows that refer to others of their key,
// elsewhere, are linked to them when somebody asks (digestlinks.go). All of it is
// remembered as long as the places it is about. Adding up the digests of a merge's
// inputs instead was tried: taking out and counting anew the keys that several of
// them have cost more than one fold.
//
// Pages. A page of keys (TopKeys) or rows (TopRows) continues after the last of
// the page before, whatever came and went meanwhile: no state is kept between
// pages, and what lies wholly before the cursor is skipped like what lies behind
// the page.
//
// Followers. A tablet that another process writes is shown by a Follower: the
// newest manifest, whose parts it holds open, and the log's entries behind it. It
// writes nothing; damage it finds it only leaves out, and says so.
//
// Nothing here knows a data model: the Layout says everything. Start reading at
// Tablet, then View.
package columnar

// Package wal is the log of a node: one sequence of files that holds the
// entries, hard states and metadata of all replication groups, interleaved,
// and makes them durable with one sync per group commit.
//
// # Flow
//
//	Append, AppendAsync, Compact       many goroutines
//	        │ queue (bounded in bytes; full: the caller waits)
//	        ▼
//	     writer  takes all that is queued → encodes → one write, one fdatasync
//	        │    → shows it to readers → completes the calls
//	        ▼
//	  000…01.log ─ 000…02.log ─ 000…03.log (written)   000…04.log (spare)
//	        ▲                                              ▲
//	  Group.Entries: index per group in memory,          made and zero-filled
//	  recent data from a cache, the rest by ReadAt       in the background
//
// Nothing is visible to readers, and nothing is acknowledged, before it was
// synced, or written where Options.SyncEvery says that this is enough. A failed write or sync poisons the log for good (ErrPoisoned): the
// kernel may have dropped the pages and report success next time.
//
// # Segment
//
// A segment is a file of fixed size, named by its number in hexadecimal. It
// is made under a temporary name, filled, synced, renamed, and the directory
// synced, all before its first record; a full disk is therefore noticed while
// there still is room to write (Log.Pressure). Integers are little-endian.
//
//	0     "PandoLog"
//	8     u32 version (1)       12  u32 header bytes (4096)
//	16    16 bytes identity of the log, random, the same in all its segments
//	32    u64 segment number    40  u64 capacity = size of the file
//	48    12 zero bytes         60  u32 CRC32C of bytes 0-59
//	4096  records …             zeros up to capacity
//
// # Record
//
//	 0  u32 sum        CRC32C of bytes 4-55; it starts from seed XOR the
//	                   record's file offset, where seed is the CRC32C of
//	                   bytes 0-39 of the segment header
//	 4  u32 prev       sum of the record before, across segments
//	 8  u32 dataSum    CRC32C of the data, starting from seed
//	12  u32 dataBytes
//	16  u32 seq        1 for the first record of the segment, and so on
//	20  u32 durable    seq of the last record that was synced when this one
//	                   was written
//	24  u8 kind        25  u8 entry type      26  6 zero bytes
//	32  u64 group      40  u64 index          48  u64 term
//	56  data, then zeros to a multiple of 8
//
//	kind       index            term           data
//	1 entry    entry index      entry term     the entry
//	2 state    commit           term           u64 vote
//	3 meta     –                –              opaque
//	4 compact  last one dropped its term       –
//	5 reset    the log restarts behind it      –
//	6 forget   –                –              –
//	7 group    compacted index  compacted term u64 last index
//	8 open     –                –              u64 nonce
//	9 close    –                –              –
//	10 roll    next segment     –              –
//
// A segment but the first starts with group, state and meta of every group:
// it does not need the ones before, so those go as soon as no group needs an
// entry of theirs. Only the oldest segment goes, so what is there is a run.
//
// # Torn tail or damage
//
// A crash can leave any part of the last group commit. What was acknowledged
// must be told from that. Where a record does not verify (sum, chain, seq),
//
//   - a later record of the segment whose durable is not below the bad one's
//     seq, or any record in a later segment, proves that the bad one had been
//     synced: damage. Open returns a corruption error naming file and offset;
//     the replica must neither vote nor truncate until its peers repaired it;
//   - otherwise it is the torn tail. Open cuts there, appends an open record
//     and syncs. Remains behind the cut never come back: they do not chain
//     with the open record's nonce. Where nothing behind a segment's dump
//     (group, state and meta) survived, Open cuts at the segment's start and
//     writes the dump anew.
//
// A clean Close appends a close record, so after it every record is proven.
// Open writes and syncs the last good group commit again: the sync of it may
// have failed, and then it was read from the page cache only.
//
// After a crash one thing stays ambiguous: damage to the very last group
// commit, when nothing was written behind it. A roll record without a next
// segment, a gap between segments, a wrong size or a segment of another log
// are damage. A sector of an earlier group commit is rewritten with the same
// bytes when the next one starts in the middle of it; like everyone, we rely
// on the disk not to destroy it.
//
// # Repair
//
// Repair cuts a damaged log off before its first damage, for a node that has no
// peers to ask. What it cannot give back its caller must know of: positions that
// were acknowledged may be given out again.
//
// # Reading another's log
//
// A Tail follows the files of a log that another process writes, without a lock.
// It reads each record once, when it is whole; what is not is tried again at the
// next Read. Segments that go before it came to them held nothing that is still
// needed: it then begins with the oldest one left. Damage is told from a write
// that is under way as above, and by looking at the record again afterwards.
//
// # Where to start reading
//
// writer.go (commit, roll), scan.go (torn or damaged), group.go (reading),
// repair.go, tail.go (reading another's log).
// docs/format/log.md tells operators the same.
package wal

// Package replica holds this node's replicas of replication groups: Raft
// groups whose log is the node's wal.Log and whose state machine is handed in.
// A node alone runs groups of one voter through the same code.
//
// # Flow of a proposal
//
//	Propose ─ admit: size, disk, bytes in flight ─┐            client goroutines
//	                                              ▼
//	 peers ─ Receive ─►  mail  ◄─ Tick, ReadIndex, NoteDurable
//	                      │ all that waits is one round
//	                      ▼
//	        core.step(event) → effects                        group's goroutine
//	          │          │         │          │
//	          │appends   │sends    │proposed  │applies
//	          ▼          ▼         ▼          ▼
//	       wal.Log   Transport   client    applier ── StateMachine.Apply
//	       one sync              is told   its own goroutine, all rounds
//	       for all groups                  that wait in one call
//	          │                                │
//	          └── appendedEvent ──► mail ◄─────┴── appliedEvent
//
// A proposal is acknowledged at commit: when it is durable on a quorum. That
// is one sync of the log for a group of one, shared with all other groups.
// Applying happens behind; a reader asks ReadIndex and waits for that index
// with WaitApplied. Apply cannot fail, so whoever proposes decides first.
//
// # The core
//
// core is Raft's RawNode with asynchronous storage writes, plus what belongs
// to a proposal: numbering, acknowledging, handing Local to Apply. It is a
// step function, event in and effects out, without goroutine, clock or I/O
// but reads of the log. Group drives it with goroutines; the simulation in
// the tests drives three of them in one loop with lost messages and crashes.
//
// # Rules
//
//   - PreVote and CheckQuorum are on. A single voter campaigns at once. Reads
//     go through Raft's ReadIndex; a group of one answers from its commit
//     index, but not before it has committed in its own term.
//   - One append per group is on its way to the log; what comes meanwhile is
//     merged into the next. When the log refuses one because the disk is full,
//     it is written again at a tick; meanwhile Propose refuses.
//   - A failed log fails the group with an error that wraps wal.ErrPoisoned;
//     a damaged one with a corruption error. The process lives; what it does
//     then is the server's decision.
//   - The commit index is written with the next entries, not with a sync of
//     its own. After a crash the election finds it again.
//   - The log is truncated to StateMachine.DurableIndex, every compactTicks
//     ticks or at NoteDurable; a leader keeps what a follower still needs.
//     After a crash Apply starts behind DurableIndex.
//
// # Limits
//
// The voters of a group are fixed when it is first opened: this package does
// not change memberships yet, and sends no checkpoints. A follower that is
// behind the start of its leader's log stays behind.
//
// # What lies in the log
//
// Entries are raftpb entries: index, term, type and data are those of the log
// record. The group's metadata is one byte, version 1, and a protobuf
// raftpb.ConfState.
//
// Start reading at core.go, then group.go and loop.go.
package replica

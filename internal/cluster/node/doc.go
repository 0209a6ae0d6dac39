// Package node is the tablet server: it hosts this machine's replicas and
// tablets, takes writes into the log and hands out views for reading.
//
//	Write(group, batches) ─► admission ─► replica.Propose ─► fsynced by a quorum ─► ack
//	                                            │
//	                                   Apply, behind the ack
//	                                            ▼
//	View(tablet) ─► read index applied? ─► columnar.Tablet
//
// A command is one entry of a replication group's log: batches for one or more
// tablets of the group, written atomically.
//
//	┌─────────┬───────────────┬──────────────────────────────────────────────┐
//	│ version │ count uvarint │ { tablet uvarint, length uvarint, batch } …  │
//	│ 1       │               │                       (column.AppendBatch)   │
//	└─────────┴───────────────┴──────────────────────────────────────────────┘
//
// Everything that can refuse a write is decided before it is proposed: memory,
// free disk space, room in the log. Applying cannot fail. What is refused for
// want of room is an overload error with a delay; it resumes by itself.
//
// A Reader shows the tablets of a node in another process, from its files alone:
// log, manifests and parts.
//
// One goroutine ticks: it lets tablets flush by age, drop expired segments and
// merge quiet ones, and flushes those that keep the log from being truncated.
package node

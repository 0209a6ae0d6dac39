package base

import "fmt"

// GroupID names a replication group: one Raft group holding many tablets.
// Zero is invalid. IDs are never reused.
type GroupID uint64

// TabletID names a tablet: a half-open range of one group's key space.
// Zero is invalid. IDs are never reused.
type TabletID uint64

// ResourceID names a declared resource (a metric, stream, trace or table)
// inside a group. Zero is invalid. IDs are never reused; files and keys carry
// the ID, never the name.
type ResourceID uint32

// NodeID names a node for its lifetime. A node that lost its disk returns
// under a new one. Zero is invalid.
type NodeID uint64

// PartID numbers a part inside a tablet. IDs grow by one and are never
// reused, so the greater of two is the younger. Zero is invalid.
type PartID uint64

// String renders the ID as fixed-width hex, the form file names use.
func (id PartID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

// Position is a place in a replication group's log. Positions of one group
// are totally ordered by Index; Term tells which leader wrote the entry.
type Position struct {
	Term  uint64 `json:"term"`
	Index uint64 `json:"index"`
}

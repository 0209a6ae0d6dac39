package meta

import (
	"errors"
	"fmt"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/catalog"
)

// maxAddressBytes bounds a node's address: a DNS name and a port.
const maxAddressBytes = 260

// Node is a machine or process that can hold replicas.
type Node struct {
	ID base.NodeID `json:"id"`
	// Identity was drawn at random when the node's data directory was made. A
	// node that lost its disk has a new one, and so becomes a new node.
	Identity string `json:"identity"`
	// Address is where other nodes reach it, host:port.
	Address string `json:"address"`
	// Revision is the store's revision at which the node last changed.
	Revision uint64 `json:"-"`
}

// Validate returns every problem of a node to be registered, as an error of
// class invalid. It does not look at ID and Revision.
func (n Node) Validate() error {
	var errs []error
	if err := catalog.ValidateName(n.Identity); err != nil {
		errs = append(errs, fmt.Errorf("identity: %w", err))
	}
	if n.Address == "" || len(n.Address) > maxAddressBytes {
		errs = append(errs, fmt.Errorf("address has %d bytes, outside 1..%d", len(n.Address), maxAddressBytes))
	}
	if err := errors.Join(errs...); err != nil {
		return base.Errorf(base.ClassInvalid, "node %q: %w", n.Identity, err)
	}
	return nil
}

// ReplicationGroup is a Raft group that carries tablets.
type ReplicationGroup struct {
	ID base.GroupID `json:"id"`
	// Replicas are the nodes that hold a copy, in ascending order. It is shared:
	// do not modify it.
	Replicas []base.NodeID `json:"replicas"`
	// Revision is the store's revision at which the group last changed.
	Revision uint64 `json:"-"`
}

// Leader says who may write the catalog.
type Leader struct {
	// Epoch grows by one with every change of leadership. It fences writes, and
	// procedures carry it.
	Epoch uint64      `json:"epoch"`
	Node  base.NodeID `json:"node"`
	// Revision is the store's revision at which the leadership began.
	Revision uint64 `json:"-"`
}

// Space is a sequence of IDs.
type Space uint8

// The spaces. Their names are persisted: append, never rename.
const (
	SpaceGroups Space = 1 + iota
	SpaceResources
	SpaceTablets
	SpaceReplicationGroups
	SpaceNodes

	spaceEnd
)

var spaceNames = [spaceEnd]string{
	SpaceGroups: "group", SpaceResources: "resource", SpaceTablets: "tablet",
	SpaceReplicationGroups: "replication", SpaceNodes: "node",
}

// String returns the space's name, which ends the key of its counter.
func (s Space) String() string {
	if s == 0 || s >= spaceEnd {
		return fmt.Sprintf("space(%d)", uint8(s))
	}
	return spaceNames[s]
}

// max returns the greatest ID of the space.
func (s Space) max() uint64 {
	if s == SpaceGroups || s == SpaceResources {
		return 1<<32 - 1
	}
	return 1<<63 - 1
}

// counter is the stored state of a space.
type counter struct {
	Next uint64 `json:"next"`
	// revision is that of the counter's key.
	revision uint64
}

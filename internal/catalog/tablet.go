package catalog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/pandodb/pando/internal/base"
)

const (
	// resourceKeyBytes is the length of the resource that begins every key.
	resourceKeyBytes = 4
	// PlacementBytes is the length of a placement key and of a tablet's bounds.
	PlacementBytes = 8
)

// PlacementKey returns what places the row of a full key: the eight bytes that
// follow the four of the resource, big-endian. A shorter key counts as if
// padded with zeros. So inside one resource the function is monotonic in the
// bytes of the key, whatever they are: for hashed keys it is the hash, for a
// table's row keys it keeps neighbours on one tablet, and rows that agree in
// their first eight bytes are never split.
func PlacementKey(key []byte) uint64 {
	if len(key) >= resourceKeyBytes+PlacementBytes {
		return binary.BigEndian.Uint64(key[resourceKeyBytes:])
	}
	var padded [PlacementBytes]byte
	if len(key) > resourceKeyBytes {
		copy(padded[:], key[resourceKeyBytes:])
	}
	return binary.BigEndian.Uint64(padded[:])
}

// Range is a half-open range [Start, End) of placement keys in their stored
// form: eight bytes, big-endian. A nil Start is the lowest key, a nil End is
// past the highest.
type Range struct {
	Start []byte
	End   []byte
}

// PreSplit cuts the space of placement keys into shardNum ranges whose sizes
// differ by at most one key. They are in order and cover the space. It panics
// unless shardNum is in 1..MaxShards: [Group.Validate] has refused it before.
func PreSplit(shardNum int) []Range {
	if shardNum < 1 || shardNum > MaxShards {
		panic(fmt.Sprintf("catalog: pre-split into %d", shardNum))
	}
	ranges := make([]Range, shardNum)
	for i := 1; i < shardNum; i++ {
		// floor(i * 2^64 / shardNum); i < shardNum keeps Div64 from overflowing.
		at, _ := bits.Div64(uint64(i), 0, uint64(shardNum))
		bound := binary.BigEndian.AppendUint64(nil, at)
		ranges[i-1].End, ranges[i].Start = bound, bound
	}
	return ranges
}

// Tablet is a half-open range of a group's placement keys and where its copies
// live. It is the unit of split, merge and move.
type Tablet struct {
	ID    base.TabletID `json:"id"`
	Group GroupID       `json:"group"`
	// Start and End bound the range as in [Range]. They are shared: do not
	// modify their bytes.
	Start []byte `json:"start"`
	End   []byte `json:"end"`
	// ReplicationGroup is the Raft group whose log carries the tablet's writes.
	ReplicationGroup base.GroupID `json:"replication_group"`
	// Epoch starts at 1 and grows with every change of range or home, so that
	// a request routed by an old map can be refused.
	Epoch uint64 `json:"epoch"`
}

// Contains reports whether a row with this placement key lives on the tablet.
func (t *Tablet) Contains(placement uint64) bool {
	return placement >= t.first() && (len(t.End) == 0 || placement < binary.BigEndian.Uint64(t.End))
}

// first returns the lowest placement key of a tablet whose bounds are valid.
func (t *Tablet) first() uint64 {
	if len(t.Start) == 0 {
		return 0
	}
	return binary.BigEndian.Uint64(t.Start)
}

// check returns every problem of the tablet on its own.
func (t *Tablet) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if t.ID == 0 {
		bad("id is zero")
	}
	if t.ReplicationGroup == 0 {
		bad("replication group is zero")
	}
	if t.Epoch == 0 {
		bad("epoch is zero")
	}
	if t.Start != nil && len(t.Start) != PlacementBytes {
		bad("start has %d bytes, want nil or %d", len(t.Start), PlacementBytes)
	}
	if t.End != nil && len(t.End) != PlacementBytes {
		bad("end has %d bytes, want nil or %d", len(t.End), PlacementBytes)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("tablet %d: %w", t.ID, err)
	}
	return nil
}

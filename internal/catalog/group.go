package catalog

import (
	"errors"
	"fmt"
	"time"

	"github.com/pandodb/pando/internal/base"
)

// GroupID names a group for its lifetime. Zero is invalid. IDs are never
// reused. It is not a replication group: see [Tablet].
type GroupID uint32

// Kind is the data model of every resource in a group. The numbers are
// persisted: append, never renumber.
type Kind uint8

// The kinds. Zero is invalid.
const (
	KindTraces  Kind = 1 // spans
	KindMetrics Kind = 2 // samples and measures
	KindStreams Kind = 3 // logs and events
	KindTables  Kind = 4 // mutable rows
)

var kindNames = [...]string{KindTraces: "traces", KindMetrics: "metrics", KindStreams: "streams", KindTables: "tables"}

// String returns the kind's name, the form configuration and APIs use.
func (k Kind) String() string {
	if !k.Valid() {
		return fmt.Sprintf("kind(%d)", uint8(k))
	}
	return kindNames[k]
}

// Valid reports whether k is one of the declared kinds.
func (k Kind) Valid() bool { return k >= KindTraces && k <= KindTables }

// Segmented reports whether data of the kind lives in time segments.
func (k Kind) Segmented() bool { return k.Valid() && k != KindTables }

// ParseKind is the inverse of [Kind.String]. An unknown name is an error of
// class invalid.
func ParseKind(s string) (Kind, error) {
	for k := KindTraces; k.Valid(); k++ {
		if kindNames[k] == s {
			return k, nil
		}
	}
	return 0, base.Errorf(base.ClassInvalid, "unknown kind %q", s)
}

// Limits of a group. They bound what one declaration can cost, generously.
const (
	// MaxShards bounds the pre-splits: a tablet map is one stored value of
	// about 100 bytes a tablet, and it must stay well under etcd's 1.5 MiB.
	MaxShards = 1024
	// MinSegmentInterval keeps the number of open segments small: a segment
	// costs a memtable and a handful of files.
	MinSegmentInterval = time.Minute
	// MaxSegmentInterval keeps retention, which drops whole segments, useful.
	MaxSegmentInterval = 366 * 24 * time.Hour
	// MaxTTL is a century; use zero for "for ever".
	MaxTTL = 100 * MaxSegmentInterval
	// MaxReplicas bounds the copies of a tablet: a Raft group with more voters
	// gets slower, not safer.
	MaxReplicas = 9
)

// Group is a namespace of resources of one kind that share placement,
// segments, retention and replication. It is a value; copying it is cheap.
type Group struct {
	// ID is assigned when the group is created; declarations leave it zero.
	ID   GroupID `json:"id"`
	Name string  `json:"name"`
	Kind Kind    `json:"kind"`
	// ShardNum is the number of equal tablets the key space starts with,
	// 1 to MaxShards. It does not change after creation; tablets split and
	// merge on their own.
	ShardNum int `json:"shard_num"`
	// SegmentInterval is the length of one time segment, MinSegmentInterval to
	// MaxSegmentInterval. Zero, and only zero, for tables.
	SegmentInterval time.Duration `json:"segment_interval_nanos"`
	// TTL is how long data is kept, counted from its own time. It is at least
	// SegmentInterval, since segments are dropped whole. Zero keeps for ever.
	TTL time.Duration `json:"ttl_nanos"`
	// Replicas is the number of copies, 1 to MaxReplicas.
	Replicas int `json:"replicas"`
	// Revision is the store's revision at which the group last changed. It
	// grows over all catalog values together and is set on reading, not stored.
	Revision uint64 `json:"-"`
}

// Validate returns every problem of the declaration at once, joined, as an
// error of class invalid. It does not look at ID and Revision.
func (g Group) Validate() error {
	errs := []error{checkName(g.Name)}
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !g.Kind.Valid() {
		bad("kind %d is unknown", g.Kind)
	}
	if g.ShardNum < 1 || g.ShardNum > MaxShards {
		bad("shard_num %d is outside 1..%d", g.ShardNum, MaxShards)
	}
	if g.Replicas < 1 || g.Replicas > MaxReplicas {
		bad("replicas %d is outside 1..%d", g.Replicas, MaxReplicas)
	}
	errs = append(errs, g.checkTimes()...)
	if err := errors.Join(errs...); err != nil {
		return base.Errorf(base.ClassInvalid, "group %q: %w", g.Name, err)
	}
	return nil
}

func (g Group) checkTimes() (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	switch {
	case g.Kind == KindTables && g.SegmentInterval != 0:
		bad("segment_interval %v: tables have no segments", g.SegmentInterval)
	case g.Kind.Segmented() && (g.SegmentInterval < MinSegmentInterval || g.SegmentInterval > MaxSegmentInterval):
		bad("segment_interval %v is outside %v..%v", g.SegmentInterval, MinSegmentInterval, MaxSegmentInterval)
	}
	switch {
	case g.TTL < 0 || g.TTL > MaxTTL:
		bad("ttl %v is outside 0..%v", g.TTL, MaxTTL)
	case g.TTL > 0 && g.TTL < g.SegmentInterval:
		bad("ttl %v is shorter than segment_interval %v", g.TTL, g.SegmentInterval)
	}
	return errs
}

// ValidateChange returns every reason why g cannot become next: the rules of
// [Group.Validate], plus what is fixed at creation (name, kind, shard_num,
// segment interval). The fixed ones are errors of class conflict.
func (g Group) ValidateChange(next Group) error {
	if err := next.Validate(); err != nil {
		return err
	}
	var errs []error
	fixed := func(what string, same bool) {
		if !same {
			errs = append(errs, fmt.Errorf("%s is fixed at creation", what))
		}
	}
	fixed("id", g.ID == next.ID)
	fixed("name", g.Name == next.Name)
	fixed("kind", g.Kind == next.Kind)
	fixed("shard_num", g.ShardNum == next.ShardNum)
	fixed("segment_interval", g.SegmentInterval == next.SegmentInterval)
	if err := errors.Join(errs...); err != nil {
		return base.Errorf(base.ClassConflict, "group %q: %w", g.Name, err)
	}
	return nil
}

package catalog

import "time"

// Names of what a new installation has without being told.
const (
	DefaultGroupName    = "default"
	ArchiveGroupName    = "archive"
	DefaultResourceName = "spans"
)

// DefaultGroup returns the declaration of the group that takes traces when no
// other group is named: two shards (one per core of the smallest machine we
// care for), a segment a day, kept a week, one copy. The server overrides what
// its configuration names before it ensures the group.
func DefaultGroup() Group {
	return Group{
		Name:            DefaultGroupName,
		Kind:            KindTraces,
		ShardNum:        2,
		SegmentInterval: 24 * time.Hour,
		TTL:             7 * 24 * time.Hour,
		Replicas:        1,
	}
}

// ArchiveGroup returns the declaration of the group that keeps traces somebody
// wants to keep: few, from any time, looked at rarely. One shard and long
// segments serve that; the server sets its TTL.
func ArchiveGroup() Group {
	return Group{
		Name:            ArchiveGroupName,
		Kind:            KindTraces,
		ShardNum:        1,
		SegmentInterval: 30 * 24 * time.Hour,
		Replicas:        1,
	}
}

// DefaultResource returns the declaration of the resource that holds the spans
// of [DefaultGroup], and of [ArchiveGroup].
func DefaultResource() Resource { return Resource{Name: DefaultResourceName} }

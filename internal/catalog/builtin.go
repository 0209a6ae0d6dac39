package catalog

import "time"

// Names of what a new installation has without being told.
const (
	DefaultGroupName    = "default"
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

// DefaultResource returns the declaration of the resource of [DefaultGroup]
// that holds its spans.
func DefaultResource() Resource { return Resource{Name: DefaultResourceName} }

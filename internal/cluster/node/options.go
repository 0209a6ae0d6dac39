package node

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/catalog"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/jobs"
	"github.com/pandodb/pando/internal/mergepolicy"
	"github.com/pandodb/pando/internal/part"
	"github.com/pandodb/pando/internal/selfmon"
)

// Options configure a Node.
type Options struct {
	Node base.NodeID // this node, as the catalog knows it
	FS   vfs.FS
	Dir  string // the log is in Dir/log, tablets in Dir/tablets
	// Layouts says which layout the tablets of a kind of group hold.
	Layouts map[catalog.Kind]*column.Layout
	Jobs    *jobs.Pool
	Cache   *part.Cache
	Events  selfmon.Events
	Logger  *slog.Logger
	Clock   base.Clock // nil means the system clock

	// MemoryBytes bounds the rows in memory over all tablets; default 256 MiB.
	// Writes wait, then are refused, while it is used up.
	MemoryBytes int
	// MinFreeBytes is the free disk space below which writes are refused, so that
	// merges, manifests and deletes still have room; default 256 MiB, negative
	// turns the check off.
	MinFreeBytes int64
	// MaxLogBytes is the size of the log from which the tablets that keep it are
	// flushed; default 1 GiB.
	MaxLogBytes int64
	// LogSegmentBytes is the size of a log file; zero is the log's default.
	LogSegmentBytes int64

	// TickEvery is how often tablets look at the clock for what to flush, merge
	// and drop; default one second.
	TickEvery time.Duration

	// SyncEvery, if not zero, acknowledges writes before they are synced and syncs
	// within that time: a power cut may lose that much, the end of the process
	// nothing.
	SyncEvery time.Duration

	// Repair opens a directory whose log or manifests are damaged as far as that
	// goes, losing what the damage took. What happens is logged, and the files as
	// they were are kept below Dir/damaged. Only for a node alone: damage that
	// others have a copy of is theirs to repair.
	Repair bool

	// MemtableBytes, FlushAge, QuietAfter and Merge are the tablets' options.
	MemtableBytes int
	FlushAge      time.Duration
	QuietAfter    time.Duration
	Merge         mergepolicy.Options
}

func (o Options) withDefaults() Options {
	if o.Clock == nil {
		o.Clock = base.SystemClock
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MemoryBytes <= 0 {
		o.MemoryBytes = 256 << 20
	}
	if o.MinFreeBytes == 0 {
		o.MinFreeBytes = 256 << 20
	}
	if o.MaxLogBytes <= 0 {
		o.MaxLogBytes = 1 << 30
	}
	if o.TickEvery <= 0 {
		o.TickEvery = time.Second
	}
	o.Events = o.Events.WithDefaults()
	return o
}

func (o Options) validate() error {
	if o.Node == 0 || o.FS == nil || o.Dir == "" || o.Jobs == nil || len(o.Layouts) == 0 {
		return errors.New("node options: Node, FS, Dir, Jobs and Layouts are required")
	}
	return nil
}

// logDir is where the log lies.
func (o Options) logDir() string { return o.FS.PathJoin(o.Dir, "log") }

// tablet returns the options of a group's tablet.
func (o Options) tablet(g catalog.Group, id base.TabletID) (columnar.Options, error) {
	layout := o.Layouts[g.Kind]
	if layout == nil {
		return columnar.Options{}, base.Errorf(base.ClassInvalid, "group %q: this node has no engine for %v", g.Name, g.Kind)
	}
	return columnar.Options{
		FS: o.FS, Dir: o.FS.PathJoin(o.Dir, "tablets", fmt.Sprintf("%016x", uint64(id))),
		ID: id, Layout: layout, Jobs: o.Jobs, Cache: o.Cache, Events: o.Events, Clock: o.Clock,
		SegmentInterval: g.SegmentInterval, TTL: g.TTL,
		MemtableBytes: o.MemtableBytes, FlushAge: o.FlushAge, QuietAfter: o.QuietAfter, Merge: o.Merge,
	}, nil
}

package columnar

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/jobs"
	"github.com/pandodb/pando/internal/mergepolicy"
	"github.com/pandodb/pando/internal/part"
	"github.com/pandodb/pando/internal/selfmon"
)

// Options configure a Tablet.
type Options struct {
	FS     vfs.FS
	Dir    string // the tablet's own directory; created when missing
	ID     base.TabletID
	Layout *column.Layout
	Jobs   *jobs.Pool
	Cache  *part.Cache // decoded pages, shared by the node; nil caches nothing
	Events selfmon.Events
	Clock  base.Clock // nil means the system clock

	// SegmentInterval is the length of a segment. TTL is how long rows are
	// served after their time; zero keeps them for ever.
	SegmentInterval time.Duration
	TTL             time.Duration

	// MemtableBytes is the memory at which a memtable is sealed; default 32 MiB.
	MemtableBytes int
	// FlushAge is the age at which one is sealed whatever its size, which bounds
	// replay after a crash; default one minute.
	FlushAge time.Duration
	// QuietAfter is how long a segment must be without a flush to be merged into
	// final parts; default five minutes.
	QuietAfter time.Duration
	Merge      mergepolicy.Options
	// WideRows is the size from which merged parts are stored wide, a file per
	// column family, instead of packed; default 1,000,000.
	WideRows int

	// BeforeDurable, if set, is called before parts replace rows of the log, and
	// must return once the log holds durably what was applied: were it to end
	// before the position that the tablet's manifest names, replay would skip what
	// is written next.
	BeforeDurable func() error
	// Repair lets Open rebuild a manifest that is damaged or gone from the parts
	// that are there; without it a damaged one is an error. The files as they were
	// are kept in the directory Aside. OnRebuilt, if set, is told.
	Repair    bool
	Aside     string
	OnRebuilt func(Rebuilt)
	// OnFlushed, if set, is called after rows became durable in parts, so that
	// the log can be truncated. It may ask the tablet for SafeIndex and sizes but
	// must not flush, compact or close it.
	OnFlushed func()
}

func (o Options) withDefaults() Options {
	if o.Clock == nil {
		o.Clock = base.SystemClock
	}
	if o.MemtableBytes <= 0 {
		o.MemtableBytes = 32 << 20
	}
	if o.FlushAge <= 0 {
		o.FlushAge = time.Minute
	}
	if o.QuietAfter <= 0 {
		o.QuietAfter = 5 * time.Minute
	}
	if o.WideRows <= 0 {
		o.WideRows = 1_000_000
	}
	if o.BeforeDurable == nil {
		o.BeforeDurable = func() error { return nil }
	}
	if o.OnFlushed == nil {
		o.OnFlushed = func() {}
	}
	if o.OnRebuilt == nil {
		o.OnRebuilt = func(Rebuilt) {}
	}
	o.Events = o.Events.WithDefaults()
	return o
}

func (o Options) validate() error {
	var errs []error
	if o.FS == nil || o.Dir == "" || o.ID == 0 || o.Layout == nil || o.Jobs == nil {
		errs = append(errs, errors.New("tablet options: FS, Dir, ID, Layout and Jobs are required"))
	}
	if o.SegmentInterval < time.Second {
		errs = append(errs, fmt.Errorf("tablet options: segment interval %v is below one second", o.SegmentInterval))
	}
	if o.Repair && o.Aside == "" {
		errs = append(errs, errors.New("tablet options: Repair needs Aside"))
	}
	if o.TTL < 0 {
		errs = append(errs, fmt.Errorf("tablet options: negative ttl %v", o.TTL))
	}
	if o.Layout != nil {
		errs = append(errs, o.Layout.Validate())
	}
	return errors.Join(errs...)
}

// segmentOf returns the segment that holds time t. The first and the last one
// that can be told are cut short.
func (o Options) segmentOf(t int64) base.TimeRange {
	d := int64(o.SegmentInterval)
	into := (t%d + d) % d
	r := base.TimeRange{Start: math.MinInt64, End: math.MaxInt64}
	if t >= math.MinInt64+into {
		r.Start = t - into
	}
	if t <= math.MaxInt64-(d-into) {
		r.End = t + (d - into)
	}
	return r
}

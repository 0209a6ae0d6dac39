package selfmon

import (
	"fmt"
	"time"

	"github.com/pandodb/pando/internal/base"
)

// FlushDone says that a memtable became a part.
type FlushDone struct {
	Tablet base.TabletID
	Part   base.PartID
	Rows   int64
	Bytes  int64 // on disk, all files of the part
	Dur    time.Duration
}

// MergeDone says that parts were replaced by one.
type MergeDone struct {
	Tablet base.TabletID
	Inputs []base.PartID // valid during the call
	Output base.PartID   // zero if nothing was left to keep
	Level  int           // of the output
	Rows   int64         // written
	// BytesIn and BytesOut are on disk, all files of the parts.
	BytesIn  int64
	BytesOut int64
	Dur      time.Duration
}

// PartQuarantined says that a part is damaged and was set aside: it serves no
// reads any more, and its file stays for inspection.
type PartQuarantined struct {
	Tablet base.TabletID
	Part   base.PartID
	Err    error // why; never nil
}

// SegmentDropped says that retention removed a segment.
type SegmentDropped struct {
	Tablet  base.TabletID
	Segment base.TimeRange
	Parts   int
	Bytes   int64
}

// StallReason is why writes had to wait.
type StallReason uint8

// The reasons. Zero is invalid. The numbers are not persisted.
const (
	StallMemory  StallReason = 1 + iota // memtables wait for flushes
	StallParts                          // small parts wait for merges
	StallLog                            // committed entries wait to be applied
	StallDisk                           // free space is below the watermark
	StallReplica                        // a follower lags

	stallEnd
)

var stallNames = [stallEnd]string{
	StallMemory: "memory", StallParts: "parts", StallLog: "log", StallDisk: "disk", StallReplica: "replica",
}

// String returns the reason's name for logs and metrics.
func (r StallReason) String() string {
	if r == 0 || r >= stallEnd {
		return fmt.Sprintf("reason(%d)", uint8(r))
	}
	return stallNames[r]
}

// Stall says that writes of a tablet waited, after the wait is over.
type Stall struct {
	Tablet base.TabletID // zero if the whole node waited
	Why    StallReason
	Dur    time.Duration
}

// LogSync says that the write-ahead log was synced, or that this failed (the
// process then ends: the state on disk is unknown).
type LogSync struct {
	Entries int   // in the group commit
	Bytes   int64 // written since the sync before
	Dur     time.Duration
	Err     error
}

// BackgroundError says that background work of a tablet failed and will be
// retried. Damage is PartQuarantined instead.
type BackgroundError struct {
	Tablet base.TabletID // zero for the node's own work
	Op     Operation
	Err    error // never nil
}

// Operation names background work in BackgroundError.
type Operation uint8

// The operations. Zero is invalid. The numbers are not persisted.
const (
	OpFlush Operation = 1 + iota
	OpMerge
	OpRetention
	OpCheckpoint
	OpMove
	OpScrub

	opEnd
)

var opNames = [opEnd]string{
	OpFlush: "flush", OpMerge: "merge", OpRetention: "retention", OpCheckpoint: "checkpoint", OpMove: "move", OpScrub: "scrub",
}

// String returns the operation's name for logs and metrics.
func (o Operation) String() string {
	if o == 0 || o >= opEnd {
		return fmt.Sprintf("operation(%d)", uint8(o))
	}
	return opNames[o]
}

// TabletOpened says that a tablet serves.
type TabletOpened struct {
	Tablet base.TabletID
	Parts  int
	Bytes  int64
	Dur    time.Duration
}

// TabletClosed says that a tablet no longer serves here.
type TabletClosed struct {
	Tablet base.TabletID
	Dur    time.Duration
}

// Events is a set of functions that are told what happens. Any may be nil. An
// owner of events calls [Events.WithDefaults] once, so that reporting is a plain
// call. Functions run on the reporting goroutine: they must be safe for
// concurrent use, return quickly and not call back into who reports.
type Events struct {
	FlushDone       func(FlushDone)
	MergeDone       func(MergeDone)
	PartQuarantined func(PartQuarantined)
	SegmentDropped  func(SegmentDropped)
	Stall           func(Stall)
	LogSync         func(LogSync)
	BackgroundError func(BackgroundError)
	TabletOpened    func(TabletOpened)
	TabletClosed    func(TabletClosed)
}

// WithDefaults returns e with every nil function replaced by one that does
// nothing.
func (e Events) WithDefaults() Events { return Tee(e) }

// Tee returns events that tell each of the given ones, in order. No function of
// the result is nil.
func Tee(all ...Events) Events {
	return Events{
		FlushDone:       tee(all, func(e *Events) func(FlushDone) { return e.FlushDone }),
		MergeDone:       tee(all, func(e *Events) func(MergeDone) { return e.MergeDone }),
		PartQuarantined: tee(all, func(e *Events) func(PartQuarantined) { return e.PartQuarantined }),
		SegmentDropped:  tee(all, func(e *Events) func(SegmentDropped) { return e.SegmentDropped }),
		Stall:           tee(all, func(e *Events) func(Stall) { return e.Stall }),
		LogSync:         tee(all, func(e *Events) func(LogSync) { return e.LogSync }),
		BackgroundError: tee(all, func(e *Events) func(BackgroundError) { return e.BackgroundError }),
		TabletOpened:    tee(all, func(e *Events) func(TabletOpened) { return e.TabletOpened }),
		TabletClosed:    tee(all, func(e *Events) func(TabletClosed) { return e.TabletClosed }),
	}
}

// tee collects one function of each set and returns one that calls them all.
func tee[T any](all []Events, field func(*Events) func(T)) func(T) {
	var told []func(T)
	for i := range all {
		if f := field(&all[i]); f != nil {
			told = append(told, f)
		}
	}
	switch len(told) {
	case 0:
		return func(T) {}
	case 1:
		return told[0]
	}
	return func(ev T) {
		for _, f := range told {
			f(ev)
		}
	}
}

package columnar

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/jobs"
	"github.com/pandodb/pando/internal/manifest"
	"github.com/pandodb/pando/internal/memtable"
	"github.com/pandodb/pando/internal/part"
	"github.com/pandodb/pando/internal/selfmon"
)

// Tablet holds one key range's rows of one layout. Its methods are safe for
// concurrent use, except that Apply is called by one goroutine.
type Tablet struct {
	o     Options
	scope *jobs.Scope
	store *manifest.Store
	began time.Time

	edit     sync.Mutex   // serialises manifest edits; taken before mu
	flushing sync.Mutex   // serialises flushes; taken before edit
	memo     memo         // what was derived from live parts
	mem      memPlaces    // what was derived from memtables
	lost     lostParts    // of a tablet that another process writes; nil for one of ours
	ttl      atomic.Int64 // a time.Duration; zero keeps rows for ever
	digests  digestCache

	mu struct {
		sync.Mutex
		open     *memtable.Table
		openedAt time.Time // of the first row in open
		sealed   []*memtable.Table
		cur      *version
		nextPart base.PartID
		busy     map[base.PartID]bool // inputs of running merges
		idle     chan struct{}        // closed when a merge ends, then replaced
		flushed  map[int64]time.Time  // by segment start: last flush into it
		failed   error                // set once the manifest is in doubt
		closed   bool
	}
}

// Open opens the tablet and removes what a crash left half done. Damaged parts
// are set aside; a damaged manifest is an error, unless Options.Repair is set.
func Open(o Options) (*Tablet, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	if err := makeDir(o.FS, o.Dir); err != nil {
		return nil, err
	}
	t := newTablet(o)
	t.store = manifest.NewStore(o.FS, o.Dir)
	snap, err := t.store.Load()
	if o.Repair && (base.IsCorruption(err) || err == nil && snap.Epoch == 0) {
		snap, err = t.rebuild(snap, err)
	}
	if err == nil && snap.Epoch == 0 {
		err = t.create(snap)
	}
	if err == nil {
		err = t.load(snap)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("tablet %d: %w", o.ID, err), t.Close())
	}
	t.opened()
	return t, nil
}

// create gives a new tablet its first manifest: from then on, parts without one
// are damage. Without it, a lost manifest would make debris of all parts.
func (t *Tablet) create(snap *manifest.Snapshot) error {
	var found manifest.Snapshot
	if err := t.findParts(&found); err != nil {
		return err
	}
	if len(found.Segments)+len(found.Quarantined) > 0 {
		return base.Corruptionf(t.o.Dir, 0, "there are parts, and no manifest that names them: restore it")
	}
	return t.store.Save(snap)
}

// load makes the state on disk that of the tablet.
func (t *Tablet) load(snap *manifest.Snapshot) error {
	if err := t.removeDebris(snap); err != nil {
		return fmt.Errorf("remove debris: %w", err)
	}
	t.mu.nextPart = max(snap.NextPart, 1)
	t.mu.cur.snap = snap
	if err := t.openParts(snap); err != nil {
		return err
	}
	t.memo.keep(t.mu.cur.parts)
	return nil
}

// opened tells that the tablet is open.
func (t *Tablet) opened() {
	bytes := int64(0)
	for _, p := range t.mu.cur.parts {
		bytes += p.Meta().Bytes
	}
	t.o.Events.TabletOpened(selfmon.TabletOpened{Tablet: t.o.ID, Parts: len(t.mu.cur.parts), Bytes: bytes, Dur: t.o.Clock().Sub(t.began)})
}

// newTablet returns an empty tablet.
func newTablet(o Options) *Tablet {
	t := &Tablet{o: o, began: o.Clock()}
	t.ttl.Store(int64(o.TTL))
	t.mu.open = &memtable.Table{}
	t.mu.busy = make(map[base.PartID]bool)
	t.mu.idle = make(chan struct{})
	t.mu.flushed = make(map[int64]time.Time)
	t.mu.cur = &version{refs: 1, snap: &manifest.Snapshot{}, parts: make(map[base.PartID]*part.Part)}
	t.scope = o.Jobs.Scope(fmt.Sprintf("tablet %d", o.ID))
	return t
}

// openParts opens the manifest's parts and sets damaged ones aside.
func (t *Tablet) openParts(snap *manifest.Snapshot) error {
	damaged := make(map[base.PartID]error)
	for _, g := range snap.Segments {
		for _, mp := range g.Parts {
			p, err := t.openPart(g.Start, mp.ID)
			switch {
			case base.IsCorruption(err):
				damaged[mp.ID] = err
			case err != nil:
				return err
			default:
				t.mu.cur.parts[mp.ID] = p
			}
		}
	}
	for id, err := range damaged {
		if qerr := t.quarantine(id, err); qerr != nil {
			return qerr
		}
	}
	return nil
}

func (t *Tablet) openPart(segment int64, id base.PartID) (*part.Part, error) {
	return part.Open(part.OpenOptions{
		FS: t.o.FS, Dir: t.partDir(segment, id), Layout: t.o.Layout, Cache: t.o.Cache, Hold: t.lost != nil,
	})
}

// Close stops background work and releases the parts. Rows not yet flushed stay
// in the log. Views taken before stay readable and must still be closed; damage
// they find is no longer acted upon.
func (t *Tablet) Close() error {
	t.mu.Lock()
	if t.mu.closed {
		t.mu.Unlock()
		return nil
	}
	t.mu.closed = true
	t.mu.Unlock()
	t.scope.Close()
	t.edit.Lock() // waits for a reader that is setting a part aside
	defer t.edit.Unlock()
	t.mu.Lock()
	cur := t.mu.cur
	t.mu.Unlock()
	return t.release(cur)
}

func (t *Tablet) errClosed() error {
	return base.Errorf(base.ClassUnavailable, "tablet %d is closed", t.o.ID)
}

// Err says why the tablet takes no more changes, nil while it does: the disk may
// hold one state or another. Only opening it again helps.
func (t *Tablet) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.failed
}

// Apply adds a committed batch, at most one per position. Batches at or below
// the flushed position are skipped, as replay may bring them again. Rows whose
// time WritableAt excludes may never be seen. The batch must not change any more.
func (t *Tablet) Apply(pos base.Position, b *column.Batch) {
	if b.Rows == 0 {
		return // it must not keep the log: no flush would ever release it
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if pos.Index <= t.mu.cur.snap.Flushed.Index {
		return
	}
	if t.mu.open.View().Rows == 0 {
		t.mu.openedAt = t.o.Clock()
	}
	t.mu.open.Append(pos, b)
	if t.mu.open.View().Bytes >= t.o.MemtableBytes {
		t.sealLocked()
	}
}

// sealLocked closes the open memtable to writes and asks for its flush.
func (t *Tablet) sealLocked() {
	if t.mu.open.View().Rows == 0 {
		return
	}
	t.mu.sealed = append(t.mu.sealed, t.mu.open)
	t.mu.open = &memtable.Table{}
	t.scheduleFlush()
}

// SafeIndex returns the log index up to which no row of this tablet needs
// replay; math.MaxUint64 when none does.
func (t *Tablet) SafeIndex() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	oldest := t.mu.open
	if len(t.mu.sealed) > 0 {
		oldest = t.mu.sealed[0]
	}
	first, ok := oldest.First()
	if !ok {
		return math.MaxUint64
	}
	return first.Index - 1
}

// FlushedIndex returns the log index that the manifest records: replay may
// start behind it.
func (t *Tablet) FlushedIndex() uint64 { return t.Flushed().Index }

// Flushed returns the log position that the manifest records. Apply ignores what
// comes at or before it.
func (t *Tablet) Flushed() base.Position {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.cur.snap.Flushed
}

// MemoryBytes returns the memory of rows that are not yet in parts: in the open
// memtable, and in those that wait for their flush.
func (t *Tablet) MemoryBytes() (open, sealed int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range t.mu.sealed {
		sealed += m.View().Bytes
	}
	return t.mu.open.View().Bytes, sealed
}

// WritableAt returns the times that tablets of the TTL take at the moment now:
// not past retention nor before 1970, and not so far ahead that clocks cannot
// explain it.
func WritableAt(now time.Time, ttl time.Duration) base.TimeRange {
	r := base.TimeRange{End: now.Add(maxAhead).UnixNano()}
	if ttl > 0 {
		r.Start = now.Add(-ttl).UnixNano()
	}
	return r
}

// maxAhead is how far in the future a row may lie: more than clock skew and a
// wrong time zone, less than a segment that would outlive everybody.
const maxAhead = 24 * time.Hour

// deadline returns the earliest time that retention still serves.
func (t *Tablet) deadline(now time.Time) int64 {
	return WritableAt(now, time.Duration(t.ttl.Load())).Start
}

// Tick does what time asks for: it seals an old memtable, drops expired
// segments and merges quiet ones. The node calls it about once a second.
func (t *Tablet) Tick(now time.Time) {
	t.mu.Lock()
	if t.mu.open.View().Rows > 0 && now.Sub(t.mu.openedAt) >= t.o.FlushAge {
		t.sealLocked()
	} else if len(t.mu.sealed) > 0 {
		t.scheduleFlush() // a failed flush tries again
	}
	t.mu.Unlock()
	t.scheduleRetention(now)
	t.scheduleMerges(now, false)
}

// Flush writes every row applied before the call into parts.
func (t *Tablet) Flush(ctx context.Context) error {
	if t.lost != nil {
		return errFollowed(t.o.ID)
	}
	t.mu.Lock()
	t.sealLocked()
	t.mu.Unlock()
	return t.scope.Do(ctx, t.flushJob())
}

// Compact flushes and then merges until every segment is as compact as it gets.
func (t *Tablet) Compact(ctx context.Context) error {
	if err := t.Flush(ctx); err != nil {
		return err
	}
	for {
		t.mu.Lock()
		running, idle := len(t.mu.busy), t.mu.idle
		t.mu.Unlock()
		segment, ok := t.mergeable(t.o.Clock(), true)
		if !ok && running == 0 {
			return nil
		}
		if !ok {
			select {
			case <-idle:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := t.scope.Do(ctx, t.mergeJob(segment, true)); err != nil {
			return err
		}
	}
}

// Stats is the size of a tablet at one moment.
type Stats struct {
	Parts       int
	Rows        int // in parts
	Bytes       int64
	MemoryRows  int
	MemoryBytes int
	Segments    int
	Quarantined int
}

// Stats returns the tablet's size.
func (t *Tablet) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := Stats{Segments: len(t.mu.cur.snap.Segments), Quarantined: len(t.mu.cur.snap.Quarantined)}
	for _, g := range t.mu.cur.snap.Segments {
		for _, p := range g.Parts {
			s.Parts++
			s.Rows += p.Rows
			s.Bytes += p.Bytes
		}
	}
	for _, m := range append(slices.Clip(t.mu.sealed), t.mu.open) {
		v := m.View()
		s.MemoryRows, s.MemoryBytes = s.MemoryRows+v.Rows, s.MemoryBytes+v.Bytes
	}
	return s
}

// Quarantined returns the damaged parts that answers lack.
func (t *Tablet) Quarantined() []manifest.Quarantined {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.cur.snap.Quarantined
}

// Seal closes the open memtable to writes and asks for its flush, without
// waiting for it.
func (t *Tablet) Seal() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sealLocked()
}

package columnar

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"slices"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/manifest"
	"github.com/pandodb/pando/internal/memtable"
	"github.com/pandodb/pando/internal/part"
	"github.com/pandodb/pando/internal/selfmon"
)

// Follower shows a tablet that another process writes. It changes nothing on the
// disk: its state is the newest manifest, whose parts it holds open, and the
// entries of the log behind it. Refresh and Close are for one goroutine.
type Follower struct {
	t     *Tablet
	epoch uint64             // of the manifest
	disk  *manifest.Snapshot // as that holds it
	// What the memtable holds: entries of the log, from first to last.
	first, last *column.Batch
	count       int
}

// lostParts are those of the manifest whose bytes are damaged, or that cannot be
// opened: a follower answers without them and says so.
type lostParts map[base.PartID]manifest.Quarantined

// Committed is an entry of the log as far as it concerns a tablet. A nil Batch
// purges the tablet.
type Committed struct {
	Pos   base.Position
	Batch *column.Batch
}

// Follow returns a follower of the tablet in o.Dir. It holds nothing before the
// first Refresh.
func Follow(o Options) (*Follower, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	t := newTablet(o)
	t.lost = lostParts{}
	return &Follower{t: t, disk: t.mu.cur.snap}, nil
}

// Tablet returns the tablet, for reading.
func (f *Follower) Tablet() *Tablet { return f.t }

// Covered returns the log index up to which the manifest on the disk has
// everything: a hint, zero when it cannot be read now.
func (f *Follower) Covered() uint64 {
	epoch, err := manifest.Newest(f.t.o.FS, f.t.o.Dir)
	if err != nil || epoch == 0 {
		return 0
	}
	if epoch == f.epoch {
		return f.disk.Flushed.Index
	}
	snap, err := f.read(epoch)
	if err != nil {
		return 0
	}
	return snap.Flushed.Index
}

// ErrLogTooShort says that the manifest has less than the log was said to begin
// behind: it was rebuilt.
var ErrLogTooShort = errors.New("log lacks entries that the manifest does not have")

// SetTTL changes how long rows are served after their time.
func (f *Follower) SetTTL(ttl time.Duration) { f.t.ttl.Store(int64(ttl)) }

// Close releases the parts. Views taken before stay readable.
func (f *Follower) Close() error { return f.t.Close() }

func errFollowed(id base.TabletID) error {
	return base.Errorf(base.ClassConflict, "tablet %d is written by another process", id)
}

// reloads bounds how often one Refresh reads the manifest anew because the one it
// had read was replaced, and parts removed, before these were open.
const reloads = 100

// Refresh makes the tablet show what is on the disk and, of log, what the
// manifest lacks. log is ascending and holds every entry behind the index after
// that was in the log when that was read, which was before this call: what the log
// had lost by then the manifest has. It returns the index up to which entries need
// not be given again. After an error, such as ErrLogTooShort, the tablet shows what
// it did before.
func (f *Follower) Refresh(log []Committed, after uint64) (covered uint64, err error) {
	for range reloads {
		epoch, err := manifest.Newest(f.t.o.FS, f.t.o.Dir)
		if err != nil {
			return 0, fmt.Errorf("tablet %d: %w", f.t.o.ID, err)
		}
		if epoch == 0 && f.epoch > 0 {
			continue // listed while one snapshot replaced another: both were missed
		}
		disk := f.disk
		if epoch != f.epoch {
			disk, err = f.read(epoch)
		}
		if errors.Is(err, iofs.ErrNotExist) {
			continue // replaced by the next one
		}
		if err != nil {
			return 0, fmt.Errorf("tablet %d: %w", f.t.o.ID, err)
		}
		if disk.Flushed.Index < after {
			return 0, fmt.Errorf("tablet %d: %w", f.t.o.ID, ErrLogTooShort)
		}
		shown, rest := behind(disk, log)
		if covered, err := f.show(epoch, disk, shown, rest); !errors.Is(err, errOvertaken) {
			return covered, err
		}
	}
	return 0, base.Errorf(base.ClassUnavailable, "tablet %d: its parts change faster than they can be opened", f.t.o.ID)
}

func (f *Follower) read(epoch uint64) (*manifest.Snapshot, error) {
	if epoch == 0 {
		return &manifest.Snapshot{}, nil
	}
	return manifest.ReadEpoch(f.t.o.FS, f.t.o.Dir, epoch)
}

// behind returns the snapshot to show and the entries that it lacks. A purge that
// the manifest does not have yet empties it.
func behind(snap *manifest.Snapshot, log []Committed) (*manifest.Snapshot, []Committed) {
	at, _ := slices.BinarySearchFunc(log, snap.Flushed.Index+1, func(c Committed, index uint64) int {
		return int(min(max(int64(c.Pos.Index-index), -1), 1))
	})
	log = log[at:]
	for i, c := range slices.Backward(log) {
		if c.Batch == nil {
			return &manifest.Snapshot{Epoch: snap.Epoch, Flushed: c.Pos, NextPart: snap.NextPart}, log[i+1:]
		}
	}
	return snap, log
}

// show makes the snapshot and the rows what views see. errOvertaken asks to read
// the manifest anew.
func (f *Follower) show(epoch uint64, disk, snap *manifest.Snapshot, rows []Committed) (uint64, error) {
	t := f.t
	t.edit.Lock()
	defer t.edit.Unlock()
	t.mu.Lock()
	old, closed := t.mu.cur, t.mu.closed
	t.mu.Unlock()
	if closed {
		return 0, t.errClosed()
	}
	same := old.snap.Epoch == epoch && old.snap.Flushed == snap.Flushed
	next := old
	if !same {
		var err error
		if next, err = f.open(old, snap, epoch); err != nil {
			return 0, err
		}
	}
	f.epoch, f.disk = epoch, disk
	table := f.table(rows)
	t.mu.Lock()
	renewed := table != t.mu.open
	t.mu.cur, t.mu.open = next, table
	t.mu.Unlock()
	f.fill(table, rows)
	if renewed {
		t.mem.forget()
	}
	if same {
		return disk.Flushed.Index, nil
	}
	t.memo.keep(next.parts)
	return disk.Flushed.Index, t.release(old)
}

// open returns the version of the snapshot: parts that are open already, and new
// ones.
func (f *Follower) open(old *version, snap *manifest.Snapshot, epoch uint64) (*version, error) {
	t := f.t
	next := &version{refs: 1, snap: snap.Clone(), parts: make(map[base.PartID]*part.Part)}
	lost := lostParts{}
	for _, g := range snap.Segments {
		for _, mp := range g.Parts {
			if q, ok := t.lost[mp.ID]; ok {
				lost[mp.ID] = q
				continue
			}
			if p, ok := old.parts[mp.ID]; ok {
				p.Ref()
				next.parts[mp.ID] = p
				continue
			}
			p, err := t.openPart(g.Start, mp.ID)
			if err == nil {
				next.parts[mp.ID] = p
				continue
			}
			newest, nerr := manifest.Newest(t.o.FS, t.o.Dir)
			if nerr == nil && newest != epoch {
				nerr = errOvertaken // the part may have gone after it left the manifest
			}
			if nerr == nil && !base.IsCorruption(err) {
				nerr = err
			}
			if nerr != nil {
				return nil, errors.Join(nerr, t.release(next))
			}
			lost[mp.ID] = manifest.Quarantined{Part: mp, Segment: g.Start, Reason: err.Error()}
			t.o.Events.PartQuarantined(selfmon.PartQuarantined{Tablet: t.o.ID, Part: mp.ID, Err: err})
		}
	}
	t.lost = lost
	lost.leave(next.snap)
	return next, nil
}

// leave moves the lost parts of a snapshot to those set aside.
func (l lostParts) leave(snap *manifest.Snapshot) {
	for i := range snap.Segments {
		g := &snap.Segments[i]
		g.Parts = slices.DeleteFunc(g.Parts, func(p manifest.Part) bool {
			q, ok := l[p.ID]
			if ok {
				snap.Quarantined = append(snap.Quarantined, q)
			}
			return ok
		})
	}
	snap.Segments = slices.DeleteFunc(snap.Segments, func(g manifest.Segment) bool { return len(g.Parts) == 0 })
}

// loseLocked takes a damaged part out of service, in memory only. The caller
// holds edit.
func (t *Tablet) loseLocked(q *manifest.Quarantined, why error) error {
	t.mu.Lock()
	old := t.mu.cur
	t.mu.Unlock()
	t.lost[q.ID] = *q
	next := &version{refs: 1, snap: old.snap.Clone(), parts: make(map[base.PartID]*part.Part)}
	lostParts{q.ID: *q}.leave(next.snap)
	for id, p := range old.parts {
		if id != q.ID {
			p.Ref()
			next.parts[id] = p
		}
	}
	t.mu.Lock()
	t.mu.cur = next
	t.mu.Unlock()
	t.memo.keep(next.parts)
	t.o.Events.PartQuarantined(selfmon.PartQuarantined{Tablet: t.o.ID, Part: q.ID, Err: why})
	return t.release(old)
}

// table returns the memtable for the rows: the present one when they only add to
// what it holds, which fill then does, else a full one.
func (f *Follower) table(rows []Committed) *memtable.Table {
	if n := f.count; n == 0 || len(rows) >= n && rows[0].Batch == f.first && rows[n-1].Batch == f.last {
		return f.t.mu.open // only Refresh, which runs alone, replaces it
	}
	f.first, f.last, f.count = nil, nil, 0
	table := &memtable.Table{}
	f.fill(table, rows)
	return table
}

// fill appends the rows that the table lacks.
func (f *Follower) fill(table *memtable.Table, rows []Committed) {
	for _, c := range rows[f.count:] {
		if c.Batch.Rows > 0 {
			table.Append(c.Pos, c.Batch)
		}
	}
	if f.count = len(rows); f.count > 0 {
		f.first, f.last = rows[0].Batch, rows[f.count-1].Batch
	}
}

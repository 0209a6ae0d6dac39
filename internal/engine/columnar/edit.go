package columnar

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/manifest"
	"github.com/pandodb/pando/internal/memtable"
	"github.com/pandodb/pando/internal/part"
	"github.com/pandodb/pando/internal/selfmon"
)

// change is one manifest edit. The zero fields change nothing.
type change struct {
	add        []newPart
	level      int           // of the added parts
	remove     []base.PartID // parts that the added ones replace, or that expired
	keepFiles  bool          // of the removed parts
	drop       []int64       // starts of segments to drop with all their parts
	flushed    *memtable.Table
	quarantine *manifest.Quarantined
}

// newPart is a part on disk that no manifest names yet.
type newPart struct {
	segment base.TimeRange
	part    *part.Part
}

// apply makes the change durable, then visible, in one step each. An error
// leaves the old state in force; if the disk may hold the new one, the tablet
// takes no further edit.
func (t *Tablet) apply(c change) error {
	t.edit.Lock()
	defer t.edit.Unlock()
	return t.applyLocked(c)
}

// applyLocked is apply for a caller that holds edit.
func (t *Tablet) applyLocked(c change) error {
	t.mu.Lock()
	old, failed, nextPart, closed := t.mu.cur, t.mu.failed, t.mu.nextPart, t.mu.closed
	t.mu.Unlock()
	switch {
	case failed != nil:
		return failed
	case closed: // the directory may be somebody else's by now
		return t.errClosed()
	}
	if err := t.overtaken(&c, old.snap); err != nil {
		return err
	}
	snap := old.snap.Clone()
	snap.NextPart = nextPart
	c.editSnapshot(snap)
	if err := t.store.Save(snap); err != nil {
		if errors.Is(err, manifest.ErrInDoubt) {
			t.mu.Lock()
			// Without %w: the files of later changes were never named on disk and may
			// go, only this change is in doubt.
			t.mu.failed = base.Errorf(base.ClassUnavailable, "tablet %d takes no changes until it is reopened: %v", t.o.ID, err)
			t.mu.Unlock()
		}
		return fmt.Errorf("tablet %d: %w", t.o.ID, err)
	}
	return t.install(old, snap, c)
}

func (c *change) editSnapshot(snap *manifest.Snapshot) {
	for i := range snap.Segments {
		g := &snap.Segments[i]
		g.Parts = slices.DeleteFunc(g.Parts, func(p manifest.Part) bool { return slices.Contains(c.remove, p.ID) })
	}
	for _, n := range c.add {
		m := n.part.Meta()
		g := snap.Segment(n.segment)
		g.Parts = append(g.Parts, manifest.Part{
			ID: m.ID, Level: c.level, Rows: m.Rows, Bytes: m.Bytes, Start: m.Time.Start, End: m.Time.End,
		})
		slices.SortFunc(g.Parts, func(a, b manifest.Part) int { return int(a.ID) - int(b.ID) })
	}
	snap.Segments = slices.DeleteFunc(snap.Segments, func(g manifest.Segment) bool {
		return len(g.Parts) == 0 || slices.Contains(c.drop, g.Start)
	})
	if c.flushed != nil {
		snap.Flushed = c.flushed.View().Last
	}
	if c.quarantine != nil {
		snap.Quarantined = append(snap.Quarantined, *c.quarantine)
	}
	snap.Quarantined = slices.DeleteFunc(snap.Quarantined, func(q manifest.Quarantined) bool {
		return slices.Contains(c.drop, q.Segment)
	})
}

// install makes the saved snapshot the current version.
func (t *Tablet) install(old *version, snap *manifest.Snapshot, c change) error {
	next := &version{refs: 1, snap: snap, parts: make(map[base.PartID]*part.Part)}
	for _, g := range snap.Segments {
		for _, mp := range g.Parts {
			if p, ok := old.parts[mp.ID]; ok {
				p.Ref()
				next.parts[mp.ID] = p
			}
		}
	}
	for _, n := range c.add {
		next.parts[n.part.Meta().ID] = n.part // takes over the reference of Open
	}
	if !c.keepFiles {
		for id, p := range old.parts {
			if next.parts[id] == nil {
				p.SetObsolete()
			}
		}
	}
	t.mu.Lock()
	t.mu.cur = next
	if c.flushed != nil {
		t.mu.sealed = t.mu.sealed[1:]
	}
	t.mu.Unlock()
	t.memo.keep(next.parts)
	t.digests.drop(c.remove)
	return t.release(old)
}

// release gives back one reference of the version and, with the last, its
// references on parts. Files may go with them, so mu must not be held.
func (t *Tablet) release(v *version) error {
	t.mu.Lock()
	v.refs--
	left := v.refs
	t.mu.Unlock()
	if left > 0 {
		return nil
	}
	var errs []error
	for _, p := range v.parts {
		errs = append(errs, p.Unref())
	}
	return errors.Join(errs...)
}

// newPartID returns a part number never used before.
func (t *Tablet) newPartID() base.PartID {
	t.mu.Lock()
	defer t.mu.Unlock()
	id := t.mu.nextPart
	t.mu.nextPart++
	return id
}

// quarantine takes a damaged part out of service and keeps its files aside. It
// does nothing when the part is no longer live: several readers may find the
// same damage.
func (t *Tablet) quarantine(id base.PartID, why error) error {
	t.edit.Lock()
	defer t.edit.Unlock()
	t.mu.Lock()
	found := findPart(t.mu.cur.snap, id)
	t.mu.Unlock()
	if found == nil {
		return nil
	}
	found.Reason = why.Error()
	if t.lost != nil {
		return t.loseLocked(found, why)
	}
	if err := t.applyLocked(change{remove: []base.PartID{id}, keepFiles: true, quarantine: found}); err != nil {
		return err
	}
	t.o.Events.PartQuarantined(selfmon.PartQuarantined{Tablet: t.o.ID, Part: id, Err: why})
	return t.setAside(found)
}

func findPart(snap *manifest.Snapshot, id base.PartID) *manifest.Quarantined {
	for _, g := range snap.Segments {
		for _, p := range g.Parts {
			if p.ID == id {
				return &manifest.Quarantined{Part: p, Segment: g.Start}
			}
		}
	}
	return nil
}

// setAside moves the files of a part that the manifest lists as damaged. Files
// that readers have open stay readable; one that a reader opens later is missing,
// which that reader reports as the damage it is.
func (t *Tablet) setAside(q *manifest.Quarantined) error {
	from := t.partDir(q.Segment, q.ID)
	if !isDir(t.o.FS, from) {
		return nil // moved before, or nothing is left to keep
	}
	aside := t.o.FS.PathJoin(t.o.Dir, quarantineDir)
	if err := makeDir(t.o.FS, aside); err != nil {
		return err
	}
	if err := t.o.FS.Rename(from, t.o.FS.PathJoin(aside, q.ID.String())); err != nil {
		return fmt.Errorf("set aside part %v: %w", q.ID, err)
	}
	return syncDir(t.o.FS, aside)
}

// makeDir creates dir and its missing parents, each durable in its own parent.
func makeDir(disk vfs.FS, dir string) error {
	if isDir(disk, dir) {
		return nil
	}
	parent := disk.PathDir(dir)
	if parent != dir && parent != "." && parent != "" {
		if err := makeDir(disk, parent); err != nil {
			return err
		}
	}
	if err := disk.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return syncDir(disk, parent)
}

func syncDir(disk vfs.FS, dir string) error {
	d, err := disk.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

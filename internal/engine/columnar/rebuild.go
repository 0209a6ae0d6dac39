package columnar

import (
	"fmt"
	"slices"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/manifest"
)

// Rebuilt tells that a manifest was made anew from the parts that are there.
type Rebuilt struct {
	Tablet base.TabletID
	// Why is the damage; nil when there was no manifest.
	Why error
	// Parts and Rows are what the new manifest names, Damaged the parts that could
	// not be opened, which are set aside as ever.
	Parts, Rows, Damaged int
	// Aside are the manifest files as they were.
	Aside []string
}

// rebuild makes a manifest of every part whose metadata verifies, whatever the
// damaged one said, and of the log everything that it still has: the flushed
// position is zero, and replay brings all rows again. That is right where rows
// that are there twice count once:
//
//   - rows of the log that are in parts, too;
//   - the inputs of a merge that a crash kept from being removed, beside its
//     output.
//
// Rows of a segment that expired, or of a purge, whose removal a crash cut off in
// the same way come back; the former at most until retention looks again. A layout
// that keeps all rows is refused.
//
// snap is the empty one of a directory without a manifest. When no part is there
// either, it is a new tablet, and that is that.
func (t *Tablet) rebuild(snap *manifest.Snapshot, why error) (*manifest.Snapshot, error) {
	next := &manifest.Snapshot{NextPart: 1}
	if err := t.findParts(next); err != nil {
		return nil, err
	}
	twice := t.o.Layout.Rule == column.KeepAll
	if why == nil && (twice || len(next.Segments)+len(next.Quarantined) == 0) {
		return snap, nil
	}
	if twice {
		return nil, base.Errorf(base.ClassCorruption, "manifest cannot be rebuilt: rows that are there twice would stay so: %w", why)
	}
	copies, err := t.store.Rescue(next, t.o.Aside)
	if err != nil {
		return nil, fmt.Errorf("rebuild manifest: %w", err)
	}
	r := Rebuilt{Tablet: t.o.ID, Why: why, Damaged: len(next.Quarantined), Aside: copies}
	for _, g := range next.Segments {
		for _, p := range g.Parts {
			r.Parts, r.Rows = r.Parts+1, r.Rows+p.Rows
		}
	}
	t.o.OnRebuilt(r)
	return next, nil
}

// findParts adds to the snapshot what the directory holds.
func (t *Tablet) findParts(snap *manifest.Snapshot) error {
	names, err := t.o.FS.List(t.o.Dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == quarantineDir {
			if err := t.findQuarantined(snap); err != nil {
				return err
			}
			continue
		}
		start, ok := parseSegmentDir(name)
		if !ok || t.o.segmentOf(start).Start != start {
			continue // not a segment of ours
		}
		ids, err := t.partsIn(name, snap)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := t.findPart(snap, start, id); err != nil {
				return err
			}
		}
	}
	snap.Segments = slices.DeleteFunc(snap.Segments, func(g manifest.Segment) bool { return len(g.Parts) == 0 })
	return nil
}

// partsIn lists the numbers of the parts in a subdirectory, ascending, and keeps
// them from being used again.
func (t *Tablet) partsIn(dir string, snap *manifest.Snapshot) (ids []base.PartID, err error) {
	names, err := t.o.FS.List(t.o.FS.PathJoin(t.o.Dir, dir))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		var id base.PartID
		if n, err := fmt.Sscanf(name, "%016x", &id); n == 1 && err == nil && id.String() == name {
			ids = append(ids, id)
			snap.NextPart = max(snap.NextPart, id+1)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// findPart adds a part, or names it as a damaged one.
func (t *Tablet) findPart(snap *manifest.Snapshot, segment int64, id base.PartID) error {
	p, err := t.openPart(segment, id)
	if err == nil {
		m := p.Meta()
		if m.Tablet != t.o.ID || m.ID != id {
			err = base.Corruptionf(t.partDir(segment, id), 0, "is part %v of tablet %d", m.ID, m.Tablet)
		} else {
			g := snap.Segment(t.o.segmentOf(segment))
			g.Parts = append(g.Parts, manifest.Part{ID: id, Rows: m.Rows, Bytes: m.Bytes, Start: m.Time.Start, End: m.Time.End})
		}
		if cerr := p.Close(); cerr != nil {
			return cerr
		}
	}
	if base.IsCorruption(err) {
		snap.Quarantined = append(snap.Quarantined, manifest.Quarantined{Part: manifest.Part{ID: id}, Segment: segment, Reason: err.Error()})
		return nil
	}
	return err
}

// findQuarantined names again the parts that were set aside before: answers still
// lack them. Their segment is not known any more; they count as young.
func (t *Tablet) findQuarantined(snap *manifest.Snapshot) error {
	ids, err := t.partsIn(quarantineDir, snap)
	for _, id := range ids {
		snap.Quarantined = append(snap.Quarantined, manifest.Quarantined{
			Part: manifest.Part{ID: id}, Segment: t.o.segmentOf(t.o.Clock().UnixNano()).Start,
			Reason: "set aside before the manifest was rebuilt",
		})
	}
	return err
}

// parseSegmentDir is the inverse of segmentDir.
func parseSegmentDir(name string) (start int64, ok bool) {
	at, err := time.Parse("20060102T150405Z", name) // takes a fraction, too
	if err != nil || segmentDir(at.UnixNano()) != name {
		return 0, false
	}
	return at.UnixNano(), true
}

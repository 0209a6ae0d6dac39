package columnar

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/manifest"
	"github.com/pandodb/pando/internal/memtable"
	"github.com/pandodb/pando/internal/part"
)

// errOvertaken says that what a flush or merge worked on is gone: it was purged,
// or its segment expired. Its result must go, too.
var errOvertaken = errors.New("what it worked on is gone")

// Purge drops every row applied before, and takes its place in the log like a
// batch: replay brings none of them back. It returns when the purge is durable.
// Views taken before keep their rows. If the disk fails, the tablet does too:
// Err tells, and replay purges again.
func (t *Tablet) Purge(pos base.Position) {
	t.edit.Lock()
	defer t.edit.Unlock()
	t.mu.Lock()
	old, failed, closed := t.mu.cur, t.mu.failed, t.mu.closed
	snap := old.snap.Clone()
	snap.NextPart = t.mu.nextPart
	t.mu.Unlock()
	if failed != nil || closed || pos.Index <= snap.Flushed.Index {
		return
	}
	snap.Segments, snap.Quarantined, snap.Flushed = nil, nil, pos
	err := t.o.BeforeDurable()
	if err == nil {
		err = t.store.Save(snap)
	}
	if err != nil {
		t.mu.Lock()
		t.mu.failed = base.Errorf(base.ClassUnavailable, "tablet %d could not be purged and takes no changes until it is reopened: %v", t.o.ID, err)
		t.mu.Unlock()
		return
	}
	for _, p := range old.parts {
		p.SetObsolete()
	}
	t.mu.Lock()
	t.mu.cur = &version{refs: 1, snap: snap, parts: make(map[base.PartID]*part.Part)}
	t.mu.sealed, t.mu.open = nil, &memtable.Table{}
	clear(t.mu.flushed)
	t.mu.Unlock()
	t.memo.keep(nil)
	t.digests.drop(slices.Collect(maps.Keys(old.parts)))
	t.mem.forget()
	// What fails here is the removal of files no manifest names: the next start
	// removes them.
	_ = t.release(old)
}

// overtaken reports why a change comes too late, or nil. The caller holds edit.
func (t *Tablet) overtaken(c *change, snap *manifest.Snapshot) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.flushed != nil && (len(t.mu.sealed) == 0 || t.mu.sealed[0] != c.flushed) {
		return fmt.Errorf("tablet %d: flush: %w", t.o.ID, errOvertaken)
	}
	for _, id := range c.remove {
		live := slices.ContainsFunc(snap.Segments, func(g manifest.Segment) bool {
			return slices.ContainsFunc(g.Parts, func(p manifest.Part) bool { return p.ID == id })
		})
		if !live && len(c.add) > 0 {
			return fmt.Errorf("tablet %d: merge of part %v: %w", t.o.ID, id, errOvertaken)
		}
	}
	return nil
}

package node

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"log/slog"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/wal"
)

// damagedDir is where repairs keep the files they change: a numbered directory for
// each start that repaired something.
const damagedDir = "damaged"

// asideDir returns the directory for what this start puts aside. It is chosen at
// the first call, and made by whoever uses it.
func (n *Node) asideDir() (string, error) {
	if n.aside != "" {
		return n.aside, nil
	}
	names, err := n.o.FS.List(n.o.FS.PathJoin(n.o.Dir, damagedDir))
	if err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return "", err
	}
	last := 0
	for _, name := range names {
		var number int
		if _, err := fmt.Sscanf(name, "%04d", &number); err == nil {
			last = max(last, number)
		}
	}
	n.aside = n.o.FS.PathJoin(n.o.Dir, damagedDir, fmt.Sprintf("%04d", last+1))
	return n.aside, nil
}

// repairLog makes the log open again, without what its damage took.
func (n *Node) repairLog(opts wal.Options, damage error) (*wal.Log, error) {
	aside, err := n.asideDir()
	if err != nil {
		return nil, err
	}
	report, err := wal.Repair(opts.FS, opts.Dir, opts.FS.PathJoin(aside, "log"))
	if err != nil {
		return nil, err
	}
	opts.Repair = true
	log, err := wal.Open(opts)
	if err != nil {
		return nil, err
	}
	n.o.Logger.Error("the log was damaged and has been repaired: what was acknowledged behind the damage, and not yet in parts, is lost",
		slog.Any("damage", damage), slog.String("ends_in", report.Path), slog.Int64("offset", report.Offset),
		slog.Int("entries_lost_at_least", report.Lost), slog.Any("kept_aside", report.Aside))
	return log, nil
}

// letRepair lets a tablet rebuild its manifest, if the node may.
func (n *Node) letRepair(o *columnar.Options) {
	if !n.o.Repair {
		return
	}
	aside, err := n.asideDir()
	if err != nil {
		return // the tablet then refuses what it finds damaged
	}
	o.Repair, o.Aside = true, o.FS.PathJoin(aside, fmt.Sprintf("tablet-%016x", uint64(o.ID)))
	o.OnRebuilt = func(r columnar.Rebuilt) {
		n.o.Logger.Error("a manifest was damaged or gone and has been rebuilt from the parts that are there; parts that had just been purged or dropped may be back",
			slog.Uint64("tablet", uint64(r.Tablet)), slog.Any("damage", r.Why), slog.Int("parts", r.Parts), slog.Int("rows", r.Rows),
			slog.Int("damaged_parts", r.Damaged), slog.Any("kept_aside", r.Aside))
	}
}

// fillEntries is how many entries of a filled log are appended at once.
const fillEntries = 4096

// reachFlushed makes sure that the log of a group goes on behind everything that
// its tablets' manifests say is flushed: they ignore what comes at or before that,
// so a log that lost its end would give new writes places which a replay skips. A
// repaired log is filled with empty entries up to there; where no tablet needs
// what is left of it, it restarts there.
func (n *Node) reachFlushed(ctx context.Context, g *group) error {
	log := n.log.Group(g.id)
	last := log.LastIndex()
	flushed, needed := g.flushed(last)
	if flushed.Index <= last {
		return nil
	}
	if !n.o.Repair {
		return base.Corruptionf(n.o.logDir(), 0, "the log ends at entry %d, parts hold rows of entries up to %d: its end is gone", last, flushed.Index)
	}
	term, err := log.Term(last)
	if err != nil {
		return err
	}
	term = max(term, log.HardState().Term, flushed.Term, 1)
	state := &wal.HardState{Term: term, Commit: flushed.Index}
	if needed {
		err = n.fill(ctx, wal.Write{Group: g.id, State: state}, last+1)
	} else {
		reset := base.Position{Term: term, Index: flushed.Index}
		err = n.log.Append(ctx, []wal.Write{{Group: g.id, Reset: &reset, State: state}})
	}
	if err != nil {
		return err
	}
	n.o.Logger.Error("the log ended before what parts hold and goes on behind that now: the entries between that were not in parts are lost",
		slog.Uint64("group", uint64(g.id)), slog.Uint64("ended_at", last), slog.Uint64("goes_on_behind", flushed.Index))
	return nil
}

// fill appends empty entries from an index to what the write's state commits, and
// then that state.
func (n *Node) fill(ctx context.Context, w wal.Write, next uint64) error {
	for end := w.State.Commit + 1; next < end; {
		part := wal.Write{Group: w.Group}
		for ; next < end && len(part.Entries) < fillEntries; next++ {
			part.Entries = append(part.Entries, wal.Entry{Index: next, Term: w.State.Term})
		}
		if next == end {
			part.State = w.State
		}
		if err := n.log.Append(ctx, []wal.Write{part}); err != nil {
			return err
		}
	}
	return nil
}

// flushed returns the greatest position that a manifest of the group's tablets
// names, and whether one of them needs entries of a log that ends at last.
func (g *group) flushed(last uint64) (most base.Position, needsLog bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, t := range g.mu.tablets {
		at := t.Flushed()
		if at.Index > most.Index {
			most = at
		}
		needsLog = needsLog || at.Index < last
	}
	return most, needsLog
}

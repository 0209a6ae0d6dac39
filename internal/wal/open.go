package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
)

// maxSegmentNumber keeps a segment number in the 32 bits of a location: at
// 64 MiB each, 256 PiB of log.
const maxSegmentNumber = math.MaxUint32

// open locks the directory, reads all segments and leaves the writer where
// the log ends.
func (l *Log) open() error {
	fs, dir := l.opts.FS, l.opts.Dir
	created, err := makeDir(fs, dir)
	if err != nil {
		return err
	}
	lock, err := fs.Lock(fs.PathJoin(dir, lockName))
	if err != nil {
		return base.Errorf(base.ClassConflict, "lock log %s: is another process using it? %w", dir, err)
	}
	l.lock = lock
	numbers, temps, err := listSegments(fs, dir)
	if err != nil {
		return err
	}
	for _, name := range temps {
		if err := fs.Remove(fs.PathJoin(dir, name)); err != nil {
			return fmt.Errorf("remove left-over %s: %w", name, err)
		}
	}
	if len(numbers) == 0 {
		if err := syncAbove(fs, dir, created); err != nil {
			return err
		}
		return l.createFirst()
	}
	// A process that was killed may have renamed a segment and not synced that.
	if err := syncDir(fs, dir); err != nil {
		return err
	}
	if err := l.openSegments(numbers); err != nil {
		return err
	}
	end, err := scan(l.segmentsMu.segments, l.replay)
	if err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	return l.adopt(end)
}

// createFirst makes the first segment of a new log.
func (l *Log) createFirst() error {
	if _, err := io.ReadFull(l.opts.Rand, l.id[:]); err != nil {
		return fmt.Errorf("log identity: %w", err)
	}
	seg, err := l.create(1, false) // unfilled: a start must not wait for that
	if err != nil {
		return err
	}
	l.addSegment(seg)
	l.w.begin(seg)
	return nil
}

func (l *Log) openSegments(numbers []uint64) error {
	if last := numbers[len(numbers)-1]; last >= maxSegmentNumber {
		return base.Corruptionf(l.opts.Dir, 0, "segment number %d", last)
	}
	var err error
	l.segmentsMu.segments, l.id, err = openSegments(l.opts.FS, l.opts.Dir, numbers, func(path string) (vfs.File, error) {
		return l.opts.FS.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	})
	return err
}

// adopt prepares the writer to go on where the log ends, and checks that no
// group misses entries.
func (l *Log) adopt(end tail) error {
	oldest := l.segmentsMu.segments[0].path
	for _, g := range l.allGroups() {
		if !g.mu.known {
			continue
		}
		if g.mu.first > g.mu.compacted.Index+1 && !l.opts.Repair {
			return base.Corruptionf(oldest, 0, "group %d: entries %d to %d are in no segment: an older one is missing",
				g.id, g.mu.compacted.Index+1, g.mu.first-1)
		}
		if g.mu.state.Commit > g.mu.last {
			return base.Corruptionf(oldest, 0, "group %d: commit %d, last entry %d", g.id, g.mu.state.Commit, g.mu.last)
		}
		g.tip = g.mu.image
		l.w.know(g)
	}
	l.w.begin(end.seg)
	l.w.unsure = end.unsure
	l.w.enc = encoder{base: end.offset, seed: end.seg.seed, prev: end.prev, seq: end.seq, durable: end.seq}
	if err := l.keepSpare(end.next); err != nil {
		return err
	}
	if f := l.opts.Events.TailTruncated; f != nil && end.torn {
		f(end.seg.path, end.offset)
	}
	return nil
}

// keepSpare takes the segment behind the tail, nil if there is none, out of
// the list and makes it the spare, unless its size was configured otherwise.
func (l *Log) keepSpare(seg *segment) error {
	if seg == nil {
		return nil
	}
	l.segmentsMu.segments = l.segmentsMu.segments[:len(l.segmentsMu.segments)-1]
	if seg.capacity == l.opts.SegmentBytes {
		l.spare.adopt(seg)
		return nil
	}
	if err := errors.Join(seg.close(), l.opts.FS.Remove(seg.path)); err != nil {
		return fmt.Errorf("replace spare segment: %w", err)
	}
	return nil
}

// replay brings the groups up to one more record. first tells that the
// segment is the oldest one, whose dump is all there is about what was before.
func (l *Log) replay(first bool, seg *segment, r *record) error {
	err := r.check()
	if err == nil && r.group != 0 {
		err = l.Group(r.group).replay(first, seg, r)
	}
	if err != nil {
		return base.Corruptionf(seg.path, r.offset, "%w", err)
	}
	return nil
}

func (g *Group) replay(first bool, seg *segment, r *record) error {
	pos := base.Position{Term: r.term, Index: r.index}
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.kind == KindGroup {
		return g.replayDump(first, pos, binary.LittleEndian.Uint64(r.data))
	}
	g.mu.known = true
	switch r.kind {
	case KindEntry:
		if r.index <= g.mu.compacted.Index || r.index > g.mu.last+1 {
			return fmt.Errorf("group %d: entry %d does not follow: compacted is %d, last is %d", g.id, r.index, g.mu.compacted.Index, g.mu.last)
		}
		g.placeLocked(r.index, location{
			term: r.term, segment: uint32(seg.number), offset: uint32(r.offset),
			bytes: r.dataBytes, kind: r.entryType,
		})
	case KindState:
		g.mu.state = HardState{Term: r.term, Vote: binary.LittleEndian.Uint64(r.data), Commit: r.index}
	case KindMeta:
		g.mu.meta = append([]byte(nil), r.data...) // nil, not empty, if there is none
	case KindCompact:
		if r.index > g.mu.last {
			return fmt.Errorf("group %d: compacted to %d, last is %d", g.id, r.index, g.mu.last)
		}
		g.compactLocked(pos)
	case KindReset:
		g.resetLocked(pos)
	case KindForget:
		g.forgetLocked()
	default: // belongs to no group
	}
	return nil
}

// replayDump compares what a segment says of the ones before with what was
// read from them. In the oldest segment it believes it: the entries it
// speaks of must turn out to be compacted or replaced by the end.
func (g *Group) replayDump(first bool, compacted base.Position, last uint64) error {
	if last < compacted.Index || last == math.MaxUint64 {
		return fmt.Errorf("group %d: last entry %d, compacted is %d", g.id, last, compacted.Index)
	}
	if first && !g.mu.known {
		g.resetLocked(base.Position{Index: last})
		g.mu.compacted, g.mu.known = compacted, true
		return nil
	}
	g.mu.known = true
	if g.mu.compacted != compacted || g.mu.last != last {
		return fmt.Errorf("group %d: older segments hold entries up to %d, compacted at %d; this one knows %d and %d",
			g.id, g.mu.last, g.mu.compacted.Index, last, compacted.Index)
	}
	return nil
}

package wal

import (
	"errors"
	"fmt"

	"github.com/pandodb/pando/internal/base"
)

const (
	// readBytes is how much readEntries reads at once, if entries lie close.
	readBytes = 1 << 20
	// readGap is the distance between two entries up to which reading what
	// lies between beats a second read: about what a disk reads in the time
	// one request costs.
	readGap = 32 << 10
)

// readEntries fills in the data of entries, which lie at where, verifying
// every record. It returns ErrCompacted when a segment is gone.
func (l *Log) readEntries(id base.GroupID, entries []Entry, where []location) error {
	for len(where) > 0 {
		n := readable(where)
		seg := l.segment(where[0].segment)
		if seg == nil {
			return ErrCompacted
		}
		start := int64(where[0].offset)
		buf := make([]byte, where[n-1].end()-start)
		if err := seg.readAt(buf, start); err != nil {
			return err
		}
		for i := range n {
			at := &where[i]
			data, err := seg.verify(buf[int64(at.offset)-start:at.end()-start], id, &entries[i], at)
			if err != nil {
				return err
			}
			entries[i].Data = data
		}
		entries, where = entries[n:], where[n:]
	}
	return nil
}

// readable returns how many of the entries at where to read at once.
func readable(where []location) int {
	for n := 1; n < len(where); n++ {
		before, at := &where[n-1], &where[n]
		if at.segment != where[0].segment || int64(at.offset)-before.end() > readGap || at.end()-int64(where[0].offset) > readBytes {
			return n
		}
	}
	return len(where)
}

// verify returns the data of the record b, which must be the given entry.
func (s *segment) verify(b []byte, id base.GroupID, want *Entry, at *location) ([]byte, error) {
	offset := int64(at.offset)
	h, ok := decodeHead(b, s.seed, offset)
	if !ok {
		return nil, base.Corruptionf(s.path, offset, "checksum of the record of group %d entry %d", id, want.Index)
	}
	if h.kind != KindEntry || h.group != id || h.index != want.Index || h.term != want.Term || h.dataBytes != at.bytes {
		return nil, base.Corruptionf(s.path, offset, "record holds %v %d of group %d, want entry %d of group %d", h.kind, h.index, h.group, want.Index, id)
	}
	data := b[headBytes : headBytes+h.dataBytes : headBytes+h.dataBytes]
	if dataSum(data, s.seed) != h.dataSum {
		return nil, base.Corruptionf(s.path, offset, "checksum of the data of group %d entry %d", id, want.Index)
	}
	return data, nil
}

// segment returns the live segment with that number, or nil.
func (l *Log) segment(number uint32) *segment {
	l.segmentsMu.RLock()
	defer l.segmentsMu.RUnlock()
	i := int64(number) - int64(l.segmentsMu.segments[0].number)
	if i < 0 || i >= int64(len(l.segmentsMu.segments)) {
		return nil
	}
	return l.segmentsMu.segments[i]
}

// addSegment makes seg the last segment.
func (l *Log) addSegment(seg *segment) {
	l.segmentsMu.Lock()
	defer l.segmentsMu.Unlock()
	l.segmentsMu.segments = append(l.segmentsMu.segments, seg)
}

// create makes segment number of this log, ready to be written, and publishes
// it. With a failed sync of the directory the file may be gone after a crash,
// and a second sync may claim otherwise: that poisons the log.
func (l *Log) create(number uint64, fill bool) (*segment, error) {
	if number > maxSegmentNumber {
		return nil, fmt.Errorf("log %s: segment number %d", l.opts.Dir, number)
	}
	if err := l.Err(); err != nil {
		return nil, err // a sync that failed must not be tried again
	}
	h := header{id: l.id, number: number, capacity: l.opts.SegmentBytes}
	seg, err := createTemp(l.opts.FS, l.opts.Dir, h, fill)
	if err != nil {
		return nil, err
	}
	if err := seg.publish(l.opts.FS, l.opts.Dir); err != nil {
		return nil, errors.Join(err, seg.close())
	}
	if err := syncDir(l.opts.FS, l.opts.Dir); err != nil {
		return nil, errors.Join(l.poison(err), seg.close())
	}
	return seg, nil
}

// prune removes the oldest segments while no group needs an entry of theirs.
// Only the oldest, so that what is there is always a run: a gap is damage.
// Each removal is durable before the next for the same reason.
func (l *Log) prune() error {
	// A file that cannot be removed stays the oldest until the next prune.
	for seg := l.superfluous(); seg != nil && l.opts.FS.Remove(seg.path) == nil; seg = l.superfluous() {
		l.segmentsMu.Lock()
		l.segmentsMu.segments = append([]*segment(nil), l.segmentsMu.segments[1:]...)
		l.segmentsMu.Unlock()
		_ = seg.close() // was only read
		if err := syncDir(l.opts.FS, l.opts.Dir); err != nil {
			return err
		}
		if f := l.opts.Events.SegmentRemoved; f != nil {
			f(seg.path)
		}
	}
	return nil
}

// superfluous returns the oldest segment if it can go.
func (l *Log) superfluous() *segment {
	l.segmentsMu.RLock()
	segments := l.segmentsMu.segments
	l.segmentsMu.RUnlock()
	if len(segments) == 1 {
		return nil
	}
	for _, g := range l.allGroups() {
		if s, ok := g.oldest(); ok && uint64(s) <= segments[0].number {
			return nil
		}
	}
	return segments[0]
}

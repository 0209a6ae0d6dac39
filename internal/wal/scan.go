package wal

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/pandodb/pando/internal/base"
)

// scanBytes is how much a scanner reads at once.
const scanBytes = 1 << 20

// scanner reads the records of one segment in order.
type scanner struct {
	seg    *segment
	buf    []byte // bytes of the file from bufAt on
	bufAt  int64
	offset int64  // of the next record
	before uint32 // sum of the last record of the segment before
	prev   uint32
	seq    uint32
	commit int64 // offset of the last group commit
	last   Kind  // of the last record
	dump   bool  // only records of a dump so far
	oldest bool  // prev is unknown: the segment before is gone
	rec    record
}

// record is one verified record.
type record struct {
	head
	offset int64
	data   []byte
}

func newScanner(seg *segment, prev uint32, oldest bool, buf []byte) *scanner {
	return &scanner{
		seg: seg, before: prev, prev: prev, dump: true, oldest: oldest,
		offset: headerBytes, bufAt: headerBytes, buf: buf[:0],
	}
}

// next returns the next record, valid until the call after. ok is false behind
// the last good one; offset then tells where that is. The error is one of
// reading.
func (s *scanner) next() (r *record, ok bool, err error) {
	b, err := s.peek(s.offset, headBytes)
	if err != nil || len(b) < headBytes {
		return nil, false, err
	}
	h, ok := decodeHead(b, s.seg.seed, s.offset)
	chained := h.prev == s.prev || (s.oldest && s.seq == 0)
	if !ok || h.seq != s.seq+1 || !chained {
		return nil, false, nil
	}
	total := recordBytes(int(h.dataBytes))
	if total > s.seg.capacity-s.offset {
		return nil, false, nil
	}
	if b, err = s.peek(s.offset, int(total)); err != nil || int64(len(b)) < total {
		return nil, false, err
	}
	data := b[headBytes : headBytes+h.dataBytes]
	if dataSum(data, s.seg.seed) != h.dataSum {
		return nil, false, nil
	}
	s.rec = record{head: h, offset: s.offset, data: data}
	s.offset += total
	s.dump = s.dump && followsInDump(s.last, h.kind)
	if h.durable == h.seq-1 {
		s.commit = s.rec.offset
	}
	s.prev, s.seq, s.last = h.sum, h.seq, h.kind
	return &s.rec, true, nil
}

// followsInDump reports whether a dump can go on with a record of kind: see
// image.dump.
func followsInDump(last, kind Kind) bool {
	switch kind {
	case KindGroup:
		return last == 0 || last == KindMeta
	case KindState:
		return last == KindGroup
	case KindMeta:
		return last == KindState
	default:
		return false
	}
}

// peek returns n bytes at offset, fewer at the end of the file. It reads
// forward only.
func (s *scanner) peek(offset int64, n int) ([]byte, error) {
	if have := s.bufAt + int64(len(s.buf)); offset+int64(n) > have && have < s.seg.capacity {
		if err := s.fill(offset, n); err != nil {
			return nil, err
		}
	}
	b := s.buf[offset-s.bufAt:]
	return b[:min(n, len(b))], nil
}

// fill reads at least n bytes at offset, unless the file ends, keeping what
// is in the buffer already.
func (s *scanner) fill(offset int64, n int) error {
	kept := copy(s.buf, s.buf[offset-s.bufAt:])
	size := min(max(int64(n), scanBytes), s.seg.capacity-offset)
	if int64(cap(s.buf)) < size {
		s.buf = append(make([]byte, 0, size), s.buf[:kept]...)
	}
	s.buf, s.bufAt = s.buf[:size], offset
	return s.seg.readAt(s.buf[kept:], offset+int64(kept))
}

// proof looks behind the bad record for one that proves it was synced: a
// head, intact and of this segment, that was written when the bad one's
// sequence number was durable already. Without such proof the bad record is
// the torn tail of a group commit that was never acknowledged.
func (s *scanner) proof() (offset int64, found bool, err error) {
	bad := s.seq + 1
	for at := s.offset; ; at += recordAlign {
		b, err := s.peek(at, headBytes)
		if err != nil || len(b) < headBytes {
			return 0, false, err
		}
		seq := binary.LittleEndian.Uint32(b[16:])
		if seq <= bad || binary.LittleEndian.Uint32(b[20:]) < bad {
			continue // cheap, and true for zeros
		}
		if _, ok := decodeHead(b, s.seg.seed, at); ok {
			return at, true, nil
		}
	}
}

// tail is where the log ends.
type tail struct {
	seg    *segment
	next   *segment // an empty one behind seg, if a crash left it
	offset int64
	prev   uint32
	seq    uint32
	torn   bool // remains of a group commit were cut off
	unsure span // the last group commit, which nothing proves to be on disk
}

// span is a range of bytes of a segment.
type span struct {
	seg      *segment
	from, to int64
}

// scan calls visit for every record of the segments, which follow each other,
// and returns where the log ends. It tells a torn tail from damage: rules in
// doc.go.
func scan(segments []*segment, visit func(first bool, seg *segment, r *record) error) (tail, error) {
	var prev uint32
	var unsure span
	buf := make([]byte, 0, scanBytes)
	for i, seg := range segments {
		s := newScanner(seg, prev, i == 0, buf)
		rolled, err := s.records(func(r *record) error { return visit(i == 0, seg, r) })
		if err != nil {
			return tail{}, err
		}
		if s.seq > 0 {
			unsure = span{seg, s.commit, s.offset}
		}
		if !rolled {
			t, err := s.end(segments[i+1:])
			t.unsure = unsure
			return t, err
		}
		prev, buf = s.prev, s.buf
	}
	last := segments[len(segments)-1]
	return tail{}, base.Corruptionf(last.path, 0, "segment %d, which follows, is missing", last.number+1)
}

// records visits the records of one segment up to its KindRoll record.
func (s *scanner) records(visit func(*record) error) (rolled bool, err error) {
	for {
		r, ok, err := s.next()
		if err != nil || !ok {
			return false, err
		}
		if err := visit(r); err != nil {
			return false, err
		}
		if r.kind != KindRoll {
			continue
		}
		if r.index != s.seg.number+1 {
			return false, base.Corruptionf(s.seg.path, r.offset, "segment %d rolls to %d", s.seg.number, r.index)
		}
		return true, nil
	}
}

// end decides what the bad record at s.offset is.
func (s *scanner) end(later []*segment) (tail, error) {
	bad := s.offset
	t := tail{seg: s.seg, offset: bad, prev: s.prev, seq: s.seq}
	b, err := s.peek(bad, headBytes)
	if err != nil {
		return tail{}, err
	}
	for _, c := range b {
		t.torn = t.torn || c != 0
	}
	at, found, err := s.proof()
	if err != nil {
		return tail{}, err
	}
	if found {
		return tail{}, base.Corruptionf(s.seg.path, bad, "damaged record: the one at %d was written after it had been synced", at)
	}
	for _, seg := range later {
		// Whatever is in a segment was written after all of the one before
		// had been synced, so any record is proof.
		first, err := anyRecord(seg, s.buf)
		if err != nil {
			return tail{}, err
		}
		if first {
			return tail{}, base.Corruptionf(s.seg.path, bad, "damaged record: %s was written after it", seg.path)
		}
	}
	switch len(later) {
	case 0:
	case 1:
		t.next = later[0]
	default:
		return tail{}, base.Corruptionf(s.seg.path, bad, "log ends, but %d segments follow", len(later))
	}
	if s.dump {
		return t, s.rewind(&t)
	}
	return t, nil
}

// rewind moves the tail of a segment that holds nothing behind its dump to its
// start: the dump may be torn, and the segments before must not go while it is.
func (s *scanner) rewind(t *tail) error {
	if s.oldest && s.seg.number > 1 {
		return base.Corruptionf(s.seg.path, t.offset, "damaged record: the segment before went after it had been synced")
	}
	t.torn = t.torn || s.seq > 0
	t.offset, t.prev, t.seq = headerBytes, s.before, 0
	return nil
}

// check decodes nothing but refuses what no writer writes.
func (r *record) check() error {
	want := -1
	switch r.kind {
	case KindGroup, KindState, KindOpen:
		want = 8
	case KindCompact, KindReset, KindForget, KindClose, KindRoll:
		want = 0
	default: // any length
	}
	if want >= 0 && len(r.data) != want {
		return fmt.Errorf("%v record with %d bytes of data", r.kind, len(r.data))
	}
	if needsGroup := r.kind <= KindGroup; needsGroup != (r.group != 0) {
		return fmt.Errorf("%v record of group %d", r.kind, r.group)
	}
	if r.kind == KindEntry && r.term == 0 {
		return errors.New("entry of term 0")
	}
	return nil
}

package wal

import (
	"bytes"
	"errors"
	iofs "io/fs"
	"math"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
)

// Tail reads a log that another process may be writing: each Read continues
// where the one before ended. It takes no lock, changes nothing, and keeps one
// file open.
//
// What it shows is whole and stays: a record that verifies and follows its
// predecessor is one that the log's owner finds again, too, however its process
// ends. It may be a moment ahead of the owner's sync.
//
// A Tail is used by one goroutine at a time.
type Tail struct {
	fs     vfs.FS
	dir    string
	groups map[base.GroupID]*Group // of what was read
	seg    *segment                // nil before the first Read, and after an error
	id     identity
	scan   *scanner
	first  bool // seg is the oldest segment
	stuck  stuck
	looked bool // what is behind stuck proves nothing
}

// stuck is where a Read ended and what the file was like.
type stuck struct {
	segment uint64
	offset  int64
	changed time.Time
}

// NewTail returns a reader of the log in dir.
func NewTail(fs vfs.FS, dir string) *Tail { return &Tail{fs: fs, dir: dir} }

// errMoved says that the files are no longer those that were read.
var errMoved = errors.New("log was changed under its reader")

// restarts bounds how often one Read begins anew: each time the log's owner
// removed or replaced, in those moments, a file that was about to be opened.
const restarts = 16

// Read calls visit for every entry, reset and forget record behind those of the
// last Read. An entry whose index is not above the one before replaces that one
// and what follows it. Where the place of the last Read is gone, or that Read
// failed, it calls restart, which makes the caller forget everything, and begins
// with the oldest entry that is left; entries before it are not needed: what
// they held was in parts when Read was called, at the latest.
//
// A damaged record is a corruption error; a group commit that is being written is
// not, nor is what a crash left of one. No log at all is an empty one. The error
// of visit is returned.
func (t *Tail) Read(restart func(), visit func(Record) error) error {
	for range restarts {
		if t.seg != nil && t.reopen() != nil {
			t.Close() // gone or replaced: what is there now says more
		}
		if t.seg == nil {
			restart()
			if err := t.begin(); err != nil || t.seg == nil {
				if errors.Is(err, errMoved) {
					continue
				}
				return err
			}
		}
		err := t.read(visit)
		if err == nil {
			err = t.complete()
		}
		if err == nil {
			return nil
		}
		t.Close()
		if !errors.Is(err, errMoved) {
			return err
		}
	}
	return base.Errorf(base.ClassUnavailable, "log %s: its files change faster than they can be read", t.dir)
}

// Close closes the file. A Read after it restarts.
func (t *Tail) Close() {
	if t.seg != nil {
		_ = t.seg.close() // was only read
		t.seg = nil
	}
}

// begin opens the oldest segment, if there is one.
func (t *Tail) begin() error {
	t.groups, t.stuck, t.looked = map[base.GroupID]*Group{}, stuck{}, false
	numbers, err := t.segments()
	if err != nil || len(numbers) == 0 {
		return err
	}
	seg, id, err := t.open(numbers[0], nil)
	if err != nil {
		return err
	}
	t.seg, t.id, t.first = seg, id, true
	t.scan = newScanner(seg, 0, true, nil)
	return nil
}

// segments lists the log; without its directory it is empty.
func (t *Tail) segments() ([]uint64, error) {
	numbers, _, err := listSegments(t.fs, t.dir)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil, nil
	}
	if base.IsCorruption(err) { // or segments went while they were listed
		if again, _, err := listSegments(t.fs, t.dir); err == nil {
			return again, nil
		}
	}
	return numbers, err
}

func (t *Tail) open(number uint64, id *identity) (*segment, identity, error) {
	seg, got, err := openSegment(t.fs.PathJoin(t.dir, segmentName(number, logSuffix)), number, id, func(path string) (vfs.File, error) {
		return t.fs.Open(path, vfs.SequentialReadsOption)
	})
	if errors.Is(err, iofs.ErrNotExist) {
		err = errMoved
	}
	return seg, got, err
}

// read visits what was added.
func (t *Tail) read(visit func(Record) error) error {
	moved := false
	for {
		rolled, err := t.scan.records(func(r *record) error {
			moved = true
			return t.replay(r, visit)
		})
		if err != nil {
			return err
		}
		if rolled {
			if more, err := t.roll(); err != nil || !more {
				return err
			}
			continue
		}
		more, err := t.end(moved)
		if err != nil || !more {
			return err
		}
	}
}

// replay checks a record against those before and shows it.
func (t *Tail) replay(r *record, visit func(Record) error) error {
	err := r.check()
	if err == nil && r.group != 0 {
		g := t.groups[r.group]
		if g == nil {
			g = newGroup(nil, r.group)
			t.groups[r.group] = g
		}
		err = g.replay(t.first, t.seg, r)
	}
	if err != nil {
		return base.Corruptionf(t.seg.path, r.offset, "%w", err)
	}
	switch r.kind {
	case KindEntry, KindReset, KindForget:
		return visit(r.show(t.seg.path))
	default:
		return nil
	}
}

// roll goes on with the next segment. It may not be there yet: then the roll
// record is read again, the next time.
func (t *Tail) roll() (more bool, err error) {
	seg, _, err := t.open(t.seg.number+1, &t.id)
	if err != nil {
		return false, err // it was there before the roll record was written
	}
	_ = t.seg.close() // was only read
	t.scan = newScanner(seg, t.scan.prev, false, t.scan.buf)
	t.seg, t.first = seg, false
	return true, nil
}

// end decides what it means that there is no next record: nothing was added, or
// it is being added, or it is damaged, or the file is another one. moved tells
// that this Read has seen records. more asks to look again.
func (t *Tail) end(moved bool) (more bool, err error) {
	t.unbuffer()
	now := stuck{segment: t.seg.number, offset: t.scan.offset}
	if now.changed, err = t.changed(); err != nil {
		return false, err
	}
	before := t.stuck
	t.stuck, t.looked = now, t.looked && now == before
	if t.looked || moved && before != (stuck{}) {
		return false, nil // the usual end; a damaged record is stuck twice
	}
	if now == before { // most logs rest like that: do not read on to the file's end
		if blank, err := t.blank(); err != nil || blank {
			return false, err
		}
	}
	found, err := t.proof()
	t.unbuffer()
	if err != nil || !found {
		t.looked = err == nil
		return false, err
	}
	// The record was there, whole, before its proof was written.
	if ok, err := t.peek(); err != nil || ok {
		return ok, err
	}
	return false, base.Corruptionf(t.seg.path, t.scan.offset, "damaged record: later ones were written after it had been synced")
}

// unbuffer forgets what was read ahead: it may be old.
func (t *Tail) unbuffer() { t.scan.buf, t.scan.bufAt = t.scan.buf[:0], t.scan.offset }

// blank tells whether nothing was ever written at the scanner's place.
func (t *Tail) blank() (bool, error) {
	ahead := *t.scan
	ahead.buf = nil
	b, err := ahead.peek(ahead.offset, headBytes)
	return err == nil && bytes.Equal(b, zeros[:len(b)]), err
}

// peek tells whether there is a next record, without moving on.
func (t *Tail) peek() (bool, error) {
	ahead := *t.scan
	ahead.buf = nil
	_, ok, err := ahead.next()
	return ok, err
}

// changed returns when the segment was last written.
func (t *Tail) changed() (time.Time, error) {
	t.seg.mu.RLock()
	defer t.seg.mu.RUnlock()
	info, err := t.seg.mu.file.Stat()
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

// proof tells whether something was written after the record at the scanner's
// place had been synced: see doc.go.
func (t *Tail) proof() (bool, error) {
	ahead := *t.scan
	ahead.buf = nil
	if _, found, err := ahead.proof(); err != nil || found {
		return found, err
	}
	numbers, err := t.segments()
	if err != nil {
		return false, err
	}
	for _, n := range numbers {
		if n <= t.seg.number {
			continue
		}
		seg, _, err := t.open(n, &t.id)
		if err != nil {
			return false, err
		}
		found, err := anyRecord(seg, nil)
		_ = seg.close() // was only read
		if err != nil || found {
			return found, err
		}
	}
	return false, nil
}

// anyRecord reports whether a segment holds a record, the first or another.
func anyRecord(seg *segment, buf []byte) (bool, error) {
	s := newScanner(seg, 0, true, buf)
	_, found, err := s.next()
	if err == nil && !found {
		s.seq = math.MaxUint32 // makes the bad one 0: any sequence number will do
		_, found, err = s.proof()
	}
	return found, err
}

// reopen opens the segment again and checks that the last record is where it was
// read: whoever opens the log may write a torn beginning of a segment anew, or, to
// repair it, put another file in the place of this one.
func (t *Tail) reopen() error {
	seg, _, err := t.open(t.seg.number, &t.id)
	if err != nil {
		return err
	}
	if t.scan.seq > 0 {
		b := make([]byte, headBytes)
		err = seg.readAt(b, t.scan.rec.offset)
		if h, ok := decodeHead(b, seg.seed, t.scan.rec.offset); err == nil && (!ok || h.sum != t.scan.prev) {
			err = errMoved
		}
	}
	if err != nil {
		_ = seg.close() // was only read
		return err
	}
	t.Close()
	t.seg, t.scan.seg = seg, seg
	t.unbuffer()
	return nil
}

// complete checks that no group misses entries: at the end of the log, those of
// the files that went have been compacted.
func (t *Tail) complete() error {
	for _, g := range t.groups {
		if g.mu.known && g.mu.first > g.mu.compacted.Index+1 {
			return base.Corruptionf(t.seg.path, 0, "group %d: entries %d to %d are in no segment: an older one is missing",
				g.id, g.mu.compacted.Index+1, g.mu.first-1)
		}
	}
	return nil
}

package wal

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
)

// Repaired tells what Repair did.
type Repaired struct {
	// Damage is what did not verify first; nil when there was nothing to repair.
	Damage error
	// Path and Offset say where the log ends now; an empty Path that nothing of it
	// could be kept.
	Path   string
	Offset int64
	// Lost counts the entries behind that place that still can be read: at least
	// so many are lost.
	Lost int
	// Aside are the files as they were, where they were put.
	Aside []string
}

// Repair makes a log that Open refuses one that it takes: everything before the
// first damage stays, the rest is cut off, and every file that changes or goes is
// kept in the directory aside, which it makes. The caller opens the log with
// Options.Repair next, and must see to it that nobody relies on positions behind
// its end.
//
// A crash on the way leaves a log that Open refuses, or the repaired one. A log
// of which nothing is left is gone: Open makes another. Errors of the disk are
// no damage; they are returned.
func Repair(fs vfs.FS, dir, aside string) (*Repaired, error) {
	lock, err := fs.Lock(fs.PathJoin(dir, lockName))
	if err != nil {
		return nil, base.Errorf(base.ClassConflict, "lock log %s: is another process using it? %w", dir, err)
	}
	defer func() { _ = lock.Close() }() // held for the others only
	p := &repair{fs: fs, dir: dir, aside: aside}
	defer p.close()
	if err := p.plan(); err != nil {
		return nil, fmt.Errorf("repair log: %w", err)
	}
	if p.out.Damage == nil {
		return &p.out, nil
	}
	if err := p.execute(); err != nil {
		return nil, fmt.Errorf("repair log: %w", err)
	}
	return &p.out, nil
}

// repair is a repair under way.
type repair struct {
	fs         vfs.FS
	dir, aside string
	out        Repaired
	id         identity
	sound      []*segment // those that can be read, oldest first
	resize     []missized // of these, files of a wrong size
	end        *segment   // in which the log ends; nil keeps none
	at         int64      // where it does
	drop       []uint64   // segments behind that, ascending
}

type missized struct {
	*segment
	why error
}

func (p *repair) close() {
	for _, s := range p.sound {
		_ = s.close() // was only read
	}
}

// plan finds the first damage.
func (p *repair) plan() error {
	numbers, _, err := listFiles(p.fs, p.dir)
	if err != nil || len(numbers) == 0 {
		return err
	}
	w := walked{groups: map[base.GroupID]*Group{}}
	for i, n := range numbers {
		var seg *segment
		if i == 0 || n == numbers[i-1]+1 {
			seg, err = p.open(n)
		} else {
			err = base.Corruptionf(p.path(numbers[i-1]+1), 0, "segment is missing")
		}
		if base.IsCorruption(err) {
			p.cut(numbers[i:], w.last.offset, err)
			return nil
		}
		if err != nil {
			return err
		}
		s := newScanner(seg, w.last.sum, i == 0, nil)
		if err := w.walk(s); err != nil {
			return err
		}
		if w.damage != nil || w.last.kind != KindRoll {
			return p.finish(s, &w, numbers[i+1:])
		}
	}
	p.cut(nil, w.last.offset, base.Corruptionf(p.path(numbers[len(numbers)-1]+1), 0, "segment is missing"))
	return nil
}

// walked is what the good records of one segment after the other say.
type walked struct {
	groups map[base.GroupID]*Group
	last   record // good one of the segment; zero when there is none
	dump   bool   // only records of a dump in the segment
	damage error  // a record that verifies and is wrong all the same
}

// walk reads a segment up to its roll record or the first bad one.
func (w *walked) walk(s *scanner) error {
	w.last = record{}
	for {
		w.dump = s.dump
		r, ok, err := s.next()
		if err != nil || !ok {
			return err
		}
		err = r.check()
		if err == nil && r.kind == KindRoll && r.index != s.seg.number+1 {
			err = fmt.Errorf("segment %d rolls to %d", s.seg.number, r.index)
		}
		if err == nil && r.group != 0 {
			err = w.group(r.group).replay(s.oldest, s.seg, r)
		}
		if err != nil {
			w.damage = base.Corruptionf(s.seg.path, r.offset, "%w", err)
			return nil
		}
		if w.last = *r; r.kind == KindRoll {
			return nil
		}
	}
}

func (w *walked) group(id base.GroupID) *Group {
	g := w.groups[id]
	if g == nil {
		g = newGroup(nil, id)
		w.groups[id] = g
	}
	return g
}

// finish decides about a segment that does not lead to the next one: it may end
// the log as a crash leaves it, or where it does is damage.
func (p *repair) finish(s *scanner, w *walked, later []uint64) error {
	at := s.offset
	if w.damage != nil {
		at = headerBytes
		if w.last.kind != 0 {
			at = w.last.offset + recordBytes(int(w.last.dataBytes))
		}
	}
	damage := w.damage
	if damage == nil {
		damage = p.refusal(s, later)
	}
	switch {
	case damage != nil && !base.IsCorruption(damage):
		return damage
	case damage == nil && len(p.resize) == 0:
		return nil
	case damage == nil:
		damage = p.resize[0].why
	}
	p.out.Damage, p.end, p.at, p.drop = damage, s.seg, at, later
	if s.oldest && s.seg.number > 1 && w.dump {
		// What led to this segment is gone as well: there is nothing to keep.
		p.end, p.drop = nil, append([]uint64{s.seg.number}, later...)
	}
	return nil
}

// refusal returns what Open would say of a log that ends where the scanner is.
func (p *repair) refusal(s *scanner, later []uint64) error {
	var behind []*segment
	defer func() {
		for _, seg := range behind {
			_ = seg.close() // was only read
		}
	}()
	for _, n := range later {
		seg, _, err := openSegment(p.path(n), n, &p.id, p.openFile)
		if err != nil {
			return err
		}
		behind = append(behind, seg)
	}
	ahead := *s
	ahead.buf, ahead.bufAt = nil, ahead.offset
	_, err := ahead.end(behind)
	return err
}

func (p *repair) openFile(path string) (vfs.File, error) {
	return p.fs.Open(path, vfs.SequentialReadsOption)
}

// cut ends the log before the roll record of the last sound segment.
func (p *repair) cut(drop []uint64, rolledAt int64, damage error) {
	p.out.Damage, p.drop = damage, drop
	if len(p.sound) > 0 {
		p.end, p.at = p.sound[len(p.sound)-1], rolledAt
	}
}

func (p *repair) path(number uint64) string {
	return p.fs.PathJoin(p.dir, segmentName(number, logSuffix))
}

// open opens a segment; one whose file has another size than it should is read as
// far as that goes.
func (p *repair) open(number uint64) (*segment, error) {
	want := &p.id
	if len(p.sound) == 0 {
		want = nil
	}
	seg, id, err := openSegment(p.path(number), number, want, p.openFile)
	if base.IsCorruption(err) {
		why := err
		if seg, id, err = p.openMissized(number, want, why); err == nil {
			p.resize = append(p.resize, missized{seg, why})
		}
	}
	if err == nil {
		p.sound, p.id = append(p.sound, seg), id
	}
	return seg, err
}

// openMissized opens a segment whose header is sound; else it returns why.
func (p *repair) openMissized(number uint64, want *identity, why error) (*segment, identity, error) {
	f, err := p.openFile(p.path(number))
	if err != nil {
		return nil, identity{}, err
	}
	var b [headerUsed]byte
	_, err = f.ReadAt(b[:], 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	h, herr := decodeHeader(b[:])
	info, serr := f.Stat()
	if err = errors.Join(err, serr); err == nil && (herr != nil || h.number != number || want != nil && h.id != *want) {
		err = why
	}
	if err != nil {
		return nil, identity{}, errors.Join(err, f.Close())
	}
	seg := newSegment(p.path(number), f, h)
	seg.capacity = max(min(h.capacity, info.Size()), headerBytes)
	return seg, h.id, nil
}

// execute puts files aside and writes those that stay. What is behind the end
// goes first, the newest file before the others: until the end itself is cut, the
// log stays one that Open refuses or would cut there by itself.
func (p *repair) execute() error {
	if _, err := makeDir(p.fs, p.aside); err != nil {
		return err
	}
	if err := p.countLost(); err != nil {
		return err
	}
	for _, number := range slices.Backward(p.drop) {
		to := p.fs.PathJoin(p.aside, segmentName(number, logSuffix))
		if err := p.fs.Rename(p.path(number), to); err != nil {
			return err
		}
		if err := p.synced(to); err != nil {
			return err
		}
	}
	for _, seg := range p.sound {
		switch {
		case seg == p.end:
			if err := p.rewrite(seg, p.at); err != nil {
				return err
			}
			p.out.Path, p.out.Offset = seg.path, p.at
			return nil
		case p.end == nil:
			return nil
		}
		for _, r := range p.resize {
			if r.segment == seg {
				if err := p.rewrite(seg, seg.capacity); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// synced makes the change of both directories durable and notes the file.
func (p *repair) synced(to string) error {
	p.out.Aside = append(p.out.Aside, to)
	return errors.Join(syncDir(p.fs, p.aside), syncDir(p.fs, p.fs.PathDir(p.aside)), syncDir(p.fs, p.dir))
}

// rewrite keeps a copy of the segment and replaces it by one that has its bytes
// up to an offset, then zeros.
func (p *repair) rewrite(seg *segment, upTo int64) error {
	name := segmentName(seg.number, logSuffix)
	to := p.fs.PathJoin(p.aside, name)
	if err := vfs.Copy(p.fs, seg.path, to); err != nil {
		return err
	}
	if err := p.synced(to); err != nil {
		return err
	}
	var head [headerUsed]byte
	if err := seg.readAt(head[:], 0); err != nil {
		return err
	}
	h, err := decodeHeader(head[:])
	if err != nil {
		return err
	}
	whole, err := createTemp(p.fs, p.dir, h, true)
	if err != nil {
		return err
	}
	err = copyRecords(whole, seg, upTo)
	if err == nil {
		err = whole.sync()
	}
	if err == nil {
		err = whole.publish(p.fs, p.dir)
	}
	return errors.Join(err, whole.close(), syncDir(p.fs, p.dir))
}

func copyRecords(to, from *segment, upTo int64) error {
	buf := make([]byte, min(fillStep, max(upTo-headerBytes, 0)))
	for at := int64(headerBytes); at < upTo; at += int64(len(buf)) {
		buf = buf[:min(int64(len(buf)), upTo-at)]
		if err := from.readAt(buf, at); err != nil {
			return err
		}
		if err := to.write(buf, at); err != nil {
			return err
		}
	}
	return nil
}

// countLost counts the entries behind the end whose heads verify.
func (p *repair) countLost() error {
	count := func(seg *segment, from int64) error {
		s := newScanner(seg, 0, true, nil)
		s.offset, s.bufAt = from, from
		for ; ; s.offset += recordAlign {
			b, err := s.peek(s.offset, headBytes)
			if err != nil || len(b) < headBytes {
				return err
			}
			if h, ok := decodeHead(b, seg.seed, s.offset); ok && h.kind == KindEntry {
				p.out.Lost++
			}
		}
	}
	if p.end != nil {
		if err := count(p.end, p.at); err != nil {
			return err
		}
	}
	for _, n := range p.drop {
		seg, _, err := openSegment(p.path(n), n, nil, p.openFile)
		if base.IsCorruption(err) {
			seg, _, err = p.openMissized(n, nil, err)
		}
		if err != nil {
			continue // nothing of it can be read
		}
		err = count(seg, headerBytes)
		_ = seg.close() // was only read
		if err != nil {
			return err
		}
	}
	return nil
}

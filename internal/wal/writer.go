package wal

import (
	"fmt"
	"io"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/invariants"
)

// batchBytes bounds one group commit, so that a burst of large appends is
// acknowledged bit by bit.
const batchBytes = 8 << 20

// bufferKeep is the largest write buffer kept between group commits.
const bufferKeep = 4 << 20

// writer is the one goroutine that writes. It takes all that is queued,
// encodes it, writes and syncs once, shows it to readers, and completes it. With
// Options.SyncEvery, syncs are fewer than commits.
type writer struct {
	log     *Log
	seg     *segment // being written
	enc     encoder
	tips    []*Group // with records, in order of their first one
	dumped  int64    // bytes the tips take at the start of a segment
	changes []change
	written int    // bytes, this batch
	round   uint64 // request number, to find a group named twice
	results []error
	unsure  span      // read by open: to be synced before anything else is done
	dead    error     // why nothing can be written any more
	dirty   time.Time // when the oldest bytes were written that are not synced; zero: all are
	release bool      // this batch may have made a segment superfluous
	barrier bool      // this batch asks for a sync of all before
}

// change is one encoded record as readers will see it.
type change struct {
	group *Group
	kind  Kind
	pos   base.Position // KindEntry, KindCompact, KindReset
	at    location      // KindEntry
	data  []byte        // KindEntry, KindMeta
	state HardState     // KindState
}

// start makes what open accepted durable and opens the log for writing: it
// appends the KindOpen record and syncs. Segments go only then: this one may
// have had to repeat first what they know.
func (w *writer) start() error {
	var nonce [8]byte
	if _, err := io.ReadFull(w.log.opts.Rand, nonce[:]); err != nil {
		return fmt.Errorf("log nonce: %w", err)
	}
	if err := w.syncAgain(); err != nil {
		return err
	}
	w.log.spare.prepare(w.seg.number + 1)
	if w.enc.end() == headerBytes {
		w.dump()
	}
	if _, err := w.add(head{kind: KindOpen}, nonce[:]); err != nil {
		return err
	}
	if err := w.skipMissing(); err != nil {
		return err
	}
	if err := w.flush(); err != nil {
		return err
	}
	w.show()
	return w.log.prune()
}

// skipMissing compacts groups up to the first entry that is there: see
// Options.Repair. Without that nothing is missing.
func (w *writer) skipMissing() error {
	for _, g := range w.tips {
		if g.mu.first <= g.tip.compacted.Index+1 {
			continue
		}
		if err := w.encodeCompact(g, base.Position{Term: g.tip.state.Term, Index: g.mu.first - 1}); err != nil {
			return err
		}
	}
	return nil
}

// syncAgain writes the last group commit a second time. The process before may
// have ended because its sync failed: what open read then came from the page
// cache, is not on disk, and no sync of ours would write it.
func (w *writer) syncAgain() error {
	u := w.unsure
	w.unsure = span{}
	if u.seg == nil {
		return nil
	}
	b := make([]byte, u.to-u.from)
	if err := u.seg.readAt(b, u.from); err != nil {
		return err
	}
	err := u.seg.write(b, u.from)
	if err == nil {
		err = u.seg.sync()
	}
	if err != nil {
		w.dead = w.log.poison(err)
	}
	return w.dead
}

// run serves the queue until the log closes or is poisoned.
func (w *writer) run() {
	var batch []request
	for {
		clear(batch) // lets go of callers' data
		var closing bool
		batch, closing = w.log.take(batch[:0])
		for rest := batch; len(rest) > 0; {
			n := cut(rest)
			w.commit(rest[:n])
			rest = rest[n:]
		}
		switch {
		case len(batch) > 0:
		case closing:
			w.seal()
			return
		default:
			w.idle()
		}
	}
}

// idle waits for work, and syncs when it is time. A poisoned log syncs no more:
// it waits to be closed.
func (w *writer) idle() {
	if w.dirty.IsZero() || w.dead != nil {
		<-w.log.wake
		return
	}
	timer := time.NewTimer(w.log.opts.SyncEvery - w.log.opts.Clock().Sub(w.dirty))
	defer timer.Stop()
	select {
	case <-w.log.wake:
	case <-timer.C:
		_ = w.sync() // Close returns the error that poisoned the log
	}
}

// cut returns how many of the requests make the next group commit.
func cut(rs []request) int {
	bytes := rs[0].bytes
	for n := 1; n < len(rs); n++ {
		if bytes += rs[n].bytes; bytes > batchBytes {
			return n
		}
	}
	return len(rs)
}

// commit is one group commit.
func (w *writer) commit(batch []request) {
	if w.dead != nil {
		complete(batch, nil, w.dead)
		return
	}
	began := w.log.opts.Clock()
	w.results = w.results[:0]
	w.written = 0
	for i := range batch {
		w.results = append(w.results, w.encode(&batch[i]))
	}
	if err := w.persist(); err != nil {
		complete(batch, nil, err)
		return
	}
	w.show()
	if w.release {
		w.release = false
		if err := w.log.prune(); err != nil {
			w.dead = w.log.poison(err) // this batch is durable all the same
		}
	}
	if f := w.log.opts.Events.Committed; f != nil {
		f(CommitInfo{Requests: len(batch), Bytes: w.written, Duration: w.log.opts.Clock().Sub(began)})
	}
	complete(batch, w.results, nil)
}

// complete answers requests with their results, or all of them with err.
func complete(batch []request, results []error, err error) {
	for i := range batch {
		if err == nil {
			batch[i].done(results[i])
			continue
		}
		batch[i].done(err)
	}
}

// encode appends the records of one request to the buffer. An error concerns
// this request only, and leaves a prefix of it in the log: repeating the
// request overwrites that.
func (w *writer) encode(r *request) error {
	w.round++
	switch {
	case r.compact != 0:
		return w.encodeCompact(w.log.Group(r.compact), r.upTo)
	case r.forget != 0:
		return w.encodeForget(w.log.Group(r.forget))
	}
	w.barrier = w.barrier || len(r.writes) == 0
	for i := range r.writes {
		g := w.log.Group(r.writes[i].Group)
		if err := w.checkWrite(g, &r.writes[i]); err != nil {
			return err
		}
	}
	for i := range r.writes {
		if err := w.encodeWrite(&r.writes[i]); err != nil {
			return err
		}
	}
	return nil
}

// checkWrite checks what depends on the log so far.
func (w *writer) checkWrite(g *Group, wr *Write) error {
	if g.touched == w.round {
		return base.Errorf(base.ClassInvalid, "log: group %d twice in one append", g.id)
	}
	g.touched = w.round
	compacted, last := g.tip.compacted.Index, g.tip.last
	if wr.Reset != nil {
		if wr.Reset.Index < g.tip.state.Commit {
			return base.Errorf(base.ClassInvalid, "log: group %d: reset to %d, committed is %d", g.id, wr.Reset.Index, g.tip.state.Commit)
		}
		compacted, last = wr.Reset.Index, wr.Reset.Index
	}
	if len(wr.Entries) > 0 {
		first := wr.Entries[0].Index
		if first <= compacted || first > last+1 {
			return base.Errorf(base.ClassInvalid, "log: group %d: entry %d does not follow: compacted is %d, last is %d", g.id, first, compacted, last)
		}
		if wr.Reset == nil && first <= g.tip.state.Commit {
			return base.Errorf(base.ClassInvalid, "log: group %d: entry %d would replace a committed one, commit is %d", g.id, first, g.tip.state.Commit)
		}
		last = wr.Entries[len(wr.Entries)-1].Index
	}
	if wr.State != nil && wr.State.Commit > last {
		return base.Errorf(base.ClassInvalid, "log: group %d: commit %d, last is %d", g.id, wr.State.Commit, last)
	}
	grow := recordBytes(len(wr.Meta)) - recordBytes(len(g.tip.meta))
	if wr.Meta != nil && grow > 0 && w.dumped+grow > w.log.opts.SegmentBytes/4 {
		return base.Errorf(base.ClassTooLarge, "log: metadata of all groups exceed a quarter of the segment size %d", w.log.opts.SegmentBytes)
	}
	return nil
}

func (w *writer) encodeWrite(wr *Write) error {
	if wr.Reset == nil && len(wr.Entries) == 0 && wr.State == nil && wr.Meta == nil {
		return nil // leaves no record, so the group stays unknown
	}
	g := w.log.Group(wr.Group)
	w.know(g)
	if wr.Reset != nil {
		if _, err := w.add(head{kind: KindReset, group: g.id, index: wr.Reset.Index, term: wr.Reset.Term}, nil); err != nil {
			return err
		}
		g.tip.compacted, g.tip.last = *wr.Reset, wr.Reset.Index
		w.changes = append(w.changes, change{group: g, kind: KindReset, pos: *wr.Reset})
		w.release = true
	}
	for i := range wr.Entries {
		if err := w.encodeEntry(g, &wr.Entries[i]); err != nil {
			return err
		}
	}
	if wr.State != nil {
		if err := w.room(KindState, 8); err != nil {
			return err
		}
		addState(&w.enc, g.id, *wr.State)
		g.tip.state = *wr.State
		w.changes = append(w.changes, change{group: g, kind: KindState, state: *wr.State})
	}
	if wr.Meta != nil {
		if _, err := w.add(head{kind: KindMeta, group: g.id}, wr.Meta); err != nil {
			return err
		}
		w.dumped -= g.tip.dumpBytes()
		g.tip.meta = wr.Meta
		w.dumped += g.tip.dumpBytes()
		w.changes = append(w.changes, change{group: g, kind: KindMeta, data: wr.Meta})
	}
	return nil
}

func (w *writer) encodeEntry(g *Group, e *Entry) error {
	offset, err := w.add(head{kind: KindEntry, entryType: e.Type, group: g.id, index: e.Index, term: e.Term}, e.Data)
	if err != nil {
		return err
	}
	g.tip.last = e.Index
	at := location{term: e.Term, segment: uint32(w.seg.number), offset: uint32(offset), bytes: uint32(len(e.Data)), kind: e.Type}
	w.changes = append(w.changes, change{group: g, kind: KindEntry, pos: base.Position{Term: e.Term, Index: e.Index}, at: at, data: e.Data})
	return nil
}

func (w *writer) encodeCompact(g *Group, pos base.Position) error {
	if pos.Index <= g.tip.compacted.Index || pos.Index > g.tip.last {
		return nil // overtaken by a reset or a greater compaction
	}
	if _, err := w.add(head{kind: KindCompact, group: g.id, index: pos.Index, term: pos.Term}, nil); err != nil {
		return err
	}
	g.tip.compacted = pos
	w.changes = append(w.changes, change{group: g, kind: KindCompact, pos: pos})
	w.release = true
	return nil
}

func (w *writer) encodeForget(g *Group) error {
	if !g.tipKnown {
		return nil
	}
	if _, err := w.add(head{kind: KindForget, group: g.id}, nil); err != nil {
		return err
	}
	w.forget(g)
	w.changes = append(w.changes, change{group: g, kind: KindForget})
	w.release = true
	return nil
}

// know registers a group for the dumps.
func (w *writer) know(g *Group) {
	if !g.tipKnown {
		g.tipKnown = true
		w.tips = append(w.tips, g)
		w.dumped += g.tip.dumpBytes()
	}
}

// forget is the inverse of know.
func (w *writer) forget(g *Group) {
	w.dumped -= g.tip.dumpBytes()
	g.tip, g.tipKnown = image{}, false
	for i, t := range w.tips {
		if t == g {
			w.tips = append(w.tips[:i], w.tips[i+1:]...)
			return
		}
	}
}

// dump repeats the image of every group, at the start of a segment.
func (w *writer) dump() {
	for _, g := range w.tips {
		g.tip.dump(&w.enc, g.id)
	}
}

const (
	// tailBytes stay free at the end of every segment: a KindClose and a
	// KindRoll record always fit.
	tailBytes = 2 * headBytes
	// freeingBytes are kept for what makes segments superfluous, and for the
	// start that must come first: on a full disk it is the only way out. It is
	// enough for some groups to compact; what they free lets the others.
	freeingBytes = 16 * headBytes
)

// add encodes a record, rolling to the next segment first if need be.
func (w *writer) add(h head, data []byte) (offset int64, err error) {
	if err := w.room(h.kind, len(data)); err != nil {
		return 0, err
	}
	return w.enc.add(h, data), nil
}

// room makes room for a record. It fails softly while there is no next
// segment, and with the poisoned error when the log is done.
func (w *writer) room(kind Kind, dataBytes int) error {
	need := recordBytes(dataBytes) + tailBytes
	if kind != KindCompact && kind != KindForget && kind != KindOpen {
		need += freeingBytes
	}
	for w.dead == nil && w.enc.end()+need > w.seg.capacity {
		next, err := w.log.spare.take()
		if err != nil {
			return err
		}
		w.roll(next)
	}
	return w.dead
}

// roll ends the segment and starts the next one. The order matters: the next
// file is there for good before the KindRoll record that promises it, and
// that record is synced before anything is written to the next file. So a
// roll record without a next file is a lost file, and anything in a file
// proves that all of the one before was synced.
func (w *writer) roll(next *segment) {
	w.enc.add(head{kind: KindRoll, index: next.number}, nil)
	if w.flush() != nil {
		return
	}
	w.log.addSegment(next)
	w.begin(next)
	w.dump()
	w.log.spare.prepare(next.number + 1)
	if f := w.log.opts.Events.SegmentCreated; f != nil {
		f(next.path)
	}
}

// begin directs the encoder to the start of a segment.
func (w *writer) begin(s *segment) {
	w.seg = s
	w.enc = encoder{buf: w.enc.buf[:0], base: headerBytes, seed: s.seed, prev: w.enc.prev}
}

// persist makes a group commit as durable as the options ask: synced, or handed
// to the kernel and synced soon. What lets segments go is always synced.
func (w *writer) persist() error {
	if w.log.opts.SyncEvery == 0 || w.release || w.barrier {
		w.barrier = false
		return w.flush()
	}
	if err := w.write(); err != nil {
		return err
	}
	if w.log.opts.Clock().Sub(w.dirty) >= w.log.opts.SyncEvery {
		return w.sync()
	}
	return nil
}

// flush writes and syncs what is encoded. An error poisons the log: after a
// failed sync the kernel may have dropped the pages and report success next
// time, so there is no second try.
func (w *writer) flush() error {
	if err := w.write(); err != nil {
		return err
	}
	return w.sync()
}

// write hands what is encoded to the kernel.
func (w *writer) write() error {
	if w.dead != nil || len(w.enc.buf) == 0 {
		return w.dead
	}
	if err := w.seg.write(w.enc.buf, w.enc.base); err != nil {
		w.dead = w.log.poison(err)
		return w.dead
	}
	if w.dirty.IsZero() {
		w.dirty = w.log.opts.Clock()
	}
	w.written += len(w.enc.buf)
	w.enc.base = w.enc.end()
	if cap(w.enc.buf) > bufferKeep {
		w.enc.buf = nil
	}
	w.enc.buf = w.enc.buf[:0]
	return nil
}

// sync makes durable what was written.
func (w *writer) sync() error {
	if w.dead != nil || w.dirty.IsZero() {
		return w.dead
	}
	if err := w.seg.sync(); err != nil {
		w.dead = w.log.poison(err)
		return w.dead
	}
	w.dirty = time.Time{}
	w.enc.durable = w.enc.seq
	return nil
}

// seal writes the record a clean stop leaves: with it, no record before can
// be taken for a torn one.
func (w *writer) seal() {
	w.enc.add(head{kind: KindClose}, nil)
	_ = w.flush() // Close returns the error that poisoned the log
}

// show makes the records of a group commit visible to readers.
func (w *writer) show() {
	for i := range w.changes {
		c := &w.changes[i]
		c.group.mu.Lock()
		c.applyLocked()
		c.group.mu.Unlock()
		if c.kind == KindEntry {
			w.log.cache.add(c.group, c.pos.Index, int64(len(c.data)))
		}
	}
	clear(w.changes) // lets go of callers' data
	w.changes = w.changes[:0]
}

func (c *change) applyLocked() {
	g := c.group
	g.mu.known = c.kind != KindForget
	switch c.kind {
	case KindEntry:
		g.placeLocked(c.pos.Index, c.at)
		g.cacheLocked(c.pos.Index, c.data)
	case KindState:
		g.mu.state = c.state
	case KindMeta:
		g.mu.meta = c.data
	case KindCompact:
		g.compactLocked(c.pos)
	case KindReset:
		g.resetLocked(c.pos)
	case KindForget:
		g.forgetLocked()
	default:
		invariants.Check(false, "log: a reader is shown a %v record", c.kind)
	}
}

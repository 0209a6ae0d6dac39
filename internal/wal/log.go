package wal

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
)

// ErrPoisoned marks the errors of a log that failed to write or sync: what is
// on disk is unknown, so nothing is acknowledged any more and the process
// should end. What was acknowledged before is safe.
var ErrPoisoned = errors.New("log is poisoned")

const (
	defaultSegmentBytes = 64 << 20
	minSegmentBytes     = 16 << 10
	maxSegmentBytes     = 1 << 30 // offsets and lengths are 32 bits
	defaultQueueBytes   = 64 << 20
	defaultCacheBytes   = 64 << 20
)

// Options configure a log. The zero value of each field means its default.
type Options struct {
	// FS holds the files; default vfs.Default.
	FS vfs.FS
	// Dir is the directory of the log and of nothing else. Open creates it.
	Dir string
	// SegmentBytes is the size of a segment file; default 64 MiB, at least
	// 16 KiB, at most 1 GiB. An entry may have a quarter of it.
	SegmentBytes int64
	// QueueBytes bounds the appends that wait for the writer; a further one
	// blocks. Default 64 MiB.
	QueueBytes int64
	// CacheBytes bounds the data of recent entries kept in memory; default
	// 64 MiB, negative keeps none.
	CacheBytes int64
	// SyncEvery, if not zero, acknowledges appends that the kernel has, and syncs
	// them within that time. A process that ends loses nothing; a machine that
	// does may lose that much. Zero syncs before it acknowledges.
	SyncEvery time.Duration
	// Repair opens a log that lacks entries which older segments had: their groups
	// go on as if those had been compacted. What is damaged Repair has to cut off
	// before. Without it such a log is refused.
	Repair bool
	// Rand makes the log's identity and nonces; default crypto/rand.
	Rand io.Reader
	// Clock measures group commits for Events; default base.SystemClock.
	Clock base.Clock
	// Events are told what happens; nil functions are skipped.
	Events Events
}

// Events are called by the writer goroutine (and by Open); they must not
// block and must not call the log.
type Events struct {
	// Committed follows every group commit.
	Committed func(CommitInfo)
	// SegmentCreated follows the first use of a segment file.
	SegmentCreated func(path string)
	// SegmentRemoved follows the removal of a segment no group needs.
	SegmentRemoved func(path string)
	// TailTruncated says that Open cut a torn tail off the last segment.
	TailTruncated func(path string, offset int64)
}

// CommitInfo describes one group commit.
type CommitInfo struct {
	Requests int           // appends acknowledged together
	Bytes    int           // written
	Duration time.Duration // of encoding, writing and syncing
}

// withDefaults returns o with zero values replaced.
func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = defaultSegmentBytes
	}
	if o.QueueBytes == 0 {
		o.QueueBytes = defaultQueueBytes
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = defaultCacheBytes
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Clock == nil {
		o.Clock = base.SystemClock
	}
	return o
}

// Validate returns everything that is wrong with o.
func (o Options) Validate() error {
	var errs []error
	if o.Dir == "" {
		errs = append(errs, base.Errorf(base.ClassInvalid, "log: no directory"))
	}
	if n := o.SegmentBytes; n != 0 && (n < minSegmentBytes || n > maxSegmentBytes) {
		errs = append(errs, base.Errorf(base.ClassInvalid, "log: segment of %d bytes, want %d to %d", n, minSegmentBytes, maxSegmentBytes))
	}
	if o.SyncEvery < 0 {
		errs = append(errs, base.Errorf(base.ClassInvalid, "log: sync every %v", o.SyncEvery))
	}
	if o.QueueBytes < 0 {
		errs = append(errs, base.Errorf(base.ClassInvalid, "log: queue of %d bytes", o.QueueBytes))
	}
	return errors.Join(errs...)
}

// Write is what one append does to one group, in this order: Reset, Entries,
// State, Meta. After a crash a prefix of an append that was not acknowledged
// may be there.
type Write struct {
	Group base.GroupID
	// Reset, if set, empties the log of the group and restarts it behind this
	// position: a checkpoint was installed.
	Reset *base.Position
	// Entries are consecutive. The first one may overwrite an index; the old
	// entries from there on are dropped. The log keeps Data: the caller must
	// not change it any more.
	Entries []Entry
	// State, if set, replaces the hard state.
	State *HardState
	// Meta, if not nil, replaces the metadata. It is repeated in every
	// segment, so keep it small.
	Meta []byte
}

// Log is the log of a node. All methods are safe for concurrent use.
//
// Locking: mu guards the queue, groupsMu the map of groups, segmentsMu the
// list of segments. None of these, nor a Group's lock, is held while another
// is taken, or during I/O.
type Log struct {
	opts   Options
	id     identity
	lock   io.Closer
	wake   chan struct{} // capacity 1: the writer has something to do
	failed chan struct{} // closed once the log is poisoned
	wg     sync.WaitGroup
	spare  *spare
	w      writer // owned by the writer goroutine, like cache
	cache  cache

	mu struct {
		sync.Mutex
		queue   []request
		bytes   int64         // of queue
		room    chan struct{} // closed when queue was taken
		closing bool
		err     error // why nothing can be appended any more
	}
	groupsMu struct {
		sync.RWMutex
		groups map[base.GroupID]*Group
	}
	segmentsMu struct {
		sync.RWMutex
		segments []*segment // ascending and without gaps; the last one is written
	}
}

// Open opens the log in opts.Dir, creating it if there is none. It reads all
// of it, cuts off the torn tail of a crash and returns a corruption error
// when anything that had been synced is damaged or missing: then the replica
// must not take part until it was repaired from its peers.
func Open(opts Options) (*Log, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	l := &Log{opts: opts, wake: make(chan struct{}, 1), failed: make(chan struct{})}
	l.mu.room = make(chan struct{})
	l.groupsMu.groups = map[base.GroupID]*Group{}
	l.w.log, l.cache.limit = l, opts.CacheBytes
	l.spare = newSpare(l)
	if err := l.open(); err != nil {
		return nil, errors.Join(err, l.finish())
	}
	l.wg.Go(l.spare.run)
	if err := l.w.start(); err != nil {
		l.spare.stop()
		return nil, errors.Join(err, l.finish())
	}
	l.wg.Go(func() {
		l.w.run()
		l.spare.stop() // not before: the last batch may need it
	})
	return l, nil
}

// Append makes ws durable, together with whatever else is queued. On success
// it was synced, or written: see Options.SyncEvery. A group may appear once in
// ws. With an empty ws it waits until everything queued before is durable.
//
// It blocks while the queue is full. When ctx ends first the outcome is
// unknown. An error of base.ClassOverload means the disk is full: nothing is
// lost, the same append may be repeated. Other errors of valid input wrap
// ErrPoisoned or mean that the log is closed.
func (l *Log) Append(ctx context.Context, ws []Write) error {
	done := make(chan error, 1)
	if err := l.AppendAsync(ctx, ws, func(err error) { done <- err }); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("append to log: %w", ctx.Err())
	}
}

// AppendAsync is Append without the waiting: done is called once, by the
// writer goroutine, and must not block. ctx covers only the wait for room in
// the queue. After an error done is not called. Appends of one goroutine are
// written in their order.
func (l *Log) AppendAsync(ctx context.Context, ws []Write, done func(error)) error {
	var bytes int64
	for i := range ws {
		n, err := l.checkWrite(&ws[i])
		if err != nil {
			return err
		}
		bytes += n
	}
	return l.enqueue(ctx, request{writes: ws, bytes: bytes, done: done})
}

// checkWrite checks what needs no knowledge of the log and returns the bytes
// of the records.
func (l *Log) checkWrite(w *Write) (int64, error) {
	if w.Group == 0 {
		return 0, base.Errorf(base.ClassInvalid, "log: group 0")
	}
	limit := l.opts.SegmentBytes / 4
	bytes := recordBytes(len(w.Meta)) + 2*recordBytes(8)
	if bytes > limit {
		return 0, base.Errorf(base.ClassTooLarge, "log: metadata of %d bytes exceed a quarter of the segment size %d", len(w.Meta), l.opts.SegmentBytes)
	}
	for i := range w.Entries {
		e := &w.Entries[i]
		if e.Term == 0 || e.Index == 0 || e.Index == math.MaxUint64 || e.Index != w.Entries[0].Index+uint64(i) {
			return 0, base.Errorf(base.ClassInvalid, "log: group %d: entry %d has index %d and term %d", w.Group, i, e.Index, e.Term)
		}
		n := recordBytes(len(e.Data))
		if n > limit {
			return 0, base.Errorf(base.ClassTooLarge, "log: entry of %d bytes exceeds a quarter of the segment size %d", len(e.Data), l.opts.SegmentBytes)
		}
		bytes += n
	}
	return bytes, nil
}

// MaxEntryBytes returns the most data an entry may have.
func (l *Log) MaxEntryBytes() int { return int(l.opts.SegmentBytes/4) - headBytes - recordAlign }

// Compact says that entries up to index of a group are not needed any more.
// It returns before the fact is durable; FirstIndex moves, and segment files
// go, when it is. Compacting less than before does nothing.
func (l *Log) Compact(id base.GroupID, index uint64) error {
	g := l.Group(id)
	term, err := g.Term(index)
	switch {
	case errors.Is(err, ErrCompacted) || index == g.Compacted().Index:
		return nil
	case err != nil:
		return base.Errorf(base.ClassInvalid, "log: group %d: compact to %d, last is %d", id, index, g.LastIndex())
	}
	return l.enqueue(context.Background(), request{
		compact: id, upTo: base.Position{Term: term, Index: index}, done: func(error) {},
	})
}

// Forget removes a group with all its entries: the replica left this node for
// good. It returns when that is durable.
func (l *Log) Forget(ctx context.Context, id base.GroupID) error {
	done := make(chan error, 1)
	if err := l.enqueue(ctx, request{forget: id, done: func(err error) { done <- err }}); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("forget group %d: %w", id, ctx.Err())
	}
}

// Group returns the reader of a group; an unknown one is empty.
func (l *Log) Group(id base.GroupID) *Group {
	l.groupsMu.RLock()
	g := l.groupsMu.groups[id]
	l.groupsMu.RUnlock()
	if g != nil {
		return g
	}
	l.groupsMu.Lock()
	defer l.groupsMu.Unlock()
	if g = l.groupsMu.groups[id]; g == nil {
		g = newGroup(l, id)
		l.groupsMu.groups[id] = g
	}
	return g
}

// Groups returns the ids of the groups that have durable records, ascending.
func (l *Log) Groups() []base.GroupID {
	var ids []base.GroupID
	for _, g := range l.allGroups() {
		g.mu.RLock()
		if g.mu.known {
			ids = append(ids, g.id)
		}
		g.mu.RUnlock()
	}
	return ids
}

// allGroups returns every group ever asked for, ascending by id.
func (l *Log) allGroups() []*Group {
	l.groupsMu.RLock()
	defer l.groupsMu.RUnlock()
	byID := func(a, b *Group) int { return cmp.Compare(a.id, b.id) }
	return slices.SortedFunc(maps.Values(l.groupsMu.groups), byID)
}

// Pin names a group that keeps the oldest segment alive.
type Pin struct {
	Group base.GroupID
	// Index is the group's last entry in the oldest segment: compacting up to
	// it lets the segment go, as far as this group is concerned.
	Index uint64
}

// OldestPinned returns the groups that need entries of the oldest segment,
// and the bytes of all segments. Nothing is pinned while only the segment
// being written is left. The engine flushes the groups named, so that a slow
// one does not keep the whole log.
func (l *Log) OldestPinned() (pins []Pin, logBytes int64) {
	l.segmentsMu.RLock()
	segments := l.segmentsMu.segments
	oldest := uint32(segments[0].number)
	for _, s := range segments {
		logBytes += s.capacity
	}
	l.segmentsMu.RUnlock()
	if len(segments) == 1 {
		return nil, logBytes
	}
	inOldest := func(at location, s uint32) int {
		if at.segment <= s {
			return -1
		}
		return 1
	}
	for _, g := range l.allGroups() {
		g.mu.RLock()
		n, _ := slices.BinarySearchFunc(g.mu.entries, oldest, inOldest)
		if n > 0 {
			pins = append(pins, Pin{Group: g.id, Index: g.mu.first + uint64(n) - 1})
		}
		g.mu.RUnlock()
	}
	return pins, logBytes
}

// Pressure returns an overload error while the next segment cannot be
// prepared, mostly because the disk is full. The log still takes what fits
// into the current segment; whoever can refuse work should do so now. Each
// call starts another try, so pressure ends by itself.
func (l *Log) Pressure() error { return l.spare.pressure() }

// Failed is closed when the log is poisoned: Err says why. The process
// should then end, and start again from what is durable.
func (l *Log) Failed() <-chan struct{} { return l.failed }

// Err returns the error that poisoned the log, nil while it is healthy.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if errors.Is(l.mu.err, ErrPoisoned) {
		return l.mu.err
	}
	return nil
}

// Close writes what is queued, seals the log and closes its files. It returns
// the error that poisoned the log, if one did. Readers must be done.
func (l *Log) Close() error {
	l.mu.Lock()
	closing := l.mu.closing
	l.mu.closing = true
	l.mu.Unlock()
	if closing {
		return base.Errorf(base.ClassUnavailable, "log is closed")
	}
	l.signal()
	return errors.Join(l.finish(), l.Err())
}

// finish waits for the goroutines and closes what open opened.
func (l *Log) finish() error {
	l.wg.Wait()
	errs := []error{l.spare.close()}
	for _, s := range l.segmentsMu.segments {
		errs = append(errs, s.close())
	}
	if l.lock != nil {
		errs = append(errs, l.lock.Close())
	}
	return errors.Join(errs...)
}

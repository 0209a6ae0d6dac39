package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/catalog"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/wal"
)

// Reader shows the tablets of a directory that another process writes. It writes
// nothing there and takes no lock. Its methods are safe for concurrent use.
//
//	log ──wal.Tail──► entries by tablet ──┐
//	                                      ├─► columnar.Follower ─► View
//	manifests, parts ─────────────────────┘
//
// A view holds every write that was acknowledged Options.TickEvery before it was
// asked for, and mostly much more: refreshes come twice as often, and a view that
// would be older waits for one. A view is refused, not old, when its refresh
// fails.
type Reader struct {
	o Options

	// refreshing serialises refreshes. It guards tail and last, and of each
	// followed tablet log and covered.
	refreshing sync.Mutex
	tail       *wal.Tail
	last       map[base.GroupID]uint64 // newest entry of each log

	mu struct {
		sync.Mutex
		tablets map[base.TabletID]*followed
		asOf    time.Time // when the last refresh that succeeded began
		err     error     // of the last refresh
	}

	failed   chan struct{} // never closed: it can always try again
	stopOnce sync.Once
	stop     chan struct{}
	wg       sync.WaitGroup
}

// followed is a tablet and what the log says of it.
type followed struct {
	*columnar.Follower
	group   base.GroupID
	log     []columnar.Committed // ascending
	covered uint64               // index up to which parts hold everything
}

// NewReader returns a reader of the directory. Of the options it needs FS, Dir,
// Layouts and Jobs; Cache, Events, Logger, Clock and TickEvery mean what they do
// for a node, the others nothing. Tablets are added by Host.
func NewReader(o Options) (*Reader, error) {
	o = o.withDefaults()
	if o.Node == 0 {
		o.Node = 1 // a reader is nobody: it has no identity to check
	}
	if err := o.validate(); err != nil {
		return nil, err
	}
	r := &Reader{o: o, tail: wal.NewTail(o.FS, o.logDir()), failed: make(chan struct{}), stop: make(chan struct{})}
	r.mu.tablets = make(map[base.TabletID]*followed)
	return r, nil
}

// Host adds the group's tablets that are not there yet, and brings its TTL up to
// date. Replication groups with more than one replica are refused: what of their
// logs is committed only their leader knows.
func (r *Reader) Host(g catalog.Group, tablets *catalog.TabletMap) error {
	if g.Replicas > 1 {
		return base.Errorf(base.ClassInvalid, "group %q has %d replicas: only a node alone can be read by another process", g.Name, g.Replicas)
	}
	r.refreshing.Lock()
	defer r.refreshing.Unlock()
	for i := range tablets.Len() {
		t := tablets.At(i)
		if f := r.tablet(t.ID); f != nil {
			f.SetTTL(g.TTL)
			continue
		}
		o, err := r.o.tablet(g, t.ID)
		if err != nil {
			return err
		}
		follower, err := columnar.Follow(o)
		if err != nil {
			return err
		}
		f := &followed{Follower: follower, group: t.ReplicationGroup}
		if f.covered, err = f.Refresh(nil, 0); err != nil { // spares decoding what is in parts
			return errors.Join(err, f.Close())
		}
		r.mu.Lock()
		r.mu.tablets[t.ID] = f
		r.mu.asOf = time.Time{}
		r.mu.Unlock()
		r.tail.Close() // it has passed what the tablet needs
	}
	return nil
}

func (r *Reader) tablet(id base.TabletID) *followed {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.tablets[id]
}

// Start reads the log and begins to follow it.
func (r *Reader) Start(context.Context) error {
	if err := r.upToDate(); err != nil {
		return err
	}
	r.wg.Go(func() {
		tick := time.NewTicker(max(r.o.TickEvery/2, time.Millisecond))
		defer tick.Stop()
		for {
			select {
			case <-r.stop:
				return
			case <-tick.C:
				r.refreshing.Lock()
				_ = r.refreshLocked() // noted: views and Ready tell it
				r.refreshing.Unlock()
			}
		}
	})
	return nil
}

// upToDate refreshes unless that was done a moment ago.
func (r *Reader) upToDate() error {
	if r.isFresh() {
		return nil
	}
	r.refreshing.Lock()
	defer r.refreshing.Unlock()
	if r.isFresh() { // another one was faster
		return nil
	}
	select {
	case <-r.stop:
		return base.Errorf(base.ClassUnavailable, "the reader is closed") // and opens no file again
	default:
		return r.refreshLocked()
	}
}

func (r *Reader) isFresh() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	age := r.o.Clock().Sub(r.mu.asOf)
	return !r.mu.asOf.IsZero() && age >= 0 && age <= r.o.TickEvery
}

// refreshLocked brings every tablet up to date. The caller holds refreshing.
func (r *Reader) refreshLocked() error {
	began := r.o.Clock()
	err := r.follow()
	r.mu.Lock()
	was := r.mu.err
	if r.mu.err = err; err == nil {
		r.mu.asOf = began
	}
	r.mu.Unlock()
	switch {
	case err != nil && was == nil:
		r.o.Logger.Warn("cannot follow the writing process, queries are refused", slog.Any("err", err))
	case err == nil && was != nil:
		r.o.Logger.Info("the writing process is followed again")
	}
	return err
}

// follow reads the log first: whatever it lacks then, newer manifests have. Where
// that is not so, the directory was repaired a moment ago: the log is read anew.
func (r *Reader) follow() error {
	err := r.followOnce()
	if errors.Is(err, columnar.ErrLogTooShort) {
		r.tail.Close()
		err = r.followOnce()
	}
	return err
}

func (r *Reader) followOnce() error {
	if err := r.tail.Read(r.forget, r.note); err != nil {
		return fmt.Errorf("log: %w", err)
	}
	for _, f := range r.all() {
		covered, err := f.Refresh(f.log, f.covered)
		if err != nil {
			return err
		}
		f.covered = covered
		at := 0
		for at < len(f.log) && f.log[at].Pos.Index <= covered {
			at++
		}
		if at > 0 {
			f.log = slices.Clone(f.log[at:]) // lets go of what is in parts
		}
	}
	return nil
}

func (r *Reader) all() map[base.TabletID]*followed {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.mu.tablets)
}

// forget drops everything: the log is read from its start.
func (r *Reader) forget() {
	r.last = make(map[base.GroupID]uint64)
	for _, f := range r.all() {
		f.log, f.covered = nil, f.Covered()
	}
}

// note keeps what a record says of tablets. Alone, a node commits what its log
// holds; only what was not acknowledged is ever replaced.
func (r *Reader) note(rec wal.Record) error {
	tablets := r.mu.tablets // only Host changes it, which excludes refreshes
	if rec.Kind != wal.KindEntry || rec.Index <= r.last[rec.Group] {
		for _, f := range tablets {
			if f.group == rec.Group {
				f.cut(rec)
			}
		}
	}
	if r.last[rec.Group] = rec.Index; rec.Kind != wal.KindEntry || rec.Type != 0 || len(rec.Data) == 0 {
		return nil // not a command
	}
	if !r.wants(rec.Group, rec.Index) {
		return nil // all of it is in parts
	}
	writes, err := decodeCommand(bytes.Clone(rec.Data))
	if err != nil {
		return fmt.Errorf("entry %d of group %d: %w", rec.Index, rec.Group, err)
	}
	for _, w := range writes {
		f := tablets[w.Tablet]
		if f != nil && f.group == rec.Group && f.covered < rec.Index {
			f.log = append(f.log, columnar.Committed{Pos: base.Position{Term: rec.Term, Index: rec.Index}, Batch: w.Batch})
		}
	}
	return nil
}

// wants tells whether a tablet may lack the rows of an entry.
func (r *Reader) wants(group base.GroupID, index uint64) bool {
	for _, f := range r.mu.tablets {
		if f.group == group && f.covered < index {
			return true
		}
	}
	return false
}

// cut drops the entries that the record replaces.
func (f *followed) cut(rec wal.Record) {
	if rec.Kind != wal.KindEntry {
		f.log = nil
		return
	}
	at, _ := slices.BinarySearchFunc(f.log, rec.Index, func(c columnar.Committed, index uint64) int {
		return int(min(max(int64(c.Pos.Index-index), -1), 1))
	})
	f.log = slices.Clone(f.log[:at]) // a view may have the rest
}

// View returns the tablet as of at most Options.TickEvery ago. The caller closes
// it.
func (r *Reader) View(ctx context.Context, id base.TabletID) (*columnar.View, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := r.upToDate(); err != nil {
		return nil, err
	}
	f := r.tablet(id)
	if f == nil {
		return nil, base.Errorf(base.ClassUnavailable, "tablet %d is not in this directory's catalog", id)
	}
	return f.Tablet().View()
}

// Tablets returns the tablets, for metrics.
func (r *Reader) Tablets() map[base.TabletID]*columnar.Tablet {
	out := make(map[base.TabletID]*columnar.Tablet)
	for id, f := range r.all() {
		out[id] = f.Tablet()
	}
	return out
}

// Ready says why queries are refused, or nil.
func (r *Reader) Ready() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.err
}

// errReadOnly answers everything that would change the directory.
func errReadOnly() error {
	return base.Errorf(base.ClassConflict, "this process is read-only (storage.read_only): another one writes this data directory, ask that")
}

// Write refuses.
func (r *Reader) Write(context.Context, base.GroupID, []TabletBatch) error { return errReadOnly() }

// Flush refuses.
func (r *Reader) Flush(context.Context) error { return errReadOnly() }

// Compact refuses.
func (r *Reader) Compact(context.Context) error { return errReadOnly() }

// Purge refuses.
func (r *Reader) Purge(context.Context, ...base.TabletID) error { return errReadOnly() }

// UnappliedBytes is zero: a reader takes nothing.
func (r *Reader) UnappliedBytes() int64 { return 0 }

// Failed is never closed: what fails is tried again.
func (r *Reader) Failed() <-chan struct{} { return r.failed }

// Err waits for what never comes, as Failed does.
func (r *Reader) Err() error {
	<-r.failed
	return nil
}

// Close ends the following and releases the files. A second Close does nothing.
func (r *Reader) Close() error {
	var errs []error
	r.stopOnce.Do(func() {
		close(r.stop)
		r.wg.Wait()
		r.refreshing.Lock()
		defer r.refreshing.Unlock()
		r.tail.Close()
		for _, f := range r.all() {
			errs = append(errs, f.Close())
		}
	})
	return errors.Join(errs...)
}

package columnar

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/jobs"
	"github.com/pandodb/pando/internal/manifest"
	"github.com/pandodb/pando/internal/memtable"
	"github.com/pandodb/pando/internal/part"
	"github.com/pandodb/pando/internal/selfmon"
)

// identityRows is how many identities are handed to a part writer at once.
const identityRows = 4096

// scheduleFlush asks for a flush; a full queue is asked again by Tick.
func (t *Tablet) scheduleFlush() { _, _ = t.scope.Submit(t.flushJob()) }

func (t *Tablet) flushJob() jobs.Job {
	return jobs.Job{Kind: jobs.Flush, Run: func(ctx context.Context) error {
		err := t.flushAll(ctx)
		if err != nil && ctx.Err() == nil {
			t.o.Events.BackgroundError(selfmon.BackgroundError{Tablet: t.o.ID, Op: selfmon.OpFlush, Err: err})
		}
		return err
	}}
}

// flushAll flushes sealed memtables, oldest first, until none is left.
func (t *Tablet) flushAll(ctx context.Context) error {
	t.flushing.Lock()
	defer t.flushing.Unlock()
	for {
		t.mu.Lock()
		var m *memtable.Table
		if len(t.mu.sealed) > 0 {
			m = t.mu.sealed[0]
		}
		t.mu.Unlock()
		if m == nil {
			return nil
		}
		if err := errors.Join(ctx.Err(), t.Err()); err != nil {
			return err
		}
		if err := t.flush(m); errors.Is(err, errOvertaken) {
			continue // by a purge: its rows are gone
		} else if err != nil {
			return err
		}
		t.o.OnFlushed()
		t.scheduleMerges(t.o.Clock(), false)
	}
}

// flush writes one part per segment and publishes them in one edit.
func (t *Tablet) flush(m *memtable.Table) error {
	began := t.o.Clock()
	view := m.View()
	var added []newPart
	for _, seg := range t.segmentsOf(view.Runs) {
		p, err := t.flushSegment(seg, view.Runs)
		if err != nil {
			return errors.Join(err, discard(added, err))
		}
		if p != nil {
			added = append(added, newPart{seg, p})
		}
	}
	err := t.o.BeforeDurable()
	if err == nil {
		err = t.apply(change{add: added, flushed: m})
	}
	if err != nil {
		return errors.Join(err, discard(added, err))
	}
	t.mem.forget()
	now := t.o.Clock()
	t.mu.Lock()
	for _, n := range added {
		t.mu.flushed[n.segment.Start] = now
	}
	t.mu.Unlock()
	for _, n := range added {
		meta := n.part.Meta()
		t.o.Events.FlushDone(selfmon.FlushDone{Tablet: t.o.ID, Part: meta.ID, Rows: int64(meta.Rows), Bytes: meta.Bytes, Dur: now.Sub(began)})
	}
	return nil
}

// discard closes parts that did not become live because of why, and removes them
// unless the manifest on disk may name them.
func discard(added []newPart, why error) error {
	var errs []error
	for _, n := range added {
		if !errors.Is(why, manifest.ErrInDoubt) {
			n.part.SetObsolete()
		}
		errs = append(errs, n.part.Unref())
	}
	return errors.Join(errs...)
}

// segmentsOf returns the segments that the runs' rows lie in, ascending, without
// those already past retention.
func (t *Tablet) segmentsOf(runs []*memtable.Run) []base.TimeRange {
	deadline := t.deadline(t.o.Clock())
	seen := make(map[int64]bool)
	var out []base.TimeRange
	for _, run := range runs {
		var last base.TimeRange // rows of a batch mostly share a segment
		for _, at := range run.Times {
			if last.Contains(at) {
				continue
			}
			last = t.o.segmentOf(at)
			if !seen[last.Start] && last.End > deadline {
				seen[last.Start] = true
				out = append(out, last)
			}
		}
	}
	return out
}

// flushSegment writes the segment's rows into a part and opens it. It returns
// nil when no row is left.
func (t *Tablet) flushSegment(seg base.TimeRange, runs []*memtable.Run) (*part.Part, error) {
	sorted := memtable.Sort(runs, seg, t.o.Layout.Rule)
	if sorted.Rows() == 0 {
		return nil, nil
	}
	id := t.newPartID()
	w, err := t.newWriter(seg, id, sorted.Rows(), t.blockRows(rowBytes(runs)))
	if err != nil {
		return nil, err
	}
	tee := t.digestTee(0, sorted.Rows())
	err = writeSorted(w, sorted, tee)
	if err == nil {
		err = writeProjections(w, t.o.Layout, func(refs []column.Ref) ([]Tuple, error) {
			return tuplesOfRuns(t.o.Layout, runs, seg, refs)
		})
	}
	if err == nil {
		err = tee.finish(w)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("flush part %v: %w", id, err), w.Abort())
	}
	if _, err := w.Finish(); err != nil {
		return nil, fmt.Errorf("flush part %v: %w", id, err)
	}
	tee.remember(&t.digests, id)
	return t.openNew(seg, id)
}

// openNew opens a part just written; one that cannot be opened is removed.
func (t *Tablet) openNew(seg base.TimeRange, id base.PartID) (*part.Part, error) {
	p, err := t.openPart(seg.Start, id)
	if err != nil {
		return nil, errors.Join(err, t.o.FS.RemoveAll(t.partDir(seg.Start, id)))
	}
	return p, nil
}

// blockBytes is the aim for a block's rows in memory: what a reader of one row
// decodes at worst, and far above a block of ordinary rows.
const blockBytes = 4 << 20

// blockRows returns the rows per block for rows of that many bytes in memory.
func (t *Tablet) blockRows(rowBytes int) int {
	return max(min(blockBytes/max(rowBytes, 1), t.layoutBlockRows()), 1)
}

// rowBytes returns the mean memory of the runs' rows.
func rowBytes(runs []*memtable.Run) int {
	bytes, rows := 0, 0
	for _, r := range runs {
		bytes, rows = bytes+r.SizeBytes(), rows+r.Rows
	}
	return bytes / max(rows, 1)
}

func (t *Tablet) layoutBlockRows() int {
	if n := t.o.Layout.BlockRows; n > 0 {
		return n
	}
	return 1024
}

// newWriter returns the writer of a part of so many rows.
func (t *Tablet) newWriter(seg base.TimeRange, id base.PartID, rows, blockRows int) (*part.Writer, error) {
	dir := t.partDir(seg.Start, id)
	if err := makeDir(t.o.FS, t.o.FS.PathDir(dir)); err != nil {
		return nil, err
	}
	return part.NewWriter(part.WriterOptions{
		FS: t.o.FS, Dir: dir, Tablet: t.o.ID, ID: id, Layout: t.o.Layout, Wide: rows >= t.o.WideRows, BlockRows: blockRows,
	})
}

// writeSorted sends sorted memtable rows to the writer: identities first, then
// column by column. On the way tee keeps what it needs.
func writeSorted(w *part.Writer, s *memtable.Sorted, tee *digestTee) error {
	var id column.Identity
	for lo := 0; lo < s.Rows(); lo += identityRows {
		s.Identity(&id, lo, min(lo+identityRows, s.Rows()))
		if err := w.AddRows(&id); err != nil {
			return err
		}
		tee.Rows(&id)
	}
	if err := w.FinishRows(); err != nil {
		return err
	}
	for _, c := range s.Columns() {
		cw, err := w.Column(c)
		if err != nil {
			return err
		}
		if err := s.WriteColumn(c, tee.Sink(c, cw)); err != nil {
			return fmt.Errorf("column %v: %w", c, err)
		}
		if err := cw.Close(); err != nil {
			return fmt.Errorf("column %v: %w", c, err)
		}
	}
	return nil
}

// scheduleRetention drops segments that ended more than the TTL ago.
func (t *Tablet) scheduleRetention(now time.Time) {
	if t.ttl.Load() == 0 || len(t.expired(now)) == 0 {
		return
	}
	_, _ = t.scope.Submit(jobs.Job{Kind: jobs.Retention, Run: func(context.Context) error {
		return t.dropExpired(t.o.Clock())
	}})
}

// expired returns the starts of the segments to drop, those too that have only
// damaged parts left.
func (t *Tablet) expired(now time.Time) []int64 {
	deadline := t.deadline(now)
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []int64
	for _, g := range t.mu.cur.snap.Segments {
		if g.End <= deadline {
			out = append(out, g.Start)
		}
	}
	for _, q := range t.mu.cur.snap.Quarantined {
		if t.o.segmentOf(q.Segment).End <= deadline && !slices.Contains(out, q.Segment) {
			out = append(out, q.Segment)
		}
	}
	return out
}

// dropExpired removes expired segments whole. Their files go with the last
// reader.
func (t *Tablet) dropExpired(now time.Time) error {
	drop := t.expired(now)
	if len(drop) == 0 {
		return nil
	}
	t.mu.Lock()
	var events []selfmon.SegmentDropped
	for _, g := range t.mu.cur.snap.Segments {
		if !slices.Contains(drop, g.Start) {
			continue
		}
		e := selfmon.SegmentDropped{Tablet: t.o.ID, Segment: base.TimeRange{Start: g.Start, End: g.End}, Parts: len(g.Parts)}
		for _, p := range g.Parts {
			e.Bytes += p.Bytes
		}
		events = append(events, e)
		delete(t.mu.flushed, g.Start)
	}
	t.mu.Unlock()
	if err := t.apply(change{drop: drop}); err != nil {
		t.o.Events.BackgroundError(selfmon.BackgroundError{Tablet: t.o.ID, Op: selfmon.OpRetention, Err: err})
		return err
	}
	for _, e := range events {
		t.o.Events.SegmentDropped(e)
	}
	return nil
}

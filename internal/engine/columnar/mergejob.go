package columnar

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/jobs"
	"github.com/pandodb/pando/internal/manifest"
	"github.com/pandodb/pando/internal/merge"
	"github.com/pandodb/pando/internal/mergepolicy"
	"github.com/pandodb/pando/internal/part"
	"github.com/pandodb/pando/internal/selfmon"
)

// smallMergeRows is the size up to which a merge takes about a second.
const smallMergeRows = 250_000

// scheduleMerges submits a merge job for every segment that has something to
// merge. The job picks its inputs when it starts.
func (t *Tablet) scheduleMerges(now time.Time, force bool) {
	t.mu.Lock()
	segments := t.mu.cur.snap.Segments
	t.mu.Unlock()
	for i := range segments {
		pick, ok := t.pick(&segments[i], now, force)
		if !ok {
			continue
		}
		job := t.mergeJob(segments[i].Start, force)
		if pick.Rows > smallMergeRows {
			job.Kind = jobs.MergeLarge
		}
		_, _ = t.scope.Submit(job) // a full queue is asked again by Tick
	}
}

// mergeable returns a segment that has something to merge.
func (t *Tablet) mergeable(now time.Time, force bool) (segment int64, ok bool) {
	t.mu.Lock()
	segments := t.mu.cur.snap.Segments
	t.mu.Unlock()
	for i := range segments {
		if _, ok := t.pick(&segments[i], now, force); ok {
			return segments[i].Start, true
		}
	}
	return 0, false
}

// pick asks the policy. A segment is quiet when nothing was flushed into it for
// a while, or when force says so.
func (t *Tablet) pick(g *manifest.Segment, now time.Time, force bool) (mergepolicy.Pick, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	parts := make([]mergepolicy.Part, len(g.Parts))
	for i, p := range g.Parts {
		parts[i] = mergepolicy.Part{ID: p.ID, Level: p.Level, Rows: p.Rows, Busy: t.mu.busy[p.ID]}
	}
	last, ok := t.mu.flushed[g.Start]
	if !ok {
		last = t.began // nobody knows: as good as a flush
	}
	quiet := force || now.Sub(last) >= t.o.QuietAfter
	return mergepolicy.Next(parts, t.o.Merge, quiet)
}

func (t *Tablet) mergeJob(segment int64, force bool) jobs.Job {
	return jobs.Job{Kind: jobs.MergeSmall, Key: segmentDir(segment), Run: func(ctx context.Context) error {
		err := t.mergeSegment(ctx, segment, force)
		if err != nil && ctx.Err() == nil {
			t.o.Events.BackgroundError(selfmon.BackgroundError{Tablet: t.o.ID, Op: selfmon.OpMerge, Err: err})
		}
		return err
	}}
}

// mergeSegment runs the segment's next merge and schedules the one after.
func (t *Tablet) mergeSegment(ctx context.Context, start int64, force bool) error {
	view, err := t.View()
	if err != nil {
		return err
	}
	defer view.Close()
	seg, ok := view.segment(start)
	if !ok {
		return nil
	}
	pick, ok := t.claim(seg, force)
	if !ok {
		return nil
	}
	defer t.unclaim(pick)
	began := t.o.Clock()
	inputs := make([]*part.Part, len(pick.Inputs))
	done := selfmon.MergeDone{Tablet: t.o.ID, Inputs: pick.Inputs, Level: pick.Level}
	for i, id := range pick.Inputs {
		inputs[i] = view.version.parts[id]
		done.BytesIn += inputs[i].Meta().Bytes
	}
	out, err := t.merge(ctx, base.TimeRange{Start: seg.Start, End: seg.End}, inputs, pick)
	if errors.Is(err, errOvertaken) {
		return nil // the next merge finds what there is
	}
	if err != nil {
		return err
	}
	meta := out.Meta()
	done.Output, done.Rows, done.BytesOut = meta.ID, int64(meta.Rows), meta.Bytes
	done.Dur = t.o.Clock().Sub(began)
	t.o.Events.MergeDone(done)
	t.scheduleMerges(t.o.Clock(), false)
	return nil
}

// claim picks inputs and marks them busy.
func (t *Tablet) claim(seg *manifest.Segment, force bool) (mergepolicy.Pick, bool) {
	pick, ok := t.pick(seg, t.o.Clock(), force)
	if !ok {
		return pick, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range pick.Inputs {
		if t.mu.busy[id] || t.mu.cur.parts[id] == nil {
			return pick, false // another job was faster; it schedules the next
		}
	}
	for _, id := range pick.Inputs {
		t.mu.busy[id] = true
	}
	return pick, true
}

func (t *Tablet) unclaim(pick mergepolicy.Pick) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range pick.Inputs {
		delete(t.mu.busy, id)
	}
	close(t.mu.idle)
	t.mu.idle = make(chan struct{})
}

// mergeCacheBytes is what a merge keeps of its inputs: page directories and
// dictionaries, which it comes back to for every column.
const mergeCacheBytes = 16 << 20

// output is a part being merged into.
type output struct {
	*part.Writer
	segment int64
	digest  *digestTee
}

// mergeInto reads the inputs past the node's page cache, which serves queries
// better: a merge reads each page once.
func (t *Tablet) mergeInto(ctx context.Context, out output, inputs []*part.Part) (err error) {
	cache := part.NewCache(mergeCacheBytes)
	once := make([]*part.Part, 0, len(inputs))
	defer func() {
		for _, p := range once {
			err = errors.Join(err, p.Unref())
		}
	}()
	for _, in := range inputs {
		id := in.Meta().ID
		p, err := part.Open(part.OpenOptions{FS: t.o.FS, Dir: t.partDir(out.segment, id), Layout: t.o.Layout, Cache: cache})
		if err != nil {
			return &merge.InputError{Part: id, Err: err}
		}
		once = append(once, p)
	}
	job := merge.Job{Layout: t.o.Layout, Inputs: once}
	if out.digest != nil {
		job.Tee = out.digest
	}
	if err := job.Run(ctx, out.Writer); err != nil {
		return err
	}
	err = writeProjections(out.Writer, t.o.Layout, func(refs []column.Ref) ([]Tuple, error) {
		return t.tuplesOfParts(ctx, inputs, refs)
	})
	if err != nil {
		return err
	}
	return out.digest.finish(out.Writer)
}

// decodedShare is how much larger rows are in memory than on disk, in round
// figures: 40 bytes of a span decode to some 200.
const decodedShare = 5

// merge writes the merged part and swaps it for its inputs. A damaged input is
// set aside; the others stay as they are.
func (t *Tablet) merge(ctx context.Context, seg base.TimeRange, inputs []*part.Part, pick mergepolicy.Pick) (*part.Part, error) {
	if err := t.Err(); err != nil {
		return nil, err
	}
	id := t.newPartID()
	bytes := int64(0)
	for _, p := range inputs {
		bytes += p.Meta().Bytes
	}
	w, err := t.newWriter(seg, id, pick.Rows, t.blockRows(int(bytes/int64(max(pick.Rows, 1)))*decodedShare))
	if err != nil {
		return nil, err
	}
	tee := t.digestTee(pick.Level, pick.Rows)
	if err := t.mergeInto(ctx, output{w, seg.Start, tee}, inputs); err != nil {
		err = errors.Join(fmt.Errorf("merge into part %v: %w", id, err), w.Abort())
		var bad *merge.InputError
		if errors.As(err, &bad) && base.IsCorruption(err) {
			err = errors.Join(err, t.quarantine(bad.Part, err))
		}
		return nil, err
	}
	if _, err := w.Finish(); err != nil {
		return nil, fmt.Errorf("merge into part %v: %w", id, err)
	}
	out, err := t.openNew(seg, id)
	if err != nil {
		return nil, err
	}
	tee.remember(&t.digests, id)
	if err := t.apply(change{add: []newPart{{seg, out}}, level: pick.Level, remove: pick.Inputs}); err != nil {
		return nil, errors.Join(err, discard([]newPart{{seg, out}}, err))
	}
	return out, nil
}

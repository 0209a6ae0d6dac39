package columnar

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/selfmon"
)

// failing wraps fs so that every operation of the kind fails while on is set.
type failing struct {
	mu   sync.Mutex
	kind errorfs.OpKind
	path string // part of the path; empty means any
	on   bool
}

func (f *failing) wrap(fs vfs.FS) vfs.FS {
	return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.on && op.Kind == f.kind && strings.Contains(op.Path, f.path) {
			return errorfs.ErrInjected
		}
		return nil
	}))
}

func (f *failing) set(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.on = on
}

// flushed returns a harness with one segment-spanning flush of n rows.
func flushed(t *testing.T, seed uint64, n int) *harness {
	t.Helper()
	h := newHarness(t, seed, column.DropExact)
	h.close()
	h.opts.MemtableBytes = 1 << 30
	h.open()
	h.apply(n)
	if err := h.tablet.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h
}

func onePart(t *testing.T, h *harness) (id base.PartID, dir string) {
	t.Helper()
	g := h.tablet.mu.cur.snap.Segments[0]
	return g.Parts[0].ID, h.tablet.partDir(g.Start, g.Parts[0].ID)
}

// TestQuarantineSurvivesCrash stops between the manifest edit that takes a
// damaged part out of service and the rename that keeps it: the next start must
// set the files aside, not remove them as debris.
func TestQuarantineSurvivesCrash(t *testing.T) {
	h := flushed(t, 1, 100)
	h.close()
	disk := h.fs
	f := failing{kind: errorfs.OpRename}
	h.fs = f.wrap(disk)
	h.open()
	id, dir := onePart(t, h)
	f.path = dir // a rename is named by its old path
	f.set(true)
	if err := h.tablet.quarantine(id, base.Corruptionf("x", 1, "test")); !errors.Is(err, errorfs.ErrInjected) {
		t.Fatalf("quarantine: %v, want the injected failure of the rename", err)
	}
	h.close()
	f.set(false)
	h.fs = disk
	h.open()
	defer h.close()
	aside := disk.PathJoin(h.opts.Dir, quarantineDir, id.String())
	if !isDir(disk, aside) {
		t.Errorf("the damaged part is not under quarantine")
	}
	if names, err := disk.List(aside); err != nil || len(names) < 3 {
		t.Errorf("quarantine holds %v, %v", names, err)
	}
	if n := h.tablet.Stats().Quarantined; n != 1 {
		t.Errorf("%d parts in quarantine", n)
	}
}

// TestQuarantineOnce finds the same damage from many readers at once.
func TestQuarantineOnce(t *testing.T) {
	h := newHarness(t, 1, column.DropExact)
	h.close()
	var events sync.Map
	h.opts.MemtableBytes = 1 << 30
	h.opts.Events = selfmon.Events{PartQuarantined: func(e selfmon.PartQuarantined) {
		if _, twice := events.LoadOrStore(e.Part, true); twice {
			t.Errorf("part %v was reported twice", e.Part)
		}
	}}
	h.open()
	h.apply(100)
	if err := h.tablet.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	id, _ := onePart(t, h)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if err := h.tablet.quarantine(id, base.Corruptionf("x", 1, "test")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := h.tablet.Stats().Quarantined; n != 1 {
		t.Errorf("one damaged part is counted %d times", n)
	}
	h.close()
}

// TestQuarantineExpires forgets a damaged part when its segment expires, also
// when no other part of the segment is left.
func TestQuarantineExpires(t *testing.T) {
	h := flushed(t, 1, 100)
	h.close()
	now := time.Unix(0, testEpoch+testSpan)
	h.opts.TTL, h.opts.Clock = time.Duration(testSpan), func() time.Time { return now }
	h.open()
	defer h.close()
	for _, g := range slices.Clone(h.tablet.mu.cur.snap.Segments) {
		for _, p := range g.Parts {
			if err := h.tablet.quarantine(p.ID, base.Corruptionf("x", 1, "test")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := h.tablet.Stats().Quarantined; n != 3 {
		t.Fatalf("%d parts in quarantine, want 3", n)
	}
	now = now.Add(time.Duration(testSpan) + testInterval)
	if err := h.tablet.dropExpired(now); err != nil {
		t.Fatal(err)
	}
	if n := h.tablet.Stats().Quarantined; n != 0 {
		t.Errorf("answers are still partial for %d parts that expired", n)
	}
}

// TestLostFile removes each file of a part in turn: the tablet opens without the
// part and says so.
func TestLostFile(t *testing.T) {
	h := flushed(t, 1, 100)
	_, dir := onePart(t, h)
	names, err := h.fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	h.close()
	for _, name := range append(names, "") {
		h := flushed(t, 1, 100)
		_, dir := onePart(t, h)
		h.close()
		path := dir
		if name != "" {
			path = h.fs.PathJoin(dir, name)
		}
		if err := h.fs.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		tablet, err := Open(h.opts)
		if err != nil {
			t.Errorf("%q lost: %v", name, err)
			continue
		}
		if n := tablet.Stats().Quarantined; n != 1 {
			t.Errorf("%q lost: %d parts in quarantine", name, n)
		}
		if err := tablet.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestEmptyBatch: a batch without rows must not keep the log.
func TestEmptyBatch(t *testing.T) {
	h := newHarness(t, 1, column.DropExact)
	defer h.close()
	h.tablet.Apply(base.Position{Term: 1, Index: 1}, &column.Batch{})
	if err := h.tablet.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.tablet.SafeIndex(); got != math.MaxUint64 {
		t.Errorf("an empty batch pins the log at %d", got)
	}
}

// TestExtremeTimes keeps rows whose time lies at the ends of what can be told.
func TestExtremeTimes(t *testing.T) {
	for _, at := range []int64{0, 1, math.MaxInt64 - 1, math.MaxInt64 - int64(testInterval), math.MaxInt64/2 + 7} {
		h := newHarness(t, 1, column.DropExact)
		h.close()
		h.opts.MemtableBytes = 1 << 30
		h.open()
		row := randomRow(h.r)
		row.time = at
		h.twin.rows = append(h.twin.rows, row)
		h.log = append(h.log, batchOf(h.twin.rows))
		h.tablet.Apply(base.Position{Term: 1, Index: 1}, h.log[0])
		for _, when := range []string{"in memory", "flushed", "reopened"} {
			view, err := h.tablet.View()
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			err = view.Scan(t.Context(), &ScanRequest{Time: base.AllTime}, func(b *column.Batch) error { n += b.Rows; return nil })
			top, terr := view.TopKeys(t.Context(), &TopRequest{Time: base.AllTime, Limit: 3})
			if err != nil || terr != nil || n != 1 || len(top) != 1 {
				t.Errorf("time %d, %s: %d rows, %d tops, %v, %v", at, when, n, len(top), err, terr)
			}
			view.Close()
			if when == "flushed" {
				h.close()
				h.open()
			} else if err := h.tablet.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		h.close()
	}
}

// TestDropKeepsOthersBusy: dropping an expired segment must not make the live
// ones look quiet, which would rewrite them into final parts.
func TestDropKeepsOthersBusy(t *testing.T) {
	h := newHarness(t, 1, column.DropExact)
	h.close()
	now := time.Unix(0, testEpoch+testSpan)
	h.opts.TTL, h.opts.Clock = time.Duration(testSpan), func() time.Time { return now }
	h.opts.MemtableBytes, h.opts.QuietAfter = 1<<30, time.Hour
	h.opts.Merge.FanIn = 8
	h.open()
	defer h.close()
	for range 2 {
		h.apply(60)
		if err := h.tablet.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(testInterval)
	if err := h.tablet.dropExpired(now); err != nil {
		t.Fatal(err)
	}
	if n := h.tablet.Stats().Segments; n != 2 {
		t.Fatalf("%d segments left", n)
	}
	if _, ok := h.tablet.mergeable(now, false); ok {
		t.Error("a segment that was just written to counts as quiet")
	}
}

// TestReopenedSegmentIsNotQuiet: nobody knows when a segment was last written to
// before a restart, so it counts as busy at first.
func TestReopenedSegmentIsNotQuiet(t *testing.T) {
	h := flushed(t, 1, 60)
	h.apply(60)
	if err := h.tablet.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.close()
	h.opts.Merge.FanIn = 8
	h.open()
	defer h.close()
	if _, ok := h.tablet.mergeable(h.opts.Clock().Add(h.tablet.o.QuietAfter-1), false); ok {
		t.Error("a segment counts as quiet right after the start")
	}
	if _, ok := h.tablet.mergeable(h.opts.Clock().Add(h.tablet.o.QuietAfter), false); !ok {
		t.Error("a segment is never quiet after a restart")
	}
}

// partDirs counts part directories, temporary ones too.
func partDirs(t *testing.T, h *harness) (n int) {
	t.Helper()
	segments, err := h.fs.List(h.opts.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range segments {
		if dir := h.fs.PathJoin(h.opts.Dir, s); isDir(h.fs, dir) {
			names, err := h.fs.List(dir)
			if err != nil {
				t.Fatal(err)
			}
			n += len(names)
		}
	}
	return n
}

// TestFailingFlushLeavesNothing repeats a flush that cannot succeed, as Tick
// does: the disk must not fill with parts that nobody knows.
func TestFailingFlushLeavesNothing(t *testing.T) {
	for _, tt := range []struct {
		name string
		kind errorfs.OpKind
		path string
		most int // directories that may stay
	}{
		{"rename of the manifest", errorfs.OpRename, ".snp", 3}, // in doubt: the first flush's parts may be live
		{"sync of the manifest", errorfs.OpFileSync, ".snp", 0},
		{"open of the new part", errorfs.OpOpen, "metadata.json", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHarness(t, 1, column.DropExact)
			h.close()
			f := failing{kind: tt.kind, path: tt.path}
			h.fs = f.wrap(h.fs)
			h.opts.MemtableBytes = 1 << 30
			h.open()
			defer h.close()
			h.apply(60)
			f.set(true)
			for range 5 {
				if err := h.tablet.Flush(t.Context()); err == nil {
					t.Fatal("flush succeeded")
				}
			}
			if n := partDirs(t, h); n > tt.most {
				t.Errorf("%d part directories after failed flushes", n)
			}
			if h.tablet.SafeIndex() != 0 {
				t.Errorf("safe index %d: the rows are not in parts", h.tablet.SafeIndex())
			}
		})
	}
}

// TestScanFrom starts scans at every key and between keys.
func TestScanFrom(t *testing.T) {
	h := flushed(t, 3, 200)
	defer h.close()
	h.apply(100)
	view, err := h.tablet.View()
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	live := h.twin.live()
	froms := [][]byte{nil, []byte(""), []byte("a"), []byte("zzz")}
	for k := range 26 {
		froms = append(froms, fmt.Appendf(nil, "key-%02d", k), fmt.Appendf(nil, "key-%02d!", k))
	}
	for _, from := range froms {
		var got, want []twinRow
		req := &ScanRequest{Time: base.AllTime, From: from}
		err := view.Scan(t.Context(), req, func(b *column.Batch) error { got = append(got, rowsOf(b)...); return nil })
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range live {
			if r.key >= string(from) {
				want = append(want, r)
			}
		}
		h.compare(fmt.Sprintf("scan from %q", from), got, want)
	}
}

// TestManyEqualIdentities: spans that share trace, time and id but differ must
// not cost a comparison with each other, in memory, in a flush or in a merge.
func TestManyEqualIdentities(t *testing.T) {
	const n = 20_000
	h := newHarness(t, 1, column.DropExact)
	h.close()
	h.opts.MemtableBytes, h.opts.Merge.MaxRows = 1<<30, 10*n
	h.open()
	defer h.close()
	rows := make([]twinRow, n)
	for i := range rows {
		rows[i] = twinRow{key: "k", time: testEpoch, id: 7, cols: map[column.ID]column.Value{colUniq: column.StringValue(fmt.Sprint(i % (n / 2)))}}
	}
	began := time.Now()
	for i := range 2 {
		h.tablet.Apply(base.Position{Term: 1, Index: uint64(i + 1)}, batchOf(rows))
		if err := h.tablet.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	flush := time.Since(began)
	if err := h.tablet.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.tablet.Stats().Rows; got != n/2 {
		t.Errorf("%d rows stay, want %d", got, n/2)
	}
	t.Logf("flush %v, merge %v", flush, time.Since(began)-flush)
}

// TestCloseWithReaders finds damage through a view that outlives the tablet:
// nothing may be written to a closed tablet's directory.
func TestCloseWithReaders(t *testing.T) {
	h := flushed(t, 1, 100)
	view, err := h.tablet.View()
	if err != nil {
		t.Fatal(err)
	}
	id, _ := onePart(t, h)
	epoch := h.tablet.mu.cur.snap.Epoch
	h.close()
	h.close() // a second one does nothing
	if err := h.tablet.quarantine(id, base.Corruptionf("x", 1, "test")); base.ClassOf(err) != base.ClassUnavailable {
		t.Errorf("quarantine after close: %v", err)
	}
	var got []twinRow
	if err := view.Scan(t.Context(), &ScanRequest{Time: base.AllTime}, func(b *column.Batch) error { got = append(got, rowsOf(b)...); return nil }); err != nil {
		t.Errorf("the view of a closed tablet: %v", err)
	}
	h.compare("view after close", got, h.twin.live())
	view.Close()
	h.open()
	if e := h.tablet.mu.cur.snap.Epoch; e != epoch {
		t.Errorf("a closed tablet wrote manifest %d after %d", e, epoch)
	}
	h.close()
}

// TestCancelledReads stop at the next block.
func TestCancelledReads(t *testing.T) {
	h := flushed(t, 1, 300)
	defer h.close()
	view, err := h.tablet.View()
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	ctx := &countdown{Context: t.Context()}
	reads := map[string]func() error{
		"top": func() error {
			// Raw values: every block is read.
			_, err := view.TopKeys(ctx, &TopRequest{Filter: Expr{Op: OpExists, Col: colMany, Tag: "x"}, Time: base.AllTime, Limit: 1})
			return err
		},
		"distinct": func() error {
			_, err := view.Distinct(ctx, []Ref{{Col: colUniq}})
			return err
		},
	}
	for name, read := range reads {
		ctx.left = 1 // lives through the first look, as a part begins
		if err := read(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// countdown is a context that ends after some looks at it.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestDocIndexIsBounded: documents with very many tags are searched without an
// index, and found all the same.
func TestDocIndexIsBounded(t *testing.T) {
	l := testLayout(column.KeepAll)
	var docs column.Dict
	var doc []byte
	for i := range maxIndexedTags {
		doc = fmt.Appendf(doc, "k%d=v;", i)
	}
	docs.Append(doc)
	if x := buildDocIndex(l, colDoc, &docs); len(x) != maxIndexedTags {
		t.Errorf("%d tags are indexed, want %d", len(x), maxIndexedTags)
	}
	docs.Append([]byte("one=more"))
	if x := buildDocIndex(l, colDoc, &docs); x != nil {
		t.Errorf("an index of %d tags was built", len(x))
	}
	x := Expr{Op: OpEqual, Col: colDoc, Tag: "one", Value: column.StringValue("more")}
	if got := matchDocs(l, &docs, nil, &x); !slices.Equal(got, []uint32{1}) {
		t.Errorf("found %v without an index", got)
	}
}

// TestValidate refuses what memtables and parts would answer differently.
func TestValidate(t *testing.T) {
	i, s := column.IntValue(1), column.StringValue("x")
	deep := Expr{}
	for range maxExprDepth + 1 {
		deep = Expr{Op: OpNot, Kids: []Expr{deep}}
	}
	f := func(what string, x Expr, want base.Class) {
		t.Helper()
		req := TopRequest{Filter: x, Limit: 1}
		if err := req.Validate(); err == nil || base.ClassOf(err) != want {
			t.Errorf("%s: %v, want class %v", what, err, want)
		}
	}
	f("depth", deep, base.ClassTooLarge)
	f("nodes", Expr{Op: OpOr, Kids: make([]Expr, maxExprNodes)}, base.ClassTooLarge)
	f("operator", Expr{Op: 99}, base.ClassInvalid)
	f("not of two", Expr{Op: OpNot, Kids: make([]Expr, 2)}, base.ClassInvalid)
	f("no type", Expr{Op: OpExists}, base.ClassInvalid)
	f("document without tag", Expr{Op: OpExists, Col: colDoc}, base.ClassInvalid)
	f("tag of a plain column", Expr{Op: OpExists, Col: colName, Tag: "x"}, base.ClassInvalid)
	f("value of another type", Expr{Op: OpEqual, Col: colName, Value: i}, base.ClassInvalid)
	f("bound of another type", Expr{Op: OpRange, Col: colSize, Lo: &i, Hi: &s}, base.ClassInvalid)
	f("absent documents", Expr{Op: OpRange, Col: colDoc, Tag: "x", ZeroAbsent: true}, base.ClassInvalid)
	for _, req := range []TopRequest{{}, {Limit: 1, By: colName}, {Limit: 1, TieFrom: -1}} {
		if err := req.Validate(); base.ClassOf(err) != base.ClassInvalid {
			t.Errorf("%+v: %v", req, err)
		}
	}
	if err := (&TopRequest{Limit: 1, By: colSize, Filter: Expr{Op: OpRange, Col: colSize, Lo: &i, ZeroAbsent: true}}).Validate(); err != nil {
		t.Error(err)
	}
}

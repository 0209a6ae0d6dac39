package columnar

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// TestAgainstTwin runs random operations under random options and compares
// every kind of answer with the naive model after each step.
func TestAgainstTwin(t *testing.T) {
	for seed := range uint64(60) {
		rule := []column.Rule{column.DropExact, column.KeepAll, column.NewestWins}[seed%3]
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			h := newHarness(t, seed, rule)
			for range 12 {
				h.step(t.Context())
				h.check(t.Context())
			}
			h.close()
		})
	}
}

func (h *harness) step(ctx context.Context) {
	switch h.r.IntN(8) {
	case 0:
		if err := h.tablet.Flush(ctx); err != nil {
			h.t.Fatalf("seed %d: flush: %v", h.seed, err)
		}
	case 1:
		if err := h.tablet.Compact(ctx); err != nil {
			h.t.Fatalf("seed %d: compact: %v", h.seed, err)
		}
	case 2:
		h.close()
		h.open()
	case 3:
		h.tablet.Tick(h.opts.Clock().Add(time.Hour))
	default:
		h.apply(1 + h.r.IntN(120))
	}
}

func (h *harness) check(ctx context.Context) {
	h.t.Helper()
	view, err := h.tablet.View()
	if err != nil {
		h.t.Fatal(err)
	}
	defer view.Close()
	live := h.twin.live()
	h.checkScan(ctx, view, live)
	for range 6 {
		x := randomExpr(h.r, 2)
		tr := randomTimes(h.r)
		h.checkTop(ctx, view, live, x, tr)
	}
	h.checkKeys(ctx, view, live)
	h.checkDistinct(ctx, view, live)
}

func printAll(rows []twinRow) []string {
	out := make([]string, len(rows))
	for i := range rows {
		out[i] = rows[i].print()
	}
	slices.Sort(out) // rows of one identity have no order among themselves
	return out
}

func firstDiff(got, want []string) string {
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			return fmt.Sprintf("at %d:\n got %q\nwant %q", i, got[i:min(i+2, len(got))], want[i:min(i+2, len(want))])
		}
	}
	return "equal"
}

func (h *harness) compare(what string, got, want []twinRow) {
	h.t.Helper()
	if g, w := printAll(got), printAll(want); !slices.Equal(g, w) {
		h.t.Fatalf("seed %d: %s: %d rows, want %d: %s", h.seed, what, len(g), len(w), firstDiff(g, w))
	}
}

func (h *harness) checkScan(ctx context.Context, v *View, live []twinRow) {
	h.t.Helper()
	var got []twinRow
	err := v.Scan(ctx, &ScanRequest{Time: base.AllTime}, func(b *column.Batch) error {
		if err := b.Validate(); err != nil {
			return err
		}
		got = append(got, rowsOf(b)...)
		return nil
	})
	if err != nil {
		h.t.Fatalf("seed %d: scan: %v", h.seed, err)
	}
	h.compare("scan", got, live)
	if !slices.IsSortedFunc(got, func(a, b twinRow) int {
		return slices.Compare([]byte(a.key), []byte(b.key))
	}) {
		h.t.Fatalf("seed %d: scan out of order", h.seed)
	}
}

func (h *harness) checkKeys(ctx context.Context, v *View, live []twinRow) {
	h.t.Helper()
	keys := [][]byte{fmt.Appendf(nil, "key-%02d", h.r.IntN(25)), []byte("missing"), fmt.Appendf(nil, "key-%02d", 25+h.r.IntN(25))}
	cols := []column.ID{colName, colSize, colUser, colDoc}
	req := &ReadRequest{Keys: keys, Time: randomTimes(h.r)}
	if h.r.IntN(2) == 0 {
		req.Columns = cols
	}
	batches, err := v.ReadKeys(ctx, req)
	if err != nil {
		h.t.Fatalf("seed %d: read keys: %v", h.seed, err)
	}
	var got []twinRow
	for _, b := range batches {
		if err := b.Validate(); err != nil || b.Keys.Len() != 1 {
			h.t.Fatalf("seed %d: batch of %d keys: %v", h.seed, b.Keys.Len(), err)
		}
		got = append(got, rowsOf(b)...)
	}
	var want []twinRow
	for _, r := range live {
		if r.key != string(keys[0]) && r.key != string(keys[2]) || !req.Time.Contains(r.time) {
			continue
		}
		if req.Columns != nil {
			p := twinRow{key: r.key, time: r.time, id: r.id, cols: map[column.ID]column.Value{}}
			for _, id := range cols {
				if val, ok := r.cols[id]; ok {
					p.cols[id] = val
				}
			}
			r = p
		}
		want = append(want, r)
	}
	if req.Columns != nil { // rows that differ in other columns only may be one row
		g, w := slices.Compact(printAll(got)), slices.Compact(printAll(want))
		if !slices.Equal(g, w) {
			h.t.Fatalf("seed %d: projected keys: %s", h.seed, firstDiff(g, w))
		}
		return
	}
	h.compare("keys", got, want)
}

func (h *harness) checkDistinct(ctx context.Context, v *View, live []twinRow) {
	h.t.Helper()
	refs := []Ref{{Col: colDoc, Tag: "svc"}, {Col: colName}, {Col: colCode}}
	tuples, err := v.Distinct(ctx, refs)
	if err != nil {
		h.t.Fatalf("seed %d: distinct: %v", h.seed, err)
	}
	if h.twin.rule == column.NewestWins {
		return
	}
	var got, want []string
	for _, x := range tuples {
		got = append(got, fmt.Sprintf("%s/%s/%d:%d", x[0].Bytes, x[1].Bytes, x[2].Type, x[2].Int))
	}
	for _, r := range live {
		svc := r.cols[colDoc].Bytes[len("svc="):len("svc=s0")]
		want = append(want, fmt.Sprintf("%s/%s/%d:%d", svc, r.cols[colName].Bytes, r.cols[colCode].Type, r.cols[colCode].Int))
	}
	slices.Sort(got)
	slices.Sort(want)
	want = slices.Compact(want)
	if !slices.Equal(got, want) {
		h.t.Fatalf("seed %d: distinct: %s", h.seed, firstDiff(got, want))
	}
}

func randomTimes(r *rand.Rand) base.TimeRange {
	if r.IntN(3) == 0 {
		return base.AllTime
	}
	lo := testEpoch + r.Int64N(30)*testSpan/30
	return base.TimeRange{Start: lo, End: lo + 1 + r.Int64N(testSpan)}
}

// TestCrashKeepsFlushed crashes the disk at random moments: what the manifest
// says is flushed must be there, the rest comes back from the log.
func TestCrashKeepsFlushed(t *testing.T) {
	for seed := range uint64(40) {
		h := newHarness(t, seed, column.DropExact)
		h.close()
		mem := vfs.NewCrashableMem()
		h.fs, h.log, h.twin.rows = mem, nil, nil
		h.open()
		for range 10 {
			h.step(t.Context())
			if h.r.IntN(2) == 0 {
				clone := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: h.r.IntN(101), RNG: h.r})
				h.close()
				mem, h.fs = clone, clone
				h.open()
				h.check(t.Context())
			}
		}
		h.check(t.Context())
		h.close()
	}
}

// TestRetention drops a segment whole once its end is a TTL ago, and cuts reads
// at the TTL to the nanosecond before that.
func TestRetention(t *testing.T) {
	h := newHarness(t, 2, column.DropExact)
	h.close()
	now := time.Unix(0, testEpoch+testSpan)
	h.opts.TTL = time.Duration(testSpan)
	h.opts.Clock = func() time.Time { return now }
	h.open()
	h.apply(300)
	if err := h.tablet.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	live := h.twin.live()
	for range 8 {
		now = now.Add(17*time.Second + 1)
		if err := h.tablet.dropExpired(now); err != nil {
			t.Fatal(err)
		}
		view, err := h.tablet.View()
		if err != nil {
			t.Fatal(err)
		}
		live = slices.DeleteFunc(live, func(r twinRow) bool { return r.time < now.UnixNano()-testSpan })
		h.checkScan(t.Context(), view, live)
		h.checkTop(t.Context(), view, live, Expr{}, base.AllTime)
		view.Close()
		names, err := h.fs.List(h.opts.Dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range h.tablet.mu.cur.snap.Segments {
			if g.End <= now.UnixNano()-testSpan {
				t.Errorf("segment that ended at %d is still there", g.End)
			}
		}
		if want := len(h.tablet.mu.cur.snap.Segments) + 1; len(names) > want+1 {
			t.Errorf("%d entries on disk for %d segments: %v", len(names), want-1, names)
		}
	}
	h.close()
}

// TestSafeIndex says what replay needs at every stage of a row's way to disk.
func TestSafeIndex(t *testing.T) {
	h := newHarness(t, 4, column.DropExact)
	defer h.close()
	h.opts.MemtableBytes = 1 << 30
	if got := h.tablet.SafeIndex(); got != math.MaxUint64 {
		t.Errorf("empty tablet: safe index %d", got)
	}
	h.apply(10)
	if got := h.tablet.SafeIndex(); got != 0 && got != math.MaxUint64 {
		t.Errorf("one batch in memory: safe index %d, want 0", got)
	}
	if err := h.tablet.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.tablet.SafeIndex(); got != math.MaxUint64 || h.tablet.FlushedIndex() != 1 {
		t.Errorf("after flush: safe index %d, flushed %d", got, h.tablet.FlushedIndex())
	}
}

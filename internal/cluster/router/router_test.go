package router

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/catalog"
	"github.com/pandodb/pando/internal/cluster/node"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/jobs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	colName = column.ID{Type: column.String, Name: "name"}
	colSize = column.ID{Type: column.Int64, Name: "size"}
)

// fake is a node and a catalog whose tablets take writes without a log.
type fake struct {
	tablets  *catalog.TabletMap
	open     map[base.TabletID]*columnar.Tablet
	mu       sync.Mutex
	index    uint64
	proposed map[base.GroupID]int
	fail     error
}

func newFake(t *testing.T, shards int) *fake {
	t.Helper()
	f := &fake{tablets: tabletMap(t, shards), open: make(map[base.TabletID]*columnar.Tablet), proposed: make(map[base.GroupID]int)}
	pool := jobs.New(jobs.Options{})
	t.Cleanup(pool.Close)
	l := &column.Layout{Name: "test", Families: []column.Family{{Name: "f"}}, Rule: column.DropExact, BlockRows: 16, Digest: rowsDigest}
	for i := range f.tablets.Len() {
		id := f.tablets.At(i).ID
		tablet, err := columnar.Open(columnar.Options{
			FS: vfs.NewMem(), Dir: "t", ID: id, Layout: l, Jobs: pool, SegmentInterval: time.Hour,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = tablet.Close() })
		f.open[id] = tablet
	}
	return f
}

func (f *fake) TabletMap(catalog.GroupID) (*catalog.TabletMap, error) { return f.tablets, nil }

func (f *fake) Write(_ context.Context, g base.GroupID, writes []node.TabletBatch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return f.fail
	}
	f.index++
	f.proposed[g]++
	for _, w := range writes {
		if err := w.Batch.Validate(); err != nil {
			return err
		}
		f.open[w.Tablet].Apply(base.Position{Term: 1, Index: f.index}, w.Batch)
	}
	return nil
}

func (f *fake) View(_ context.Context, id base.TabletID) (*columnar.View, error) {
	return f.open[id].View()
}

func batch(r *rand.Rand, rows int) *column.Batch {
	b := &column.Batch{Rows: rows}
	name, size := column.Vector{ID: colName}, column.Vector{ID: colSize, Rows: []uint32{}}
	for i := range 40 { // more values than are used
		name.Dict.Append(fmt.Appendf(nil, "name-%d", i))
		b.Keys.Append(binary.BigEndian.AppendUint64([]byte("res1"), uint64(i%20)*0x0d0f_1234_5678_9abc))
	}
	for i := range rows {
		b.KeyCodes = append(b.KeyCodes, uint32(r.IntN(40)))
		b.Times = append(b.Times, int64(1+r.IntN(50)))
		b.IDs = append(b.IDs, r.Uint64N(10))
		name.Codes = append(name.Codes, uint32(r.IntN(8)))
		if r.IntN(3) > 0 {
			size.Rows, size.Ints = append(size.Rows, uint32(i)), append(size.Ints, r.Int64N(6))
		}
	}
	b.Cols = []column.Vector{name}
	if len(size.Rows) > 0 {
		b.Cols = append(b.Cols, size)
	}
	return b
}

func printRows(batches ...*column.Batch) []string {
	var out []string
	for _, b := range batches {
		for i := range b.Rows {
			s := fmt.Sprintf("%x %d %d", b.Key(i), b.Times[i], b.IDs[i])
			for c := range b.Cols {
				if p, ok := b.Cols[c].Find(uint32(i)); ok {
					v := b.Cols[c].At(p)
					s += fmt.Sprintf(" %v=%d/%s", b.Cols[c].ID, v.Int, v.Bytes)
				}
			}
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return out
}

// TestAgainstOneTablet: a group of many tablets answers what one tablet with all
// rows does.
func TestAgainstOneTablet(t *testing.T) {
	ctx := t.Context()
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		one, many := newFake(t, 1), newFake(t, 2+int(seed%7))
		want, got := NewGroup(1, one, one), NewGroup(1, many, many)
		var keys [][]byte
		for range 5 {
			b := batch(r, 1+r.IntN(80))
			if err := errors.Join(want.Write(ctx, b), got.Write(ctx, b)); err != nil {
				t.Fatal(err)
			}
			keys = append(keys, b.Key(0))
		}
		slices.SortFunc(keys, slices.Compare)
		keys = slices.CompactFunc(keys, slices.Equal)
		for _, by := range []column.ID{{}, colSize} {
			req := &columnar.TopRequest{Time: base.AllTime, By: by, Limit: 1 + r.IntN(25), TieFrom: 4}
			w, werr := want.TopKeys(ctx, req)
			g, gerr := got.TopKeys(ctx, req)
			if werr != nil || gerr != nil || fmt.Sprint(w) != fmt.Sprint(g) {
				t.Fatalf("seed %d: top %v\n got %v %v\nwant %v %v", seed, by, g, gerr, w, werr)
			}
		}
		wb, werr := want.ReadKeys(ctx, &columnar.ReadRequest{Keys: keys, Time: base.AllTime})
		gb, gerr := got.ReadKeys(ctx, &columnar.ReadRequest{Keys: keys, Time: base.AllTime})
		if w, g := printRows(wb...), printRows(gb...); werr != nil || gerr != nil || !slices.Equal(w, g) {
			t.Fatalf("seed %d: read keys:\n got %q %v\nwant %q %v", seed, g, gerr, w, werr)
		}
		compareScans(t, want, got)
		compareDistinct(t, want, got)
	}
}

func compareScans(t *testing.T, want, got *Group) {
	t.Helper()
	scan := func(g *Group) (rows []string) {
		var last []byte
		err := g.Scan(t.Context(), &columnar.ScanRequest{Time: base.AllTime}, func(b *column.Batch) error {
			if slices.Compare(last, b.Key(0)) >= 0 && last != nil {
				t.Errorf("scan came to %x after %x", b.Key(0), last)
			}
			last = slices.Clone(b.Key(b.Rows - 1))
			rows = append(rows, printRows(b)...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(rows)
		return rows
	}
	w := scan(want)
	if g := scan(got); !slices.Equal(w, g) {
		t.Fatalf("scan: %d rows, want %d", len(g), len(w))
	}
}

func compareDistinct(t *testing.T, want, got *Group) {
	t.Helper()
	list := func(g *Group) []string {
		tuples, err := g.Distinct(t.Context(), []column.Ref{{Col: colName}, {Col: colSize}})
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, x := range tuples {
			out = append(out, fmt.Sprintf("%s %d/%d", x[0].Bytes, x[1].Type, x[1].Int))
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	if w, g := list(want), list(got); !slices.Equal(w, g) {
		t.Fatalf("distinct:\n got %q\nwant %q", g, w)
	}
}

// TestSplit: every row goes to the tablet of its key, in one piece per tablet
// that carries nothing of other tablets' values.
func TestSplit(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	m := tabletMap(t, 5)
	b := batch(r, 200)
	var pieces []*column.Batch
	for _, g := range split(b, m) {
		for _, w := range g.writes {
			if err := w.Batch.Validate(); err != nil {
				t.Fatal(err)
			}
			used := map[uint32]bool{}
			for i := range w.Batch.Rows {
				used[w.Batch.KeyCodes[i]] = true
				if at := m.Locate(catalog.PlacementKey(w.Batch.Key(i))); at.ID != w.Tablet {
					t.Errorf("a row of tablet %d went to %d", at.ID, w.Tablet)
				}
			}
			if len(used) != w.Batch.Keys.Len() {
				t.Errorf("tablet %d got %d keys and uses %d", w.Tablet, w.Batch.Keys.Len(), len(used))
			}
			if n := w.Batch.Col(colName).Dict.Len(); n > 8 {
				t.Errorf("tablet %d got %d names, 8 are used", w.Tablet, n)
			}
			pieces = append(pieces, w.Batch)
		}
	}
	if want, got := printRows(b), printRows(pieces...); !slices.Equal(want, got) {
		t.Errorf("%d rows, want %d", len(got), len(want))
	}
}

// TestLimits hold over all tablets together.
func TestLimits(t *testing.T) {
	f := newFake(t, 4)
	g := NewGroup(1, f, f)
	r := rand.New(rand.NewPCG(1, 2))
	b := batch(r, 300)
	if err := g.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	var keys [][]byte
	for i := range uint32(20) {
		keys = append(keys, b.Keys.Value(i))
	}
	all, err := g.ReadKeys(t.Context(), &columnar.ReadRequest{Keys: keys, Time: base.AllTime})
	if err != nil {
		t.Fatal(err)
	}
	rows := len(printRows(all...))
	if _, err := g.ReadKeys(t.Context(), &columnar.ReadRequest{Keys: keys, Time: base.AllTime, MaxRows: rows}); err != nil {
		t.Errorf("as many rows as allowed: %v", err)
	}
	_, err = g.ReadKeys(t.Context(), &columnar.ReadRequest{Keys: keys, Time: base.AllTime, MaxRows: rows - 1})
	if base.ClassOf(err) != base.ClassTooLarge {
		t.Errorf("%d rows where %d are allowed: %v", rows, rows-1, err)
	}
	if _, err := g.TopKeys(t.Context(), &columnar.TopRequest{Time: base.AllTime}); base.ClassOf(err) != base.ClassInvalid {
		t.Errorf("no limit: %v", err)
	}
}

// TestErrors of a tablet reach the caller with their class.
func TestErrors(t *testing.T) {
	f := newFake(t, 3)
	g := NewGroup(1, f, f)
	if err := g.Write(t.Context(), &column.Batch{}); err != nil || f.index != 0 {
		t.Errorf("an empty batch became %d entries, %v", f.index, err)
	}
	f.fail = base.Retry(time.Second, "full")
	if err := g.Write(t.Context(), batch(rand.New(rand.NewPCG(1, 1)), 30)); base.ClassOf(err) != base.ClassOverload {
		t.Errorf("write: %v", err)
	}
	for _, tablet := range f.open {
		_ = tablet.Close()
	}
	_, err := g.TopKeys(t.Context(), &columnar.TopRequest{Time: base.AllTime, Limit: 1})
	if base.ClassOf(err) != base.ClassUnavailable || !strings.Contains(err.Error(), "closed") {
		t.Errorf("closed tablets: %v", err)
	}
}

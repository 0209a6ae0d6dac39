package columnar

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/jobs"
	"github.com/pandodb/pando/internal/mergepolicy"
	"github.com/pandodb/pando/internal/part"
)

// The columns of the test layout: every type, mode and option once.
var (
	colName = column.ID{Family: 0, Type: column.String, Name: "name"}
	colSize = column.ID{Family: 0, Type: column.Int64, Name: "size"} // zone, raw
	colRef  = column.ID{Family: 0, Type: column.Int64, Name: "ref"}  // id reference
	colUser = column.ID{Family: 1, Type: column.String, Name: "user"}
	colCode = column.ID{Family: 1, Type: column.Int64, Name: "code"}
	colLoad = column.ID{Family: 1, Type: column.Float64, Name: "load"}
	colFlag = column.ID{Family: 1, Type: column.Bool, Name: "flag"}
	colUniq = column.ID{Family: 1, Type: column.String, Name: "uniq"}
	colDoc  = column.ID{Family: 2, Type: column.Doc, Name: "doc"}  // few distinct
	colMany = column.ID{Family: 2, Type: column.Doc, Name: "many"} // unique documents
)

// testLayout has documents of the form "k=v;k=v".
func testLayout(rule column.Rule) *column.Layout {
	return &column.Layout{
		Name:        "test",
		Families:    []column.Family{{Name: "fix"}, {Name: "attr", Dynamic: true}, {Name: "doc"}},
		Columns:     []column.Spec{{ID: colName}, {ID: colSize, Zone: true}, {ID: colRef, Codec: column.CodecIDRef, NoIndex: true}, {ID: colDoc}, {ID: colMany}},
		Rule:        rule,
		BlockRows:   16,
		Projections: []column.Projection{{Name: "kinds", Refs: []column.Ref{{Col: colDoc, Tag: "svc"}, {Col: colName}, {Col: colCode}}}},
		Expand: func(_ column.ID, doc []byte, emit func(column.Tag) bool) {
			for pair := range bytes.SplitSeq(doc, []byte(";")) {
				k, v, ok := bytes.Cut(pair, []byte("="))
				if ok && !emit(column.Tag{Name: k, Value: column.Value{Type: column.String, Bytes: v}}) {
					return
				}
			}
		},
	}
}

// twinRow is a row of the naive model.
type twinRow struct {
	key  string
	time int64
	id   uint64
	cols map[column.ID]column.Value
}

func (r *twinRow) print() string {
	ids := make([]column.ID, 0, len(r.cols))
	for id := range r.cols {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, column.ID.Compare)
	var b strings.Builder
	fmt.Fprintf(&b, "%s/%d/%d", r.key, r.time, r.id)
	for _, id := range ids {
		v := r.cols[id]
		fmt.Fprintf(&b, " %v=%d/%g/%s", id, v.Int, v.Float, v.Bytes)
	}
	return b.String()
}

// twin is the naive model of a tablet.
type twin struct {
	rows []twinRow
	rule column.Rule
}

// live returns the reconciled rows in order.
func (w *twin) live() []twinRow {
	rows := slices.Clone(w.rows)
	slices.SortStableFunc(rows, func(a, b twinRow) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.time, b.time), cmp.Compare(a.id, b.id))
	})
	seen := make(map[string]bool)
	var out []twinRow
	for i, r := range rows {
		switch w.rule {
		case column.DropExact:
			p := r.print()
			if seen[p] {
				continue
			}
			seen[p] = true
		case column.NewestWins:
			if i+1 < len(rows) && rows[i+1].key == r.key && rows[i+1].time == r.time {
				continue
			}
		}
		out = append(out, r)
	}
	return out
}

const (
	testInterval = 100 * time.Second
	testSpan     = 3 * int64(testInterval)
)

// testEpoch is where the test's rows begin.
var testEpoch = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC).UnixNano()

// randomRow draws from few keys, times and ids, so that all collisions happen.
func randomRow(r *rand.Rand) twinRow {
	row := twinRow{key: fmt.Sprintf("key-%02d", r.IntN(25)), cols: map[column.ID]column.Value{}}
	row.time = testEpoch + r.Int64N(30)*testSpan/30
	row.id = 1 + r.Uint64N(6)
	put := func(id column.ID, v column.Value) { v.Type = id.Type; row.cols[id] = v }
	put(colName, column.StringValue([]string{"get", "put", "scan"}[r.IntN(3)]))
	put(colSize, column.IntValue(r.Int64N(5)*1_000_003+int64(row.id)))
	if r.IntN(3) > 0 {
		put(colRef, column.IntValue(int64(1+r.Uint64N(7))))
	}
	if r.IntN(2) == 0 {
		put(colUser, column.StringValue(fmt.Sprintf("u%d", r.IntN(9))))
	}
	if r.IntN(3) == 0 {
		put(colCode, column.IntValue([]int64{200, 404, 500, -1}[r.IntN(4)]))
	}
	if r.IntN(4) == 0 {
		put(colLoad, column.FloatValue(float64(r.IntN(4))/4))
	}
	if r.IntN(5) == 0 {
		put(colFlag, column.BoolValue(r.IntN(2) == 0))
	}
	if r.IntN(3) == 0 {
		put(colUniq, column.StringValue(fmt.Sprintf("%016x", r.Uint64N(400))))
	}
	put(colDoc, column.Value{Bytes: fmt.Appendf(nil, "svc=s%d;host=h%d", r.IntN(3), r.IntN(4))})
	if r.IntN(4) == 0 {
		put(colMany, column.Value{Bytes: fmt.Appendf(nil, "ev=e%d;x=%d", r.IntN(3), r.IntN(1000))})
	}
	return row
}

// batchOf builds a batch as a gateway would: keys and values interned.
func batchOf(rows []twinRow) *column.Batch {
	b := &column.Batch{Rows: len(rows)}
	keys := map[string]uint32{}
	cols := map[column.ID]*column.Vector{}
	for i, r := range rows {
		c, ok := keys[r.key]
		if !ok {
			c = b.Keys.Append([]byte(r.key))
			keys[r.key] = c
		}
		b.KeyCodes, b.Times, b.IDs = append(b.KeyCodes, c), append(b.Times, r.time), append(b.IDs, r.id)
		for id, v := range r.cols {
			vec := cols[id]
			if vec == nil {
				vec = &column.Vector{ID: id, Rows: []uint32{}}
				cols[id] = vec
			}
			vec.Rows = append(vec.Rows, uint32(i))
			switch {
			case id.Type.Coded():
				vec.Codes = append(vec.Codes, vec.Dict.Append(v.Bytes))
			case id.Type == column.Float64:
				vec.Floats = append(vec.Floats, v.Float)
			default:
				vec.Ints = append(vec.Ints, v.Int)
			}
		}
	}
	for _, vec := range cols {
		if len(vec.Rows) == len(rows) {
			vec.Rows = nil
		}
		b.Cols = append(b.Cols, *vec)
	}
	slices.SortFunc(b.Cols, func(a, b column.Vector) int { return a.ID.Compare(b.ID) })
	return b
}

// rowsOf turns a batch back into model rows.
func rowsOf(b *column.Batch) []twinRow {
	out := make([]twinRow, b.Rows)
	for i := range out {
		out[i] = twinRow{key: string(b.Key(i)), time: b.Times[i], id: b.IDs[i], cols: map[column.ID]column.Value{}}
		for c := range b.Cols {
			if p, ok := b.Cols[c].Find(uint32(i)); ok {
				out[i].cols[b.Cols[c].ID] = b.Cols[c].At(p)
			}
		}
	}
	return out
}

// harness is a tablet beside its model.
type harness struct {
	t      *testing.T
	seed   uint64
	r      *rand.Rand
	fs     vfs.FS
	pool   *jobs.Pool
	opts   Options
	tablet *Tablet
	twin   twin
	log    []*column.Batch // log index i+1
	cache  *part.Cache
}

func newHarness(t *testing.T, seed uint64, rule column.Rule) *harness {
	h := &harness{t: t, seed: seed, r: rand.New(rand.NewPCG(seed, 9)), fs: vfs.NewMem(), twin: twin{rule: rule}}
	h.pool = jobs.New(jobs.Options{})
	t.Cleanup(h.pool.Close)
	if seed%2 == 0 {
		h.cache = part.NewCache(64 << 10)
	}
	h.opts = Options{
		FS: h.fs, Dir: "tablets/1", ID: 1, Layout: testLayout(rule), Jobs: h.pool, Cache: h.cache,
		Clock:           func() time.Time { return time.Unix(0, testEpoch+testSpan) },
		SegmentInterval: testInterval,
		MemtableBytes:   []int{1, 20 << 10, 1 << 20}[h.r.IntN(3)],
		Merge:           mergepolicy.Options{FanIn: 2 + h.r.IntN(4), MaxRows: []int{50, 2000}[h.r.IntN(2)]},
		WideRows:        []int{1, 60, 1 << 20}[h.r.IntN(3)],
	}
	h.open()
	return h
}

func (h *harness) open() {
	h.t.Helper()
	var err error
	h.opts.FS = h.fs
	if h.tablet, err = Open(h.opts); err != nil {
		h.t.Fatalf("seed %d: open: %v", h.seed, err)
	}
	for i := h.tablet.FlushedIndex(); i < uint64(len(h.log)); i++ {
		h.tablet.Apply(base.Position{Term: 1, Index: i + 1}, h.log[i])
	}
}

func (h *harness) apply(n int) {
	rows := make([]twinRow, n)
	for i := range rows {
		rows[i] = randomRow(h.r)
		if h.twin.rule == column.NewestWins { // equal versions have no winner
			rows[i].id = uint64(len(h.twin.rows) + i + 1)
		}
		if len(h.twin.rows) > 0 && h.twin.rule != column.NewestWins && h.r.IntN(6) == 0 {
			rows[i] = h.twin.rows[h.r.IntN(len(h.twin.rows))] // an exact duplicate
		}
	}
	h.twin.rows = append(h.twin.rows, rows...)
	h.log = append(h.log, batchOf(rows))
	h.tablet.Apply(base.Position{Term: 1, Index: uint64(len(h.log))}, h.log[len(h.log)-1])
}

func (h *harness) close() {
	h.t.Helper()
	if err := h.tablet.Close(); err != nil {
		h.t.Fatalf("seed %d: close: %v", h.seed, err)
	}
}

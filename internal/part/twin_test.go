package part

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/column"
)

// twin is a part as a table of Go values: what a reader must give back.
type twin struct {
	layout *column.Layout
	keys   [][]byte // by row
	times  []int64
	ids    []uint64
	cols   []twinColumn // ascending by ID
}

type twinColumn struct {
	id   column.ID
	vals []*column.Value // by row; nil: none
}

// testLayout has a declared column of every special kind and takes any other.
func testLayout(blockRows int) *column.Layout {
	return &column.Layout{
		Name:     "test",
		Families: []column.Family{{Name: "span"}, {Name: "attr", Dynamic: true}, {Name: "unused", Dynamic: true}, {Name: "rest", Dynamic: true}},
		Rule:     column.KeepAll, BlockRows: blockRows,
		Columns: []column.Spec{
			{ID: column.ID{Type: column.Int64, Name: "parent"}, Codec: column.CodecIDRef, NoIndex: true},
			{ID: column.ID{Type: column.Int64, Name: "duration"}, NoIndex: true, Zone: true},
			{ID: column.ID{Type: column.Int64, Name: "status"}, Zone: true},
			{ID: column.ID{Type: column.String, Name: "hidden"}, NoIndex: true},
			{ID: column.ID{Type: column.Doc, Name: "docs"}},
			{ID: column.ID{Type: column.Doc, Name: "events"}},
		},
		Expand: expandTest,
	}
}

// expandTest reads a document as comma-separated names with the value 1.
func expandTest(_ column.ID, doc []byte, emit func(column.Tag) bool) {
	for name := range bytes.SplitSeq(doc, []byte(",")) {
		if !emit(column.Tag{Name: name, Value: column.IntValue(1)}) {
			return
		}
	}
}

// traceKey is a key of the trace model: resource, hash, trace id.
func traceKey(resource uint32, id [16]byte) []byte {
	k := binary.BigEndian.AppendUint32(nil, resource)
	k = binary.BigEndian.AppendUint64(k, xxhash.Sum64(id[:]))
	return append(k, id[:]...)
}

func randomID(rng *rand.Rand) (id [16]byte) {
	binary.BigEndian.PutUint64(id[:], rng.Uint64())
	binary.BigEndian.PutUint64(id[8:], rng.Uint64())
	return id
}

// newTwin makes a table of about rows rows in runs of mean length run.
func newTwin(rng *rand.Rand, rows, run, blockRows int) *twin {
	t := &twin{layout: testLayout(blockRows)}
	var keys [][]byte
	for n := max(rows/run, 1); len(keys) < n; {
		key := traceKey(7, randomID(rng))
		if rng.IntN(20) == 0 && blockRows%2 == 0 {
			key = key[:rng.IntN(len(key))] // breaks codec hash8 in some tables
		}
		keys = append(keys, key)
	}
	slices.SortFunc(keys, bytes.Compare)
	keys = slices.CompactFunc(keys, bytes.Equal)
	for _, key := range keys {
		n := 1 + rng.IntN(2*run)
		if rng.IntN(16) == 0 {
			n *= 5
		}
		at := rng.Int64N(1e12)
		for range n {
			at += rng.Int64N(3) * rng.Int64N(1e6)
			t.keys, t.times, t.ids = append(t.keys, key), append(t.times, at), append(t.ids, rng.Uint64())
		}
	}
	for i := 1; i < len(t.ids); i++ { // ids ascend where times are equal
		if bytes.Equal(t.keys[i], t.keys[i-1]) && t.times[i] == t.times[i-1] && t.ids[i] < t.ids[i-1] {
			t.ids[i] = t.ids[i-1]
		}
	}
	t.fill(rng)
	return t
}

func (t *twin) rows() int { return len(t.keys) }

// fill adds columns of every type, density and cardinality.
func (t *twin) fill(rng *rand.Rand) {
	add := func(family uint8, typ column.Type, name string, density float64, value func(row int) column.Value) {
		c := twinColumn{id: column.ID{Family: family, Type: typ, Name: name}, vals: make([]*column.Value, t.rows())}
		for row := range c.vals {
			if rng.Float64() < density {
				v := value(row)
				v.Type = typ
				c.vals[row] = &v
			}
		}
		t.cols = append(t.cols, c)
	}
	str := func(format string, n int64) func(int) column.Value {
		return func(int) column.Value { return column.StringValue(fmt.Sprintf(format, rng.Int64N(n))) }
	}
	num := func(n int64) func(int) column.Value {
		return func(int) column.Value { return column.IntValue(rng.Int64N(n) - n/3) }
	}
	float := func(n int64) func(int) column.Value {
		return func(int) column.Value { return column.FloatValue(float64(rng.Int64N(n)-n/3) / 4) }
	}
	add(0, column.Int64, "parent", 0.9, func(row int) column.Value {
		if row == 0 || rng.IntN(4) == 0 {
			return column.IntValue(rng.Int64())
		}
		return column.IntValue(int64(t.ids[row-1]))
	})
	add(0, column.Int64, "duration", 1, num(1e9))
	add(0, column.Int64, "status", 0.5, num(3))
	add(0, column.String, "hidden", 1, str("h%d", 5))
	add(0, column.String, "name", 1, str("GET /api/%d", 20))
	add(0, column.Doc, "docs", 1, str("a,b,c%d", 4))
	add(0, column.Doc, "events", 0.3, str("e,f%d", math.MaxInt64))
	add(0, column.Bool, "error", 0.2, func(int) column.Value { return column.IntValue(rng.Int64N(2)) })
	add(1, column.String, "host", 0.4, str("host-%d", 300))
	add(1, column.String, "url", 0.7, str("https://example.com/items/%d", math.MaxInt64))
	add(1, column.Bytes, "blob", 0.05, str("%x", math.MaxInt64))
	add(1, column.String, "once", 0.01, str("%d", math.MaxInt64))
	add(1, column.String, "same", 1, func(int) column.Value { return column.StringValue("x") })
	add(1, column.String, "empty", 0.6, func(int) column.Value { return column.StringValue("") })
	add(1, column.Int64, "same", 1, func(int) column.Value { return column.IntValue(-5) })
	add(3, column.Float64, "ratio", 0.8, float(10))
	add(3, column.Float64, "gauge", 0.8, float(math.MaxInt64))
	add(3, column.Float64, "odd", 1, func(int) column.Value {
		return column.FloatValue([]float64{math.NaN(), math.Copysign(0, -1), 0, math.Inf(1)}[rng.IntN(4)])
	})
	add(3, column.String, "late", 0.02, str("v%d", 3))
	add(3, column.Int64, "many", 1, num(4500)) // more terms than are decoded whole, in large shapes
	add(3, column.Float64, "many", 1, float(4500))
	add(3, column.String, "many", 1, str("many/%d", 4500))
	set := func(row int) bool { return uint64(row)*0x9e3779b97f4a7c15>>32%5 < 2 } // columns that come together
	for _, family := range []uint8{1, 3} {
		for i, n := range []int64{3, 500, math.MaxInt64} {
			add(family, column.String, fmt.Sprintf("set.%d", i), 1, str("set/%d", n))
			c := &t.cols[len(t.cols)-1]
			for row := range c.vals {
				if !set(row) {
					c.vals[row] = nil
				}
			}
		}
	}
	slices.SortFunc(t.cols, func(a, b twinColumn) int { return a.id.Compare(b.id) })
	t.cols = slices.DeleteFunc(t.cols, func(c twinColumn) bool {
		return !slices.ContainsFunc(c.vals, func(v *column.Value) bool { return v != nil })
	})
}

// identity returns the rows [lo, hi).
func (t *twin) identity(lo, hi int) *column.Identity {
	id := &column.Identity{}
	for i := lo; i < hi; i++ {
		id.Append(t.keys[i], t.times[i], t.ids[i])
	}
	return id
}

// write writes the table, cut into calls of random length. Values come by a
// random choice of the ways a column takes them.
func (t *twin) write(rng *rand.Rand, o WriterOptions) (Meta, error) {
	o.Layout = t.layout
	w, err := NewWriter(o)
	if err != nil {
		return Meta{}, err
	}
	m, err := t.writeTo(rng, w)
	if err != nil {
		_ = w.Abort()
	}
	return m, err
}

func (t *twin) writeTo(rng *rand.Rand, w *Writer) (Meta, error) {
	for lo := 0; lo < t.rows(); {
		hi := min(t.rows(), lo+1+rng.IntN(700))
		if err := w.AddRows(t.identity(lo, hi)); err != nil {
			return Meta{}, err
		}
		lo = hi
	}
	if err := w.FinishRows(); err != nil {
		return Meta{}, err
	}
	for i := range t.cols {
		c, err := w.Column(t.cols[i].id)
		if err != nil {
			return Meta{}, err
		}
		if err := t.cols[i].write(rng, c); err != nil {
			return Meta{}, err
		}
		if err := c.Close(); err != nil {
			return Meta{}, err
		}
	}
	return w.Finish()
}

// write hands the column's values over in pieces.
func (c *twinColumn) write(rng *rand.Rand, w *ColumnWriter) error {
	shared := &column.Dict{}
	at := map[string]uint32{}
	for _, v := range c.vals {
		if v == nil {
			continue
		}
		term := string(v.AppendTerm(nil))
		if _, ok := at[term]; !ok {
			at[term] = shared.Append([]byte(term))
		}
	}
	shared.Append([]byte("12345678")) // a value that no row has
	way := rng.IntN(3)
	var codes []uint32
	if way == 0 {
		codes = w.MapDict(shared)
	}
	for lo := 0; lo < len(c.vals); {
		hi := min(len(c.vals), lo+1+rng.IntN(500))
		if err := c.writePiece(w, lo, hi, codes, at, way); err != nil {
			return err
		}
		lo = hi
	}
	return nil
}

func (c *twinColumn) writePiece(w *ColumnWriter, lo, hi int, codes []uint32, at map[string]uint32, way int) error {
	v := column.Vector{ID: c.id}
	var mapped []uint32
	for row := lo; row < hi; row++ {
		val := c.vals[row]
		if val == nil {
			continue
		}
		v.Rows = append(v.Rows, uint32(row))
		term := val.AppendTerm(nil)
		if codes != nil {
			mapped = append(mapped, codes[at[string(term)]])
		}
		switch {
		case c.id.Type.Coded():
			v.Codes = append(v.Codes, v.Dict.Append(term))
		case c.id.Type == column.Float64:
			v.Floats = append(v.Floats, val.Float)
		default:
			v.Ints = append(v.Ints, val.Int)
		}
	}
	if len(v.Rows) == hi-lo && int(w.next) == lo {
		v.Rows = nil
	}
	switch {
	case codes != nil:
		return w.AppendCodes(v.Rows, mapped)
	case c.id.Type.Coded() && way == 1:
		return w.AppendValues(v.Rows, &v.Dict, v.Codes)
	case c.id.Type.Coded():
		own := w.MapDict(&v.Dict)
		return w.AppendCodes(v.Rows, own)
	case c.id.Type == column.Float64:
		return w.AppendFloats(v.Rows, v.Floats)
	default:
		return w.AppendInts(v.Rows, v.Ints)
	}
}

// checkBatch compares rows [lo, hi) of the table with a batch.
func (t *twin) checkBatch(tb testing.TB, b *column.Batch, lo, hi int, want func(column.ID) bool) {
	tb.Helper()
	if err := b.Validate(); err != nil {
		tb.Fatal(err)
	}
	if b.Rows != hi-lo {
		tb.Fatalf("%d rows, want %d", b.Rows, hi-lo)
	}
	for i := range b.Rows {
		if !bytes.Equal(b.Key(i), t.keys[lo+i]) || b.Times[i] != t.times[lo+i] || b.IDs[i] != t.ids[lo+i] {
			tb.Fatalf("row %d: identity %x %d %d", lo+i, b.Key(i), b.Times[i], b.IDs[i])
		}
	}
	seen := 0
	for i := range t.cols {
		c := &t.cols[i]
		v := b.Col(c.id)
		if v != nil {
			seen++
		}
		for row := lo; row < hi && want(c.id); row++ {
			pos, ok := 0, false
			if v != nil {
				pos, ok = v.Find(uint32(row - lo))
			}
			if ok != (c.vals[row] != nil) {
				tb.Fatalf("column %v row %d: present %v", c.id, row, ok)
			}
			if ok && v.At(pos).Compare(*c.vals[row]) != 0 {
				tb.Fatalf("column %v row %d: %v, want %v", c.id, row, v.At(pos), *c.vals[row])
			}
		}
	}
	if seen != len(b.Cols) {
		tb.Fatalf("%d columns, %d known", len(b.Cols), seen)
	}
}

// everyColumn asks for all columns.
func everyColumn(column.ID) bool { return true }

// writeTwin writes a part to a new memory file system and opens it.
func writeTwin(tb testing.TB, rng *rand.Rand, t *twin, wide bool) *Part {
	tb.Helper()
	fs := vfs.NewMem()
	if _, err := t.write(rng, WriterOptions{FS: fs, Dir: "part", ID: 9, Wide: wide}); err != nil {
		tb.Fatal(err)
	}
	p, err := Open(OpenOptions{FS: fs, Dir: "part", Layout: t.layout, Cache: NewCache(1 << 26)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := p.Close(); err != nil {
			tb.Error(err)
		}
	})
	return p
}

// resolve returns a column's value at a position of what ReadColumn gave.
func resolve(tb testing.TB, p *Part, col int, v *column.Vector, pos int) column.Value {
	tb.Helper()
	info := p.ColumnInfo(col)
	if info.Mode == Raw {
		return v.At(pos)
	}
	d, err := p.Values(col)
	if err != nil {
		tb.Fatal(err)
	}
	return column.TermValue(info.ID.Type, d.Value(v.Codes[pos]))
}

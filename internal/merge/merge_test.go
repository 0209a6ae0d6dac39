package merge

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/memtable"
	"github.com/pandodb/pando/internal/part"
)

// testColumns are one of each type: few and many distinct values, dense and rare.
var testColumns = []column.ID{
	{Type: column.Bool, Name: "b"},
	{Type: column.Float64, Name: "f"},
	{Type: column.Int64, Name: "few"},
	{Type: column.Int64, Name: "many"},
	{Type: column.String, Name: "rare"},
	{Type: column.String, Name: "s"},
	{Type: column.String, Name: "u"},
}

func layoutOf(rule column.Rule) *column.Layout {
	return &column.Layout{Name: "test", Families: []column.Family{{Name: "f"}}, Rule: rule, BlockRows: 8}
}

// randomRun returns rows from few keys, times and ids, so that all collide.
func randomRun(r *rand.Rand, rows int) *memtable.Run {
	b := &column.Batch{Rows: rows}
	for k := range 12 {
		b.Keys.Append(fmt.Appendf(nil, "key-%02d", k))
	}
	cols := make([]column.Vector, len(testColumns))
	for i := range cols {
		cols[i] = column.Vector{ID: testColumns[i], Rows: []uint32{}}
	}
	hot := r.IntN(3) == 0 // one key in all rows: runs longer than a block
	for i := range rows {
		key := uint32(r.IntN(12))
		if hot {
			key = 5
		}
		b.KeyCodes, b.Times, b.IDs = append(b.KeyCodes, key), append(b.Times, r.Int64N(6)), append(b.IDs, r.Uint64N(3))
		for c := range cols {
			if r.IntN([]int{2, 3, 1, 1, 20, 1, 2}[c]) > 0 {
				continue
			}
			addValue(&cols[c], uint32(i), r)
		}
	}
	for _, v := range cols {
		if len(v.Rows) == rows {
			v.Rows = nil
		}
		if v.Len() > 0 {
			b.Cols = append(b.Cols, v)
		}
	}
	return &memtable.Run{Batch: b, Time: b.TimeRange()}
}

func addValue(v *column.Vector, row uint32, r *rand.Rand) {
	v.Rows = append(v.Rows, row)
	switch {
	case v.ID.Name == "u":
		v.Codes = append(v.Codes, v.Dict.Append(fmt.Appendf(nil, "%x", r.Uint64N(1000))))
	case v.ID.Type.Coded():
		v.Codes = append(v.Codes, v.Dict.Append(fmt.Appendf(nil, "v%d", r.IntN(4))))
	case v.ID.Type == column.Float64:
		v.Floats = append(v.Floats, float64(r.IntN(5))/2)
	case v.ID.Name == "many":
		v.Ints = append(v.Ints, r.Int64N(5000))
	default:
		v.Ints = append(v.Ints, r.Int64N(2))
	}
}

func writerOf(t *testing.T, fs vfs.FS, l *column.Layout, id base.PartID, wide bool) *part.Writer {
	t.Helper()
	w, err := part.NewWriter(part.WriterOptions{FS: fs, Dir: "parts/" + id.String(), Tablet: 1, ID: id, Layout: l, Wide: wide})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func open(t *testing.T, fs vfs.FS, l *column.Layout, id base.PartID) *part.Part {
	t.Helper()
	p, err := part.Open(part.OpenOptions{FS: fs, Dir: "parts/" + id.String(), Layout: l})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// flush writes the rows of a run into a part.
func flush(t *testing.T, w *part.Writer, run *memtable.Run, rule column.Rule) {
	t.Helper()
	s := memtable.Sort([]*memtable.Run{run}, base.AllTime, rule)
	var id column.Identity
	s.Identity(&id, 0, s.Rows())
	err := errors.Join(w.AddRows(&id), w.FinishRows())
	for _, c := range s.Columns() {
		cw, cerr := w.Column(c)
		if cerr != nil {
			t.Fatal(cerr)
		}
		err = errors.Join(err, s.WriteColumn(c, cw), cw.Close())
	}
	if _, ferr := w.Finish(); err != nil || ferr != nil {
		t.Fatal(err, ferr)
	}
}

// rowsOf reads a part back, block by block.
func rowsOf(t *testing.T, p *part.Part) []string {
	t.Helper()
	var out []string
	for b := range p.Meta().Blocks {
		batch := &column.Batch{}
		if err := p.ReadRows(b, 0, p.Block(b).Rows, nil, batch); err != nil {
			t.Fatal(err)
		}
		out = append(out, printRows(batch)...)
	}
	return out
}

func printRows(b *column.Batch) []string {
	out := make([]string, b.Rows)
	for i := range out {
		out[i] = fmt.Sprintf("%s %d %d", b.Key(i), b.Times[i], b.IDs[i])
		for c := range b.Cols {
			if p, ok := b.Cols[c].Find(uint32(i)); ok {
				v := b.Cols[c].At(p)
				out[i] += fmt.Sprintf(" %s=%d/%g/%s", b.Cols[c].ID.Name, v.Int, v.Float, v.Bytes)
			}
		}
	}
	return out
}

// TestAgainstSort: parts merged are what one sort of all their rows is.
func TestAgainstSort(t *testing.T) {
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 21))
		rule := []column.Rule{column.KeepAll, column.DropExact, column.NewestWins}[seed%3]
		l, fs := layoutOf(rule), vfs.NewMem()
		var runs []*memtable.Run
		var inputs []*part.Part
		for i := range 1 + r.IntN(5) {
			run := randomRun(r, 1+r.IntN(60))
			runs = append(runs, run)
			w := writerOf(t, fs, l, base.PartID(i+1), r.IntN(2) == 0)
			flush(t, w, run, rule)
			inputs = append(inputs, open(t, fs, l, base.PartID(i+1)))
		}
		w := writerOf(t, fs, l, 99, r.IntN(2) == 0)
		if err := (&Job{Layout: l, Inputs: inputs}).Run(t.Context(), w); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if _, err := w.Finish(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		out := open(t, fs, l, 99)
		want := printRows(memtable.Sort(runs, base.AllTime, rule).Batch())
		got := rowsOf(t, out)
		if rule != column.NewestWins { // rows of one identity have no order among themselves
			slices.Sort(want)
			slices.Sort(got)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d, rule %d: %d rows, want %d\n got %q\nwant %q", seed, rule, len(got), len(want), got, want)
		}
		for _, p := range append(inputs, out) {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestCancelled: a merge stops when its context ends.
func TestCancelled(t *testing.T) {
	l, fs := layoutOf(column.KeepAll), vfs.NewMem()
	flush(t, writerOf(t, fs, l, 1, false), randomRun(rand.New(rand.NewPCG(1, 1)), 50), l.Rule)
	in := open(t, fs, l, 1)
	w := writerOf(t, fs, l, 2, false)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (&Job{Layout: l, Inputs: []*part.Part{in}}).Run(ctx, w); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want that it was cancelled", err)
	}
	if err := errors.Join(w.Abort(), in.Close()); err != nil {
		t.Error(err)
	}
	if names, err := fs.List("parts"); err != nil || !slices.Equal(names, []string{base.PartID(1).String()}) {
		t.Errorf("left behind: %v, %v", names, err)
	}
}

// TestDamagedInput is named, and is damage.
func TestDamagedInput(t *testing.T) {
	l, fs := layoutOf(column.KeepAll), vfs.NewMem()
	flush(t, writerOf(t, fs, l, 1, false), randomRun(rand.New(rand.NewPCG(1, 1)), 50), l.Rule)
	flush(t, writerOf(t, fs, l, 2, false), randomRun(rand.New(rand.NewPCG(2, 1)), 50), l.Rule)
	inputs := []*part.Part{open(t, fs, l, 1), open(t, fs, l, 2)}
	if err := fs.RemoveAll("parts/" + base.PartID(2).String()); err != nil {
		t.Fatal(err)
	}
	w := writerOf(t, fs, l, 3, false)
	err := (&Job{Layout: l, Inputs: inputs}).Run(t.Context(), w)
	var bad *InputError
	if !errors.As(err, &bad) || bad.Part != 2 || !base.IsCorruption(err) {
		t.Errorf("%v, want damage of part 2", err)
	}
	if err := w.Abort(); err != nil {
		t.Error(err)
	}
	for _, p := range inputs {
		_ = p.Close() // one of them is gone
	}
}

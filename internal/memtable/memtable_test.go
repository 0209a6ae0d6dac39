package memtable

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// row is the naive twin's row: identity and printed values.
type row struct {
	key  string
	time int64
	id   uint64
	cols string
}

func randomTable(r *rand.Rand, batches int) *Table {
	t := &Table{}
	for i := range batches {
		b := &column.Batch{Rows: r.IntN(40)}
		for k := range 6 {
			b.Keys.Append(fmt.Appendf(nil, "k%d", (k+i)%8))
		}
		attr := column.Vector{ID: column.ID{Family: 1, Type: column.String, Name: "a"}, Rows: []uint32{}}
		num := column.Vector{ID: column.ID{Family: 0, Type: column.Int64, Name: "n"}}
		rare := column.Vector{ID: column.ID{Family: 1, Type: column.Float64, Name: "rare"}, Rows: []uint32{}}
		for j := range 3 {
			attr.Dict.Append([]byte{byte('x' + (i+j)%3)})
		}
		for n := range b.Rows {
			b.KeyCodes = append(b.KeyCodes, uint32(r.IntN(6)))
			b.Times = append(b.Times, r.Int64N(4))
			b.IDs = append(b.IDs, r.Uint64N(2))
			num.Ints = append(num.Ints, r.Int64N(2))
			if r.IntN(2) == 0 {
				attr.Rows, attr.Codes = append(attr.Rows, uint32(n)), append(attr.Codes, uint32(r.IntN(3)))
			}
			if r.IntN(60) == 0 {
				rare.Rows, rare.Floats = append(rare.Rows, uint32(n)), append(rare.Floats, 1)
			}
		}
		for _, v := range []column.Vector{num, attr, rare} {
			if v.Len() > 0 {
				b.Cols = append(b.Cols, v)
			}
		}
		if err := b.Validate(); err != nil {
			panic(err)
		}
		t.Append(base.Position{Index: uint64(i + 1)}, b)
	}
	return t
}

func printRow(b *column.Batch, i int) row {
	x := row{key: string(b.Key(i)), time: b.Times[i], id: b.IDs[i]}
	for c := range b.Cols {
		if p, ok := b.Cols[c].Find(uint32(i)); ok {
			v := b.Cols[c].At(p)
			x.cols += fmt.Sprintf("%s=%d/%g/%s ", b.Cols[c].ID, v.Int, v.Float, v.Bytes)
		}
	}
	return x
}

// naive sorts and reconciles rows the obvious way.
func naive(runs []*Run, tr base.TimeRange, rule column.Rule) []row {
	var all []row
	for _, run := range runs {
		for i := range run.Rows {
			if x := printRow(run.Batch, i); tr.Contains(x.time) {
				all = append(all, x)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.time, b.time), cmp.Compare(a.id, b.id))
	})
	var out []row
	for i, x := range all {
		switch rule {
		case column.DropExact:
			if slices.Contains(out, x) {
				continue
			}
		case column.NewestWins:
			if i+1 < len(all) && all[i+1].key == x.key && all[i+1].time == x.time {
				continue
			}
		}
		out = append(out, x)
	}
	return out
}

// sink collects what WriteColumn sends, by row.
type sink struct {
	dict column.Dict
	got  map[uint32]string
	id   column.ID
	next uint32
}

func (s *sink) MapDict(d *column.Dict) []uint32 {
	m := make([]uint32, d.Len())
	for i := range m {
		m[i] = s.dict.Append(d.Value(uint32(i)))
	}
	return m
}

func (s *sink) put(rows []uint32, i int, v column.Value) {
	r := s.next
	if rows != nil {
		r = rows[i]
	}
	if r < s.next {
		panic("rows not ascending")
	}
	s.next = r + 1
	s.got[r] = fmt.Sprintf("%s=%d/%g/%s ", s.id, v.Int, v.Float, v.Bytes)
}

func (s *sink) AppendCodes(rows, codes []uint32) error {
	for i, c := range codes {
		s.put(rows, i, column.Value{Bytes: s.dict.Value(c)})
	}
	return nil
}

func (s *sink) AppendInts(rows []uint32, vals []int64) error {
	for i, v := range vals {
		s.put(rows, i, column.Value{Int: v})
	}
	return nil
}

func (s *sink) AppendFloats(rows []uint32, vals []float64) error {
	for i, v := range vals {
		s.put(rows, i, column.Value{Float: v})
	}
	return nil
}

func collect(t *testing.T, s *Sorted) []row {
	t.Helper()
	rows := make([]row, s.Rows())
	var id column.Identity
	s.Identity(&id, 0, s.Rows())
	at := 0
	for k, n := range id.Runs {
		for range n {
			rows[at] = row{key: string(id.Keys.Value(uint32(k))), time: id.Times[at], id: id.IDs[at]}
			at++
		}
	}
	for _, c := range s.Columns() {
		out := &sink{id: c, got: map[uint32]string{}}
		if err := s.WriteColumn(c, out); err != nil {
			t.Fatal(err)
		}
		for r, v := range out.got {
			rows[r].cols += v
		}
	}
	return rows
}

func TestSortAgainstNaive(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 3))
		view := randomTable(r, 1+r.IntN(8)).View()
		tr := base.AllTime
		if seed%2 == 1 {
			tr = base.TimeRange{Start: 1, End: 3}
		}
		for _, rule := range []column.Rule{column.KeepAll, column.DropExact} {
			got, want := collect(t, Sort(view.Runs, tr, rule)), naive(view.Runs, tr, rule)
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d rule %d:\n got %v\nwant %v", seed, rule, got, want)
			}
		}
		got, want := collect(t, Sort(view.Runs, tr, column.NewestWins)), naive(view.Runs, tr, column.NewestWins)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d newest wins:\n got %v\nwant %v", seed, got, want)
		}
	}
}

func TestRowsOf(t *testing.T) {
	for seed := range uint64(50) {
		view := randomTable(rand.New(rand.NewPCG(seed, 4)), 3).View()
		for _, run := range view.Runs {
			for k := range 10 {
				key := fmt.Appendf(nil, "k%d", k)
				var want []uint32
				for i := range run.Rows {
					if bytes.Equal(run.Key(i), key) {
						want = append(want, uint32(i))
					}
				}
				if got := run.RowsOf(key); !slices.Equal(got, want) {
					t.Fatalf("seed %d key %s: %v, want %v", seed, key, got, want)
				}
			}
		}
	}
}

// TestViewIsStable appends while readers hold views.
func TestViewIsStable(t *testing.T) {
	table := &Table{}
	b := randomTable(rand.New(rand.NewPCG(1, 1)), 1).View().Runs[0].Batch
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 1000 {
			table.Append(base.Position{Index: uint64(i + 1)}, b)
		}
	}()
	for n := 0; n < 1000*b.Rows; {
		v := table.View()
		rows := 0
		for _, run := range v.Runs {
			rows += run.Rows
		}
		if rows != v.Rows || rows < n || v.Last.Index*uint64(b.Rows) != uint64(rows) {
			t.Fatalf("view of %d rows at %d says %d, before %d", rows, v.Last.Index, v.Rows, n)
		}
		n = rows
		if b.Rows == 0 {
			break
		}
	}
	<-done
}

// TestSmallRunsJoin sends many small batches between large ones: few runs stay,
// every row is there once, and a view taken before does not change.
func TestSmallRunsJoin(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	table := &Table{}
	var all []*Run
	var early View
	for i := range 3000 {
		rows := 1 + r.IntN(4)
		if i%500 == 0 {
			rows = smallRows
		}
		b := &column.Batch{Rows: rows}
		v := column.Vector{ID: column.ID{Type: column.Int64, Name: "n"}}
		for n := range rows {
			b.KeyCodes = append(b.KeyCodes, b.Keys.Append(fmt.Appendf(nil, "k%d", r.IntN(50))))
			b.Times, b.IDs, v.Ints = append(b.Times, r.Int64N(9)), append(b.IDs, uint64(i)), append(v.Ints, int64(n))
		}
		b.Cols = []column.Vector{v}
		table.Append(base.Position{Index: uint64(i + 1)}, b)
		all = append(all, &Run{Batch: b, Time: b.TimeRange()})
		if i == 1000 {
			early = table.View()
		}
	}
	view := table.View()
	if len(view.Runs) > 250 {
		t.Errorf("%d runs after 3,000 small batches", len(view.Runs))
	}
	size := 0
	for _, run := range view.Runs {
		size += run.SizeBytes()
	}
	if size != view.Bytes {
		t.Errorf("runs hold %d bytes, the table says %d", size, view.Bytes)
	}
	compare := func(what string, got, want []*Run) {
		t.Helper()
		for rule := column.KeepAll; rule <= column.DropExact; rule++ {
			if g, w := naive(got, base.AllTime, rule), naive(want, base.AllTime, rule); !slices.Equal(g, w) {
				t.Errorf("%s: rows differ under rule %d", what, rule)
			}
		}
	}
	compare("all", view.Runs, all)
	compare("early", early.Runs, all[:1001])
}

func BenchmarkSort(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	table := &Table{}
	for i := range 100 {
		batch := &column.Batch{Rows: 1000}
		for range 200 {
			batch.Keys.Append(fmt.Appendf(nil, "%08d-%020d", r.IntN(5000), i))
		}
		for range batch.Rows {
			batch.KeyCodes = append(batch.KeyCodes, uint32(r.IntN(200)))
			batch.Times, batch.IDs = append(batch.Times, r.Int64()), append(batch.IDs, r.Uint64())
		}
		table.Append(base.Position{Index: uint64(i + 1)}, batch)
	}
	runs := table.View().Runs
	b.ReportAllocs()
	for b.Loop() {
		Sort(runs, base.AllTime, column.DropExact)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/row")
}

package part

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/index"
)

// shapes are tables that reach different sides of the code.
var shapes = []struct {
	name                 string
	rows, run, blockRows int
}{
	{"one row", 1, 1, 16},
	{"one block", 40, 4, 64},
	{"small blocks", 3000, 6, 33},
	{"long runs", 3000, 400, 64},
	{"default blocks", 14000, 20, 0},
	{"many chunks", 9000, 3, 8},
}

// shapeParts holds every shape's part, written once.
var shapeParts = func() (parts [2][]func() (*twin, *Part)) {
	for wide := range parts {
		for i, s := range shapes {
			parts[wide] = append(parts[wide], sync.OnceValues(func() (*twin, *Part) {
				rng := rand.New(rand.NewPCG(uint64(i), 1))
				tw := newTwin(rng, s.rows, s.run, s.blockRows)
				fs := vfs.NewMem()
				if _, err := tw.write(rng, WriterOptions{FS: fs, Dir: "part", ID: 9, Wide: wide == 1}); err != nil {
					panic(err)
				}
				p, err := Open(OpenOptions{FS: fs, Dir: "part", Layout: tw.layout, Cache: NewCache(1 << 20)})
				if err != nil {
					panic(err)
				}
				return tw, p
			}))
		}
	}
	return parts
}()

// forShapes runs f on the part of every shape, in both mappings to files.
func forShapes(t *testing.T, f func(t *testing.T, rng *rand.Rand, tw *twin, p *Part)) {
	for i, s := range shapes {
		for wide, parts := range shapeParts {
			t.Run(fmt.Sprintf("%s/wide=%v", s.name, wide == 1), func(t *testing.T) {
				t.Parallel()
				tw, p := parts[i]()
				f(t, rand.New(rand.NewPCG(uint64(i), 2)), tw, p)
			})
		}
	}
}

func TestReadRowsGiveBackWhatWasWritten(t *testing.T) {
	forShapes(t, func(t *testing.T, rng *rand.Rand, tw *twin, p *Part) {
		if p.Meta().Rows != tw.rows() || len(p.Columns()) != len(tw.cols) {
			t.Fatalf("%d rows, %d columns; want %d, %d", p.Meta().Rows, len(p.Columns()), tw.rows(), len(tw.cols))
		}
		var b column.Batch
		for i := range p.Meta().Blocks {
			info := p.Block(i)
			if err := p.ReadRows(i, 0, info.Rows, nil, &b); err != nil {
				t.Fatal(err)
			}
			tw.checkBatch(t, &b, info.FirstRow, info.FirstRow+info.Rows, everyColumn)
			if b.TimeRange() != info.Time {
				t.Fatalf("block %d: time %v, want %v", i, info.Time, b.TimeRange())
			}
			lo := rng.IntN(info.Rows)
			hi := lo + rng.IntN(info.Rows-lo)
			cols := []int{}
			for col := range p.Columns() {
				if rng.IntN(2) == 0 {
					cols = append(cols, col)
				}
			}
			if err := p.ReadRows(i, lo, hi, cols, &b); err != nil {
				t.Fatal(err)
			}
			tw.checkBatch(t, &b, info.FirstRow+lo, info.FirstRow+hi, func(id column.ID) bool {
				col, _ := p.Column(id)
				return slices.Contains(cols, col)
			})
		}
	})
}

func TestReadColumnGivesBackWhatWasWritten(t *testing.T) {
	forShapes(t, func(t *testing.T, rng *rand.Rand, tw *twin, p *Part) {
		var part column.Vector
		for i := range tw.cols {
			c := &tw.cols[i]
			col, ok := p.Column(c.id)
			if !ok {
				t.Fatalf("no column %v", c.id)
			}
			for b := range p.Meta().Blocks {
				info := p.Block(b)
				v, err := p.ReadColumn(b, col)
				if err != nil {
					t.Fatal(err)
				}
				checkVector(t, p, col, v, c.vals[info.FirstRow:info.FirstRow+info.Rows])
				lo := rng.IntN(info.Rows + 1)
				hi := lo + rng.IntN(info.Rows-lo+1)
				if err := p.ReadColumnRange(b, col, lo, hi, &part); err != nil {
					t.Fatal(err)
				}
				checkVector(t, p, col, &part, c.vals[info.FirstRow+lo:info.FirstRow+hi])
			}
		}
	})
}

// checkVector compares what was read with the values of the rows.
func checkVector(t *testing.T, p *Part, col int, v *column.Vector, want []*column.Value) {
	t.Helper()
	n := 0
	for row, w := range want {
		pos := row
		if v.Rows != nil {
			var ok bool
			if pos, ok = slices.BinarySearch(v.Rows, uint32(row)); ok != (w != nil) {
				t.Fatalf("column %v row %d: present %v", v.ID, row, ok)
			}
		}
		if w == nil {
			continue
		}
		n++
		if got := resolve(t, p, col, v, pos); got.Compare(*w) != 0 {
			t.Fatalf("column %v row %d: %v, want %v", v.ID, row, got, *w)
		}
	}
	if got := max(len(v.Codes), len(v.Ints), len(v.Floats)); got != n || v.Rows != nil && len(v.Rows) != n {
		t.Fatalf("column %v: %d values in %d rows, want %d", v.ID, got, len(v.Rows), n)
	}
}

func TestSomeDictionaryIsNotDecodedWhole(t *testing.T) {
	for i, s := range shapes {
		if _, p := shapeParts[0][i](); s.name == "default blocks" {
			for _, typ := range []column.Type{column.Int64, column.Float64, column.String} {
				col, ok := p.Column(column.ID{Family: 3, Type: typ, Name: "many"})
				if info := p.ColumnInfo(col); !ok || info.Mode != Dict || info.Distinct <= smallDict {
					t.Errorf("%+v does not test what it should", info)
				}
			}
		}
	}
}

func TestBlocksCloseAtKeys(t *testing.T) {
	forShapes(t, func(t *testing.T, _ *rand.Rand, tw *twin, p *Part) {
		aim := tw.layout.BlockRows
		if aim == 0 {
			aim = defaultBlockRows
		}
		next := 0
		for b := range p.Meta().Blocks {
			info := p.Block(b)
			if info.FirstRow != next || info.Rows == 0 || info.Rows > 2*aim {
				t.Fatalf("block %d: %+v after row %d", b, info, next)
			}
			next += info.Rows
			id, err := p.ReadIdentity(b)
			if err != nil {
				t.Fatal(err)
			}
			if want := tw.identity(info.FirstRow, next); !sameIdentity(id, want) {
				t.Fatalf("block %d: identity %v, want %v", b, id, want)
			}
			if next < tw.rows() && bytes.Equal(tw.keys[next-1], tw.keys[next]) {
				run := 0
				for _, k := range tw.keys {
					if bytes.Equal(k, tw.keys[next]) {
						run++
					}
				}
				if run <= 2*aim {
					t.Fatalf("block %d splits a key of %d rows", b, run)
				}
			}
			if p.BlockOfRow(info.FirstRow) != b || p.BlockOfRow(next-1) != b {
				t.Fatalf("block %d does not hold its rows", b)
			}
		}
		if next != tw.rows() {
			t.Fatalf("blocks hold %d of %d rows", next, tw.rows())
		}
	})
}

func sameIdentity(a, b *column.Identity) bool {
	return bytes.Equal(a.Keys.Data, b.Keys.Data) && slices.Equal(a.Keys.Offsets, b.Keys.Offsets) &&
		slices.Equal(a.Runs, b.Runs) && slices.Equal(a.Times, b.Times) && slices.Equal(a.IDs, b.IDs)
}

func TestKeysAreFound(t *testing.T) {
	forShapes(t, func(t *testing.T, rng *rand.Rand, tw *twin, p *Part) {
		var b column.Batch
		for lo := 0; lo < tw.rows(); {
			hi := lo + 1
			for hi < tw.rows() && bytes.Equal(tw.keys[hi], tw.keys[lo]) {
				hi++
			}
			key := tw.keys[lo]
			if !p.MayContainKey(key) {
				t.Fatalf("key %x is filtered out", key)
			}
			first, end, ok := p.FindKey(key)
			if !ok || first != p.BlockOfRow(lo) || end != p.BlockOfRow(hi-1)+1 || p.SeekKey(key) != first {
				t.Fatalf("key %x: blocks %d to %d, want %d to %d", key, first, end, p.BlockOfRow(lo), p.BlockOfRow(hi-1)+1)
			}
			row := lo
			for block := first; block < end; block++ {
				if err := p.ReadKey(block, key, nil, &b); err != nil {
					t.Fatal(err)
				}
				tw.checkBatch(t, &b, row, row+b.Rows, everyColumn)
				row += b.Rows
			}
			if row != hi {
				t.Fatalf("key %x: %d rows, want %d", key, row-lo, hi-lo)
			}
			lo = hi
		}
		found := 0
		for range 1000 {
			key := traceKey(7, randomID(rng))
			if first, end, ok := p.FindKey(key); ok {
				if end-first != 1 {
					t.Fatalf("absent key in blocks %d to %d", first, end)
				}
				if err := p.ReadKey(first, key, nil, &b); err != nil || b.Rows != 0 {
					t.Fatalf("absent key has %d rows, %v", b.Rows, err)
				}
			}
			if p.MayContainKey(key) {
				found++
			}
		}
		if found > 5 {
			t.Errorf("%d of 1000 absent keys pass the filter", found)
		}
	})
}

func TestIndexFindsEveryValue(t *testing.T) {
	forShapes(t, func(t *testing.T, _ *rand.Rand, tw *twin, p *Part) {
		var set index.Set
		for i := range tw.cols {
			c := &tw.cols[i]
			col, _ := p.Column(c.id)
			info := p.ColumnInfo(col)
			rows := map[string][]uint32{}
			for row, v := range c.vals {
				if v != nil {
					term := string(v.AppendTerm(nil))
					rows[term] = append(rows[term], uint32(row))
				}
			}
			if info.Mode == Raw {
				checkFilters(t, p, col, tw, rows)
				continue
			}
			terms, err := p.Terms(col)
			if err != nil {
				t.Fatal(err)
			}
			postings, err := p.Postings(col)
			if err != nil || (postings == nil) != tw.layout.Spec(c.id).NoIndex {
				t.Fatalf("column %v: postings %v, %v", c.id, postings, err)
			}
			for term, want := range rows {
				ord, ok := terms.Lookup([]byte(term))
				if !ok {
					t.Fatalf("column %v: no term %q", c.id, term)
				}
				if postings == nil {
					continue
				}
				dense, err := postings.Rows(&set, ord)
				if err != nil || !dense && !slices.Equal(set.AppendTo(nil), want) || postings.Count(ord) != len(want) {
					t.Fatalf("column %v term %q: wrong postings, %v", c.id, term, err)
				}
			}
			if info.Distinct != len(rows) {
				t.Fatalf("column %v: %d terms, want %d", c.id, info.Distinct, len(rows))
			}
		}
	})
}

// checkFilters asks the filters of a raw column for every value, and of a
// document column for every tag.
func checkFilters(t *testing.T, p *Part, col int, tw *twin, rows map[string][]uint32) {
	t.Helper()
	info := p.ColumnInfo(col)
	if info.Indexed == tw.layout.Spec(info.ID).NoIndex {
		t.Fatalf("column %v: indexed %v", info.ID, info.Indexed)
	}
	check := func(hash uint64, block int) {
		ok, err := p.MayContain(col, block, hash)
		if err != nil || !ok {
			t.Fatalf("column %v block %d: filtered out, %v", info.ID, block, err)
		}
		if hash%16 != 0 {
			return // asking all blocks is slow
		}
		blocks, err := p.MayContainBlocks(nil, col, hash)
		if err != nil || !slices.Contains(blocks, uint32(block)) {
			t.Fatalf("column %v block %d: filtered out among all, %v", info.ID, block, err)
		}
	}
	for term, at := range rows {
		for _, row := range at {
			block := p.BlockOfRow(int(row))
			if info.ID.Type != column.Doc {
				check(column.HashTerm([]byte(term)), block)
				continue
			}
			expandTest(info.ID, []byte(term), func(tag column.Tag) bool {
				hash, _ := column.HashTag(nil, tag)
				check(hash, block)
				return true
			})
		}
	}
	if !info.Indexed {
		return
	}
	blocks, err := p.MayContainBlocks(nil, col, 0x1234567890abcdef)
	if err != nil || len(blocks) > 2+p.Meta().Blocks/10 {
		t.Fatalf("column %v: an absent value may be in %d of %d blocks, %v", info.ID, len(blocks), p.Meta().Blocks, err)
	}
}

func TestZonesBoundValues(t *testing.T) {
	forShapes(t, func(t *testing.T, _ *rand.Rand, tw *twin, p *Part) {
		for i := range tw.cols {
			c := &tw.cols[i]
			col, _ := p.Column(c.id)
			if p.HasZone(col) != tw.layout.Spec(c.id).Zone {
				t.Fatalf("column %v: zone %v", c.id, p.HasZone(col))
			}
			if !p.HasZone(col) {
				continue
			}
			for b := range p.Meta().Blocks {
				info := p.Block(b)
				var vals []int64
				for _, v := range c.vals[info.FirstRow : info.FirstRow+info.Rows] {
					if v != nil {
						vals = append(vals, v.Int)
					}
				}
				lo, hi, ok := p.Zone(col, b)
				if ok != (len(vals) > 0) || ok && (lo != slices.Min(vals) || hi != slices.Max(vals)) {
					t.Fatalf("column %v block %d: zone %d to %d, %v", c.id, b, lo, hi, ok)
				}
			}
		}
	})
}

func TestSameInputGivesSameBytes(t *testing.T) {
	tw := newTwin(rand.New(rand.NewPCG(1, 2)), 2000, 7, 100)
	for _, wide := range []bool{false, true} {
		var first Meta
		for round := range 3 {
			m, err := tw.write(rand.New(rand.NewPCG(5, 5)), WriterOptions{FS: vfs.NewMem(), Dir: "p", ID: 3, Wide: wide})
			if err != nil {
				t.Fatal(err)
			}
			if round == 0 {
				first = m
			}
			if !slices.Equal(m.Files, first.Files) {
				t.Fatalf("round %d: files %v, want %v", round, m.Files, first.Files)
			}
		}
	}
}

package part

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/column"
)

// benchRows is the size of the benchmarks' part.
const benchRows = 100_000

// benchTable is a trace-like table: 12 string columns that repeat, 21 sparse
// ones, 3 nearly unique ones and 4 of integers.
type benchTable struct {
	layout *column.Layout
	ident  column.Identity
	cols   []column.Vector
}

func newBenchTable(rows int) *benchTable {
	rng := rand.New(rand.NewPCG(1, 1))
	t := &benchTable{layout: testLayout(0)}
	var keys []string
	for range rows / 20 {
		keys = append(keys, string(traceKey(1, randomID(rng))))
	}
	sort.Strings(keys)
	for i, key := range keys {
		start := 1_700_000_000_000_000_000 + rng.Int64N(3600e9)
		n := 1 + rng.IntN(39)
		if i == len(keys)-1 || t.ident.Rows()+n > rows {
			n = rows - t.ident.Rows()
		}
		for range n {
			start += rng.Int64N(20e6)
			t.ident.Append([]byte(key), start, rng.Uint64())
		}
		if t.ident.Rows() == rows {
			break
		}
	}
	for i := range 12 {
		t.strings(rng, fmt.Sprintf("dict%02d", i), 1, 4<<(i%10), "value-of-%d")
	}
	for i := range 21 {
		t.strings(rng, fmt.Sprintf("some%02d", i), 0.02+float64(i)/60, 10<<(i%8), "attribute/%d")
	}
	t.strings(rng, "url", 0.3, 1<<62, "https://shop.example.com/api/orders/%d")
	t.strings(rng, "user", 0.2, 1<<62, "user-%x")
	t.strings(rng, "statement", 0.2, 1<<62, "SELECT * FROM orders WHERE id = %d AND tenant = 'acme' LIMIT 10")
	t.ints("duration", func(int) int64 { return 1e5 + rng.Int64N(1e9) })
	t.ints("status", func(int) int64 { return rng.Int64N(3) })
	t.ints("http.status", func(int) int64 { return 200 + 100*rng.Int64N(4) })
	row := 0
	for _, run := range t.ident.Runs {
		row += int(run)
	}
	t.ints("parent", func(i int) int64 {
		if i == 0 || t.ident.Times[i] < t.ident.Times[i-1] {
			return 0
		}
		return int64(t.ident.IDs[i-1-rng.IntN(min(i, 3))])
	})
	sort.Slice(t.cols, func(i, j int) bool { return t.cols[i].ID.Compare(t.cols[j].ID) < 0 })
	return t
}

func (t *benchTable) strings(rng *rand.Rand, name string, density float64, n int64, format string) {
	v := column.Vector{ID: column.ID{Family: 1, Type: column.String, Name: name}}
	codes := map[int64]uint32{}
	for row := range t.ident.Rows() {
		if rng.Float64() >= density {
			continue
		}
		k := rng.Int64N(n)
		code, ok := codes[k]
		if !ok {
			code = v.Dict.Append(fmt.Appendf(nil, format, k))
			codes[k] = code
		}
		v.Rows, v.Codes = append(v.Rows, uint32(row)), append(v.Codes, code)
	}
	if len(v.Rows) == t.ident.Rows() {
		v.Rows = nil
	}
	t.cols = append(t.cols, v)
}

func (t *benchTable) ints(name string, value func(int) int64) {
	v := column.Vector{ID: column.ID{Family: 0, Type: column.Int64, Name: name}}
	for row := range t.ident.Rows() {
		v.Ints = append(v.Ints, value(row))
	}
	t.cols = append(t.cols, v)
}

func (t *benchTable) write(tb testing.TB, fs vfs.FS, wide bool) Meta {
	w, err := NewWriter(WriterOptions{FS: fs, Dir: "p", ID: 1, Layout: t.layout, Wide: wide})
	if err != nil {
		tb.Fatal(err)
	}
	check := func(err error) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	check(w.AddRows(&t.ident))
	check(w.FinishRows())
	var codes []uint32
	for i := range t.cols {
		v := &t.cols[i]
		c, err := w.Column(v.ID)
		check(err)
		if v.ID.Type.Coded() {
			mapped := c.MapDict(&v.Dict)
			codes = codes[:0]
			for _, code := range v.Codes {
				codes = append(codes, mapped[code])
			}
			check(c.AppendCodes(v.Rows, codes))
		} else {
			check(c.AppendInts(v.Rows, v.Ints))
		}
		check(c.Close())
	}
	m, err := w.Finish()
	check(err)
	return m
}

func (t *benchTable) open(tb testing.TB, wide bool, cacheBytes int64) *Part {
	fs := vfs.NewMem()
	t.write(tb, fs, wide)
	p, err := Open(OpenOptions{FS: fs, Dir: "p", Cache: NewCache(cacheBytes)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = p.Close() })
	return p
}

func perRow(b *testing.B, rows int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/row")
}

func forMappings(b *testing.B, f func(b *testing.B, wide bool)) {
	b.Run("packed", func(b *testing.B) { f(b, false) })
	b.Run("wide", func(b *testing.B) { f(b, true) })
}

func BenchmarkWrite(b *testing.B) {
	t := newBenchTable(benchRows)
	forMappings(b, func(b *testing.B, wide bool) {
		b.ReportAllocs()
		var m Meta
		for b.Loop() {
			m = t.write(b, vfs.NewMem(), wide)
		}
		b.SetBytes(m.Bytes)
		perRow(b, benchRows)
		b.ReportMetric(float64(m.Bytes)/benchRows, "bytes/row")
		for _, f := range m.Files {
			if f.Name == primaryName || f.Name == indexName || f.Name == filterName {
				b.ReportMetric(float64(f.Bytes)/benchRows, f.Name+"/row")
			}
		}
	})
}

func BenchmarkReadBlock(b *testing.B) {
	t := newBenchTable(benchRows)
	forMappings(b, func(b *testing.B, wide bool) {
		p := t.open(b, wide, 1<<26)
		var batch column.Batch
		b.ReportAllocs()
		block, rows := 0, 0
		for b.Loop() {
			n := p.Block(block).Rows
			if err := p.ReadRows(block, 0, n, nil, &batch); err != nil {
				b.Fatal(err)
			}
			rows += n
			block = (block + 1) % p.Meta().Blocks
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
	})
}

func BenchmarkReadKey(b *testing.B) {
	t := newBenchTable(benchRows)
	forMappings(b, func(b *testing.B, wide bool) {
		p := t.open(b, wide, 1<<26)
		var batch column.Batch
		b.ReportAllocs()
		for k := 0; b.Loop(); k = (k + 7) % t.ident.Keys.Len() {
			key := t.ident.Keys.Value(uint32(k))
			lo, hi, ok := p.FindKey(key)
			if !ok || !p.MayContainKey(key) {
				b.Fatal("key not found")
			}
			for ; lo < hi; lo++ {
				if err := p.ReadKey(lo, key, nil, &batch); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

func BenchmarkReadColumnCached(b *testing.B) {
	t := newBenchTable(benchRows)
	p := t.open(b, false, 1<<28)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := p.ReadColumn(i%p.Meta().Blocks, 3); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, rows := range []int{1000, benchRows} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			fs := vfs.NewMem()
			newBenchTable(rows).write(b, fs, false)
			b.ReportAllocs()
			for b.Loop() {
				p, err := Open(OpenOptions{FS: fs, Dir: "p"})
				if err != nil {
					b.Fatal(err)
				}
				_ = p.Close()
			}
		})
	}
}

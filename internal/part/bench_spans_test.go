package part_test

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/corpus"
	"github.com/pandodb/pando/internal/memtable"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/part"
)

// spansOf returns the generated load, sorted as a flush has it.
func spansOf(b *testing.B, traces int) *memtable.Sorted {
	b.Helper()
	var runs []*memtable.Run
	corpus.New(corpus.Config{Traces: traces}).Requests(func(req []byte, _ int) bool {
		builder := trace.NewBuilder(trace.Options{})
		builder.Reset(1, base.AllTime)
		if err := builder.Add(req); err != nil {
			b.Fatal(err)
		}
		runs = append(runs, &memtable.Run{Batch: builder.Finish()})
		return true
	})
	return memtable.Sort(runs, base.AllTime, column.DropExact)
}

// writeSpans writes a part as a flush does.
func writeSpans(b *testing.B, s *memtable.Sorted, fs vfs.FS, wide bool) part.Meta {
	b.Helper()
	check := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	w, err := part.NewWriter(part.WriterOptions{FS: fs, Dir: "p", ID: 1, Layout: trace.Layout(), Wide: wide})
	check(err)
	var id column.Identity
	for lo := 0; lo < s.Rows(); lo += 4096 {
		s.Identity(&id, lo, min(lo+4096, s.Rows()))
		check(w.AddRows(&id))
	}
	check(w.FinishRows())
	for _, c := range s.Columns() {
		cw, err := w.Column(c)
		check(err)
		check(s.WriteColumn(c, cw))
		check(cw.Close())
	}
	m, err := w.Finish()
	check(err)
	return m
}

func BenchmarkWriteSpans(b *testing.B) {
	for _, traces := range []int{500, 5000} {
		s := spansOf(b, traces)
		for _, wide := range []bool{false, true} {
			b.Run(fmt.Sprintf("traces=%d/wide=%v", traces, wide), func(b *testing.B) {
				b.ReportAllocs()
				var m part.Meta
				for b.Loop() {
					m = writeSpans(b, s, vfs.NewMem(), wide)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(m.Rows), "ns/span")
				b.ReportMetric(float64(m.Bytes)/float64(m.Rows), "bytes/span")
			})
		}
	}
}

// BenchmarkReadTrace reads whole traces of some 20 spans. Dictionaries are in
// the cache after the first round; with a small cache pages and identities are
// not.
func BenchmarkReadTrace(b *testing.B) {
	s := spansOf(b, 5000)
	for _, wide := range []bool{false, true} {
		for _, cacheBytes := range []int64{8 << 20, 256 << 20} {
			b.Run(fmt.Sprintf("wide=%v/cache=%dMiB", wide, cacheBytes>>20), func(b *testing.B) {
				fs := vfs.NewMem()
				writeSpans(b, s, fs, wide)
				p, err := part.Open(part.OpenOptions{FS: fs, Dir: "p", Cache: part.NewCache(cacheBytes)})
				if err != nil {
					b.Fatal(err)
				}
				defer p.Close()
				var keys [][]byte
				for i := range p.Meta().Blocks {
					id, err := p.ReadIdentity(i)
					if err != nil {
						b.Fatal(err)
					}
					for k := range id.Keys.Len() {
						keys = append(keys, id.Keys.Value(uint32(k)))
					}
				}
				var batch column.Batch
				b.ReportAllocs()
				for i := 0; b.Loop(); i = (i + 1237) % len(keys) {
					lo, hi, ok := p.FindKey(keys[i])
					if !ok || !p.MayContainKey(keys[i]) {
						b.Fatal("key not found")
					}
					for ; lo < hi; lo++ {
						if err := p.ReadKey(lo, keys[i], nil, &batch); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}

// BenchmarkScanColumn reads every block's page of a column of names, as a scan
// for a dense term does.
func BenchmarkScanColumn(b *testing.B) {
	s := spansOf(b, 5000)
	for _, wide := range []bool{false, true} {
		b.Run(fmt.Sprintf("wide=%v", wide), func(b *testing.B) {
			fs := vfs.NewMem()
			writeSpans(b, s, fs, wide)
			p, err := part.Open(part.OpenOptions{FS: fs, Dir: "p"})
			if err != nil {
				b.Fatal(err)
			}
			defer p.Close()
			col, _ := p.Column(trace.ColName)
			var v column.Vector
			b.ReportAllocs()
			for b.Loop() {
				for i := range p.Meta().Blocks {
					if err := p.ReadColumnRange(i, col, 0, p.Block(i).Rows, &v); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(p.Meta().Rows), "ns/span")
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	s := spansOf(b, 5000)
	fs := vfs.NewMem()
	m := writeSpans(b, s, fs, true)
	b.SetBytes(m.Bytes)
	for b.Loop() {
		if err := part.Verify(fs, "p"); err != nil {
			b.Fatal(err)
		}
	}
}

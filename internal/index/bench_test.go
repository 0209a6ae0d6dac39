package index

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/pandodb/pando/internal/column"
)

func BenchmarkAppendTerms(b *testing.B) {
	for name, d := range termSets(rand.New(rand.NewPCG(1, 2)), 100_000) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(d.Data)))
			var dst []byte
			for b.Loop() {
				dst, _ = AppendTerms(dst[:0], d)
			}
			b.ReportMetric(float64(len(dst))/float64(d.Len()), "B/term")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*d.Len()), "ns/term")
		})
	}
}

func BenchmarkOpenTerms(b *testing.B) {
	for _, n := range []int{100, 100_000} {
		enc, _ := AppendTerms(nil, termSets(rand.New(rand.NewPCG(1, 2)), n)["user ids"])
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(enc)))
			for b.Loop() {
				if _, err := OpenTerms(enc); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkTermsLookup(b *testing.B) {
	for _, n := range []int{100, 1000, 100_000} {
		for _, shape := range []string{"user ids", "paths"} {
			d := termSets(rand.New(rand.NewPCG(1, 2)), n)[shape]
			terms := mustTerms(b, d)
			b.Run(fmt.Sprintf("%s/%d", shape, n), func(b *testing.B) {
				b.ReportAllocs()
				i := uint32(0)
				for b.Loop() {
					i = (i + 7919) % uint32(d.Len())
					if _, ok := terms.Lookup(d.Value(i)); !ok {
						b.Fatal(i)
					}
				}
			})
		}
	}
}

func BenchmarkTermsAppend(b *testing.B) {
	d := termSets(rand.New(rand.NewPCG(1, 2)), 100_000)["user ids"]
	terms := mustTerms(b, d)
	b.ReportAllocs()
	var dst []byte
	i := uint32(0)
	for b.Loop() {
		i = (i + 7919) % uint32(d.Len())
		dst = terms.Append(dst[:0], i)
	}
}

func BenchmarkTermsAll(b *testing.B) {
	d := termSets(rand.New(rand.NewPCG(1, 2)), 100_000)["user ids"]
	terms := mustTerms(b, d)
	b.ReportAllocs()
	b.SetBytes(int64(len(d.Data)))
	var dst column.Dict
	for b.Loop() {
		dst.Reset()
		if err := terms.All(&dst); err != nil {
			b.Fatal(err)
		}
	}
}

// benchColumns are columns of a part of a million rows.
var benchColumns = []struct {
	shape string
	terms int
}{{"zipf", 30}, {"zipf", 2000}, {"uniform", 200}, {"uniform", 100_000}, {"clustered", 10_000}, {"sparse", 100_000}}

func BenchmarkAppendPostings(b *testing.B) {
	const rows = 1_000_000
	for _, c := range benchColumns {
		in := inputOf(rand.New(rand.NewPCG(1, 2)), c.shape, rows, c.terms)
		b.Run(fmt.Sprintf("%s/%d", c.shape, c.terms), func(b *testing.B) {
			b.ReportAllocs()
			var dst []byte
			var w PostingsWriter
			for b.Loop() {
				dst = w.Append(dst[:0], in)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(in.Codes)), "ns/value")
			b.ReportMetric(8*float64(len(dst))/float64(max(len(w.rows), 1)), "bits/posting")
		})
	}
}

func BenchmarkPostingsAppendRows(b *testing.B) {
	const rows = 1_000_000
	for _, c := range benchColumns {
		in := inputOf(rand.New(rand.NewPCG(1, 2)), c.shape, rows, c.terms)
		p, err := OpenPostings(AppendPostings(nil, in))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("%s/%d", c.shape, c.terms), func(b *testing.B) {
			b.ReportAllocs()
			var dst []uint32
			ord, read := uint32(0), 0
			for b.Loop() {
				ord = (ord + 7919) % uint32(c.terms)
				dst, _ = p.AppendRows(dst[:0], ord)
				read += len(dst)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(read), "ns/posting")
		})
	}
}

func BenchmarkSet(b *testing.B) {
	const n = 1_000_000
	r := rand.New(rand.NewPCG(1, 2))
	draw := func(share int) *Set {
		var rows []uint32
		for i := range uint32(n) {
			if r.IntN(share) == 0 {
				rows = append(rows, i)
			}
		}
		s := new(Set)
		s.SetRows(n, rows)
		return s
	}
	sets := map[string]*Set{"list1000": draw(1000), "list50": draw(50), "bitmap4": draw(4)}
	ops := map[string]func(s, o *Set){"And": (*Set).And, "Or": (*Set).Or, "AndNot": (*Set).AndNot}
	for op, f := range ops {
		for x, s := range sets {
			for y, o := range sets {
				b.Run(op+"/"+x+"/"+y, func(b *testing.B) {
					b.ReportAllocs()
					var got Set
					for b.Loop() {
						got.CopyFrom(s)
						f(&got, o)
					}
				})
			}
		}
	}
}

func BenchmarkSetSlice(b *testing.B) {
	const n = 1_000_000
	r := rand.New(rand.NewPCG(1, 2))
	for _, share := range []int{2, 20, 2000} {
		var rows []uint32
		for i := range uint32(n) {
			if r.IntN(share) == 0 {
				rows = append(rows, i)
			}
		}
		var s Set
		s.SetRows(n, rows)
		b.Run(fmt.Sprintf("1 in %d", share), func(b *testing.B) {
			b.ReportAllocs()
			var dst []uint32
			for b.Loop() {
				for lo := uint32(0); lo < n; lo += 1024 {
					dst = s.Slice(lo, lo+1024, dst[:0])
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(rows)), "ns/member")
		})
	}
}

func BenchmarkTermsMatch(b *testing.B) {
	d := termSets(rand.New(rand.NewPCG(1, 2)), 100_000)["paths"]
	terms := mustTerms(b, d)
	for _, expr := range []string{`.*/items/7`, `/api/v1/(orders|carts)/5.*`, `.*orders.*99.*`} {
		p, err := CompilePattern(expr)
		if err != nil {
			b.Fatal(err)
		}
		for name, match := range map[string]func() int{
			"automaton": func() int { return len(terms.Match(nil, p)) },
			"re2": func() (n int) {
				terms.Scan(0, uint32(terms.Len()), func(_ uint32, term []byte) bool {
					if p.Match(term) {
						n++
					}
					return true
				})
				return n
			},
		} {
			b.Run(expr+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					match()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*d.Len()), "ns/term")
			})
		}
	}
}

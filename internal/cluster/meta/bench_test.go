package meta

import (
	"fmt"
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/catalog"
)

// filled returns a leading catalog with one group of n resources.
func filled(b *testing.B, s Store, n int) *Catalog {
	b.Helper()
	c := lead(b, s)
	must(c.CreateGroup(b.Context(), named("a")))
	for i := 1; i <= n; {
		var ops []Op
		for ; i <= n && len(ops) < maxTxnOps; i++ {
			// IDs far from those that creating in the benchmark allocates.
			r := catalog.Resource{ID: base.ResourceID(1<<30 + i), Group: 1, Name: fmt.Sprint("resource-", i)}
			key := resourceKey(r.ID)
			ops = append(ops, Op{key, must(catalog.AppendValue(nil, key, r))})
		}
		rev := mustTxn(b, s, nil, ops...)
		must(c.Wait(b.Context(), rev))
	}
	return c
}

func BenchmarkCreateResource(b *testing.B) {
	run := func(name string, open func() Store) {
		for _, n := range []int{0, 100_000} {
			b.Run(fmt.Sprint(name, "/", n), func(b *testing.B) {
				s := open()
				defer mustClose(b, s)
				c := filled(b, s, n)
				defer c.Close()
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					must(c.CreateResource(b.Context(), "a", catalog.Resource{Name: fmt.Sprint("new-", i)}))
				}
			})
		}
	}
	run("mem", func() Store { return NewMemStore() })
	run("etcd", func() Store { return openEtcd(b, b.TempDir()+"/meta") })
}

func BenchmarkOpenCatalog(b *testing.B) {
	for _, n := range []int{1, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := openEtcd(b, b.TempDir()+"/meta")
			defer mustClose(b, s)
			filled(b, s, n).Close()
			b.ReportAllocs()
			for b.Loop() {
				openCatalog(b, Options{Store: s}).Close()
			}
		})
	}
}

func BenchmarkViewResource(b *testing.B) {
	s := NewMemStore()
	defer mustClose(b, s)
	c := filled(b, s, 100_000)
	defer c.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.View().Resource("a", "resource-77"); err != nil {
			b.Fatal(err)
		}
	}
}

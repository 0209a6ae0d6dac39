package wal

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pandodb/pando/internal/base"
)

// BenchmarkAppend measures group commit on the real disk: writers in a closed
// loop, one group each up to 16 groups.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		for _, size := range []int{256, 4096} {
			b.Run(fmt.Sprintf("writers=%d/bytes=%d", writers, size), func(b *testing.B) {
				benchmarkAppend(b, writers, size)
			})
		}
	}
}

func benchmarkAppend(b *testing.B, writers, size int) {
	var commits atomic.Int64
	l := mustOpen(b, Options{Dir: b.TempDir(), Events: Events{Committed: func(CommitInfo) { commits.Add(1) }}})
	defer mustClose(b, l)
	data := payload(1, 1, 1, size)
	var next [16]struct {
		sync.Mutex
		index uint64
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			n, id := &next[i%16], base.GroupID(i%16+1)
			done := make(chan error, 1)
			for left.Add(-1) >= 0 {
				n.Lock() // entries of a group must reach the queue in order
				n.index++
				w := []Write{{Group: id, Entries: []Entry{{Index: n.index, Term: 1, Data: data}}}}
				err := l.AppendAsync(noCtx, w, func(err error) { done <- err })
				n.Unlock()
				if err == nil {
					err = <-done
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
	b.ReportMetric(float64(b.N)/float64(max(commits.Load(), 1)), "entries/sync")
}

// BenchmarkOpen measures a start with half a gigabyte of log in the page cache.
func BenchmarkOpen(b *testing.B) {
	const total, size = 512 << 20, 1000
	dir := b.TempDir()
	l := mustOpen(b, Options{Dir: dir, CacheBytes: -1})
	for i := uint64(0); i < total/size; i += 1000 {
		mustAppend(b, l, Write{Group: base.GroupID(i/1000%16 + 1), Entries: entries(1, 1+i/16000*1000, 1, 1000, size)})
	}
	mustClose(b, l)
	b.SetBytes(total)
	b.ReportAllocs()
	for b.Loop() {
		mustClose(b, mustOpen(b, Options{Dir: dir}))
	}
}

// BenchmarkEntries measures reading a log back, from the cache and from disk.
func BenchmarkEntries(b *testing.B) {
	for name, cache := range map[string]int64{"cached": 0, "disk": -1} {
		b.Run(name, func(b *testing.B) {
			l := mustOpen(b, Options{Dir: b.TempDir(), CacheBytes: cache})
			defer mustClose(b, l)
			const n, size = 10000, 1000
			mustAppend(b, l, Write{Group: 1, Entries: entries(1, 1, 1, n, size)})
			g := l.Group(1)
			b.SetBytes(n * size)
			b.ReportAllocs()
			for b.Loop() {
				for next := uint64(1); next <= n; {
					es, err := g.Entries(next, n+1, 1<<20)
					if err != nil {
						b.Fatal(err)
					}
					next += uint64(len(es))
				}
			}
		})
	}
}

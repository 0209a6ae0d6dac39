package replica

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/wal"
)

// discard is a state machine that costs nothing.
type discard struct{ applied atomic.Uint64 }

func (d *discard) Apply(batch []Applied) { d.applied.Store(batch[len(batch)-1].Index) }
func (d *discard) DurableIndex() uint64  { return d.applied.Load() }

// BenchmarkPropose measures durable proposals on the real disk: clients in a
// closed loop, spread over the groups.
func BenchmarkPropose(b *testing.B) {
	for _, groups := range []int{1, 16} {
		for _, clients := range []int{1, 16, 64} {
			for _, size := range []int{256, 16 << 10} {
				b.Run(fmt.Sprintf("groups=%d/clients=%d/bytes=%d", groups, clients, size), func(b *testing.B) {
					benchmarkPropose(b, groups, clients, size)
				})
			}
		}
	}
}

func benchmarkPropose(b *testing.B, groups, clients, size int) {
	l, err := wal.Open(wal.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	n := &node{log: l}
	if n.host, err = NewHost(Options{Node: 1, Log: l}); err != nil {
		b.Fatal(err)
	}
	defer n.close(b)
	var gs []*Group
	for i := range groups {
		gs = append(gs, n.open(b, base.GroupID(i+1), &discard{}))
	}
	data := make([]byte, size)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for g := gs[c%groups]; left.Add(-1) >= 0; {
				if _, err := g.Propose(noCtx, data, nil); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "proposals/s")
}

// BenchmarkReplay measures how fast a group applies its log after a crash.
func BenchmarkReplay(b *testing.B) {
	const size, count = 16 << 10, 8 << 10 // 128 MiB
	dir := b.TempDir()
	open := func() *node {
		l, err := wal.Open(wal.Options{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		n := &node{log: l}
		if n.host, err = NewHost(Options{Node: 1, Log: l}); err != nil {
			b.Fatal(err)
		}
		return n
	}
	n := open()
	g := n.open(b, 1, &keepAll{})
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range count / 64 {
				if _, err := g.Propose(noCtx, make([]byte, size), nil); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	n.close(b)
	b.SetBytes(size * count)
	b.ReportAllocs()
	for b.Loop() {
		n := open()
		g := n.open(b, 1, &keepAll{})
		index, err := g.ReadIndex(b.Context())
		if err == nil {
			err = g.WaitApplied(b.Context(), index)
		}
		if err != nil {
			b.Fatal(err)
		}
		n.close(b)
	}
}

// keepAll makes nothing durable, so that all of the log is replayed.
type keepAll struct{}

func (keepAll) Apply([]Applied)      {}
func (keepAll) DurableIndex() uint64 { return 0 }

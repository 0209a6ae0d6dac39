package block

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
)

// checkShards verifies every link and sum of the cache.
func checkShards(t *testing.T, c *Cache[int]) {
	t.Helper()
	for i := range c.shards {
		s := &c.shards[i]
		queued, linked := 0, 0
		for _, q := range []*queue[int]{&s.mu.small, &s.mu.main} {
			bytes := int64(0)
			for e := q.newest; e != nil; e = e.older {
				if s.mu.entries[e.key] != e || s.queueLocked(e) != q || e.older == nil && q.oldest != e {
					t.Fatalf("shard %d: entry %v is misplaced", i, e.key)
				}
				bytes += e.charge
				queued++
			}
			if bytes != q.bytes {
				t.Fatalf("shard %d: queue of %d bytes says %d", i, bytes, q.bytes)
			}
		}
		for part, head := range s.mu.parts {
			for e := head; e != nil; e = e.behind {
				if e.key.Part != part || e.behind != nil && e.behind.before != e {
					t.Fatalf("shard %d: list of part %d is broken at %v", i, part, e.key)
				}
				linked++
			}
		}
		if queued != len(s.mu.entries) || linked != queued || s.mu.small.bytes+s.mu.main.bytes > s.budget {
			t.Fatalf("shard %d: %d entries, %d queued, %d linked, %d+%d of %d bytes", i, len(s.mu.entries),
				queued, linked, s.mu.small.bytes, s.mu.main.bytes, s.budget)
		}
	}
}

func TestCacheAgreesWithMapOnValues(t *testing.T) {
	for seed := range uint64(5) {
		rng := rand.New(rand.NewPCG(seed, 1))
		c := NewCache[int](100_000)
		twin := map[Key]int{}
		for step := range 20_000 {
			key := Key{Part: rng.Uint64N(5), Column: rng.Uint32N(4), Block: rng.Uint32N(40)}
			switch op := rng.IntN(100); {
			case op == 0:
				c.EvictPart(key.Part)
				for k := range twin {
					if k.Part == key.Part {
						delete(twin, k)
					}
				}
			case op < 40:
				c.Add(key, step, rng.Int64N(2000))
				twin[key] = step
			default:
				if got, ok := c.Get(key); ok && got != twin[key] {
					t.Fatalf("seed %d step %d: %v is %d, want %d", seed, step, key, got, twin[key])
				}
			}
			if step%500 == 0 {
				checkShards(t, c)
			}
		}
	}
}

func TestCacheKeepsWhatIsReadThroughScan(t *testing.T) {
	c := NewCache[int](1000 * (1000 + entryOverhead))
	hot := func(i uint32) Key { return Key{Part: 1, Block: i} }
	for round := range 3 {
		for i := range uint32(300) {
			if _, ok := c.Get(hot(i)); !ok {
				c.Add(hot(i), round, 1000)
			}
		}
	}
	for i := range uint32(50_000) {
		c.Add(Key{Part: 2, Block: i}, 0, 1000)
	}
	kept := 0
	for i := range uint32(300) {
		if _, ok := c.Get(hot(i)); ok {
			kept++
		}
	}
	if kept < 290 {
		t.Errorf("%d of 300 hot entries survived a scan of 50 times the cache", kept)
	}
}

func TestCacheRefusesOversized(t *testing.T) {
	c := NewCache[int](10_000)
	c.Add(Key{Part: 1}, 1, 100)
	c.Add(Key{Part: 2}, 2, 9_500)
	if _, ok := c.Get(Key{Part: 2}); ok {
		t.Error("kept a value larger than the main queue")
	}
	if _, ok := c.Get(Key{Part: 1}); !ok {
		t.Error("dropped a value for one that is not kept")
	}
}

func TestNilCacheCachesNothing(t *testing.T) {
	c := NewCache[int](0)
	c.Add(Key{}, 1, 1)
	c.EvictPart(1)
	if _, ok := c.Get(Key{}); ok || c != nil || c.Stats() != (Stats{}) || c.NextPart() != 0 {
		t.Error("nil cache holds something")
	}
}

func TestCacheCounts(t *testing.T) {
	c := NewCache[int](10_000)
	part := c.NextPart()
	c.Add(Key{Part: part}, 1, 100)
	c.Get(Key{Part: part})
	c.Get(Key{Part: part, Block: 1})
	want := Stats{Hits: 1, Misses: 1, Entries: 1, Bytes: 100 + entryOverhead, Budget: 10_000}
	if got := c.Stats(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	c.EvictPart(part)
	if got := c.Stats(); got.Entries != 0 || got.Bytes != 0 || c.NextPart() == part {
		t.Errorf("after EvictPart: %+v", got)
	}
}

func TestCacheConcurrentUse(t *testing.T) {
	c := NewCache[int](4 << 20)
	var wg sync.WaitGroup
	for worker := range uint64(4) {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(worker, 7))
			for range 5_000 {
				key := Key{Part: rng.Uint64N(4), Block: rng.Uint32N(500)}
				if got, ok := c.Get(key); ok && got != int(key.Block) {
					t.Errorf("%v is %d", key, got)
				}
				c.Add(key, int(key.Block), 4096)
				if rng.IntN(500) == 0 {
					c.EvictPart(key.Part)
					c.Stats()
				}
			}
		})
	}
	wg.Wait()
	checkShards(t, c)
}

func TestCacheGetDoesNotAllocate(t *testing.T) {
	c := NewCache[[]int](1 << 20)
	c.Add(Key{Part: 1}, []int{1}, 8)
	if allocs := testing.AllocsPerRun(100, func() { c.Get(Key{Part: 1}) }); allocs > 0 {
		t.Errorf("%.1f allocations", allocs)
	}
}

func BenchmarkCacheGet(b *testing.B) {
	for _, blocks := range []uint32{100, 10_000} {
		c := NewCache[[]byte](1 << 30)
		for i := range blocks {
			c.Add(Key{Part: 1, Block: i}, nil, 100)
		}
		b.Run(fmt.Sprintf("blocks=%d", blocks), func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				i := uint32(0)
				for pb.Next() {
					c.Get(Key{Part: 1, Block: i % blocks})
					i++
				}
			})
		})
	}
}

func BenchmarkCacheAddUnderPressure(b *testing.B) {
	c := NewCache[[]byte](16 << 20)
	b.ReportAllocs()
	i := uint32(0)
	for b.Loop() {
		c.Add(Key{Part: 1, Block: i}, nil, 4096)
		i++
	}
}

// A dictionary of a large part takes some ten megabytes: however many cores
// there are, the cache a node has by default keeps it.
func TestCacheKeepsLargeValues(t *testing.T) {
	for _, procs := range []int{1, 4, 64} {
		before := runtime.GOMAXPROCS(procs)
		c := NewCache[int](64 << 20)
		runtime.GOMAXPROCS(before)
		c.Add(Key{Part: 1}, 7, 14<<20)
		if v, ok := c.Get(Key{Part: 1}); !ok || v != 7 {
			t.Errorf("%d cores, %d shards: not kept", procs, len(c.shards))
		}
	}
}

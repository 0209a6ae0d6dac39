package meta

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
)

// TestTableAgainstMap keeps every version of a table beside a copy of a map.
func TestTableAgainstMap(t *testing.T) {
	const seed = 7
	rng := rand.New(rand.NewPCG(seed, seed))
	type version struct {
		table table[int, int]
		want  map[int]int
	}
	versions := []version{{want: map[int]int{}}}
	for i := range 200 {
		from := versions[rng.IntN(len(versions))]
		edit, want := from.table.edit(), maps.Clone(from.want)
		for range rng.IntN(30) {
			key := rng.IntN(500)
			if rng.IntN(3) == 0 {
				edit.remove(key)
				delete(want, key)
				continue
			}
			edit.put(key, i)
			want[key] = i
		}
		versions = append(versions, version{edit.done(), want})
	}
	for i, v := range versions {
		if got := maps.Collect(v.table.all()); !maps.Equal(got, v.want) || v.table.size != len(v.want) {
			t.Fatalf("seed %d: version %d has %d of size %d, want %d", seed, i, len(got), v.table.size, len(v.want))
		}
		for key := range 500 {
			got, ok := v.table.get(key)
			if want, exists := v.want[key]; got != want || ok != exists {
				t.Fatalf("seed %d: version %d: get(%d) = %d, %v", seed, i, key, got, ok)
			}
		}
	}
}

func BenchmarkTablePut(b *testing.B) {
	for _, n := range []int{100, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			edit := table[int, int]{}.edit()
			for i := range n {
				edit.put(i, i)
			}
			full := edit.done()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				e := full.edit()
				e.put(i, i)
				_ = e.done()
			}
		})
	}
}

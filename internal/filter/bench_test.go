package filter

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func BenchmarkAppendBloom(b *testing.B) {
	for _, n := range []int{8, 1000, 11_000} {
		hashes := randomHashes(rand.New(rand.NewPCG(1, 2)), n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			var dst []byte
			for b.Loop() {
				dst = AppendBloom(dst[:0], hashes, 0)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/key")
		})
	}
}

func BenchmarkBloomContains(b *testing.B) {
	for _, n := range []int{8, 1000, 11_000} {
		r := rand.New(rand.NewPCG(1, 2))
		bloom := AppendBloom(nil, randomHashes(r, n), 0)
		probes := randomHashes(r, 1024)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			i, found := 0, 0
			for b.Loop() {
				i = (i + 1) & 1023
				if BloomContains(bloom, probes[i]) {
					found++
				}
			}
		})
	}
}

func BenchmarkAppendFuse(b *testing.B) {
	for _, n := range []int{1000, 100_000, 1_000_000} {
		hashes := randomHashes(rand.New(rand.NewPCG(1, 2)), n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			var dst []byte
			for b.Loop() {
				dst, _ = AppendFuse(dst[:0], hashes)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/key")
			b.ReportMetric(8*float64(len(dst))/float64(n), "bits/key")
		})
	}
}

func BenchmarkFuseContains(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	enc, err := AppendFuse(nil, randomHashes(r, 1_000_000))
	if err != nil {
		b.Fatal(err)
	}
	f, err := OpenFuse(enc)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	h, found := uint64(1), 0
	for b.Loop() {
		h = h*6364136223846793005 + 1442695040888963407
		if f.Contains(h) {
			found++
		}
	}
}

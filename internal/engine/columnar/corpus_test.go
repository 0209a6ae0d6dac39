package columnar_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/corpus"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/jobs"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/part"
)

// cpuSeconds returns the process's CPU time so far.
func cpuSeconds(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// BenchmarkCorpus measures a tablet on corpus T without log and network: the
// CPU of building batches, of flushing and of merging to final parts, and the
// bytes that stay on disk. One iteration is the whole corpus.
// corpusTraces is a fifth of corpus T.
const corpusTraces = 10_000

func BenchmarkCorpus(b *testing.B) {
	c := corpus.New(corpus.Config{Traces: corpusTraces})
	for b.Loop() {
		dir := b.TempDir()
		pool := jobs.New(jobs.Options{})
		t, err := columnar.Open(columnar.Options{
			FS: vfs.Default, Dir: dir, ID: 1, Layout: trace.Layout(), Jobs: pool, Cache: part.NewCache(64 << 20),
			SegmentInterval: 24 * time.Hour,
		})
		if err != nil {
			b.Fatal(err)
		}
		builder, spans, index := trace.NewBuilder(trace.Options{}), 0, uint64(0)
		start := cpuSeconds(b)
		for req, n := range c.Requests {
			builder.Reset(1, base.AllTime)
			if err := builder.Add(req); err != nil {
				b.Fatal(err)
			}
			index++
			t.Apply(base.Position{Term: 1, Index: index}, builder.Finish())
			spans += n
		}
		if err := t.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
		flushed := cpuSeconds(b)
		b.ReportMetric(float64(dirBytes(b, dir))/float64(spans), "B/span-flushed")
		if err := t.Compact(b.Context()); err != nil {
			b.Fatal(err)
		}
		merged := cpuSeconds(b)
		b.ReportMetric(1e6*(flushed-start)/float64(spans), "us/span-flush")
		b.ReportMetric(1e6*(merged-flushed)/float64(spans), "us/span-merge")
		b.ReportMetric(float64(dirBytes(b, dir))/float64(spans), "B/span")
		if os.Getenv("PANDO_BENCH_FILES") != "" {
			listFiles(b, dir, spans)
		}
		if err := t.Close(); err != nil {
			b.Fatal(err)
		}
		pool.Close()
	}
}

func dirBytes(b *testing.B, dir string) (n int64) {
	err := filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			n += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// listFiles prints bytes per span by file name.
func listFiles(b *testing.B, dir string, spans int) {
	sizes := map[string]int64{}
	_ = filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			sizes[filepath.Base(path)] += info.Size()
		}
		return err
	})
	var out strings.Builder
	for name, n := range sizes {
		fmt.Fprintf(&out, "\n%-20s %7.2f B/span", name, float64(n)/float64(spans))
	}
	b.Log(out.String())
}

package node_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/catalog"
	"github.com/pandodb/pando/internal/cluster/node"
	"github.com/pandodb/pando/internal/cluster/router"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/jobs"
	"github.com/pandodb/pando/internal/mergepolicy"
)

// crashLayout has one column that names the write.
var crashLayout = &column.Layout{
	Name: "crash", Families: []column.Family{{Name: "f"}}, Rule: column.DropExact,
	Columns: []column.Spec{{ID: colWrite}},
}

var colWrite = column.ID{Type: column.Int64, Name: "write"}

// crashGroup is a group of two tablets on one replication group.
var crashGroup = catalog.Group{ID: 1, Name: "g", Kind: catalog.KindTraces, ShardNum: 2, SegmentInterval: time.Hour, Replicas: 1}

// fixedMap is the catalog of the test.
type fixedMap struct{ tablets *catalog.TabletMap }

func (m fixedMap) TabletMap(catalog.GroupID) (*catalog.TabletMap, error) { return m.tablets, nil }

// machine is a node on a disk that can lose power.
type machine struct {
	fs   *vfs.MemFS
	jobs *jobs.Pool
	node *node.Node
	rows *router.Group
}

func boot(t *testing.T, fs *vfs.MemFS) *machine {
	t.Helper()
	m := &machine{fs: fs, jobs: jobs.New(jobs.Options{})}
	var err error
	m.node, err = node.Open(node.Options{
		Node: 1, FS: fs, Dir: "data", Layouts: map[catalog.Kind]*column.Layout{catalog.KindTraces: crashLayout}, Jobs: m.jobs,
		MinFreeBytes: -1, LogSegmentBytes: 64 << 10, MemtableBytes: 8 << 10, Merge: mergepolicy.Options{FanIn: 2},
	})
	if err != nil {
		t.Fatal(err)
	}
	var tablets []catalog.Tablet
	for i, r := range catalog.PreSplit(2) {
		tablets = append(tablets, catalog.Tablet{ID: base.TabletID(i + 1), Group: 1, Start: r.Start, End: r.End, ReplicationGroup: 1, Epoch: 1})
	}
	tm, err := catalog.NewTabletMap(tablets)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.node.Host(crashGroup, tm); err != nil {
		t.Fatal(err)
	}
	if err := m.node.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.rows = router.NewGroup(1, fixedMap{tm}, m.node)
	return m
}

func (m *machine) stop(t *testing.T) {
	t.Helper()
	if err := m.node.Close(); err != nil {
		t.Fatal(err)
	}
	m.jobs.Close()
}

// writeOf is a batch of four rows on both tablets that carry the write's number.
func writeOf(n uint64) *column.Batch {
	b := &column.Batch{Rows: 4}
	v := column.Vector{ID: colWrite}
	for i := range uint64(4) {
		key := binary.BigEndian.AppendUint32(nil, 1)
		key = binary.BigEndian.AppendUint64(key, (n*4+i)*0x9e3779b97f4a7c15)
		b.KeyCodes = append(b.KeyCodes, b.Keys.Append(fmt.Appendf(key, "%d", n)))
		b.Times = append(b.Times, int64(time.Hour)+int64(n))
		b.IDs = append(b.IDs, i)
		v.Ints = append(v.Ints, int64(n))
	}
	b.Cols = []column.Vector{v}
	return b
}

// TestCrashPowerCut cuts the power at random moments under load, flushes and
// merges running: every acknowledged write is there afterwards, whole.
func TestCrashPowerCut(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 17))
		fs := vfs.NewCrashableMem()
		acked, next := map[uint64]bool{}, uint64(1)
		for range 4 {
			m := boot(t, fs)
			checkAcked(t, seed, m, acked)
			clone := m.writeUntilCrash(t, r, acked, &next)
			m.stop(t)
			fs = clone
		}
		m := boot(t, fs)
		checkAcked(t, seed, m, acked)
		m.stop(t)
	}
}

// writeUntilCrash lets four writers work and returns the disk as a power cut
// leaves it. What was acknowledged before the cut began is added to acked.
func (m *machine) writeUntilCrash(t *testing.T, r *rand.Rand, acked map[uint64]bool, next *uint64) *vfs.MemFS {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	cutAt, cut := len(acked)+20+r.IntN(150), make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				mu.Lock()
				n := *next
				*next++
				mu.Unlock()
				if err := m.rows.Write(ctx, writeOf(n)); err != nil {
					continue // not acknowledged: may or may not be there
				}
				mu.Lock()
				select {
				case <-cut:
				default:
					if acked[n] = true; len(acked) == cutAt {
						close(cut)
					}
				}
				mu.Unlock()
			}
		})
	}
	<-cut
	clone := m.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.IntN(101), RNG: r})
	cancel()
	wg.Wait()
	return clone
}

// checkAcked reads everything and looks for the acknowledged writes.
func checkAcked(t *testing.T, seed uint64, m *machine, acked map[uint64]bool) {
	t.Helper()
	rows := map[uint64]int{}
	err := m.rows.Scan(t.Context(), &columnar.ScanRequest{Time: base.AllTime}, func(b *column.Batch) error {
		for _, n := range b.Col(colWrite).Ints {
			rows[uint64(n)]++
		}
		return b.Validate()
	})
	if err != nil {
		t.Fatalf("seed %d: scan: %v", seed, err)
	}
	for n := range acked {
		if rows[n] != 4 {
			t.Fatalf("seed %d: write %d was acknowledged and has %d of 4 rows", seed, n, rows[n])
		}
	}
	for n, k := range rows {
		if k != 4 {
			t.Fatalf("seed %d: write %d is half there: %d of 4 rows", seed, n, k)
		}
	}
}

package node

import (
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/catalog"
	"github.com/pandodb/pando/internal/cluster/replica"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/wal"
)

// reader opens the machine's directory as a second process would.
func (m *machine) reader() *Reader {
	m.t.Helper()
	o := m.opts
	o.TickEvery = time.Nanosecond // every view refreshes
	o.FS = errorfs.Wrap(m.mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			m.t.Errorf("a reader writes: %v", op)
			return errorfs.ErrInjected
		}
		return nil
	}))
	r, err := NewReader(o)
	if err != nil {
		m.t.Fatal(err)
	}
	g, tablets, err := m.group()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := r.Host(g, tablets); err != nil {
		m.t.Fatal(err)
	}
	return r
}

// seen counts the rows that a reader sees.
func (m *machine) seen(r *Reader) (n uint64) {
	m.t.Helper()
	for id := range r.Tablets() {
		v, err := r.View(m.t.Context(), id)
		if err != nil {
			m.t.Fatal(err)
		}
		err = v.Scan(m.t.Context(), &columnar.ScanRequest{Time: base.AllTime}, func(b *column.Batch) error { n += uint64(b.Rows); return nil })
		v.Close()
		if err != nil {
			m.t.Fatal(err)
		}
	}
	return n
}

// TestReader compares a reader with its writer after every step, over restarts
// of the writer and without one.
func TestReader(t *testing.T) {
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 5))
		m := newMachine(t, 1+int(seed%3))
		m.opts.MemtableBytes = 8 << 10
		m.start()
		r := m.reader()
		for range 80 {
			switch rng.IntN(14) {
			case 0: // the disk after a power cut is another one
				if err := r.Close(); err != nil {
					t.Fatal(err)
				}
				m.crash(rng)
				r = m.reader()
				if got := m.seen(r); got != m.sent {
					t.Fatalf("seed %d: %d rows without a writer, want %d", seed, got, m.sent)
				}
				m.start()
			case 1:
				m.stop()
				if got := m.seen(r); got != m.sent {
					t.Fatalf("seed %d: %d rows after the writer's end, want %d", seed, got, m.sent)
				}
				m.start()
			case 2:
				if err := m.node.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			case 3:
				if err := m.node.Compact(t.Context()); err != nil {
					t.Fatal(err)
				}
			default:
				if err := m.write(base.TabletID(1+rng.IntN(m.shards)), 100+rng.IntN(6000)); err != nil {
					t.Fatal(err)
				}
			}
			if rng.IntN(3) == 0 {
				if got := m.seen(r); got != m.sent {
					t.Fatalf("seed %d: %d rows, want %d", seed, got, m.sent)
				}
			}
		}
		if err := m.node.Purge(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if got, want := m.seen(r), m.rows(); got != want {
			t.Errorf("seed %d: %d rows after a purge, want %d", seed, got, want)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		m.stop()
	}
}

// TestReaderStaysClosed: a view that comes late opens nothing.
func TestReaderStaysClosed(t *testing.T) {
	m := newMachine(t, 1)
	m.start()
	defer m.stop()
	if err := m.write(1, 100); err != nil {
		t.Fatal(err)
	}
	r := m.reader()
	if got := m.seen(r); got != m.sent {
		t.Fatalf("%d rows, want %d", got, m.sent)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	var opened atomic.Int64
	r.tail = wal.NewTail(errorfs.Wrap(m.mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpOpen {
			opened.Add(1)
		}
		return nil
	})), m.opts.logDir())
	if _, err := r.View(t.Context(), 1); base.ClassOf(err) != base.ClassUnavailable || opened.Load() > 0 {
		t.Errorf("a view of a closed reader: %v, %d files opened", err, opened.Load())
	}
}

// TestReaderOfBusyNode reads while the writer works as fast as it can: whatever
// was acknowledged before a view is in it, once.
func TestReaderOfBusyNode(t *testing.T) {
	m := newMachine(t, 2)
	m.opts.MemtableBytes = 16 << 10
	m.start()
	r := m.reader()
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	const writes = 3000
	var acked atomic.Uint64
	done := make(chan error, 1)
	go func() {
		for i := range uint64(writes) {
			if err := m.node.Write(t.Context(), 1, []TabletBatch{{base.TabletID(1 + i%2), rowsFor(2*i+1, 2, 500)}}); err != nil {
				done <- err
				return
			}
			acked.Store(2 * (i + 1))
		}
		done <- nil
	}()
	for last := uint64(0); last < 2*writes; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
		default:
		}
		atLeast := acked.Load()
		last = m.seen(r)
		if most := acked.Load() + 2; last < atLeast || last > most || last%2 != 0 {
			t.Fatalf("%d rows, want %d to %d", last, atLeast, most)
		}
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	m.stop()
}

// TestReaderOverRepair follows a log that its owner cuts and goes on with, also
// where a purge was lost with it.
func TestReaderOverRepair(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 6))
		m := newMachine(t, 2)
		m.opts.LogSegmentBytes, m.opts.Repair = 32<<10, true
		m.start()
		r := m.reader()
		for range 60 {
			if err := m.write(base.TabletID(1+rng.IntN(2)), 100+rng.IntN(1500)); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.flush(1); err != nil {
			t.Fatal(err)
		}
		if seed%2 == 0 {
			if err := m.node.Purge(t.Context(), 2); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := m.seen(r), m.rows(); got != want {
			t.Fatalf("seed %d: %d rows, want %d", seed, got, want)
		}
		m.stop()
		m.harm(rng)
		m.start()
		for range 5 {
			if err := m.write(base.TabletID(1+rng.IntN(2)), 10); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := m.seen(r), m.rows(); got != want {
			t.Errorf("seed %d: %d rows after a repair, want %d", seed, got, want)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		m.stop()
	}
}

// TestReaderRefuses answers everything that writes, what it does not know, and
// queries while it cannot follow.
func TestReaderRefuses(t *testing.T) {
	m := newMachine(t, 1)
	m.start()
	if err := m.write(1, 10); err != nil {
		t.Fatal(err)
	}
	r := m.reader()
	for _, err := range []error{
		r.Write(t.Context(), 1, nil), r.Flush(t.Context()), r.Compact(t.Context()), r.Purge(t.Context(), 1),
	} {
		if base.ClassOf(err) != base.ClassConflict || !strings.Contains(err.Error(), "read-only") {
			t.Errorf("%v", err)
		}
	}
	if _, err := r.View(t.Context(), 9); base.ClassOf(err) != base.ClassUnavailable {
		t.Errorf("a tablet that is not there: %v", err)
	}
	g, tablets, err := m.group()
	if err != nil {
		t.Fatal(err)
	}
	g.Replicas = 3
	if err := r.Host(g, tablets); base.ClassOf(err) != base.ClassInvalid {
		t.Errorf("three replicas: %v", err)
	}
	if err := r.Ready(); err != nil {
		t.Error(err)
	}
	if _, err := replicaOf(m).Propose(t.Context(), []byte{99}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := r.View(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "newer program") {
		t.Errorf("an entry of a newer program: %v", err)
	}
	if r.Ready() == nil {
		t.Error("ready and unable to follow")
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	m.stop()
}

func replicaOf(m *machine) *replica.Group { return m.node.groupOf(1).replica.Load() }

// group returns what the catalog says of the machine's tablets.
func (m *machine) group() (catalog.Group, *catalog.TabletMap, error) {
	var tablets []catalog.Tablet
	for i, r := range catalog.PreSplit(m.shards) {
		tablets = append(tablets, catalog.Tablet{
			ID: base.TabletID(i + 1), Group: 1, Start: r.Start, End: r.End, ReplicationGroup: 1, Epoch: 1,
		})
	}
	tm, err := catalog.NewTabletMap(tablets)
	return catalog.Group{ID: 1, Name: "g", Kind: catalog.KindTraces, SegmentInterval: time.Hour}, tm, err
}

func mustGroup(m *machine) catalog.Group {
	m.t.Helper()
	g, _, err := m.group()
	if err != nil {
		m.t.Fatal(err)
	}
	return g
}

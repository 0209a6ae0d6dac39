package node

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"go.uber.org/goleak"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/catalog"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/jobs"
	"github.com/pandodb/pando/internal/selfmon"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// disk is a file system whose calls can be made to fail and that says how much
// room it has.
type disk struct {
	vfs.FS
	free atomic.Uint64
}

// GetDiskUsage tells what the test says.
func (d *disk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: d.free.Load(), TotalBytes: 1 << 40}, nil
}

// faults fails the operations of one kind on paths that contain a text.
type faults struct {
	mu   sync.Mutex
	kind errorfs.OpKind
	path string
	on   bool
}

func (f *faults) set(kind errorfs.OpKind, path string, on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kind, f.path, f.on = kind, path, on
}

func (f *faults) fail(op errorfs.Op) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.on && op.Kind == f.kind && strings.Contains(op.Path, f.path) {
		return errorfs.ErrInjected
	}
	return nil
}

// machine is a node on a disk of its own, which survives restarts.
type machine struct {
	t      *testing.T
	mem    *vfs.MemFS
	disk   *disk
	faults faults
	opts   Options
	shards int
	pool   *jobs.Pool
	node   *Node
	sent   uint64 // rows acknowledged, numbered from 1
}

func newMachine(t *testing.T, shards int) *machine {
	m := &machine{t: t, mem: vfs.NewCrashableMem(), shards: shards}
	m.opts = Options{Node: 1, Dir: "data", MinFreeBytes: 1 << 20, LogSegmentBytes: 256 << 10, FlushAge: time.Hour}
	return m
}

var testLayout = &column.Layout{Name: "test", Families: []column.Family{{Name: "f"}}, Rule: column.DropExact}

func (m *machine) start() {
	m.t.Helper()
	if err := m.tryStart(); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) tryStart() error {
	m.disk = &disk{FS: errorfs.Wrap(m.mem, errorfs.InjectorFunc(m.faults.fail))}
	m.disk.free.Store(1 << 30)
	m.pool = jobs.New(jobs.Options{})
	m.opts.FS, m.opts.Jobs = m.disk, m.pool
	m.opts.Layouts = map[catalog.Kind]*column.Layout{catalog.KindTraces: testLayout}
	g, tablets, err := m.group()
	if err != nil {
		return err
	}
	if m.node, err = Open(m.opts); err != nil {
		return err
	}
	if err := m.node.Host(g, tablets); err != nil {
		return err
	}
	return m.node.Start(m.t.Context())
}

func (m *machine) stop() {
	m.t.Helper()
	if err := m.node.Close(); err != nil {
		m.t.Error(err)
	}
	m.pool.Close()
}

// crash ends the node as a power cut does.
func (m *machine) crash(r *rand.Rand) {
	clone := m.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.IntN(101), RNG: r})
	_ = m.node.Close() // may report what the test broke
	m.pool.Close()
	m.mem = clone
	m.faults.set(0, "", false)
}

// rowsFor returns a batch of n rows, numbered from first, with values of size.
func rowsFor(first uint64, n, size int) *column.Batch {
	b := &column.Batch{Rows: n}
	v := column.Vector{ID: column.ID{Type: column.String, Name: "v"}}
	for i := range n {
		key := binary.BigEndian.AppendUint64([]byte("res1"), first+uint64(i))
		b.KeyCodes = append(b.KeyCodes, b.Keys.Append(key))
		b.Times = append(b.Times, int64(first)+int64(i))
		b.IDs = append(b.IDs, first+uint64(i))
		v.Codes = append(v.Codes, v.Dict.Append(fmt.Appendf(nil, "%0*d", size, i)))
	}
	b.Cols = []column.Vector{v}
	return b
}

// write sends one row of the size to a tablet.
func (m *machine) write(tablet base.TabletID, size int) error {
	err := m.node.Write(m.t.Context(), 1, []TabletBatch{{tablet, rowsFor(m.sent+1, 1, size)}})
	if err == nil {
		m.sent++
	}
	return err
}

// rows counts the rows of all tablets.
func (m *machine) rows() (n uint64) {
	m.t.Helper()
	for id := range m.node.Tablets() {
		v, err := m.node.View(m.t.Context(), id)
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

// TestRestarts writes, flushes, merges, cuts the power and starts again, in
// random order: acknowledged rows are there each time, once.
func TestRestarts(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 3))
		m := newMachine(t, 1+int(seed%3))
		m.opts.MemtableBytes = 8 << 10
		m.start()
		for range 60 {
			switch r.IntN(12) {
			case 0:
				m.crash(r)
				m.start()
			case 1:
				m.stop()
				m.start()
			case 2:
				if err := m.node.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			case 3:
				if err := m.node.Compact(t.Context()); err != nil {
					t.Fatal(err)
				}
			case 4:
				if got := m.rows(); got != m.sent {
					t.Fatalf("seed %d: %d rows, %d acknowledged", seed, got, m.sent)
				}
			default:
				if err := m.write(base.TabletID(1+r.IntN(m.shards)), 100+r.IntN(2000)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got := m.rows(); got != m.sent {
			t.Fatalf("seed %d: %d rows, %d acknowledged", seed, got, m.sent)
		}
		m.stop()
	}
}

// TestManySmallMemtables: many tablets hold a little each, none enough to be
// flushed for its size. Writes go on all the same.
func TestManySmallMemtables(t *testing.T) {
	m := newMachine(t, 16)
	m.opts.MemoryBytes, m.opts.MemtableBytes = 1<<20, 1<<20
	m.start()
	defer m.stop()
	for i := range 1024 {
		if err := m.write(base.TabletID(1+i%16), 4<<10); err != nil {
			t.Fatalf("write %d: %v", i, err)
		}
	}
}

// warmUp makes what is made once per process, such as compressors, outside the
// bubble of a test, which nothing made inside may leave.
func warmUp(t *testing.T) {
	m := newMachine(t, 1)
	m.start()
	defer m.stop()
	if err := errors.Join(m.write(1, 4<<10), m.write(1, 4<<10), m.node.Flush(t.Context())); err != nil {
		t.Fatal(err)
	}
	if got := m.rows(); got != 2 {
		t.Fatalf("%d rows", got)
	}
}

// TestMemoryRefusal: a disk that takes no parts makes writes wait, then be
// refused with a delay, and work again by themselves once it takes them.
func TestMemoryRefusal(t *testing.T) {
	warmUp(t)
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t, 2)
		m.opts.MemoryBytes, m.opts.MemtableBytes = 256<<10, 64<<10
		stalls := 0
		m.opts.Events = selfmon.Events{Stall: func(selfmon.Stall) { stalls++ }}
		m.start()
		defer m.stop()
		m.faults.set(errorfs.OpCreate, "tablets", true)
		var err error
		began := time.Now()
		for range 1000 {
			if err = m.write(1, 4<<10); err != nil {
				break
			}
		}
		var e *base.Error
		if !errors.As(err, &e) || e.Class != base.ClassOverload || e.RetryAfter == 0 {
			t.Fatalf("memory is full: %v, want an overload error with a delay", err)
		}
		if waited := time.Since(began); waited < admitWait {
			t.Errorf("refused after %v, want %v", waited, admitWait)
		}
		if got := m.rows(); got != m.sent {
			t.Errorf("reads see %d rows, %d acknowledged", got, m.sent)
		}
		done := make(chan error)
		go func() { done <- m.write(1, 4<<10) }()
		time.Sleep(admitWait / 4) // of the bubble's clock
		m.faults.set(0, "", false)
		if err := <-done; err != nil {
			t.Errorf("a write that waited when the disk came back: %v", err)
		}
		if stalls != 1 {
			t.Errorf("%d stalls were reported, want 1", stalls)
		}
	})
}

// TestGate: an opening wakes who waits, and nobody who comes later.
func TestGate(t *testing.T) {
	var g gate
	g.open()
	ch := g.opened()
	select {
	case <-ch:
		t.Fatal("an opening before anybody waited is remembered")
	default:
	}
	g.open()
	<-ch
	select {
	case <-g.opened():
		t.Fatal("an old opening wakes a new waiter")
	default:
	}
}

// TestDiskFull refuses writes while room is short, answers reads, and takes
// writes again by itself.
func TestDiskFull(t *testing.T) {
	warmUp(t)
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t, 1)
		var stalls []selfmon.Stall
		m.opts.Events = selfmon.Events{Stall: func(s selfmon.Stall) { stalls = append(stalls, s) }}
		m.start()
		defer m.stop()
		if err := m.write(1, 10); err != nil {
			t.Fatal(err)
		}
		m.disk.free.Store(1 << 19)
		time.Sleep(2 * time.Second) // of the bubble's clock
		err := m.write(1, 10)
		if base.ClassOf(err) != base.ClassOverload || !strings.Contains(err.Error(), "storage.min_free") {
			t.Errorf("write on a full disk: %v", err)
		}
		if m.node.Ready() == nil {
			t.Error("the node is ready with a full disk")
		}
		if got := m.rows(); got != 1 {
			t.Errorf("reads on a full disk see %d rows", got)
		}
		m.disk.free.Store(1 << 30)
		time.Sleep(2 * time.Second) // of the bubble's clock
		if err := errors.Join(m.write(1, 10), m.node.Ready()); err != nil {
			t.Errorf("write after room was made: %v", err)
		}
		if len(stalls) != 1 || stalls[0].Why != selfmon.StallDisk || stalls[0].Dur < time.Second {
			t.Errorf("stalls that were told of: %+v", stalls)
		}
	})
}

// TestLogFailure: after a failed sync of the log nothing is acknowledged, the
// node says that it must end, and a restart has all that was acknowledged.
func TestLogFailure(t *testing.T) {
	m := newMachine(t, 1)
	m.start()
	for range 5 {
		if err := m.write(1, 10); err != nil {
			t.Fatal(err)
		}
	}
	m.faults.set(errorfs.OpFileSyncData, "log", true)
	if err := m.write(1, 10); err == nil {
		m.faults.set(errorfs.OpFileSync, "log", true)
		if err := m.write(1, 10); err == nil {
			t.Fatal("acknowledged without a sync")
		}
	}
	<-m.node.Failed()
	if m.node.Err() == nil {
		t.Error("failed without a reason")
	}
	for _, err := range []error{m.node.Ready(), m.write(1, 10)} {
		if base.ClassOf(err) != base.ClassUnavailable {
			t.Errorf("a failed node answers %v", err)
		}
	}
	m.crash(rand.New(rand.NewPCG(1, 1)))
	m.start()
	if got := m.rows(); got < m.sent || got > m.sent+1 { // the failed write may be there
		t.Errorf("%d rows after the restart, %d acknowledged", got, m.sent)
	}
	m.stop()
}

// TestManifestInDoubt: a tablet that cannot know its own manifest ends the node;
// a restart has everything.
func TestManifestInDoubt(t *testing.T) {
	m := newMachine(t, 2)
	m.start()
	for i := range 6 {
		if err := m.write(base.TabletID(1+i%2), 10); err != nil {
			t.Fatal(err)
		}
	}
	m.faults.set(errorfs.OpRename, ".snp", true)
	if err := m.node.Flush(t.Context()); err == nil {
		t.Fatal("flushed without a manifest")
	}
	<-m.node.Failed()
	m.crash(rand.New(rand.NewPCG(1, 1)))
	m.start()
	if got := m.rows(); got != m.sent {
		t.Errorf("%d rows after the restart, %d acknowledged", got, m.sent)
	}
	m.stop()
}

// TestUnknownEntry: an entry that this program cannot read stops the state
// machine. Nothing behind it is applied, the log keeps it, and the next start
// says the same.
func TestUnknownEntry(t *testing.T) {
	m := newMachine(t, 1)
	m.start()
	if err := m.write(1, 10); err != nil {
		t.Fatal(err)
	}
	g := m.node.groupOf(1)
	pos, err := g.replica.Load().Propose(t.Context(), []byte{99, 1, 2, 3}, nil)
	if err != nil {
		t.Fatal(err)
	}
	<-m.node.Failed()
	if !strings.Contains(m.node.Err().Error(), "newer program") {
		t.Errorf("failed with %v", m.node.Err())
	}
	later := appendCommand(nil, []TabletBatch{{1, rowsFor(9, 1, 10)}})
	last, err := g.replica.Load().Propose(t.Context(), later, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.replica.Load().WaitApplied(t.Context(), last.Index); err != nil {
		t.Fatal(err)
	}
	if err := m.node.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := g.DurableIndex(); d >= pos.Index {
		t.Errorf("durable up to %d: the log may forget entry %d, which nobody applied", d, pos.Index)
	}
	m.stop()
	m.start()
	<-m.node.Failed()
	m.stop()
}

// TestLifetime: what is opened closes once and for all, started or not.
func TestLifetime(t *testing.T) {
	m := newMachine(t, 2)
	m.start()
	m.stop()
	m.stop()
	if err := m.write(1, 10); base.ClassOf(err) != base.ClassUnavailable {
		t.Errorf("write to a closed node: %v", err)
	}
	n, err := Open(m.opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if _, err := Open(Options{}); err == nil {
		t.Error("opened without options")
	}
}

// TestWriteRefuses what could not be replayed or is not here.
func TestWriteRefuses(t *testing.T) {
	m := newMachine(t, 1)
	m.start()
	defer m.stop()
	b := rowsFor(1, 1, 10)
	if err := m.node.Write(t.Context(), 1, []TabletBatch{{1, b}, {1, b}}); err == nil {
		t.Error("two batches for one tablet in one entry: replay would drop the second")
	}
	if err := m.node.Write(t.Context(), 7, []TabletBatch{{1, b}}); base.ClassOf(err) != base.ClassUnavailable {
		t.Errorf("a group that is elsewhere: %v", err)
	}
	if _, err := m.node.View(t.Context(), 7); base.ClassOf(err) != base.ClassUnavailable {
		t.Errorf("a tablet that is elsewhere: %v", err)
	}
}

package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/catalog"
	"github.com/pandodb/pando/internal/cluster/replica"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/selfmon"
	"github.com/pandodb/pando/internal/wal"
)

// Node hosts tablets. Its methods are safe for concurrent use.
type Node struct {
	o    Options
	log  *wal.Log
	host *replica.Host

	mu struct {
		sync.Mutex
		groups  map[base.GroupID]*group
		tablets map[base.TabletID]*hosted
	}

	memory    atomic.Int64 // bytes of rows not yet in parts, as of the last count
	refusal   atomic.Pointer[error]
	refusedAt time.Time // when refusal began; the ticker's own
	relief    gate

	failOnce sync.Once
	failed   chan struct{}
	failure  error

	stopOnce sync.Once
	stop     chan struct{}
	wg       sync.WaitGroup

	aside string // where repairs keep what they change; empty until one does
}

// hosted is a tablet and the group whose log carries its writes.
type hosted struct {
	tablet *columnar.Tablet
	group  *group
}

// logCacheBytes is what the log keeps of recent entries: enough for what waits to
// be applied; nothing else on a node alone reads them.
const logCacheBytes = 16 << 20

// Open opens the log. Tablets are added by Host, groups start with Start.
func Open(o Options) (*Node, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	n := &Node{o: o, failed: make(chan struct{}), stop: make(chan struct{})}
	n.mu.groups = make(map[base.GroupID]*group)
	n.mu.tablets = make(map[base.TabletID]*hosted)
	if err := n.openLog(); err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	return n, nil
}

func (n *Node) openLog() (err error) {
	o := n.o
	opts := wal.Options{
		FS: o.FS, Dir: o.logDir(), SegmentBytes: o.LogSegmentBytes, CacheBytes: logCacheBytes, SyncEvery: o.SyncEvery,
		Events: wal.Events{
			Committed: func(c wal.CommitInfo) {
				o.Events.LogSync(selfmon.LogSync{Entries: c.Requests, Bytes: int64(c.Bytes), Dur: c.Duration})
			},
			TailTruncated: func(path string, offset int64) {
				o.Logger.Info("log tail cut by a crash was dropped", slog.String("file", path), slog.Int64("offset", offset))
			},
		},
	}
	n.log, err = wal.Open(opts)
	if base.IsCorruption(err) && o.Repair {
		n.log, err = n.repairLog(opts, err)
	}
	return err
}

// Host opens the group's tablets that are not open yet. Call it before Start for
// what the catalog holds, and again when the catalog gained tablets.
func (n *Node) Host(g catalog.Group, tablets *catalog.TabletMap) error {
	for i := range tablets.Len() {
		t := tablets.At(i)
		if n.hosted(t.ID) != nil {
			continue
		}
		gr := n.groupOf(t.ReplicationGroup)
		o, err := n.o.tablet(g, t.ID)
		if err != nil {
			return err
		}
		o.BeforeDurable, o.OnFlushed = n.syncLog, func() { n.flushed(gr) }
		n.letRepair(&o)
		tablet, err := columnar.Open(o)
		if err != nil {
			return err
		}
		gr.mu.Lock()
		gr.mu.tablets[t.ID] = tablet
		gr.mu.Unlock()
		n.mu.Lock()
		n.mu.tablets[t.ID] = &hosted{tablet: tablet, group: gr}
		n.mu.Unlock()
	}
	return nil
}

// syncLog makes durable what the log was given, where that is not done at once.
func (n *Node) syncLog() error {
	if n.o.SyncEvery == 0 {
		return nil
	}
	return n.log.Append(context.Background(), nil) // ends with the log at the latest
}

func (n *Node) hosted(id base.TabletID) *hosted {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.tablets[id]
}

func (n *Node) groupOf(id base.GroupID) *group {
	n.mu.Lock()
	defer n.mu.Unlock()
	g := n.mu.groups[id]
	if g == nil {
		g = &group{id: id, node: n}
		g.mu.tablets = make(map[base.TabletID]*columnar.Tablet)
		n.mu.groups[id] = g
	}
	return g
}

// Start starts the replication groups of the hosted tablets, which replays their
// logs, and the ticker.
func (n *Node) Start(ctx context.Context) error {
	var err error
	n.host, err = replica.NewHost(replica.Options{Node: n.o.Node, Log: n.log, Logger: n.o.Logger})
	if err != nil {
		return err
	}
	for _, g := range n.replicationGroups() {
		if err := n.reachFlushed(ctx, g); err != nil {
			return fmt.Errorf("replication group %d: %w", g.id, err)
		}
		g.mu.Lock()
		g.mu.compacted = n.log.Group(g.id).Compacted().Index
		g.mu.Unlock()
		r, err := n.host.Open(ctx, replica.GroupOptions{ID: g.id, StateMachine: g})
		if err != nil {
			return fmt.Errorf("replication group %d: %w", g.id, err)
		}
		g.replica.Store(r)
	}
	n.wg.Add(1)
	go n.tick()
	return nil
}

// Close stops the groups, then the tablets, then the log. Rows in memory stay in
// the log and are replayed at the next start. A second Close does nothing.
func (n *Node) Close() (err error) {
	n.stopOnce.Do(func() { err = n.close() })
	return err
}

func (n *Node) close() error {
	close(n.stop)
	n.wg.Wait()
	var errs []error
	if n.host != nil {
		errs = append(errs, n.host.Close())
	}
	for _, t := range n.Tablets() { // without mu: a flush that ends takes it
		errs = append(errs, t.Close())
	}
	return errors.Join(append(errs, n.log.Close())...)
}

// Failed is closed when the node cannot go on: its log is in an unknown state.
// The process should exit; a restart recovers everything acknowledged.
func (n *Node) Failed() <-chan struct{} { return n.failed }

// Err says why the node failed.
func (n *Node) Err() error {
	<-n.failed
	return n.failure
}

// Fail makes the node refuse writes and closes Failed: something that it cannot
// do without has ended. Only the first reason counts.
func (n *Node) Fail(err error) {
	n.failOnce.Do(func() {
		n.failure = err
		close(n.failed)
	})
}

// Ready reports why writes cannot be taken, or nil.
func (n *Node) Ready() error {
	select {
	case <-n.failed:
		return base.Errorf(base.ClassUnavailable, "node %d has failed and must be restarted: %w", n.o.Node, n.failure)
	default:
	}
	if p := n.refusal.Load(); p != nil {
		return *p
	}
	for _, g := range n.replicationGroups() {
		if r := g.replica.Load(); r != nil && r.Status().Leader == 0 {
			return base.Errorf(base.ClassUnavailable, "replication group %d has no leader", g.id)
		}
	}
	return nil
}

// Write makes the batches, at most one per tablet, durable as one entry of the
// group's log and returns when they are. The batches must not change any more.
func (n *Node) Write(ctx context.Context, id base.GroupID, writes []TabletBatch) error {
	if err := n.admit(ctx); err != nil {
		return err
	}
	n.mu.Lock()
	g := n.mu.groups[id]
	n.mu.Unlock()
	if g == nil || g.replica.Load() == nil {
		return base.Errorf(base.ClassUnavailable, "replication group %d is not on this node", id)
	}
	size := 16
	for i, w := range writes {
		for _, other := range writes[:i] {
			if other.Tablet == w.Tablet { // replay tells a tablet's batches apart by their entry
				return base.Errorf(base.ClassBug, "write of two batches for tablet %d", w.Tablet)
			}
		}
		size += w.Batch.SizeBytes()
	}
	if size > maxBatchBytes {
		return base.Errorf(base.ClassTooLarge, "write of %d bytes: at most %d", size, maxBatchBytes)
	}
	n.memory.Add(int64(size))
	_, err := g.replica.Load().Propose(ctx, appendCommand(make([]byte, 0, size), writes), writes)
	return err
}

// View returns the tablet as of now: every write acknowledged before the call is
// in it. The caller closes it.
func (n *Node) View(ctx context.Context, id base.TabletID) (*columnar.View, error) {
	t, err := n.caughtUp(ctx, id)
	if err != nil {
		return nil, err
	}
	return t.View()
}

// caughtUp returns the tablet once every write acknowledged before the call is
// applied to it.
func (n *Node) caughtUp(ctx context.Context, id base.TabletID) (*columnar.Tablet, error) {
	h := n.hosted(id)
	if h == nil || h.group.replica.Load() == nil {
		return nil, base.Errorf(base.ClassUnavailable, "tablet %d is not on this node", id)
	}
	r := h.group.replica.Load()
	index, err := r.ReadIndex(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.WaitApplied(ctx, index); err != nil {
		return nil, err
	}
	return h.tablet, nil
}

// UnappliedBytes returns what is in the log and not yet in memtables.
func (n *Node) UnappliedBytes() (sum int64) {
	for _, g := range n.replicationGroups() {
		if r := g.replica.Load(); r != nil {
			sum += r.UnappliedBytes()
		}
	}
	return sum
}

// Tablets returns the hosted tablets, for administration and metrics.
func (n *Node) Tablets() map[base.TabletID]*columnar.Tablet {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := make(map[base.TabletID]*columnar.Tablet, len(n.mu.tablets))
	for id, h := range n.mu.tablets {
		out[id] = h.tablet
	}
	return out
}

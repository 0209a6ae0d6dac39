package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/catalog"
	"github.com/pandodb/pando/internal/cluster/meta"
	"github.com/pandodb/pando/internal/cluster/node"
	"github.com/pandodb/pando/internal/cluster/router"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/jobs"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/part"
	"github.com/pandodb/pando/internal/query/search"
	"github.com/pandodb/pando/internal/selfmon"
)

// Options are what Open needs beside the configuration.
type Options struct {
	Config  Config
	Version string
	Logger  *slog.Logger // nil discards
	Clock   base.Clock   // nil means the system clock
	FS      vfs.FS       // nil means the disk
}

// Server is a running node with everything in it.
type Server struct {
	o       Options
	steady  base.Clock // what retention goes by: see base.SteadyClock
	started time.Time
	reg     *prometheus.Registry
	lock    io.Closer
	etcd    *meta.Etcd
	catalog *meta.Catalog     // nil where another process writes
	maps    meta.TabletMapper // the catalog, or what that process publishes of it
	jobs    *jobs.Pool
	cache   *part.Cache
	node    host
	traces  *Traces
	archive *Traces
	front   *front

	stop      chan struct{} // closed first of all by close
	watching  sync.WaitGroup
	closeOnce sync.Once
}

// replicationGroups is how many Raft groups a node runs. One lets a request be
// one log entry whatever tablets it touches; more only help when several cores
// wait for one group's apply.
const replicationGroups = 1

// startTimeout bounds the start of the control plane.
const startTimeout = 30 * time.Second

// Open opens the data directory and starts everything but the listeners. What a
// crash left is recovered here.
func Open(ctx context.Context, o Options) (*Server, error) {
	if err := o.Config.Validate(); err != nil {
		return nil, base.Errorf(base.ClassInvalid, "configuration: %w", err)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	steady := o.Clock
	if o.Clock == nil {
		o.Clock, steady = base.SystemClock, base.SteadyClock()
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	s := &Server{o: o, stop: make(chan struct{}), steady: steady, started: o.Clock(), reg: prometheus.NewRegistry()}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) open(ctx context.Context) error {
	if err := s.openDirs(); err != nil {
		return err
	}
	events, err := s.events()
	if err != nil {
		return err
	}
	opened := s.openWriting
	if s.o.Config.Storage.ReadOnly {
		opened = s.openReadOnly
	}
	spans, archive, err := opened(ctx, events)
	if err != nil {
		return err
	}
	s.traces, s.archive = s.openTraces(spans), s.openTraces(archive)
	return s.openFront(spans.resource.ID, archive.resource.ID)
}

// openWriting takes the lead of what is stored.
func (s *Server) openWriting(ctx context.Context, events selfmon.Events) (spans, archive declared, err error) {
	id, err := s.openCatalog(ctx)
	if err != nil {
		return spans, archive, err
	}
	if spans, archive, err = s.ensureTraces(ctx); err != nil {
		return spans, archive, fmt.Errorf("catalog: %w", err)
	}
	s.publishCatalog()
	return spans, archive, s.nameRepair(s.openNode(ctx, id, events, spans.group, archive.group))
}

// openTraces returns the trace resource for gateways.
func (s *Server) openTraces(d declared) *Traces {
	routed := router.NewGroup(d.group.ID, s.maps, s.node)
	return &Traces{Traces: search.NewTraces(routed, d.resource.ID), group: routed, spec: d.group, clock: s.o.Clock, steady: s.steady}
}

// events sends what happens to the log and to metrics.
func (s *Server) events() (selfmon.Events, error) {
	if err := selfmon.RegisterRuntime(s.reg, s.o.Version); err != nil {
		return selfmon.Events{}, err
	}
	metrics, err := selfmon.NewMetrics(s.reg)
	if err != nil {
		return selfmon.Events{}, err
	}
	return selfmon.Tee(selfmon.LogEvents(s.o.Logger), metrics.Events()), nil
}

// openCatalog starts the control plane and takes its lead.
func (s *Server) openCatalog(ctx context.Context) (base.NodeID, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	dir := s.o.Config.DataDir
	store, err := s.openStore(ctx)
	if err != nil {
		return 0, s.tellCatalog(err)
	}
	if s.catalog, err = meta.Open(ctx, meta.Options{Store: store, Logger: s.o.Logger}); err != nil {
		return 0, s.tellCatalog(err)
	}
	s.maps = s.catalog
	known := s.catalog.View().Nodes()
	path := s.o.FS.PathJoin(dir, identityName)
	identity, err := nodeIdentity(s.o.FS, path, len(known) == 0)
	if base.IsCorruption(err) && s.o.Config.Storage.Repair && len(known) == 1 {
		identity, err = s.restoreIdentity(path, known[0].Identity, err)
	}
	if err != nil {
		return 0, s.nameRepair(err)
	}
	if err := s.claimIndexDir(identity, len(known) == 0); err != nil {
		return 0, err
	}
	if len(known) > 0 && !slices.ContainsFunc(known, func(n meta.Node) bool { return n.Identity == identity }) {
		return 0, base.Corruptionf(path, 0, "names node %s, but this directory's data belongs to node %s: the file is of another directory", identity, known[0].Identity)
	}
	if _, err := s.catalog.Lead(ctx, 1); err != nil {
		return 0, err
	}
	n, err := s.catalog.RegisterNode(ctx, meta.Node{Identity: identity, Address: s.o.Config.Listen})
	if err != nil {
		return 0, err
	}
	_, err = s.catalog.EnsureReplicationGroups(ctx, replicationGroups, []base.NodeID{n.ID})
	return n.ID, err
}

// declared is a group of the catalog and the resource in it.
type declared struct {
	group    catalog.Group
	resource catalog.Resource
}

// ensureTraces declares the built-in trace groups, spans and archive, and follows
// the configured TTLs.
func (s *Server) ensureTraces(ctx context.Context) (spans, archive declared, err error) {
	c := &s.o.Config.Storage
	want := catalog.DefaultGroup()
	want.ShardNum = c.Shards
	want.TTL = time.Duration(c.TTL)
	want.SegmentInterval = time.Duration(c.SegmentInterval)
	if spans, err = s.ensure(ctx, want); err != nil {
		return spans, archive, err
	}
	if spans.group.SegmentInterval != want.SegmentInterval || spans.group.ShardNum != want.ShardNum {
		s.o.Logger.Warn("segment interval and shards are fixed when a data directory is made: the configured ones are ignored",
			slog.Duration("segment_interval", spans.group.SegmentInterval), slog.Int("shards", spans.group.ShardNum))
	}
	want = catalog.ArchiveGroup()
	want.TTL = time.Duration(c.ArchiveTTL)
	archive, err = s.ensure(ctx, want)
	return spans, archive, err
}

// ensure declares a group with its resource and sets its TTL.
func (s *Server) ensure(ctx context.Context, want catalog.Group) (declared, error) {
	group, err := s.catalog.EnsureGroup(ctx, want)
	if err != nil {
		return declared{}, err
	}
	if group.TTL != want.TTL {
		changed := group
		changed.TTL = want.TTL
		if group, err = s.catalog.UpdateGroup(ctx, changed); err != nil {
			return declared{}, err
		}
	}
	resource, err := s.catalog.EnsureResource(ctx, group.Name, catalog.DefaultResource())
	return declared{group, resource}, err
}

func (s *Server) openNode(ctx context.Context, id base.NodeID, events selfmon.Events, groups ...catalog.Group) error {
	n, err := node.Open(s.nodeOptions(id, events))
	if err != nil {
		return err
	}
	s.node = n
	if s.etcd != nil {
		s.watching.Go(func() {
			select {
			case <-s.etcd.Done():
				n.Fail(base.Errorf(base.ClassUnavailable, "the catalog's etcd has stopped: its log says why"))
			case <-s.stop:
			}
		})
	}
	return s.startNode(ctx, groups...)
}

// nodeOptions makes what tablets share and returns the options of what hosts them.
func (s *Server) nodeOptions(id base.NodeID, events selfmon.Events) node.Options {
	c := &s.o.Config.Storage
	s.jobs = jobs.New(jobs.Options{})
	s.cache = part.NewCache(int64(c.Cache))
	return node.Options{
		Node: id, FS: s.o.FS, Dir: s.o.Config.DataDir, Layouts: map[catalog.Kind]*column.Layout{catalog.KindTraces: trace.Layout()},
		Jobs: s.jobs, Cache: s.cache, Events: events, Logger: s.o.Logger, Clock: s.steady,
		MemoryBytes: int(c.Memory), MinFreeBytes: s.minFree(), MaxLogBytes: s.maxLog(),
		MemtableBytes: int(c.Memtable), FlushAge: time.Duration(c.FlushAge), TickEvery: time.Duration(c.MaintenanceInterval),
		SyncEvery: syncEvery(c), Repair: c.Repair,
	}
}

// startNode hosts the groups' tablets and starts what hosts them.
func (s *Server) startNode(ctx context.Context, groups ...catalog.Group) error {
	for _, g := range groups {
		if err := s.hostGroup(g); err != nil {
			return err
		}
	}
	stats := heldFor(time.Duration(s.o.Config.Storage.MetricsInterval), s.o.Clock, s.Stats)
	if err := selfmon.RegisterTablets(s.reg, stats); err != nil {
		return err
	}
	return s.node.Start(ctx)
}

func (s *Server) hostGroup(g catalog.Group) error {
	tablets, err := s.maps.TabletMap(g.ID)
	if err != nil {
		return err
	}
	return s.node.Host(g, tablets)
}

// syncEvery returns how long a write may wait for its sync; zero is not at all.
func syncEvery(c *StorageConfig) time.Duration {
	if c.SyncWrites {
		return 0
	}
	return 100 * time.Millisecond
}

// heldFor returns a function that asks compute at most once per interval: sizes
// are summed over every tablet, and scrapers may come often.
func heldFor(interval time.Duration, clock base.Clock, compute func() selfmon.TabletStats) func() selfmon.TabletStats {
	var mu sync.Mutex
	var held selfmon.TabletStats
	var at time.Time
	return func() selfmon.TabletStats {
		mu.Lock()
		defer mu.Unlock()
		if now := clock(); at.IsZero() || now.Sub(at) >= interval || now.Before(at) {
			held, at = compute(), now
		}
		return held
	}
}

// Close stops the listeners, drains requests and takes everything down. A second
// Close does nothing.
func (s *Server) Close() (err error) {
	s.closeOnce.Do(func() { err = s.close() })
	return err
}

func (s *Server) close() error {
	close(s.stop)
	s.watching.Wait()
	var errs []error
	if s.front != nil {
		s.front.close()
	}
	if s.node != nil {
		errs = append(errs, s.node.Close())
	}
	if s.jobs != nil {
		s.jobs.Close()
	}
	if s.catalog != nil {
		s.catalog.Close()
	}
	if s.etcd != nil {
		errs = append(errs, s.etcd.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// Traces returns the built-in trace resource.
func (s *Server) Traces() *Traces { return s.traces }

// Failed is closed when the process must end: see node.Node.
func (s *Server) Failed() <-chan struct{} { return s.node.Failed() }

// Err says why the server failed; it waits until it has.
func (s *Server) Err() error { return s.node.Err() }

// Flush writes all rows in memory into parts.
func (s *Server) Flush(ctx context.Context) error { return s.node.Flush(ctx) }

// Compact flushes and merges until every segment is as compact as it gets.
func (s *Server) Compact(ctx context.Context) error { return s.node.Compact(ctx) }

// Stats sums up what the tablets hold.
func (s *Server) Stats() selfmon.TabletStats {
	sum := selfmon.TabletStats{UnappliedBytes: s.node.UnappliedBytes()}
	for _, t := range s.node.Tablets() {
		st := t.Stats()
		sum.Add(selfmon.TabletStats{
			Tablets: 1, Segments: int64(st.Segments), Parts: int64(st.Parts), PartRows: int64(st.Rows), PartBytes: st.Bytes,
			MemtableRows: int64(st.MemoryRows), MemtableBytes: int64(st.MemoryBytes), QuarantinedParts: int64(st.Quarantined),
		})
	}
	return sum
}

// ReadOnly reports whether another process writes the data.
func (s *Server) ReadOnly() bool { return s.o.Config.Storage.ReadOnly }

// DataDir returns the directory the server keeps its data in.
func (s *Server) DataDir() string { return s.o.Config.DataDir }

// Purge drops all spans acknowledged before the call, durably, and with them the
// names of services and operations. Archived traces stay unless archived is set,
// which drops them instead.
func (s *Server) Purge(ctx context.Context, archived bool) error {
	of := s.traces
	if archived {
		of = s.archive
	}
	tablets, err := s.maps.TabletMap(of.spec.ID)
	if err != nil {
		return err
	}
	ids := make([]base.TabletID, tablets.Len())
	for i := range ids {
		ids[i] = tablets.At(i).ID
	}
	return s.node.Purge(ctx, ids...)
}

package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	iofs "io/fs"
	"log/slog"
	"slices"
	"strings"
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
	catalog *meta.Catalog
	jobs    *jobs.Pool
	cache   *part.Cache
	node    *node.Node
	traces  *Traces
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
	dir := s.o.Config.DataDir
	if err := s.o.FS.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	lock, err := s.o.FS.Lock(s.o.FS.PathJoin(dir, "LOCK"))
	if err != nil {
		return base.Errorf(base.ClassUnavailable, "data directory %s is in use by another process: stop that one, or choose another --data-dir (%w)", dir, err)
	}
	s.lock = lock
	events, err := s.events()
	if err != nil {
		return err
	}
	id, err := s.openCatalog(ctx)
	if err != nil {
		return err
	}
	group, resource, err := s.ensureTraces(ctx)
	if err != nil {
		return fmt.Errorf("catalog: %w", err)
	}
	if err := s.openNode(ctx, id, group, events); err != nil {
		return err
	}
	routed := router.NewGroup(group.ID, s.catalog, s.node)
	s.traces = &Traces{Traces: search.NewTraces(routed, resource.ID), group: routed, spec: group, clock: s.o.Clock, steady: s.steady}
	return s.openFront(resource.ID)
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
	var err error
	if s.etcd, err = meta.OpenEtcd(ctx, meta.EtcdOptions{Dir: s.o.FS.PathJoin(dir, "meta"), Logger: s.o.Logger}); err != nil {
		return 0, err
	}
	if s.catalog, err = meta.Open(ctx, meta.Options{Store: s.etcd, Logger: s.o.Logger}); err != nil {
		return 0, err
	}
	known := s.catalog.View().Nodes()
	path := s.o.FS.PathJoin(dir, "NODE")
	identity, err := nodeIdentity(s.o.FS, path, len(known) == 0)
	if err != nil {
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

// identityPrefix begins the file that names the node; the name and the CRC32C of
// all before it follow, in hex:
//
//	pando node 1 0a1b…32 digits… 5f3a9c01
const identityPrefix = "pando node 1 "

// nodeIdentity returns the random name this data directory got when it was made.
// A missing file is made only where mayCreate says that nothing is here yet: a
// node under a new name owns nothing of what is there.
func nodeIdentity(fs vfs.FS, path string, mayCreate bool) (string, error) {
	f, err := fs.Open(path)
	if err == nil {
		defer func() { _ = f.Close() }() // only read
		data, err := io.ReadAll(io.LimitReader(f, 128))
		if err != nil {
			return "", fmt.Errorf("node identity: %w", err)
		}
		rest, ok := strings.CutPrefix(string(data), identityPrefix)
		id, _, _ := strings.Cut(rest, " ")
		if raw, err := hex.DecodeString(id); !ok || err != nil || len(raw) != 16 || string(data) != identityLine(id) {
			return "", base.Corruptionf(path, 0, "not a node identity, or a damaged one: %q", data)
		}
		return id, nil
	}
	if !errors.Is(err, iofs.ErrNotExist) { // a new name would orphan what is here
		return "", fmt.Errorf("node identity: %w", err)
	}
	if !mayCreate {
		return "", base.Corruptionf(path, 0, "the file is gone, and with it the name under which this directory's data is known: restore it")
	}
	var raw [16]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return "", err
	}
	id := hex.EncodeToString(raw[:])
	return id, writeFile(fs, path, []byte(identityLine(id)))
}

// identityLine is the whole file.
func identityLine(id string) string {
	named := identityPrefix + id
	return fmt.Sprintf("%s %08x\n", named, crc32.Checksum([]byte(named), crc32.MakeTable(crc32.Castagnoli)))
}

// writeFile makes a small file that is there whole or not at all.
func writeFile(fs vfs.FS, path string, data []byte) error {
	tmp := path + ".tmp"
	f, err := fs.Create(tmp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := fs.Rename(tmp, path); err != nil {
		return err
	}
	dir, err := fs.OpenDir(fs.PathDir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// ensureTraces declares the built-in trace group and resource, and follows the
// configured TTL.
func (s *Server) ensureTraces(ctx context.Context) (catalog.Group, catalog.Resource, error) {
	want := catalog.DefaultGroup()
	want.ShardNum = s.o.Config.Storage.Shards
	want.TTL = time.Duration(s.o.Config.Storage.TTL)
	want.SegmentInterval = time.Duration(s.o.Config.Storage.SegmentInterval)
	group, err := s.catalog.EnsureGroup(ctx, want)
	if err != nil {
		return group, catalog.Resource{}, err
	}
	if group.TTL != want.TTL {
		changed := group
		changed.TTL = want.TTL
		if group, err = s.catalog.UpdateGroup(ctx, changed); err != nil {
			return group, catalog.Resource{}, err
		}
	}
	if group.SegmentInterval != want.SegmentInterval || group.ShardNum != want.ShardNum {
		s.o.Logger.Warn("segment interval and shards are fixed when a data directory is made: the configured ones are ignored",
			slog.Duration("segment_interval", group.SegmentInterval), slog.Int("shards", group.ShardNum))
	}
	resource, err := s.catalog.EnsureResource(ctx, group.Name, catalog.DefaultResource())
	return group, resource, err
}

func (s *Server) openNode(ctx context.Context, id base.NodeID, group catalog.Group, events selfmon.Events) error {
	c := &s.o.Config.Storage
	s.jobs = jobs.New(jobs.Options{})
	s.cache = part.NewCache(int64(c.Cache))
	var err error
	s.node, err = node.Open(node.Options{
		Node: id, FS: s.o.FS, Dir: s.o.Config.DataDir, Layouts: map[catalog.Kind]*column.Layout{catalog.KindTraces: trace.Layout()},
		Jobs: s.jobs, Cache: s.cache, Events: events, Logger: s.o.Logger, Clock: s.steady,
		MemoryBytes: int(c.Memory), MinFreeBytes: int64(c.MinFree),
		MemtableBytes: int(c.Memtable), FlushAge: time.Duration(c.FlushAge),
	})
	if err != nil {
		return err
	}
	tablets, err := s.catalog.TabletMap(group.ID)
	if err != nil {
		return err
	}
	if err := s.node.Host(group, tablets); err != nil {
		return err
	}
	if err := selfmon.RegisterTablets(s.reg, s.Stats); err != nil {
		return err
	}
	s.watching.Go(func() {
		select {
		case <-s.etcd.Done():
			s.node.Fail(base.Errorf(base.ClassUnavailable, "the catalog's etcd has stopped: its log says why"))
		case <-s.stop:
		}
	})
	return s.node.Start(ctx)
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

// DataDir returns the directory the server keeps its data in.
func (s *Server) DataDir() string { return s.o.Config.DataDir }

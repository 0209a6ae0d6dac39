package meta

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.uber.org/zap"

	"github.com/pandodb/pando/internal/base"
)

const (
	// tick and election make a lone member lead within milliseconds of its
	// start. Nobody else votes, so a late tick costs nothing.
	tickMillis     = 10
	electionMillis = 100
	// walSegmentBytes replaces etcd's 64 MB, of which it preallocates two and
	// keeps five: a catalog's log is small.
	walSegmentBytes = 8 << 20
	// snapshotEntries and catchUpEntries bound the log that a restart replays
	// and that memory holds.
	snapshotEntries = 2000
	catchUpEntries  = 200
	// defaultQuotaBytes bounds etcd's file; a catalog of 100,000 resources
	// takes about 50 MB.
	defaultQuotaBytes = 1 << 30
	// keptRevisions is the history kept for watches that lag and for repair by
	// hand; etcd compacts what is older every five minutes.
	keptRevisions = "1000"
	memberName    = "pando"
	// memberURL identifies the member inside etcd's configuration. Nothing
	// listens there and nothing dials it: the only member has no peers.
	memberURL = "http://127.0.0.1:1"
)

// setWALSegment changes etcd's package variable once, before the first start.
var setWALSegment = sync.OnceFunc(func() { wal.SegmentSizeBytes = walSegmentBytes })

// EtcdOptions configures OpenEtcd.
type EtcdOptions struct {
	// Dir is etcd's own directory, made if missing. The caller owns it
	// exclusively: etcd waits for ever for a directory another process holds.
	Dir string
	// Logger takes etcd's warnings and errors. Nil discards them.
	Logger *slog.Logger
	// QuotaBytes bounds etcd's file; writes answer overload while what is live
	// takes more than nine tenths of it. Zero is 1 GiB.
	QuotaBytes int64
}

// Etcd is a Store on an etcd member inside this process, the only one of its
// cluster. It opens no socket: requests are function calls.
type Etcd struct {
	server *embed.Etcd
	client *clientv3.Client
	quota  int64
	room   sync.Mutex // held by makeRoom
	// life ends at Close; watches end with it.
	life context.Context
	end  context.CancelFunc
	wg   sync.WaitGroup // watches; Add under mu while !closed
	mu   struct {
		sync.Mutex
		closed bool
	}
}

// OpenEtcd starts etcd and returns when it serves. If ctx ends first, etcd is
// stopped again. A damaged log ends the process, with etcd's message: it cannot
// be told which transactions were acknowledged.
func OpenEtcd(ctx context.Context, o EtcdOptions) (*Etcd, error) {
	setWALSegment()
	config := etcdConfig(o)
	server, err := embed.StartEtcd(config)
	if err != nil {
		return nil, base.Errorf(base.ClassUnavailable, "start etcd in %s: %w", o.Dir, err)
	}
	select {
	case <-server.Server.ReadyNotify():
	case err = <-server.Err():
	case <-server.Server.StopNotify():
		err = errors.New("stopped while starting")
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		server.Close()
		return nil, base.Errorf(base.ClassUnavailable, "start etcd in %s: %w", o.Dir, err)
	}
	e := &Etcd{server: server, client: v3client.New(server.Server), quota: config.QuotaBackendBytes}
	e.life, e.end = context.WithCancel(context.Background())
	return e, nil
}

func etcdConfig(o EtcdOptions) *embed.Config {
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	member := url.URL{Scheme: "http", Host: strings.TrimPrefix(memberURL, "http://")}
	c := embed.NewConfig()
	c.Name = memberName
	c.Dir = o.Dir
	c.ListenPeerUrls, c.ListenClientUrls = nil, nil
	c.AdvertisePeerUrls, c.AdvertiseClientUrls = []url.URL{member}, []url.URL{member}
	c.InitialCluster = memberName + "=" + memberURL
	c.EnableGRPCGateway = false
	c.TickMs, c.ElectionMs = tickMillis, electionMillis
	c.SnapshotCount, c.SnapshotCatchUpEntries = snapshotEntries, catchUpEntries
	c.MaxTxnOps = maxTxnOps
	c.QuotaBackendBytes = o.QuotaBytes
	if c.QuotaBackendBytes <= 0 {
		c.QuotaBackendBytes = defaultQuotaBytes
	}
	c.AutoCompactionMode, c.AutoCompactionRetention = embed.CompactorModeRevision, keptRevisions
	// A slow disk is worth a warning, an fsync of ordinary length is not.
	c.WarningApplyDuration = time.Second
	c.WarningUnaryRequestDuration = time.Second
	c.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.New(slogCore{log: log}))
	return c
}

// Get implements Store.
func (e *Etcd) Get(ctx context.Context, key string) (Entry, bool, error) {
	r, err := e.client.Get(ctx, key)
	if err != nil {
		return Entry{}, false, e.classify("get "+key, err)
	}
	if len(r.Kvs) == 0 {
		return Entry{}, false, nil
	}
	return Entry{Key: key, Value: r.Kvs[0].Value, Revision: uint64(r.Kvs[0].ModRevision)}, true, nil
}

// List implements Store.
func (e *Etcd) List(ctx context.Context, prefix string) ([]Entry, uint64, error) {
	r, err := e.client.Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithSort(clientv3.SortByKey, clientv3.SortAscend))
	if err != nil {
		return nil, 0, e.classify("list "+prefix, err)
	}
	list := make([]Entry, len(r.Kvs))
	for i, kv := range r.Kvs {
		list[i] = Entry{Key: string(kv.Key), Value: kv.Value, Revision: uint64(kv.ModRevision)}
	}
	return list, uint64(r.Header.Revision), nil
}

// Txn implements Store.
func (e *Etcd) Txn(ctx context.Context, compares []Compare, ops []Op) (uint64, error) {
	if err := checkTxn(compares, ops); err != nil {
		return 0, err
	}
	conditions := make([]clientv3.Cmp, len(compares))
	for i, c := range compares {
		conditions[i] = clientv3.Compare(clientv3.ModRevision(c.Key), "=", int64(c.Revision))
	}
	then := make([]clientv3.Op, len(ops))
	for i, op := range ops {
		then[i] = clientv3.OpPut(op.Key, string(op.Value))
		if op.Value == nil {
			then[i] = clientv3.OpDelete(op.Key)
		}
	}
	r, err := e.client.Txn(ctx).If(conditions...).Then(then...).Commit()
	if errors.Is(err, rpctypes.ErrNoSpace) { // nothing was written
		if err = e.makeRoom(ctx); err == nil {
			r, err = e.client.Txn(ctx).If(conditions...).Then(then...).Commit()
		}
	}
	if err != nil {
		return 0, e.classify("transaction", err)
	}
	if !r.Succeeded {
		return 0, ErrCompare
	}
	return uint64(r.Header.Revision), nil
}

// Watch implements Store.
func (e *Etcd) Watch(ctx context.Context, prefix string, after uint64, fn func(Change) error) error {
	if !e.enter() {
		return ErrClosed
	}
	defer e.wg.Done()
	// Each watch gets its own stream, which ends with its context.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.life, cancel)()
	for r := range e.client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(int64(after)+1)) {
		if err := r.Err(); err != nil {
			return e.watchError(ctx, err)
		}
		for _, c := range changes(r.Events) {
			if err := fn(c); err != nil {
				return err
			}
		}
	}
	return e.watchError(ctx, ErrClosed)
}

func (e *Etcd) watchError(ctx context.Context, err error) error {
	if ctx.Err() != nil && e.life.Err() == nil {
		return watchEnd(ctx)
	}
	return e.classify("watch", err)
}

// changes groups events, which etcd orders by revision, by transaction.
func changes(events []*clientv3.Event) (all []Change) {
	for _, ev := range events {
		revision := uint64(ev.Kv.ModRevision)
		if len(all) == 0 || all[len(all)-1].Revision != revision {
			all = append(all, Change{Revision: revision})
		}
		entry := Entry{Key: string(ev.Kv.Key), Value: ev.Kv.Value, Revision: revision}
		if ev.Type == clientv3.EventTypeDelete {
			entry.Value = nil
		}
		last := &all[len(all)-1]
		last.Entries = append(last.Entries, entry)
	}
	for _, c := range all {
		slices.SortFunc(c.Entries, func(a, b Entry) int { return strings.Compare(a.Key, b.Key) })
	}
	return all
}

// Compact forgets the changes up to and including the revision. etcd does so on
// its own every few minutes; tests hurry it.
func (e *Etcd) Compact(ctx context.Context, revision uint64) error {
	// A watch from revision+1 must still be served, and etcd keeps the one it
	// compacts at.
	_, err := e.client.Compact(ctx, int64(revision)+1)
	return e.classify("compact", err)
}

// Done is closed when etcd has stopped, by Close or on its own. The latter
// means that the catalog is gone and the process should end.
func (e *Etcd) Done() <-chan struct{} { return e.server.Server.StopNotify() }

// Close implements Store.
func (e *Etcd) Close() error {
	e.mu.Lock()
	closed := e.mu.closed
	e.mu.closed = true
	e.mu.Unlock()
	e.end()
	e.wg.Wait()
	if closed {
		return nil
	}
	err := e.client.Close()
	if errors.Is(err, context.Canceled) {
		err = nil // the client of an in-process server reports its own closing
	}
	e.server.Close()
	return err
}

// enter counts a watch in; false means closed.
func (e *Etcd) enter() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mu.closed {
		return false
	}
	e.wg.Add(1)
	return true
}

// classify gives etcd's errors our classes.
func (e *Etcd) classify(op string, err error) error {
	if err == nil {
		return nil
	}
	if e.life.Err() != nil {
		return ErrClosed
	}
	class := base.ClassUnavailable
	switch {
	case errors.Is(err, rpctypes.ErrCompacted):
		return ErrCompacted
	case errors.Is(err, rpctypes.ErrNoSpace), errors.Is(err, rpctypes.ErrTooManyRequests):
		class = base.ClassOverload
	case errors.Is(err, rpctypes.ErrRequestTooLarge):
		class = base.ClassTooLarge
	case errors.Is(err, rpctypes.ErrCorrupt):
		class = base.ClassCorruption
	}
	return base.Mark(class, fmt.Errorf("etcd: %s: %w", op, err))
}

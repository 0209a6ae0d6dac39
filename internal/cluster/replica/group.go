package replica

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/wal"
)

const (
	// messageBytes bounds the entries of one message to a follower.
	messageBytes = 1 << 20
	// inflightMessages bounds the messages to a follower without an answer.
	inflightMessages = 256
	// applyBytes bounds the entries given to the state machine and not yet
	// applied, thus what a replay holds in memory.
	applyBytes = 16 << 20
	// retryAfter is what a refused proposer is told to wait: some rounds.
	retryAfter = 20 * time.Millisecond
	// compactTicks lie between two looks at what is durable, beside the calls
	// of NoteDurable.
	compactTicks = 50
)

// Group is this node's replica of a replication group. All methods are safe
// for concurrent use.
type Group struct {
	id      base.GroupID
	host    *Host
	sm      StateMachine
	core    *core
	mail    *mail
	applier *applier
	wg      sync.WaitGroup

	inflight  atomic.Int64 // bytes proposed here and not committed
	unapplied atomic.Int64 // bytes proposed here and not applied

	// What the group's goroutine last published.
	leader  atomic.Uint64
	term    atomic.Uint64
	commit  atomic.Uint64
	settled atomic.Bool   // this node leads a group of one and knows its commit
	leading chan struct{} // closed once this node leads, or the group failed
	blocked chan struct{} // closed once the log had no room before that
}

// Status is what a group knows about itself.
type Status struct {
	Leader  base.NodeID // 0: none is known
	Term    uint64
	Commit  uint64
	Applied uint64
}

func errClosed(id base.GroupID) error {
	return base.Errorf(base.ClassUnavailable, "group %d is closed", id)
}

// openGroup reads what the log holds of the group and starts it.
func openGroup(ctx context.Context, h *Host, opts GroupOptions) (*Group, error) {
	if opts.StateMachine == nil {
		return nil, base.Errorf(base.ClassInvalid, "group %d: no state machine", opts.ID)
	}
	c, err := openCore(ctx, h.opts, opts)
	if err != nil {
		return nil, err
	}
	g := &Group{
		id: opts.ID, host: h, sm: opts.StateMachine, core: c,
		mail: newMail(opts.ID), leading: make(chan struct{}), blocked: make(chan struct{}),
	}
	g.applier = newApplier(g, c.store.durable)
	g.wg.Go(g.applier.run)
	g.wg.Go(func() {
		g.run()
		g.applier.stop()
	})
	return g, nil
}

// openCore makes the protocol state of a group from its log.
func openCore(ctx context.Context, opts Options, g GroupOptions) (*core, error) {
	conf, err := loadConf(ctx, opts, g)
	if err != nil {
		return nil, err
	}
	log := opts.Log.Group(g.ID)
	durable := g.StateMachine.DurableIndex()
	if first, last := log.FirstIndex(), log.LastIndex(); durable+1 < first || durable > last {
		return nil, base.Errorf(base.ClassCorruption, "group %d: the log holds entries %d to %d, the state machine is durable up to %d",
			g.ID, first, last, durable)
	}
	c := &core{
		group: g.ID, node: opts.Node, electionTicks: opts.ElectionTicks,
		store: &storage{log: log, conf: conf, durable: durable},
	}
	var nonce [8]byte
	if _, err := io.ReadFull(opts.Rand, nonce[:]); err != nil {
		return nil, fmt.Errorf("open group %d: nonce: %w", g.ID, err)
	}
	c.nonce = binary.BigEndian.Uint64(nonce[:])
	c.rn, err = raft.NewRawNode(&raft.Config{
		ID:                        uint64(opts.Node),
		ElectionTick:              opts.ElectionTicks,
		HeartbeatTick:             opts.HeartbeatTicks,
		Storage:                   c.store,
		Applied:                   durable,
		AsyncStorageWrites:        true,
		MaxSizePerMsg:             messageBytes,
		MaxCommittedSizePerReady:  applyBytes,
		MaxInflightMsgs:           inflightMessages,
		CheckQuorum:               true,
		PreVote:                   true,
		ReadOnlyOption:            raft.ReadOnlySafe,
		DisableProposalForwarding: true,
		StepDownOnRemoval:         true,
		Logger:                    raftLogger{opts.Logger.With(slog.Uint64("group", uint64(g.ID)))},
	})
	if err != nil {
		return nil, fmt.Errorf("open group %d: %w", g.ID, err)
	}
	hs, _, _ := c.store.InitialState() // raft asked already; it cannot fail
	c.term, c.commit, c.voted = hs.GetTerm(), hs.GetCommit(), log.HardState()
	return c, nil
}

// loadConf returns who votes: from the log, or from g, making that durable.
func loadConf(ctx context.Context, opts Options, g GroupOptions) (*raftpb.ConfState, error) {
	if meta := opts.Log.Group(g.ID).Meta(); meta != nil {
		conf, err := decodeMeta(meta)
		if err != nil {
			return nil, base.Errorf(base.ClassCorruption, "group %d: metadata: %w", g.ID, err)
		}
		return conf, nil
	}
	conf := &raftpb.ConfState{}
	for _, n := range g.Voters {
		conf.Voters = append(conf.Voters, uint64(n))
	}
	if len(conf.Voters) == 0 {
		conf.Voters = []uint64{uint64(opts.Node)}
	}
	err := opts.Log.Append(ctx, []wal.Write{{Group: g.ID, Meta: appendMeta(nil, conf)}})
	if err != nil {
		return nil, fmt.Errorf("create group %d: %w", g.ID, err)
	}
	return conf, nil
}

// knows reports whether a node is a member of the group. The members are
// fixed, so any goroutine may ask.
func (g *Group) knows(node uint64) bool {
	conf := g.core.store.conf
	return slices.Contains(conf.GetVoters(), node) || slices.Contains(conf.GetLearners(), node)
}

// ID returns the group's identifier.
func (g *Group) ID() base.GroupID { return g.id }

// Propose appends data to the group's log and returns its position once it is
// committed: durable on a quorum of the voters. It is applied some time
// later, see WaitApplied; local is then handed to the state machine of this
// process with it, so that data need not be decoded here. The group keeps
// data and local: the caller must not change them any more.
//
// Errors: base.ClassOverload when too much is in flight or the disk is full,
// base.ClassUnavailable when this node is not the leader, both before
// anything happened. When ctx ends first, or leadership is lost, the outcome
// is unknown. An error wrapping wal.ErrPoisoned means that the process should
// end.
func (g *Group) Propose(ctx context.Context, data []byte, local any) (base.Position, error) {
	if err := g.admit(data); err != nil {
		return base.Position{}, err
	}
	p := &proposal{data: data, local: local, bytes: int64(len(data)), done: make(chan struct{})}
	if err := g.mail.propose(p); err != nil {
		g.inflight.Add(-p.bytes)
		g.unapplied.Add(-p.bytes)
		return base.Position{}, err
	}
	select {
	case <-p.done:
		return p.position, p.err
	case <-ctx.Done():
		return base.Position{}, fmt.Errorf("propose to group %d: %w", g.id, ctx.Err())
	}
}

// admit takes a proposal's bytes into account, or refuses it.
func (g *Group) admit(data []byte) error {
	n := int64(len(data))
	switch limit := g.host.opts.Log.MaxEntryBytes(); {
	case n == 0:
		return base.Errorf(base.ClassInvalid, "group %d: empty proposal", g.id)
	case n > int64(limit):
		return base.Errorf(base.ClassTooLarge, "group %d: proposal of %d bytes, limit is %d", g.id, n, limit)
	}
	if err := g.host.opts.Log.Pressure(); err != nil {
		return err
	}
	if !reserve(&g.inflight, n, g.host.opts.InflightBytes) {
		return base.Retry(retryAfter, "group %d: too much in flight", g.id)
	}
	if !reserve(&g.unapplied, n, g.host.opts.UnappliedBytes) {
		g.inflight.Add(-n)
		return base.Retry(retryAfter, "group %d: too much waits to be applied", g.id)
	}
	return nil
}

// reserve adds n to a count unless that exceeds its limit. A single large n
// passes while nothing else is counted.
func reserve(count *atomic.Int64, n, limit int64) bool {
	if now := count.Add(n); now > limit && now > n {
		count.Add(-n)
		return false
	}
	return true
}

// ReadIndex returns an index: a reader that waits until it is applied sees
// every write that was acknowledged, anywhere, before ReadIndex was called.
func (g *Group) ReadIndex(ctx context.Context) (uint64, error) {
	if g.settled.Load() {
		return g.commit.Load(), nil // alone: nobody else can have committed
	}
	r := &read{done: make(chan struct{})}
	if err := g.mail.post(readEvent{r}); err != nil {
		return 0, err
	}
	select {
	case <-r.done:
		return r.index, r.err
	case <-ctx.Done():
		return 0, fmt.Errorf("read index of group %d: %w", g.id, ctx.Err())
	}
}

// UnappliedBytes returns the data proposed here that is not yet applied.
func (g *Group) UnappliedBytes() int64 { return g.unapplied.Load() }

// Err says why the group takes nothing any more: its log is poisoned or damaged,
// or it was closed. It is nil while the group works.
func (g *Group) Err() error { return g.applier.failure() }

// AppliedIndex returns the index up to which the state machine has applied.
func (g *Group) AppliedIndex() uint64 { return g.applier.index() }

// WaitApplied waits until the state machine has applied up to index. It fails
// when the group fails or closes.
func (g *Group) WaitApplied(ctx context.Context, index uint64) error {
	return g.applier.wait(ctx, index)
}

// NoteDurable says that the state machine's DurableIndex has grown, so that
// the log may be truncated. It does not wait for that.
func (g *Group) NoteDurable() { g.mail.answer(durableEvent{g.sm.DurableIndex()}) }

// Status returns what the group knows about itself.
func (g *Group) Status() Status {
	return Status{
		Leader: base.NodeID(g.leader.Load()), Term: g.term.Load(),
		Commit: g.commit.Load(), Applied: g.AppliedIndex(),
	}
}

// waitLeading waits until a group of one leads; others return at once. While
// the log has no room it cannot lead, and ticks may not have begun: an error.
func (g *Group) waitLeading(ctx context.Context) error {
	if !g.core.alone() {
		return nil
	}
	select {
	case <-g.leading:
		return g.applier.failure()
	case <-g.blocked:
		return base.Retry(retryAfter, "open group %d: the log has no room: is the disk full?", g.id)
	case <-ctx.Done():
		return fmt.Errorf("open group %d: %w", g.id, ctx.Err())
	}
}

// Close takes no more work, waits for what the log and the state machine were
// given, and ends the group. Proposals that a quorum did not commit until
// then fail with an unknown outcome.
func (g *Group) Close() error {
	if !g.mail.close(errClosed(g.id)) {
		return errClosed(g.id)
	}
	g.wg.Wait()
	g.host.remove(g.id)
	return nil
}

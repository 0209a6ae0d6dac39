package replica

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/wal"
)

// Transport carries messages to other nodes.
type Transport interface {
	// Send hands over one message of a group for a node, which gives it to
	// its Host.Receive. It must not block and may drop the message. It owns
	// message.
	Send(to base.NodeID, group base.GroupID, message []byte)
}

// NoTransport is the transport of a node alone: it drops everything.
type NoTransport struct{}

// Send drops the message.
func (NoTransport) Send(base.NodeID, base.GroupID, []byte) {}

// StateMachine is what a group replicates: it sees the same entries in the
// same order on every replica.
type StateMachine interface {
	// Apply takes committed entries, in order, once each while the process
	// runs. It cannot fail: what can be refused is refused before it is
	// proposed. The slice is valid until Apply returns; Data may be kept but
	// not changed. The group calls it from one goroutine.
	Apply(batch []Applied)
	// DurableIndex returns the index up to which all effects survive a crash.
	// It never falls. After a crash Apply starts behind it; the log is not
	// truncated past it. It may be called at any time, also during Apply.
	DurableIndex() uint64
}

// Applied is a committed entry.
type Applied struct {
	base.Position
	Data []byte
	// Local is what the proposer passed to Propose, when that happened on
	// this node and in this process; nil otherwise.
	Local any
}

const (
	defaultMaxGroups      = 64
	defaultElectionTicks  = 10
	defaultHeartbeatTicks = 2
	defaultInflightBytes  = 32 << 20
	defaultUnappliedBytes = 64 << 20
)

// Options configure a Host. The zero value of each optional field means its
// default.
type Options struct {
	// Node is this node; required.
	Node base.NodeID
	// Log is the log of the node; required. The host does not close it.
	Log *wal.Log
	// Transport reaches the other nodes; default NoTransport.
	Transport Transport
	// Logger is told about raft's warnings; default discards.
	Logger *slog.Logger
	// Rand tells this start from earlier ones; default crypto/rand. Raft takes
	// its election timeouts from there in any case.
	Rand io.Reader
	// MaxGroups bounds the groups open at once; default 64.
	MaxGroups int
	// ElectionTicks without a leader start an election; default 10.
	ElectionTicks int
	// HeartbeatTicks lie between two heartbeats; default 2.
	HeartbeatTicks int
	// InflightBytes bounds, per group, the data proposed and not yet
	// committed; default 32 MiB.
	InflightBytes int64
	// UnappliedBytes bounds, per group, the data proposed and not yet applied;
	// default 64 MiB.
	UnappliedBytes int64
}

// Validate returns everything that is wrong with o.
func (o Options) Validate() error {
	var errs []error
	check := func(ok bool, what string) {
		if !ok {
			errs = append(errs, base.Errorf(base.ClassInvalid, "replica: %s", what))
		}
	}
	check(o.Node != 0, "no node id")
	check(o.Log != nil, "no log")
	check(o.MaxGroups >= 0, "negative number of groups")
	check(o.InflightBytes >= 0 && o.UnappliedBytes >= 0, "negative bound")
	d := o.withDefaults()
	check(d.HeartbeatTicks > 0 && d.ElectionTicks > d.HeartbeatTicks, "election ticks must exceed heartbeat ticks")
	return errors.Join(errs...)
}

func (o Options) withDefaults() Options {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&o.MaxGroups, defaultMaxGroups)
	set(&o.ElectionTicks, defaultElectionTicks)
	set(&o.HeartbeatTicks, defaultHeartbeatTicks)
	if o.InflightBytes == 0 {
		o.InflightBytes = defaultInflightBytes
	}
	if o.UnappliedBytes == 0 {
		o.UnappliedBytes = defaultUnappliedBytes
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Transport == nil {
		o.Transport = NoTransport{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// GroupOptions describe one group to open.
type GroupOptions struct {
	ID base.GroupID
	// Voters are the nodes of a group that is opened for the first time;
	// later ones are read from the log. Default: this node alone.
	Voters []base.NodeID
	// StateMachine is what the group replicates; required.
	StateMachine StateMachine
}

// Host holds the replication groups of a node. All methods are safe for
// concurrent use.
type Host struct {
	opts Options
	mu   struct {
		sync.RWMutex
		groups map[base.GroupID]*Group
		closed bool
	}
}

// NewHost returns a host without groups.
func NewHost(opts Options) (*Host, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	h := &Host{opts: opts.withDefaults()}
	h.mu.groups = map[base.GroupID]*Group{}
	return h, nil
}

// Open starts a group. A group of one is led by this node when Open returns;
// what was committed before a crash is being applied then, from behind
// DurableIndex on: use ReadIndex and WaitApplied before reading.
func (h *Host) Open(ctx context.Context, opts GroupOptions) (*Group, error) {
	if err := h.reserve(opts.ID); err != nil {
		return nil, err
	}
	g, err := openGroup(ctx, h, opts)
	h.mu.Lock()
	if err != nil {
		delete(h.mu.groups, opts.ID)
	} else {
		h.mu.groups[opts.ID] = g
	}
	h.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if err := g.waitLeading(ctx); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// reserve takes the place of a group, so that it is opened once.
func (h *Host) reserve(id base.GroupID) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, exists := h.mu.groups[id]
	switch {
	case id == 0:
		return base.Errorf(base.ClassInvalid, "open group 0")
	case h.mu.closed:
		return errClosed(id)
	case exists:
		return base.Errorf(base.ClassConflict, "group %d is open already", id)
	case len(h.mu.groups) >= h.opts.MaxGroups:
		return base.Errorf(base.ClassTooLarge, "group %d: the node holds %d groups, which is its limit (max_groups)", id, h.opts.MaxGroups)
	}
	h.mu.groups[id] = nil
	return nil
}

// Group returns an open group, or nil.
func (h *Host) Group(id base.GroupID) *Group {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.mu.groups[id]
}

// Groups returns the open groups in order of their ids.
func (h *Host) Groups() []*Group {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var groups []*Group
	for _, g := range h.mu.groups {
		if g != nil {
			groups = append(groups, g)
		}
	}
	slices.SortFunc(groups, func(a, b *Group) int {
		if a.id < b.id {
			return -1
		}
		return 1
	})
	return groups
}

// Tick tells all groups that a tick of time passed: heartbeats, elections,
// lost reads, refused appends and truncation are counted in ticks.
func (h *Host) Tick() {
	for _, g := range h.Groups() {
		g.mail.tick()
	}
}

// Receive takes a message that another node's host sent. The bytes are
// untrusted; the caller may reuse them.
func (h *Host) Receive(group base.GroupID, message []byte) error {
	g := h.Group(group)
	if g == nil {
		return base.Errorf(base.ClassNotFound, "no replica of group %d", group)
	}
	m := &raftpb.Message{}
	if err := proto.Unmarshal(message, m); err != nil {
		return base.Errorf(base.ClassInvalid, "group %d: message: %w", group, err)
	}
	if m.GetTo() != uint64(h.opts.Node) || m.GetFrom() == m.GetTo() || !g.knows(m.GetFrom()) {
		return base.Errorf(base.ClassInvalid, "group %d: message from node %d to node %d", group, m.GetFrom(), m.GetTo())
	}
	return g.mail.post(messageEvent{m})
}

// Close closes all groups, which drains them. The log stays open.
func (h *Host) Close() error {
	h.mu.Lock()
	h.mu.closed = true
	h.mu.Unlock()
	var errs []error
	for _, g := range h.Groups() {
		errs = append(errs, g.Close())
	}
	return errors.Join(errs...)
}

// remove forgets a closed group.
func (h *Host) remove(id base.GroupID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.mu.groups, id)
}

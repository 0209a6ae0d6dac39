package replica

import (
	"errors"
	"fmt"
	"runtime/debug"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/invariants"
	"github.com/pandodb/pando/internal/wal"
)

// An event is what can happen to a group. Exactly these types are events.
type (
	// startEvent comes first, and once.
	startEvent struct{}
	// proposeEvent asks to append proposals, in this order.
	proposeEvent struct{ proposals []*proposal }
	// readEvent asks for an index to read at.
	readEvent struct{ read *read }
	// messageEvent brings a message of a peer.
	messageEvent struct{ message *raftpb.Message }
	// tickEvent says that time passed.
	tickEvent struct{}
	// appendedEvent answers one of effects.appends.
	appendedEvent struct {
		task *appendTask
		err  error
	}
	// appliedEvent answers one of effects.applies.
	appliedEvent struct{ task *applyTask }
	// durableEvent tells which index the state machine has made durable.
	durableEvent struct{ index uint64 }
	// stopEvent ends the group: what waits fails with err.
	stopEvent struct{ err error }
)

// effects are what the driver must do after a step, the slices in order. They
// are valid until the next step.
type effects struct {
	appends  []*appendTask     // to the log; answer with appendedEvent
	applies  []*applyTask      // to the state machine; answer with appliedEvent
	sends    []*raftpb.Message // to peers; may be lost
	proposed []*proposal       // answered: position and err are set
	reads    []*read           // answered: index and err are set
	compact  uint64            // truncate the log up to here, 0: do not
}

// proposal is one Propose on its way.
type proposal struct {
	data     []byte
	bytes    int64 // len(data), also when the log has taken it over
	local    any
	position base.Position
	err      error
	answered bool
	done     chan struct{} // closed by the driver once answered
}

// applyTask is one round of committed entries.
type applyTask struct {
	batch     []Applied // without the entries that carry nothing
	last      uint64    // index of the last entry, with them
	ownBytes  int64     // of proposals made here, to give back
	responses []*raftpb.Message
}

// core is the protocol of one group: event in, effects out. It has no
// goroutine, no clock and no I/O but reads of the log, so that a test can
// drive many of them in one loop. Not safe for concurrent use.
type core struct {
	group base.GroupID
	node  base.NodeID
	rn    *raft.RawNode
	store *storage
	err   error // the group failed; nothing but stop makes sense any more

	term   uint64
	leader base.NodeID
	commit uint64
	// termStart is the first entry this node wrote as the leader of the term,
	// 0 if there is none. Once it is committed, the commit index covers all
	// that was ever acknowledged; not before.
	termStart uint64

	// own holds the proposals made here that are in the log and not handed to
	// the state machine, by index; the first acked ones are committed.
	own   []*proposal
	acked int
	fresh []*proposal // accepted by raft in this step, not yet numbered

	flying  *appendTask    // the log has it
	waiting *appendTask    // for flying to end
	refused bool           // the log had no room: waiting waits for a tick
	lazy    *wal.HardState // with a new commit index, for the next entries
	voted   wal.HardState  // last one given to the log

	reads    []*read // wait for the next round
	asked    []*read // in the round on its way
	nonce    uint64  // of this start: an answer to an earlier one is not ours
	round    uint64
	askTicks int

	electionTicks int
	out           effects
}

// step lets one event happen. Raft panics when its log is damaged, and when a
// peer says what no peer says: that ends the group, not the process.
func (c *core) step(ev any) *effects {
	c.out.reset()
	c.guarded(func() {
		c.handle(ev)
		if c.err == nil {
			c.collect()
			c.fly()
		}
	})
	return &c.out
}

// guarded turns a panic of f into the failure of the group.
func (c *core) guarded(f func()) {
	defer func() {
		r := recover()
		switch {
		case r == nil:
		case c.store.err != nil:
			c.fail(fmt.Errorf("group %d: %w", c.group, c.store.err))
		case invariants.Enabled:
			panic(r)
		default:
			c.fail(base.Errorf(base.ClassBug, "group %d: %v\n%s", c.group, r, debug.Stack()))
		}
	}()
	f()
}

func (o *effects) reset() {
	clear(o.appends)
	clear(o.applies)
	clear(o.sends)
	clear(o.proposed)
	clear(o.reads)
	*o = effects{
		appends: o.appends[:0], applies: o.applies[:0], sends: o.sends[:0],
		proposed: o.proposed[:0], reads: o.reads[:0],
	}
}

func (c *core) handle(ev any) {
	switch ev := ev.(type) {
	case startEvent:
		c.start()
	case proposeEvent:
		c.propose(ev.proposals)
	case readEvent:
		c.askRead(ev.read)
	case messageEvent:
		c.receive(ev.message)
	case tickEvent:
		c.tick()
	case appendedEvent:
		c.appended(ev.task, ev.err)
	case appliedEvent:
		c.respond(ev.task.responses)
	case durableEvent:
		c.durable(ev.index)
	case stopEvent:
		c.fail(ev.err)
	default:
		panic(fmt.Sprintf("replica: unknown event %T", ev))
	}
}

// start makes a single voter the leader without an election delay:
// nobody else could be.
func (c *core) start() {
	if !c.alone() {
		return
	}
	if err := c.rn.Campaign(); err != nil {
		c.fail(fmt.Errorf("group %d: campaign: %w", c.group, err))
	}
}

// alone reports whether this node is the group's only voter.
func (c *core) alone() bool {
	voters := c.store.conf.GetVoters()
	return len(voters) == 1 && voters[0] == uint64(c.node)
}

func (c *core) isLeader() bool { return c.leader == c.node }

// settled reports whether this leader's commit index covers all that was
// acknowledged.
func (c *core) settled() bool {
	return c.isLeader() && c.termStart != 0 && c.commit >= c.termStart
}

// notLeader is the error of work that only a leader can take.
func (c *core) notLeader() error {
	if c.leader == 0 {
		return base.Errorf(base.ClassUnavailable, "group %d has no leader", c.group)
	}
	return base.Errorf(base.ClassUnavailable, "group %d is led by node %d", c.group, c.leader)
}

func (c *core) propose(ps []*proposal) {
	err := c.err
	if err == nil && !c.isLeader() {
		err = c.notLeader()
	}
	if err == nil {
		entries := make([]*raftpb.Entry, len(ps))
		for i, p := range ps {
			entries[i] = &raftpb.Entry{Data: p.data}
		}
		from := uint64(c.node)
		err = c.rn.Step(&raftpb.Message{Type: raftpb.MsgProp.Enum(), From: &from, Entries: entries})
	}
	if err == nil {
		c.fresh = append(c.fresh, ps...)
		return
	}
	if errors.Is(err, raft.ErrProposalDropped) {
		err = base.Mark(base.ClassUnavailable, fmt.Errorf("group %d: %w", c.group, err))
	}
	for _, p := range ps {
		c.answer(p, err)
	}
}

func (c *core) answer(p *proposal, err error) {
	if p.answered {
		return
	}
	p.answered, p.err = true, err
	c.out.proposed = append(c.out.proposed, p)
}

func (c *core) receive(m *raftpb.Message) {
	// Nobody sends the first two: proposals are not forwarded, and there are
	// no checkpoints yet that raft could offer.
	if c.err != nil || m.GetType() == raftpb.MsgProp || m.GetType() == raftpb.MsgSnap {
		return
	}
	// Raft's errors here concern messages of strangers; the peer will repeat
	// what matters.
	_ = c.rn.Step(m)
}

func (c *core) tick() {
	if c.err != nil {
		return
	}
	c.rn.Tick()
	c.refused = false
	if c.askTicks++; len(c.asked) > 0 && c.askTicks >= c.electionTicks {
		c.reads, c.asked = append(c.asked, c.reads...), nil // the round was lost
	}
}

// collect turns what raft has ready into effects.
func (c *core) collect() {
	c.startReads()
	for c.rn.HasReady() {
		rd := c.rn.Ready()
		if rd.SoftState != nil {
			c.leader = base.NodeID(rd.Lead)
		}
		if !raft.IsEmptyHardState(rd.HardState) {
			c.observe(rd.HardState)
		}
		for _, m := range rd.Messages {
			switch m.GetTo() {
			case raft.LocalAppendThread:
				c.toLog(m)
			case raft.LocalApplyThread:
				c.toApply(m)
			default:
				c.out.sends = append(c.out.sends, m)
			}
		}
		for i := range rd.ReadStates {
			c.answerReads(&rd.ReadStates[i])
		}
		c.startReads()
	}
	invariants.Check(len(c.fresh) == 0, "group %d: %d proposals were not numbered", c.group, len(c.fresh))
}

// observe follows term and commit, and acknowledges what is committed.
func (c *core) observe(hs *raftpb.HardState) {
	if hs.GetTerm() != c.term {
		c.term, c.termStart = hs.GetTerm(), 0
	}
	if hs.GetCommit() <= c.commit {
		return
	}
	c.commit = hs.GetCommit()
	// While we lead the term we proposed in, what is committed at our index
	// is ours. Afterwards only the entry itself tells: see toApply.
	for c.acked < len(c.own) {
		p := c.own[c.acked]
		if p.position.Index > c.commit || p.position.Term != c.term {
			break
		}
		c.answer(p, nil)
		c.acked++
	}
}

// toLog numbers fresh proposals and gives raft's writes to the log.
func (c *core) toLog(m *raftpb.Message) {
	for _, e := range m.GetEntries() {
		c.dropOwn(e.GetIndex())
		if c.termStart == 0 && c.isLeader() && e.GetTerm() == c.term {
			c.termStart = e.GetIndex()
		}
		if e.GetType() != raftpb.EntryNormal || len(e.GetData()) == 0 || len(c.fresh) == 0 {
			continue
		}
		p := c.fresh[0]
		invariants.Check(len(p.data) == len(e.GetData()), "group %d: entry %d is not the proposal", c.group, e.GetIndex())
		c.fresh = c.fresh[1:]
		p.position = base.Position{Term: e.GetTerm(), Index: e.GetIndex()}
		p.data = nil // the log has it
		c.own = append(c.own, p)
	}
	c.enqueue(&appendTask{write: toLog(m, c.group), responses: m.GetResponses()})
}

// dropOwn answers the proposals from index on: another leader gave their place
// away, so own stays sorted. A third one may still know and commit them.
func (c *core) dropOwn(index uint64) {
	for n := len(c.own); n > 0 && c.own[n-1].position.Index >= index; n-- {
		p := c.own[n-1]
		c.own[n-1] = nil
		c.own = c.own[:n-1]
		c.answer(p, base.Errorf(base.ClassUnavailable, "group %d: entry %d lost its place to another leader, the outcome is unknown", c.group, p.position.Index))
	}
}

// toApply gives committed entries to the state machine.
func (c *core) toApply(m *raftpb.Message) {
	entries := m.GetEntries()
	t := &applyTask{
		batch: make([]Applied, 0, len(entries)), responses: m.GetResponses(),
		last: entries[len(entries)-1].GetIndex(),
	}
	for _, e := range entries {
		if e.GetType() != raftpb.EntryNormal {
			c.fail(base.Errorf(base.ClassBug, "group %d: entry %d of type %v", c.group, e.GetIndex(), e.GetType()))
			return
		}
		a := Applied{Position: base.Position{Term: e.GetTerm(), Index: e.GetIndex()}, Data: e.GetData()}
		if p := c.takeOwn(a.Position); p != nil {
			a.Local = p.local
			t.ownBytes += int64(len(a.Data))
		}
		if len(a.Data) > 0 {
			t.batch = append(t.batch, a)
		}
	}
	c.out.applies = append(c.out.applies, t)
}

// takeOwn returns the proposal made here that became the entry at pos, if
// there is one, and fails those that lost their place to another leader.
func (c *core) takeOwn(pos base.Position) *proposal {
	for len(c.own) > 0 && c.own[0].position.Index <= pos.Index {
		p := c.own[0]
		c.own[0] = nil
		c.own = c.own[1:]
		c.acked = max(c.acked-1, 0)
		if p.position == pos {
			c.answer(p, nil)
			return p
		}
		c.answer(p, base.Errorf(base.ClassUnavailable, "group %d: entry %d was replaced by another leader", c.group, p.position.Index))
	}
	return nil
}

// durable truncates the log to what the state machine has made durable, but
// keeps what a peer of this leader still needs: there is no other way to
// bring it up to date than from the log.
func (c *core) durable(index uint64) {
	if c.err != nil {
		return
	}
	index = min(index, c.commit)
	if c.isLeader() {
		c.rn.WithProgress(func(_ uint64, _ raft.ProgressType, pr tracker.Progress) { index = min(index, pr.Match) })
	}
	if index > c.store.log.Compacted().Index {
		c.out.compact = index
	}
}

// fail ends the group: nothing is answered with success any more.
func (c *core) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	for _, p := range c.own {
		c.answer(p, c.err)
	}
	for _, p := range c.fresh {
		c.answer(p, c.err)
	}
	c.own, c.fresh, c.acked, c.waiting = nil, nil, 0, nil
	for _, r := range append(c.asked, c.reads...) {
		r.err = c.err
		c.out.reads = append(c.out.reads, r)
	}
	c.asked, c.reads = nil, nil
}

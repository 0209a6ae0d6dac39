package replica

import (
	cryptorand "crypto/rand"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/wal"
)

// sim drives the cores of three nodes in one loop. All that happens is chosen
// by a seed: which message arrives, is lost or comes twice, when an append or
// an apply is done, who loses power and with what on disk.
type sim struct {
	t     *testing.T
	rng   *rand.Rand
	nodes []*simNode
	net   []*raftpb.Message
	calm  bool // messages are not lost any more

	chosen   map[uint64]string // what was applied at an index, anywhere
	leaders  map[uint64]base.NodeID
	waiting  map[*proposal]string
	acked    map[base.Position]string
	reads    map[*read]uint64 // the greatest acknowledged index when asked
	maxAcked uint64
	count    int
	readsOK  int
}

type simNode struct {
	id      base.NodeID
	fs      *vfs.MemFS
	log     *wal.Log
	core    *core
	appends []*appendTask
	applies []*applyTask
	applied uint64
	durable uint64 // survives a crash
}

func newSim(t *testing.T, seed uint64) *sim {
	s := &sim{
		t: t, rng: rand.New(rand.NewPCG(seed, 7)), chosen: map[uint64]string{},
		leaders: map[uint64]base.NodeID{}, waiting: map[*proposal]string{},
		acked: map[base.Position]string{}, reads: map[*read]uint64{},
	}
	for id := base.NodeID(1); id <= 3; id++ {
		n := &simNode{id: id, fs: vfs.NewCrashableMem()}
		s.nodes = append(s.nodes, n)
		s.start(n)
	}
	return s
}

// DurableIndex and Apply make a node its own state machine.
func (n *simNode) DurableIndex() uint64 { return n.durable }
func (n *simNode) Apply([]Applied)      {}

func (s *sim) start(n *simNode) {
	n.log = mustLog(s.t, n.fs)
	opts := Options{Node: n.id, Log: n.log}.withDefaults()
	c, err := openCore(noCtx, opts, GroupOptions{ID: 1, Voters: []base.NodeID{1, 2, 3}, StateMachine: n})
	if err != nil {
		s.t.Fatalf("node %d: %v", n.id, err)
	}
	n.core, n.applied, n.appends, n.applies = c, n.durable, nil, nil
	s.do(n, c.step(startEvent{}))
}

// crash cuts a node's power.
func (s *sim) crash(n *simNode) {
	left := n.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: s.rng.IntN(101), RNG: s.rng})
	if err := n.log.Close(); err != nil {
		s.t.Fatal(err)
	}
	n.fs = left
	s.start(n)
}

func (s *sim) do(n *simNode, out *effects) {
	if n.core.err != nil {
		s.t.Fatalf("node %d failed: %v", n.id, n.core.err)
	}
	if n.core.isLeader() {
		if was, ok := s.leaders[n.core.term]; ok && was != n.id {
			s.t.Fatalf("term %d is led by %d and %d", n.core.term, was, n.id)
		}
		s.leaders[n.core.term] = n.id
	}
	n.appends = append(n.appends, out.appends...)
	n.applies = append(n.applies, out.applies...)
	for _, m := range out.sends {
		b, err := proto.Marshal(m)
		if err != nil {
			s.t.Fatal(err)
		}
		sent := &raftpb.Message{}
		if err := proto.Unmarshal(b, sent); err != nil {
			s.t.Fatal(err)
		}
		s.net = append(s.net, sent)
	}
	for _, p := range out.proposed {
		if p.err == nil {
			s.acked[p.position] = s.waiting[p]
			s.maxAcked = max(s.maxAcked, p.position.Index)
		}
		delete(s.waiting, p)
	}
	for _, r := range out.reads {
		if r.err == nil {
			s.readsOK++
			if r.index < s.reads[r] {
				s.t.Fatalf("read index %d, but %d was acknowledged before", r.index, s.reads[r])
			}
		}
		delete(s.reads, r)
	}
	if out.compact > 0 {
		if err := n.log.Compact(1, out.compact); err != nil {
			s.t.Fatal(err)
		}
	}
}

// appendNext lets the disk of a node finish its oldest append.
func (s *sim) appendNext(n *simNode) {
	if len(n.appends) == 0 {
		return
	}
	t := n.appends[0]
	n.appends = n.appends[1:]
	var err error
	if !s.calm && s.rng.IntN(20) == 0 {
		err = base.Retry(0, "disk full") // refused; the core must repeat it
	} else {
		err = n.log.Append(noCtx, []wal.Write{t.write})
	}
	s.do(n, n.core.step(appendedEvent{t, err}))
}

// applyNext lets the state machine of a node finish its oldest round.
func (s *sim) applyNext(n *simNode) {
	if len(n.applies) == 0 {
		return
	}
	t := n.applies[0]
	n.applies = n.applies[1:]
	for _, a := range t.batch {
		if a.Index <= n.applied {
			s.t.Fatalf("node %d applies %d again, was at %d", n.id, a.Index, n.applied)
		}
		n.applied = a.Index
		if was, ok := s.chosen[a.Index]; ok && was != string(a.Data) {
			s.t.Fatalf("node %d applies %q at %d, another applied %q", n.id, a.Data, a.Index, was)
		}
		s.chosen[a.Index] = string(a.Data)
		if a.Local != nil && a.Local != string(a.Data) {
			s.t.Fatalf("entry %q comes with local %v", a.Data, a.Local)
		}
	}
	n.applied = t.last
	s.do(n, n.core.step(appliedEvent{t}))
}

func (s *sim) deliver() {
	if len(s.net) == 0 {
		return
	}
	i := s.rng.IntN(len(s.net))
	m := s.net[i]
	if s.calm || s.rng.IntN(10) > 0 { // else it comes again later
		s.net = append(s.net[:i], s.net[i+1:]...)
	}
	if !s.calm && s.rng.IntN(12) == 0 {
		return
	}
	n := s.nodes[m.GetTo()-1]
	s.do(n, n.core.step(messageEvent{proto.Clone(m).(*raftpb.Message)}))
}

func (s *sim) step() {
	n := s.nodes[s.rng.IntN(len(s.nodes))]
	switch r := s.rng.IntN(1000); {
	case r < 500:
		s.deliver()
	case r < 680:
		s.appendNext(n)
	case r < 780:
		s.applyNext(n)
	case r < 900:
		s.do(n, n.core.step(tickEvent{}))
	case r < 960:
		s.propose(n)
	case r < 980:
		rd := &read{}
		s.reads[rd] = s.maxAcked
		s.do(n, n.core.step(readEvent{rd}))
	case r < 990:
		n.durable = n.applied
		s.do(n, n.core.step(durableEvent{s.slowest()}))
	case r < 993:
		s.crash(n)
	}
}

// slowest is what every node has, so that none falls behind a log's start:
// checkpoints are not there yet.
func (s *sim) slowest() uint64 {
	least := s.nodes[0].durable
	for _, n := range s.nodes {
		least = min(least, n.durable)
	}
	return least
}

func (s *sim) propose(n *simNode) {
	var ps []*proposal
	for range 1 + s.rng.IntN(3) {
		s.count++
		text := fmt.Sprintf("proposal %d by %d", s.count, n.id)
		p := &proposal{data: []byte(text), local: text}
		s.waiting[p] = text
		ps = append(ps, p)
	}
	s.do(n, n.core.step(proposeEvent{ps}))
}

// settle heals everything and runs until all nodes have applied the same.
func (s *sim) settle() {
	s.calm = true
	for round := 0; ; round++ {
		if round > 20000 {
			s.t.Fatal("no agreement after the faults ended")
		}
		for _, n := range s.nodes {
			for len(n.appends) > 0 {
				s.appendNext(n)
			}
			for len(n.applies) > 0 {
				s.applyNext(n)
			}
			if round%10 == 0 {
				s.do(n, n.core.step(tickEvent{}))
			}
		}
		for len(s.net) > 0 {
			s.deliver()
		}
		a := s.nodes
		if round > 300 && a[0].applied == a[1].applied && a[1].applied == a[2].applied && a[0].applied >= s.maxAcked {
			return
		}
	}
}

// TestSimulation checks that three replicas agree under every kind of fault,
// that nothing acknowledged is lost, and that reads are not stale.
func TestSimulation(t *testing.T) {
	seeds, steps := 40, 6000 // 1,000 seeds were run by hand
	if testing.Short() {
		seeds = 4
	}
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			seedRaft(t, seed)
			s := newSim(t, seed)
			for range steps {
				s.step()
			}
			s.settle()
			for pos, text := range s.acked {
				if s.chosen[pos.Index] != text {
					t.Errorf("acknowledged %q at %d, applied %q", text, pos.Index, s.chosen[pos.Index])
				}
			}
			if len(s.acked) < 20 || s.readsOK == 0 {
				t.Errorf("only %d proposals acknowledged, %d reads answered", len(s.acked), s.readsOK)
			}
			for _, n := range s.nodes {
				if err := n.log.Close(); err != nil {
					t.Error(err)
				}
			}
			t.Logf("%d proposals, %d acknowledged, %d reads, %d terms", s.count, len(s.acked), s.readsOK, len(s.leaders))
		})
	}
}

// seedRaft makes raft's election timeouts a function of the seed: it takes
// them from crypto/rand.Reader.
func seedRaft(t *testing.T, seed uint64) {
	was := cryptorand.Reader
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	cryptorand.Reader = io.Reader(rand.NewChaCha8(key))
	t.Cleanup(func() { cryptorand.Reader = was })
}

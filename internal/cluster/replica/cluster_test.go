package replica

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
)

// network connects hosts in one process. A node can be cut off.
type network struct {
	mu    sync.Mutex
	hosts map[base.NodeID]*Host
	cut   map[base.NodeID]bool
}

type port struct {
	net  *network
	from base.NodeID
}

func (p port) Send(to base.NodeID, group base.GroupID, message []byte) {
	p.net.mu.Lock()
	h := p.net.hosts[to]
	cut := p.net.cut[to] || p.net.cut[p.from]
	p.net.mu.Unlock()
	if h != nil && !cut {
		_ = h.Receive(group, message) // lost, as on any network
	}
}

func (n *network) setCut(id base.NodeID, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[id] = cut
}

// cluster is a group of three with its goroutines.
type cluster struct {
	t        *testing.T
	net      *network
	nodes    map[base.NodeID]*node
	machines map[base.NodeID]*machine
	groups   map[base.NodeID]*Group
	acked    []string
	stop     chan struct{}
	ticking  sync.WaitGroup
}

func newCluster(t *testing.T) *cluster {
	c := &cluster{
		t: t, net: &network{hosts: map[base.NodeID]*Host{}, cut: map[base.NodeID]bool{}}, stop: make(chan struct{}),
		nodes: map[base.NodeID]*node{}, machines: map[base.NodeID]*machine{}, groups: map[base.NodeID]*Group{},
	}
	voters := []base.NodeID{1, 2, 3}
	for _, id := range voters {
		n := &node{log: mustLog(t, vfs.NewMem())}
		var err error
		if n.host, err = NewHost(Options{Node: id, Log: n.log, Transport: port{c.net, id}}); err != nil {
			t.Fatal(err)
		}
		c.net.mu.Lock()
		c.net.hosts[id] = n.host
		c.net.mu.Unlock()
		c.nodes[id], c.machines[id] = n, &machine{}
		c.groups[id], err = n.host.Open(t.Context(), GroupOptions{ID: 1, Voters: voters, StateMachine: c.machines[id]})
		if err != nil {
			t.Fatal(err)
		}
		c.ticking.Go(func() { c.tick(n.host) })
	}
	return c
}

const tickTime = 100 * time.Millisecond // of the fake clock

func (c *cluster) tick(h *Host) {
	for {
		select {
		case <-time.After(tickTime):
			h.Tick()
		case <-c.stop:
			return
		}
	}
}

func (c *cluster) write(to base.NodeID, n int) {
	c.t.Helper()
	for range n {
		text := fmt.Sprint("write ", len(c.acked))
		if _, err := c.groups[to].Propose(c.t.Context(), []byte(text), nil); err != nil {
			c.t.Fatalf("propose %q to node %d: %v", text, to, err)
		}
		c.acked = append(c.acked, text)
	}
}

// check reads on a node: all that was acknowledged is there, in order.
func (c *cluster) check(on base.NodeID) {
	c.t.Helper()
	index, err := c.groups[on].ReadIndex(c.t.Context())
	if err == nil {
		err = c.groups[on].WaitApplied(c.t.Context(), index)
	}
	if err != nil {
		c.t.Fatalf("read on node %d: %v", on, err)
	}
	got := c.machines[on].snapshot()
	if len(got) != len(c.acked) {
		c.t.Fatalf("node %d applied %d entries, want %d", on, len(got), len(c.acked))
	}
	for i, a := range got {
		if string(a.Data) != c.acked[i] {
			c.t.Fatalf("node %d applied %q, want %q", on, a.Data, c.acked[i])
		}
	}
}

// leader returns the leader all nodes but one agree on, waiting for it.
func (c *cluster) leader(but base.NodeID) base.NodeID {
	c.t.Helper()
	for range 600 {
		<-time.After(tickTime)
		seen := map[base.NodeID]bool{}
		for id, g := range c.groups {
			if id != but {
				seen[g.Status().Leader] = true
			}
		}
		for lead := range seen {
			if len(seen) == 1 && lead != 0 && lead != but {
				return lead
			}
		}
	}
	c.t.Fatal("no leader")
	return 0
}

func (c *cluster) close() {
	close(c.stop)
	c.ticking.Wait()
	for _, n := range c.nodes {
		n.close(c.t)
	}
}

// TestThreeNodes elects a leader, cuts it off, goes on without it and lets it
// come back: nothing acknowledged is lost, and every node reads it all.
func TestThreeNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		defer c.close()
		lead := c.leader(0)
		c.write(lead, 20)
		follower := lead%3 + 1
		if _, err := c.groups[follower].Propose(t.Context(), []byte("x"), nil); base.ClassOf(err) != base.ClassUnavailable {
			t.Errorf("propose to a follower: %v", err)
		}
		c.check(follower)

		c.net.setCut(lead, true)
		next := c.leader(lead)
		c.write(next, 20)
		c.net.setCut(lead, false)
		for id := range c.groups {
			c.check(id)
		}
	})
}

// TestLonelyLeaderAnswersNothing: a leader without a quorum neither
// acknowledges nor serves reads, and steps down.
func TestLonelyLeaderAnswersNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		defer c.close()
		lead := c.leader(0)
		c.write(lead, 3)
		c.net.setCut(lead, true)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := c.groups[lead].Propose(ctx, []byte("lost"), nil); err == nil {
			t.Error("a leader alone acknowledged")
		}
		if index, err := c.groups[lead].ReadIndex(ctx); err == nil {
			t.Errorf("a leader alone reads at %d", index)
		}
		if got := c.groups[lead].Status().Leader; got == lead {
			t.Error("it still leads after ten seconds")
		}
		c.net.setCut(lead, false)
		c.leader(0)
		c.check(lead)
	})
}

package node

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/selfmon"
)

const (
	// countEvery is how often memory is counted: at 100 MB/s of ingest the count
	// is 5 MB behind.
	countEvery = 50 * time.Millisecond
	// raftTick is the unit of Raft's timeouts: ten of them without a leader start
	// an election.
	raftTick = 100 * time.Millisecond
	// diskRetry is what clients are asked to wait when the disk is full.
	diskRetry = 5 * time.Second
)

// tick runs until Close.
func (n *Node) tick() {
	defer n.wg.Done()
	count, raft, tick := time.NewTicker(countEvery), time.NewTicker(raftTick), time.NewTicker(n.o.TickEvery)
	defer count.Stop()
	defer raft.Stop()
	defer tick.Stop()
	n.checkRoom()
	for {
		select {
		case <-n.stop:
			return
		case <-n.log.Failed():
			n.o.Events.LogSync(selfmon.LogSync{Err: n.log.Err()})
			n.Fail(n.log.Err())
			return
		case <-count.C:
			n.countMemory()
		case <-raft.C:
			n.host.Tick()
		case <-tick.C:
			now := n.o.Clock()
			for _, t := range n.Tablets() {
				t.Tick(now)
				if err := t.Err(); err != nil {
					n.Fail(err) // what is on disk is unknown: a restart reads it
				}
			}
			n.checkRoom()
			n.checkGroups()
			n.unpinLog()
		}
	}
}

// countMemory sets the bytes of rows that are not yet in parts. When they near
// the limit and too few of them are on their way to disk, because many tablets
// hold a little each, it flushes the fullest tablet.
func (n *Node) countMemory() {
	total, open, most := 0, 0, 0
	var fullest *columnar.Tablet
	for _, t := range n.Tablets() {
		o, sealed := t.MemoryBytes()
		total, open = total+o+sealed, open+o
		if o > most {
			fullest, most = t, o
		}
	}
	n.memory.Store(int64(total))
	if total < n.o.MemoryBytes {
		n.relief.open()
	}
	if fullest != nil && total >= n.o.MemoryBytes/4*3 && open >= total/2 {
		fullest.Seal()
	}
}

// checkRoom decides whether the disk has room for writes.
func (n *Node) checkRoom() {
	err := n.log.Pressure()
	if err == nil && n.o.MinFreeBytes > 0 {
		if u, uerr := n.o.FS.GetDiskUsage(n.o.Dir); uerr == nil && u.AvailBytes < uint64(n.o.MinFreeBytes) {
			err = base.Retry(diskRetry, "disk is full: %d MiB free, writes need %d MiB (storage.min_free); reads go on", u.AvailBytes>>20, n.o.MinFreeBytes>>20)
		}
	}
	was := n.refusal.Load()
	switch {
	case err != nil:
		n.refusal.Store(&err)
		if was == nil {
			n.refusedAt = n.o.Clock()
			n.o.Logger.Warn("writes are refused", slog.Any("err", err))
		}
	case was != nil:
		n.refusal.Store(nil)
		n.o.Logger.Info("writes are taken again")
		n.o.Events.Stall(selfmon.Stall{Why: selfmon.StallDisk, Dur: n.o.Clock().Sub(n.refusedAt)})
	}
}

// checkGroups fails the node when a replication group cannot go on: its writes
// would be refused for ever and nobody told.
func (n *Node) checkGroups() {
	for _, g := range n.replicationGroups() {
		if r := g.replica.Load(); r != nil && r.Err() != nil {
			n.Fail(fmt.Errorf("replication group %d: %w", g.id, r.Err()))
		}
	}
}

func (n *Node) replicationGroups() []*group {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Collect(maps.Values(n.mu.groups))
}

// unpinLog flushes the tablets of groups that keep an oversized log.
func (n *Node) unpinLog() {
	pins, bytes := n.log.OldestPinned()
	if bytes < n.o.MaxLogBytes {
		return
	}
	for _, p := range pins {
		n.mu.Lock()
		g := n.mu.groups[p.Group]
		n.mu.Unlock()
		if g == nil {
			continue
		}
		g.mu.Lock()
		for _, t := range g.mu.tablets {
			if t.SafeIndex() < p.Index {
				t.Seal()
			}
		}
		g.mu.Unlock()
	}
}

// flushed lets the log forget what is in parts now, and writes use its memory.
func (n *Node) flushed(g *group) {
	if r := g.replica.Load(); r != nil {
		r.NoteDurable()
	}
	n.countMemory()
}

// Flush writes all rows acknowledged before the call into parts.
func (n *Node) Flush(ctx context.Context) error {
	return n.eachCaughtUp(ctx, func(t *columnar.Tablet) error { return t.Flush(ctx) })
}

// Compact flushes and merges every tablet until it is as compact as it gets.
func (n *Node) Compact(ctx context.Context) error {
	return n.eachCaughtUp(ctx, func(t *columnar.Tablet) error { return t.Compact(ctx) })
}

func (n *Node) eachCaughtUp(ctx context.Context, do func(*columnar.Tablet) error) error {
	for id := range n.Tablets() {
		t, err := n.caughtUp(ctx, id)
		if err != nil {
			return err
		}
		if err := do(t); err != nil {
			return err
		}
	}
	return nil
}

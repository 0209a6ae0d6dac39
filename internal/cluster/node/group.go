package node

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/cluster/replica"
	"github.com/pandodb/pando/internal/engine/columnar"
)

// group is a replication group's state machine: the tablets whose writes its log
// carries.
type group struct {
	id      base.GroupID
	node    *Node
	replica atomic.Pointer[replica.Group] // nil until the group is open

	mu struct {
		sync.Mutex
		tablets map[base.TabletID]*columnar.Tablet
		applied uint64 // index of the newest applied entry
		halted  bool   // an entry could not be read: nothing behind it is applied
		// compacted is where the log began when the node started. What is gone
		// from the log is in parts, also for a tablet that had no rows there and
		// whose manifest therefore says less.
		compacted uint64
	}
}

// Apply hands committed writes to their tablets' memtables. Writes to tablets
// that are gone are skipped: they were dropped after the write was accepted.
func (g *group) Apply(entries []replica.Applied) {
	if g.isHalted() {
		return
	}
	for i := range entries {
		e := &entries[i]
		writes, local := e.Local.([]TabletBatch)
		if !local && len(e.Data) > 0 {
			var err error
			if writes, err = decodeCommand(e.Data); err != nil {
				// The log's checksum held, so a program wrote this: stop before the
				// state of replicas parts, and before the log forgets the entry.
				g.halt(fmt.Errorf("entry %d of group %d: %w", e.Index, g.id, err))
				return
			}
		}
		for _, w := range writes {
			switch t := g.tablet(w.Tablet); {
			case t == nil:
			case w.Batch == nil:
				t.Purge(e.Position)
			default:
				t.Apply(e.Position, w.Batch)
			}
		}
	}
	if len(entries) > 0 {
		g.mu.Lock()
		g.mu.applied = entries[len(entries)-1].Index
		g.mu.Unlock()
	}
}

func (g *group) isHalted() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mu.halted
}

func (g *group) halt(err error) {
	g.mu.Lock()
	g.mu.halted = true
	g.mu.Unlock()
	g.node.Fail(err)
}

// DurableIndex returns the log index up to which every write is in parts.
func (g *group) DurableIndex() uint64 {
	g.mu.Lock()
	applied, compacted := g.mu.applied, g.mu.compacted
	tablets := make([]*columnar.Tablet, 0, len(g.mu.tablets))
	for _, t := range g.mu.tablets {
		tablets = append(tablets, t)
	}
	g.mu.Unlock()
	if applied == 0 { // nothing replayed yet: what the manifests say
		least := uint64(math.MaxUint64)
		for _, t := range tablets {
			least = min(least, t.FlushedIndex())
		}
		if len(tablets) == 0 {
			least = 0
		}
		return max(least, compacted)
	}
	// A tablet that applied nothing since its flush pins nothing. Reading applied
	// first makes the answer safe: rows applied later only raise it.
	for _, t := range tablets {
		applied = min(applied, t.SafeIndex())
	}
	return applied
}

func (g *group) tablet(id base.TabletID) *columnar.Tablet {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mu.tablets[id]
}

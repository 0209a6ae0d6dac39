package node

import (
	"context"
	"sync"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/selfmon"
)

// admitWait is how long a write waits for memory before it is refused: a flush
// frees some every few hundred milliseconds.
const admitWait = 2 * time.Second

// admit refuses or delays a write that there is no room for.
func (n *Node) admit(ctx context.Context) error {
	if err := n.Ready(); err != nil || n.hasMemory() {
		return err
	}
	began := n.o.Clock()
	timer := time.NewTimer(admitWait)
	defer timer.Stop()
	for {
		opened := n.relief.opened()
		if n.hasMemory() { // after asking for opened, or the opening could be missed
			n.o.Events.Stall(selfmon.Stall{Why: selfmon.StallMemory, Dur: n.o.Clock().Sub(began)})
			return n.Ready()
		}
		select {
		case <-opened:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-n.failed:
			return n.Ready()
		case <-n.stop:
			return base.Errorf(base.ClassUnavailable, "node %d is stopping", n.o.Node)
		case <-timer.C:
			return base.Retry(time.Second, "memory for new rows is used up (%d MiB, storage.memory): the disk does not keep up with flushes", n.o.MemoryBytes>>20)
		}
	}
}

func (n *Node) hasMemory() bool { return n.memory.Load() < int64(n.o.MemoryBytes) }

// gate is where writes wait for memory. The zero gate is ready.
type gate struct {
	mu struct {
		sync.Mutex
		ch chan struct{} // nil while nobody waits
	}
}

// opened returns a channel that the next open closes.
func (g *gate) opened() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.ch == nil {
		g.mu.ch = make(chan struct{})
	}
	return g.mu.ch
}

// open lets all that wait look again.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.ch != nil {
		close(g.mu.ch)
		g.mu.ch = nil
	}
}

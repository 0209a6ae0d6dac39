package replica

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/wal"
)

// run is the goroutine of a group: events in, effects out.
func (g *Group) run() {
	g.do(g.core.step(startEvent{}))
	var box contents
	sinceCompact := 0
	for {
		box = g.mail.take(box)
		for _, ev := range box.events {
			g.do(g.core.step(ev))
		}
		if len(box.proposals) > 0 {
			g.do(g.core.step(proposeEvent{box.proposals}))
		}
		for range box.ticks {
			g.do(g.core.step(tickEvent{}))
			if sinceCompact++; sinceCompact >= compactTicks {
				sinceCompact = 0
				g.do(g.core.step(durableEvent{g.sm.DurableIndex()}))
			}
		}
		switch {
		case len(box.events)+len(box.proposals)+box.ticks > 0:
		case box.closing && g.core.flying == nil && g.applier.idle():
			g.do(g.core.step(stopEvent{errClosed(g.id)}))
			return
		default:
			<-g.mail.wake
		}
	}
}

// do carries out effects. What is visible is published before anyone is told.
func (g *Group) do(out *effects) {
	g.publish()
	for _, t := range out.appends {
		g.append(t)
	}
	for _, m := range out.sends {
		if b, err := proto.Marshal(m); err == nil { // raft's own messages encode
			g.host.opts.Transport.Send(base.NodeID(m.GetTo()), g.id, b)
		}
	}
	for _, t := range out.applies {
		g.applier.add(t)
	}
	for _, p := range out.proposed {
		g.inflight.Add(-p.bytes)
		if p.err != nil {
			g.unapplied.Add(-p.bytes) // it is not applied with its proposer
		}
		close(p.done)
	}
	for _, r := range out.reads {
		close(r.done)
	}
	if out.compact > 0 {
		// Refused only by a poisoned or closed log, which appends report.
		_ = g.host.opts.Log.Compact(g.id, out.compact)
	}
}

// append gives a task to the log; while its queue is full, the group waits.
func (g *Group) append(t *appendTask) {
	done := func(err error) { g.mail.answer(appendedEvent{t, err}) }
	if err := g.host.opts.Log.AppendAsync(context.Background(), []wal.Write{t.write}, done); err != nil {
		done(err)
	}
}

// publish shows the core's state to other goroutines.
func (g *Group) publish() {
	c := g.core
	g.term.Store(c.term)
	g.leader.Store(uint64(c.leader))
	g.commit.Store(c.commit)
	g.settled.Store(c.err == nil && c.alone() && c.settled())
	if c.err != nil {
		g.mail.refuse(c.err)
		g.applier.fail(c.err)
	}
	if c.err != nil || c.settled() {
		closeOnce(g.leading)
	}
	if c.refused {
		closeOnce(g.blocked)
	}
}

// closeOnce closes a channel that only the caller's goroutine closes.
func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

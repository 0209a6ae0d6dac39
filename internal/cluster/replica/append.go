package replica

import (
	"fmt"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/wal"
)

// appendTask is what one round of raft wants to be durable, and what may be
// said when it is.
type appendTask struct {
	write     wal.Write
	responses []*raftpb.Message
}

// appended takes the log's answer. After a refusal (the disk is full) the same
// task is written again at a tick.
func (c *core) appended(t *appendTask, err error) {
	c.flying = nil
	switch {
	case c.err != nil:
	case err == nil:
		c.respond(t.responses)
	case base.ClassOf(err) == base.ClassOverload:
		if c.waiting != nil {
			t.merge(c.waiting)
		}
		c.waiting, c.refused = t, true
	default:
		c.fail(fmt.Errorf("group %d: %w", c.group, err))
	}
}

// enqueue gives a task to the log. One is on its way at a time: what a task
// says to peers, and the hard state it holds, rest on the ones before it, so
// none may succeed after an earlier one was refused. Tasks that wait become
// one.
//
// A task without entries, vote or new term needs no sync: its responses wait
// only for the tasks before it, and its commit index goes with the next
// entries. After a crash the election finds it again.
func (c *core) enqueue(t *appendTask) {
	state := t.write.State
	if len(t.write.Entries) == 0 && (state == nil || (state.Term == c.voted.Term && state.Vote == c.voted.Vote)) {
		if state != nil {
			c.lazy = state
		}
		c.respondBehind(t.responses)
		return
	}
	if state != nil {
		c.voted, c.lazy = *state, nil
	}
	if c.waiting == nil {
		c.waiting = t
	} else {
		c.waiting.merge(t)
	}
}

// respondBehind delivers responses once all tasks given so far are durable.
func (c *core) respondBehind(ms []*raftpb.Message) {
	switch {
	case c.waiting != nil:
		c.waiting.responses = append(c.waiting.responses, ms...)
	case c.flying != nil:
		c.flying.responses = append(c.flying.responses, ms...)
	default:
		c.respond(ms)
	}
}

// fly ends a step: it gives the waiting task to the log unless another one is
// there, or it was refused since the last tick.
func (c *core) fly() {
	if c.flying != nil || c.waiting == nil || c.refused {
		return
	}
	c.flying, c.waiting = c.waiting, nil
	if c.lazy != nil { // newer than what the task holds: see enqueue
		c.flying.write.State, c.lazy = c.lazy, nil
	}
	c.out.appends = append(c.out.appends, c.flying)
}

// merge makes t do what u does after it.
func (t *appendTask) merge(u *appendTask) {
	if len(u.write.Entries) > 0 {
		keep := t.write.Entries
		for len(keep) > 0 && keep[len(keep)-1].Index >= u.write.Entries[0].Index {
			keep = keep[:len(keep)-1] // replaced by a new leader
		}
		t.write.Entries = append(keep, u.write.Entries...)
	}
	if u.write.State != nil {
		t.write.State = u.write.State
	}
	t.responses = append(t.responses, u.responses...)
}

// respond delivers what raft wanted to be said after a task.
func (c *core) respond(ms []*raftpb.Message) {
	if c.err != nil {
		return
	}
	for _, m := range ms {
		if m.GetTo() != uint64(c.node) {
			c.out.sends = append(c.out.sends, m)
			continue
		}
		_ = c.rn.Step(m) // responses to ourselves are never refused
	}
}

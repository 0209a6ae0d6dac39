package replica

import (
	"bytes"
	"encoding/binary"

	"go.etcd.io/raft/v3"
)

// read is one ReadIndex on its way.
type read struct {
	index uint64
	err   error
	done  chan struct{} // closed by the driver once answered
}

func (c *core) askRead(r *read) {
	if c.err != nil {
		r.err = c.err
		c.out.reads = append(c.out.reads, r)
		return
	}
	c.reads = append(c.reads, r)
}

// startReads starts a round for all reads that wait. One round at a time: it
// began after its reads were asked for, so its index covers what had been
// acknowledged by then. A fresh leader of a group of one must not answer
// before it has committed in its own term; raft checks that for larger ones.
func (c *core) startReads() {
	if len(c.reads) == 0 || len(c.asked) > 0 || c.leader == 0 || (c.isLeader() && !c.settled()) {
		return
	}
	c.asked, c.reads = c.reads, nil
	c.round++
	c.askTicks = 0
	c.rn.ReadIndex(c.roundID())
}

// roundID names the round among all rounds of all nodes: peers keep it, and
// their answers may come late.
func (c *core) roundID() []byte {
	id := binary.BigEndian.AppendUint64(nil, c.nonce)
	return binary.BigEndian.AppendUint64(id, c.round)
}

func (c *core) answerReads(rs *raft.ReadState) {
	if !bytes.Equal(rs.RequestCtx, c.roundID()) {
		return // an older round, which was asked again
	}
	for _, r := range c.asked {
		r.index = rs.Index
	}
	c.out.reads = append(c.out.reads, c.asked...)
	c.asked = nil
}

package replica

import (
	"sync"

	"github.com/pandodb/pando/internal/base"
)

// maxMessages bounds the messages of peers that wait; more are dropped, as
// raft allows.
const maxMessages = 4096

// mail is where events of a group wait for its goroutine. Proposals are kept
// apart so that all that wait become one round. Its size is bounded: proposals
// by their bytes, reads and answers by who waits for them, messages by number.
type mail struct {
	group base.GroupID
	wake  chan struct{} // capacity 1
	mu    struct {
		sync.Mutex
		contents
		messages int
		err      error // closed: no more work is taken
	}
}

// contents is what the goroutine takes at once.
type contents struct {
	events    []any
	proposals []*proposal
	ticks     int
	closing   bool
}

func newMail(group base.GroupID) *mail {
	return &mail{group: group, wake: make(chan struct{}, 1)}
}

// post delivers work: a read or a message. It fails once the group closes.
func (m *mail) post(ev any) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.err != nil {
		return m.mu.err
	}
	if _, ok := ev.(messageEvent); ok {
		if m.mu.messages >= maxMessages {
			return base.Retry(0, "group %d: %d messages wait", m.group, m.mu.messages)
		}
		m.mu.messages++
	}
	m.mu.events = append(m.mu.events, ev)
	m.signal()
	return nil
}

// propose delivers a proposal.
func (m *mail) propose(p *proposal) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.err != nil {
		return m.mu.err
	}
	m.mu.proposals = append(m.mu.proposals, p)
	m.signal()
	return nil
}

// answer delivers what the group waits for, also while it closes.
func (m *mail) answer(ev any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.events = append(m.mu.events, ev)
	m.signal()
}

func (m *mail) tick() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.ticks = min(m.mu.ticks+1, maxTicks)
	m.signal()
}

// maxTicks is how many ticks a busy group catches up with: enough to notice
// that it missed an election, without running through hours after a pause.
const maxTicks = 20

// close refuses further work with err.
func (m *mail) close(err error) (first bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	first = !m.mu.closing
	m.mu.closing = true
	if m.mu.err == nil {
		m.mu.err = err
	}
	m.signal()
	return first
}

// refuse refuses further work without closing: the group failed.
func (m *mail) refuse(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.err == nil {
		m.mu.err = err
	}
}

// signal makes the group look, now or when it does next.
func (m *mail) signal() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// take returns all that waits, swapping in the emptied slices of before.
func (m *mail) take(before contents) contents {
	clear(before.events)
	clear(before.proposals)
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.mu.contents
	m.mu.contents = contents{events: before.events[:0], proposals: before.proposals[:0], closing: c.closing}
	m.mu.messages = 0
	return c
}

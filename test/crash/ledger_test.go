package crash

import (
	"slices"
	"sync"
)

// state is what is known of a request.
type state uint8

const (
	// unknown: no answer came; it may be stored or not, as a whole.
	unknown state = iota + 1
	// stored: it was acknowledged, or seen after a restart. It stays.
	stored
	// absent: it was not there after the restart that followed it. It stays away.
	absent
)

// ledger holds the state of every request sent. It is safe for concurrent use.
type ledger struct {
	mu struct {
		sync.Mutex
		states map[key]state
	}
}

func newLedger() *ledger {
	l := &ledger{}
	l.mu.states = make(map[key]state)
	return l
}

func (l *ledger) set(k key, s state) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.states[k] = s
}

// stored reports whether the request must be there.
func (l *ledger) stored(k key) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.states[k] == stored
}

// keys returns the requests in the state, in their order.
func (l *ledger) keys(s state) []key {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []key
	for k, got := range l.mu.states {
		if got == s {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(a, b key) int { return slices.Compare(a.parts(), b.parts()) })
	return out
}

func (k key) parts() []int { return []int{k.round, k.writer, k.seq} }

// sent returns how many requests a writer has sent in a round.
func (l *ledger) sent(round, writer int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for ; ; n++ {
		if _, ok := l.mu.states[key{round, writer, n}]; !ok {
			return n
		}
	}
}

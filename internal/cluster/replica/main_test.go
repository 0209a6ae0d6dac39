package replica

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/wal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noCtx is for code that runs on no test's goroutine.
var noCtx = context.Background()

// machine is a state machine that remembers what it was told.
type machine struct {
	mu      sync.Mutex
	applied []Applied
	durable uint64
	block   chan struct{} // if set, Apply waits for it
	entered chan struct{} // if set, told when Apply waits
}

func (m *machine) Apply(batch []Applied) {
	if m.block != nil {
		select {
		case m.entered <- struct{}{}:
		default:
		}
		<-m.block
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range batch {
		if n := len(m.applied); n > 0 && m.applied[n-1].Index >= a.Index || a.Index <= m.durable {
			panic(fmt.Sprintf("entry %d applied out of order", a.Index))
		}
		m.applied = append(m.applied, a)
	}
}

func (m *machine) DurableIndex() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.durable
}

func (m *machine) setDurable(i uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.durable = i
}

// snapshot returns what was applied so far.
func (m *machine) snapshot() []Applied {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Applied(nil), m.applied...)
}

func mustLog(t testing.TB, fs vfs.FS) *wal.Log {
	t.Helper()
	l, err := wal.Open(wal.Options{FS: fs, Dir: "log", SegmentBytes: 64 << 10})
	if err != nil {
		t.Fatalf("open log: %v", err)
	}
	return l
}

// node is a host over a log of its own.
type node struct {
	log  *wal.Log
	host *Host
}

func mustNode(t testing.TB, fs vfs.FS) *node {
	t.Helper()
	n := &node{log: mustLog(t, fs)}
	var err error
	if n.host, err = NewHost(Options{Node: 1, Log: n.log}); err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *node) open(t testing.TB, id base.GroupID, sm StateMachine) *Group {
	t.Helper()
	g, err := n.host.Open(t.Context(), GroupOptions{ID: id, StateMachine: sm})
	if err != nil {
		t.Fatalf("open group: %v", err)
	}
	return g
}

func (n *node) close(t testing.TB) {
	t.Helper()
	if err := n.host.Close(); err != nil {
		t.Errorf("close host: %v", err)
	}
	if err := n.log.Close(); err != nil {
		t.Errorf("close log: %v", err)
	}
}

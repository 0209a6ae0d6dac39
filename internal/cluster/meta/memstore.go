package meta

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
)

// memHistory is how many changes a MemStore keeps for watches that lag.
const memHistory = 4096

// MemStore is a Store in memory: the twin of the one on etcd for tests and
// simulation. It survives nothing. Several catalogs may share one.
type MemStore struct {
	mu struct {
		sync.Mutex
		closed    bool
		revision  uint64
		compacted uint64 // changes up to here are gone
		entries   map[string]Entry
		history   []Change      // revisions compacted+1 .. revision
		news      chan struct{} // closed at the next change or at Close
	}
}

// NewMemStore returns an empty store.
func NewMemStore() *MemStore {
	m := &MemStore{}
	m.mu.revision, m.mu.compacted = 1, 1 // as a new etcd
	m.mu.entries = map[string]Entry{}
	m.mu.news = make(chan struct{})
	return m
}

// Get implements Store.
func (m *MemStore) Get(_ context.Context, key string) (Entry, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.closed {
		return Entry{}, false, ErrClosed
	}
	e, ok := m.mu.entries[key]
	return e, ok, nil
}

// List implements Store.
func (m *MemStore) List(_ context.Context, prefix string) ([]Entry, uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.closed {
		return nil, 0, ErrClosed
	}
	var list []Entry
	for _, key := range slices.Sorted(maps.Keys(m.mu.entries)) {
		if strings.HasPrefix(key, prefix) {
			list = append(list, m.mu.entries[key])
		}
	}
	return list, m.mu.revision, nil
}

// Txn implements Store.
func (m *MemStore) Txn(_ context.Context, compares []Compare, ops []Op) (uint64, error) {
	if err := checkTxn(compares, ops); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.closed {
		return 0, ErrClosed
	}
	for _, c := range compares {
		if m.mu.entries[c.Key].Revision != c.Revision {
			return 0, ErrCompare
		}
	}
	change := Change{Revision: m.mu.revision + 1}
	for _, op := range ops {
		e := Entry{Key: op.Key, Value: bytes.Clone(op.Value), Revision: change.Revision}
		if op.Value != nil {
			m.mu.entries[op.Key] = e
		} else if _, exists := m.mu.entries[op.Key]; exists {
			delete(m.mu.entries, op.Key)
		} else {
			continue
		}
		change.Entries = append(change.Entries, e)
	}
	if len(change.Entries) > 0 {
		slices.SortFunc(change.Entries, func(a, b Entry) int { return strings.Compare(a.Key, b.Key) })
		m.commitLocked(change)
	}
	return m.mu.revision, nil
}

func (m *MemStore) commitLocked(c Change) {
	m.mu.revision = c.Revision
	m.mu.history = append(m.mu.history, c)
	if len(m.mu.history) > memHistory {
		m.compactLocked(m.mu.revision - memHistory/2)
	}
	close(m.mu.news)
	m.mu.news = make(chan struct{})
}

// Compact forgets the changes up to and including the revision.
func (m *MemStore) Compact(_ context.Context, revision uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.compactLocked(min(revision, m.mu.revision))
	return nil
}

func (m *MemStore) compactLocked(revision uint64) {
	if revision > m.mu.compacted {
		m.mu.history = slices.Clone(m.mu.history[revision-m.mu.compacted:])
		m.mu.compacted = revision
	}
}

// Watch implements Store.
func (m *MemStore) Watch(ctx context.Context, prefix string, after uint64, fn func(Change) error) error {
	for {
		pending, news, err := m.changes(after)
		if err != nil {
			return err
		}
		for _, c := range pending {
			if ctx.Err() != nil {
				return watchEnd(ctx)
			}
			after = c.Revision
			c.Entries = withPrefix(c.Entries, prefix)
			if len(c.Entries) == 0 {
				continue
			}
			if err := fn(c); err != nil {
				return err
			}
		}
		if len(pending) > 0 {
			continue
		}
		select {
		case <-news:
		case <-ctx.Done():
			return watchEnd(ctx)
		}
	}
}

// changes returns the changes after the revision, and a channel that is closed
// when there are more.
func (m *MemStore) changes(after uint64) ([]Change, <-chan struct{}, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.mu.closed:
		return nil, nil, ErrClosed
	case after < m.mu.compacted:
		return nil, nil, ErrCompacted
	case after >= m.mu.revision:
		return nil, m.mu.news, nil
	}
	// Entries are never changed and the history is replaced, not overwritten,
	// when it is cut: the slice may be read without the lock.
	return slices.Clip(m.mu.history[after-m.mu.compacted:]), m.mu.news, nil
}

func withPrefix(entries []Entry, prefix string) []Entry {
	var out []Entry
	for _, e := range entries {
		if strings.HasPrefix(e.Key, prefix) {
			out = append(out, e)
		}
	}
	return out
}

// Close implements Store.
func (m *MemStore) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.mu.closed {
		m.mu.closed = true
		close(m.mu.news)
	}
	return nil
}

package replica

import (
	"errors"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/wal"
)

// storage shows a group's log to raft. It sees what is durable; what is on
// its way to disk raft holds itself.
type storage struct {
	log     *wal.Group
	conf    *raftpb.ConfState
	durable uint64 // index whose effects were durable at the start
	// err is the first error that is not part of the protocol, mostly damage.
	// Raft answers it with a panic, which core.step turns into this error.
	err error
}

var _ raft.Storage = (*storage)(nil)

// InitialState returns what the log remembers. The commit index is written
// lazily, behind the entries, so it may be older than what the state machine
// proves to be committed by having it durable.
func (s *storage) InitialState() (*raftpb.HardState, *raftpb.ConfState, error) {
	hs := s.log.HardState()
	commit := max(hs.Commit, s.durable)
	if hs.Term == 0 && commit == 0 {
		return nil, s.conf, nil
	}
	return &raftpb.HardState{Term: &hs.Term, Vote: &hs.Vote, Commit: &commit}, s.conf, nil
}

// Entries returns entries [lo, hi) up to about maxBytes, at least one.
func (s *storage) Entries(lo, hi, maxBytes uint64) ([]*raftpb.Entry, error) {
	entries, err := s.log.Entries(lo, hi, maxBytes)
	if err != nil {
		return nil, s.translate(err)
	}
	return toRaft(entries), nil
}

// Term returns the term of entry i.
func (s *storage) Term(i uint64) (uint64, error) {
	term, err := s.log.Term(i)
	if err != nil {
		return 0, s.translate(err)
	}
	return term, nil
}

// LastIndex returns the index of the last durable entry.
func (s *storage) LastIndex() (uint64, error) { return s.log.LastIndex(), nil }

// FirstIndex returns the index of the first entry that was not truncated.
func (s *storage) FirstIndex() (uint64, error) { return s.log.FirstIndex(), nil }

// Snapshot says that there is none to send now: raft asks again. The log is
// never truncated past what a peer of this leader has, so it is asked only
// after a change of leader, for a peer that was behind the new one's log.
func (s *storage) Snapshot() (*raftpb.Snapshot, error) {
	return nil, raft.ErrSnapshotTemporarilyUnavailable
}

func (s *storage) translate(err error) error {
	switch {
	case errors.Is(err, wal.ErrCompacted):
		return raft.ErrCompacted
	case errors.Is(err, wal.ErrUnavailable):
		return raft.ErrUnavailable
	case s.err == nil:
		s.err = err
	}
	return err
}

// toRaft converts entries, with three allocations however many they are.
func toRaft(entries []wal.Entry) []*raftpb.Entry {
	structs := make([]raftpb.Entry, len(entries))
	numbers := make([]uint64, 2*len(entries))
	out := make([]*raftpb.Entry, len(entries))
	for i := range entries {
		e, n := &entries[i], numbers[2*i:2*i+2]
		n[0], n[1] = e.Index, e.Term
		out[i] = &structs[i]
		out[i].Index, out[i].Term, out[i].Data = &n[0], &n[1], e.Data
		if kind := raftpb.EntryType(e.Type); kind != raftpb.EntryNormal {
			out[i].Type = &kind
		}
	}
	return out
}

// toLog converts what raft wants to be durable.
func toLog(m *raftpb.Message, group base.GroupID) wal.Write {
	w := wal.Write{Group: group}
	if entries := m.GetEntries(); len(entries) > 0 {
		w.Entries = make([]wal.Entry, len(entries))
		for i, e := range entries {
			w.Entries[i] = wal.Entry{Index: e.GetIndex(), Term: e.GetTerm(), Type: uint8(e.GetType()), Data: e.GetData()}
		}
	}
	if m.Term != nil { // all three or none, raft promises
		w.State = &wal.HardState{Term: m.GetTerm(), Vote: m.GetVote(), Commit: m.GetCommit()}
	}
	return w
}

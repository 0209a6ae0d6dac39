package wal

import (
	"encoding/binary"
	"errors"
	"sync"

	"github.com/pandodb/pando/internal/base"
)

// Reading a group can miss in two ways; both are normal in replication.
var (
	// ErrCompacted says that the entry was compacted away.
	ErrCompacted = errors.New("log entry is compacted")
	// ErrUnavailable says that the entry lies behind the last one.
	ErrUnavailable = errors.New("log entry is not there yet")
)

// Entry is one entry of a group's log.
type Entry struct {
	Index uint64
	Term  uint64 // at least 1
	Type  uint8  // the log stores it and does not care
	Data  []byte
}

// HardState is what a replica must not forget between two messages.
type HardState struct {
	Term, Vote, Commit uint64
}

// location says where an entry lies. 24 bytes without a pointer, since a log
// of 1 GB can hold millions.
type location struct {
	term    uint64
	segment uint32
	offset  uint32
	bytes   uint32
	kind    uint8 // Entry.Type
}

// end returns the offset behind the record.
func (at *location) end() int64 { return int64(at.offset) + recordBytes(int(at.bytes)) }

// image is the state of a group at some record of the log.
type image struct {
	compacted base.Position // entries up to here are not needed; they may be gone
	last      uint64        // index of the last entry, or compacted.Index
	state     HardState
	meta      []byte
}

// dumpBytes is what the image costs at the start of each segment.
func (m *image) dumpBytes() int64 {
	return recordBytes(8) + recordBytes(8) + recordBytes(len(m.meta))
}

// dump writes the image to the start of a segment.
func (m *image) dump(e *encoder, id base.GroupID) {
	e.add(head{kind: KindGroup, group: id, index: m.compacted.Index, term: m.compacted.Term},
		binary.LittleEndian.AppendUint64(nil, m.last))
	addState(e, id, m.state)
	e.add(head{kind: KindMeta, group: id}, m.meta)
}

func addState(e *encoder, id base.GroupID, s HardState) {
	e.add(head{kind: KindState, group: id, index: s.Commit, term: s.Term},
		binary.LittleEndian.AppendUint64(nil, s.Vote))
}

// Group reads one group's log. It shows what is durable, never less than what
// was acknowledged. Safe for concurrent use.
type Group struct {
	id  base.GroupID
	log *Log

	// tip is the image as of the last encoded record; the writer goroutine
	// owns it, and runs ahead of mu.image by at most one group commit.
	tip      image
	tipKnown bool   // the group has records
	touched  uint64 // request that last wrote to the group

	mu struct {
		sync.RWMutex
		image
		known bool // the group has durable records
		// entries[i] locates entry first+i; first is compacted.Index+1 but
		// while Open reads a log whose oldest files are gone.
		first   uint64
		entries []location
		// cached[i] is the data of entry cachedFirst+i, up to the last entry.
		cachedFirst uint64
		cached      [][]byte
	}
}

func newGroup(l *Log, id base.GroupID) *Group {
	g := &Group{id: id, log: l}
	g.mu.first, g.mu.cachedFirst = 1, 1
	return g
}

// ID returns the group's identifier.
func (g *Group) ID() base.GroupID { return g.id }

// FirstIndex returns the index of the first entry that can be read; it is
// LastIndex()+1 when there is none.
func (g *Group) FirstIndex() uint64 {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.mu.compacted.Index + 1
}

// LastIndex returns the index of the last durable entry, or the compacted
// index when there is none.
func (g *Group) LastIndex() uint64 {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.mu.last
}

// Compacted returns the position up to which the log was compacted: index and
// term of the entry before FirstIndex.
func (g *Group) Compacted() base.Position {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.mu.compacted
}

// HardState returns the last durable hard state.
func (g *Group) HardState() HardState {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.mu.state
}

// Meta returns the last durable metadata, nil if none was written. The caller
// must not change it.
func (g *Group) Meta() []byte {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.mu.meta
}

// Term returns the term of entry i, for FirstIndex()-1 <= i <= LastIndex().
func (g *Group) Term(i uint64) (uint64, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	switch {
	case i < g.mu.compacted.Index:
		return 0, ErrCompacted
	case i == g.mu.compacted.Index:
		return g.mu.compacted.Term, nil
	case i > g.mu.last:
		return 0, ErrUnavailable
	}
	return g.mu.entries[i-g.mu.first].term, nil
}

// Entries returns the entries [lo, hi), or a prefix of them that holds about
// maxBytes of data and at least one entry. Data is shared with the log's
// cache: the caller must not change it. The slice is the caller's.
//
// Entries that were read from disk together may share memory of up to 1 MiB:
// whoever keeps one for long should copy it. Every byte that comes from disk
// is verified; a damaged one is a corruption error that names file and offset.
func (g *Group) Entries(lo, hi, maxBytes uint64) ([]Entry, error) {
	for {
		entries, where, err := g.plan(lo, hi, maxBytes)
		if err != nil || len(where) == 0 {
			return entries, err
		}
		err = g.log.readEntries(g.id, entries[:len(where)], where)
		if errors.Is(err, ErrCompacted) && g.FirstIndex() <= lo {
			continue // overwritten and pruned between the two steps
		}
		if err != nil {
			return nil, err
		}
		return entries, nil
	}
}

// plan returns the entries that Entries will return, those at the end of the
// log with their cached data, and where to read the len(where) first ones.
func (g *Group) plan(lo, hi, maxBytes uint64) ([]Entry, []location, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	switch {
	case lo <= g.mu.compacted.Index:
		return nil, nil, ErrCompacted
	case hi > g.mu.last+1:
		return nil, nil, ErrUnavailable
	case lo >= hi:
		return nil, nil, nil
	}
	all := g.mu.entries[lo-g.mu.first : hi-g.mu.first]
	count, total := 1, uint64(all[0].bytes)
	for count < len(all) && total+uint64(all[count].bytes) <= maxBytes {
		total += uint64(all[count].bytes)
		count++
	}
	entries, onDisk := make([]Entry, count), 0
	for i := range entries {
		index, at := lo+uint64(i), &all[i]
		entries[i] = Entry{Index: index, Term: at.term, Type: at.kind}
		if index < g.mu.cachedFirst {
			onDisk = i + 1
			continue
		}
		entries[i].Data = g.mu.cached[index-g.mu.cachedFirst]
	}
	return entries, append([]location(nil), all[:onDisk]...), nil
}

// oldest returns the segment of the oldest entry still needed.
func (g *Group) oldest() (segment uint32, ok bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if len(g.mu.entries) == 0 {
		return 0, false
	}
	return g.mu.entries[0].segment, true
}

// placeLocked notes where entry i lies, dropping what the log held from there
// on: a new leader's entries replace those that were never committed.
func (g *Group) placeLocked(i uint64, at location) {
	switch {
	case i < g.mu.first: // below entries whose files are gone, while opening
		g.mu.first, g.mu.entries = i, g.mu.entries[:0]
	case i < g.mu.first+uint64(len(g.mu.entries)):
		g.mu.entries = g.mu.entries[:i-g.mu.first]
	}
	g.mu.entries = append(g.mu.entries, at)
	g.mu.last = i
	keep := max(i, g.mu.cachedFirst) - g.mu.cachedFirst
	if keep < uint64(len(g.mu.cached)) {
		clear(g.mu.cached[keep:])
		g.mu.cached = g.mu.cached[:keep]
	}
	if len(g.mu.cached) == 0 {
		g.mu.cachedFirst = i + 1
	}
}

// cacheLocked keeps the data of the last entry, i, which was just placed.
func (g *Group) cacheLocked(i uint64, data []byte) {
	if len(g.mu.cached) == 0 {
		g.mu.cachedFirst = i
	}
	g.mu.cached = append(g.mu.cached, data)
}

// compactLocked forgets the entries up to pos.
func (g *Group) compactLocked(pos base.Position) {
	if pos.Index <= g.mu.compacted.Index {
		return
	}
	g.mu.compacted = pos
	g.mu.last = max(g.mu.last, pos.Index)
	if pos.Index >= g.mu.first {
		drop := min(pos.Index+1-g.mu.first, uint64(len(g.mu.entries)))
		g.mu.entries = dropFront(g.mu.entries, int(drop))
		g.mu.first = pos.Index + 1
	}
	g.evictLocked(pos.Index)
}

// resetLocked empties the log and restarts it behind pos.
func (g *Group) resetLocked(pos base.Position) {
	g.mu.compacted, g.mu.last, g.mu.first = pos, pos.Index, pos.Index+1
	g.mu.entries, g.mu.cached, g.mu.cachedFirst = nil, nil, pos.Index+1
}

// forgetLocked makes the group an unknown one.
func (g *Group) forgetLocked() {
	g.resetLocked(base.Position{})
	g.mu.image, g.mu.known = image{}, false
}

// evictLocked forgets cached data up to entry i.
func (g *Group) evictLocked(i uint64) {
	if i = min(i, g.mu.last); i < g.mu.cachedFirst {
		return
	}
	drop := min(i+1-g.mu.cachedFirst, uint64(len(g.mu.cached)))
	clear(g.mu.cached[:drop])
	g.mu.cached = g.mu.cached[drop:]
	g.mu.cachedFirst += drop
}

// dropFront removes n locations, giving the memory back once most of it is
// unused.
func dropFront(s []location, n int) []location {
	s = s[n:]
	if cap(s) > 1024 && len(s) < cap(s)/4 {
		return append(make([]location, 0, 2*len(s)), s...)
	}
	return s
}

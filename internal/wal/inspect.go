package wal

import (
	"encoding/binary"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
)

// Record is one record as Inspect shows it.
type Record struct {
	Path    string
	Offset  int64
	Seq     uint32 // place in its segment
	Durable uint32 // up to where the segment was synced when it was written
	Kind    Kind
	Group   base.GroupID
	// Index and Term belong to the entry or position. For KindState Index is
	// the commit index, for KindRoll the number of the next segment.
	Index, Term uint64
	Vote        uint64 // KindState
	Last        uint64 // KindGroup: index of the last entry
	Type        uint8  // KindEntry
	// Data is that of an entry or metadata, valid until visit returns.
	Data []byte
}

// Inspect calls visit for every record of the log in dir, oldest first. It
// changes nothing and needs no lock. It returns the error of visit, or a
// corruption error as Open would, after the records before the damage.
func Inspect(fs vfs.FS, dir string, visit func(Record) error) error {
	numbers, _, err := listSegments(fs, dir)
	if err != nil {
		return err
	}
	if len(numbers) == 0 {
		return base.Errorf(base.ClassNotFound, "no log in %s", dir)
	}
	segments, _, err := openSegments(fs, dir, numbers, func(path string) (vfs.File, error) {
		return fs.Open(path, vfs.SequentialReadsOption)
	})
	defer func() {
		for _, s := range segments {
			_ = s.close() // was only read
		}
	}()
	if err != nil {
		return err
	}
	_, err = scan(segments, func(_ bool, seg *segment, r *record) error {
		if err := r.check(); err != nil {
			return base.Corruptionf(seg.path, r.offset, "%w", err)
		}
		return visit(r.show(seg.path))
	})
	return err
}

func (r *record) show(path string) Record {
	out := Record{
		Path: path, Offset: r.offset, Seq: r.seq, Durable: r.durable, Kind: r.kind,
		Group: r.group, Index: r.index, Term: r.term, Type: r.entryType,
	}
	switch r.kind {
	case KindState:
		out.Vote = binary.LittleEndian.Uint64(r.data)
	case KindGroup:
		out.Last = binary.LittleEndian.Uint64(r.data)
	case KindEntry, KindMeta:
		out.Data = r.data
	default: // no data, or a nonce
	}
	return out
}

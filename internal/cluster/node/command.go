package node

import (
	"encoding/binary"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// TabletBatch is rows for one tablet, or the end of all it has.
type TabletBatch struct {
	Tablet base.TabletID
	Batch  *column.Batch // nil purges the tablet
}

// The first byte of a log entry says what it asks for.
const (
	commandWrite = 1 // count, then tablet, length and batch each
	commandPurge = 2 // count, then tablets
)

// appendPurge appends the log entry that purges tablets.
func appendPurge(dst []byte, tablets []TabletBatch) []byte {
	dst = append(dst, commandPurge)
	dst = binary.AppendUvarint(dst, uint64(len(tablets)))
	for _, t := range tablets {
		dst = binary.AppendUvarint(dst, uint64(t.Tablet))
	}
	return dst
}

// appendCommand appends the log entry of the writes.
func appendCommand(dst []byte, writes []TabletBatch) []byte {
	dst = append(dst, commandWrite)
	dst = binary.AppendUvarint(dst, uint64(len(writes)))
	for _, w := range writes {
		dst = binary.AppendUvarint(dst, uint64(w.Tablet))
		// The length comes first but is known last: leave four bytes, which every
		// batch below 256 MiB fills as a padded uvarint.
		at := len(dst)
		dst = append(dst, 0, 0, 0, 0)
		dst = column.AppendBatch(dst, w.Batch)
		putLength(dst[at:at+4], len(dst)-at-4)
	}
	return dst
}

// maxBatchBytes is what a four-byte length can say.
const maxBatchBytes = 1<<28 - 1

func putLength(dst []byte, n int) {
	dst[0] = byte(n) | 0x80
	dst[1] = byte(n>>7) | 0x80
	dst[2] = byte(n>>14) | 0x80
	dst[3] = byte(n>>21) & 0x7f
}

// decodeCommand decodes a log entry. The batches alias data.
func decodeCommand(data []byte) ([]TabletBatch, error) {
	if len(data) == 0 || data[0] != commandWrite && data[0] != commandPurge {
		return nil, base.Corruptionf("command", 0, "unknown kind: written by a newer program")
	}
	off := 1
	next := func() (uint64, bool) {
		v, n := binary.Uvarint(data[off:])
		if n <= 0 {
			return 0, false
		}
		off += n
		return v, true
	}
	count, ok := next()
	if !ok || count > uint64(len(data)) {
		return nil, base.Corruptionf("command", int64(off), "bad count")
	}
	writes := make([]TabletBatch, 0, count)
	for range count {
		tablet, ok := next()
		if !ok || tablet == 0 {
			return nil, base.Corruptionf("command", int64(off), "bad tablet")
		}
		if data[0] == commandPurge {
			writes = append(writes, TabletBatch{Tablet: base.TabletID(tablet)})
			continue
		}
		size, ok := next()
		if !ok || size > uint64(len(data)-off) {
			return nil, base.Corruptionf("command", int64(off), "batch is cut short")
		}
		b, err := column.DecodeBatch(data[off : off+int(size)])
		if err != nil {
			return nil, err
		}
		writes = append(writes, TabletBatch{Tablet: base.TabletID(tablet), Batch: b})
		off += int(size)
	}
	if off != len(data) {
		return nil, base.Corruptionf("command", int64(off), "bytes after the end")
	}
	return writes, nil
}

package wal

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/pandodb/pando/internal/base"
)

// Kind says what a record holds. The numbers are on disk: append only.
type Kind uint8

// The kinds of record. Zero is invalid, so that a zeroed block is no record.
const (
	// KindEntry is one entry of a group's log.
	KindEntry Kind = 1
	// KindState is a group's hard state: term, commit (as index) and vote.
	KindState Kind = 2
	// KindMeta is the opaque metadata of a group.
	KindMeta Kind = 3
	// KindCompact says that a group needs no entry up to its index any more.
	KindCompact Kind = 4
	// KindReset empties a group's log and restarts it behind its position.
	KindReset Kind = 5
	// KindForget removes a group.
	KindForget Kind = 6
	// KindGroup repeats, at the start of a segment, up to where a group is
	// compacted and which entry is its last, so that older files may go.
	KindGroup Kind = 7
	// KindOpen marks a start of the process; its data is a nonce that parts
	// what follows from remains of a torn tail.
	KindOpen Kind = 8
	// KindClose is the seal a clean Close leaves.
	KindClose Kind = 9
	// KindRoll ends a segment; its index is the number of the next one.
	KindRoll Kind = 10
)

var kindNames = [...]string{
	"invalid", "entry", "state", "meta", "compact", "reset", "forget",
	"group", "open", "close", "roll",
}

// String returns the kind's name for humans.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[0]
}

const (
	headBytes   = 56 // of a record, see doc.go
	recordAlign = 8  // records start at multiples, so a lost one can be found again
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// head is the fixed part of a record. See doc.go for the bytes.
type head struct {
	sum       uint32 // of the head itself; proves prev, dataSum and the rest
	prev      uint32 // sum of the record before, across segments
	dataSum   uint32
	dataBytes uint32
	seq       uint32 // place in the segment, from 1
	durable   uint32 // last seq of the segment that was synced before this was written
	kind      Kind
	entryType uint8
	group     base.GroupID
	index     uint64
	term      uint64
}

// recordBytes returns the length of a record on disk, padding included.
func recordBytes(dataBytes int) int64 {
	return (int64(headBytes) + int64(dataBytes) + recordAlign - 1) &^ (recordAlign - 1)
}

// headSum returns the checksum of the encoded head b, which lies at offset of
// the segment with that seed. Both are where the CRC starts: a block that was
// read from the wrong place, or written there, does not verify. (A CRC maps
// different starts to different sums, so within a segment that is certain.)
func headSum(b []byte, seed uint32, offset int64) uint32 {
	return crc32.Update(seed^uint32(offset), castagnoli, b[4:headBytes])
}

// dataSum returns the checksum of a record's data.
func dataSum(data []byte, seed uint32) uint32 { return crc32.Update(seed, castagnoli, data) }

// put encodes h into b[:headBytes] and returns its sum.
func (h *head) put(b []byte, seed uint32, offset int64) uint32 {
	le := binary.LittleEndian
	le.PutUint32(b[4:], h.prev)
	le.PutUint32(b[8:], h.dataSum)
	le.PutUint32(b[12:], h.dataBytes)
	le.PutUint32(b[16:], h.seq)
	le.PutUint32(b[20:], h.durable)
	le.PutUint64(b[24:], uint64(h.kind)|uint64(h.entryType)<<8)
	le.PutUint64(b[32:], uint64(h.group))
	le.PutUint64(b[40:], h.index)
	le.PutUint64(b[48:], h.term)
	h.sum = headSum(b, seed, offset)
	le.PutUint32(b, h.sum)
	return h.sum
}

// decodeHead decodes the head at b[:headBytes] and reports whether it is one
// that was written at this offset of this segment.
func decodeHead(b []byte, seed uint32, offset int64) (head, bool) {
	le := binary.LittleEndian
	if len(b) < headBytes || le.Uint32(b) != headSum(b, seed, offset) {
		return head{}, false
	}
	flags := le.Uint64(b[24:])
	h := head{
		sum:       le.Uint32(b),
		prev:      le.Uint32(b[4:]),
		dataSum:   le.Uint32(b[8:]),
		dataBytes: le.Uint32(b[12:]),
		seq:       le.Uint32(b[16:]),
		durable:   le.Uint32(b[20:]),
		kind:      Kind(flags),
		entryType: uint8(flags >> 8),
		group:     base.GroupID(le.Uint64(b[32:])),
		index:     le.Uint64(b[40:]),
		term:      le.Uint64(b[48:]),
	}
	ok := flags>>16 == 0 && h.kind >= KindEntry && h.kind <= KindRoll && h.durable < h.seq
	return h, ok
}

// encoder lays records one behind the other into a buffer that will be
// written at one offset of one segment.
type encoder struct {
	buf     []byte
	base    int64  // file offset of buf[0]
	seed    uint32 // of the segment
	prev    uint32 // sum of the last record
	seq     uint32 // of the last record
	durable uint32 // seq of the last synced record
}

// end returns the file offset behind the last record.
func (e *encoder) end() int64 { return e.base + int64(len(e.buf)) }

// add appends one record and returns its file offset. h carries kind, type,
// group, index and term; the rest is filled in. data is copied.
func (e *encoder) add(h head, data []byte) int64 {
	offset := e.end()
	at, total := len(e.buf), int(recordBytes(len(data)))
	e.buf = append(e.buf, zeros[:headBytes]...)
	e.buf = append(e.buf, data...)
	e.buf = append(e.buf, zeros[:total-headBytes-len(data)]...)
	e.seq++
	h.prev, h.seq, h.durable = e.prev, e.seq, e.durable
	h.dataBytes, h.dataSum = uint32(len(data)), dataSum(data, e.seed)
	e.prev = h.put(e.buf[at:], e.seed, offset)
	return offset
}

var zeros [headBytes]byte

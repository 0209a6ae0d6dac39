package corpus

import (
	"encoding/binary"
	"math/bits"
)

// Wire tags of Span's fields that have one byte: number << 3 | wire type.
const (
	tagSpan        = 2<<3 | 2 // of ScopeSpans
	tagTraceID     = 1<<3 | 2
	tagSpanID      = 2<<3 | 2
	tagParent      = 4<<3 | 2
	tagName        = 5<<3 | 2
	tagKind        = 6 << 3 // | 0, a varint
	tagStart       = 7<<3 | 1
	tagEnd         = 8<<3 | 1
	tagAttr        = 9<<3 | 2
	tagEvent       = 11<<3 | 2
	tagLink        = 13<<3 | 2
	tagStatus      = 15<<3 | 2
	tagEventTime   = 1<<3 | 1
	tagEventName   = 2<<3 | 2
	tagEventAttr   = 3<<3 | 2
	tagLinkAttr    = 4<<3 | 2
	tagStatusText  = 2<<3 | 2
	tagStatusCode  = 3 << 3   // | 0, a varint
	tagScopeSpans  = 2<<3 | 2 // of ResourceSpans
	tagGroup       = 1<<3 | 2 // of the request: one ResourceSpans
	tagFlagsFirst  = 0x85     // 16<<3 | 5 takes two bytes
	tagFlagsSecond = 0x01
)

// appendSpan appends span i of the draft as a ScopeSpans field, tag and length
// included.
func (d *draft) appendSpan(dst []byte, i int) []byte {
	s := &d.spans[i]
	dst = append(dst, tagSpan)
	dst, mark := openLength(dst)
	dst = append(dst, tagTraceID, 16)
	dst = append(dst, d.id.trace[:]...)
	dst = append(dst, tagSpanID, 8)
	dst = binary.BigEndian.AppendUint64(dst, s.id)
	if s.parent != noParent {
		dst = append(dst, tagParent, 8)
		dst = binary.BigEndian.AppendUint64(dst, d.spans[s.parent].id)
	}
	name := d.name(s)
	dst = append(dst, tagName, byte(len(name)))
	dst = append(dst, name...)
	dst = append(dst, tagKind, byte(kinds[s.role]), tagStart)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(d.start+s.start))
	dst = append(dst, tagEnd)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(d.start+s.start+s.duration))
	for _, a := range d.attrs[s.attrs.start:s.attrs.end] {
		dst = d.cat.appendAttr(dst, tagAttr, a)
	}
	for _, e := range d.events[s.events.start:s.events.end] {
		dst = d.appendEvent(dst, e)
	}
	if i == 0 && d.link.present {
		dst = d.appendLink(dst)
	}
	if s.failed {
		dst = append(dst, tagStatus, byte(len(statusMessage)+4), tagStatusText, byte(len(statusMessage)))
		dst = append(dst, statusMessage...)
		dst = append(dst, tagStatusCode, byte(StatusError))
	}
	dst = append(dst, tagFlagsFirst, tagFlagsSecond)
	dst = binary.LittleEndian.AppendUint32(dst, s.flags())
	return closeLength(dst, mark)
}

func (d *draft) appendEvent(dst []byte, e eventDraft) []byte {
	dst = append(dst, tagEvent)
	dst, mark := openLength(dst)
	dst = append(dst, tagEventTime)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(d.start+e.time))
	dst = append(dst, tagEventName, byte(len(e.name)))
	dst = append(dst, e.name...)
	for _, a := range d.attrs[e.attrs.start:e.attrs.end] {
		dst = d.cat.appendAttr(dst, tagEventAttr, a)
	}
	return closeLength(dst, mark)
}

func (d *draft) appendLink(dst []byte) []byte {
	dst = append(dst, tagLink)
	dst, mark := openLength(dst)
	dst = append(dst, tagTraceID, 16)
	dst = append(dst, d.link.id.trace[:]...)
	dst = append(dst, tagSpanID, 8)
	dst = binary.BigEndian.AppendUint64(dst, d.link.id.root)
	dst = d.cat.appendAttr(dst, tagLinkAttr, attr{keyLinkReason, d.link.reason})
	return closeLength(dst, mark)
}

// openLength reserves two bytes for a length, which nearly all spans need.
func openLength(dst []byte) ([]byte, int) { return append(dst, 0, 0), len(dst) }

// closeLength writes the length of what follows the mark, below 2^14, moving
// it down a byte when the length takes only one.
func closeLength(dst []byte, mark int) []byte {
	n := len(dst) - mark - 2
	if n >= 0x80 {
		dst[mark], dst[mark+1] = byte(n)|0x80, byte(n>>7)
		return dst
	}
	dst[mark] = byte(n)
	copy(dst[mark+1:], dst[mark+2:])
	return dst[:len(dst)-1]
}

// varintSize returns the bytes that v takes as a varint.
func varintSize(v int) int { return (bits.Len64(uint64(v)|1) + 6) / 7 }

package otlpwire

import "encoding/binary"

// WireType is the low three bits of a tag.
type WireType uint8

// The wire types of protobuf.
const (
	Varint     WireType = 0
	Fixed64    WireType = 1
	Len        WireType = 2
	StartGroup WireType = 3
	EndGroup   WireType = 4
	Fixed32    WireType = 5
)

const maxFieldNumber = 1<<29 - 1

// MaxDepth is how deep lists and maps may nest in an attribute value. No known
// instrumentation nests more than a handful; the bound keeps recursion shallow.
const MaxDepth = 64

// Cursor walks the fields of one message:
//
//	for c.Next() {
//		switch c.Tag { … c.Bytes or c.Uint … }
//	}
//	return c.Err()
//
// The zero Cursor walks nothing.
type Cursor struct {
	buf   []byte
	pos   int    // where the next field starts
	start int    // where the current field's tag starts
	Tag   uint32 // current field: number<<3 | wire type, normalised
	Uint  uint64 // value of a Varint, Fixed32 or Fixed64 field
	Bytes []byte // payload of a Len field; aliases the message
	err   error
}

// Reset starts over with message b, which must not change while in use.
func (c *Cursor) Reset(b []byte) {
	c.buf, c.pos, c.start, c.err = b, 0, 0, nil
}

// Number returns the current field's number.
func (c *Cursor) Number() uint32 { return c.Tag >> 3 }

// Type returns the current field's wire type.
func (c *Cursor) Type() WireType { return WireType(c.Tag & 7) }

// Span returns where the current field lies in the message, tag included.
func (c *Cursor) Span() (start, end int) { return c.start, c.pos }

// Err returns why Next stopped early, or nil at the end of the message.
func (c *Cursor) Err() error { return c.err }

// Next moves to the next field. It returns false at the end and on malformed
// bytes; Err tells which. A group is one field without payload.
func (c *Cursor) Next() bool {
	b, p := c.buf, c.pos
	if p >= len(b) || c.err != nil {
		return false
	}
	c.start = p
	tag := uint64(b[p])
	p++
	if tag >= 0x80 {
		if tag, p = uvarint(b, p-1); p < 0 {
			return c.fail("truncated or overlong tag")
		}
	}
	if tag>>3 == 0 || tag>>3 > maxFieldNumber {
		return c.fail("impossible field number")
	}
	c.Tag = uint32(tag)
	switch WireType(tag & 7) {
	case Len:
		if p >= len(b) {
			return c.fail("field is cut off")
		}
		n := uint64(b[p])
		p++
		if n >= 0x80 {
			if n, p = uvarint(b, p-1); p < 0 {
				return c.fail("truncated or overlong length")
			}
		}
		if n > uint64(len(b)-p) {
			return c.fail("field is longer than its message")
		}
		end := p + int(n)
		c.Bytes, c.pos = b[p:end:end], end
		return true
	case Varint:
		if c.Uint, p = uvarint(b, p); p < 0 {
			return c.fail("truncated or overlong integer")
		}
		c.pos = p
		return true
	case Fixed64:
		if len(b)-p < 8 {
			return c.fail("field is cut off")
		}
		c.Uint, c.pos = binary.LittleEndian.Uint64(b[p:]), p+8
		return true
	case Fixed32:
		if len(b)-p < 4 {
			return c.fail("field is cut off")
		}
		c.Uint, c.pos = uint64(binary.LittleEndian.Uint32(b[p:])), p+4
		return true
	case StartGroup:
		return c.skipGroup(p)
	default:
		return c.fail("impossible wire type or stray end of group")
	}
}

func (c *Cursor) fail(reason string) bool {
	c.err = faultf(FaultSyntax, "offset %d: %s", c.start, reason)
	return false
}

// skipGroup moves behind the group whose content starts at p. Groups are long
// deprecated and never known to us, but legal as unknown fields.
func (c *Cursor) skipGroup(p int) bool {
	open := [MaxDepth]uint32{c.Tag >> 3}
	group, start, depth := c.Tag, c.start, 1
	for depth > 0 {
		in := Cursor{buf: c.buf, pos: p}
		tag, next := uvarint(c.buf, p)
		if next < 0 {
			return c.fail("group is cut off")
		}
		switch WireType(tag & 7) {
		case StartGroup:
			if tag>>3 == 0 || tag>>3 > maxFieldNumber {
				return c.fail("impossible field number")
			}
			if depth == MaxDepth {
				c.err = faultf(FaultDepth, "offset %d: groups nest deeper than %d", start, MaxDepth)
				return false
			}
			open[depth] = uint32(tag >> 3)
			depth, p = depth+1, next
		case EndGroup:
			depth--
			if tag>>3 != uint64(open[depth]) {
				return c.fail("end of another group")
			}
			p = next
		default:
			if !in.Next() {
				c.err = in.err
				return false
			}
			p = in.pos
		}
	}
	c.Tag, c.pos = group, p
	return true
}

// uvarint reads the base-128 integer at b[p:] and returns the position behind
// it, negative when it is truncated or does not fit 64 bits.
func uvarint(b []byte, p int) (v uint64, next int) {
	if p < len(b) && b[p] < 0x80 {
		return uint64(b[p]), p + 1
	}
	for shift := uint(0); shift < 70 && p < len(b); shift += 7 {
		x := b[p]
		p++
		if x < 0x80 {
			if shift == 63 && x > 1 {
				return 0, -1
			}
			return v | uint64(x)<<shift, p
		}
		v |= uint64(x&0x7f) << shift
	}
	return 0, -1
}

// Frames walks the payloads of one repeated Len field of a message and skips
// all other fields.
type Frames struct {
	c   Cursor
	tag uint32
}

// FramesOf returns the frames of the field in message b.
func FramesOf(b []byte, field uint32) Frames {
	f := Frames{tag: field<<3 | uint32(Len)}
	f.c.Reset(b)
	return f
}

// Next moves to the next payload. It returns false at the end and on malformed
// bytes; Err tells which.
func (f *Frames) Next() bool {
	for f.c.Next() {
		if f.c.Tag == f.tag {
			return true
		}
	}
	return false
}

// Bytes returns the current payload. It aliases the message.
func (f *Frames) Bytes() []byte { return f.c.Bytes }

// Err returns why Next stopped early, or nil at the end.
func (f *Frames) Err() error { return f.c.err }

package otlpwire

import (
	"math"

	"github.com/pandodb/pando/internal/invariants"
)

// ValueKind is which member of AnyValue is set. The numbers are the member's
// field numbers.
type ValueKind uint8

// The kinds. ValueEmpty is a value without content; ValueRef, an index into a
// string table that only profiles have, carries nothing in a trace.
const (
	ValueEmpty  ValueKind = 0
	ValueString ValueKind = 1
	ValueBool   ValueKind = 2
	ValueInt    ValueKind = 3
	ValueDouble ValueKind = 4
	ValueList   ValueKind = 5
	ValueMap    ValueKind = 6
	ValueBytes  ValueKind = 7
	ValueRef    ValueKind = 8
)

// Value is a decoded AnyValue.
type Value struct {
	Kind ValueKind
	Num  uint64 // ValueBool as 0 or 1, ValueInt, bits of ValueDouble
	// Bytes is the content of ValueString and ValueBytes, and the message of
	// ValueList and ValueMap: see Items and Entries.
	Bytes []byte
	// Raw is the whole AnyValue message as it came.
	Raw []byte
}

// Int returns the integer of a ValueInt.
func (v *Value) Int() int64 { return int64(v.Num) }

// Double returns the number of a ValueDouble.
func (v *Value) Double() float64 { return math.Float64frombits(v.Num) }

// Items walks the elements of a ValueList; each payload is an AnyValue.
func (v *Value) Items() Frames { return FramesOf(v.Bytes, 1) }

// Entries walks the entries of a ValueMap; each payload is a KeyValue.
func (v *Value) Entries() Frames { return FramesOf(v.Bytes, 1) }

// Decode reads an AnyValue message.
func (v *Value) Decode(b []byte) error {
	*v = Value{Raw: b}
	var c Cursor
	c.Reset(b)
	for c.Next() {
		was := v.Kind
		switch c.Tag {
		case 1<<3 | uint32(Len), 7<<3 | uint32(Len):
			v.Kind, v.Bytes = ValueKind(c.Number()), c.Bytes
		case 2<<3 | uint32(Varint):
			v.Kind, v.Num = ValueBool, 0
			if c.Uint != 0 {
				v.Num = 1
			}
		case 3<<3 | uint32(Varint):
			v.Kind, v.Num = ValueInt, c.Uint
		case 4<<3 | uint32(Fixed64):
			v.Kind, v.Num = ValueDouble, c.Uint
		case 5<<3 | uint32(Len), 6<<3 | uint32(Len):
			v.Kind = ValueKind(c.Number())
			if was == v.Kind {
				v.Bytes = merge(v.Bytes, c.Bytes)
				continue
			}
			v.Bytes = c.Bytes
		case 8<<3 | uint32(Varint):
			v.Kind = ValueRef
		default:
			if err := c.other(MessageValue); err != nil {
				return err
			}
		}
	}
	return c.err
}

// merge returns the encoding of two messages merged, which is their
// concatenation. Payloads alias their input with a capped capacity, so the
// first merge copies and further ones append to the copy.
func merge(a, b []byte) []byte {
	if a == nil {
		return b
	}
	return append(a, b...)
}

// Attr is a decoded KeyValue.
type Attr struct {
	Key   []byte
	Value Value
}

// Decode reads a KeyValue message.
func (a *Attr) Decode(b []byte) error {
	if !invariants.Sometimes(20) && a.decodePlain(b) {
		return nil
	}
	a.Key = nil
	var raw []byte
	var c Cursor
	c.Reset(b)
	for c.Next() {
		switch c.Tag {
		case 1<<3 | uint32(Len):
			a.Key = c.Bytes
		case 2<<3 | uint32(Len):
			raw = merge(raw, c.Bytes)
		default:
			if err := c.other(MessageAttr); err != nil {
				return err
			}
		}
	}
	if c.err != nil {
		return c.err
	}
	if err := a.Value.Decode(raw); err != nil {
		return At("value", -1, err)
	}
	return nil
}

// decodePlain reads the form that nearly all attributes have: key, then value,
// once each, below 128 bytes, the value a string, bool or integer. It returns
// false for all else, which is then read again with care. It halves the time of
// decoding a span.
func (a *Attr) decodePlain(b []byte) bool {
	if len(b) < 6 || b[0] != 1<<3|byte(Len) || b[1] >= 0x80 {
		return false
	}
	k := 2 + int(b[1]) // end of the key
	if len(b) < k+4 || b[k] != 2<<3|byte(Len) || b[k+1] >= 0x80 || len(b) != k+2+int(b[k+1]) {
		return false
	}
	raw := b[k+2:]
	v := &a.Value
	switch raw[0] {
	case 1<<3 | byte(Len):
		if int(raw[1]) != len(raw)-2 {
			return false
		}
		v.Kind, v.Num, v.Bytes = ValueString, 0, raw[2:]
	case 2<<3 | byte(Varint):
		if len(raw) != 2 || raw[1] > 1 {
			return false
		}
		v.Kind, v.Num, v.Bytes = ValueBool, uint64(raw[1]), nil
	case 3<<3 | byte(Varint):
		n, end := uvarint(raw, 1)
		if end != len(raw) {
			return false
		}
		v.Kind, v.Num, v.Bytes = ValueInt, n, nil
	default:
		return false
	}
	v.Raw, a.Key = raw, b[2:k:k]
	return true
}

// Attrs is a reusable list of decoded attributes.
type Attrs struct {
	// List holds the attributes in the order they came. Entries alias the input.
	List []Attr
	// Max bounds len(List); further attributes are counted only. Zero means no
	// bound.
	Max int
	// Count is how many attributes there were.
	Count int
}

func (a *Attrs) reset() { a.List, a.Count = a.List[:0], 0 }

func (a *Attrs) add(b []byte) error {
	a.Count++
	if a.Max > 0 && a.Count > a.Max {
		return nil
	}
	n := len(a.List)
	if n < cap(a.List) {
		a.List = a.List[:n+1]
	} else {
		a.List = append(a.List, Attr{})
	}
	if err := a.List[n].Decode(b); err != nil {
		return At("attributes", n, err)
	}
	return nil
}

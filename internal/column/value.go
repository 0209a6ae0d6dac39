package column

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"

	"github.com/cespare/xxhash/v2"
)

// Value is one typed value outside a vector: a filter's operand, an expanded
// tag. The field that Type names is set.
type Value struct {
	Type  Type
	Int   int64 // Int64, Bool
	Float float64
	Bytes []byte // String, Bytes, Doc
}

// IntValue returns v as a Value.
func IntValue(v int64) Value { return Value{Type: Int64, Int: v} }

// FloatValue returns v as a Value.
func FloatValue(v float64) Value { return Value{Type: Float64, Float: v} }

// BoolValue returns v as a Value.
func BoolValue(v bool) Value {
	if v {
		return Value{Type: Bool, Int: 1}
	}
	return Value{Type: Bool}
}

// StringValue returns v as a Value.
func StringValue(v string) Value { return Value{Type: String, Bytes: []byte(v)} }

// AppendTerm appends the value's term: bytes whose order is the order of values
// of the type. Dictionaries of parts hold terms. A float's term orders by the
// IEEE total order, so every NaN and -0 keeps its bits.
func (v Value) AppendTerm(dst []byte) []byte {
	switch v.Type {
	case Int64, Bool:
		return binary.BigEndian.AppendUint64(dst, uint64(v.Int)^(1<<63))
	case Float64:
		return binary.BigEndian.AppendUint64(dst, orderFloat(math.Float64bits(v.Float)))
	default:
		return append(dst, v.Bytes...)
	}
}

// TermValue returns the value of a term of type t. Bytes alias the term. A term
// of the wrong length for a numeric type gives zero.
func TermValue(t Type, term []byte) Value {
	v := Value{Type: t}
	switch {
	case t.Coded():
		v.Bytes = term
	case len(term) != 8:
	case t == Float64:
		v.Float = math.Float64frombits(unorderFloat(binary.BigEndian.Uint64(term)))
	default:
		v.Int = int64(binary.BigEndian.Uint64(term) ^ (1 << 63))
	}
	return v
}

func orderFloat(b uint64) uint64 {
	if b>>63 != 0 {
		return ^b
	}
	return b | 1<<63
}

func unorderFloat(b uint64) uint64 {
	if b>>63 != 0 {
		return b &^ (1 << 63)
	}
	return ^b
}

// Compare orders two values of the same type; values of different types order
// by type.
func (v Value) Compare(o Value) int {
	if c := cmp.Compare(v.Type, o.Type); c != 0 {
		return c
	}
	switch v.Type {
	case Int64, Bool:
		return cmp.Compare(v.Int, o.Int)
	case Float64:
		return cmp.Compare(orderFloat(math.Float64bits(v.Float)), orderFloat(math.Float64bits(o.Float)))
	default:
		return bytes.Compare(v.Bytes, o.Bytes)
	}
}

// HashTerm is the hash of a term in value filters.
func HashTerm(term []byte) uint64 { return xxhash.Sum64(term) }

// HashTag is the hash of one tag of a document in value filters. Names and
// values of different types never share a hash by construction of the input.
func HashTag(scratch []byte, t Tag) (hash uint64, scratchOut []byte) {
	scratch = append(scratch[:0], byte(t.Value.Type))
	scratch = binary.AppendUvarint(scratch, uint64(len(t.Name)))
	scratch = append(scratch, t.Name...)
	scratch = t.Value.AppendTerm(scratch)
	return xxhash.Sum64(scratch), scratch
}

package column

import (
	"cmp"
	"fmt"
	"strings"
)

// Type is the physical type of a column's values. The numbers are persisted.
type Type uint8

// The types. Zero is invalid.
const (
	Int64   Type = 1 // signed; also unsigned values by their bits
	Float64 Type = 2 // IEEE 754, every bit kept
	Bool    Type = 3 // 0 or 1, held in Ints
	String  Type = 4 // text; not checked for UTF-8 below the gateways
	Bytes   Type = 5 // opaque bytes
	// Doc values are encoded documents: opaque bytes that Layout.Expand turns
	// into tags. A document is stored once, however many tags it holds.
	Doc Type = 6
)

var typeNames = [...]string{0: "invalid", Int64: "int", Float64: "float", Bool: "bool", String: "string", Bytes: "bytes", Doc: "doc"}

// String returns the type's short name.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("type(%d)", uint8(t))
}

// Valid reports whether t is a known type.
func (t Type) Valid() bool { return t >= Int64 && t <= Doc }

// Coded reports whether values of the type are byte strings held in a Dict.
func (t Type) Coded() bool { return t >= String && t <= Doc }

// ID names a column inside a layout. The same name with another type is another
// column, so a tag that changes its type loses nothing.
type ID struct {
	Family uint8 // index in Layout.Families
	Type   Type
	Name   string
}

// Compare orders IDs by family, name and type. Batches and parts keep their
// columns in this order.
func (id ID) Compare(o ID) int {
	if c := cmp.Compare(id.Family, o.Family); c != 0 {
		return c
	}
	if c := strings.Compare(id.Name, o.Name); c != 0 {
		return c
	}
	return cmp.Compare(id.Type, o.Type)
}

// String renders the ID for people: "1/http.method:string".
func (id ID) String() string { return fmt.Sprintf("%d/%s:%s", id.Family, id.Name, id.Type) }

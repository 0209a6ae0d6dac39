package columnar

import (
	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// Op says what an Expr node does.
type Op uint8

// The operators. The zero Expr (OpTrue) matches every row.
const (
	OpTrue Op = iota
	OpAnd     // all Kids match the row
	OpOr      // one of Kids matches
	OpNot     // Kids[0] does not match
	// OpExists: the row has a value in Col (with Tag: one of that name in the
	// document), of type Type where Col is a document.
	OpExists
	// OpEqual: the row's value equals Value.
	OpEqual
	// OpRange: Lo <= value <= Hi; a nil bound does not constrain. An absent
	// value counts as zero when ZeroAbsent is set, else it does not match.
	OpRange
)

// Expr is a filter over the columns of one row. Leaves name a column, or one tag
// of a document column: then the row matches when any tag of that name in its
// document does.
type Expr struct {
	Op    Op
	Kids  []Expr
	Col   column.ID
	Tag   string       // for a Doc column: the tag's name
	Value column.Value // OpEqual; its Type is compared too
	Lo    *column.Value
	Hi    *column.Value
	// ZeroAbsent lets an OpRange treat an absent value as the zero of its type.
	ZeroAbsent bool
}

// Limits of a filter tree, so that a request cannot cost more than it says.
const (
	maxExprDepth = 32
	maxExprNodes = 1024
)

// Validate reports why the tree cannot be evaluated, as a base.ClassInvalid or
// base.ClassTooLarge error.
func (x *Expr) Validate() error {
	nodes := 0
	return x.validate(0, &nodes)
}

func (x *Expr) validate(depth int, nodes *int) error {
	if *nodes++; depth > maxExprDepth || *nodes > maxExprNodes {
		return base.Errorf(base.ClassTooLarge, "filter is too large: at most %d levels and %d conditions", maxExprDepth, maxExprNodes)
	}
	switch x.Op {
	case OpTrue:
	case OpAnd, OpOr:
	case OpNot:
		if len(x.Kids) != 1 {
			return base.Errorf(base.ClassInvalid, "filter: not takes one condition, got %d", len(x.Kids))
		}
	case OpExists, OpEqual, OpRange:
		return x.validateLeaf()
	default:
		return base.Errorf(base.ClassInvalid, "filter: unknown operator %d", x.Op)
	}
	for i := range x.Kids {
		if err := x.Kids[i].validate(depth+1, nodes); err != nil {
			return err
		}
	}
	return nil
}

func (x *Expr) validateLeaf() error {
	t := x.Col.Type
	switch {
	case !t.Valid():
		return base.Errorf(base.ClassInvalid, "filter: column %v has no type", x.Col)
	case (t == column.Doc) != (x.Tag != ""):
		return base.Errorf(base.ClassInvalid, "filter: column %v: a tag is named for documents, and only for them", x.Col)
	case x.ZeroAbsent && (t == column.Doc || x.Op != OpRange):
		return base.Errorf(base.ClassInvalid, "filter: column %v: absent values count as zero in ranges of plain columns only", x.Col)
	case t == column.Doc:
		return nil // a tag may be of any type
	case x.Op == OpEqual && x.Value.Type != t:
		return base.Errorf(base.ClassInvalid, "filter: column %v compared with a %v", x.Col, x.Value.Type)
	case x.Op == OpRange && (x.Lo != nil && x.Lo.Type != t || x.Hi != nil && x.Hi.Type != t):
		return base.Errorf(base.ClassInvalid, "filter: column %v bounded by another type", x.Col)
	}
	return nil
}

// matches reports whether the value passes the leaf.
func (x *Expr) matches(v column.Value) bool {
	switch x.Op {
	case OpExists:
		return true
	case OpEqual:
		return v.Type == x.Value.Type && v.Compare(x.Value) == 0
	default:
		return (x.Lo == nil || x.Lo.Type == v.Type && x.Lo.Compare(v) <= 0) &&
			(x.Hi == nil || x.Hi.Type == v.Type && x.Hi.Compare(v) >= 0)
	}
}

// matchesAbsent reports whether a row without a value passes the leaf.
func (x *Expr) matchesAbsent() bool {
	if x.Op != OpRange || !x.ZeroAbsent {
		return false
	}
	return x.matches(column.Value{Type: x.Col.Type})
}

// docMatches reports whether a tag of the document passes the leaf.
func (x *Expr) docMatches(l *column.Layout, doc []byte) bool {
	found := false
	l.Expand(x.Col, doc, func(t column.Tag) bool {
		found = string(t.Name) == x.Tag && x.matches(t.Value)
		return !found
	})
	return found
}

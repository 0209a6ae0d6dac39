package columnar

import (
	"slices"

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
	// document).
	OpExists
	// OpEqual: the row's value equals Value.
	OpEqual
	// OpRange: Lo <= value <= Hi; a nil bound does not constrain. An absent
	// value counts as zero when ZeroAbsent is set, else it does not match.
	OpRange
	// OpIn: the row's value equals one of Values.
	OpIn
	// OpTest: Test says yes to the row's value. An absent value does not match.
	OpTest
	// OpRows: Rows says yes to the row. Among the Kids of an OpAnd it is asked
	// last, for the rows that all others leave.
	OpRows
)

// Expr is a filter over the columns of one row. Leaves name a column, or one tag
// of a document column: then the row matches when any tag of that name in its
// document does. RowKey, RowTime and RowID are columns as well.
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
	// Values are what OpIn compares with, in any order. For a tag each may have a
	// type of its own, which is compared too.
	Values []column.Value
	// Test is what OpTest asks, once per distinct value where values are shared
	// and never in an order to rely on. The Bytes it is given are valid during the
	// call only. Over a Doc column it gets the tags of that name, whatever their
	// type, or, with an empty Tag, the document itself. It must be pure, and safe
	// for concurrent use.
	Test func(column.Value) bool
	Rows RowTest // OpRows

	sorted bool // Values are ascending and distinct: see prepare
}

// RowTest decides on rows where no single column can. It must be pure, and safe
// for concurrent use.
type RowTest interface {
	// Columns returns what Select needs besides the rows' identities, ascending.
	Columns() []column.ID
	// Select appends those of rows that pass to dst and returns it. rows are
	// positions in b, ascending, and so must be what it appends. The batch has
	// identities and Columns, as far as some row has a value; it is valid during
	// the call only and must not be changed.
	Select(b *column.Batch, rows, dst []uint32) []uint32
}

// Limits of a filter tree, so that a request cannot cost more than it says.
const (
	maxExprDepth = 32
	maxExprNodes = 1024
	// maxInValues is the most values of one OpIn: lists of a thousand, compared
	// as each of a few types.
	maxInValues = 8192
	// maxExprValues is the most values of a tree's OpIn leaves together.
	maxExprValues = 1 << 17
)

// Validate reports why the tree cannot be evaluated, as a base.ClassInvalid or
// base.ClassTooLarge error.
func (x *Expr) Validate() error { return (&exprCheck{}).node(x, 0) }

// exprCheck counts what a tree holds.
type exprCheck struct{ nodes, values int }

func (c *exprCheck) node(x *Expr, depth int) error {
	c.nodes++
	c.values += len(x.Values)
	switch {
	case depth > maxExprDepth || c.nodes > maxExprNodes:
		return base.Errorf(base.ClassTooLarge, "filter is too large: at most %d levels and %d conditions", maxExprDepth, maxExprNodes)
	case len(x.Values) > maxInValues || c.values > maxExprValues:
		return base.Errorf(base.ClassTooLarge, "filter is too large: at most %d values in a list and %d in all lists", maxInValues, maxExprValues)
	}
	switch x.Op {
	case OpTrue:
	case OpAnd, OpOr:
	case OpNot:
		if len(x.Kids) != 1 {
			return base.Errorf(base.ClassInvalid, "filter: not takes one condition, got %d", len(x.Kids))
		}
	case OpExists, OpEqual, OpRange, OpIn, OpTest:
		return x.validateLeaf()
	case OpRows:
		return x.validateRows()
	default:
		return base.Errorf(base.ClassInvalid, "filter: unknown operator %d", x.Op)
	}
	for i := range x.Kids {
		if err := c.node(&x.Kids[i], depth+1); err != nil {
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
	case x.Col.Family == identityFamily && !x.onIdentity():
		return base.Errorf(base.ClassInvalid, "filter: column %v: rows have no such identity", x.Col)
	case x.Tag != "" && t != column.Doc, x.Tag == "" && t == column.Doc && x.Op != OpTest:
		return base.Errorf(base.ClassInvalid, "filter: column %v: a tag is named for documents, and only for them", x.Col)
	case x.ZeroAbsent && (t == column.Doc || x.Op != OpRange):
		return base.Errorf(base.ClassInvalid, "filter: column %v: absent values count as zero in ranges of plain columns only", x.Col)
	case x.Op == OpTest && x.Test == nil:
		return base.Errorf(base.ClassInvalid, "filter: column %v: no test given", x.Col)
	case t == column.Doc:
		return nil // a tag may be of any type
	}
	return x.validateTypes()
}

// validateTypes checks what a leaf over a plain column compares with.
func (x *Expr) validateTypes() error {
	t := x.Col.Type
	switch other := func(v column.Value) bool { return v.Type != t }; {
	case x.Op == OpEqual && other(x.Value):
		return base.Errorf(base.ClassInvalid, "filter: column %v compared with a %v", x.Col, x.Value.Type)
	case x.Op == OpRange && (x.Lo != nil && other(*x.Lo) || x.Hi != nil && other(*x.Hi)):
		return base.Errorf(base.ClassInvalid, "filter: column %v bounded by another type", x.Col)
	case x.Op == OpIn && slices.ContainsFunc(x.Values, other):
		return base.Errorf(base.ClassInvalid, "filter: column %v compared with values of another type", x.Col)
	}
	return nil
}

func (x *Expr) validateRows() error {
	if x.Rows == nil {
		return base.Errorf(base.ClassInvalid, "filter: no test of rows given")
	}
	cols := x.Rows.Columns()
	for i, id := range cols {
		if !id.Type.Valid() || id.Family == identityFamily || i > 0 && cols[i-1].Compare(id) >= 0 {
			return base.Errorf(base.ClassInvalid, "filter: test of rows: column %v is out of order or none", id)
		}
	}
	return nil
}

// hasLists reports whether there is a list of values to sort.
func (x *Expr) hasLists() bool {
	if x.Op == OpIn && !x.sorted {
		return true
	}
	for i := range x.Kids {
		if x.Kids[i].hasLists() {
			return true
		}
	}
	return false
}

// prepare returns the filter as evaluation likes it best: with sorted lists of
// values. A query does it once, for all runs and parts.
func (x *Expr) prepare() Expr {
	y := *x
	if !x.hasLists() {
		return y
	}
	if x.Op == OpIn && !x.sorted {
		y.Values = slices.Clone(x.Values)
		slices.SortFunc(y.Values, column.Value.Compare)
		y.Values = slices.CompactFunc(y.Values, func(a, b column.Value) bool { return a.Compare(b) == 0 })
		y.sorted = true
	}
	if len(x.Kids) > 0 {
		y.Kids = make([]Expr, len(x.Kids))
		for i := range x.Kids {
			y.Kids[i] = x.Kids[i].prepare()
		}
	}
	return y
}

// matches reports whether the value passes the leaf.
func (x *Expr) matches(v column.Value) bool {
	switch x.Op {
	case OpExists:
		return true
	case OpEqual:
		return v.Type == x.Value.Type && v.Compare(x.Value) == 0
	case OpIn:
		return x.inValues(v)
	case OpTest:
		return x.Test(v)
	default:
		return (x.Lo == nil || x.Lo.Type == v.Type && x.Lo.Compare(v) <= 0) &&
			(x.Hi == nil || x.Hi.Type == v.Type && x.Hi.Compare(v) >= 0)
	}
}

// inValues reports whether v is one of x.Values.
func (x *Expr) inValues(v column.Value) bool {
	if x.sorted {
		_, ok := slices.BinarySearchFunc(x.Values, v, column.Value.Compare)
		return ok
	}
	return slices.ContainsFunc(x.Values, func(w column.Value) bool { return w.Compare(v) == 0 })
}

// matchesAbsent reports whether a row without a value passes the leaf.
func (x *Expr) matchesAbsent() bool {
	if x.Op != OpRange || !x.ZeroAbsent || x.onIdentity() {
		return false
	}
	return x.matches(column.Value{Type: x.Col.Type})
}

// docMatches reports whether a tag of the document, or the document, passes the
// leaf.
func (x *Expr) docMatches(l *column.Layout, doc []byte) bool {
	if x.Tag == "" {
		return x.matches(column.Value{Type: column.Doc, Bytes: doc})
	}
	found := false
	l.Expand(x.Col, doc, func(t column.Tag) bool {
		found = string(t.Name) == x.Tag && x.matches(t.Value)
		return !found
	})
	return found
}

// equals returns the values one of which a row must have to pass, or false when
// the leaf does not compare for equality.
func (x *Expr) equals() ([]column.Value, bool) {
	switch x.Op {
	case OpEqual:
		return []column.Value{x.Value}, true
	case OpIn:
		return x.Values, true
	default:
		return nil, false
	}
}

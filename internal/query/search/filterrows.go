package search

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"math"
	"slices"

	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/expression"
)

// rowTest evaluates a node row by row.
type rowTest struct {
	node  *node
	table []column.ID // the compiler's
	cols  []column.ID // those that the node reads, ascending
}

func newRowTest(n *node, t *columnTable) *rowTest {
	used := make([]bool, len(t.ids))
	n.uses(used)
	x := &rowTest{node: n, table: t.ids}
	for i, id := range t.ids {
		if used[i] {
			x.cols = append(x.cols, id)
		}
	}
	slices.SortFunc(x.cols, column.ID.Compare)
	return x
}

// uses marks the columns of the table that the node reads.
func (n *node) uses(used []bool) {
	for _, r := range []*reference{&n.ref, &n.other} {
		for _, c := range r.cols {
			used[c.at] = true
		}
	}
	if n.op == nodeSome {
		used[n.elements.at] = true
	}
	for i := range n.kids {
		n.kids[i].uses(used)
	}
}

// Columns implements columnar.RowTest.
func (x *rowTest) Columns() []column.ID { return x.cols }

// Select implements columnar.RowTest.
func (x *rowTest) Select(b *column.Batch, rows, dst []uint32) []uint32 {
	e := env{b: b, vectors: make([]*column.Vector, len(x.table))}
	for i, id := range x.table {
		if _, ok := slices.BinarySearchFunc(x.cols, id, column.ID.Compare); ok {
			e.vectors[i] = b.Col(id)
		}
	}
	for _, row := range rows {
		e.row = row
		if x.node.eval(&e) {
			dst = append(dst, row)
		}
	}
	return dst
}

var _ columnar.RowTest = (*rowTest)(nil)

// env is what references read: a row, and elements that `some` binds.
type env struct {
	b       *column.Batch
	vectors []*column.Vector // by place in the compiler's table; nil: no values
	row     uint32
	bound   [collections]*trace.Element
	buf     [32]byte
}

// value returns the row's value in a column.
func (e *env) value(c colRef) (column.Value, bool) {
	v := e.vectors[c.at]
	if v == nil {
		return column.Value{}, false
	}
	p, ok := v.Find(e.row)
	if !ok {
		return column.Value{}, false
	}
	return v.At(p), true
}

// eval reports whether the node holds.
func (n *node) eval(e *env) bool {
	switch n.op {
	case nodeAnd:
		for i := range n.kids {
			if !n.kids[i].eval(e) {
				return false
			}
		}
		return true
	case nodeOr:
		for i := range n.kids {
			if n.kids[i].eval(e) {
				return true
			}
		}
		return false
	case nodeNot:
		return !n.kids[0].eval(e)
	case nodeExists:
		return n.ref.set(e)
	case nodeHas:
		return n.ref.has(e, &n.cond)
	case nodeLacks:
		return n.ref.present(e) && !n.ref.has(e, &n.cond)
	case nodeCompare:
		return n.pairs(e, n.cmp)
	case nodeDiffer:
		return n.ref.present(e) && n.other.present(e) && !n.pairs(e, expression.OpEq)
	case nodeSome:
		return n.someElement(e)
	default:
		return n.holds
	}
}

func (n *node) someElement(e *env) bool {
	doc, ok := e.value(n.elements)
	return ok && n.someOf(e, doc.Bytes)
}

// someOf reports whether kids[0] holds for an element of the document.
func (n *node) someOf(e *env, doc []byte) bool {
	found := false
	trace.Elements(n.some.column(), doc, func(x *trace.Element) bool {
		e.bound[n.some] = x
		found = n.kids[0].eval(e)
		return !found
	})
	e.bound[n.some] = nil
	return found
}

// has reports whether a value of the reference meets the condition.
func (r *reference) has(e *env, c *cond) bool {
	found := false
	r.values(e, func(v column.Value) bool {
		found = c.matches(v)
		return !found
	})
	return found
}

// set reports whether the span carries what is referred to. A kind and a status
// always read as a word, but are carried only when they were set.
func (r *reference) set(e *env) bool {
	if r.field == fieldKind || r.field == fieldStatus {
		_, ok := e.value(r.cols[0])
		return ok
	}
	return r.present(e)
}

// present reports whether there is anything to compare.
func (r *reference) present(e *env) bool {
	found := false
	r.values(e, func(column.Value) bool {
		found = true
		return false
	})
	return found
}

// pairs reports whether some value of the one reference compares with some value
// of the other as op says.
func (n *node) pairs(e *env, op expression.Op) bool {
	found := false
	n.ref.values(e, func(a column.Value) bool {
		a, ok := beside(a, n.ref.kind, n.other.kind)
		if !ok {
			return true
		}
		a.Bytes = bytes.Clone(a.Bytes) // the other may use the same memory
		n.other.values(e, func(b column.Value) bool {
			b, ok := beside(b, n.other.kind, n.ref.kind)
			found = ok && compares(op, a, b)
			return !found
		})
		return !found
	})
	return found
}

// beside returns a value of kind k as what it is beside one of kind o: text of an
// attribute reads as a duration beside a duration, and as an instant beside one.
func beside(v column.Value, k, o refKind) (column.Value, bool) {
	if k != kindAttr || o != kindDuration && o != kindInstant {
		return v, true
	}
	if v.Type != column.String {
		return v, false
	}
	s := expression.Scalar{Value: string(v.Bytes)}
	if o == kindDuration {
		d, err := s.Duration()
		return column.IntValue(int64(d)), err == nil
	}
	t, err := s.Timestamp()
	nanos, _ := unixNanos(t)
	return column.IntValue(nanos), err == nil
}

// compares reports whether a op b. Numbers compare with numbers and text with
// text; other values are equal to their own type only, and have no order.
func compares(op expression.Op, a, b column.Value) bool {
	c := 0
	switch {
	case isNumber(a) && isNumber(b):
		if math.IsNaN(a.Float) || math.IsNaN(b.Float) {
			return false
		}
		c = compareNumbers(a, b)
	case a.Type == column.String && b.Type == column.String:
		c = bytes.Compare(a.Bytes, b.Bytes)
	default:
		return op == expression.OpEq && a.Type == b.Type && a.Type.Valid() && a.Compare(b) == 0
	}
	switch op {
	case expression.OpEq:
		return c == 0
	case expression.OpGt:
		return c > 0
	case expression.OpGte:
		return c >= 0
	case expression.OpLt:
		return c < 0
	default:
		return c <= 0
	}
}

func isNumber(v column.Value) bool { return v.Type == column.Int64 || v.Type == column.Float64 }

// compareNumbers compares integers and floats, exactly; neither is NaN.
func compareNumbers(a, b column.Value) int {
	switch {
	case a.Type == b.Type && a.Type == column.Int64:
		return cmp.Compare(a.Int, b.Int)
	case a.Type == b.Type:
		return cmp.Compare(a.Float, b.Float)
	case b.Type == column.Int64:
		return -compareIntFloat(b.Int, a.Float)
	default:
		return compareIntFloat(a.Int, b.Float)
	}
}

func compareIntFloat(n int64, f float64) int {
	const end = 1 << 63
	switch {
	case f >= end:
		return -1
	case f < -end:
		return 1
	}
	whole := math.Trunc(f)
	return cmp.Or(cmp.Compare(n, int64(whole)), cmp.Compare(whole, f))
}

// constantValues returns two constants as the values that they compare as.
func constantValues(a, b *expression.Scalar) (column.Value, column.Value) {
	t := cmp.Or(a.Type, b.Type)
	switch t {
	case expression.TypeString:
		return column.StringValue(a.Value), column.StringValue(b.Value)
	case expression.TypeBool:
		return boolConstant(a), boolConstant(b)
	case expression.TypeAny, expression.TypeInt, expression.TypeDouble:
	}
	na, ok1 := numberConstant(a.Value, t)
	nb, ok2 := numberConstant(b.Value, t)
	if ok1 && ok2 {
		return na, nb
	}
	return column.StringValue(a.Value), column.StringValue(b.Value)
}

func boolConstant(s *expression.Scalar) column.Value {
	v, _ := s.Bool()
	return column.BoolValue(v)
}

// numberConstant reads a number; words such as "inf" are numbers only where the
// type says so.
func numberConstant(s string, t expression.Type) (column.Value, bool) {
	n, ok := readNumber(s)
	switch {
	case ok && n.integer:
		return column.IntValue(n.n), true
	case ok:
		return column.FloatValue(n.f), true
	case t == expression.TypeAny:
		return column.Value{}, false
	}
	f, err := (&expression.Scalar{Value: s}).Double()
	return column.FloatValue(f), err == nil
}

// hexValue returns an id as text in the environment's memory.
func (e *env) hexValue(id []byte) column.Value {
	return column.Value{Type: column.String, Bytes: hex.AppendEncode(e.buf[:0], id)}
}

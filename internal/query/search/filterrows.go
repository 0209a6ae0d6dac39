package search

import (
	"encoding/hex"
	"slices"

	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/model/trace"
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
		return n.ref.present(e) && n.other.present(e) && !n.samePair(e)
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

// hexValue returns an id as text in the environment's memory.
func (e *env) hexValue(id []byte) column.Value {
	return column.Value{Type: column.String, Bytes: hex.AppendEncode(e.buf[:0], id)}
}

package search

import (
	"slices"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/query/expression"
)

// lowering turns nodes into conditions on columns.
type lowering struct {
	resource base.ResourceID // whose keys are compared
	cols     *columnTable
}

// lowerFilter translates a valid filter. One that is too large for the engine's
// limits as conditions on columns is evaluated row by row instead.
func (t *Traces) lowerFilter(call *expression.Call) (columnar.Expr, error) {
	var c compiler
	root, err := c.compile(call.Normalize())
	if err != nil {
		return columnar.Expr{}, err
	}
	l := lowering{resource: t.resource, cols: &c.cols}
	if x := l.node(&root); x.Validate() == nil {
		return x, nil
	}
	return rowFilter(call)
}

// rowFilter translates a valid filter to one that is evaluated row by row. It
// says what lowerFilter does, and costs more.
func rowFilter(call *expression.Call) (columnar.Expr, error) {
	var c compiler
	root, err := c.compile(call.Normalize())
	l := lowering{cols: &c.cols}
	return l.rows(&root), err
}

// lower translates a query's conditions and filter.
func (t *Traces) lower(q *Query) (columnar.Expr, error) {
	x := lower(q)
	if q.Filter == nil {
		return x, nil
	}
	f, err := t.lowerFilter(q.Filter)
	if err != nil {
		return f, err
	}
	if both := and(x, f); both.Validate() == nil {
		return both, nil
	}
	// The conditions and the filter are too large together.
	f, err = rowFilter(q.Filter)
	return and(x, f), err
}

// The conditions that every row and no row meets.
var (
	everyRow = columnar.Expr{Op: columnar.OpTrue}
	noRow    = columnar.Expr{Op: columnar.OpOr}
)

func isNone(x *columnar.Expr) bool { return x.Op == columnar.OpOr && len(x.Kids) == 0 }

// and joins conditions: flat, without those that say nothing.
func and(kids ...columnar.Expr) columnar.Expr {
	var flat []columnar.Expr
	for i := range kids {
		switch k := &kids[i]; {
		case isNone(k):
			return noRow
		case k.Op == columnar.OpAnd:
			flat = append(flat, k.Kids...)
		case k.Op != columnar.OpTrue:
			flat = append(flat, *k)
		}
	}
	switch len(flat) {
	case 0:
		return everyRow
	case 1:
		return flat[0]
	}
	return columnar.Expr{Op: columnar.OpAnd, Kids: flat}
}

// or joins conditions: flat, without those that nothing meets.
func or(kids ...columnar.Expr) columnar.Expr {
	var flat []columnar.Expr
	for i := range kids {
		switch k := &kids[i]; k.Op {
		case columnar.OpTrue:
			return everyRow
		case columnar.OpOr:
			flat = append(flat, k.Kids...)
		default:
			flat = append(flat, *k)
		}
	}
	if len(flat) == 1 {
		return flat[0]
	}
	return columnar.Expr{Op: columnar.OpOr, Kids: flat}
}

func not(x columnar.Expr) columnar.Expr {
	switch {
	case x.Op == columnar.OpTrue:
		return noRow
	case isNone(&x):
		return everyRow
	case x.Op == columnar.OpNot:
		return x.Kids[0]
	}
	return columnar.Expr{Op: columnar.OpNot, Kids: []columnar.Expr{x}}
}

// node lowers a node. No element is bound around it.
func (l *lowering) node(n *node) columnar.Expr {
	switch n.op {
	case nodeAnd:
		return and(l.kids(n)...)
	case nodeOr:
		return or(l.kids(n)...)
	case nodeNot:
		return not(l.node(&n.kids[0]))
	case nodeExists:
		return l.set(&n.ref)
	case nodeHas:
		return l.has(&n.ref, &n.cond)
	case nodeLacks:
		return and(l.present(&n.ref), not(l.has(&n.ref, &n.cond)))
	case nodeCompare, nodeDiffer:
		return and(l.likely(&n.ref), l.likely(&n.other), l.rows(n))
	case nodeSome:
		return l.some(n)
	default:
		return pick(n.holds, everyRow, noRow)
	}
}

func (l *lowering) kids(n *node) []columnar.Expr {
	kids := make([]columnar.Expr, len(n.kids))
	for i := range n.kids {
		kids[i] = l.node(&n.kids[i])
	}
	return kids
}

// rows evaluates a node row by row.
func (l *lowering) rows(n *node) columnar.Expr {
	return columnar.Expr{Op: columnar.OpRows, Rows: newRowTest(n, l.cols)}
}

// docTest tests whole documents of a column.
func docTest(id column.ID, test func(doc []byte) bool) columnar.Expr {
	return columnar.Expr{Op: columnar.OpTest, Col: id, Test: func(v column.Value) bool { return test(v.Bytes) }}
}

// anyDoc is met by rows that have a document in the column.
func anyDoc(id column.ID) columnar.Expr {
	return docTest(id, func([]byte) bool { return true })
}

// some lowers a predicate on one element of a collection. What the predicate
// demands of other things than the element is asked of the span. The rest is
// asked of the collection's document when the elements tell it all, and of the
// row otherwise; either after equalities that a document has to meet anywhere.
func (l *lowering) some(n *node) columnar.Expr {
	var inner []node
	all := []columnar.Expr{anyDoc(n.elements.id)}
	alone := true
	for _, kid := range conjuncts(&n.kids[0], nil) {
		if !kid.mentions(n.some) {
			all = append(all, l.node(kid))
			continue
		}
		inner = append(inner, *kid)
		alone = alone && !kid.outside(n.some)
		if kid.op == nodeHas && kid.ref.nested && kid.ref.element == n.some && len(kid.cond.equal) > 0 {
			all = append(all, l.has(&kid.ref, &kid.cond))
		}
	}
	if len(inner) == 0 {
		return and(all...)
	}
	rest := &node{op: nodeSome, some: n.some, elements: n.elements, kids: []node{{op: nodeAnd, kids: inner}}}
	if !alone {
		return and(append(all, l.rows(rest))...)
	}
	all[0] = docTest(n.elements.id, func(doc []byte) bool { return rest.someOf(&env{}, doc) })
	return and(all...)
}

// conjuncts appends what must hold for the node to hold.
func conjuncts(n *node, dst []*node) []*node {
	if n.op != nodeAnd {
		return append(dst, n)
	}
	for i := range n.kids {
		dst = conjuncts(&n.kids[i], dst)
	}
	return dst
}

// references returns the references of a leaf.
func (n *node) references() []*reference {
	switch n.op {
	case nodeExists, nodeHas, nodeLacks:
		return []*reference{&n.ref}
	case nodeCompare, nodeDiffer:
		return []*reference{&n.ref, &n.other}
	default:
		return nil
	}
}

// mentions reports whether the node reads elements of the collection.
func (n *node) mentions(c collection) bool {
	for _, r := range n.references() {
		if r.nested && r.element == c {
			return true
		}
	}
	return slices.ContainsFunc(n.kids, func(k node) bool { return k.mentions(c) })
}

// outside reports whether the node reads anything but a bound element of the
// collection.
func (n *node) outside(c collection) bool {
	for _, r := range n.references() {
		if !r.nested || r.element != c || r.field == fieldEventSince {
			return true
		}
	}
	return n.op == nodeSome || slices.ContainsFunc(n.kids, func(k node) bool { return k.outside(c) })
}

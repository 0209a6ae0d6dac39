package search

import (
	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/query/expression"
)

// nodeOp says what a node of a filter does.
type nodeOp uint8

const (
	nodeConst   nodeOp = iota // holds says the answer
	nodeAnd                   // all kids
	nodeOr                    // one of kids
	nodeNot                   // not kids[0]
	nodeExists                // ref is there
	nodeHas                   // a value of ref meets cond
	nodeLacks                 // ref is there and none of its values meets cond
	nodeCompare               // some value of ref compares as cmp says with one of other
	nodeDiffer                // ref and other are there and no value is in both
	nodeSome                  // kids[0] holds for an element of the collection
)

// node is a filter, resolved: every constant is read, every reference known. It
// is lowered to conditions on columns where single columns can answer, and
// evaluated row by row where they cannot. It does not change once compiled.
type node struct {
	op    nodeOp
	kids  []node
	holds bool          // nodeConst
	ref   reference     // leaves
	other reference     // nodeCompare, nodeDiffer
	cond  cond          // nodeHas, nodeLacks
	cmp   expression.Op // nodeCompare: eq, gt, lt, gte or lte
	// nodeSome: the collection and the column of its documents.
	some     collection
	elements colRef
}

// compiler turns the AST of filters into nodes.
type compiler struct{ cols columnTable }

// compile returns the node of a valid, normalized call.
func (c *compiler) compile(call *expression.Call) (node, error) {
	switch call.Op {
	case expression.OpAnd, expression.OpOr, expression.OpNot:
		return c.boolean(call)
	case expression.OpSome:
		return c.some(call)
	case expression.OpExists:
		ref, ok := c.reference(call.Args[0])
		return node{op: nodeExists, ref: ref}, known(ok, call)
	default:
		return c.leaf(call)
	}
}

// leaf compiles an operator over two values.
func (c *compiler) leaf(call *expression.Call) (node, error) {
	ref, ok := c.reference(call.Args[0])
	if !ok {
		return constantComparison(call)
	}
	if other, ok := c.reference(call.Args[1]); ok {
		if call.Op == expression.OpNe {
			return node{op: nodeDiffer, ref: ref, other: other}, nil
		}
		return node{op: nodeCompare, ref: ref, other: other, cmp: call.Op}, nil
	}
	n := node{op: nodeHas, ref: ref, cond: newCond(call.Op, call.Args[1], ref.kind)}
	if call.Op == expression.OpNe || call.Op == expression.OpNotIn {
		n.op = nodeLacks
	}
	return n, nil
}

// known is the error of a call that validation lets through and this package
// cannot evaluate: there should be none.
func known(ok bool, call *expression.Call) error {
	if ok {
		return nil
	}
	return base.Errorf(base.ClassBug, "filter: operands of %q are not known to search", call.Op)
}

func (c *compiler) boolean(call *expression.Call) (node, error) {
	n := node{op: map[expression.Op]nodeOp{expression.OpAnd: nodeAnd, expression.OpOr: nodeOr, expression.OpNot: nodeNot}[call.Op]}
	for _, arg := range call.Args {
		kid, err := c.compileTerm(arg)
		if err != nil {
			return node{}, err
		}
		n.kids = append(n.kids, kid)
	}
	return n, nil
}

func (c *compiler) some(call *expression.Call) (node, error) {
	nested, ok := call.Args[0].(*expression.Nested)
	if !ok {
		return node{}, known(false, call)
	}
	kid, err := c.compileTerm(call.Args[1])
	if err != nil {
		return node{}, err
	}
	n := node{op: nodeSome, kids: []node{kid}, some: events}
	if nested.Level == expression.LevelLink {
		n.some = links
	}
	n.elements = c.cols.index(n.some.column())
	return n, nil
}

func (c *compiler) compileTerm(t expression.Term) (node, error) {
	call, ok := t.(*expression.Call)
	if !ok {
		return node{}, base.Errorf(base.ClassBug, "filter: a predicate is no call")
	}
	return c.compile(call)
}

// constantComparison answers a comparison of two constants, which asks nothing of
// the span. A constant without a type is read as the other one's; two of them are
// compared as numbers when both are numbers, and as text otherwise.
func constantComparison(call *expression.Call) (node, error) {
	a, ok1 := call.Args[0].(*expression.Scalar)
	b, ok2 := call.Args[1].(*expression.Scalar)
	if !ok1 || !ok2 {
		return node{}, known(false, call)
	}
	va, vb := constantValues(a, b)
	if call.Op == expression.OpNe {
		return node{holds: !compares(expression.OpEq, va, vb)}, nil
	}
	return node{holds: compares(call.Op, va, vb)}, nil
}

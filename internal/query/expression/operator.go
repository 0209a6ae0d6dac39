package expression

import "slices"

// operand is what an operator accepts in one place.
type operand uint8

const (
	anyPredicate  operand = iota + 1 // Call
	anyReference                     // Attr, Field
	anyAttribute                     // Attr
	anyCollection                    // Nested
	anyValue                         // Attr, Field, Scalar
	anyConstant                      // Scalar
	anyList                          // List
)

var operandNames = [...]string{
	anyPredicate:  "a predicate (call)",
	anyReference:  "a reference (attr or field)",
	anyAttribute:  "an attribute (attr)",
	anyCollection: "a collection (nested)",
	anyValue:      "a value (attr, field or scalar)",
	anyConstant:   "a constant (scalar)",
	anyList:       "a list",
}

// signature is how many operands an operator takes, and of which sort.
type signature struct {
	op Op
	// operands has one entry for each place; a variadic operator has one entry
	// for all of them.
	operands []operand
	// variadic operators take two or more operands.
	variadic bool
}

// signatures lists all operators, in the order in which messages and
// documents name them.
var signatures = []signature{
	{op: OpAnd, operands: []operand{anyPredicate}, variadic: true},
	{op: OpOr, operands: []operand{anyPredicate}, variadic: true},
	{op: OpNot, operands: []operand{anyPredicate}},
	{op: OpEq, operands: []operand{anyValue, anyValue}},
	{op: OpNe, operands: []operand{anyValue, anyValue}},
	{op: OpGt, operands: []operand{anyValue, anyValue}},
	{op: OpLt, operands: []operand{anyValue, anyValue}},
	{op: OpGte, operands: []operand{anyValue, anyValue}},
	{op: OpLte, operands: []operand{anyValue, anyValue}},
	{op: OpRegex, operands: []operand{anyReference, anyConstant}},
	{op: OpExists, operands: []operand{anyReference}},
	{op: OpIn, operands: []operand{anyReference, anyList}},
	{op: OpNotIn, operands: []operand{anyReference, anyList}},
	{op: OpSome, operands: []operand{anyCollection, anyPredicate}},
	{op: OpPhrase, operands: []operand{anyAttribute, anyList}},
	{op: OpFulltext, operands: []operand{anyAttribute, anyList}},
}

// Operators returns every operator. The slice is the caller's.
func Operators() []string {
	names := make([]string, len(signatures))
	for i, s := range signatures {
		names[i] = string(s.op)
	}
	return names
}

func lookupSignature(op Op) (signature, bool) {
	i := slices.IndexFunc(signatures, func(s signature) bool { return s.op == op })
	if i < 0 {
		return signature{}, false
	}
	return signatures[i], true
}

// ordered says whether the operator asks which of two values comes first.
func (o Op) ordered() bool {
	return o == OpGt || o == OpLt || o == OpGte || o == OpLte
}

// comparison says whether the operator compares two single values.
func (o Op) comparison() bool {
	return o == OpEq || o == OpNe || o.ordered()
}

// reversed returns the operator that asks the same with operands exchanged.
func (o Op) reversed() Op {
	switch o {
	case OpGt:
		return OpLt
	case OpLt:
		return OpGt
	case OpGte:
		return OpLte
	case OpLte:
		return OpGte
	default:
		return o
	}
}

// accepts says whether the term may stand in the place. It looks at the sort
// of the term only.
func (o operand) accepts(t Term) bool {
	switch t.(type) {
	case *Attr:
		return o == anyReference || o == anyAttribute || o == anyValue
	case *Field:
		return o == anyReference || o == anyValue
	case *Nested:
		return o == anyCollection
	case *Scalar:
		return o == anyConstant || o == anyValue
	case *List:
		return o == anyList
	case *Call:
		return o == anyPredicate
	}
	return false
}

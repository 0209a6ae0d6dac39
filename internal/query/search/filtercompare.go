package search

import (
	"bytes"
	"cmp"
	"math"

	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/query/expression"
)

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

// samePair reports whether some value is in both references.
func (n *node) samePair(e *env) bool { return n.pairs(e, expression.OpEq) }

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
	var c int
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

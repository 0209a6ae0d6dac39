package search

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/query/expression"
)

// cond is what a filter asks of one value: to be one of some values, to lie in
// one of some ranges, or to pass a test of text. The zero cond is never met.
type cond struct {
	equal  []column.Value // ascending, distinct; of any types
	ranges []valueRange
	text   func([]byte) bool // asked of strings only; nil: there is no test
}

// valueRange is a closed range of values of one type; lo and hi are of it.
type valueRange struct{ lo, hi column.Value }

func (r *valueRange) contains(v column.Value) bool {
	return v.Type == r.lo.Type && r.lo.Compare(v) <= 0 && v.Compare(r.hi) <= 0
}

// matches reports whether the value meets the condition.
func (c *cond) matches(v column.Value) bool {
	if _, ok := slices.BinarySearchFunc(c.equal, v, column.Value.Compare); ok {
		return true
	}
	for i := range c.ranges {
		if c.ranges[i].contains(v) {
			return true
		}
	}
	return c.text != nil && v.Type == column.String && c.text(v.Bytes)
}

// matchesText is matches of a string.
func (c *cond) matchesText(s []byte) bool {
	return c.matches(column.Value{Type: column.String, Bytes: s})
}

// newCond returns what a leaf of the filter asks of a value of kind k; the zero
// kind is that of attributes. The filter is valid.
func newCond(op expression.Op, constant expression.Term, k refKind) cond {
	switch constant := constant.(type) {
	case *expression.List:
		if op == expression.OpPhrase || op == expression.OpFulltext {
			return cond{text: newWordTest(op, constant.Values)}
		}
		var c cond
		for i := range constant.Values {
			s := constant.At(i)
			c.equal = appendEqual(c.equal, &s, k)
		}
		return c.sorted()
	case *expression.Scalar:
		switch op {
		case expression.OpRegex:
			return cond{text: newPatternTest(constant.Value)}
		case expression.OpEq, expression.OpNe:
			return (&cond{equal: appendEqual(nil, constant, k)}).sorted()
		default:
			return orderedCond(op, constant, k)
		}
	}
	return cond{}
}

func (c *cond) sorted() cond {
	slices.SortFunc(c.equal, column.Value.Compare)
	c.equal = slices.CompactFunc(c.equal, func(a, b column.Value) bool { return a.Compare(b) == 0 })
	return *c
}

// appendEqual appends the values that the constant equals beside a reference of
// kind k.
func appendEqual(dst []column.Value, s *expression.Scalar, k refKind) []column.Value {
	switch k {
	case kindText:
		return append(dst, column.StringValue(s.Value))
	case kindID:
		return append(dst, column.StringValue(strings.ToLower(s.Value)))
	case kindDuration:
		d, err := s.Duration()
		if err != nil {
			return dst
		}
		return append(dst, column.IntValue(int64(d)))
	case kindInstant:
		at, err := s.Timestamp()
		if n, side := unixNanos(at); err == nil && side == 0 {
			return append(dst, column.IntValue(n))
		}
		return dst
	case kindAttr:
	}
	switch s.Type {
	case expression.TypeString:
		return append(dst, column.StringValue(s.Value))
	case expression.TypeInt:
		if n, err := s.Int(); err == nil {
			dst = append(dst, column.IntValue(n))
		}
		return dst
	case expression.TypeDouble:
		if f, err := s.Double(); err == nil {
			dst = appendFloats(dst, f)
		}
		return dst
	case expression.TypeBool:
		if b, err := s.Bool(); err == nil {
			dst = append(dst, column.BoolValue(b))
		}
		return dst
	case expression.TypeAny:
	}
	for _, v := range textReadings(s.Value) {
		if v.Type == column.Float64 {
			dst = appendFloats(dst, v.Float)
			continue
		}
		dst = append(dst, v)
	}
	return dst
}

// appendFloats appends the values that are equal to f: none for NaN, two for
// zero.
func appendFloats(dst []column.Value, f float64) []column.Value {
	switch {
	case math.IsNaN(f):
		return dst
	case f == 0:
		return append(dst, column.FloatValue(0), column.FloatValue(math.Copysign(0, -1)))
	default:
		return append(dst, column.FloatValue(f))
	}
}

// orderedCond returns the condition to lie on the side of the constant that op
// says.
func orderedCond(op expression.Op, s *expression.Scalar, k refKind) cond {
	switch k {
	case kindText, kindID:
		return textOrder(op, s.Value)
	case kindDuration:
		d, err := s.Duration()
		if err != nil {
			return cond{}
		}
		return rangeCond(intRange(op, int64(d)))
	case kindInstant:
		at, err := s.Timestamp()
		if err != nil {
			return cond{}
		}
		return rangeCond(instantRange(op, at))
	case kindAttr:
	}
	switch s.Type {
	case expression.TypeInt:
		if n, err := s.Int(); err == nil {
			return rangeCond(intRange(op, n))
		}
		return cond{}
	case expression.TypeDouble:
		if f, err := s.Double(); err == nil {
			return rangeCond(floatRange(op, f))
		}
		return cond{}
	case expression.TypeString:
		return textOrder(op, s.Value)
	case expression.TypeAny, expression.TypeBool: // by what it reads as
	}
	if n, ok := readNumber(s.Value); ok {
		return rangeCond(n.ranges(op)...)
	}
	return textOrder(op, s.Value)
}

// textOrder compares text by its bytes.
func textOrder(op expression.Op, s string) cond {
	switch op {
	case expression.OpGt:
		return cond{text: func(v []byte) bool { return string(v) > s }}
	case expression.OpGte:
		return cond{text: func(v []byte) bool { return string(v) >= s }}
	case expression.OpLt:
		return cond{text: func(v []byte) bool { return string(v) < s }}
	default:
		return cond{text: func(v []byte) bool { return string(v) <= s }}
	}
}

// rangeCond keeps the ranges that hold anything.
func rangeCond(ranges ...valueRange) cond {
	var c cond
	for _, r := range ranges {
		if r.lo.Type.Valid() && r.lo.Compare(r.hi) <= 0 {
			c.ranges = append(c.ranges, r)
		}
	}
	return c
}

func ints(lo, hi int64) valueRange {
	return valueRange{column.IntValue(lo), column.IntValue(hi)}
}

// intRange returns the integers on op's side of n; without a type: none.
func intRange(op expression.Op, n int64) valueRange {
	switch op {
	case expression.OpGt:
		if n == math.MaxInt64 {
			return valueRange{}
		}
		return ints(n+1, math.MaxInt64)
	case expression.OpGte:
		return ints(n, math.MaxInt64)
	case expression.OpLt:
		if n == math.MinInt64 {
			return valueRange{}
		}
		return ints(math.MinInt64, n-1)
	default:
		return ints(math.MinInt64, n)
	}
}

// floatRange returns the numbers on op's side of f: both zeros are one, and NaN
// is on no side.
func floatRange(op expression.Op, f float64) valueRange {
	inf := math.Inf(1)
	lo, hi := f, f
	if f == 0 {
		lo, hi = math.Copysign(0, -1), 0
	}
	switch {
	case math.IsNaN(f):
		return valueRange{}
	case op == expression.OpGt && f < inf:
		lo, hi = math.Nextafter(f, inf), inf
	case op == expression.OpGte:
		hi = inf
	case op == expression.OpLt && f > -inf:
		lo, hi = -inf, math.Nextafter(f, -inf)
	case op == expression.OpLte:
		lo = -inf
	default:
		return valueRange{}
	}
	return valueRange{column.FloatValue(lo), column.FloatValue(hi)}
}

// unixNanos returns the instant in Unix nanoseconds, and -1 or 1 when it lies
// before or after all that 64 bits hold.
func unixNanos(t time.Time) (nanos int64, side int) {
	switch {
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64, -1
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64, 1
	default:
		return t.UnixNano(), 0
	}
}

func instantRange(op expression.Op, t time.Time) valueRange {
	n, side := unixNanos(t)
	if side == 0 {
		return intRange(op, n)
	}
	if greater := op == expression.OpGt || op == expression.OpGte; greater == (side < 0) {
		return ints(math.MinInt64, math.MaxInt64)
	}
	return valueRange{}
}

// number is a number that a constant without a type stands for: exact as an
// integer, or else as a float.
type number struct {
	integer bool
	n       int64
	f       float64
}

// readNumber returns the number that text reads as, and whether it is one. Words
// such as "inf" read as floats too, but nobody means them.
func readNumber(s string) (number, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return number{integer: true, n: n, f: float64(n)}, true
	}
	f, err := strconv.ParseFloat(s, 64)
	return number{f: f}, err == nil && strings.ContainsAny(s, "0123456789")
}

// ranges returns the integers and the floats on op's side of the number.
func (x number) ranges(op expression.Op) []valueRange {
	if !x.integer {
		return []valueRange{intsBeside(op, x.f), floatRange(op, x.f)}
	}
	// No float lies between an integer and the float nearest to it: on the side
	// where that float lies, it belongs to the range itself.
	near, fop := compareNumbers(column.FloatValue(x.f), column.IntValue(x.n)), op
	switch op {
	case expression.OpGt, expression.OpGte:
		if near != 0 {
			fop = pick(near > 0, expression.OpGte, expression.OpGt)
		}
	default:
		if near != 0 {
			fop = pick(near < 0, expression.OpLte, expression.OpLt)
		}
	}
	return []valueRange{intRange(op, x.n), floatRange(fop, x.f)}
}

func pick[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}

// intsBeside returns the integers on op's side of f.
func intsBeside(op expression.Op, f float64) valueRange {
	const end = 1 << 63 // the first float above all integers
	if f == math.Trunc(f) && f >= -end && f < end {
		return intRange(op, int64(f))
	}
	greater := op == expression.OpGt || op == expression.OpGte
	switch {
	case math.IsNaN(f):
		return valueRange{}
	case f >= end:
		return pick(greater, valueRange{}, ints(math.MinInt64, math.MaxInt64))
	case f < -end:
		return pick(greater, ints(math.MinInt64, math.MaxInt64), valueRange{})
	case greater:
		return ints(int64(math.Ceil(f)), math.MaxInt64)
	default:
		return ints(math.MinInt64, int64(math.Floor(f)))
	}
}

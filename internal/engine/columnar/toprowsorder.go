package columnar

import (
	"bytes"
	"cmp"
	"math"

	"github.com/pandodb/pando/internal/column"
)

// rowOrder is a request's order made total: what is missing of a row's identity
// is appended, so that only rows of one identity can tie.
type rowOrder struct {
	terms []rowTerm
	user  int // terms that the request named; the first of terms
	// Where in terms time and id are.
	time, id int
}

// rowTerm is an OrderTerm ready to compare.
type rowTerm struct {
	kind termKind
	desc bool      // of keys; for integers it is in mask
	from int       // of keys
	mask int64     // v^mask orders integers ascending
	col  column.ID // of colTerm
}

// termKind says where a term's values are.
type termKind uint8

const (
	keyTerm  termKind = iota + 1
	timeTerm          // Int64, signed
	idTerm            // uint64
	colTerm           // Int64, absent counts as zero
)

func newRowOrder(order []OrderTerm) *rowOrder {
	o := &rowOrder{user: len(order), time: -1, id: -1}
	wholeKey := false
	for _, t := range order {
		o.add(t)
		wholeKey = wholeKey || t.Col == RowKey && t.From == 0
	}
	if o.time < 0 {
		o.add(OrderTerm{Col: RowTime})
	}
	if !wholeKey {
		o.add(OrderTerm{Col: RowKey})
	}
	if o.id < 0 {
		o.add(OrderTerm{Col: RowID})
	}
	return o
}

func (o *rowOrder) add(t OrderTerm) {
	x := rowTerm{kind: colTerm, desc: t.Desc, from: t.From, col: t.Col}
	if t.Desc {
		x.mask = -1 // ^v reverses the order of signed integers
	}
	switch t.Col {
	case RowKey:
		x.kind = keyTerm
	case RowTime:
		x.kind, o.time = timeTerm, len(o.terms)
	case RowID:
		x.kind, o.id = idTerm, len(o.terms)
		x.mask ^= math.MinInt64 // orders the bits of unsigned integers as signed ones
	}
	o.terms = append(o.terms, x)
}

// topRow is a row as an order sees it, and where it is.
type topRow struct {
	// vals has a value per term, masked so that less comes first; of the key's
	// terms nothing.
	vals []int64
	key  []byte
	src  int32  // a run or part of the view
	row  uint32 // in it
}

// compareKeys orders two keys under one term.
func (t *rowTerm) compareKeys(a, b []byte) int {
	c := bytes.Compare(a[min(t.from, len(a)):], b[min(t.from, len(b)):])
	if t.desc {
		return -c
	}
	return c
}

// compare orders two rows; it is zero for rows of one identity only.
func (o *rowOrder) compare(a, b *topRow) int {
	for i := range o.terms {
		t := &o.terms[i]
		var c int
		if t.kind == keyTerm {
			c = t.compareKeys(a.key, b.key)
		} else {
			c = cmp.Compare(a.vals[i], b.vals[i])
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// mark returns the row's place for the caller.
func (o *rowOrder) mark(x *topRow, ties uint32) RowMark {
	m := RowMark{Values: make([]int64, o.user), Key: bytes.Clone(x.key), Ties: ties}
	for i := range m.Values {
		if t := &o.terms[i]; t.kind != keyTerm {
			m.Values[i] = x.vals[i] ^ t.mask
		}
	}
	m.Time = x.vals[o.time] ^ o.terms[o.time].mask
	m.ID = uint64(x.vals[o.id] ^ o.terms[o.id].mask)
	return m
}

// row returns the row that the mark is of.
func (o *rowOrder) row(m *RowMark) *topRow {
	x := &topRow{vals: make([]int64, len(o.terms)), key: m.Key}
	for i := range o.terms {
		t := &o.terms[i]
		switch t.kind {
		case keyTerm:
		case timeTerm:
			x.vals[i] = m.Time ^ t.mask
		case idTerm:
			x.vals[i] = int64(m.ID) ^ t.mask
		case colTerm:
			x.vals[i] = m.Values[i] ^ t.mask
		}
	}
	return x
}

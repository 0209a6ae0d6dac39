package columnar

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/pandodb/pando/internal/column"
)

// randomExpr draws a filter tree over every operator and kind of column.
func randomExpr(r *rand.Rand, depth int) Expr {
	if depth > 0 && r.IntN(2) == 0 {
		x := Expr{Op: []Op{OpAnd, OpAnd, OpOr, OpNot}[r.IntN(4)]}
		n := 1
		if x.Op != OpNot {
			n = r.IntN(4)
		}
		for range n {
			x.Kids = append(x.Kids, randomExpr(r, depth-1))
		}
		return x
	}
	switch r.IntN(8) {
	case 0, 1:
		return randomIdentityLeaf(r)
	case 2:
		return Expr{Op: OpRows, Rows: twinRows{mod: 1 + r.Int64N(4)}}
	case 3, 4:
		return randomList(r)
	case 5:
		return randomTest(r)
	default:
		return randomLeaf(r)
	}
}

// randomLeaf draws what Jaeger's oldest search asks for.
func randomLeaf(r *rand.Rand) Expr {
	switch r.IntN(11) {
	case 0:
		return Expr{}
	case 1:
		return Expr{Op: OpExists, Col: []column.ID{colUser, colName, colFlag, colUniq}[r.IntN(4)]}
	case 2:
		lo, hi := column.IntValue(r.Int64N(3)*1_000_003), column.IntValue(r.Int64N(5)*1_000_003)
		return Expr{Op: OpRange, Col: colSize, Lo: &lo, Hi: &hi}
	case 3:
		lo := column.IntValue(-int64(r.IntN(2)))
		return Expr{Op: OpRange, Col: colCode, Lo: &lo, ZeroAbsent: r.IntN(2) == 0}
	case 4:
		return Expr{Op: OpEqual, Col: colDoc, Tag: "host", Value: column.StringValue(fmt.Sprintf("h%d", r.IntN(5)))}
	case 5:
		return Expr{Op: OpEqual, Col: colMany, Tag: "x", Value: column.StringValue(fmt.Sprint(r.IntN(1000)))}
	case 6:
		return Expr{Op: OpEqual, Col: colUniq, Value: column.StringValue(fmt.Sprintf("%016x", r.Uint64N(400)))}
	case 7:
		return Expr{Op: OpEqual, Col: colUser, Value: column.StringValue(fmt.Sprintf("u%d", r.IntN(12)))}
	case 8:
		return Expr{Op: OpExists, Col: colMany, Tag: []string{"x", "ev", "none"}[r.IntN(3)]}
	case 9:
		lo := column.StringValue(fmt.Sprint(r.IntN(1000)))
		return Expr{Op: OpRange, Col: colMany, Tag: "x", Lo: &lo}
	default:
		id, v := randomValue(r)
		return Expr{Op: OpEqual, Col: id, Value: v}
	}
}

// randomValue draws a plain column and a value that some row may have.
func randomValue(r *rand.Rand) (column.ID, column.Value) {
	row := randomRow(r)
	ids := []column.ID{colName, colSize, colRef, colUser, colCode, colLoad, colFlag, colUniq}
	for {
		id := ids[r.IntN(len(ids))]
		if v, ok := row.cols[id]; ok {
			return id, v
		}
	}
}

// randomIdentityLeaf draws a condition on keys, times or ids.
func randomIdentityLeaf(r *rand.Rand) Expr {
	col := []column.ID{RowKey, RowTime, RowID}[r.IntN(3)]
	value := func() column.Value {
		row := randomRow(r)
		switch col {
		case RowKey:
			return column.Value{Type: column.Bytes, Bytes: []byte(row.key)}
		case RowTime:
			return column.IntValue(row.time)
		default:
			return column.IntValue(int64(row.id))
		}
	}
	x := Expr{Op: []Op{OpEqual, OpIn, OpRange, OpTest, OpExists}[r.IntN(5)], Col: col}
	switch x.Op {
	case OpEqual:
		x.Value = value()
	case OpIn:
		for range r.IntN(40) {
			x.Values = append(x.Values, value())
		}
	case OpRange:
		lo, hi := value(), value()
		if col == RowID && r.IntN(4) == 0 {
			hi.Int = -1 // the greatest id
		}
		x.Lo, x.Hi = &lo, &hi
		if r.IntN(3) == 0 {
			x.Hi = nil
		}
	case OpTest:
		x.Test = twinTest(1 + r.Uint64N(4))
	default:
	}
	return x
}

func randomList(r *rand.Rand) Expr {
	x := Expr{Op: OpIn}
	n := r.IntN(12)
	switch r.IntN(4) {
	case 0:
		x.Col, x.Tag = colDoc, []string{"svc", "host"}[r.IntN(2)]
		for range n {
			x.Values = append(x.Values, column.StringValue(fmt.Sprintf("%c%d", x.Tag[0], r.IntN(5))), column.IntValue(r.Int64N(3)))
		}
	case 1:
		x.Col, x.Tag = colMany, "x"
		for range 20 * n {
			x.Values = append(x.Values, column.StringValue(fmt.Sprint(r.IntN(1000))))
		}
	default:
		x.Col, _ = randomValue(r)
		for len(x.Values) < n {
			if id, v := randomValue(r); id == x.Col {
				x.Values = append(x.Values, v)
			}
		}
	}
	return x
}

func randomTest(r *rand.Rand) Expr {
	x := Expr{Op: OpTest, Test: twinTest(1 + r.Uint64N(4))}
	switch r.IntN(3) {
	case 0:
		x.Col, x.Tag = colDoc, []string{"", "svc", "host"}[r.IntN(3)]
	case 1:
		x.Col, x.Tag = colMany, []string{"", "ev", "x"}[r.IntN(3)]
	default:
		x.Col, _ = randomValue(r)
	}
	return x
}

// twinTest says yes to one in mod values.
func twinTest(mod uint64) func(column.Value) bool {
	return func(v column.Value) bool {
		return xxhash.Sum64(v.AppendTerm([]byte{byte(v.Type)}))%mod == 0
	}
}

// twinRows passes rows by a sum over identity and some columns.
type twinRows struct{ mod int64 }

func (t twinRows) Columns() []column.ID { return []column.ID{colName, colSize, colLoad, colUser} }

func (t twinRows) passes(r *twinRow) bool {
	sum := int64(len(r.key)) + int64(r.key[len(r.key)-1]) + r.time + int64(r.id)
	sum += int64(len(r.cols[colName].Bytes)) + r.cols[colSize].Int + 4*int64(r.cols[colLoad].Float)
	if u := r.cols[colUser].Bytes; len(u) > 0 {
		sum += int64(u[len(u)-1])
	}
	return sum%t.mod == 0
}

// Select panics on a batch or rows that break the promise.
func (t twinRows) Select(b *column.Batch, rows, dst []uint32) []uint32 {
	if err := b.Validate(); err != nil {
		panic(err)
	}
	if !slices.IsSorted(rows) || len(rows) == 0 || int(rows[len(rows)-1]) >= b.Rows {
		panic(fmt.Sprintf("rows %v of a batch of %d", rows, b.Rows))
	}
	for i := range b.Cols {
		if !slices.Contains(t.Columns(), b.Cols[i].ID) {
			panic(fmt.Sprintf("column %v was not asked for", b.Cols[i].ID))
		}
	}
	all := rowsOf(b)
	for _, r := range rows {
		if t.passes(&all[r]) {
			dst = append(dst, r)
		}
	}
	return dst
}

// matchesTwin evaluates a filter on a model row the obvious way.
func matchesTwin(x *Expr, r *twinRow, l *column.Layout) bool {
	switch x.Op {
	case OpTrue:
		return true
	case OpAnd:
		return !slices.ContainsFunc(x.Kids, func(k Expr) bool { return !matchesTwin(&k, r, l) })
	case OpOr:
		return slices.ContainsFunc(x.Kids, func(k Expr) bool { return matchesTwin(&k, r, l) })
	case OpNot:
		return !matchesTwin(&x.Kids[0], r, l)
	case OpRows:
		return x.Rows.(twinRows).passes(r)
	default:
	}
	v, ok := r.cols[x.Col]
	switch x.Col {
	case RowKey:
		v, ok = column.Value{Type: column.Bytes, Bytes: []byte(r.key)}, true
	case RowTime:
		v, ok = column.IntValue(r.time), true
	case RowID:
		v, ok = column.IntValue(int64(r.id)), true
	default:
	}
	if x.Col.Type != column.Doc || x.Tag == "" {
		if !ok && x.ZeroAbsent {
			v, ok = column.Value{Type: x.Col.Type}, true
		}
		return ok && passesTwin(x, v)
	}
	for pair := range strings.SplitSeq(string(v.Bytes), ";") {
		if name, val, ok := strings.Cut(pair, "="); ok && name == x.Tag && passesTwin(x, column.StringValue(val)) {
			return true
		}
	}
	return false
}

// passesTwin evaluates a leaf on a value.
func passesTwin(x *Expr, v column.Value) bool {
	equal := func(w column.Value) bool {
		return v.Type == w.Type && v.Int == w.Int && v.Float == w.Float && bytes.Equal(v.Bytes, w.Bytes)
	}
	switch x.Op {
	case OpExists:
		return true
	case OpEqual:
		return equal(x.Value)
	case OpIn:
		return slices.ContainsFunc(x.Values, equal)
	case OpTest:
		return x.Test(v)
	default:
	}
	if x.Col == RowID {
		return (x.Lo == nil || uint64(x.Lo.Int) <= uint64(v.Int)) && (x.Hi == nil || uint64(v.Int) <= uint64(x.Hi.Int))
	}
	return (x.Lo == nil || x.Lo.Compare(v) <= 0) && (x.Hi == nil || v.Compare(*x.Hi) <= 0)
}

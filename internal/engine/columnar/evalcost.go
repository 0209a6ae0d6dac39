package columnar

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/part"
)

// estimate says what evaluating a condition over a whole part would give.
type estimate struct {
	rows int // that pass, about; zero is certain: none can
	work int // in rows read
}

// What conditions cost in rows read, by a look at profiles: a value compared
// after its block was decoded is one.
const (
	// testWork is what one call of a Test costs: often a regular expression.
	testWork = 8
	// rowsWork is a factor above all others: a RowTest reads several columns and
	// must not see a row that another condition can refuse.
	rowsWork = 64
)

// order returns the conditions of an AND in the order to evaluate them in. It
// leaves out some when one of them cannot match any row.
func (e *partEval) order(ctx context.Context, kids []*Expr) ([]*Expr, error) {
	type costed struct {
		x    *Expr
		cost int
	}
	list := make([]costed, len(kids))
	for i, x := range kids {
		c, err := e.cost(ctx, x)
		if err != nil || c.rows == 0 {
			return nil, err
		}
		list[i] = costed{x, c.rows + c.work}
	}
	slices.SortStableFunc(list, func(a, b costed) int { return cmp.Compare(a.cost, b.cost) })
	out := make([]*Expr, len(list))
	for i := range list {
		out[i] = list[i].x
	}
	return out, nil
}

// cost estimates a condition.
func (e *partEval) cost(ctx context.Context, x *Expr) (estimate, error) {
	n := e.universe()
	switch x.Op {
	case OpTrue:
		return estimate{rows: n, work: n}, nil
	case OpAnd, OpOr:
		return e.costKids(ctx, x)
	case OpNot:
		c, err := e.cost(ctx, &x.Kids[0])
		return estimate{rows: max(n-c.rows, 1), work: c.work + n/64}, err
	case OpRows:
		return estimate{rows: n, work: rowsWork * n}, nil
	case OpExists, OpEqual, OpRange, OpIn, OpTest: // leaves, below
	}
	if x.onIdentity() {
		return e.costIdentity(x), nil
	}
	if x.matchesAbsent() {
		return estimate{rows: n, work: n}, nil
	}
	col, ok := e.part.Column(x.Col)
	if !ok {
		return estimate{}, nil
	}
	if e.part.ColumnInfo(col).Mode == part.Dict {
		return e.costDict(ctx, col, x)
	}
	return e.costRaw(col, x), nil
}

func (e *partEval) costKids(ctx context.Context, x *Expr) (estimate, error) {
	n := e.universe()
	sum, least := estimate{}, estimate{rows: n, work: n}
	for i := range x.Kids {
		c, err := e.cost(ctx, &x.Kids[i])
		if err != nil {
			return estimate{}, err
		}
		sum.rows, sum.work = min(sum.rows+c.rows, n), sum.work+c.work
		if c.rows == 0 || c.rows+c.work < least.rows+least.work && least.rows > 0 {
			least = c
		}
	}
	if x.Op == OpOr {
		return sum, nil
	}
	// What the cheapest condition leaves bounds the work of the others.
	least.work += int(float64(max(sum.work-least.work, 0)) * float64(least.rows) / float64(max(n, 1)))
	return least, nil
}

// costIdentity estimates a leaf over keys, times or ids, which costs reading
// identities unless keys are looked up.
func (e *partEval) costIdentity(x *Expr) estimate {
	n, meta := e.universe(), e.part.Meta()
	if x.Op == OpExists {
		return estimate{rows: n, work: n}
	}
	if x.Col == RowKey {
		return e.costKeys(x)
	}
	test := newIdentityInts(x)
	if test.lo > test.hi || x.Col == RowTime && test.excludes(meta.Time) {
		return estimate{}
	}
	switch {
	case x.Op == OpTest:
		return estimate{rows: n, work: testWork * n}
	case x.Col == RowID && x.Op != OpRange:
		return estimate{rows: 1, work: 2 * n}
	case x.Col == RowID || x.Op == OpIn:
		return estimate{rows: n, work: n / 2}
	}
	lo, hi := closed(meta.Time)
	length := float64(hi) - float64(lo) + 1
	share := (float64(min(hi, test.hi)) - float64(max(lo, test.lo)) + 1) / length
	return estimate{rows: 1 + int(share*float64(n-1)), work: n / 8}
}

func (e *partEval) costKeys(x *Expr) estimate {
	n, meta := e.universe(), e.part.Meta()
	keys, ok := x.equals()
	switch {
	case !ok && !x.keysOverlap(meta.MinKey, meta.MaxKey):
		return estimate{}
	case !ok && x.Op == OpTest:
		return estimate{rows: n, work: n/4 + testWork*meta.Keys}
	case !ok:
		return estimate{rows: n/2 + 1, work: n / 8}
	}
	found := 0
	for i := range keys {
		if e.part.MayContainKey(keys[i].Bytes) {
			found++
		}
	}
	if found == 0 {
		return estimate{}
	}
	return estimate{rows: max(int(float64(n)*float64(found)/float64(max(meta.Keys, 1))), 1)}
}

// costDict estimates a leaf over a dictionary column. Terms are looked up, but
// none is tested for an estimate.
func (e *partEval) costDict(ctx context.Context, col int, x *Expr) (estimate, error) {
	info := e.part.ColumnInfo(col)
	if e.testsTerms(x, info) {
		return estimate{rows: info.Values/4 + 1, work: testWork * min(info.Distinct, info.Values)}, nil
	}
	if x.Op == OpExists && x.Tag == "" {
		return estimate{rows: info.Values, work: info.Values / 8}, nil
	}
	ords, err := e.ordinals(ctx, col, x)
	if err != nil || ords.empty() {
		return estimate{}, err
	}
	p, err := e.part.Postings(col)
	if err != nil || p == nil {
		return estimate{rows: info.Values/2 + 1, work: info.Values / 2}, err
	}
	return estimate{rows: max(ords.count(p), 1)}, nil
}

// costRaw estimates a leaf over a column whose values hardly repeat.
func (e *partEval) costRaw(col int, x *Expr) estimate {
	values := e.part.ColumnInfo(col).Values
	if list, ok := x.equals(); ok {
		if len(list) == 0 {
			return estimate{}
		}
		k := min(len(list), math.MaxInt32)
		return estimate{rows: min(k, values), work: min(k*(e.universe()/256+1), values)}
	}
	work := values / 2
	if x.Op == OpTest || x.Col.Type == column.Doc {
		work = testWork * values
	}
	return estimate{rows: values/2 + 1, work: work}
}

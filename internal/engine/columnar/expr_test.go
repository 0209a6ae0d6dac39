package columnar

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/part"
)

// rowTestOf is a RowTest over the listed columns that nothing passes.
type rowTestOf []column.ID

func (c rowTestOf) Columns() []column.ID { return c }

func (rowTestOf) Select(_ *column.Batch, _, dst []uint32) []uint32 { return dst }

// TestValidateTrees refuses what lists, tests and identities cannot mean.
func TestValidateTrees(t *testing.T) {
	s, i := column.StringValue("x"), column.IntValue(1)
	yes := func(column.Value) bool { return true }
	many := func(n int) []column.Value { return slices.Repeat([]column.Value{i}, n) }
	lists := Expr{Op: OpOr}
	for range maxExprValues/maxInValues + 1 {
		lists.Kids = append(lists.Kids, Expr{Op: OpIn, Col: colSize, Values: many(maxInValues)})
	}
	bytesKey := column.Value{Type: column.Bytes, Bytes: []byte("k")}
	for _, c := range []struct {
		what string
		x    Expr
		want base.Class // zero: valid
	}{
		{"list", Expr{Op: OpIn, Col: colSize, Values: many(maxInValues)}, 0},
		{"empty list", Expr{Op: OpIn, Col: colSize}, 0},
		{"long list", Expr{Op: OpIn, Col: colSize, Values: many(maxInValues + 1)}, base.ClassTooLarge},
		{"long lists", lists, base.ClassTooLarge},
		{"list of other types", Expr{Op: OpIn, Col: colSize, Values: []column.Value{i, s}}, base.ClassInvalid},
		{"list of tags", Expr{Op: OpIn, Col: colDoc, Tag: "x", Values: []column.Value{i, s}}, 0},
		{"list of documents", Expr{Op: OpIn, Col: colDoc, Values: []column.Value{s}}, base.ClassInvalid},
		{"test", Expr{Op: OpTest, Col: colName, Test: yes}, 0},
		{"test of documents", Expr{Op: OpTest, Col: colDoc, Test: yes}, 0},
		{"test of tags", Expr{Op: OpTest, Col: colDoc, Tag: "x", Test: yes}, 0},
		{"no test", Expr{Op: OpTest, Col: colName}, base.ClassInvalid},
		{"test with a tag of a plain column", Expr{Op: OpTest, Col: colName, Tag: "x", Test: yes}, base.ClassInvalid},
		{"rows", Expr{Op: OpRows, Rows: rowTestOf{colName, colUser}}, 0},
		{"rows by identity", Expr{Op: OpRows, Rows: rowTestOf(nil)}, 0},
		{"no test of rows", Expr{Op: OpRows}, base.ClassInvalid},
		{"rows out of order", Expr{Op: OpRows, Rows: rowTestOf{colUser, colName}}, base.ClassInvalid},
		{"rows by a key column", Expr{Op: OpRows, Rows: rowTestOf{colUser, RowKey}}, base.ClassInvalid},
		{"key", Expr{Op: OpEqual, Col: RowKey, Value: bytesKey}, 0},
		{"key as text", Expr{Op: OpEqual, Col: RowKey, Value: s}, base.ClassInvalid},
		{"time", Expr{Op: OpRange, Col: RowTime, Lo: &i}, 0},
		{"id", Expr{Op: OpIn, Col: RowID, Values: many(2)}, 0},
		{"absent times", Expr{Op: OpRange, Col: RowTime, Lo: &i, ZeroAbsent: true}, 0},
		{"other identity", Expr{Op: OpExists, Col: column.ID{Family: identityFamily, Type: column.Int64, Name: "x"}}, base.ClassInvalid},
		{"identity of another type", Expr{Op: OpExists, Col: column.ID{Family: identityFamily, Type: column.String, Name: "key"}}, base.ClassInvalid},
	} {
		err := c.x.Validate()
		if (err == nil) != (c.want == 0) || err != nil && base.ClassOf(err) != c.want {
			t.Errorf("%s: %v, want class %v", c.what, err, c.want)
		}
	}
	if err := (&TopRequest{Limit: 1, By: RowTime}).Validate(); base.ClassOf(err) != base.ClassInvalid {
		t.Errorf("order by %v: %v", RowTime, err)
	}
}

// manyDistinct is how many terms the dictionaries of manyTerms have.
const manyDistinct = largeDict + 64

// manyTerms is a part with a dictionary that is not to be decoded whole, and how
// often each of its terms was tested.
type manyTerms struct {
	*harness
	view  *View
	part  *part.Part
	calls map[string]int
	reads atomic.Int64 // of the disk: nothing is cached
}

func newManyTerms(t *testing.T) *manyTerms {
	h := newHarness(t, 2, column.KeepAll)
	m := &manyTerms{harness: h, calls: map[string]int{}}
	h.close()
	h.opts.Cache = nil
	h.fs = errorfs.Wrap(h.fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileReadAt {
			m.reads.Add(1)
		}
		return nil
	}))
	h.open()
	rows := make([]twinRow, 3*manyDistinct)
	for i := range rows {
		rows[i] = twinRow{key: fmt.Sprintf("key-%05d", i/4), time: testEpoch + int64(i), id: uint64(i), cols: map[column.ID]column.Value{
			colName: column.StringValue([]string{"often", "seldom"}[min(i%100, 1)^1]),
			colUser: column.StringValue(fmt.Sprintf("u%05d", i%manyDistinct)),
			colSize: column.IntValue(int64(i)),
			colDoc:  {Type: column.Doc, Bytes: fmt.Appendf(nil, "svc=s%d;host=h%d", i%manyDistinct, i%manyDistinct%3)},
		}}
	}
	h.twin.rows = rows
	h.log = append(h.log, batchOf(rows))
	h.tablet.Apply(base.Position{Term: 1, Index: 1}, h.log[0])
	if err := errors.Join(h.tablet.Flush(t.Context()), h.tablet.Compact(t.Context())); err != nil {
		t.Fatal(err)
	}
	view, err := h.tablet.View()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.close)
	t.Cleanup(view.Close)
	m.view = view
	for _, p := range view.parts {
		if m.part == nil || p.Meta().Rows > m.part.Meta().Rows {
			m.part = p
		}
	}
	return m
}

// test passes one in seven values and counts its calls.
func (m *manyTerms) test(v column.Value) bool {
	m.calls[string(v.Bytes)]++
	return twinTest(7)(v)
}

func (m *manyTerms) count(e *partEval, x *Expr) int {
	m.t.Helper()
	set, err := e.rows(m.t.Context(), x, base.AllTime)
	if err != nil {
		m.t.Fatal(err)
	}
	n := 0
	for i := range m.twin.rows {
		if r := &m.twin.rows[i]; matchesTwin(x, r, m.opts.Layout) && m.part.Meta().Time.Contains(r.time) {
			n++
		}
	}
	if set.Len() != n {
		m.t.Errorf("%d rows match %+v, want %d", set.Len(), x, n)
	}
	return n
}

// TestTermsTestedOnce counts the calls of a test over a large dictionary: one for
// every term, or for those of the candidates when they are fewer, in all
// evaluations of a query together.
func TestTermsTestedOnce(t *testing.T) {
	m := newManyTerms(t)
	for _, col := range []column.ID{colUser, colDoc} {
		c, ok := m.part.Column(col)
		if info := m.part.ColumnInfo(c); !ok || info.Mode != part.Dict || info.Distinct <= largeDict {
			t.Fatalf("column %v: %+v, want a dictionary of more than %d terms", col, info, largeDict)
		}
		leaf := Expr{Op: OpTest, Col: col, Test: m.test}
		tree := Expr{Op: OpAnd, Kids: []Expr{leaf, {Op: OpEqual, Col: colName, Value: column.StringValue("seldom")}}}
		e := &partEval{layout: m.opts.Layout, part: m.part}
		clear(m.calls)
		set, err := e.rows(t.Context(), &tree, base.AllTime)
		if err != nil {
			t.Fatal(err)
		}
		candidates := m.part.Meta().Rows/100 + 1
		if len(m.calls) == 0 || len(m.calls) > candidates {
			t.Errorf("column %v: %d values were tested for %d candidates", col, len(m.calls), candidates)
		}
		for range 2 {
			all, err := e.rows(t.Context(), &tree.Kids[0], base.AllTime)
			if err != nil {
				t.Fatal(err)
			}
			if all.And(set); all.Len() != set.Len() {
				t.Errorf("column %v: a candidate that passed is lost", col)
			}
		}
		if distinct := m.part.ColumnInfo(c).Distinct; len(m.calls) != distinct {
			t.Errorf("column %v: %d values were tested, want %d", col, len(m.calls), distinct)
		}
		for v, n := range m.calls {
			if n != 1 {
				t.Fatalf("column %v: %q was tested %d times", col, v, n)
			}
		}
	}
}

// TestLargeDictionaries compares trees over a large dictionary with the model.
func TestLargeDictionaries(t *testing.T) {
	m := newManyTerms(t)
	few := Expr{Op: OpEqual, Col: colName, Value: column.StringValue("seldom")}
	list := Expr{Op: OpIn, Col: colUser}
	tags := Expr{Op: OpIn, Col: colDoc, Tag: "svc"}
	for i := range 300 {
		list.Values = append(list.Values, column.StringValue(fmt.Sprintf("u%05d", 50*i)))
		tags.Values = append(tags.Values, column.StringValue(fmt.Sprintf("s%d", 30*i)))
	}
	lo := column.StringValue("u00100")
	for _, x := range []Expr{
		list, tags,
		{Op: OpTest, Col: colUser, Test: twinTest(3)},
		{Op: OpTest, Col: colDoc, Tag: "svc", Test: twinTest(3)},
		{Op: OpExists, Col: colDoc, Tag: "host"},
		{Op: OpRange, Col: colUser, Lo: &lo},
		{Op: OpRows, Rows: twinRows{mod: 3}},
	} {
		if n := m.count(&partEval{layout: m.opts.Layout, part: m.part}, &x); n == 0 {
			t.Errorf("nothing matches %+v", x)
		}
		m.count(&partEval{layout: m.opts.Layout, part: m.part}, &Expr{Op: OpAnd, Kids: []Expr{x, few}})
		y := x.prepare()
		m.count(&partEval{layout: m.opts.Layout, part: m.part, memo: &m.tablet.memo}, &Expr{Op: OpAnd, Kids: []Expr{few, y}})
		m.count(&partEval{layout: m.opts.Layout, part: m.part}, &Expr{Op: OpNot, Kids: []Expr{x}})
	}
}

// TestCostOrders says what is evaluated before what.
func TestCostOrders(t *testing.T) {
	m := newManyTerms(t)
	lo := column.IntValue(10)
	yes := func(column.Value) bool { return true }
	inOrder := []Expr{
		{Op: OpEqual, Col: RowKey, Value: column.Value{Type: column.Bytes, Bytes: []byte("key-00007")}},
		{Op: OpEqual, Col: colName, Value: column.StringValue("seldom")},
		{Op: OpNot, Kids: []Expr{{Op: OpEqual, Col: colName, Value: column.StringValue("seldom")}}},
		{Op: OpEqual, Col: RowID, Value: column.IntValue(7)},
		{Op: OpTest, Col: colUser, Test: yes},
		{Op: OpRows, Rows: twinRows{mod: 1}},
	}
	e := &partEval{layout: m.opts.Layout, part: m.part}
	shuffled := slices.Clone(inOrder)
	m.r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	got, err := e.order(t.Context(), conjuncts(nil, &Expr{Op: OpAnd, Kids: shuffled}))
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range got {
		if x.Op != inOrder[i].Op || x.Col != inOrder[i].Col {
			c, _ := e.cost(t.Context(), x)
			t.Errorf("condition %d is %v of %v, cost %+v; want %v of %v", i, x.Op, x.Col, c, inOrder[i].Op, inOrder[i].Col)
		}
	}
	for _, x := range []Expr{
		{Op: OpEqual, Col: RowKey, Value: column.Value{Type: column.Bytes, Bytes: []byte("key-none")}},
		{Op: OpEqual, Col: colName, Value: column.StringValue("never")},
		{Op: OpIn, Col: colSize},
		{Op: OpOr},
		{Op: OpExists, Col: colLoad},
		{Op: OpEqual, Col: RowTime, Value: lo},
	} {
		if c, err := e.cost(t.Context(), &x); c.rows != 0 || err != nil {
			t.Errorf("%+v: cost %+v, %v; want none", x, c, err)
		}
	}
}

// TestFilterEndsWithContext stops tests of terms, keys and rows.
func TestFilterEndsWithContext(t *testing.T) {
	m := newManyTerms(t)
	yes := func(column.Value) bool { return true }
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, x := range []Expr{
		{Op: OpTest, Col: colUser, Test: yes},
		{Op: OpTest, Col: colDoc, Tag: "svc", Test: yes},
		{Op: OpTest, Col: RowKey, Test: yes},
		{Op: OpTest, Col: RowID, Test: yes},
		{Op: OpRows, Rows: twinRows{mod: 1}},
		{Op: OpIn, Col: RowKey, Values: []column.Value{{Type: column.Bytes, Bytes: []byte("key-00007")}}},
	} {
		e := &partEval{layout: m.opts.Layout, part: m.part}
		if _, err := e.rows(ctx, &x, base.AllTime); !errors.Is(err, context.Canceled) {
			t.Errorf("%v of %v: %v", x.Op, x.Col, err)
		}
	}
}

// TestKeysAreLookedUp counts reads of the disk: a query that names keys reads the
// blocks of these keys, and one for a page of keys little more than the page.
func TestKeysAreLookedUp(t *testing.T) {
	m := newManyTerms(t)
	blocks := m.part.Meta().Blocks
	x := Expr{Op: OpIn, Col: RowKey}
	for i := range 20 {
		x.Values = append(x.Values, column.Value{Type: column.Bytes, Bytes: fmt.Appendf(nil, "key-%05d", 7*i)})
	}
	before := m.reads.Load()
	tops, err := m.view.TopKeys(t.Context(), &TopRequest{Filter: x, Time: base.AllTime, Limit: 100})
	if err != nil || len(tops) != 20 {
		t.Fatalf("%d keys, %v; want 20", len(tops), err)
	}
	// For each key: a chunk of the page directory and the identity, to find its
	// rows and then its best one.
	if n, most := int(m.reads.Load()-before), 4*20+20; n > most || blocks < 5*most {
		t.Errorf("%d reads for 20 keys of %d blocks, want at most %d", n, blocks, most)
	}
}

// TestTestsOfLongTermsEnd: terms that are long are tested until the context ends,
// not by the thousand.
func TestTestsOfLongTermsEnd(t *testing.T) {
	h := newHarness(t, 2, column.KeepAll)
	defer h.close()
	rows := make([]twinRow, 300)
	for i := range rows {
		rows[i] = randomRow(h.r)
		rows[i].time = testEpoch + int64(i)
		rows[i].cols[colUser] = column.StringValue(strings.Repeat("long ", 2000) + strconv.Itoa(i%100))
	}
	h.addRows(rows)
	if err := h.tablet.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	view, err := h.tablet.View()
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	ctx, cancel := context.WithCancel(t.Context())
	tested := 0
	x := Expr{Op: OpTest, Col: colUser, Test: func(column.Value) bool {
		cancel()
		tested++
		return false
	}}
	_, err = view.TopKeys(ctx, &TopRequest{Filter: x, Time: base.AllTime, Limit: 1})
	if !errors.Is(err, context.Canceled) || tested > 20 {
		t.Errorf("%d terms of 10 kB were tested, %v", tested, err)
	}
}

// TestNeighbouringKeysShareARead: of many keys, those of one block cost one
// reading of it.
func TestNeighbouringKeysShareARead(t *testing.T) {
	m := newManyTerms(t)
	x := Expr{Op: OpIn, Col: RowKey}
	for i := range m.part.Meta().Keys {
		x.Values = append(x.Values, column.Value{Type: column.Bytes, Bytes: fmt.Appendf(nil, "key-%05d", i)})
	}
	before := m.reads.Load()
	e := &partEval{layout: m.opts.Layout, part: m.part}
	if n := m.count(e, &x); n != m.part.Meta().Rows {
		t.Errorf("%d rows, want all", n)
	}
	// A chunk of the page directory and the identity.
	if n, most := int(m.reads.Load()-before), 2*m.part.Meta().Blocks+10; n > most {
		t.Errorf("%d reads for %d keys in %d blocks, want at most %d", n, len(x.Values), m.part.Meta().Blocks, most)
	}
}

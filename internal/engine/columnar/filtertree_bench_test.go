package columnar_test

import (
	"bytes"
	"fmt"
	"regexp"
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/model/trace"
)

func testOf(col column.ID, tag string, test func(column.Value) bool) columnar.Expr {
	return columnar.Expr{Op: columnar.OpTest, Col: col, Tag: tag, Test: test}
}

func matching(expr string) func(column.Value) bool {
	re := regexp.MustCompile(expr)
	return func(v column.Value) bool { return v.Type == column.String && re.Match(v.Bytes) }
}

// nameIsMethod passes spans whose name begins with their method.
type nameIsMethod struct{}

var columnMethod = trace.AttrColumn("http.request.method", column.String)

func (nameIsMethod) Columns() []column.ID { return []column.ID{trace.ColName, columnMethod} }

func (nameIsMethod) Select(b *column.Batch, rows, dst []uint32) []uint32 {
	names, methods := b.Col(trace.ColName), b.Col(columnMethod)
	if names == nil || methods == nil {
		return dst
	}
	for _, r := range rows {
		n, ok := names.Find(r)
		m, ok2 := methods.Find(r)
		if ok && ok2 && bytes.HasPrefix(names.At(n).Bytes, methods.At(m).Bytes) {
			dst = append(dst, r)
		}
	}
	return dst
}

// BenchmarkFilterTree measures what trees add: lists, tests, identities, rows.
func BenchmarkFilterTree(b *testing.B) {
	f := newFilterBench(b)
	tops, err := f.view.TopKeys(b.Context(), &columnar.TopRequest{Time: base.AllTime, Limit: 5000, TieFrom: tieFrom})
	if err != nil {
		b.Fatal(err)
	}
	keys := func(n int) columnar.Expr {
		x := columnar.Expr{Op: columnar.OpIn, Col: columnar.RowKey}
		for i := range n {
			x.Values = append(x.Values, column.Value{Type: column.Bytes, Bytes: tops[i*len(tops)/n].Key})
		}
		return x
	}
	list := columnar.Expr{Op: columnar.OpIn, Col: trace.AttrColumn("http.response.status_code", column.Int64)}
	for code := range int64(1000) {
		list.Values = append(list.Values, column.IntValue(code))
	}
	has := func(part string) func(column.Value) bool {
		return func(v column.Value) bool { return bytes.Contains(v.Bytes, []byte(part)) }
	}
	id := trace.AttrColumn("app.request.id", column.String)
	f.run(b, "50-keys", columnar.TopRequest{Filter: keys(50)})
	f.run(b, "1000-keys", columnar.TopRequest{Filter: keys(1000)})
	f.run(b, "50-keys-failed-slow", columnar.TopRequest{Filter: and(keys(50), f.failed, f.slow)})
	f.run(b, "span-id", columnar.TopRequest{Filter: columnar.Expr{Op: columnar.OpEqual, Col: columnar.RowID, Value: column.IntValue(1)}})
	f.run(b, "service-slow-list", columnar.TopRequest{Filter: and(f.service, f.slow, list)})
	f.run(b, "service-slow-regex", columnar.TopRequest{Filter: and(f.service, f.slow, testOf(trace.ColName, "", matching("^.*(get|GET|list).*$")))})
	f.run(b, "service-slow-regex-raw", columnar.TopRequest{Filter: and(f.service, f.slow, testOf(id, "", matching("^.*7.*$")))})
	f.run(b, "regex-raw", columnar.TopRequest{Filter: testOf(id, "", matching("^.*77.*$"))})
	f.run(b, "service-slow-event-regex", columnar.TopRequest{Filter: and(f.service, f.slow, testOf(trace.ColEvents, "exception.message", matching("refused|timeout")))})
	f.run(b, "service-slow-fulltext", columnar.TopRequest{Filter: and(f.service, f.slow, testOf(trace.ColEvents, "", has("timeout")))})
	f.run(b, "fulltext", columnar.TopRequest{Filter: testOf(trace.ColEvents, "", has("timeout"))})
	f.run(b, "service-slow-rows", columnar.TopRequest{Filter: and(f.service, f.slow, columnar.Expr{Op: columnar.OpRows, Rows: nameIsMethod{}})})
	f.run(b, "rows", columnar.TopRequest{Filter: columnar.Expr{Op: columnar.OpRows, Rows: nameIsMethod{}}})
}

// BenchmarkTopPages measures first and later pages of traces.
func BenchmarkTopPages(b *testing.B) {
	f := newFilterBench(b)
	three := and(f.service, columnar.Expr{Op: columnar.OpNot, Kids: []columnar.Expr{f.failed}}, columnar.Expr{Op: columnar.OpExists, Col: trace.ColName})
	for _, order := range []struct {
		name string
		by   column.ID
	}{{"newest", column.ID{}}, {"longest", trace.ColDuration}} {
		for _, filter := range []struct {
			name string
			x    columnar.Expr
		}{{"all", columnar.Expr{}}, {"three", three}} {
			req := columnar.TopRequest{Time: base.AllTime, Filter: filter.x, By: order.by, TieFrom: tieFrom, Limit: 10_000}
			tops, err := f.view.TopKeys(b.Context(), &req)
			if err != nil {
				b.Fatal(err)
			}
			for _, at := range []int{0, 20, len(tops) / 2, len(tops) - 20} {
				if at > 0 {
					req.After = &tops[at-1]
				}
				f.run(b, fmt.Sprintf("%s-%s/after=%d", order.name, filter.name, at), req)
			}
		}
	}
}

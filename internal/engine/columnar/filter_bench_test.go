package columnar_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/model/trace"
)

// tieFrom is the key byte at which a trace's id begins.
const tieFrom = 12

// filterBench is a tablet with a fifth of corpus T, and conditions on it.
type filterBench struct {
	view    *columnar.View
	service columnar.Expr
	name    columnar.Expr
	slow    columnar.Expr
	failed  columnar.Expr
}

func newFilterBench(b *testing.B) *filterBench {
	tablets, spans := topRowsTablets(b, 1, corpusTraces)
	view, err := tablets[0].View()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(view.Close)
	b.Logf("%d spans", spans)
	ops, err := view.Distinct(b.Context(), trace.OperationRefs)
	if err != nil {
		b.Fatal(err)
	}
	slices.SortFunc(ops, func(x, y columnar.Tuple) int {
		return bytes.Compare(append(x[0].Bytes, x[1].Bytes...), append(y[0].Bytes, y[1].Bytes...))
	})
	op := ops[len(ops)/2]
	lo := column.IntValue(2e6)
	return &filterBench{
		view:    view,
		service: columnar.Expr{Op: columnar.OpEqual, Col: trace.ColResource, Tag: "service.name", Value: op[0]},
		name:    columnar.Expr{Op: columnar.OpEqual, Col: trace.ColName, Value: op[1]},
		slow:    columnar.Expr{Op: columnar.OpRange, Col: trace.ColDuration, Lo: &lo},
		failed:  columnar.Expr{Op: columnar.OpEqual, Col: trace.ColStatus, Value: column.IntValue(2)},
	}
}

func and(kids ...columnar.Expr) columnar.Expr { return columnar.Expr{Op: columnar.OpAnd, Kids: kids} }

// run measures the search for 20 traces.
func (f *filterBench) run(b *testing.B, name string, req columnar.TopRequest) {
	req.Time, req.TieFrom, req.Limit = base.AllTime, tieFrom, 20
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		var took []time.Duration
		found := 0
		for b.Loop() {
			start := time.Now()
			tops, err := f.view.TopKeys(b.Context(), &req)
			if err != nil {
				b.Fatal(err)
			}
			found = len(tops)
			took = append(took, time.Since(start))
		}
		slices.Sort(took)
		b.ReportMetric(float64(found), "traces")
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	})
}

// BenchmarkFilter measures searches that the first search API can ask for.
func BenchmarkFilter(b *testing.B) {
	f := newFilterBench(b)
	attr := func(key, value string) columnar.Expr {
		return columnar.Expr{Op: columnar.OpEqual, Col: trace.AttrColumn(key, column.String), Value: column.StringValue(value)}
	}
	event := columnar.Expr{Op: columnar.OpEqual, Col: trace.ColEvents, Tag: "exception.type", Value: column.StringValue("TimeoutError")}
	f.run(b, "all", columnar.TopRequest{})
	f.run(b, "service", columnar.TopRequest{Filter: f.service})
	f.run(b, "service-name-slow", columnar.TopRequest{Filter: and(f.service, f.name, f.slow)})
	f.run(b, "service-failed-slow", columnar.TopRequest{Filter: and(f.service, f.failed, f.slow)})
	f.run(b, "slow", columnar.TopRequest{Filter: f.slow})
	f.run(b, "longest", columnar.TopRequest{Filter: f.service, By: trace.ColDuration})
	f.run(b, "attribute", columnar.TopRequest{Filter: and(f.service, attr("http.request.method", "GET"), f.slow)})
	f.run(b, "raw-attribute", columnar.TopRequest{Filter: attr("app.request.id", "none")})
	f.run(b, "event", columnar.TopRequest{Filter: and(f.service, event, f.slow)})
	f.run(b, "any-level", columnar.TopRequest{Filter: and(f.service, f.slow, columnar.Expr{Op: columnar.OpOr, Kids: []columnar.Expr{
		attr("http.request.method", "GET"), event,
		{Op: columnar.OpEqual, Col: trace.ColResource, Tag: "http.request.method", Value: column.StringValue("GET")},
	}})})
	f.run(b, "not", columnar.TopRequest{Filter: and(f.service, f.slow, columnar.Expr{Op: columnar.OpNot, Kids: []columnar.Expr{f.failed}})})
}

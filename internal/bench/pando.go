package bench

import (
	"context"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/corpus"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/expression"
	"github.com/pandodb/pando/internal/query/search"
)

// Searcher is what InProcess asks: server.Traces.
type Searcher interface {
	Get(ctx context.Context, refs ...search.Ref) ([]trace.Trace, error)
	Find(ctx context.Context, q *search.Query) ([]trace.Trace, error)
}

// InProcess asks a server in this process, above its router: whole traces come
// back, decoded.
type InProcess struct{ Traces Searcher }

// Trace implements Target.
func (t InProcess) Trace(ctx context.Context, id corpus.TraceID) (int, error) {
	found, err := t.Traces.Get(ctx, search.Ref{ID: trace.ID(id)})
	if err != nil || len(found) == 0 {
		return 0, err
	}
	return len(found[0].Spans), nil
}

// Search implements Target.
func (t InProcess) Search(ctx context.Context, q *corpus.Query) ([]Found, error) {
	lowered := Lower(q)
	if q.ByFilter {
		lowered = search.Query{Filter: filterOf(q), Time: lowered.Time, Order: lowered.Order, Limit: lowered.Limit}
	}
	found, err := t.Traces.Find(ctx, &lowered)
	if err != nil {
		return nil, err
	}
	out := make([]Found, len(found))
	for i := range found {
		out[i] = Found{ID: corpus.TraceID(found[i].ID), Spans: len(found[i].Spans)}
	}
	return out, nil
}

// Lower turns a query of the corpus into one of the server.
func Lower(q *corpus.Query) search.Query {
	out := search.Query{
		Service: q.Service, Operation: q.Operation,
		Time:        base.TimeRange{Start: q.Start, End: q.End},
		MinDuration: uint64(q.MinDuration), MaxDuration: uint64(q.MaxDuration),
		Limit: q.Limit,
	}
	if q.End == 0 {
		out.Time.End = base.AllTime.End
	}
	if q.Limit == 0 {
		out.Limit = search.MaxLimit
	}
	if q.Slowest {
		out.Order = search.Slowest
	}
	for _, t := range q.Tags {
		out.Tags = append(out.Tags, search.Tag{Level: levels[t.Level], Key: t.Key, Value: lowerValue(t.Value)})
	}
	return out
}

// filterOf writes the conditions of a query as a filter.
func filterOf(q *corpus.Query) *expression.Call {
	compare := func(op expression.Op, what expression.Term, value string) *expression.Call {
		return &expression.Call{Op: op, Args: []expression.Term{what, &expression.Scalar{Value: value}}}
	}
	and := &expression.Call{Op: expression.OpAnd}
	add := func(c *expression.Call) { and.Args = append(and.Args, c) }
	if q.Service != "" {
		add(compare(expression.OpEq, &expression.Field{Level: expression.LevelResource, Name: "service"}, q.Service))
	}
	for _, t := range q.Tags {
		add(compare(expression.OpEq, &expression.Attr{Level: filterLevels[t.Level], Key: t.Key}, t.Value.Text()))
	}
	add(compare(expression.OpGte, &expression.Field{Level: expression.LevelSpan, Name: "duration"}, time.Duration(q.MinDuration).String()))
	return and
}

var filterLevels = [...]expression.Level{
	corpus.LevelAny: expression.LevelAny, corpus.LevelSpan: expression.LevelSpan, corpus.LevelResource: expression.LevelResource,
	corpus.LevelEvent: expression.LevelEvent, corpus.LevelLink: expression.LevelLink, corpus.LevelScope: expression.LevelScope,
}

var levels = [...]search.Level{
	corpus.LevelAny: search.LevelAny, corpus.LevelSpan: search.LevelSpan, corpus.LevelResource: search.LevelResource,
	corpus.LevelEvent: search.LevelEvent, corpus.LevelLink: search.LevelLink, corpus.LevelScope: search.LevelScope,
}

func lowerValue(v corpus.Value) trace.Value {
	switch v.Type {
	case corpus.TypeBool:
		out := trace.Value{Kind: trace.KindBool}
		if v.Bool {
			out.Int = 1
		}
		return out
	case corpus.TypeInt:
		return trace.Value{Kind: trace.KindInt, Int: v.Int}
	case corpus.TypeDouble:
		return trace.Value{Kind: trace.KindDouble, Dbl: v.Double}
	default:
		return trace.Value{Kind: trace.KindString, Str: v.Str}
	}
}

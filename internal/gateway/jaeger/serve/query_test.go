package serve

import (
	"math"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/wire"
	"github.com/pandodb/pando/internal/gen/expressionpb"
	"github.com/pandodb/pando/internal/query/expression"
	"github.com/pandodb/pando/internal/query/search"
)

func TestSearchTime(t *testing.T) {
	for _, tc := range []struct {
		in   Interval
		want base.TimeRange
		err  string
	}{
		{in: Interval{Start: 1, End: 2, HasStart: true, HasEnd: true}, want: base.TimeRange{Start: 1, End: 2}},
		{in: Interval{Start: 1, HasStart: true}, err: "start_time_min and start_time_max are required"},
		{in: Interval{End: 1, HasEnd: true}, err: "start_time_min and start_time_max are required"},
		{in: Interval{Start: 2, End: 2, HasStart: true, HasEnd: true}, err: "start_time_min must be before start_time_max"},
	} {
		got, err := tc.in.Search()
		if got != tc.want || (err == nil) != (tc.err == "") || err != nil && err.Error() != tc.err {
			t.Errorf("%+v: %v, %v", tc.in, got, err)
		}
	}
}

func TestDepth(t *testing.T) {
	const most = search.MaxLimit
	for _, tc := range []struct {
		depth            int32
		hard, soft       int
		hardErr, softErr string
	}{
		{depth: 0, hard: DefaultDepth, soft: DefaultDepth},
		{depth: 1, hard: 1, soft: 1},
		{depth: most, hard: most, soft: most},
		{depth: most + 1, hardErr: "depth 10001: want 1 to 10000 traces, or 0 for 100", soft: most},
		{depth: math.MaxInt32, hardErr: "depth 2147483647: want 1 to 10000 traces, or 0 for 100", soft: most},
		{depth: -1, hardErr: "depth -1: want 1 to 10000 traces, or 0 for 100", softErr: "depth -1: want 1 to 10000 traces, or 0 for 100"},
	} {
		if got, err := Depth("depth", tc.depth); got != tc.hard || textOf(err) != tc.hardErr {
			t.Errorf("depth %d: %d, %v", tc.depth, got, err)
		}
		if got, err := SoftDepth("depth", tc.depth); got != tc.soft || textOf(err) != tc.softErr {
			t.Errorf("soft depth %d: %d, %v", tc.depth, got, err)
		}
	}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestNewPage(t *testing.T) {
	for size, want := range map[uint64]int{1: 1, search.MaxPage: search.MaxPage, math.MaxUint64: search.MaxPage} {
		if got, err := NewPage(size, "t"); got != (search.Page{Size: want, Token: "t"}) || err != nil {
			t.Errorf("%d: %+v, %v", size, got, err)
		}
	}
	if _, err := NewPage(0, ""); err == nil || err.Error() != "pagination.page_size is 0: want 1 to 10000 results" {
		t.Errorf("got %v", err)
	}
}

func TestSpanSort(t *testing.T) {
	field := func(level expression.Level, name string) *expressionpb.Expression {
		return wire.TermMessage(&expression.Field{Level: level, Name: name})
	}
	const want = ": want startTime, duration, traceID or spanID of level span"
	for _, tc := range []struct {
		by        *expressionpb.Expression
		direction string
		want      search.SpanSort
		err       string
	}{
		{by: field("span", "startTime"), want: search.SpanSort{Field: search.SpanStart}},
		{by: field("span", "duration"), direction: "desc", want: search.SpanSort{Field: search.SpanDuration, Desc: true}},
		{by: field("span", "traceID"), direction: "asc", want: search.SpanSort{Field: search.SpanTraceID}},
		{by: field("span", "spanID"), want: search.SpanSort{Field: search.SpanSpanID}},
		{by: field("span", "spanID"), direction: "DESC", err: `o.direction: "DESC": want asc or desc`},
		{by: field("span", "name"), err: `o.expression: field "name" of level "span"` + want},
		{by: field("", "duration"), err: `o.expression: field "duration" of level ""` + want},
		{by: wire.TermMessage(&expression.Attr{Key: "duration"}), err: "o.expression: no field" + want},
		{err: "o.expression: an empty expression: want attr, field, nested, scalar, list or call"},
	} {
		got, err := SpanSort(tc.by, tc.direction, "o")
		if got != tc.want || (err == nil) != (tc.err == "") || err != nil && err.Error() != tc.err {
			t.Errorf("%v %q: %v, %v", tc.by, tc.direction, got, err)
		}
	}
}

func TestKnownFields(t *testing.T) {
	m := &expressionpb.Call{Op: "not"}
	if err := KnownFields("m", m); err != nil {
		t.Error(err)
	}
	m.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 7))
	if err := KnownFields("m", m); err == nil || err.Error() != "m: 3 bytes of fields that are not known here" {
		t.Errorf("got %v", err)
	}
}

package serve

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

func TestErrors(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tc := range []struct {
		err    error
		ctx    context.Context
		code   codes.Code
		msg    string
		wait   time.Duration
		logged bool
	}{
		{err: base.Errorf(base.ClassInvalid, "no"), code: codes.InvalidArgument, msg: "no"},
		{err: ErrTraceNotFound, code: codes.NotFound, msg: "trace not found"},
		{err: base.Errorf(base.ClassConflict, "no"), code: codes.FailedPrecondition, msg: "no"},
		{err: base.Errorf(base.ClassTooOld, "no"), code: codes.InvalidArgument, msg: "no"},
		{err: base.Errorf(base.ClassTooLarge, "no"), code: codes.ResourceExhausted, msg: "no"},
		{err: base.Errorf(base.ClassOverload, "no"), code: codes.ResourceExhausted, msg: "no", wait: time.Second},
		{err: base.Retry(3*time.Second, "no"), code: codes.ResourceExhausted, msg: "no", wait: 3 * time.Second},
		{err: base.Errorf(base.ClassUnavailable, "no"), code: codes.Unavailable, msg: "no", wait: time.Second},
		{err: base.Errorf(base.ClassCorruption, "no"), code: codes.DataLoss, msg: "no", logged: true},
		{err: errors.New("secret"), code: codes.Internal, msg: "internal error: the server's log says more", logged: true},
		{err: context.Canceled, ctx: gone, code: codes.Canceled, msg: "context canceled"},
		{err: context.Canceled, code: codes.Unavailable, msg: "the server ended the request: try again", wait: time.Second},
		{
			err: fmt.Errorf("x: %w", context.DeadlineExceeded), code: codes.DeadlineExceeded,
			msg: "the query took too long: ask for a shorter time range, fewer traces or more conditions",
		},
		{
			err:  base.Errorf(base.ClassInvalid, "x%s", strings.Repeat("é", maxMessage)),
			code: codes.InvalidArgument, msg: "x" + strings.Repeat("é", maxMessage/2-1) + "…",
		},
		{err: status.Error(codes.Aborted, "own"), code: codes.Aborted, msg: "own"},
		{},
	} {
		var log bytes.Buffer
		e := Errors{Logger: slog.New(slog.NewTextHandler(&log, nil))}
		if tc.ctx == nil {
			tc.ctx = t.Context()
		}
		st := status.Convert(e.GRPC(tc.ctx, "/method", tc.err))
		var wait time.Duration
		for _, d := range st.Details() {
			if retry, ok := d.(*errdetails.RetryInfo); ok {
				wait = retry.GetRetryDelay().AsDuration()
			}
		}
		if st.Code() != tc.code || st.Message() != tc.msg || wait != tc.wait || (log.Len() > 0) != tc.logged {
			t.Errorf("%v: %v %q, wait %v, log %q", tc.err, st.Code(), st.Message(), wait, &log)
		}
	}
}

// getter answers traces by id, at most max at a time.
type getter struct {
	traces map[trace.ID]trace.Trace
	max    int
	asked  []int // how many at each call
	err    error
}

func (g *getter) Get(_ context.Context, refs ...search.Ref) ([]trace.Trace, error) {
	g.asked = append(g.asked, len(refs))
	if g.max > 0 && len(refs) > g.max {
		return nil, base.Errorf(base.ClassTooLarge, "%d traces", len(refs))
	}
	var out []trace.Trace
	for _, r := range slices.Backward(refs) { // any order
		if t, ok := g.traces[r.ID]; ok {
			out = append(out, t)
		}
	}
	return out, g.err
}

func id(n uint64) (id trace.ID) {
	binary.BigEndian.PutUint64(id[8:], n)
	return id
}

// stored returns traces of one span with these numbers.
func stored(numbers ...uint64) map[trace.ID]trace.Trace {
	all := make(map[trace.ID]trace.Trace)
	for _, n := range numbers {
		all[id(n)] = trace.Trace{ID: id(n), Spans: make([]trace.Span, 1)}
	}
	return all
}

func TestTraceReader(t *testing.T) {
	var refs []search.Ref
	var numbers []uint64
	for n := range uint64(100) {
		refs = append(refs, search.Ref{ID: id(99 - n)}, search.Ref{ID: id(99 - n)})
		if n%3 == 0 {
			numbers = append(numbers, n)
		}
	}
	for _, maximum := range []int{0, 5, 1} {
		g := &getter{traces: stored(numbers...), max: maximum}
		g.traces[id(98)] = trace.Trace{ID: id(98)} // without spans: not there
		var got []uint64
		found, err := NewTraceReader(g, slices.Clone(refs)).Each(t.Context(), func(tr *trace.Trace) error {
			got = append(got, binary.BigEndian.Uint64(tr.ID[8:]))
			return nil
		})
		slices.Reverse(got)
		if err != nil || !found || !slices.Equal(got, numbers) {
			t.Errorf("at most %d at a time: %v, %v", maximum, got, err)
		}
		if most := slices.Max(g.asked); most > chunkTraces {
			t.Errorf("asked for %d at a time", most)
		}
	}
	found, err := NewTraceReader(&getter{}, refs).Each(t.Context(), nil)
	if found || err != nil {
		t.Errorf("nothing stored: %v, %v", found, err)
	}
	broken := &getter{traces: stored(1), err: errors.New("broken")}
	if _, err := NewTraceReader(broken, []search.Ref{{ID: id(1)}}).Each(t.Context(), nil); !errors.Is(err, broken.err) {
		t.Errorf("got %v", err)
	}
	full := errors.New("full")
	whole := &getter{traces: stored(1)}
	if _, err := NewTraceReader(whole, []search.Ref{{ID: id(1)}}).Each(t.Context(), func(*trace.Trace) error { return full }); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	one := &getter{traces: stored(1), max: -1, err: base.Errorf(base.ClassTooLarge, "one is too large")}
	if _, err := NewTraceReader(one, []search.Ref{{ID: id(1)}}).Next(t.Context()); base.ClassOf(err) != base.ClassTooLarge {
		t.Errorf("got %v", err)
	}
}

// TestSendSpans: every span once, in order, in messages of bounded size, and the
// last one known.
func TestSendSpans(t *testing.T) {
	for _, tc := range []struct{ spans, size int }{{1, 10}, {10_000, 10}, {2000, 10_000}, {3, 3 << 20}} {
		spans := make([]trace.Span, tc.spans)
		for i := range spans {
			spans[i] = trace.Span{
				SpanID: trace.SpanID(binary.BigEndian.AppendUint64(nil, uint64(i+1))), Name: strings.Repeat("x", tc.size),
				Resource: &trace.Resource{}, Scope: &trace.Scope{},
			}
		}
		next, messages, ended := uint64(1), 0, false
		err := SendSpans(spans, Ordered, func(wire []byte, last bool) error {
			messages++
			if ended {
				t.Error("a message after the last")
			}
			ended = last
			if len(wire) > 2*ChunkBytes && tc.size < ChunkBytes {
				t.Errorf("a message of %d bytes", len(wire))
			}
			pb := new(tracepb.TracesData)
			if err := proto.Unmarshal(wire, pb); err != nil {
				t.Fatal(err)
			}
			for _, r := range pb.GetResourceSpans() {
				for _, s := range r.GetScopeSpans()[0].GetSpans() {
					if n := binary.BigEndian.Uint64(s.GetSpanId()); n != next {
						t.Fatalf("span %d after %d", n, next-1)
					}
					next++
				}
			}
			return nil
		})
		if err != nil || !ended || next != uint64(tc.spans)+1 {
			t.Errorf("%d spans of %d bytes: %d in %d messages, ended %v, %v", tc.spans, tc.size, next-1, messages, ended, err)
		}
	}
	if err := SendSpans(nil, Grouped, nil); err != nil {
		t.Error(err)
	}
	full := errors.New("full")
	if err := SendSpans(make([]trace.Span, 1), func([]trace.Span) []byte { return nil }, func([]byte, bool) error { return full }); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

// TestEncodings: both say the same; only the order differs.
func TestEncodings(t *testing.T) {
	a, b, scope := &trace.Resource{}, &trace.Resource{SchemaURL: "b"}, &trace.Scope{}
	spans := []trace.Span{
		{Name: "1", Resource: a, Scope: scope},
		{Name: "2", Resource: b, Scope: scope},
		{Name: "3", Resource: b, Scope: scope},
		{Name: "4", Resource: a, Scope: scope},
	}
	names := func(wire []byte) string {
		pb := new(tracepb.TracesData)
		passed, err := proto.Marshal(TracesData(wire))
		if err == nil {
			err = proto.Unmarshal(passed, pb)
		}
		if err != nil {
			t.Fatal(err)
		}
		var s strings.Builder
		for _, r := range pb.GetResourceSpans() {
			for _, span := range r.GetScopeSpans()[0].GetSpans() {
				s.WriteString(span.GetName())
			}
			s.WriteString("|")
		}
		return s.String()
	}
	if got := names(Grouped(spans)); got != "14|23|" {
		t.Errorf("grouped %s", got)
	}
	if got := names(Ordered(spans)); got != "1|23|4|" {
		t.Errorf("ordered %s", got)
	}
}

func TestInterval(t *testing.T) {
	at := func(s int64) *timestamppb.Timestamp { return &timestamppb.Timestamp{Seconds: s} }
	day := int64(hintSlack)
	for _, tc := range []struct {
		name       string
		start, end *timestamppb.Timestamp
		want       Interval
		hint       base.TimeRange
		err        string
	}{
		{name: "nothing"},
		{name: "Go's zero time", start: timestamppb.New(time.Time{}), end: timestamppb.New(time.Time{}), want: Interval{Start: math.MinInt64, End: math.MinInt64}},
		{
			name: "both", start: at(1e6), end: at(2e6), want: Interval{Start: 1e15, End: 2e15, HasStart: true, HasEnd: true},
			hint: base.TimeRange{Start: 1e15 - day, End: 2e15 + day},
		},
		{name: "start only", start: at(1e6), want: Interval{Start: 1e15, HasStart: true}, hint: base.TimeRange{Start: 1e15 - day, End: base.AllTime.End}},
		{name: "end only", end: at(1e6), want: Interval{End: 1e15, HasEnd: true}, hint: base.TimeRange{Start: base.AllTime.Start, End: 1e15 + day}},
		{
			name: "too far", start: at(-60e9), end: at(200e9), hint: base.AllTime,
			want: Interval{Start: math.MinInt64, End: math.MaxInt64, HasStart: true, HasEnd: true},
		},
		{name: "bad start", start: &timestamppb.Timestamp{Nanos: -1}, err: "start time: "},
		{name: "bad end", end: &timestamppb.Timestamp{Nanos: 2e9}, err: "end time: "},
		{name: "reversed", start: at(2), end: at(1), want: Interval{Start: 2e9, End: 1e9, HasStart: true, HasEnd: true}, err: "time range is reversed"},
	} {
		got, err := NewInterval(tc.start, tc.end)
		var hint base.TimeRange
		if err == nil {
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.name, diff)
			}
			hint, err = got.Hint()
		}
		if tc.err != "" {
			if base.ClassOf(err) != base.ClassInvalid || !strings.HasPrefix(err.Error(), tc.err) {
				t.Errorf("%s: got %v", tc.name, err)
			}
			continue
		}
		if err != nil || hint != tc.hint {
			t.Errorf("%s: hint %v, %v", tc.name, hint, err)
		}
	}
}

func TestDuration(t *testing.T) {
	for _, tc := range []struct {
		in   *durationpb.Duration
		want time.Duration
		err  string
	}{
		{},
		{in: durationpb.New(time.Minute), want: time.Minute},
		{in: &durationpb.Duration{Seconds: 300e9}, want: math.MaxInt64},
		{in: durationpb.New(-time.Second), err: "d: -1s: a duration must not be negative"},
		{in: &durationpb.Duration{Seconds: 1, Nanos: -1}, err: "d: "},
	} {
		got, err := Duration("d", tc.in)
		if got != tc.want || (err == nil) != (tc.err == "") || err != nil && !strings.HasPrefix(err.Error(), tc.err) {
			t.Errorf("%v: %v, %v", tc.in, got, err)
		}
	}
}

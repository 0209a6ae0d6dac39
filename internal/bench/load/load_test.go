package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/corpus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collector is an OTLP server whose answers the test decides.
type collector struct {
	collectorpb.UnimplementedTraceServiceServer
	answer func(call int) (*collectorpb.ExportTraceServiceResponse, error)

	mu    sync.Mutex
	calls int
	spans int
}

func (c *collector) Export(_ context.Context, req *collectorpb.ExportTraceServiceRequest) (*collectorpb.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	resp, err := c.answer(c.calls)
	if err == nil {
		for _, r := range req.GetResourceSpans() {
			for _, s := range r.GetScopeSpans() {
				c.spans += len(s.GetSpans())
			}
		}
	}
	return resp, err
}

// listen serves the collector on a socket of the test's directory.
func (c *collector) listen(t *testing.T) (endpoint string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "otlp")
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
	collectorpb.RegisterTraceServiceServer(srv, c)
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(l) })
	t.Cleanup(func() { srv.Stop(); wg.Wait() })
	return "unix:" + path
}

func accept(int) (*collectorpb.ExportTraceServiceResponse, error) {
	return &collectorpb.ExportTraceServiceResponse{}, nil
}

var small = corpus.New(corpus.Config{Traces: 60, RequestSpans: 100})

func TestRunSendsEverything(t *testing.T) {
	want := 0
	requests := 0
	for _, n := range small.Requests {
		want += n
		requests++
	}
	for _, senders := range []int{1, 3} {
		t.Run(fmt.Sprint(senders), func(t *testing.T) {
			c := &collector{answer: accept}
			res, err := Run(t.Context(), Options{Endpoint: c.listen(t), Senders: senders}, small.Requests)
			if err != nil {
				t.Fatal(err)
			}
			if c.spans != want || res.Spans != want || res.Requests != requests || len(res.Latencies) != requests {
				t.Errorf("server has %d spans, result %d spans and %d requests; want %d and %d", c.spans, res.Spans, res.Requests, want, requests)
			}
			if !slices.IsSorted(res.Latencies) || res.Latency(50) <= 0 || res.Latency(100) > res.Elapsed {
				t.Errorf("latencies %v in %v", res.Latencies, res.Elapsed)
			}
		})
	}
}

func TestRunCountsRefusedSpans(t *testing.T) {
	c := &collector{answer: func(int) (*collectorpb.ExportTraceServiceResponse, error) {
		return &collectorpb.ExportTraceServiceResponse{
			PartialSuccess: &collectorpb.ExportTracePartialSuccess{RejectedSpans: 3, ErrorMessage: "too old"},
		}, nil
	}}
	res, err := Run(t.Context(), Options{Endpoint: c.listen(t)}, small.Requests)
	if err != nil || res.Refused != 3*res.Requests || res.Reason != "too old" {
		t.Errorf("refused %d of %d requests, reason %q, %v", res.Refused, res.Requests, res.Reason, err)
	}
}

func TestRunComesBackWhenAsked(t *testing.T) {
	busy, err := status.New(codes.ResourceExhausted, "full").WithDetails(
		&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Millisecond)})
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{answer: func(call int) (*collectorpb.ExportTraceServiceResponse, error) {
		if call%2 == 1 {
			return nil, busy.Err()
		}
		return accept(call)
	}}
	res, err := Run(t.Context(), Options{Endpoint: c.listen(t), Senders: 1}, small.Requests)
	if err != nil || res.Retries != res.Requests || c.spans != res.Spans {
		t.Errorf("%d retries of %d requests, server has %d of %d spans: %v", res.Retries, res.Requests, c.spans, res.Spans, err)
	}
}

func TestRunStopsAtTheFirstFailure(t *testing.T) {
	c := &collector{answer: func(call int) (*collectorpb.ExportTraceServiceResponse, error) {
		if call > 2 {
			return nil, status.Error(codes.InvalidArgument, "no such field")
		}
		return accept(call)
	}}
	res, err := Run(t.Context(), Options{Endpoint: c.listen(t), Senders: 1}, small.Requests)
	if base.ClassOf(err) != base.ClassInvalid || res.Requests != 2 {
		t.Errorf("after %d requests: %v", res.Requests, err)
	}
}

func TestErrorsHaveClasses(t *testing.T) {
	for code, want := range map[codes.Code]base.Class{
		codes.Unavailable: base.ClassUnavailable, codes.DeadlineExceeded: base.ClassUnavailable,
		codes.ResourceExhausted: base.ClassOverload, codes.InvalidArgument: base.ClassInvalid,
		codes.Unimplemented: base.ClassInvalid, codes.Internal: base.ClassBug,
	} {
		err := classify(t.Context(), status.Error(code, "no"))
		if base.ClassOf(err) != want || err.Error() != "no" {
			t.Errorf("%s: class %s, text %q", code, base.ClassOf(err), err)
		}
	}
}

func TestRunWithoutServer(t *testing.T) {
	endpoint := "unix:" + filepath.Join(t.TempDir(), "nobody")
	if _, err := Run(t.Context(), Options{Endpoint: endpoint}, small.Requests); base.ClassOf(err) != base.ClassUnavailable {
		t.Errorf("error %v", err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := &collector{answer: func(call int) (*collectorpb.ExportTraceServiceResponse, error) {
		if call == 2 {
			cancel()
		}
		return accept(call)
	}}
	if _, err := Run(ctx, Options{Endpoint: c.listen(t), Senders: 1}, small.Requests); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestPercentile(t *testing.T) {
	ten := []time.Duration{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	for p, want := range map[float64]time.Duration{0: 1, 10: 1, 11: 2, 50: 5, 90: 9, 99: 10, 100: 10} {
		if got := Percentile(ten, p); got != want {
			t.Errorf("percentile %v = %d, want %d", p, got, want)
		}
	}
	if got := Percentile(nil, 50); got != 0 {
		t.Errorf("percentile of nothing = %d", got)
	}
}

func TestPacerSpreadsEvenly(t *testing.T) {
	// A pacer that started in the past lets through at once what is due.
	p := pacer{perSecond: 1000, started: time.Now().Add(-time.Minute)}
	for range 50 {
		if !p.wait(t.Context(), 1000) {
			t.Fatal("refused")
		}
	}
	if p.spans != 50_000 {
		t.Errorf("let %d spans through", p.spans)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	p.spans = 1 << 40
	if p.wait(gone, 1) {
		t.Error("waited for nobody")
	}
}

package crash

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/pandodb/pando/internal/gen/jaegerpb"
)

// campaign is what survives the processes of a test.
type campaign struct {
	load   *load
	ledger *ledger
}

// found is one trace that a search should list.
type found struct {
	made
	spans int // that are stored
}

// content reads a trace over gRPC: every span with everything in it.
func content(ctx context.Context, conn *grpc.ClientConn, id string) (map[string]expected, error) {
	stream, err := jaegerpb.NewQueryServiceClient(conn).GetTrace(ctx, &jaegerpb.GetTraceRequest{TraceId: id})
	if err != nil {
		return nil, err
	}
	out := make(map[string]expected)
	for {
		data, err := stream.Recv()
		if errors.Is(err, io.EOF) || status.Code(err) == codes.NotFound {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("trace %s: %w", id, err)
		}
		for _, rs := range data.ResourceSpans {
			service := serviceIn(rs.GetResource().GetAttributes())
			if want := resourceOf(service); !proto.Equal(want, rs.Resource) {
				return nil, fmt.Errorf("trace %s: resource %v, want %v", id, rs.Resource, want)
			}
			for _, ss := range rs.ScopeSpans {
				if ss.GetScope().GetName() != "crash" || ss.GetScope().GetVersion() != "1" {
					return nil, fmt.Errorf("trace %s: scope %v", id, ss.Scope)
				}
				for _, s := range ss.Spans {
					span := hex.EncodeToString(s.SpanId)
					if _, ok := out[span]; ok {
						return nil, fmt.Errorf("trace %s: span %s is there twice", id, span)
					}
					out[span] = expected{service, s}
				}
			}
		}
	}
}

// settle looks for every request whose fate is unknown and writes down what it
// finds. Whether all of it is there is for verify to see.
func (c *campaign) settle(ctx context.Context, conn *grpc.ClientConn) error {
	for _, k := range c.ledger.keys(unknown) {
		spans, err := content(ctx, conn, c.load.traces(k)[0].id)
		if err != nil {
			return err
		}
		c.ledger.set(k, absent)
		if _, ok := spans[hex.EncodeToString(c.load.traces(k)[0].spans[0].SpanId)]; ok {
			c.ledger.set(k, stored)
		}
	}
	return nil
}

// verify compares everything a writer sent in a round with what is served: the
// content of every trace, then every index and order.
func (c *campaign) verify(ctx context.Context, p *process, conn *grpc.ClientConn, round, writer int) error {
	byOperation := make(map[string][]found)
	for seq := range c.ledger.sent(round, writer) {
		k := key{round, writer, seq}
		own, next := c.ledger.stored(k), c.ledger.stored(key{round, writer, seq + 1})
		for _, m := range c.load.traces(k) {
			want := m.expect(writer, own, next)
			got, err := content(ctx, conn, m.id)
			if err != nil {
				return err
			}
			if err := compare(want, got); err != nil {
				return fmt.Errorf("request %v, trace %s, stored %t, next stored %t: %w", k, m.id, own, next, err)
			}
			if own {
				byOperation[m.operation] = append(byOperation[m.operation], found{m, len(want)})
			}
		}
	}
	rng := rand.New(rand.NewPCG(c.load.seed, uint64(round<<8+writer)))
	for operation, traces := range byOperation {
		if err := c.verifyIndexes(ctx, p, operation, traces, rng); err != nil {
			return fmt.Errorf("writer %d, operation %s: %w", writer, operation, err)
		}
	}
	return nil
}

// compare says how spans differ.
func compare(want, got map[string]expected) error {
	for id, w := range want {
		g, ok := got[id]
		switch {
		case !ok:
			return fmt.Errorf("span %s (%s) is lost, %d of %d are there", id, w.span.Name, len(got), len(want))
		case g.service != w.service || !proto.Equal(g.span, w.span):
			return fmt.Errorf("span %s changed:\n got %s %v\nwant %s %v", id, g.service, g.span, w.service, w.span)
		}
	}
	for id, g := range got {
		if _, ok := want[id]; !ok {
			return fmt.Errorf("span %s (%s) is there and should not be", id, g.span.Name)
		}
	}
	return nil
}

// verifyIndexes searches the traces of one operation of one service every way.
func (c *campaign) verifyIndexes(ctx context.Context, p *process, operation string, traces []found, rng *rand.Rand) error {
	newest := func(a, b found) int { return cmp.Or(cmp.Compare(b.start, a.start), cmp.Compare(a.id, b.id)) }
	slowest := func(a, b found) int { return cmp.Or(cmp.Compare(b.duration, a.duration), cmp.Compare(a.id, b.id)) }
	service := traces[0].service
	base := url.Values{"service": {service}, "operation": {operation}}

	slices.SortFunc(traces, newest)
	if err := c.search(ctx, p, base, traces); err != nil {
		return err
	}
	limited := with(base, "limit", strconv.Itoa(len(traces)/2+1))
	if err := c.search(ctx, p, limited, traces[:len(traces)/2+1]); err != nil {
		return err
	}
	sample := traces[rng.IntN(len(traces))]
	if got, err := p.outline(ctx, sample.id); err != nil || len(got) != sample.spans {
		return fmt.Errorf("trace %s over the page's API: %d spans, want %d, %w", sample.id, len(got), sample.spans, err)
	}
	if err := c.search(ctx, p, url.Values{"tags": {"crash.unique=" + sample.unique}}, []found{sample}); err != nil {
		return err
	}

	slices.SortFunc(traces, slowest)
	if err := c.search(ctx, p, with(base, "order", "slowest"), traces); err != nil {
		return err
	}
	lo, hi := len(traces)/4, len(traces)-len(traces)/4
	ranged := with(base, "order", "slowest", "minDuration", nanos(traces[hi-1].duration), "maxDuration", nanos(traces[lo].duration))
	return c.search(ctx, p, ranged, traces[lo:hi])
}

// with returns a copy of the values with some more.
func with(v url.Values, pairs ...string) url.Values {
	out := make(url.Values)
	for k := range v {
		out[k] = v[k]
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		out.Set(pairs[i], pairs[i+1])
	}
	return out
}

func nanos(d int64) string { return time.Duration(d).String() }

// search asks the page's API and demands exactly these traces in this order.
func (c *campaign) search(ctx context.Context, p *process, v url.Values, want []found) error {
	v = with(v, "start", strconv.FormatInt(c.load.now-2*int64(spread), 10), "end", strconv.FormatInt(c.load.now, 10))
	if v.Get("limit") == "" {
		v.Set("limit", "1000")
	}
	var doc struct {
		Traces []struct {
			TraceID       string `json:"traceId"`
			RootService   string `json:"rootService"`
			RootOperation string `json:"rootOperation"`
			StartUnixNano string `json:"startUnixNano"`
			SpanCount     int    `json:"spanCount"`
		} `json:"traces"`
	}
	if err := p.getJSON(ctx, "/api/v1/traces/search?"+v.Encode(), &doc); err != nil {
		return err
	}
	var got, expect []string
	for _, t := range doc.Traces {
		got = append(got, fmt.Sprintln(t.TraceID, t.RootService, t.RootOperation, t.StartUnixNano, t.SpanCount))
	}
	for _, f := range want {
		expect = append(expect, fmt.Sprintln(f.id, f.service, f.operation, f.start, f.spans))
	}
	if !slices.Equal(got, expect) {
		return fmt.Errorf("search %s: %d traces, want %d:\n%s", v.Encode(), len(got), len(want), firstDifference(got, expect))
	}
	return nil
}

func firstDifference(got, want []string) string {
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			return fmt.Sprintf("at %d\n got %s\nwant %s", i, strings.TrimSpace(g), strings.TrimSpace(w))
		}
	}
	return "no difference"
}

// verifyStored demands the stored traces of a round, and does not ask what became
// of the others: for a process that has yet to settle.
func (c *campaign) verifyStored(t *testing.T, p *process, round int) {
	t.Helper()
	for w := range writers {
		for seq := range c.ledger.sent(round, w) {
			k := key{round, w, seq}
			if !c.ledger.stored(k) {
				continue
			}
			for _, m := range c.load.traces(k) {
				got, err := p.outline(t.Context(), m.id)
				if err != nil {
					t.Fatalf("%v\n%s", err, p.tail())
				}
				want := outlineOf(m.expect(w, true, false))
				for id := range got {
					if _, ok := want[id]; !ok {
						delete(got, id) // the late span, which may be there
					}
				}
				if err := compare(want, got); err != nil {
					t.Fatalf("request %v, trace %s: %v\n%s", k, m.id, err, p.tail())
				}
			}
		}
	}
}

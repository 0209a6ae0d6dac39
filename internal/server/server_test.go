package server_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/corpus"
	"github.com/pandodb/pando/internal/gateway/otlp/rawcodec"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
	"github.com/pandodb/pando/internal/server"
)

// corpusOf returns a small corpus T whose spans are recent.
func corpusOf(traces int) *corpus.Corpus {
	return corpus.New(corpus.Config{Traces: traces, Base: time.Now().Add(-2 * time.Hour).Truncate(time.Second).UnixNano()})
}

func start(t *testing.T, dir string) *server.Server {
	t.Helper()
	cfg := server.DefaultConfig()
	cfg.DataDir, cfg.Listen, cfg.NoAliases = dir, "127.0.0.1:0", true
	cfg.Storage.Memtable = 2 << 20
	s, err := server.Open(t.Context(), server.Options{Config: cfg, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	return s
}

// send exports the whole corpus over gRPC and returns the number of spans.
func send(t *testing.T, addr string, c *corpus.Corpus) (spans int) {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawcodec.Codec{})))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for req, n := range c.Requests {
		var reply rawcodec.Message
		err := conn.Invoke(t.Context(), "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
			rawcodec.NewMessage(bytes.Clone(req)), &reply)
		if err != nil {
			t.Fatal(err)
		}
		spans += n
	}
	return spans
}

func queryOf(q corpus.Query) *search.Query {
	out := &search.Query{
		Service: q.Service, Operation: q.Operation, Time: base.TimeRange{Start: q.Start, End: q.End},
		MinDuration: uint64(q.MinDuration), MaxDuration: uint64(q.MaxDuration), Limit: q.Limit,
	}
	if q.Slowest {
		out.Order = search.Slowest
	}
	for _, tag := range q.Tags {
		v := trace.Value{}
		switch tag.Value.Type {
		case corpus.TypeInt:
			v = trace.Value{Kind: trace.KindInt, Int: tag.Value.Int}
		case corpus.TypeDouble:
			v = trace.Value{Kind: trace.KindDouble, Dbl: tag.Value.Double}
		case corpus.TypeBool:
			v.Kind = trace.KindBool
			if tag.Value.Bool {
				v.Int = 1
			}
		default:
			v = trace.Value{Kind: trace.KindString, Str: tag.Value.Str}
		}
		out.Tags = append(out.Tags, search.Tag{Level: search.LevelAny, Key: tag.Key, Value: v})
	}
	return out
}

// TestCorpusAgainstOracle loads a corpus over gRPC and asks every query class,
// before and after a flush, a merge and a restart. Every answer equals the
// oracle's.
func TestCorpusAgainstOracle(t *testing.T) {
	c := corpusOf(600)
	oracle := corpus.NewOracle(c.Config())
	dir := t.TempDir()
	s := start(t, dir)
	if n := send(t, s.Addr(), c); n != oracle.Spans() {
		t.Fatalf("sent %d spans, the oracle has %d", n, oracle.Spans())
	}
	compare(t, "in memory", s, oracle)
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	compare(t, "flushed", s, oracle)
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	compare(t, "merged", s, oracle)
	send(t, s.Addr(), c) // everything once more: exact duplicates leave no trace
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = start(t, dir)
	compare(t, "reopened", s, oracle)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func compare(t *testing.T, when string, s *server.Server, oracle *corpus.Oracle) {
	t.Helper()
	ctx := context.Background()
	for _, class := range corpus.Classes() {
		for i, q := range oracle.Queries(class, 25, 7) {
			if q.TraceID != (corpus.TraceID{}) {
				got, err := s.Traces().Get(ctx, search.Ref{ID: trace.ID(q.TraceID)})
				if err != nil {
					t.Fatalf("%s: %v %d: %v", when, class, i, err)
				}
				want, _ := oracle.Trace(q.TraceID)
				if len(want) == 0 && len(got) == 0 {
					continue
				}
				if len(got) != 1 || len(got[0].Spans) != len(want) {
					t.Fatalf("%s: trace %x: %d traces, want %d spans", when, q.TraceID, len(got), len(want))
				}
				continue
			}
			ids, err := s.Traces().FindIDs(ctx, queryOf(q))
			if err != nil {
				t.Fatalf("%s: %v %d: %v", when, class, i, err)
			}
			hits := oracle.Find(q)
			got, want := make([]string, len(ids)), make([]string, len(hits))
			for i := range ids {
				got[i] = ids[i].String()
			}
			for i := range hits {
				want[i] = trace.ID(hits[i].TraceID).String()
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("%s: %v query %d %+v:\n got %v\nwant %v", when, class, i, q, got, want)
			}
		}
	}
	services, err := s.Traces().Services(ctx)
	if err != nil || fmt.Sprint(services) != fmt.Sprint(oracle.Services()) {
		t.Fatalf("%s: services %v, %v", when, services, err)
	}
	for _, svc := range services[:5] {
		ops, err := s.Traces().Operations(ctx, svc, trace.KindUnspecified)
		if want := oracle.Operations(svc); err != nil || len(ops) != len(want) {
			t.Fatalf("%s: operations of %s: %d, want %d (%v)", when, svc, len(ops), len(want), err)
		}
	}
}

// TestOnePort answers HTTP and gRPC on the same address.
func TestOnePort(t *testing.T) {
	s := start(t, t.TempDir())
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/metrics": 200, "/": 200, "/api/v1/services": 200, "/nowhere": 404} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr()+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("GET %s: %d, want %d", path, resp.StatusCode, want)
		}
	}
	if n := send(t, s.Addr(), corpusOf(20)); n == 0 {
		t.Error("nothing was sent")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

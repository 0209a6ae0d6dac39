// Package pandobench opens Jaeger's badger storage as Jaeger itself does, with
// its defaults, behind an OTLP gRPC server that acknowledges what the storage
// has taken.
package pandobench

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"time"

	"github.com/jaegertracing/jaeger-idl/model/v1"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/jaegertracing/jaeger/internal/metrics"
	"github.com/jaegertracing/jaeger/internal/storage/v1/api/spanstore"
	"github.com/jaegertracing/jaeger/internal/storage/v1/badger"
	"github.com/jaegertracing/jaeger/internal/storage/v2/api/tracestore"
	"github.com/jaegertracing/jaeger/internal/storage/v2/v1adapter"
)

// Store is an open badger storage that listens.
type Store struct {
	factory *badger.Factory
	reader  spanstore.Reader
	server  *grpc.Server
	addr    string
}

// Open opens the storage in dir and listens on a free port of this machine.
// Writes are not synced, as is Jaeger's default.
func Open(dir string) (*Store, error) {
	s := &Store{factory: badger.NewFactory()}
	c := s.factory.Config
	c.Ephemeral = false
	c.Directories = badger.Directories{Keys: filepath.Join(dir, "keys"), Values: filepath.Join(dir, "values")}
	if err := s.factory.Initialize(metrics.NullFactory, zap.NewNop()); err != nil {
		return nil, err
	}
	if err := s.serve(); err != nil {
		return nil, errors.Join(err, s.factory.Close())
	}
	return s, nil
}

func (s *Store) serve() (err error) {
	if s.reader, err = s.factory.CreateSpanReader(); err != nil {
		return err
	}
	writer, err := s.factory.CreateSpanWriter()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.addr = l.Addr().String()
	s.server = grpc.NewServer()
	ptraceotlp.RegisterGRPCServer(s.server, &receiver{writer: v1adapter.NewTraceWriter(writer)})
	go func() { _ = s.server.Serve(l) }() // ends with Stop
	return nil
}

// receiver writes what comes in before it answers.
type receiver struct {
	ptraceotlp.UnimplementedGRPCServer
	writer tracestore.Writer
}

func (r *receiver) Export(ctx context.Context, req ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	return ptraceotlp.NewExportResponse(), r.writer.WriteTraces(ctx, req.Traces())
}

// Addr returns where OTLP gRPC is served.
func (s *Store) Addr() string { return s.addr }

// Close stops the server and closes the storage, which flushes its memtables.
func (s *Store) Close() error {
	s.server.GracefulStop()
	return s.factory.Close()
}

// Query is what the storage can be asked.
type Query struct {
	Service, Operation string
	Tags               map[string]string
	Start, End         time.Time // both included
	Min, Max           time.Duration
	Limit              int
}

// Found is one trace of an answer.
type Found struct {
	ID    [16]byte
	Spans int
}

// Trace returns the number of spans of a trace, zero when it is unknown.
func (s *Store) Trace(ctx context.Context, id [16]byte) (int, error) {
	var key model.TraceID
	if err := key.Unmarshal(id[:]); err != nil {
		return 0, err
	}
	t, err := s.reader.GetTrace(ctx, spanstore.GetTraceParameters{TraceID: key})
	if errors.Is(err, spanstore.ErrTraceNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return len(t.Spans), nil
}

// Search returns whole traces, as Jaeger's page asks for them.
func (s *Store) Search(ctx context.Context, q *Query) ([]Found, error) {
	traces, err := s.reader.FindTraces(ctx, &spanstore.TraceQueryParameters{
		ServiceName: q.Service, OperationName: q.Operation, Tags: q.Tags,
		StartTimeMin: q.Start, StartTimeMax: q.End, DurationMin: q.Min, DurationMax: q.Max, NumTraces: q.Limit,
	})
	if err != nil {
		return nil, err
	}
	out := make([]Found, 0, len(traces))
	for _, t := range traces {
		if len(t.Spans) == 0 {
			continue
		}
		f := Found{Spans: len(t.Spans)}
		if _, err := t.Spans[0].TraceID.MarshalTo(f.ID[:]); err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

package jaegerbadger

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"sync"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/wire"
	"github.com/pandodb/pando/internal/gateway/otlp/rawcodec"
	"github.com/pandodb/pando/internal/gen/apiv2pb"
	"github.com/pandodb/pando/internal/gen/storagev2pb"
	"github.com/pandodb/pando/internal/model/trace"
)

// reader is a server of traces whose answers the test decides.
type reader struct {
	storagev2pb.UnimplementedTraceReaderServer
	answer func(*storagev2pb.GetTracesRequest, grpc.ServerStreamingServer[tracepb.TracesData]) error
}

func (r *reader) GetTraces(req *storagev2pb.GetTracesRequest, stream grpc.ServerStreamingServer[tracepb.TracesData]) error {
	return r.answer(req, stream)
}

// dial serves the reader on a socket of the test's directory.
func (r *reader) dial(t *testing.T) Storage {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
	storagev2pb.RegisterTraceReaderServer(srv, r)
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(l) })
	t.Cleanup(func() { srv.Stop(); wg.Wait() })
	conn, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawcodec.Codec{})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return Storage{Conn: conn}
}

func TestStorageReadsTraces(t *testing.T) {
	data, err := wire.AppendExport(nil, []*apiv2pb.Span{made(1, 1), made(1, 2)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var msg tracepb.TracesData
	if err := proto.Unmarshal(data, &msg); err != nil {
		t.Fatal(err)
	}
	var asked [][]byte
	r := &reader{answer: func(req *storagev2pb.GetTracesRequest, s grpc.ServerStreamingServer[tracepb.TracesData]) error {
		for _, q := range req.GetQuery() {
			asked = append(asked, q.GetTraceId())
		}
		return errors.Join(s.Send(&msg), s.Send(&msg))
	}}
	s := r.dial(t)
	ids := []trace.ID{{15: 1}, {15: 2}}
	got := 0
	err = s.Traces(t.Context(), ids, func(spans []trace.Span) error {
		got += len(spans)
		if spans[0].TraceID != ids[0] || spans[0].Resource.Service() != "service 1" {
			t.Errorf("span %+v", spans[0])
		}
		return nil
	})
	if err != nil || got != 4 || len(asked) != 2 || trace.ID(asked[1]) != ids[1] {
		t.Errorf("%d spans of %x: %v", got, asked, err)
	}
	enough := errors.New("enough")
	if err := s.Traces(t.Context(), ids, func([]trace.Span) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("error %v", err)
	}
}

func TestStorageErrorsHaveClasses(t *testing.T) {
	for code, want := range map[codes.Code]base.Class{
		codes.Unavailable: base.ClassUnavailable, codes.Unimplemented: base.ClassInvalid, codes.DataLoss: base.ClassCorruption,
		codes.ResourceExhausted: base.ClassOverload, codes.Internal: base.ClassBug, codes.PermissionDenied: base.ClassUnavailable,
	} {
		r := &reader{answer: func(*storagev2pb.GetTracesRequest, grpc.ServerStreamingServer[tracepb.TracesData]) error {
			return status.Error(code, "no")
		}}
		err := r.dial(t).Traces(t.Context(), []trace.ID{{1}}, nil)
		if base.ClassOf(err) != want || err.Error() != "read traces back: no" {
			t.Errorf("%s: class %s, %v", code, base.ClassOf(err), err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (&reader{}).dial(t).Traces(ctx, []trace.ID{{1}}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

package jaegerbadger

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/pandodb/pando/internal/gen/apiv2pb"
	"github.com/pandodb/pando/internal/model/trace"
)

var origin = time.Date(2026, 1, 2, 3, 4, 5, 6789, time.UTC)

// made returns span n of a trace, in Jaeger's words.
func made(tr, n uint64) *apiv2pb.Span {
	id := binary.BigEndian.AppendUint64(make([]byte, 8), tr)
	return &apiv2pb.Span{
		TraceId: id, SpanId: binary.BigEndian.AppendUint64(nil, n), OperationName: fmt.Sprintf("op %d", n%7),
		StartTime: timestamppb.New(origin.Add(time.Duration(n) * time.Millisecond)), Duration: durationpb.New(time.Duration(n) * time.Microsecond),
		Process: &apiv2pb.Process{ServiceName: fmt.Sprintf("service %d", tr%3), Tags: []*apiv2pb.KeyValue{{Key: "host", VStr: "h"}}},
		Tags: []*apiv2pb.KeyValue{
			{Key: "z", VType: apiv2pb.ValueType_INT64, VInt64: int64(n)}, {Key: "a", VStr: "b"}, {Key: "error", VType: apiv2pb.ValueType_BOOL, VBool: n%5 == 0},
		},
		Logs: []*apiv2pb.Log{{Timestamp: timestamppb.New(origin), Fields: []*apiv2pb.KeyValue{{Key: "event", VStr: "e"}, {Key: "k", VStr: "v"}}}},
	}
}

// keyOf returns the key under which Jaeger stores a span.
func keyOf(s *apiv2pb.Span) []byte {
	key := append([]byte{spanPrefix}, s.GetTraceId()...)
	key = binary.BigEndian.AppendUint64(key, uint64(s.GetStartTime().AsTime().UnixMicro()))
	return append(key, s.GetSpanId()...)
}

func marshal(t testing.TB, s *apiv2pb.Span) []byte {
	t.Helper()
	data, err := proto.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// source is a badger directory under construction.
type source struct {
	t            testing.TB
	keys, values string

	db            *badger.DB
	nextTraceSpan uint64
}

// newSource opens badger for writing; keys and values are apart.
func newSource(t testing.TB) *source {
	t.Helper()
	dir := t.TempDir()
	s := &source{t: t, keys: dir + "/keys", values: dir + "/values"}
	s.open()
	return s
}

func (s *source) open() {
	s.t.Helper()
	o := badger.DefaultOptions(s.keys).WithValueDir(s.values).WithLogger(nil).WithMetricsEnabled(false).
		WithMemTableSize(8 << 20).WithValueLogFileSize(8 << 20) // after a crash their files are as long as these
	var err error
	if s.db, err = badger.Open(o); err != nil {
		s.t.Fatal(err)
	}
}

func (s *source) set(entries ...*badger.Entry) {
	s.t.Helper()
	w := s.db.NewWriteBatch()
	for _, e := range entries {
		if err := w.SetEntry(e); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		s.t.Fatal(err)
	}
}

// spans writes traces of so many spans each, with Jaeger's index keys.
func (s *source) spans(traces, each int) {
	s.t.Helper()
	var all []*badger.Entry
	for tr := range traces {
		for range each {
			s.nextTraceSpan++
			span := made(uint64(tr+1), s.nextTraceSpan)
			key := keyOf(span)
			all = append(all, badger.NewEntry(key, marshal(s.t, span)).WithMeta(encodingProto))
			for prefix := byte(0x81); prefix <= 0x84; prefix++ {
				all = append(all, badger.NewEntry(append([]byte{prefix}, key[1:]...), nil))
			}
		}
	}
	s.set(all...)
}

func (s *source) close() {
	s.t.Helper()
	if err := s.db.Close(); err != nil {
		s.t.Fatal(err)
	}
}

// store closes the source and opens it as a store.
func (s *source) store() *Store {
	s.t.Helper()
	s.close()
	st, err := Open(Options{Keys: s.keys, Values: s.values})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := st.Close(); err != nil {
			s.t.Error(err)
		}
	})
	return st
}

// fake is a server: what it was sent, it has.
type fake struct {
	// refuse and fail judge the n-th request.
	refuse func(n int) int
	fail   func(n int) error

	mu    sync.Mutex
	calls int
	spans map[trace.ID]map[uint64]trace.Span // by hash: copies once
}

// Send implements Sender.
func (f *fake) Send(ctx context.Context, request []byte) (refused int, reason string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.fail != nil {
		if err := f.fail(f.calls); err != nil {
			return 0, "", err
		}
	}
	if f.refuse != nil {
		refused, reason = f.refuse(f.calls), "too old"
	}
	if len(request) > maxRequest {
		return 0, "", fmt.Errorf("a request of %d bytes", len(request))
	}
	spans, err := decodeTraces(trace.NewBuilder(anything), request)
	if err != nil {
		return 0, "", err
	}
	if f.spans == nil {
		f.spans = make(map[trace.ID]map[uint64]trace.Span)
	}
	var d digester
	d.reset()
	for i := refused; i < len(spans); i++ {
		s := spans[i]
		if f.spans[s.TraceID] == nil {
			f.spans[s.TraceID] = make(map[uint64]trace.Span)
		}
		f.spans[s.TraceID][d.sum(&s)] = s
	}
	return refused, reason, ctx.Err()
}

// Traces implements Reader.
func (f *fake) Traces(_ context.Context, ids []trace.ID, visit func([]trace.Span) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range ids {
		var spans []trace.Span
		for _, s := range f.spans[id] {
			spans = append(spans, s)
		}
		for piece := range slices.Chunk(spans, 3) {
			if err := visit(piece); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *fake) count() (n int) {
	for _, t := range f.spans {
		n += len(t)
	}
	return n
}

// TestMain looks for goroutines left behind, but for those of badger, which does
// not end all of its own when it cannot open a directory.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/dgraph-io/ristretto/v2/z.(*AllocatorPool).freeupAllocators"),
		goleak.IgnoreAnyFunction("github.com/dgraph-io/ristretto/v2.(*Cache[...]).processItems"),
		goleak.IgnoreAnyFunction("github.com/dgraph-io/ristretto/v2.(*defaultPolicy[...]).processItems"),
		goleak.IgnoreAnyFunction("github.com/dgraph-io/badger/v4/y.(*WaterMark).process"),
		goleak.IgnoreAnyFunction("github.com/dgraph-io/badger/v4.(*DB).updateSize"),
		goleak.IgnoreAnyFunction("github.com/dgraph-io/badger/v4.(*DB).monitorCache"),
	)
}

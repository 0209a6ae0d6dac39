package cli

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/pandodb/pando/internal/gen/apiv2pb"
	"github.com/pandodb/pando/internal/importer/jaegerbadger"
)

// writeBadger writes traces of two spans into a new directory as Jaeger does,
// and one entry that is damaged if a third argument says so.
func writeBadger(ts *testscript.TestScript, _ bool, args []string) {
	traces, err := strconv.Atoi(args[1])
	ts.Check(err)
	db, err := badger.Open(badger.DefaultOptions(ts.MkAbs(args[0])).WithLogger(nil))
	ts.Check(err)
	defer func() { ts.Check(db.Close()) }()
	batch := db.NewWriteBatch()
	for n := range 2 * traces {
		key, span := badgerSpan(n)
		value, err := proto.Marshal(span)
		ts.Check(err)
		if n == 0 && len(args) > 2 {
			value = value[1:]
		}
		ts.Check(batch.SetEntry(badger.NewEntry(key, value).WithMeta(2)))
	}
	ts.Check(batch.Flush())
}

// badgerSpan returns a span, always the same, and its key.
func badgerSpan(n int) (key []byte, s *apiv2pb.Span) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(time.Duration(n) * time.Second)
	s = &apiv2pb.Span{
		TraceId: binary.BigEndian.AppendUint64(make([]byte, 8), uint64(1+n/2)), SpanId: binary.BigEndian.AppendUint64(nil, uint64(1+n)),
		OperationName: "op", StartTime: timestamppb.New(start), Duration: durationpb.New(time.Millisecond),
		Process: &apiv2pb.Process{ServiceName: fmt.Sprintf("service-%d", n%3)},
	}
	key = append([]byte{0x80}, s.GetTraceId()...)
	key = binary.BigEndian.AppendUint64(key, uint64(start.UnixMicro()))
	return append(key, s.GetSpanId()...), s
}

func TestGRPCTarget(t *testing.T) {
	for in, want := range map[string]string{
		"127.0.0.1:7070": "127.0.0.1:7070", "http://host:1": "host:1", "http://[::1]:1/": "[::1]:1", "https://host:1": "", "http://": "",
	} {
		got, err := grpcTarget(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", in, got, err)
		}
	}
}

func TestMeter(t *testing.T) {
	p := jaegerbadger.Progress{Done: 0.5, Resumed: 100}
	p.Counts.Spans = 1100
	if got, want := meterText("sent", p, 500), " 50 %  1100 spans sent, 500/s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for done, want := range map[float64]string{0: "[----", 0.5: "[##############-", 1: "###]", 7: "##]"} {
		if got := bar(done); len(got) != 30 || !strings.Contains(got, want) {
			t.Errorf("%v: %q", done, got)
		}
	}
	var out strings.Builder
	m := &meter{w: &out, bar: true, verb: "sent"}
	m.show(p)
	m.end()
	if got := out.String(); !strings.HasPrefix(got, "\r\x1b[K[####") || !strings.HasSuffix(got, "\r\x1b[K") {
		t.Errorf("%q", got)
	}
}

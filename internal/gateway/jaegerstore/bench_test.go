package jaegerstore

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/pandodb/pando/internal/gen/storagev1pb"
	"github.com/pandodb/pando/internal/gen/storagev2pb"
	"github.com/pandodb/pando/internal/model/trace"
)

// BenchmarkGetTrace is one trace over gRPC, in spans per second, by both
// versions.
func BenchmarkGetTrace(b *testing.B) {
	for _, spans := range []int{10, 10_000} {
		store := &fakeStore{traces: []trace.Trace{newTrace(1, spans, 30)}}
		c, id := dial(b, Target{Store: store}, nil), traceID(1)
		bench := func(version int, get func() error) {
			b.Run(fmt.Sprintf("v%d/spans=%d", version, spans), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					store.refs = store.refs[:0]
					if err := get(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(spans)*float64(b.N)/b.Elapsed().Seconds(), "spans/s")
			})
		}
		bench(1, func() error {
			_, err := receiveAll(c.reader1.GetTrace(b.Context(), &storagev1pb.GetTraceRequest{TraceId: id[:]}))
			return err
		})
		bench(2, func() error {
			req := &storagev2pb.GetTracesRequest{Query: []*storagev2pb.GetTraceParams{{TraceId: id[:]}}}
			_, err := receiveAll(c.reader2.GetTraces(b.Context(), req))
			return err
		})
	}
}

// BenchmarkWriteSpanStream is what a stream of spans costs before they are
// stored.
func BenchmarkWriteSpanStream(b *testing.B) {
	c := dial(b, Target{Store: &fakeStore{}, Spans: &fakeSpans{}}, nil)
	req := &storagev1pb.WriteSpanRequest{Span: aSpan(1, 1)}
	stream, err := c.stream1.WriteSpanStream(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(proto.Size(req)))
	b.ReportAllocs()
	for b.Loop() {
		if err := stream.Send(req); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := stream.CloseAndRecv(); err != nil {
		b.Fatal(err)
	}
}

package trace

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/otlpwire"
)

func BenchmarkBuilder(b *testing.B) {
	for _, spans := range []int{100, 1000, 8000} {
		wire, err := proto.Marshal(shopTraces(1, spans))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("spans=%d", spans), func(b *testing.B) {
			builder := NewBuilder(Options{})
			b.ReportAllocs()
			b.SetBytes(int64(len(wire)))
			for b.Loop() {
				builder.Reset(1, base.AllTime)
				if err := builder.Add(wire); err != nil {
					b.Fatal(err)
				}
				if builder.Finish().Rows != spans {
					b.Fatal("spans lost")
				}
			}
			b.ReportMetric(float64(len(wire))/float64(spans), "wirebytes/span")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*spans), "ns/span")
		})
	}
}

func BenchmarkReadSpans(b *testing.B) {
	wire, _ := proto.Marshal(shopTraces(1, 1000))
	batch := build(b, NewBuilder(Options{}), wire)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadSpans(batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*1000), "ns/span")
}

func BenchmarkAppendOTLP(b *testing.B) {
	wire, _ := proto.Marshal(shopTraces(1, 1000))
	spans := must(ReadSpans(build(b, NewBuilder(Options{}), wire)))
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendOTLP(dst[:0], spans)
	}
	b.SetBytes(int64(len(dst)))
}

func BenchmarkWalkAndValidate(b *testing.B) {
	wire, _ := proto.Marshal(shopTraces(1, 1000))
	b.SetBytes(int64(len(wire)))
	b.ReportAllocs()
	for b.Loop() {
		if err := otlpwire.Validate(otlpwire.MessageRequest, wire); err != nil {
			b.Fatal(err)
		}
	}
}

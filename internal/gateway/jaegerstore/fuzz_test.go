package jaegerstore

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gen/storagev1pb"
	"github.com/pandodb/pando/internal/gen/storagev2pb"
)

// FuzzQueries: whatever bytes ask for, as any of the messages, is a valid query
// or refused as the caller's mistake.
func FuzzQueries(f *testing.F) {
	whole := aQuery()
	whole.ServiceName, whole.OperationName, whole.SearchDepth = "s", "o", 5
	whole.DurationMin, whole.DurationMax = durationpb.New(1), durationpb.New(2)
	whole.Attributes = []*storagev2pb.KeyValue{{Key: "error", Value: stringValue("false")}, {Key: "otel.scope.name", Value: stringValue("x")}}
	filtered := aQuery()
	filtered.Filter, filtered.Pagination = existsFilter(), &storagev2pb.Pagination{PageSize: 3, PageToken: "t"}
	spans := aSpanQuery(4)
	spans.Filter = existsFilter()
	one := aQueryV1()
	one.Tags = map[string]string{"span.kind": "server", "a": "b"}
	for _, m := range []proto.Message{aQuery(), whole, filtered, spans, one} {
		wire, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		check := func(valid func() error, err error) {
			if err == nil {
				err = valid()
				if err != nil {
					t.Fatalf("a query that was let through: %v", err)
				}
				return
			}
			if c := base.ClassOf(err); c != base.ClassInvalid && c != base.ClassTooLarge {
				t.Fatalf("class %v: %v", c, err)
			}
		}
		if pb := new(storagev2pb.TraceQueryParameters); proto.Unmarshal(wire, pb) == nil {
			q, err := traceQuery(pb)
			check(q.Validate, err)
		}
		if pb := new(storagev2pb.SpanQueryParameters); proto.Unmarshal(wire, pb) == nil {
			q, err := spanQuery(pb)
			check(q.Validate, err)
		}
		if pb := new(storagev1pb.TraceQueryParameters); proto.Unmarshal(wire, pb) == nil {
			q, err := traceQueryV1(pb)
			check(q.Validate, err)
		}
	})
}

package trace

import (
	"slices"
	"time"

	"github.com/pandodb/pando/internal/column"
)

// Digest is what a set of spans says about services: per minute, service,
// operation and kind the calls, errors and latencies, and the same for calls of
// one service by another. It is read-only once made.
//
// A call between services is a span whose parent belongs to another service. A
// client span and the server span below it are one call, counted at the server:
// the client's own parent is of its own service. Where several spans carry the
// parent's id, one of the child's own service is the parent.
//
// Minutes are those of Unix time, by the start of the span; that of the child for
// calls between services.
type Digest struct {
	Operations []OperationCells // ascending by service, name, kind
	Edges      []EdgeCells      // ascending by parent, child, kind
	// Open are the spans whose parent is not among the spans, ascending by key:
	// calls between services if the parent is found elsewhere, in another service.
	Open []OpenCall
	// Dropped counts spans that are missing in Open, which is bounded.
	Dropped uint64
	// Folded says that some operations were counted under the name "", services
	// under "", or calls between services not at all: there were too many.
	Folded bool

	traces []openKey // of Open, ascending
}

// OperationCells are the minutes of one operation of a service.
type OperationCells struct {
	Service string
	Name    string
	Kind    Kind
	Cells   []Cell // ascending by minute
}

// EdgeCells are the minutes of the calls of one service by another.
type EdgeCells struct {
	Parent string
	Child  string
	Kind   Kind   // of the child's spans
	Cells  []Cell // ascending by minute
}

// Cell is what happened in one minute.
type Cell struct {
	Minute  int32 // since 1970
	Errors  uint32
	Latency []LatencyCount // ascending by bucket; their sum is the calls
}

// LatencyCount counts spans whose duration lies in a bucket.
type LatencyCount struct {
	Bucket Bucket
	Count  uint32
}

// OpenCall is a span whose parent is not known.
type OpenCall struct {
	trace   uint32 // index in Digest.traces
	Parent  uint64 // row id
	Service string
	Kind    Kind
	Minute  int32
	Bucket  Bucket
	Failed  bool
}

// MinuteOf returns the minute that an instant, in Unix nanoseconds, lies in.
func MinuteOf(nanos int64) int32 {
	m := nanos / int64(time.Minute)
	if nanos%int64(time.Minute) < 0 {
		m--
	}
	return int32(m)
}

// Bounds of a digest.
const (
	// maxDigestOps is how many operations have counts of their own.
	maxDigestOps = 20_000
	// maxDigestServices is the same for services.
	maxDigestServices = 10_000
	// maxDigestEdges is the same for calls between services.
	maxDigestEdges = 50_000
	// maxOpenCalls is how many spans without a known parent are listed: those that
	// started last, since what is to come is younger still.
	maxOpenCalls = 32_768
)

// digestColumns are the columns that a digest is made of, ascending.
var digestColumns = func() []column.ID {
	cols := []column.ID{ColDuration, ColKind, ColName, ColParent, ColStatus, ColResource}
	slices.SortFunc(cols, column.ID.Compare)
	return cols
}()

// redDigest declares the digest that every part of spans keeps.
var redDigest = &column.Digest{
	Name:    "red",
	Columns: digestColumns,
	New:     func() column.DigestFolder { return newDigestFolder() },
	Decode:  func(src []byte) (any, error) { return DecodeDigest(src) },
	Refs:    func(d any) []column.RowRef { return d.(*Digest).refs() },
	Target:  ColResource,
}

// refs returns the parents of the open calls, in their order.
func (d *Digest) refs() []column.RowRef {
	out := make([]column.RowRef, len(d.Open))
	keys := make([]byte, 0, KeySize*len(d.traces))
	for i := range d.Open {
		at := int(d.Open[i].trace)
		for len(keys) < (at+1)*KeySize { // open calls are in the order of their traces
			t := len(keys) / KeySize
			keys = AppendKey(keys, d.traces[t].resource, d.traces[t].trace)
		}
		out[i] = column.RowRef{Key: keys[at*KeySize : (at+1)*KeySize], ID: d.Open[i].Parent}
	}
	return out
}

package trace

import (
	"slices"
	"sort"
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

	Texts  []string  // the names in use, ascending
	traces []openKey // of Open, ascending
}

// OperationCells are the minutes of one operation of a service.
type OperationCells struct {
	Service string
	Name    string
	Kind    Kind
	Minutes
}

// EdgeCells are the minutes of the calls of one service by another.
type EdgeCells struct {
	Parent string
	Child  string
	Kind   Kind // of the child's spans
	Minutes
}

// Minutes are cells ascending by minute.
type Minutes struct {
	Cells []Cell
	total [1]Cell // all of them together; its minute is the last
}

// Between returns cells that together hold the minutes [lo, hi): one for all, when
// all lie between.
func (m *Minutes) Between(lo, hi int32) []Cell {
	cells := m.Cells
	if n := len(cells); n > 1 && lo <= cells[0].Minute && cells[n-1].Minute < hi {
		return m.total[:]
	}
	before := func(minute int32) func(int) bool {
		return func(i int) bool { return cells[i].Minute >= minute }
	}
	cells = cells[sort.Search(len(cells), before(lo)):]
	return cells[:sort.Search(len(cells), before(hi))]
}

// Cell is what happened in one minute.
type Cell struct {
	Minute  int32 // since 1970
	Calls   uint32
	Errors  uint32
	Latency []LatencyCount // ascending by bucket; they sum up to the calls
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
	Service uint32 // in Digest.Texts
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
	// maxDigestTexts is how many bytes the names of operations and of services may
	// have, half of them each: one name may have 256 KiB, and 20,000 usual ones have
	// one MiB.
	maxDigestTexts = 16 << 20
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

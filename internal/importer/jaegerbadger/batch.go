package jaegerbadger

import (
	"github.com/pandodb/pando/internal/gateway/jaeger/wire"
	"github.com/pandodb/pando/internal/gen/apiv2pb"
	"github.com/pandodb/pando/internal/model/trace"
)

const (
	// batchBytes and batchEntries bound what is read before it is sent: OTLP says
	// the same in about as many bytes.
	batchBytes   = 1 << 20
	batchEntries = 4096
	// maxRequest bounds a request, which has one span at least.
	maxRequest = 4 << 20
)

// entry is an undecoded entry of a span.
type entry struct {
	key, value []byte
	meta       byte
	err        error // why there is no value
}

// batch is a run of entries in key order.
type batch struct {
	seq     int
	entries []entry
	bytes   int
	traces  int64 // that begin here
}

func (b *batch) full() bool { return b.bytes >= batchBytes || len(b.entries) >= batchEntries }

// last returns the last key.
func (b *batch) last() []byte { return b.entries[len(b.entries)-1].key }

// decoder turns batches into spans of the trace model.
type decoder struct {
	d     digester
	found []*apiv2pb.Span
	sizes []int
}

// decode returns the spans of a batch, the hash of each, and what there is to
// count. The result is valid until the next call.
func (d *decoder) decode(b *batch) ([]trace.Span, []uint64, *Counts, error) {
	c := &Counts{Traces: b.traces}
	d.found, d.sizes = d.found[:0], d.sizes[:0]
	for i := range b.entries {
		e := &b.entries[i]
		err := e.err
		var s *apiv2pb.Span
		if err == nil {
			s, err = DecodeEntry(e.key, e.value, e.meta)
		}
		if err != nil {
			c.undecodable(e.key, err)
			continue
		}
		d.found = append(d.found, s)
		d.sizes = append(d.sizes, len(e.value))
	}
	spans, err := wire.Spans(d.found, nil)
	if err != nil {
		return nil, nil, nil, err // ids were checked: not reached
	}
	d.d.reset()
	sums := make([]uint64, len(spans))
	for i := range spans {
		sums[i] = d.d.sum(&spans[i])
		c.span(&spans[i], d.sizes[i], sums[i])
	}
	return spans, sums, c, nil
}

// requests calls send with the spans as OTLP requests that keep the bound. buf
// is memory to use.
func requests(buf []byte, spans []trace.Span, send func(request []byte, spans int) error) ([]byte, error) {
	if len(spans) == 0 {
		return buf, nil
	}
	buf = trace.AppendOTLP(buf[:0], spans)
	if len(buf) <= maxRequest || len(spans) == 1 {
		return buf, send(buf, len(spans))
	}
	half := len(spans) / 2
	buf, err := requests(buf, spans[:half], send)
	if err != nil {
		return buf, err
	}
	return requests(buf, spans[half:], send)
}

package jaeger

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/pandodb/pando/internal/model/trace"
)

// splitSharedIDs gives server spans that share their id with a client span an id
// of their own: the lowest that the trace does not use, from 1.
func (d *adjustment) splitSharedIDs() {
	clients := make(map[trace.SpanID]bool)
	for i := range d.spans {
		if s := &d.spans[i]; s.Kind == trace.KindClient {
			clients[s.SpanID] = true
		}
	}
	renamed := make(map[trace.SpanID]trace.SpanID) // former id to the server's new one
	isNew := make(map[int]bool)
	last := uint64(0)
	for i := range d.spans {
		s := &d.spans[i]
		if s.Kind != trace.KindServer || !clients[s.SpanID] {
			continue
		}
		id := d.unusedID(last + 1)
		last = id.RowID()
		renamed[s.SpanID], isNew[i] = id, true
		s.ParentID, s.SpanID = s.SpanID, id
	}
	if len(renamed) == 0 {
		return
	}
	for i := range d.spans {
		if id, ok := renamed[d.spans[i].ParentID]; ok && !isNew[i] {
			d.spans[i].ParentID = id
		}
	}
}

// unusedID returns the lowest id from n on that no span has. There is one: a
// trace has fewer spans than there are ids.
func (d *adjustment) unusedID(n uint64) trace.SpanID {
	for {
		if _, used := d.byID[n]; !used {
			var id trace.SpanID
			binary.BigEndian.PutUint64(id[:], n)
			return id
		}
		n++
	}
}

// dropCopies keeps the first of spans that are the same in every byte. Only spans
// that share their id can be.
func (d *adjustment) dropCopies() {
	count := make(map[trace.SpanID]int32, len(d.spans))
	for i := range d.spans {
		count[d.spans[i].SpanID]++
	}
	seen := make(map[[sha256.Size]byte]bool)
	var wire []byte
	kept := 0
	for i := range d.spans {
		if count[d.spans[i].SpanID] > 1 {
			wire = trace.AppendOTLP(wire[:0], d.spans[i:i+1])
			sum := sha256.Sum256(wire)
			if seen[sum] {
				continue
			}
			seen[sum] = true
		}
		if kept != i {
			d.spans[kept] = d.spans[i]
		}
		kept++
	}
	d.spans = d.spans[:kept]
}

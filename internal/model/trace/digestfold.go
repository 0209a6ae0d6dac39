package trace

import (
	"bytes"
	"slices"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// digestFolder builds a Digest: events for operations as rows come, events for
// calls between services when a trace is complete.
type digestFolder struct {
	names      digestNames
	ops, edges eventCounter

	key   []byte // of the trace that is not complete
	trace openKey
	rows  []digestRow
	byID  rowTable

	open    []openSpan
	dropped uint64
	folded  bool
}

// digestRow is what a digest needs of a span.
type digestRow struct {
	id, parent uint64
	service    uint32
	minute     int32
	kind       Kind
	bucket     Bucket
	failed     bool
}

// openSpan is a span whose parent is not among the rows.
type openSpan struct {
	openKey
	digestRow
}

// openKey is the key of an open span, in comparable pieces.
type openKey struct {
	resource base.ResourceID
	hash     uint64
	trace    ID
}

func newDigestFolder() *digestFolder {
	f := &digestFolder{}
	f.names.init()
	f.byID.seed()
	return f
}

// intCursor reads an Int64 column row by row; absent values are zero.
type intCursor struct {
	rows []uint32
	vals []int64
	at   int
}

func newIntCursor(v *column.Vector) intCursor {
	if v == nil {
		return intCursor{}
	}
	return intCursor{rows: v.Rows, vals: v.Ints}
}

// value returns the value of a row; rows ascend from call to call.
func (c *intCursor) value(row int) int64 {
	if c.rows == nil {
		if row < len(c.vals) {
			return c.vals[row]
		}
		return 0
	}
	for c.at < len(c.rows) && int(c.rows[c.at]) < row {
		c.at++
	}
	if c.at < len(c.rows) && int(c.rows[c.at]) == row {
		return c.vals[c.at]
	}
	return 0
}

// codeCursor reads a coded column row by row as codes of digestNames; absent
// values have the code zero, that of the empty text.
type codeCursor struct {
	rows, codes []uint32
	names       []uint32 // by code, plus one; zero is not known yet
	dict        *column.Dict
	name        func([]byte) uint32
	at          int
}

func newCodeCursor(v *column.Vector, name func([]byte) uint32) codeCursor {
	if v == nil {
		return codeCursor{rows: []uint32{}}
	}
	return codeCursor{rows: v.Rows, codes: v.Codes, names: make([]uint32, v.Dict.Len()), dict: &v.Dict, name: name}
}

func (c *codeCursor) value(row int) uint32 {
	pos := row
	if c.rows != nil {
		for c.at < len(c.rows) && int(c.rows[c.at]) < row {
			c.at++
		}
		if c.at == len(c.rows) || int(c.rows[c.at]) != row {
			return 0
		}
		pos = c.at
	}
	code := c.codes[pos]
	if c.names[code] == 0 {
		c.names[code] = c.name(c.dict.Value(code)) + 1
	}
	return c.names[code] - 1
}

// Add implements column.DigestFolder.
func (f *digestFolder) Add(b *column.Batch) error {
	durations, kinds := newIntCursor(b.Col(ColDuration)), newIntCursor(b.Col(ColKind))
	parents, statuses := newIntCursor(b.Col(ColParent)), newIntCursor(b.Col(ColStatus))
	names := newCodeCursor(b.Col(ColName), f.names.name)
	services := newCodeCursor(b.Col(ColResource), func(doc []byte) uint32 { return f.names.service(ServiceOf(doc)) })
	f.ops.buf = slices.Grow(f.ops.buf, min(b.Rows, eventBuffer))
	for r := range b.Rows {
		if r == 0 || b.KeyCodes[r] != b.KeyCodes[r-1] {
			if err := f.beginTrace(b.Key(r)); err != nil {
				return err
			}
		}
		start, took := uint64(b.Times[r]), uint64(durations.value(r))
		if start+took < start {
			took = 0 // the clock ran backwards
		}
		row := digestRow{
			id: b.IDs[r], parent: uint64(parents.value(r)), service: services.value(r),
			minute: MinuteOf(b.Times[r]), kind: digestKind(kinds.value(r)),
			bucket: BucketOf(took), failed: statuses.value(r) == StatusError,
		}
		op := f.names.operation(row.service, names.value(r), row.kind)
		f.ops.add(eventOf(op, row.minute, row.bucket))
		if row.failed {
			f.ops.add(eventOf(op, row.minute, errorMark))
		}
		f.rows = append(f.rows, row)
	}
	if len(f.open) > 2*maxOpenCalls {
		f.open = f.newest(f.open)
	}
	return nil
}

// digestKind reads kinds that nobody defined as unspecified.
func digestKind(k int64) Kind {
	if k < 0 || k >= int64(len(kindNames)) {
		return KindUnspecified
	}
	return Kind(k)
}

// beginTrace completes the last trace, unless the key goes on with it.
func (f *digestFolder) beginTrace(key []byte) error {
	if bytes.Equal(f.key, key) && len(f.rows) > 0 {
		return nil
	}
	resource, id, err := ParseKey(key)
	if err != nil {
		return base.Mark(base.ClassCorruption, err)
	}
	f.finishTrace()
	f.key, f.trace = append(f.key[:0], key...), openKey{resource, PlacementHash(id), id}
	return nil
}

// finishTrace counts the calls between services of a whole trace.
func (f *digestFolder) finishTrace() {
	f.byID.fill(f.rows)
	for i := range f.rows {
		row := &f.rows[i]
		if row.kind == KindServer {
			if client, ok := f.byID.client(f.rows, row); ok {
				f.call(client, row)
				continue
			}
		}
		if row.parent == 0 {
			continue
		}
		caller, found := f.byID.caller(f.rows, row)
		switch {
		case !found:
			f.open = append(f.open, openSpan{f.trace, *row})
		case caller != row.service:
			f.call(caller, row)
		}
	}
	f.rows = f.rows[:0]
}

// call counts a call between services.
func (f *digestFolder) call(caller uint32, row *digestRow) {
	id, ok := f.names.edge(caller, row.service, row.kind)
	if !ok {
		f.folded = true
		return
	}
	f.edges.add(eventOf(id, row.minute, row.bucket))
	if row.failed {
		f.edges.add(eventOf(id, row.minute, errorMark))
	}
}

package columnar

import (
	"context"
	"encoding/binary"
	"slices"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/encoding/bytesenc"
	"github.com/pandodb/pando/internal/memtable"
	"github.com/pandodb/pando/internal/part"
)

// A projection of a part is its distinct tuples of the projection's columns,
// compressed (zstd, with the length in front):
//
//	version:1 columns:1 tuples:uvarint { type:1 [length:uvarint term] … }…
//
// type 0 is an absent value and has no term.
const (
	projectionVersion = 1
	// maxProjectionBytes bounds what a reader decompresses.
	maxProjectionBytes = 64 << 20
)

// encodeTuples returns the projection of tuples of n columns.
func encodeTuples(tuples []Tuple, n int) []byte {
	raw := []byte{projectionVersion, byte(n)}
	raw = binary.AppendUvarint(raw, uint64(len(tuples)))
	var term []byte
	for i := range tuples {
		for _, v := range tuples[i][:n] {
			raw = append(raw, byte(v.Type))
			if v.Type == 0 {
				continue
			}
			term = v.AppendTerm(term[:0])
			raw = binary.AppendUvarint(raw, uint64(len(term)))
			raw = append(raw, term...)
		}
	}
	return bytesenc.AppendZstd(nil, raw)
}

// decodeTuples decodes a projection of n columns.
func decodeTuples(src []byte, n int) ([]Tuple, error) {
	raw, err := bytesenc.DecodeZstd(nil, src, maxProjectionBytes)
	if err != nil {
		return nil, err
	}
	bad := func() ([]Tuple, error) {
		return nil, base.Errorf(base.ClassCorruption, "projection is malformed")
	}
	if len(raw) < 3 || raw[0] != projectionVersion || int(raw[1]) != n {
		return bad()
	}
	count, w := binary.Uvarint(raw[2:])
	if w <= 0 || count > uint64(len(raw)) {
		return bad()
	}
	raw = raw[2+w:]
	tuples := make([]Tuple, count)
	for i := range tuples {
		for c := range n {
			if len(raw) == 0 {
				return bad()
			}
			t := column.Type(raw[0])
			raw = raw[1:]
			if t == 0 {
				continue
			}
			size, w := binary.Uvarint(raw)
			if !t.Valid() || w <= 0 || size > uint64(len(raw)-w) {
				return bad()
			}
			tuples[i][c] = column.TermValue(t, raw[w:w+int(size)])
			raw = raw[w+int(size):]
		}
	}
	if len(raw) != 0 {
		return bad()
	}
	return tuples, nil
}

// storedTuples returns the part's projection of exactly these columns; ok is
// false when it has none.
func storedTuples(l *column.Layout, p *part.Part, refs []column.Ref) (tuples []Tuple, ok bool, err error) {
	for _, x := range l.Projections {
		if !slices.Equal(x.Refs, refs) {
			continue
		}
		data, err := p.Projection(x.Name)
		if err != nil || data == nil {
			return nil, false, err
		}
		tuples, err = decodeTuples(data, len(refs))
		return tuples, err == nil, err
	}
	return nil, false, nil
}

// writeProjections adds the layout's projections to the part being written. One
// with too many tuples to be a list is left out.
func writeProjections(w *part.Writer, l *column.Layout, tuplesOf func(refs []column.Ref) ([]Tuple, error)) error {
	for _, x := range l.Projections {
		tuples, err := tuplesOf(x.Refs)
		if base.ClassOf(err) == base.ClassTooLarge && err != nil {
			continue
		}
		if err != nil {
			return err
		}
		if err := w.AddProjection(x.Name, encodeTuples(tuples, len(x.Refs))); err != nil {
			return err
		}
	}
	return nil
}

// tuplesOfRuns returns the combinations in the runs' rows of a segment.
func tuplesOfRuns(l *column.Layout, runs []*memtable.Run, seg base.TimeRange, refs []column.Ref) ([]Tuple, error) {
	out := tupleSet{seen: make(map[string]struct{})}
	for _, run := range runs {
		if !run.Time.Overlaps(seg) {
			continue
		}
		if !seg.Covers(run.Time) {
			b := run.Select(rowsIn(run.Times, seg))
			run = &memtable.Run{Batch: b, Time: b.TimeRange()}
		}
		if out.addAll(distinctOfRun(l, run, refs)); len(out.tuples) > maxTuples {
			return nil, errTuples(refs)
		}
	}
	return out.tuples, nil
}

// rowsIn returns the rows whose time lies in r.
func rowsIn(times []int64, r base.TimeRange) []uint32 {
	rows := make([]uint32, 0, len(times))
	for i, t := range times {
		if r.Contains(t) {
			rows = append(rows, uint32(i))
		}
	}
	return rows
}

// tuplesOfParts returns the combinations that any of the parts has.
func (t *Tablet) tuplesOfParts(ctx context.Context, parts []*part.Part, refs []column.Ref) ([]Tuple, error) {
	out := tupleSet{seen: make(map[string]struct{})}
	for _, p := range parts {
		tuples, err := t.distinctOfPart(ctx, p, refs)
		if err != nil {
			return nil, err
		}
		if out.addAll(tuples); len(out.tuples) > maxTuples {
			return nil, errTuples(refs)
		}
	}
	return out.tuples, nil
}

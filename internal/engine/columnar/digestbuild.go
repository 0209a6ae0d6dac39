package columnar

import (
	"context"
	"errors"

	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/memtable"
	"github.com/pandodb/pando/internal/part"
)

// pickSorted returns the rows as one batch of the listed columns.
func pickSorted(s *memtable.Sorted, ids []column.ID) (*column.Batch, error) {
	var id column.Identity
	s.Identity(&id, 0, s.Rows())
	b := &column.Batch{Rows: s.Rows(), Keys: id.Keys, Times: id.Times, IDs: id.IDs, KeyCodes: make([]uint32, 0, s.Rows())}
	for code, n := range id.Runs {
		for range n {
			b.KeyCodes = append(b.KeyCodes, uint32(code))
		}
	}
	for _, c := range ids {
		v := vectorSink{ID: c}
		if err := s.WriteColumn(c, &v); err != nil {
			return nil, err
		}
		if out := column.Vector(v); out.Len() > 0 {
			b.Cols = append(b.Cols, out)
		}
	}
	return b, nil
}

// vectorSink takes the column that Sorted.WriteColumn hands over in one piece.
type vectorSink column.Vector

// MapDict implements memtable.Sink.
func (v *vectorSink) MapDict(d *column.Dict) []uint32 {
	codes := make([]uint32, d.Len())
	for i := range codes {
		codes[i] = v.Dict.Append(d.Value(uint32(i)))
	}
	return codes
}

// AppendCodes implements memtable.Sink.
func (v *vectorSink) AppendCodes(rows, codes []uint32) error {
	v.Rows, v.Codes = rows, codes
	return nil
}

// AppendInts implements memtable.Sink.
func (v *vectorSink) AppendInts(rows []uint32, vals []int64) error {
	v.Rows, v.Ints = rows, vals
	return nil
}

// AppendFloats implements memtable.Sink.
func (v *vectorSink) AppendFloats(rows []uint32, vals []float64) error {
	v.Rows, v.Floats = rows, vals
	return nil
}

// digestOfPart returns the part's digest: the remembered one, the stored one, or
// for parts without one what its rows give.
func (t *Tablet) digestOfPart(ctx context.Context, p *part.Part) (sizedDigest, error) {
	id := p.Meta().ID
	if known, ok := t.digests.get(id); ok {
		return known, nil
	}
	d := t.o.Layout.Digest
	digest, ok, err := storedDigest(d, p)
	if err == nil && !ok {
		digest, err = foldPart(ctx, d, p)
	}
	if err != nil {
		return sizedDigest{}, err
	}
	digest.folded = !ok
	t.digests.put(id, digest)
	return digest, nil
}

// storedDigest returns the digest that the part keeps; ok is false when it has
// none, or one of another version.
func storedDigest(d *column.Digest, p *part.Part) (digest sizedDigest, ok bool, err error) {
	raw, err := p.Projection(d.Name)
	if err != nil || raw == nil {
		return digest, false, err
	}
	digest, err = decodeDigest(d, raw)
	if errors.Is(err, column.ErrDigestVersion) {
		return sizedDigest{}, false, nil
	}
	return digest, err == nil, err
}

// foldPart computes the digest from the part's rows.
func foldPart(ctx context.Context, d *column.Digest, p *part.Part) (sizedDigest, error) {
	f, cols := d.New(), columnsIn(p, d.Columns)
	var b column.Batch
	for i := range p.Meta().Blocks {
		if err := ctx.Err(); err != nil {
			return sizedDigest{}, err
		}
		if err := p.ReadRows(i, 0, p.Block(i).Rows, cols, &b); err != nil {
			return sizedDigest{}, err
		}
		if err := f.Add(&b); err != nil {
			return sizedDigest{}, err
		}
	}
	return decodeDigest(d, f.Append(nil))
}

package columnar

import (
	"context"
	"slices"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/encoding/bytesenc"
	"github.com/pandodb/pando/internal/memtable"
	"github.com/pandodb/pando/internal/merge"
	"github.com/pandodb/pando/internal/part"
)

// writeDigest adds the folder's digest to the part being written, compressed as
// projections are, under the digest's name.
func writeDigest(w *part.Writer, d *column.Digest, f column.DigestFolder) error {
	return w.AddProjection(d.Name, bytesenc.AppendZstd(nil, f.Append(nil)))
}

// digestTee keeps what a digest is made of while sorted rows go to a part writer:
// bringing a column into order costs more than counting it. A nil digestTee keeps
// nothing.
type digestTee struct {
	digest *column.Digest
	batch  column.Batch
}

func newDigestTee(l *column.Layout) *digestTee {
	if l.Digest == nil {
		return nil
	}
	return &digestTee{digest: l.Digest}
}

// identity keeps the next rows.
func (t *digestTee) identity(id *column.Identity) {
	if t == nil {
		return
	}
	b, row := &t.batch, 0
	for k, n := range id.Runs {
		// A run may go on from the rows before: the key under another code.
		code := b.Keys.Append(id.Keys.Value(uint32(k)))
		for range n {
			b.KeyCodes = append(b.KeyCodes, code)
		}
		row += int(n)
	}
	b.Times, b.IDs = append(b.Times, id.Times...), append(b.IDs, id.IDs...)
	b.Rows += row
}

// sink returns where to send a column of the rows instead of to its writer.
func (t *digestTee) sink(id column.ID, to memtable.Sink) memtable.Sink {
	if t == nil || !slices.Contains(t.digest.Columns, id) {
		return to
	}
	t.batch.Cols = append(t.batch.Cols, column.Vector{ID: id})
	return &teeSink{Sink: to, v: &t.batch.Cols[len(t.batch.Cols)-1]}
}

// write folds the rows and writes the digest.
func (t *digestTee) write(w *part.Writer) error {
	if t == nil {
		return nil
	}
	t.batch.Cols = slices.DeleteFunc(t.batch.Cols, func(v column.Vector) bool { return v.Len() == 0 })
	f := t.digest.New()
	if err := f.Add(&t.batch); err != nil {
		return err
	}
	return writeDigest(w, t.digest, f)
}

// teeSink keeps a column on its way to a writer. It comes in one piece.
type teeSink struct {
	memtable.Sink
	v      *column.Vector
	values [][]byte // by the writer's code
}

// MapDict implements memtable.Sink.
func (s *teeSink) MapDict(d *column.Dict) []uint32 {
	codes := s.Sink.MapDict(d)
	for i, c := range codes {
		for int(c) >= len(s.values) {
			s.values = append(s.values, nil)
		}
		s.values[c] = d.Value(uint32(i))
	}
	return codes
}

// AppendCodes implements memtable.Sink.
func (s *teeSink) AppendCodes(rows, codes []uint32) error {
	s.v.Rows, s.v.Codes = rows, codes
	for _, v := range s.values {
		s.v.Dict.Append(v)
	}
	return s.Sink.AppendCodes(rows, codes)
}

// AppendInts implements memtable.Sink.
func (s *teeSink) AppendInts(rows []uint32, vals []int64) error {
	s.v.Rows, s.v.Ints = rows, vals
	return s.Sink.AppendInts(rows, vals)
}

// AppendFloats implements memtable.Sink.
func (s *teeSink) AppendFloats(rows []uint32, vals []float64) error {
	s.v.Rows, s.v.Floats = rows, vals
	return s.Sink.AppendFloats(rows, vals)
}

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
	t.digests.put(id, digest)
	return digest, nil
}

// storedDigest returns the digest that the part keeps; ok is false when it has
// none.
func storedDigest(d *column.Digest, p *part.Part) (digest sizedDigest, ok bool, err error) {
	data, err := p.Projection(d.Name)
	if err != nil || data == nil {
		return digest, false, err
	}
	raw, err := bytesenc.DecodeZstd(nil, data, maxProjectionBytes)
	if err != nil {
		return digest, false, err
	}
	digest, err = decodeDigest(d, raw)
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

// digestMerge writes the digest of merged parts: the sum of theirs, without the
// keys that several of them have, which are counted anew from their merged rows.
// live are the parts as views know them, inputs the same opened for the merge.
// Without detail to add up it writes none: the first query folds the rows.
func (t *Tablet) digestMerge(ctx context.Context, w *part.Writer, live, inputs []*part.Part) error {
	d := t.o.Layout.Digest
	if d == nil {
		return nil
	}
	m := digestMerger{digest: d, layout: t.o.Layout, inputs: inputs, sum: d.New()}
	for _, p := range live {
		digest, err := t.digestOfPart(ctx, p)
		if err != nil {
			return &merge.InputError{Part: p.Meta().ID, Err: err}
		}
		if !m.sum.Join(digest.value) {
			return nil
		}
		m.shared = append(m.shared, d.New())
	}
	if err := m.countShared(ctx); err != nil {
		return err
	}
	for _, f := range m.shared {
		digest, err := d.Decode(f.Append(nil))
		if err != nil {
			return err
		}
		if !m.sum.Remove(digest) {
			return nil
		}
	}
	return writeDigest(w, d, m.sum)
}

// digestMerger adds up the digests of the parts of a merge.
type digestMerger struct {
	digest *column.Digest
	layout *column.Layout
	inputs []*part.Part
	sum    column.DigestFolder
	shared []column.DigestFolder // by input: its rows of keys that others have too
}

// sharedKeys is how many keys that several parts have are read at once.
const sharedKeys = 256

// countShared adds the merged rows of shared keys to sum, and each input's own to
// its folder in shared.
func (m *digestMerger) countShared(ctx context.Context) error {
	var keys [][]byte
	flush := func() error {
		if len(keys) == 0 {
			return ctx.Err()
		}
		err := m.countKeys(keys)
		keys = keys[:0]
		return err
	}
	err := eachSharedKey(m.inputs, func(key []byte) error {
		if keys = append(keys, key); len(keys) < sharedKeys {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// countKeys counts the rows of ascending keys.
func (m *digestMerger) countKeys(keys [][]byte) error {
	runs, err := m.read(keys, m.digest.Columns, func(input int, b *column.Batch) error {
		return m.shared[input].Add(b)
	})
	if err != nil {
		return err
	}
	rows := 0
	for _, r := range runs {
		rows += r.Rows
	}
	sorted := memtable.Sort(runs, base.AllTime, m.layout.Rule)
	if sorted.Rows() < rows { // which of them are equal, only all columns can tell
		if runs, err = m.read(keys, nil, nil); err != nil {
			return err
		}
		sorted = memtable.Sort(runs, base.AllTime, m.layout.Rule)
	}
	b, err := pickSorted(sorted, m.digest.Columns)
	if err != nil {
		return err
	}
	return m.sum.Add(b)
}

// read returns the rows of the keys in all inputs, and shows them to visit.
func (m *digestMerger) read(keys [][]byte, cols []column.ID, visit func(input int, b *column.Batch) error) ([]*memtable.Run, error) {
	var runs []*memtable.Run
	for i, p := range m.inputs {
		err := rowsOfKeys(p, keys, columnsIn(p, cols), func(b *column.Batch) error {
			runs = append(runs, &memtable.Run{Batch: b, Time: b.TimeRange()})
			if visit == nil {
				return nil
			}
			return visit(i, b)
		})
		if err != nil {
			return nil, &merge.InputError{Part: p.Meta().ID, Err: err}
		}
	}
	return runs, nil
}

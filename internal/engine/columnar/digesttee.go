package columnar

import (
	"slices"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/merge"
	"github.com/pandodb/pando/internal/mergepolicy"
	"github.com/pandodb/pando/internal/part"
)

// digestTee folds the rows of a part into its digest while the part is written: it
// keeps the few columns that a digest is made of as they go by, which costs next to
// nothing beside bringing them into order. It is a merge.Tee. A nil digestTee keeps
// nothing.
//
// Rows reach the final level once, so there they are folded once and the digest is
// stored. Parts of lower levels soon go: theirs is made only while somebody asks
// for digests, and remembered.
type digestTee struct {
	digest *column.Digest
	store  bool // in the part
	keep   bool // in memory
	rows   int  // expected
	batch  column.Batch
	terms  int // bytes of the columns' values
	made   sizedDigest
}

// maxTeeTerms bounds the distinct values that a tee keeps. Rows with more are
// folded when somebody asks for them.
const maxTeeTerms = 64 << 20

// digestTee returns the tee of a part of that level with about so many rows, nil
// for none.
func (t *Tablet) digestTee(level, rows int) *digestTee {
	tee := &digestTee{
		digest: t.o.Layout.Digest, rows: rows,
		store: level == mergepolicy.MaxLevel, keep: t.digests.wanted(t.o.Clock()),
	}
	if tee.digest == nil || !tee.store && !tee.keep {
		return nil
	}
	return tee
}

// Rows implements merge.Tee.
func (t *digestTee) Rows(id *column.Identity) {
	if t == nil {
		return
	}
	b := &t.batch
	if b.Rows == 0 {
		b.KeyCodes, b.Times, b.IDs = make([]uint32, 0, t.rows), make([]int64, 0, t.rows), make([]uint64, 0, t.rows)
	}
	for k, n := range id.Runs {
		// A run may go on from the rows before: the key under another code.
		code := b.Keys.Append(id.Keys.Value(uint32(k)))
		for range n {
			b.KeyCodes = append(b.KeyCodes, code)
		}
		b.Rows += int(n)
	}
	b.Times, b.IDs = append(b.Times, id.Times...), append(b.IDs, id.IDs...)
}

// Sink implements merge.Tee.
func (t *digestTee) Sink(id column.ID, to merge.Sink) merge.Sink {
	if t == nil || t.terms > maxTeeTerms || !slices.Contains(t.digest.Columns, id) {
		return to
	}
	t.batch.Cols = append(t.batch.Cols, column.Vector{ID: id})
	return &teeSink{Sink: to, tee: t, v: &t.batch.Cols[len(t.batch.Cols)-1]}
}

// finish folds the rows, and stores the digest beside the projections under its name.
func (t *digestTee) finish(w *part.Writer) error {
	if t == nil || t.terms > maxTeeTerms {
		return nil
	}
	t.batch.Cols = slices.DeleteFunc(t.batch.Cols, func(v column.Vector) bool { return v.Len() == 0 })
	f := t.digest.New()
	if err := f.Add(&t.batch); err != nil {
		return err
	}
	t.batch = column.Batch{}
	raw := f.Append(nil)
	if t.keep {
		var err error
		if t.made, err = decodeDigest(t.digest, raw); err != nil {
			return err
		}
		t.made.folded = !t.store
	}
	if !t.store {
		return nil
	}
	return w.AddProjection(t.digest.Name, raw)
}

// remember keeps the digest in memory as that of the part.
func (t *digestTee) remember(c *digestCache, id base.PartID) {
	if t != nil && t.made.value != nil {
		c.put(id, t.made)
	}
}

// teeSink keeps a column on its way to a writer.
type teeSink struct {
	merge.Sink
	tee   *digestTee
	v     *column.Vector
	codes []uint32          // by the writer's code: that of v.Dict plus one
	known map[string]uint32 // codes of values that came with AppendValues
}

// MapDict implements merge.Sink.
func (s *teeSink) MapDict(d *column.Dict) []uint32 {
	codes := s.Sink.MapDict(d)
	for i, c := range codes {
		for int(c) >= len(s.codes) {
			s.codes = append(s.codes, 0)
		}
		if s.codes[c] == 0 {
			s.codes[c] = s.term(d.Value(uint32(i))) + 1
		}
	}
	return codes
}

// term adds a value; once there are too many, they all become the first.
func (s *teeSink) term(value []byte) uint32 {
	if s.tee.terms += len(value); s.tee.terms > maxTeeTerms && s.v.Dict.Len() > 0 {
		return 0
	}
	return s.v.Dict.Append(value)
}

// AppendCodes implements merge.Sink.
func (s *teeSink) AppendCodes(rows, codes []uint32) error {
	s.place(rows)
	if s.v.Codes == nil && rows == nil {
		s.v.Codes = make([]uint32, 0, max(s.tee.rows, len(codes)))
	}
	for _, c := range codes {
		s.v.Codes = append(s.v.Codes, s.codes[c]-1)
	}
	return s.Sink.AppendCodes(rows, codes)
}

// AppendValues implements merge.Sink.
func (s *teeSink) AppendValues(rows []uint32, d *column.Dict, codes []uint32) error {
	s.place(rows)
	if s.known == nil {
		s.known = make(map[string]uint32)
	}
	own := make([]uint32, d.Len())
	for i := range own {
		value := d.Value(uint32(i))
		code, ok := s.known[string(value)]
		if !ok {
			code = s.term(value)
			s.known[string(value)] = code
		}
		own[i] = code
	}
	for _, c := range codes {
		s.v.Codes = append(s.v.Codes, own[c])
	}
	return s.Sink.AppendValues(rows, d, codes)
}

// AppendInts implements merge.Sink.
func (s *teeSink) AppendInts(rows []uint32, vals []int64) error {
	s.place(rows)
	if s.v.Ints == nil && rows == nil {
		s.v.Ints = make([]int64, 0, max(s.tee.rows, len(vals)))
	}
	s.v.Ints = append(s.v.Ints, vals...)
	return s.Sink.AppendInts(rows, vals)
}

// AppendFloats implements merge.Sink.
func (s *teeSink) AppendFloats(rows []uint32, vals []float64) error {
	s.place(rows)
	s.v.Floats = append(s.v.Floats, vals...)
	return s.Sink.AppendFloats(rows, vals)
}

// place keeps the rows of the next values; nil means all.
func (s *teeSink) place(rows []uint32) { s.v.Rows = append(s.v.Rows, rows...) }

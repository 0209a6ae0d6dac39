package columnar

import (
	"cmp"
	"context"
	"strings"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/memtable"
	"github.com/pandodb/pando/internal/part"
)

// Ref names a column, or a tag of a document column.
type Ref = column.Ref

// maxRefs is the most columns one Distinct combines.
const maxRefs = column.MaxRefs

// Tuple is one combination of values, as many as there were refs. An absent
// value has type zero.
type Tuple [maxRefs]column.Value

// maxTuples is the most combinations one Distinct returns, of a tablet or of a
// part: about 25 MB. Columns with more are no list that anybody reads.
const maxTuples = 100_000

func errTuples(refs []Ref) error {
	names := make([]string, len(refs))
	for i, r := range refs {
		names[i] = cmp.Or(r.Tag, r.Col.Name)
	}
	return base.Errorf(base.ClassTooLarge, "%s: more than %d different combinations: ask for fewer columns, or search instead of listing",
		strings.Join(names, ", "), maxTuples)
}

// Distinct returns every combination of the columns' values that some row has,
// in no order; above 100,000 it fails with a base.ClassTooLarge error. What a
// part holds is computed once and remembered with it, so values of rows past
// retention stay until their segment goes.
func (v *View) Distinct(ctx context.Context, refs []Ref) ([]Tuple, error) {
	if len(refs) == 0 || len(refs) > maxRefs {
		return nil, base.Errorf(base.ClassInvalid, "distinct over %d columns: want 1 to %d", len(refs), maxRefs)
	}
	out := tupleSet{seen: make(map[string]struct{})}
	for _, run := range v.runs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if out.addAll(distinctOfRun(v.layout, run, refs)); len(out.tuples) > maxTuples {
			return nil, errTuples(refs)
		}
	}
	for _, p := range v.parts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		tuples, err := v.tablet.distinctOfPart(ctx, p, refs)
		if err != nil {
			return nil, v.damaged(p, err)
		}
		if out.addAll(tuples); len(out.tuples) > maxTuples {
			return nil, errTuples(refs)
		}
	}
	return out.tuples, nil
}

// tupleSet collects tuples without duplicates.
type tupleSet struct {
	seen   map[string]struct{}
	tuples []Tuple
	key    []byte
}

func (s *tupleSet) addAll(tuples []Tuple) {
	for i := range tuples {
		s.key = s.key[:0]
		for _, v := range tuples[i] {
			s.key = append(s.key, byte(v.Type))
			if v.Type != 0 {
				n := len(s.key)
				s.key = append(s.key, 0, 0, 0, 0)
				s.key = v.AppendTerm(s.key)
				size := len(s.key) - n - 4
				s.key[n], s.key[n+1], s.key[n+2], s.key[n+3] = byte(size), byte(size>>8), byte(size>>16), byte(size>>24)
			}
		}
		if _, ok := s.seen[string(s.key)]; !ok {
			s.seen[string(s.key)] = struct{}{}
			s.tuples = append(s.tuples, tuples[i])
		}
	}
}

// codes is a combination of local codes; zero is absent.
type codes [maxRefs]uint32

// interner gives the values of one column local codes from 1 on.
type interner struct {
	ref    Ref
	layout *column.Layout
	codes  map[string]uint32
	values []column.Value // by code-1
}

func newInterners(l *column.Layout, refs []Ref) []interner {
	in := make([]interner, len(refs))
	for i, r := range refs {
		in[i] = interner{ref: r, layout: l, codes: make(map[string]uint32)}
	}
	return in
}

// code returns the local code of a column's value; for a document that of its
// first tag of the name, zero when it has none.
func (n *interner) code(v column.Value) uint32 {
	if n.ref.Col.Type == column.Doc {
		found := false
		n.layout.Expand(n.ref.Col, v.Bytes, func(t column.Tag) bool {
			if string(t.Name) == n.ref.Tag {
				v, found = t.Value, true
			}
			return !found
		})
		if !found {
			return 0
		}
	}
	var scratch [64]byte
	key := v.AppendTerm(append(scratch[:0], byte(v.Type)))
	c, ok := n.codes[string(key)]
	if !ok {
		v.Bytes = append([]byte(nil), v.Bytes...)
		n.values = append(n.values, v)
		c = uint32(len(n.values))
		n.codes[string(key)] = c
	}
	return c
}

// vectorCodes returns the local code of every row of a batch of n rows.
func (n *interner) vectorCodes(v *column.Vector, rows int, byCode []uint32) []uint32 {
	out := make([]uint32, rows)
	if v == nil {
		return out
	}
	if byCode == nil && v.ID.Type.Coded() {
		byCode = make([]uint32, v.Dict.Len())
		for i := range byCode {
			byCode[i] = n.code(column.Value{Type: v.ID.Type, Bytes: v.Dict.Value(uint32(i))})
		}
	}
	count := v.Len()
	if byCode != nil {
		count = len(v.Codes) // of whatever type: a part's codes stand for any
	}
	for i := range count {
		row := uint32(i)
		if v.Rows != nil {
			row = v.Rows[i]
		}
		if byCode != nil {
			out[row] = byCode[v.Codes[i]]
		} else {
			out[row] = n.code(v.At(i))
		}
	}
	return out
}

func collectTuples(in []interner, set map[codes]struct{}) []Tuple {
	out := make([]Tuple, 0, len(set))
	for c := range set {
		var t Tuple
		for i := range in {
			if c[i] > 0 {
				t[i] = in[i].values[c[i]-1]
			}
		}
		out = append(out, t)
	}
	return out
}

func addRows(set map[codes]struct{}, cols [][]uint32, rows int) {
	var last codes
	for r := range rows {
		var c codes
		for i := range cols {
			c[i] = cols[i][r]
		}
		if r > 0 && c == last {
			continue
		}
		last = c
		set[c] = struct{}{}
	}
}

func distinctOfRun(l *column.Layout, run *memtable.Run, refs []Ref) []Tuple {
	in, set := newInterners(l, refs), make(map[codes]struct{})
	cols := make([][]uint32, len(refs))
	for i := range refs {
		cols[i] = in[i].vectorCodes(run.Col(refs[i].Col), run.Rows, nil)
	}
	addRows(set, cols, run.Rows)
	return collectTuples(in, set)
}

// distinctKey is the key of a Distinct answer among what is remembered of a part.
type distinctKey [maxRefs]Ref

// distinctOfPart returns the part's combinations, from memory if it was asked
// before.
func (t *Tablet) distinctOfPart(ctx context.Context, p *part.Part, refs []Ref) ([]Tuple, error) {
	var key distinctKey
	copy(key[:], refs)
	if known, ok := t.memo.find(p, key); ok {
		return known.([]Tuple), nil
	}
	tuples, ok, err := storedTuples(t.o.Layout, p, refs)
	if err == nil && !ok {
		tuples, err = scanDistinct(ctx, t.o.Layout, p, refs)
	}
	if err != nil {
		return nil, err
	}
	t.memo.put(p, key, tuples)
	return tuples, nil
}

// scanDistinct reads the columns of every block.
func scanDistinct(ctx context.Context, l *column.Layout, p *part.Part, refs []Ref) ([]Tuple, error) {
	in, set := newInterners(l, refs), make(map[codes]struct{})
	cols := columnNumbers(p, refs)
	byCode := make([][]uint32, len(refs))
	for i, c := range cols {
		if c < 0 || p.ColumnInfo(c).Mode != part.Dict {
			continue
		}
		terms, err := p.Values(c)
		if err != nil {
			return nil, err
		}
		byCode[i] = make([]uint32, terms.Len())
		for o := range byCode[i] {
			byCode[i][o] = in[i].code(column.TermValue(refs[i].Col.Type, terms.Value(uint32(o))))
		}
	}
	rows := make([][]uint32, len(refs))
	for b := range p.Meta().Blocks {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(set) > maxTuples {
			return nil, errTuples(refs)
		}
		for i, c := range cols {
			var v *column.Vector
			if c >= 0 {
				var err error
				if v, err = p.ReadColumn(b, c); err != nil {
					return nil, err
				}
			}
			rows[i] = in[i].vectorCodes(v, p.Block(b).Rows, byCode[i])
		}
		addRows(set, rows, p.Block(b).Rows)
	}
	return collectTuples(in, set), nil
}

func columnNumbers(p *part.Part, refs []Ref) []int {
	cols := make([]int, len(refs))
	for i, r := range refs {
		cols[i] = -1
		if c, ok := p.Column(r.Col); ok {
			cols[i] = c
		}
	}
	return cols
}

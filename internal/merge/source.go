package merge

import (
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/part"
)

// columnOutput gathers values for the writer, a few thousand at a time.
type columnOutput struct {
	id     column.ID
	to     Sink
	dense  bool   // every row has a value: rows need not be listed
	next   uint32 // next output row
	rows   []uint32
	codes  []uint32
	ints   []int64
	floats []float64
}

const bufferedValues = 4096

// flush hands the gathered values to the writer.
func (o *columnOutput) flush() error {
	rows := o.rows
	if o.dense {
		rows = nil
	}
	var err error
	switch {
	case len(o.codes) > 0:
		err = o.to.AppendCodes(rows, o.codes)
	case len(o.ints) > 0:
		err = o.to.AppendInts(rows, o.ints)
	case len(o.floats) > 0:
		err = o.to.AppendFloats(rows, o.floats)
	}
	o.rows, o.codes, o.ints, o.floats = o.rows[:0], o.codes[:0], o.ints[:0], o.floats[:0]
	return err
}

// values hands the values of the rows just added to the writer, by codes of a
// dictionary that is only theirs.
func (o *columnOutput) values(d *column.Dict, codes []uint32) error {
	rows := o.rows
	if o.dense {
		rows = nil
	}
	err := o.to.AppendValues(rows, d, codes)
	o.rows = o.rows[:0]
	return err
}

// source walks one column of one input.
type source struct {
	part *part.Part
	col  int // -1: the input lacks the column

	block int // index of the block after the loaded one
	left  int // rows of the loaded block not yet taken
	row   uint32
	pos   int // in v
	v     *column.Vector

	// Codes of v become output codes through codeOf: dictionary columns map once
	// per part; numeric ones hold the values of the codes instead. Raw pages have
	// codes of their own dictionary, which the writer takes as it is.
	own      bool
	mapped   bool
	codeOf   []uint32
	intsOf   []int64
	floatsOf []float64
}

// take moves the next n rows of the source to the output, or drops them.
func (s *source) take(n int, drop bool, out *columnOutput) error {
	if s.col < 0 {
		if !drop {
			out.next += uint32(n)
		}
		return nil
	}
	for n > 0 {
		if s.left == 0 {
			if err := s.load(out); err != nil {
				return &InputError{Part: s.part.Meta().ID, Err: err}
			}
		}
		m := min(n, s.left)
		if err := s.copyRows(uint32(m), drop, out); err != nil {
			return err
		}
		s.row += uint32(m)
		s.left -= m
		n -= m
		if !drop {
			out.next += uint32(m)
		}
		if len(out.rows) >= bufferedValues {
			if err := out.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// load reads the next block's values.
func (s *source) load(out *columnOutput) error {
	v, err := s.part.ReadColumn(s.block, s.col)
	if err != nil {
		return err
	}
	s.v, s.pos, s.row, s.left = v, 0, 0, s.part.Block(s.block).Rows
	s.block++
	s.own = false
	if s.part.ColumnInfo(s.col).Mode == part.Dict {
		return s.mapTerms(out)
	}
	s.own = out.id.Type.Coded() // codes of the page's own dictionary
	return nil
}

// mapTerms maps the part's dictionary of the column, once.
func (s *source) mapTerms(out *columnOutput) error {
	if s.mapped {
		return nil
	}
	s.mapped = true
	terms, err := s.part.Values(s.col)
	if err != nil {
		return err
	}
	n := terms.Len()
	switch {
	case out.id.Type.Coded():
		s.codeOf = out.to.MapDict(terms)
	case out.id.Type == column.Float64:
		s.floatsOf = make([]float64, n)
		for i := range s.floatsOf {
			s.floatsOf[i] = column.TermValue(out.id.Type, terms.Value(uint32(i))).Float
		}
	default:
		s.intsOf = make([]int64, n)
		for i := range s.intsOf {
			s.intsOf[i] = column.TermValue(out.id.Type, terms.Value(uint32(i))).Int
		}
	}
	return nil
}

// copyRows copies the values of the next n rows of the loaded block.
func (s *source) copyRows(n uint32, drop bool, out *columnOutput) error {
	from := s.pos
	var to int
	if s.v.Rows == nil {
		to = from + int(n)
	} else {
		for to = from; to < len(s.v.Rows) && s.v.Rows[to] < s.row+n; {
			to++
		}
	}
	s.pos = to
	if drop || from == to {
		return nil
	}
	if s.own {
		// What waits has codes of another dictionary, and comes first.
		if err := out.flush(); err != nil {
			return err
		}
	}
	if s.v.Rows == nil {
		for i := range n {
			out.rows = append(out.rows, out.next+i)
		}
	} else {
		for _, r := range s.v.Rows[from:to] {
			out.rows = append(out.rows, out.next+r-s.row)
		}
	}
	if s.own {
		return out.values(&s.v.Dict, s.v.Codes[from:to])
	}
	s.copyValues(from, to, out)
	return nil
}

func (s *source) copyValues(from, to int, out *columnOutput) {
	switch {
	case s.codeOf != nil:
		for _, c := range s.v.Codes[from:to] {
			out.codes = append(out.codes, s.codeOf[c])
		}
	case s.intsOf != nil:
		for _, c := range s.v.Codes[from:to] {
			out.ints = append(out.ints, s.intsOf[c])
		}
	case s.floatsOf != nil:
		for _, c := range s.v.Codes[from:to] {
			out.floats = append(out.floats, s.floatsOf[c])
		}
	case out.id.Type == column.Float64:
		out.floats = append(out.floats, s.v.Floats[from:to]...)
	default:
		out.ints = append(out.ints, s.v.Ints[from:to]...)
	}
}

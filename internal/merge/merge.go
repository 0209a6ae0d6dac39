package merge

import (
	"context"
	"fmt"
	"slices"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/part"
)

// maxInputs is the most parts one merge takes; steps number sources in 16 bits.
const maxInputs = 1 << 16

// InputError says that reading an input failed, and which.
type InputError struct {
	Part base.PartID
	Err  error
}

// Error names the part.
func (e *InputError) Error() string { return fmt.Sprintf("read part %v: %v", e.Part, e.Err) }

// Unwrap returns the cause.
func (e *InputError) Unwrap() error { return e.Err }

// Job is a merge of parts.
type Job struct {
	Layout *column.Layout
	Inputs []*part.Part // oldest first
	Tee    Tee          // nil for none
}

// Tee sees what a merge writes: identities of all rows first, in order, then the
// values of one column after the other.
type Tee interface {
	// Rows is given the identities of the next rows, which it must not keep.
	Rows(id *column.Identity)
	// Sink returns where a column's values go: to its writer, or to what passes
	// them on to it.
	Sink(id column.ID, to Sink) Sink
}

// Sink takes the values of a column, piece by piece, as part.ColumnWriter does. It
// must not keep what it is given.
type Sink interface {
	MapDict(d *column.Dict) []uint32
	AppendCodes(rows, codes []uint32) error
	AppendValues(rows []uint32, d *column.Dict, codes []uint32) error
	AppendInts(rows []uint32, vals []int64) error
	AppendFloats(rows []uint32, vals []float64) error
}

// Run writes the rows of all inputs into w, which must be new. The caller
// finishes or aborts w. Of rows that are exact duplicates that of the first
// input stays. Inputs are read with their checksums verified, so damage is
// reported (as an InputError), never copied.
func (j *Job) Run(ctx context.Context, w *part.Writer) error {
	if len(j.Inputs) > maxInputs {
		return base.Errorf(base.ClassBug, "merge of %d parts", len(j.Inputs))
	}
	o := orderer{Job: j, out: w}
	if err := o.run(ctx); err != nil {
		return err
	}
	if err := w.FinishRows(); err != nil {
		return err
	}
	for _, id := range columnsOf(j.Inputs) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := j.mergeColumn(w, id, o.steps); err != nil {
			return fmt.Errorf("column %v: %w", id, err)
		}
	}
	return nil
}

// columnsOf returns every column of any input, ascending.
func columnsOf(inputs []*part.Part) []column.ID {
	var ids []column.ID
	for _, p := range inputs {
		for _, c := range p.Columns() {
			ids = append(ids, c.ID)
		}
	}
	slices.SortFunc(ids, column.ID.Compare)
	return slices.Compact(ids)
}

// mergeColumn replays the steps for one column.
func (j *Job) mergeColumn(w *part.Writer, id column.ID, steps []step) error {
	cw, err := w.Column(id)
	if err != nil {
		return err
	}
	out := columnOutput{id: id, to: cw, dense: true}
	if j.Tee != nil {
		out.to = j.Tee.Sink(id, cw)
	}
	sources := make([]source, len(j.Inputs))
	for i, p := range j.Inputs {
		s := source{part: p, col: -1}
		if col, ok := p.Column(id); ok {
			s.col = col
			out.dense = out.dense && p.ColumnInfo(col).Values == p.Meta().Rows
		} else {
			out.dense = false
		}
		sources[i] = s
	}
	for _, st := range steps {
		if err := sources[st.src].take(int(st.rows), st.drop, &out); err != nil {
			return err
		}
	}
	if err := out.flush(); err != nil {
		return err
	}
	return cw.Close()
}

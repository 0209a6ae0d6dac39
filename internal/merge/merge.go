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

// Parts writes the rows of all inputs into w, which must be new. The caller
// finishes or aborts w. Of rows that are exact duplicates that of the first
// input stays. Inputs are given oldest first and are read with their checksums
// verified, so damage is reported (as an InputError), never copied.
func Parts(ctx context.Context, w *part.Writer, l *column.Layout, inputs []*part.Part) error {
	if len(inputs) > maxInputs {
		return base.Errorf(base.ClassBug, "merge of %d parts", len(inputs))
	}
	o := orderer{layout: l, inputs: inputs, out: w}
	if err := o.run(ctx); err != nil {
		return err
	}
	if err := w.FinishRows(); err != nil {
		return err
	}
	for _, id := range columnsOf(inputs) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := mergeColumn(w, id, inputs, o.steps); err != nil {
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
func mergeColumn(w *part.Writer, id column.ID, inputs []*part.Part, steps []step) error {
	cw, err := w.Column(id)
	if err != nil {
		return err
	}
	out := columnOutput{id: id, cw: cw, dense: true}
	sources := make([]source, len(inputs))
	for i, p := range inputs {
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

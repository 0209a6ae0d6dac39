package columnar

import (
	"context"

	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/index"
	"github.com/pandodb/pando/internal/memtable"
	"github.com/pandodb/pando/internal/part"
)

// rowsLeaf asks a RowTest about the candidates, block by block.
func (e *partEval) rowsLeaf(ctx context.Context, x *Expr, within *index.Set) (*index.Set, error) {
	cols := make([]int, 0, 8) // not nil, which means all columns
	for _, id := range x.Rows.Columns() {
		if c, ok := e.part.Column(id); ok {
			cols = append(cols, c)
		}
	}
	var rows, buf, at, passed []uint32
	var batch column.Batch
	err := e.blocks(ctx, within, func(b int, info part.BlockInfo) error {
		buf = blockRows(within, info, buf[:0])
		first := buf[0] // the batch begins with the first candidate
		lo, hi := int(first)-info.FirstRow, int(buf[len(buf)-1])-info.FirstRow+1
		if err := e.part.ReadRows(b, lo, hi, cols, &batch); err != nil {
			return err
		}
		at = at[:0]
		for _, r := range buf {
			at = append(at, r-first)
		}
		passed = x.Rows.Select(&batch, at, passed[:0])
		for _, r := range passed {
			rows = append(rows, first+r)
		}
		return nil
	})
	return e.restrict(rows, nil), err
}

// rowsOfRun asks a RowTest about the candidates of a memtable batch; nil
// candidates are all rows.
func rowsOfRun(run *memtable.Run, x *Expr, within *index.Set) []uint32 {
	rows := rowSpan{0, uint32(run.Rows)}.appendRows(nil)
	if within != nil {
		rows = within.AppendTo(rows[:0])
	}
	cols := x.Rows.Columns()
	if cols == nil {
		cols = []column.ID{} // nil means all columns
	}
	return x.Rows.Select(run.Pick(cols), rows, nil)
}

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
	reader := newBlockReader(e, x.Rows.Columns())
	var rows, buf []uint32
	err := e.blocks(ctx, within, func(b int, info part.BlockInfo) error {
		buf = blockRows(within, info, buf[:0])
		first := uint32(info.FirstRow)
		for i := range buf {
			buf[i] -= first
		}
		from, err := reader.read(b, buf)
		if err != nil {
			return err
		}
		for i := range buf {
			buf[i] -= from
		}
		start := len(rows)
		rows = x.Rows.Select(&reader.batch, buf, rows)
		for i := start; i < len(rows); i++ {
			rows[i] += first + from
		}
		return nil
	})
	return e.restrict(rows, nil), err
}

// blockReader reads rows of blocks as batches. Columns come from the cache, with
// the dictionary of the part for a dictionary: nothing is copied but key codes
// and the numbers that a dictionary holds. Large dictionaries are not for that:
// with one, the rows are read from the file, up to the last candidate.
type blockReader struct {
	e     *partEval
	cols  []int // never nil, which would mean all columns
	large bool  // one of the columns has a large dictionary
	batch column.Batch
	nums  []column.Vector // by place in cols: memory for numbers
}

// largeDict is the number of terms from which a dictionary is better not decoded
// whole.
const largeDict = 4096

func newBlockReader(e *partEval, ids []column.ID) *blockReader {
	r := &blockReader{e: e, cols: make([]int, 0, len(ids))}
	for _, id := range ids {
		if c, ok := e.part.Column(id); ok {
			r.cols = append(r.cols, c)
			r.large = r.large || e.part.ColumnInfo(c).Distinct > largeDict
		}
	}
	r.nums = make([]column.Vector, len(r.cols))
	return r
}

// read makes the batch hold the listed rows of a block, and others. It returns
// the row of the block that is the batch's first.
func (r *blockReader) read(b int, rows []uint32) (from uint32, err error) {
	if r.large {
		from = rows[0]
		return from, r.e.part.ReadRows(b, int(from), int(rows[len(rows)-1])+1, r.cols, &r.batch)
	}
	id, err := r.e.part.ReadIdentity(b)
	if err != nil {
		return 0, err
	}
	r.batch.Rows, r.batch.Keys, r.batch.Times, r.batch.IDs = id.Rows(), id.Keys, id.Times, id.IDs
	r.batch.KeyCodes = r.batch.KeyCodes[:0]
	for k, n := range id.Runs {
		for range n {
			r.batch.KeyCodes = append(r.batch.KeyCodes, uint32(k))
		}
	}
	r.batch.Cols = r.batch.Cols[:0]
	for i, col := range r.cols {
		v, err := r.e.part.ReadColumn(b, col)
		if err != nil {
			return 0, err
		}
		if v.Rows != nil && len(v.Rows) == 0 {
			continue // no row of the block has a value
		}
		if r.e.part.ColumnInfo(col).Mode != part.Dict {
			r.batch.Cols = append(r.batch.Cols, *v)
			continue
		}
		terms, err := r.e.part.Values(col)
		if err != nil {
			return 0, err
		}
		r.batch.Cols = append(r.batch.Cols, resolved(v, terms, &r.nums[i]))
	}
	return 0, nil
}

// resolved returns the vector of a dictionary column with values in place of
// ordinals. Numbers are written to the memory of nums.
func resolved(v *column.Vector, terms *column.Dict, nums *column.Vector) column.Vector {
	out := column.Vector{ID: v.ID, Rows: v.Rows}
	switch {
	case v.ID.Type.Coded():
		out.Codes, out.Dict = v.Codes, *terms
		return out
	case v.ID.Type == column.Float64:
		nums.Floats = nums.Floats[:0]
		for _, c := range v.Codes {
			nums.Floats = append(nums.Floats, column.TermValue(column.Float64, terms.Value(c)).Float)
		}
	default:
		nums.Ints = nums.Ints[:0]
		for _, c := range v.Codes {
			nums.Ints = append(nums.Ints, column.TermValue(column.Int64, terms.Value(c)).Int)
		}
	}
	out.Ints, out.Floats = nums.Ints, nums.Floats
	return out
}

// rowsOfRun asks a RowTest about the candidates of a memtable batch; nil
// candidates are all rows.
func rowsOfRun(run *memtable.Run, x *Expr, within *index.Set) []uint32 {
	rows := rowSpan{0, uint32(run.Rows)}.appendRows(nil)
	if within != nil {
		rows = within.AppendTo(rows[:0])
	}
	if len(rows) == 0 {
		return nil
	}
	cols := x.Rows.Columns()
	if cols == nil {
		cols = []column.ID{} // nil means all columns
	}
	return x.Rows.Select(run.Pick(cols), rows, nil)
}

package columnar

import (
	"context"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/memtable"
	"github.com/pandodb/pando/internal/part"
)

// ReadRequest asks for all rows of some keys.
type ReadRequest struct {
	Keys [][]byte // distinct, any order
	// Columns to read, ascending; nil means all. Identities always come. Rows that
	// share an identity and differ in other columns only may come as one.
	Columns []column.ID
	Time    base.TimeRange
	// MaxRows bounds the answer; zero means no bound. Beyond it the call fails
	// with a base.ClassTooLarge error.
	MaxRows int
}

// ReadKeys returns the rows of the keys that have any: a self-contained batch per
// key, in the order of the keys, its rows sorted by identity and reconciled.
func (v *View) ReadKeys(ctx context.Context, req *ReadRequest) ([]*column.Batch, error) {
	g := gatherer{view: v, columns: req.Columns, maxRows: req.MaxRows, time: v.clip(req.Time)}
	out := make([]*column.Batch, 0, len(req.Keys))
	for _, key := range req.Keys {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := g.key(key); err != nil {
			return nil, err
		}
		if b := g.take(); b != nil {
			out = append(out, b)
		}
	}
	return out, nil
}

// ErrTooManyRows is the error of an answer that exceeds ReadRequest.MaxRows.
func ErrTooManyRows(limit int) error {
	return base.Errorf(base.ClassTooLarge, "answer has more than %d rows: narrow the time range or ask for less at once", limit)
}

// gatherer collects pieces of an answer: small self-contained batches.
type gatherer struct {
	view    *View
	columns []column.ID
	maxRows int
	time    base.TimeRange
	pieces  []*column.Batch
	// unsorted is set by rows of memtables; those of a part are in order and
	// reconciled among themselves.
	unsorted bool
	rows     int
}

func (g *gatherer) key(key []byte) error {
	for _, run := range g.view.runs {
		if rows := run.RowsOf(key); len(rows) > 0 && run.Time.Overlaps(g.time) {
			g.unsorted = true
			if err := g.add(run.Pick(g.columns).Select(rows)); err != nil {
				return err
			}
		}
	}
	for _, p := range g.view.parts {
		if !p.Meta().Time.Overlaps(g.time) || !p.MayContainKey(key) {
			continue
		}
		if err := g.keyOfPart(p, key); err != nil {
			return g.view.damaged(p, err)
		}
	}
	return nil
}

// keyOfPart adds the part's rows of the key.
func (g *gatherer) keyOfPart(p *part.Part, key []byte) error {
	lo, hi, ok := p.FindKey(key)
	if !ok {
		return nil
	}
	cols := columnsIn(p, g.columns)
	for b := lo; b < hi; b++ {
		batch := &column.Batch{}
		if err := p.ReadKey(b, key, cols, batch); err != nil {
			return err
		}
		if err := g.add(batch); err != nil {
			return err
		}
	}
	return nil
}

// columnsIn translates column IDs to the part's numbers; nil stays nil.
func columnsIn(p *part.Part, ids []column.ID) []int {
	if ids == nil {
		return nil
	}
	cols := make([]int, 0, len(ids))
	for _, id := range ids {
		if c, ok := p.Column(id); ok {
			cols = append(cols, c)
		}
	}
	return cols
}

// add keeps the rows of the piece that lie in the time range.
func (g *gatherer) add(b *column.Batch) error {
	if !g.time.Covers(b.TimeRange()) {
		rows := make([]uint32, 0, b.Rows)
		for i, t := range b.Times {
			if g.time.Contains(t) {
				rows = append(rows, uint32(i))
			}
		}
		b = b.Select(rows)
	}
	if b.Rows == 0 {
		return nil
	}
	g.rows += b.Rows
	if g.maxRows > 0 && g.rows > g.maxRows {
		return ErrTooManyRows(g.maxRows)
	}
	g.pieces = append(g.pieces, b)
	return nil
}

// take joins the pieces gathered since the last call, sorted and reconciled; nil
// when there are none.
func (g *gatherer) take() *column.Batch {
	pieces, unsorted := g.pieces, g.unsorted
	g.pieces, g.unsorted = nil, false
	if len(pieces) == 0 {
		return nil
	}
	if len(pieces) == 1 && !unsorted {
		return pieces[0]
	}
	runs := make([]*memtable.Run, len(pieces))
	for i, b := range pieces {
		runs[i] = &memtable.Run{Batch: b, Time: b.TimeRange()}
	}
	return memtable.Sort(runs, base.AllTime, g.view.layout.Rule).Batch()
}

package columnar

import (
	"context"
	"slices"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/memtable"
)

// TopRows returns the page of rows that match, in order, reconciled.
func (v *View) TopRows(ctx context.Context, req *TopRowsRequest) (*RowPage, error) {
	if err := req.Validate(); err != nil {
		return nil, err
	}
	g := gatherer{view: v, time: v.clip(req.Time)}
	for _, run := range v.runs {
		if rows := evalRun(v.layout, run, &req.Filter, g.time).AppendTo(nil); len(rows) > 0 {
			g.pieces = append(g.pieces, run.Select(rows))
		}
	}
	for _, p := range v.parts {
		e := partEval{layout: v.layout, part: p, memo: &v.tablet.memo}
		set, err := e.rows(ctx, &req.Filter, g.time)
		if err != nil {
			return nil, v.damaged(p, err)
		}
		for b := range p.Meta().Blocks {
			info := p.Block(b)
			rows := set.Slice(uint32(info.FirstRow), uint32(info.FirstRow+info.Rows), nil)
			for i := range rows {
				rows[i] -= uint32(info.FirstRow)
			}
			batch := &column.Batch{}
			if err := p.ReadRows(b, 0, info.Rows, nil, batch); err != nil {
				return nil, v.damaged(p, err)
			}
			g.pieces = append(g.pieces, batch.Select(rows))
		}
	}
	runs := make([]*memtable.Run, len(g.pieces))
	for i, b := range g.pieces {
		runs[i] = &memtable.Run{Batch: b, Time: b.TimeRange()}
	}
	all := memtable.Sort(runs, base.AllTime, v.layout.Rule).Batch()
	marks := make([]RowMark, all.Rows)
	rows := make([]uint32, all.Rows)
	for i := range marks {
		marks[i], rows[i] = markOf(all, i, req.Order), uint32(i)
	}
	slices.SortStableFunc(rows, func(a, b uint32) int {
		if c := CompareMarks(req.Order, &marks[a], &marks[b]); c != 0 {
			return c
		}
		return compareContent(all, int(a), all, int(b))
	})
	page := &RowPage{}
	var places []rowPlace
	for i, row := range rows {
		m := &marks[row]
		if i > 0 {
			before := marks[rows[i-1]]
			ties := before.Ties
			before.Ties = 0
			if CompareMarks(req.Order, &before, m) == 0 {
				m.Ties = ties + 1
			}
		}
		if req.After != nil && CompareMarks(req.Order, m, req.After) <= 0 {
			continue
		}
		if len(places) == req.Limit {
			page.More = true
			break
		}
		places = append(places, rowPlace{0, row})
		page.Marks = append(page.Marks, *m)
	}
	page.Batch = gatherRows([]*column.Batch{all.Pick(req.Columns)}, places)
	return page, nil
}

func markOf(b *column.Batch, row int, order []OrderTerm) RowMark {
	m := RowMark{Values: make([]int64, len(order)), Key: slices.Clone(b.Key(row)), Time: b.Times[row], ID: b.IDs[row]}
	for i := range order {
		switch order[i].Col {
		case RowKey:
		case RowTime:
			m.Values[i] = m.Time
		case RowID:
			m.Values[i] = int64(m.ID)
		default:
			if v := b.Col(order[i].Col); v != nil {
				if p, ok := v.Find(uint32(row)); ok {
					m.Values[i] = v.Ints[p]
				}
			}
		}
	}
	return m
}

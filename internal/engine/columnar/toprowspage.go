package columnar

import (
	"context"

	"github.com/pandodb/pando/internal/column"
)

// TopRows returns a page of the rows that match, in order. It is exact over
// memtables and parts and reconciles exact duplicates where the layout says so;
// under column.NewestWins a row that a newer version hides still comes.
//
// Walking pages by their last mark gives every row exactly once while rows are
// neither added nor dropped; flushes, merges and exact duplicates that come in
// between change nothing. A later page costs what the first one does.
func (v *View) TopRows(ctx context.Context, req *TopRowsRequest) (*RowPage, error) {
	found, err := v.FindRows(ctx, req)
	if err != nil {
		return nil, err
	}
	b, err := found.Read(ctx, len(found.Marks), req.maxBytes())
	if err != nil {
		return nil, err
	}
	more := found.More || b.Rows < len(found.Marks)
	return &RowPage{Batch: b, Marks: found.Marks[:b.Rows], More: more}, nil
}

// FoundRows is where the rows of a page are, before they are read: who asks many
// tablets reads only those that are among the first of all. It is of use as long
// as its View is open.
type FoundRows struct {
	Marks []RowMark // in order
	More  bool      // rows come after the last one

	scan *rowScan
	rows []pageRow
}

// FindRows is TopRows without reading the rows.
func (v *View) FindRows(ctx context.Context, req *TopRowsRequest) (*FoundRows, error) {
	if err := req.Validate(); err != nil {
		return nil, err
	}
	s := newRowScan(v, req)
	if err := s.run(ctx); err != nil {
		return nil, err
	}
	s.list.cut()
	rows, err := s.reconciled(ctx)
	if err != nil {
		return nil, err
	}
	f := &FoundRows{More: len(rows) > req.Limit, scan: s, rows: rows[:min(len(rows), req.Limit)]}
	f.Marks = make([]RowMark, len(f.rows))
	for i := range f.rows {
		f.Marks[i] = s.order.mark(f.rows[i].topRow, f.rows[i].ties)
	}
	return f, nil
}

// Read reads the first n rows, fewer where they would take more than maxBytes of
// memory, but at least one if n is not 0.
func (f *FoundRows) Read(ctx context.Context, n, maxBytes int) (*column.Batch, error) {
	r := rowReader{scan: f.scan, maxBytes: maxBytes}
	n, err := r.fill(ctx, f.rows[:n])
	if err != nil {
		return nil, err
	}
	return gatherRows(r.pieces, r.places[:n]), nil
}

// pageRow is a row of a page and how many rows tie with it and come before it.
type pageRow struct {
	*topRow
	ties uint32
}

// firstPlaces is of how many places contents are read at first.
const firstPlaces = 64

// reconciled returns the rows after the mark in order, up to one more than the
// limit. Rows at one place are told apart by their content, which is read for
// many places at once: first for a few, then for as many as the rows still
// wanted will have, if they are like those before, and at least twice as many.
func (s *rowScan) reconciled(ctx context.Context) ([]pageRow, error) {
	all, want := s.list.rows, s.req.Limit+1
	out := make([]pageRow, 0, min(len(all), want))
	var ends []int
	for i, places, rows := 0, 0, 0; i < len(all) && len(out) < want; {
		n := firstPlaces
		if places > 0 {
			n = max((want-len(out))*places/rows+1, places)
		}
		ends = s.list.groups(ends[:0], i, n)
		tied, err := s.hashed(ctx, i, ends)
		if err != nil {
			return nil, err
		}
		for first := i; len(ends) > 0; ends = ends[1:] {
			group := all[i:ends[0]]
			if len(group) > 1 {
				if group, err = s.distinct(ctx, tied[i-first:ends[0]-first]); err != nil {
					return nil, err
				}
			}
			out = s.appendPage(out, group)
			places, rows, i = places+1, rows+len(group), ends[0]
		}
	}
	return out[:min(len(out), want)], nil
}

// appendPage appends the rows of one place but for those that earlier pages had.
func (s *rowScan) appendPage(out []pageRow, group []topRow) []pageRow {
	skip := 0
	if s.list.after != nil && s.order.compare(&group[0], s.list.after) == 0 {
		skip = int(s.req.After.Ties) + 1
	}
	for j := skip; j < len(group); j++ {
		out = append(out, pageRow{&group[j], uint32(j)})
	}
	return out
}

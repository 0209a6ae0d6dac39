package columnar

import (
	"cmp"
	"context"
	"slices"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/part"
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

// reconciled returns the rows after the mark in order, up to one more than the
// limit. Rows at one place are told apart by their content.
func (s *rowScan) reconciled(ctx context.Context) ([]pageRow, error) {
	all := s.list.rows
	out := make([]pageRow, 0, min(len(all), s.req.Limit+1))
	for i := 0; i < len(all) && len(out) <= s.req.Limit; {
		end := s.list.group(i)
		skip := 0 // rows of the place that earlier pages had
		if s.list.after != nil && s.order.compare(&all[i], s.list.after) == 0 {
			skip = int(s.req.After.Ties) + 1
		}
		group := all[i:end]
		if len(group) > 1 {
			var err error
			if group, err = s.distinct(ctx, group); err != nil {
				return nil, err
			}
		}
		for j := skip; j < len(group) && len(out) <= s.req.Limit; j++ {
			out = append(out, pageRow{&group[j], uint32(j)})
		}
		i = end
	}
	return out, nil
}

// distinct orders rows of one identity by content and drops those that the
// layout's rule makes redundant.
func (s *rowScan) distinct(ctx context.Context, group []topRow) ([]topRow, error) {
	rows := make([]pageRow, len(group))
	for i := range group {
		rows[i].topRow = &group[i]
	}
	r := rowReader{scan: s, whole: true, maxBytes: DefaultPageBytes}
	n, err := r.fill(ctx, rows)
	if err != nil {
		return nil, err
	}
	if n < len(rows) {
		return nil, base.Errorf(base.ClassTooLarge, "more than %d MiB of rows share the key %x, time and id: filter them, or order by something else", DefaultPageBytes>>20, group[0].key)
	}
	order := make([]uint32, n)
	for i := range order {
		order[i] = uint32(i)
	}
	compare := func(a, b uint32) int {
		x, y := r.places[a], r.places[b]
		return compareContent(r.pieces[x.piece], int(x.row), r.pieces[y.piece], int(y.row))
	}
	slices.SortFunc(order, compare)
	if s.view.layout.Rule == column.DropExact {
		order = slices.CompactFunc(order, func(a, b uint32) bool { return compare(a, b) == 0 })
	}
	out := make([]topRow, len(order))
	for i, x := range order {
		out[i] = group[x]
	}
	return out, nil
}

// rowReader reads the columns of a page's rows.
type rowReader struct {
	scan     *rowScan
	whole    bool // all columns, not those of the request
	maxBytes int
	pieces   []*column.Batch
	places   []rowPlace // in pieces, of the rows of the page
	bytes    int
}

// Rows are read some at a time, since nobody knows how large they are: more as
// long as they turn out small.
const (
	firstChunkRows = 16
	chunkGrowth    = 4
)

// fill reads rows until they are all read or take too much memory, and returns
// how many it has: at least one if there are any.
func (r *rowReader) fill(ctx context.Context, rows []pageRow) (int, error) {
	r.places = make([]rowPlace, 0, len(rows))
	for chunk := firstChunkRows; len(r.places) < len(rows); chunk *= chunkGrowth {
		n := len(r.places)
		if n > 0 {
			perRow := max(r.bytes/n, 1)
			chunk = min(chunk, max((r.maxBytes-r.bytes)/perRow, 1))
		}
		if err := r.read(ctx, rows[n:min(n+chunk, len(rows))]); err != nil {
			return 0, err
		}
		if r.bytes > r.maxBytes {
			return r.fitting(), nil
		}
	}
	return len(r.places), nil
}

// fitting returns how many of the rows fit, by the average of their pieces.
func (r *rowReader) fitting() int {
	sum := 0
	for i, x := range r.places {
		if sum += r.rowBytes(x); sum > r.maxBytes {
			return max(i, 1)
		}
	}
	return len(r.places)
}

func (r *rowReader) rowBytes(x rowPlace) int {
	b := r.pieces[x.piece]
	return b.SizeBytes() / b.Rows
}

// read reads some rows, from each block once.
func (r *rowReader) read(ctx context.Context, rows []pageRow) error {
	base := len(r.places)
	r.places = r.places[:base+len(rows)]
	byPlace := make([]int, len(rows))
	for i := range byPlace {
		byPlace[i] = i
	}
	slices.SortFunc(byPlace, func(a, b int) int {
		return cmp.Or(cmp.Compare(rows[a].src, rows[b].src), cmp.Compare(rows[a].row, rows[b].row))
	})
	for i := 0; i < len(byPlace); {
		if err := ctx.Err(); err != nil {
			return err
		}
		src := int(rows[byPlace[i]].src)
		end, err := r.readPiece(rows, byPlace[i:], src)
		if err != nil {
			return err
		}
		b := r.pieces[len(r.pieces)-1]
		r.bytes += b.SizeBytes()
		for j, at := range byPlace[i : i+end] {
			r.places[base+at] = rowPlace{int32(len(r.pieces) - 1), uint32(j)}
		}
		i += end
	}
	return nil
}

// readPiece reads the first of the rows, all that lie together, and returns how
// many those are.
func (r *rowReader) readPiece(rows []pageRow, byPlace []int, src int) (int, error) {
	v := r.scan.view
	if src < len(v.runs) {
		return r.readRun(rows, byPlace, src), nil
	}
	p := v.parts[src-len(v.runs)]
	n, err := r.readBlock(p, rows, byPlace, src)
	if err != nil {
		return 0, v.damaged(p, err)
	}
	return n, nil
}

// columns returns the columns to read.
func (r *rowReader) columns() []column.ID {
	if r.whole {
		return nil
	}
	return r.scan.req.Columns
}

func (r *rowReader) readRun(rows []pageRow, byPlace []int, src int) int {
	var list []uint32
	for _, at := range byPlace {
		if int(rows[at].src) != src {
			break
		}
		list = append(list, rows[at].row)
	}
	run := r.scan.view.runs[src]
	r.pieces = append(r.pieces, run.Pick(r.columns()).Extract(list))
	return len(list)
}

// maxGap is how many unwanted rows are read rather than to begin another read
// of the same block.
const maxGap = 32

func (r *rowReader) readBlock(p *part.Part, rows []pageRow, byPlace []int, src int) (int, error) {
	first := rows[byPlace[0]].row
	block := p.BlockOfRow(int(first))
	info := p.Block(block)
	blockEnd := uint32(info.FirstRow + info.Rows)
	var list []uint32
	last := first
	for _, at := range byPlace {
		row := rows[at].row
		if int(rows[at].src) != src || row >= blockEnd || row-last > maxGap {
			break
		}
		list = append(list, row-first)
		last = row
	}
	b := &column.Batch{}
	lo := int(first) - info.FirstRow
	if err := p.ReadRows(block, lo, lo+int(last-first)+1, columnsIn(p, r.columns()), b); err != nil {
		return 0, err
	}
	if len(list) < b.Rows {
		b = b.Extract(list)
	}
	r.pieces = append(r.pieces, b)
	return len(list), nil
}

package columnar

import (
	"cmp"
	"context"
	"slices"

	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/part"
)

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
	var list []uint32
	for i := 0; i < len(byPlace); {
		if err := ctx.Err(); err != nil {
			return err
		}
		src := rows[byPlace[i]].src
		list = list[:0]
		for _, at := range byPlace[i:] {
			if rows[at].src != src {
				break
			}
			list = append(list, rows[at].row)
		}
		end, err := r.readPiece(list, int(src))
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

// readPiece reads the first of some rows of a source, all that lie together, and
// returns how many those are.
func (r *rowReader) readPiece(rows []uint32, src int) (int, error) {
	v := r.scan.view
	if src < len(v.runs) {
		r.pieces = append(r.pieces, v.runs[src].Pick(r.columns()).Extract(rows))
		return len(rows), nil
	}
	p := v.parts[src-len(v.runs)]
	n, err := r.readBlock(p, rows)
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

// maxGap is how many unwanted rows are read rather than to begin another read
// of the same block.
const maxGap = 32

// rowPiece is rows of a block that are read together.
type rowPiece struct {
	block  int
	first  uint32 // the row of the part that lo is
	lo, hi int    // of the block
	n      int    // how many of the rows that were asked for are in it
}

// pieceOf returns the first of some ascending rows of a part, all that lie
// together.
func pieceOf(p *part.Part, rows []uint32) rowPiece {
	first := rows[0]
	x := rowPiece{block: p.BlockOfRow(int(first)), first: first, n: 1}
	info := p.Block(x.block)
	end := uint32(info.FirstRow + info.Rows)
	for x.n < len(rows) && rows[x.n] < end && rows[x.n]-rows[x.n-1] <= maxGap {
		x.n++
	}
	x.lo = int(first) - info.FirstRow
	x.hi = int(rows[x.n-1]) - info.FirstRow + 1
	return x
}

// places appends where in the piece its rows are.
func (x *rowPiece) places(dst, rows []uint32) []uint32 {
	for _, row := range rows[:x.n] {
		dst = append(dst, row-x.first)
	}
	return dst
}

func (r *rowReader) readBlock(p *part.Part, rows []uint32) (int, error) {
	x := pieceOf(p, rows)
	b := &column.Batch{}
	if err := p.ReadRows(x.block, x.lo, x.hi, columnsIn(p, r.columns()), b); err != nil {
		return 0, err
	}
	if x.n < b.Rows {
		b = b.Extract(x.places(nil, rows))
	}
	r.pieces = append(r.pieces, b)
	return x.n, nil
}

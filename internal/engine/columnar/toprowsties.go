package columnar

import (
	"cmp"
	"context"
	"slices"

	"github.com/pandodb/pando/internal/column"
)

// tiedRow is one of several rows of one identity, with a hash of its content.
type tiedRow struct {
	row  *topRow
	hash uint64
}

// tieChunk is how many tied rows are read at once: a sender that gives all its
// rows one identity must not fill the memory.
const tieChunk = 64

// distinct orders rows of one identity by content and drops those that the
// layout's rule makes redundant. The order is that of the hash of the content,
// then of the content: the same wherever the rows are kept, and to be had
// without holding them all.
func (s *rowScan) distinct(ctx context.Context, group []topRow) ([]topRow, error) {
	tied, err := s.hashed(ctx, group)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(tied, func(a, b tiedRow) int { return cmp.Compare(a.hash, b.hash) })
	out := make([]topRow, 0, len(tied))
	for i := 0; i < len(tied); {
		end := i + 1
		for end < len(tied) && tied[end].hash == tied[i].hash {
			end++
		}
		if end-i == 1 {
			out = append(out, *tied[i].row)
		} else if out, err = s.appendOrdered(ctx, out, tied[i:end]); err != nil {
			return nil, err
		}
		i = end
	}
	return out, nil
}

// hashed reads the rows and keeps a hash of each.
func (s *rowScan) hashed(ctx context.Context, group []topRow) ([]tiedRow, error) {
	tied := make([]tiedRow, len(group))
	for i := range group {
		tied[i].row = &group[i]
	}
	err := s.eachTied(ctx, tied, func(i int, b *column.Batch, row uint32) {
		tied[i].hash = column.HashRow(b, int(row))
	})
	return tied, err
}

// eachTied reads the rows whole, a few at a time, and calls visit for each.
func (s *rowScan) eachTied(ctx context.Context, tied []tiedRow, visit func(i int, b *column.Batch, row uint32)) error {
	for first := 0; first < len(tied); {
		rows := make([]pageRow, min(tieChunk, len(tied)-first))
		for i := range rows {
			rows[i].topRow = tied[first+i].row
		}
		r := rowReader{scan: s, whole: true, maxBytes: DefaultPageBytes / 4}
		n, err := r.fill(ctx, rows)
		if err != nil {
			return err
		}
		for i, x := range r.places[:n] {
			visit(first+i, r.pieces[x.piece], x.row)
		}
		first += n
	}
	return nil
}

// appendOrdered appends rows of equal hash: mostly one row that is in several
// places.
func (s *rowScan) appendOrdered(ctx context.Context, out []topRow, tied []tiedRow) ([]topRow, error) {
	type content struct {
		batch *column.Batch
		rows  []*topRow // that have it
	}
	var known []content // in order
	err := s.eachTied(ctx, tied, func(i int, b *column.Batch, row uint32) {
		at, ok := slices.BinarySearchFunc(known, row, func(c content, row uint32) int {
			return compareContent(c.batch, 0, b, int(row))
		})
		if !ok {
			known = slices.Insert(known, at, content{batch: b.Extract([]uint32{row})})
		}
		known[at].rows = append(known[at].rows, tied[i].row)
	})
	if err != nil {
		return nil, err
	}
	for _, c := range known {
		if s.view.layout.Rule == column.DropExact {
			c.rows = c.rows[:1]
		}
		for _, row := range c.rows {
			out = append(out, *row)
		}
	}
	return out, nil
}

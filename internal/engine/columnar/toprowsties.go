package columnar

import (
	"cmp"
	"context"
	"slices"

	"github.com/pandodb/pando/internal/column"
)

// tiedRow is one of several rows of one identity, with the hashes of its content.
type tiedRow struct {
	row  *topRow
	hash column.RowHash
}

// compare orders rows of one identity by the hash of their content: the same
// wherever they are kept. Equal rows follow one another, first those of the first
// source, so that the pages of copies are read from few.
func (x *tiedRow) compare(o *tiedRow) int {
	return cmp.Or(cmp.Compare(x.hash.Hash, o.hash.Hash), cmp.Compare(x.hash.Check, o.hash.Check),
		cmp.Compare(x.row.src, o.row.src), cmp.Compare(x.row.row, o.row.row))
}

// tieChunk is how many tied rows are read at once, at first and where contents
// are compared: a sender that gives all its rows one identity must not fill the
// memory. tieBytes is how much memory they take, by the size of those before.
const (
	tieChunk = 64
	tieBytes = DefaultPageBytes / 4
)

// distinct orders rows of one identity by content and drops those that the
// layout's rule makes redundant. The order is that of the hash of the content,
// then of the content: the same wherever the rows are kept, and to be had
// without holding them all.
func (s *rowScan) distinct(ctx context.Context, tied []tiedRow) ([]topRow, error) {
	slices.SortFunc(tied, func(a, b tiedRow) int { return a.compare(&b) })
	if s.view.layout.Rule == column.DropExact {
		tied = slices.CompactFunc(tied, func(a, b tiedRow) bool { return a.hash == b.hash })
	}
	out := make([]topRow, 0, len(tied))
	for i := 0; i < len(tied); {
		end, alike := i+1, true
		for end < len(tied) && tied[end].hash.Hash == tied[i].hash.Hash {
			alike = alike && tied[end].hash == tied[i].hash
			end++
		}
		if !alike {
			var err error
			if out, err = s.appendOrdered(ctx, out, tied[i:end]); err != nil {
				return nil, err
			}
		}
		for ; alike && i < end; i++ {
			out = append(out, *tied[i].row)
		}
		i = end
	}
	return out, nil
}

// hashed returns the rows of some groups, beginning with that of row first, and
// hashes the contents of those that share their place. It reads what it takes of
// each block once: with many copies of many rows that is most of their cost.
func (s *rowScan) hashed(ctx context.Context, first int, ends []int) ([]tiedRow, error) {
	all := s.list.rows
	tied := make([]tiedRow, ends[len(ends)-1]-first)
	var byPlace []*tiedRow
	for i := first; len(ends) > 0; ends = ends[1:] {
		alone := ends[0]-i == 1
		for ; i < ends[0]; i++ {
			x := &tied[i-first]
			if x.row = &all[i]; !alone {
				byPlace = append(byPlace, x)
			}
		}
	}
	slices.SortFunc(byPlace, func(a, b *tiedRow) int {
		return cmp.Or(cmp.Compare(a.row.src, b.row.src), cmp.Compare(a.row.row, b.row.row))
	})
	return tied, s.hash(ctx, byPlace)
}

// hash sets the hashes of rows that are in the order of their places.
func (s *rowScan) hash(ctx context.Context, byPlace []*tiedRow) error {
	h := tieHasher{scan: s, hasher: column.NewRowHasher(), chunk: tieChunk}
	for i := 0; i < len(byPlace); {
		src := byPlace[i].row.src
		h.rows = h.rows[:0]
		for _, x := range byPlace[i:] {
			if x.row.src != src {
				break
			}
			h.rows = append(h.rows, x.row.row)
		}
		if err := h.source(ctx, int(src)); err != nil {
			return err
		}
		for j := range h.hashes {
			byPlace[i+j].hash = h.hashes[j]
		}
		i += len(h.rows)
	}
	return nil
}

// tieHasher hashes the rows of one source at a time.
type tieHasher struct {
	scan   *rowScan
	hasher *column.RowHasher
	rows   []uint32 // of the source, ascending
	hashes []column.RowHash
	chunk  int // how many rows of a part to read at once
	batch  column.Batch
	at     []uint32 // places of rows in batch
}

// source hashes the rows of a source: of a run where they are.
func (h *tieHasher) source(ctx context.Context, src int) error {
	v := h.scan.view
	h.hashes = h.hashes[:0]
	if err := ctx.Err(); err != nil {
		return err
	}
	if src < len(v.runs) {
		h.hashes = h.hasher.Hash(h.hashes, v.runs[src].Batch, h.rows)
		return nil
	}
	p := v.parts[src-len(v.runs)]
	for rest := h.rows; len(rest) > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		x := pieceOf(p, rest[:min(h.chunk, len(rest))])
		if err := p.ReadRows(x.block, x.lo, x.hi, nil, &h.batch); err != nil {
			return v.damaged(p, err)
		}
		h.at = x.places(h.at[:0], rest)
		h.hashes = h.hasher.Hash(h.hashes, &h.batch, h.at)
		perRow := h.batch.SizeBytes()/h.batch.Rows + 1
		h.chunk = max(min(chunkGrowth*h.chunk, tieBytes/perRow), 1)
		rest = rest[x.n:]
	}
	return nil
}

// eachTied reads the rows whole, a few at a time, and calls visit for each.
func (s *rowScan) eachTied(ctx context.Context, tied []tiedRow, visit func(i int, b *column.Batch, row uint32)) error {
	for first := 0; first < len(tied); {
		rows := make([]pageRow, min(tieChunk, len(tied)-first))
		for i := range rows {
			rows[i].topRow = tied[first+i].row
		}
		r := rowReader{scan: s, whole: true, maxBytes: tieBytes}
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

// appendOrdered appends rows that share a hash and differ in content, which
// somebody must have taken pains for.
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
		for _, row := range c.rows {
			out = append(out, *row)
		}
	}
	return out, nil
}

package columnar

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/pandodb/pando/internal/part"
)

// boundedBlock is a block and what the first term can be in it, masked.
type boundedBlock struct {
	first, last int64
	part, block int32
}

// byBound visits the blocks of all parts in the order of their best possible
// row, until no block can have a better one than the list.
func (s *rowScan) byBound(ctx context.Context) error {
	var blocks []boundedBlock
	for i := range s.view.parts {
		blocks = s.appendBlocks(blocks, i)
	}
	slices.SortFunc(blocks, func(a, b boundedBlock) int {
		return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.part, b.part), cmp.Compare(a.block, b.block))
	})
	for chunk := s.firstChunk(); len(blocks) > 0; chunk = s.nextChunk(chunk) {
		_, last := s.list.window()
		n := 0
		for n < min(chunk, len(blocks)) && blocks[n].first <= last {
			n++
		}
		if n == 0 {
			return nil
		}
		if err := s.chunk(ctx, blocks[:n]); err != nil {
			return err
		}
		blocks = blocks[n:]
	}
	return nil
}

// appendBlocks appends the blocks of a part that can have a wanted row.
func (s *rowScan) appendBlocks(dst []boundedBlock, n int) []boundedBlock {
	p := s.view.parts[n]
	if !p.Meta().Time.Overlaps(s.time) {
		return dst
	}
	t := &s.order.terms[0]
	col := -1
	if c, ok := p.Column(t.col); t.kind == colTerm && ok {
		col = c
	}
	first, last := s.list.window()
	for b := range p.Meta().Blocks {
		info := p.Block(b)
		if !info.Time.Overlaps(s.time) {
			continue
		}
		lo, hi := s.valuesOf(p, b, col, info)
		lo, hi = lo^t.mask, hi^t.mask
		lo, hi = min(lo, hi), max(lo, hi)
		if lo <= last && hi >= first {
			dst = append(dst, boundedBlock{first: max(lo, first), last: hi, part: int32(n), block: int32(b)})
		}
	}
	return dst
}

// valuesOf bounds the values of the first term in a block, without reading it.
// For ids it returns the bounds of what the mask makes of them.
func (s *rowScan) valuesOf(p *part.Part, b, col int, info part.BlockInfo) (lo, hi int64) {
	lo, hi = math.MinInt64, math.MaxInt64
	switch t := &s.order.terms[0]; {
	case t.kind == timeTerm:
		r := info.Time.Intersect(s.time)
		return r.Start, r.End - 1
	case t.kind == idTerm:
		return lo ^ t.mask, hi ^ t.mask
	case col < 0:
		return 0, 0 // absent everywhere
	case !p.HasZone(col):
		return lo, hi
	}
	zlo, zhi, ok := p.Zone(col, b)
	switch {
	case !ok:
		return 0, 0
	case p.ColumnInfo(col).Values < p.Meta().Rows: // some block has absent values
		return min(zlo, 0), max(zhi, 0)
	}
	return zlo, zhi
}

// byKey visits the parts block by block in the order of keys where that is the
// order of the request, and stops behind the last wanted key.
func (s *rowScan) byKey(ctx context.Context) error {
	for n, p := range s.view.parts {
		if !p.Meta().Time.Overlaps(s.time) {
			continue
		}
		if err := s.partByKey(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

func (s *rowScan) partByKey(ctx context.Context, n int) error {
	p, t := s.view.parts[n], &s.order.terms[0]
	sorted := sharePrefix(p.Meta(), t.from)
	block, end, step := 0, p.Meta().Blocks, 1
	if sorted {
		block, end, step = s.keyBlocks(p, t)
	}
	var blocks []boundedBlock
	chunk := s.firstChunk()
	for ; block != end; block += step {
		if sorted && s.list.full {
			id, err := p.ReadIdentity(block)
			if err != nil {
				return s.view.damaged(p, err)
			}
			next := uint32(0) // the key that comes first
			if t.desc {
				next = uint32(id.Keys.Len() - 1)
			}
			if s.list.behindKeys(id.Keys.Value(next)) {
				break
			}
		}
		if !p.Block(block).Time.Overlaps(s.time) {
			continue
		}
		blocks = append(blocks, boundedBlock{part: int32(n), block: int32(block)})
		if len(blocks) < chunk {
			continue
		}
		if err := s.chunk(ctx, blocks); err != nil {
			return err
		}
		blocks, chunk = blocks[:0], s.nextChunk(chunk)
	}
	return s.chunk(ctx, blocks)
}

// sharePrefix reports whether all keys of a part begin with the same n bytes:
// then what follows them is in order.
func sharePrefix(m *part.Meta, n int) bool {
	return len(m.MinKey) >= n && len(m.MaxKey) >= n && string(m.MinKey[:n]) == string(m.MaxKey[:n])
}

// keyBlocks returns the blocks of a part that can have keys from the mark on, in
// the order of the term: the first, where to stop, and the step.
func (s *rowScan) keyBlocks(p *part.Part, t *rowTerm) (first, end, step int) {
	blocks := p.Meta().Blocks
	var mark []byte
	if a := s.list.after; a != nil {
		mark = append(mark, p.Meta().MinKey[:t.from]...)
		mark = append(mark, a.key[min(t.from, len(a.key)):]...)
	}
	switch {
	case !t.desc && mark == nil:
		return 0, blocks, 1
	case !t.desc:
		return p.SeekKey(mark), blocks, 1
	case mark == nil:
		return blocks - 1, -1, -1
	default:
		return min(p.SeekKey(append(mark, 0)), blocks-1), -1, -1
	}
}

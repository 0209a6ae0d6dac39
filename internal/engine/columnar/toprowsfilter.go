package columnar

import (
	"cmp"
	"context"
	"slices"

	"github.com/pandodb/pando/internal/index"
	"github.com/pandodb/pando/internal/part"
)

// partFilter is what is known of the rows of a part that match the filter.
type partFilter struct {
	eval  *partEval  // nil: not asked yet whether the filter is cheap here
	cheap bool       // set has all rows of the part that match
	set   *index.Set // else those of the chunk at hand
}

// cheapShare is the part of a part's rows that a filter may cost, or leave, to be
// evaluated at once. Beyond it the filter only sees the rows that the first term
// of the order lets pass, some blocks at a time: mostly those of the first few
// blocks, and hardly any once the list is full.
const cheapShare = 1.0 / 16

// Blocks are visited some at a time, since evaluating a filter has a price of its
// own: first few, which fill the list, then more. Without a filter one at a time.
const (
	firstChunkBlocks = 4
	maxChunkBlocks   = 128
)

func (s *rowScan) firstChunk() int {
	if s.all {
		return 1
	}
	return firstChunkBlocks
}

func (s *rowScan) nextChunk(n int) int {
	if s.all {
		return 1
	}
	return min(2*n, maxChunkBlocks)
}

// chunk offers the rows of some blocks, in any order.
func (s *rowScan) chunk(ctx context.Context, blocks []boundedBlock) error {
	slices.SortFunc(blocks, func(a, b boundedBlock) int {
		return cmp.Or(cmp.Compare(a.part, b.part), cmp.Compare(a.block, b.block))
	})
	for i := 0; i < len(blocks); {
		end := i + 1
		for end < len(blocks) && blocks[end].part == blocks[i].part {
			end++
		}
		n := int(blocks[i].part)
		if err := s.blocksOf(ctx, n, blocks[i:end]); err != nil {
			return s.view.damaged(s.view.parts[n], err)
		}
		i = end
	}
	return nil
}

// blocksOf offers the rows of some blocks of one part, ascending.
func (s *rowScan) blocksOf(ctx context.Context, n int, blocks []boundedBlock) error {
	if !s.all {
		if err := s.filter(ctx, n, blocks); err != nil {
			return err
		}
	}
	for _, x := range blocks {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.block(n, int(x.block)); err != nil {
			return err
		}
	}
	return nil
}

// filter finds the rows of the blocks that match the filter, at least those that
// the list can take.
func (s *rowScan) filter(ctx context.Context, n int, blocks []boundedBlock) error {
	f, p := &s.parts[n], s.view.parts[n]
	if f.eval == nil {
		f.eval = &partEval{layout: s.view.layout, part: p, memo: &s.view.tablet.memo}
		cost, err := f.eval.cost(ctx, &s.req.Filter)
		if err != nil {
			return err
		}
		if f.cheap = float64(cost.rows+cost.work) <= cheapShare*float64(p.Meta().Rows); f.cheap {
			f.set, err = f.eval.rows(ctx, &s.req.Filter, s.time)
			return err
		}
	}
	if f.cheap {
		return nil
	}
	rows := s.rows[:0]
	for _, x := range blocks {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.pick.reset(p.Block(int(x.block)).Rows)
		b, err := s.narrow(p, int(x.block), true)
		if err != nil {
			return err
		}
		s.pick.list()
		for _, r := range s.pick.rows {
			rows = append(rows, b.first+r)
		}
	}
	s.rows = rows
	var within index.Set
	within.SetRows(p.Meta().Rows, rows)
	if f.set = &within; len(rows) == 0 {
		return nil
	}
	var err error
	f.set, err = f.eval.eval(ctx, &s.req.Filter, &within)
	return err
}

// block offers the rows of one block.
func (s *rowScan) block(n, block int) error {
	p := s.view.parts[n]
	info := p.Block(block)
	s.pick.reset(info.Rows)
	if !s.all {
		first := uint32(info.FirstRow)
		s.pick.all, s.pick.rows = false, s.parts[n].set.Slice(first, first+uint32(info.Rows), s.pick.rows[:0])
		for i := range s.pick.rows {
			s.pick.rows[i] -= first
		}
		if s.pick.none() {
			return nil
		}
	}
	b, err := s.narrow(p, block, s.all)
	if err != nil || s.pick.none() {
		return err
	}
	if err := s.readIdentity(p, block, &b); err != nil {
		return err
	}
	for i := 1; i < len(s.order.terms); i++ {
		if s.order.terms[i].kind != colTerm {
			continue
		}
		if err := s.readColumn(p, block, &b, i); err != nil {
			return err
		}
	}
	s.offer(int32(len(s.view.runs)+n), &b)
	return nil
}

// narrow keeps the candidates that the first term and, when asked, the time range
// let pass. It reads no more of the block than that takes.
func (s *rowScan) narrow(p *part.Part, block int, inTime bool) (rowBlock, error) {
	info := p.Block(block)
	b := rowBlock{rows: info.Rows, first: uint32(info.FirstRow), cols: s.columns()}
	var err error
	if s.order.terms[0].kind == colTerm {
		err = s.readColumn(p, block, &b, 0)
	} else {
		err = s.readIdentity(p, block, &b)
	}
	if err != nil {
		return b, err
	}
	if s.firstTerm(&b); s.pick.none() || !inTime || s.time.Covers(info.Time) {
		return b, nil
	}
	if err := s.readIdentity(p, block, &b); err != nil {
		return b, err
	}
	s.pick.inTime(b.times, s.time)
	return b, nil
}

// readIdentity reads the block's keys, times and ids unless b has them.
func (s *rowScan) readIdentity(p *part.Part, block int, b *rowBlock) error {
	if b.keys != nil {
		return nil
	}
	id, err := p.ReadIdentity(block)
	if err != nil {
		return err
	}
	b.times, b.ids, b.keys, b.runs = id.Times, id.IDs, &id.Keys, id.Runs
	return nil
}

// readColumn reads the column of a term.
func (s *rowScan) readColumn(p *part.Part, block int, b *rowBlock, term int) error {
	col, ok := p.Column(s.order.terms[term].col)
	if !ok {
		return nil
	}
	var err error
	c := &b.cols[term]
	if c.v, err = p.ReadColumn(block, col); err != nil {
		return err
	}
	if p.ColumnInfo(col).Mode == part.Dict {
		c.terms, err = p.Terms(col)
	}
	return err
}

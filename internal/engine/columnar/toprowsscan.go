package columnar

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/index"
	"github.com/pandodb/pando/internal/memtable"
	"github.com/pandodb/pando/internal/part"
)

// rowScan offers the rows of a view to a list. Sources are numbered: first the
// runs, then the parts.
type rowScan struct {
	view  *View
	req   *TopRowsRequest
	time  base.TimeRange
	all   bool // the filter lets every row pass
	order *rowOrder
	list  *topRowList
	sets  []*index.Set // by part: the rows that match, once known
	pick  rowPicker
	row   topRow // memory of the row on offer
	cols  []intColumn
}

func newRowScan(v *View, req *TopRowsRequest) *rowScan {
	s := &rowScan{view: v, req: req, time: v.clip(req.Time), all: req.Filter.matchesAll(), order: newRowOrder(req.Order)}
	s.sets = make([]*index.Set, len(v.parts))
	s.row.vals = make([]int64, len(s.order.terms))
	s.cols = make([]intColumn, len(s.order.terms))
	places := req.Limit + 1 // one more tells whether there is more
	var after *topRow
	if req.After != nil {
		after = s.order.row(req.After)
		places++ // all rows of the mark's own place may be before it
	}
	s.list = newTopRowList(s.order, places, after)
	return s
}

// matchesAll reports that the filter lets every row pass.
func (x *Expr) matchesAll() bool {
	if x.Op == OpAnd {
		return !slices.ContainsFunc(x.Kids, func(k Expr) bool { return !k.matchesAll() })
	}
	return x.Op == OpTrue
}

// run offers all rows that can be among the first.
func (s *rowScan) run(ctx context.Context) error {
	for i, run := range s.view.runs {
		if err := ctx.Err(); err != nil {
			return err
		}
		if run.Time.Overlaps(s.time) {
			s.memory(int32(i), run)
		}
	}
	if s.order.terms[0].kind == keyTerm {
		return s.byKey(ctx)
	}
	return s.byBound(ctx)
}

// memory offers the rows of a memtable run.
func (s *rowScan) memory(src int32, run *memtable.Run) {
	b := rowBlock{rows: run.Rows, times: run.Times, ids: run.IDs, keys: &run.Keys, codes: run.KeyCodes}
	b.cols = s.columns()
	for i, t := range s.order.terms {
		if t.kind == colTerm {
			b.cols[i].v = run.Col(t.col)
		}
	}
	s.pick.n, s.pick.all = b.rows, s.all
	if !s.all {
		s.pick.rows = evalRun(s.view.layout, run, &s.req.Filter, s.time).AppendTo(s.pick.rows[:0])
	}
	s.firstTerm(&b)
	if s.all && !s.time.Covers(run.Time) {
		s.pick.inTime(b.times, s.time)
	}
	s.offer(src, &b)
}

// columns returns memory for the columns of a rowBlock, one at a time.
func (s *rowScan) columns() []intColumn {
	for i := range s.cols {
		s.cols[i].v, s.cols[i].terms = nil, nil
	}
	return s.cols
}

// firstTerm keeps the candidates that the first term lets be among the first.
func (s *rowScan) firstTerm(b *rowBlock) {
	t := &s.order.terms[0]
	if t.kind == keyTerm {
		if s.list.full || s.list.after != nil {
			s.pick.keysOf(b, s.list)
		}
		return
	}
	w := window{mask: t.mask}
	if w.first, w.last = s.list.window(); w.first == math.MinInt64 && w.last == math.MaxInt64 {
		return
	}
	switch t.kind {
	case timeTerm:
		between(&s.pick, b.times, w)
	case idTerm:
		between(&s.pick, b.ids, w)
	default:
		s.pick.column(&b.cols[0], w)
	}
}

// offer offers the candidates to the list.
func (s *rowScan) offer(src int32, b *rowBlock) {
	s.pick.list()
	x, at := &s.row, newKeyCursor(b)
	x.src = src
	for _, r := range s.pick.rows {
		for i := range s.order.terms {
			switch t := &s.order.terms[i]; t.kind {
			case keyTerm:
			case timeTerm:
				x.vals[i] = b.times[r] ^ t.mask
			case idTerm:
				x.vals[i] = int64(b.ids[r]) ^ t.mask
			case colTerm:
				x.vals[i] = b.cols[i].at(r) ^ t.mask
			}
		}
		x.key, x.row = b.keys.Value(at.code(r)), b.first+r
		s.list.offer(x)
	}
}

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
	for _, x := range blocks {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, last := s.list.window(); x.first > last {
			return nil
		}
		p := s.view.parts[x.part]
		if err := s.block(ctx, int(x.part), int(x.block)); err != nil {
			return s.view.damaged(p, err)
		}
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
	col, has := -1, false
	if t.kind == colTerm {
		if col, has = p.Column(t.col); !has {
			col = -1
		}
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

// block offers the rows of one block. Of a part it reads no more than the first
// term asks for while no row passes that.
func (s *rowScan) block(ctx context.Context, n, block int) error {
	p := s.view.parts[n]
	info := p.Block(block)
	b := rowBlock{rows: info.Rows, first: uint32(info.FirstRow), cols: s.columns()}
	s.pick.n, s.pick.all = b.rows, s.all
	if !s.all {
		if err := s.candidates(ctx, n, info); err != nil || len(s.pick.rows) == 0 {
			return err
		}
	}
	if s.order.terms[0].kind == colTerm {
		if err := s.readColumn(p, block, &b, 0); err != nil {
			return err
		}
		if s.firstTerm(&b); s.none() {
			return nil
		}
	}
	if err := s.readIdentity(p, block, &b); err != nil {
		return err
	}
	if s.order.terms[0].kind != colTerm {
		s.firstTerm(&b)
	}
	if s.all && !s.time.Covers(info.Time) {
		s.pick.inTime(b.times, s.time)
	}
	if s.none() {
		return nil
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

func (s *rowScan) none() bool { return !s.pick.all && len(s.pick.rows) == 0 }

// candidates makes the rows of the block that match the filter the candidates.
// The filter is evaluated for the whole part when its first block is visited.
func (s *rowScan) candidates(ctx context.Context, n int, info part.BlockInfo) error {
	if s.sets[n] == nil {
		e := partEval{layout: s.view.layout, part: s.view.parts[n], memo: &s.view.tablet.memo}
		set, err := e.rows(ctx, &s.req.Filter, s.time)
		if err != nil {
			return err
		}
		s.sets[n] = set
	}
	s.pick.rows = s.sets[n].Slice(uint32(info.FirstRow), uint32(info.FirstRow+info.Rows), s.pick.rows[:0])
	for i := range s.pick.rows {
		s.pick.rows[i] -= uint32(info.FirstRow)
	}
	return nil
}

func (s *rowScan) readIdentity(p *part.Part, block int, b *rowBlock) error {
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

// byKey visits the parts block by block in the order of keys where that is the
// order of the request, and stops behind the last wanted key.
func (s *rowScan) byKey(ctx context.Context) error {
	for n, p := range s.view.parts {
		if !p.Meta().Time.Overlaps(s.time) {
			continue
		}
		if err := s.partByKey(ctx, n); err != nil {
			return s.view.damaged(p, err)
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
	for ; block != end; block += step {
		if err := ctx.Err(); err != nil {
			return err
		}
		if sorted && s.list.full {
			id, err := p.ReadIdentity(block)
			if err != nil {
				return err
			}
			next := uint32(0) // the key that comes first
			if t.desc {
				next = uint32(id.Keys.Len() - 1)
			}
			if s.list.behindKeys(id.Keys.Value(next)) {
				return nil
			}
		}
		if !p.Block(block).Time.Overlaps(s.time) {
			continue
		}
		if err := s.block(ctx, n, block); err != nil {
			return err
		}
	}
	return nil
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

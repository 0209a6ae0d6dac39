package columnar

import (
	"bytes"
	"context"
	"slices"
	"sort"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/memtable"
	"github.com/pandodb/pando/internal/part"
)

// ReadRequest asks for all rows of some keys.
type ReadRequest struct {
	Keys [][]byte // distinct, any order
	// Columns to read, ascending; nil means all. Identities always come.
	Columns []column.ID
	Time    base.TimeRange
	// MaxRows bounds the answer; zero means no bound. Beyond it the call fails
	// with a base.ClassTooLarge error.
	MaxRows int
}

// ReadKeys returns the rows of the keys, sorted by identity and reconciled. The
// batch is self-contained.
func (v *View) ReadKeys(ctx context.Context, req *ReadRequest) (*column.Batch, error) {
	g := gatherer{view: v, req: req, time: v.clip(req.Time)}
	for _, key := range req.Keys {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := g.key(key); err != nil {
			return nil, err
		}
	}
	return g.batch(), nil
}

// gatherer collects pieces of an answer: small self-contained batches.
type gatherer struct {
	view   *View
	req    *ReadRequest
	time   base.TimeRange
	pieces []*column.Batch
	rows   int
}

func (g *gatherer) key(key []byte) error {
	for _, run := range g.view.runs {
		if rows := run.RowsOf(key); len(rows) > 0 && run.Time.Overlaps(g.time) {
			if err := g.add(run.Select(rows).Pick(g.req.Columns)); err != nil {
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
	cols := columnsIn(p, g.req.Columns)
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
	if g.req.MaxRows > 0 && g.rows > g.req.MaxRows {
		return base.Errorf(base.ClassTooLarge, "answer has more than %d rows: narrow the time range or ask for less at once", g.req.MaxRows)
	}
	g.pieces = append(g.pieces, b)
	return nil
}

// batch sorts and reconciles the pieces.
func (g *gatherer) batch() *column.Batch {
	runs := make([]*memtable.Run, len(g.pieces))
	for i, b := range g.pieces {
		runs[i] = &memtable.Run{Batch: b, Time: b.TimeRange()}
	}
	return memtable.Sort(runs, base.AllTime, g.view.layout.Rule).Batch()
}

// ScanRequest asks for all rows of a time range, key by key.
type ScanRequest struct {
	Columns []column.ID // ascending; nil means all
	Time    base.TimeRange
	// From is the first key wanted; nil starts at the beginning.
	From []byte
}

// scanKeys is how many keys Scan reads at once.
const scanKeys = 256

// Scan calls visit with batches of whole keys in key order, each batch sorted
// and reconciled, until visit returns an error. Batches are visit's to keep.
func (v *View) Scan(ctx context.Context, req *ScanRequest, visit func(*column.Batch) error) error {
	cur, err := newKeyCursor(v, req.From)
	if err != nil {
		return err
	}
	for {
		keys, err := cur.next(scanKeys)
		if err != nil {
			return err
		}
		if len(keys) == 0 {
			return nil
		}
		b, err := v.ReadKeys(ctx, &ReadRequest{Keys: keys, Columns: req.Columns, Time: req.Time})
		if err != nil {
			return err
		}
		if b.Rows == 0 {
			continue
		}
		if err := visit(b); err != nil {
			return err
		}
	}
}

// keyCursor yields the distinct keys of a view in order.
type keyCursor struct {
	view  *View
	runs  []*memtable.Run
	heads [][]byte // next key of each run, then of each part; nil at its end
	at    []keyAt
}

// keyAt is a place in a run's or part's keys.
type keyAt struct {
	block int
	key   int
	id    *column.Identity // of the block; nil for runs
	keys  [][]byte         // of a run, sorted and distinct
}

func newKeyCursor(v *View, from []byte) (*keyCursor, error) {
	c := &keyCursor{view: v, runs: v.runs, at: make([]keyAt, len(v.runs)+len(v.parts)), heads: make([][]byte, len(v.runs)+len(v.parts))}
	for i, run := range v.runs {
		c.at[i].keys = run.SortedKeys()
		c.at[i].key = sort.Search(len(c.at[i].keys), func(k int) bool { return bytes.Compare(c.at[i].keys[k], from) >= 0 })
		c.setHead(i)
	}
	for i, p := range v.parts {
		n := len(v.runs) + i
		a := &c.at[n]
		a.block = p.SeekKey(from)
		if err := c.loadBlock(n, p); err != nil {
			return nil, err
		}
		for c.heads[n] != nil && bytes.Compare(c.heads[n], from) < 0 {
			if err := c.advance(n); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

func (c *keyCursor) loadBlock(n int, p *part.Part) error {
	a := &c.at[n]
	a.key, a.id, c.heads[n] = 0, nil, nil
	if a.block >= p.Meta().Blocks {
		return nil
	}
	id, err := p.ReadIdentity(a.block)
	if err != nil {
		return c.view.damaged(p, err)
	}
	a.id = id
	c.setHead(n)
	return nil
}

func (c *keyCursor) setHead(n int) {
	a := &c.at[n]
	c.heads[n] = nil
	switch {
	case a.id != nil && a.key < a.id.Keys.Len():
		c.heads[n] = a.id.Keys.Value(uint32(a.key))
	case a.id == nil && a.key < len(a.keys):
		c.heads[n] = a.keys[a.key]
	}
}

// advance moves one source to its next key.
func (c *keyCursor) advance(n int) error {
	a := &c.at[n]
	a.key++
	if a.id != nil && a.key >= a.id.Keys.Len() {
		a.block++
		return c.loadBlock(n, c.view.parts[n-len(c.runs)])
	}
	c.setHead(n)
	return nil
}

// next returns up to limit further keys, none at the end.
func (c *keyCursor) next(limit int) ([][]byte, error) {
	var out [][]byte
	for len(out) < limit {
		least := -1
		for i, h := range c.heads {
			if h != nil && (least < 0 || bytes.Compare(h, c.heads[least]) < 0) {
				least = i
			}
		}
		if least < 0 {
			return out, nil
		}
		key := slices.Clone(c.heads[least])
		out = append(out, key)
		for i := range c.heads {
			for c.heads[i] != nil && bytes.Equal(c.heads[i], key) {
				if err := c.advance(i); err != nil {
					return nil, err
				}
			}
		}
	}
	return out, nil
}

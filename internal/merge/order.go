package merge

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/part"
)

// step is a run of rows of one source that stay together.
type step struct {
	rows uint32
	src  uint16
	drop bool
}

// rowRef is a row of a key that lies in several sources.
type rowRef struct {
	time int64
	id   uint64
	src  uint16
	row  uint32 // in the source
}

// cursor walks a part's identities.
type cursor struct {
	part  *part.Part
	src   uint16
	block int
	id    *column.Identity
	key   int    // in id.Keys
	at    uint32 // first row of the key in the block
	row   uint32 // first row of the key in the part
}

// load makes the cursor point to the first key of the block, or to nothing.
func (c *cursor) load(block int) error {
	c.block, c.key, c.at, c.id = block, 0, 0, nil
	if block >= c.part.Meta().Blocks {
		return nil
	}
	id, err := c.part.ReadIdentity(block)
	if err != nil {
		return &InputError{Part: c.part.Meta().ID, Err: err}
	}
	c.id, c.row = id, uint32(c.part.Block(block).FirstRow)
	return nil
}

func (c *cursor) done() bool       { return c.id == nil }
func (c *cursor) keyBytes() []byte { return c.id.Keys.Value(uint32(c.key)) }

// next moves to the part's next entry of a key: the next key, or the rest of
// this one in the next block.
func (c *cursor) next() error {
	n := c.id.Runs[c.key]
	c.at += n
	c.row += n
	if c.key++; c.key < c.id.Keys.Len() {
		return nil
	}
	return c.load(c.block + 1)
}

// orderer runs the first pass.
type orderer struct {
	*Job
	out   *part.Writer
	steps []step
	chunk column.Identity // rows not yet handed to out
	key   []byte          // scratch: the key being merged
	rows  []rowRef        // scratch: its rows
}

const chunkRows = 4096

// run merges the identities of all inputs into the writer and leaves the steps.
func (o *orderer) run(ctx context.Context) error {
	cursors := make([]*cursor, len(o.Inputs))
	for i, p := range o.Inputs {
		cursors[i] = &cursor{part: p, src: uint16(i)}
		if err := cursors[i].load(0); err != nil {
			return err
		}
	}
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		first, several := least(cursors)
		if first == nil {
			return o.flush()
		}
		var err error
		if several {
			err = o.mergeKey(cursors, first)
		} else {
			err = o.copyKey(first)
		}
		if err != nil {
			return err
		}
	}
}

// least returns the cursor with the smallest key and whether others share it.
func least(cursors []*cursor) (first *cursor, several bool) {
	for _, c := range cursors {
		if c.done() {
			continue
		}
		if first == nil {
			first = c
			continue
		}
		switch d := bytes.Compare(c.keyBytes(), first.keyBytes()); {
		case d < 0:
			first, several = c, false
		case d == 0:
			several = true
		}
	}
	return first, several
}

// copyKey takes the entry of a key that no other source has.
func (o *orderer) copyKey(c *cursor) error {
	n := c.id.Runs[c.key]
	key := c.keyBytes()
	for i := c.at; i < c.at+n; i++ {
		o.chunk.Append(key, c.id.Times[i], c.id.IDs[i])
	}
	o.step(c.src, n, false)
	if err := o.flushFull(); err != nil {
		return err
	}
	return c.next()
}

// mergeKey takes all rows of a key that several sources have.
func (o *orderer) mergeKey(cursors []*cursor, first *cursor) error {
	o.key = append(o.key[:0], first.keyBytes()...)
	o.rows = o.rows[:0]
	for _, c := range cursors {
		for !c.done() && bytes.Equal(c.keyBytes(), o.key) {
			for i := range c.id.Runs[c.key] {
				o.rows = append(o.rows, rowRef{c.id.Times[c.at+i], c.id.IDs[c.at+i], c.src, c.row + i})
			}
			if err := c.next(); err != nil {
				return err
			}
		}
	}
	slices.SortFunc(o.rows, func(a, b rowRef) int {
		return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.id, b.id), cmp.Compare(a.src, b.src), cmp.Compare(a.row, b.row))
	})
	for i := 0; i < len(o.rows); {
		n, err := o.reconcile(o.rows[i:])
		if err != nil {
			return err
		}
		i += n
	}
	return o.flushFull()
}

// reconcile emits the leading rows of equal identity and returns their number.
func (o *orderer) reconcile(rows []rowRef) (int, error) {
	n := 1
	for n < len(rows) && rows[n].time == rows[0].time &&
		(o.Layout.Rule == column.NewestWins || rows[n].id == rows[0].id) {
		n++
	}
	var kept keptRows
	for i, r := range rows[:n] {
		drop := false
		switch {
		case n == 1:
		case o.Layout.Rule == column.NewestWins:
			drop = i < n-1
		case o.Layout.Rule == column.DropExact:
			same, err := kept.holds(o, r)
			if err != nil {
				return 0, err
			}
			drop = same
		}
		o.step(r.src, 1, drop)
		if !drop {
			o.chunk.Append(o.key, r.time, r.id)
		}
	}
	return n, nil
}

// maxHeld is how many rows of one identity are held to be compared with; more,
// from senders that reuse ids, are read again when their hash says so.
const maxHeld = 8

// keptRows are the rows of one identity that stay, by the hash of their values.
// Equal identities are rare, so rows are read one by one.
type keptRows struct {
	byHash map[uint64][]keptRow
	held   int
}

type keptRow struct {
	ref   rowRef
	batch *column.Batch // of one row; nil beyond maxHeld
}

// holds reports whether one of the kept rows equals r in every column; otherwise
// it keeps r.
func (k *keptRows) holds(o *orderer, r rowRef) (bool, error) {
	x, err := o.read(r)
	if err != nil {
		return false, err
	}
	h := column.HashRow(x, 0)
	for _, old := range k.byHash[h] {
		y := old.batch
		if y == nil {
			if y, err = o.read(old.ref); err != nil {
				return false, err
			}
		}
		if column.EqualRows(x, 0, y, 0) {
			return true, nil
		}
	}
	if k.byHash == nil {
		k.byHash = make(map[uint64][]keptRow, 2)
	}
	if k.held++; k.held > maxHeld {
		x = nil
	}
	k.byHash[h] = append(k.byHash[h], keptRow{r, x})
	return false, nil
}

func (o *orderer) read(r rowRef) (*column.Batch, error) {
	p := o.Inputs[r.src]
	b := p.BlockOfRow(int(r.row))
	at := int(r.row) - p.Block(b).FirstRow
	batch := &column.Batch{}
	if err := p.ReadRows(b, at, at+1, nil, batch); err != nil {
		return nil, &InputError{Part: p.Meta().ID, Err: err}
	}
	return batch, nil
}

// step appends to the plan, joining what continues the last step.
func (o *orderer) step(src uint16, rows uint32, drop bool) {
	if n := len(o.steps); n > 0 && o.steps[n-1].src == src && o.steps[n-1].drop == drop {
		o.steps[n-1].rows += rows
		return
	}
	o.steps = append(o.steps, step{rows: rows, src: src, drop: drop})
}

func (o *orderer) flushFull() error {
	if o.chunk.Rows() < chunkRows {
		return nil
	}
	return o.flush()
}

func (o *orderer) flush() error {
	if o.chunk.Rows() == 0 {
		return nil
	}
	if o.Tee != nil {
		o.Tee.Rows(&o.chunk)
	}
	err := o.out.AddRows(&o.chunk)
	o.chunk.Reset()
	return err
}

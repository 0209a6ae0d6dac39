package part

import (
	"bytes"
	"math"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// cutter cuts sorted rows into blocks. It aims at aim rows per block and closes
// a block where a key ends, so that a key is looked up in one block:
//
//   - a block closes at the first end of a key at which it has aim rows;
//   - it closes before a key that would take it above 2×aim rows;
//   - a key with more than 2×aim rows is spread over blocks of aim rows, the
//     first shared with the keys before it, and its last block has the rest,
//     up to 2×aim.
//
// No block has more than 2×aim rows. The cutter holds back at most 4×aim rows.
type cutter struct {
	aim  int
	held column.Identity // rows not yet in a block; the last key may go on
	// long: the key at the end of held has been split already.
	long bool
	// emit is called with the rows of every block, valid during the call.
	emit func(*column.Identity) error
	cut  column.Identity // reused argument of emit
}

// add takes further rows. They continue the ones before in order; the first
// key may equal the last key of the call before.
func (c *cutter) add(id *column.Identity) error {
	if err := c.check(id); err != nil {
		return err
	}
	at := 0
	for k, run := range id.Runs {
		key := id.Keys.Value(uint32(k))
		if k > 0 || !c.continues(key) {
			if err := c.endKey(); err != nil {
				return err
			}
			c.held.Keys.Append(key)
			c.held.Runs = append(c.held.Runs, 0)
		}
		for left := int(run); left > 0; {
			n := min(left, c.aim)
			c.held.Runs[len(c.held.Runs)-1] += uint32(n)
			c.held.Times = append(c.held.Times, id.Times[at:at+n]...)
			c.held.IDs = append(c.held.IDs, id.IDs[at:at+n]...)
			at, left = at+n, left-n
			if err := c.splitLong(); err != nil {
				return err
			}
		}
	}
	return nil
}

// continues reports whether key is the one held rows end with.
func (c *cutter) continues(key []byte) bool {
	n := c.held.Keys.Len()
	return n > 0 && bytes.Equal(c.held.Keys.Value(uint32(n-1)), key)
}

// endKey closes the blocks that the end of the last key decides.
func (c *cutter) endKey() error {
	n := len(c.held.Runs)
	if n == 0 {
		return nil
	}
	rows := c.held.Rows()
	before := rows - int(c.held.Runs[n-1])
	if before > 0 && rows > 2*c.aim {
		if err := c.close(before); err != nil {
			return err
		}
		rows -= before
	}
	c.long = false
	if rows >= c.aim {
		return c.close(rows)
	}
	return nil
}

// splitLong closes blocks inside the last key when it is longer than a block
// may be.
func (c *cutter) splitLong() error {
	c.long = c.long || int(c.held.Runs[len(c.held.Runs)-1]) > 2*c.aim
	for c.long && c.held.Rows() > 2*c.aim {
		if err := c.close(c.aim); err != nil {
			return err
		}
	}
	return nil
}

// finish closes the last block.
func (c *cutter) finish() error {
	if err := c.endKey(); err != nil {
		return err
	}
	if n := c.held.Rows(); n > 0 {
		return c.close(n)
	}
	return nil
}

// close emits the first rows held rows as a block and keeps the others.
func (c *cutter) close(rows int) error {
	h := &c.held
	keys, left := 0, rows
	for ; left > 0 && left >= int(h.Runs[keys]); keys++ {
		left -= int(h.Runs[keys])
	}
	whole := keys
	if left > 0 {
		keys++
	}
	c.cut.Keys = column.Dict{Offsets: h.Keys.Offsets[:keys+1], Data: h.Keys.Data}
	c.cut.Runs = append(c.cut.Runs[:0], h.Runs[:keys]...)
	if left > 0 {
		c.cut.Runs[keys-1] = uint32(left)
		h.Runs[whole] -= uint32(left)
	}
	c.cut.Times, c.cut.IDs = h.Times[:rows], h.IDs[:rows]
	if err := c.emit(&c.cut); err != nil {
		return err
	}
	dropKeys(&h.Keys, whole)
	h.Runs = h.Runs[:copy(h.Runs, h.Runs[whole:])]
	h.Times = h.Times[:copy(h.Times, h.Times[rows:])]
	h.IDs = h.IDs[:copy(h.IDs, h.IDs[rows:])]
	return nil
}

// dropKeys removes the first n values.
func dropKeys(d *column.Dict, n int) {
	if n == d.Len() {
		d.Reset()
		return
	}
	start := d.Offsets[n]
	d.Data = d.Data[:copy(d.Data, d.Data[start:])]
	d.Offsets = d.Offsets[:copy(d.Offsets, d.Offsets[n:])]
	for i := range d.Offsets {
		d.Offsets[i] -= start
	}
}

// check refuses rows that are misshapen or out of order: they would make a
// part that answers wrongly.
func (c *cutter) check(id *column.Identity) error {
	n := len(id.Times)
	if id.Keys.Len() != len(id.Runs) || len(id.IDs) != n {
		return base.Errorf(base.ClassBug, "rows with %d keys, %d runs, %d times, %d ids",
			id.Keys.Len(), len(id.Runs), n, len(id.IDs))
	}
	held := &c.held
	at := 0
	for k, run := range id.Runs {
		key := id.Keys.Value(uint32(k))
		var prev []byte
		switch {
		case k > 0:
			prev = id.Keys.Value(uint32(k - 1))
		case held.Keys.Len() > 0:
			prev = held.Keys.Value(uint32(held.Keys.Len() - 1))
		}
		order := bytes.Compare(prev, key)
		if run == 0 || int(run) > n-at || order > 0 || k > 0 && order == 0 {
			return base.Errorf(base.ClassBug, "key %d of %d: %d rows of %d, order %d", k, len(id.Runs), run, n-at, order)
		}
		if last := held.Rows() - 1; k == 0 && last >= 0 && order == 0 {
			if rowAfter(held.Times[last], id.Times[at], held.IDs[last], id.IDs[at]) {
				return base.Errorf(base.ClassBug, "row %d is out of order", at)
			}
		}
		end := at + int(run)
		times, ids := id.Times[at:end], id.IDs[at:end]
		for i := 1; i < len(times); i++ {
			if rowAfter(times[i-1], times[i], ids[i-1], ids[i]) {
				return base.Errorf(base.ClassBug, "row %d is out of order", at+i)
			}
		}
		if times[len(times)-1] == math.MaxInt64 {
			return base.Errorf(base.ClassInvalid, "row %d: time is the last nanosecond, which no range covers", end-1)
		}
		at = end
	}
	if at != n {
		return base.Errorf(base.ClassBug, "runs cover %d of %d rows", at, n)
	}
	return nil
}

// rowAfter reports whether the row (t, id) sorts after the row (u, ie) of the
// same key.
func rowAfter(t, u int64, id, ie uint64) bool { return t > u || t == u && id > ie }

package columnar

import (
	"bytes"
	"sort"

	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/merge"
	"github.com/pandodb/pando/internal/part"
)

// keyWalk walks the distinct keys of a part.
type keyWalk struct {
	part  *part.Part
	block int
	id    *column.Identity // of block
	at    int              // key in id
	key   []byte           // nil at the end
}

// next goes to the next key.
func (c *keyWalk) next() error {
	for last := c.key; ; {
		c.at++
		for c.id == nil || c.at >= c.id.Keys.Len() {
			if c.block++; c.block >= c.part.Meta().Blocks {
				c.key = nil
				return nil
			}
			id, err := c.part.ReadIdentity(c.block)
			if err != nil {
				return &merge.InputError{Part: c.part.Meta().ID, Err: err}
			}
			c.id, c.at = id, 0
		}
		c.key = c.id.Keys.Value(uint32(c.at))
		if last == nil || !bytes.Equal(last, c.key) {
			return nil // not the rest of a run that the block before began
		}
	}
}

// eachSharedKey calls fn with every key that at least two of the parts have,
// ascending. Keys are fn's to keep.
func eachSharedKey(parts []*part.Part, fn func(key []byte) error) error {
	cursors := make([]*keyWalk, len(parts))
	for i, p := range parts {
		cursors[i] = &keyWalk{part: p, block: -1}
		if err := cursors[i].next(); err != nil {
			return err
		}
	}
	for {
		var least []byte
		count := 0
		for _, c := range cursors {
			if c.key == nil {
				continue
			}
			switch o := bytes.Compare(c.key, least); {
			case least == nil || o < 0:
				least, count = c.key, 1
			case o == 0:
				count++
			}
		}
		if least == nil {
			return nil
		}
		if count > 1 {
			if err := fn(least); err != nil {
				return err
			}
		}
		for _, c := range cursors {
			if c.key != nil && bytes.Equal(c.key, least) {
				if err := c.next(); err != nil {
					return err
				}
			}
		}
	}
}

// rowsOfKeys calls fn with the part's rows of the ascending keys, in order, block
// by block. Batches are fn's to keep.
func rowsOfKeys(p *part.Part, keys [][]byte, cols []int, fn func(*column.Batch) error) error {
	for b := p.SeekKey(keys[0]); b < p.Meta().Blocks; b++ {
		id, err := p.ReadIdentity(b)
		if err != nil {
			return err
		}
		first := id.Keys.Value(0)
		// Of the keys before the block, those that it does not go on with are done.
		keys = keys[sort.Search(len(keys), func(i int) bool { return bytes.Compare(keys[i], first) >= 0 }):]
		if len(keys) == 0 {
			return nil
		}
		for _, x := range rowsWithKeys(id, keys) {
			batch := &column.Batch{}
			if err := p.ReadRows(b, int(x.first), int(x.end), cols, batch); err != nil {
				return err
			}
			if err := fn(batch); err != nil {
				return err
			}
		}
	}
	return nil
}

// rowsWithKeys returns the rows of a block that have one of the ascending keys.
func rowsWithKeys(id *column.Identity, keys [][]byte) (out []rowSpan) {
	row, at := uint32(0), 0
	for k, n := range id.Runs {
		key := id.Keys.Value(uint32(k))
		for at < len(keys) && bytes.Compare(keys[at], key) < 0 {
			at++
		}
		if at == len(keys) {
			break
		}
		if bytes.Equal(keys[at], key) {
			if last := len(out) - 1; last >= 0 && out[last].end == row {
				out[last].end += n
			} else {
				out = append(out, rowSpan{row, row + n})
			}
		}
		row += n
	}
	return out
}

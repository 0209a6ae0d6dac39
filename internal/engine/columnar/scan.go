package columnar

import (
	"bytes"
	"context"
	"sort"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/part"
)

// ScanRequest asks for all rows of a time range, key by key.
type ScanRequest struct {
	Columns []column.ID // ascending; nil means all
	Time    base.TimeRange
	// From is the first key wanted; nil starts at the beginning.
	From []byte
}

const (
	// scanBlocks is how many blocks of the largest part Scan reads at once.
	scanBlocks = 4
	// scanKeys is how many keys of memtables it reads at once without a part.
	scanKeys = 256
)

// Scan calls visit with batches of whole keys in key order, each batch sorted
// and reconciled, until visit returns an error. Batches are visit's to keep.
//
// It cuts the key space at block boundaries of the largest part and reads each
// piece from all parts and memtables, so that a row is decoded once, with the
// block around it.
func (v *View) Scan(ctx context.Context, req *ScanRequest, visit func(*column.Batch) error) error {
	g := gatherer{view: v, columns: req.Columns, time: v.clip(req.Time)}
	bounds, err := v.scanBounds(req.From, g.time)
	if err != nil {
		return err
	}
	for i, lo := range bounds {
		if err := ctx.Err(); err != nil {
			return err
		}
		var hi []byte // nil: to the end
		if i+1 < len(bounds) {
			hi = bounds[i+1]
		}
		if err := g.keyRange(lo, hi); err != nil {
			return err
		}
		if b := g.take(); b != nil {
			if err := visit(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// scanBounds returns the first keys of the pieces to read, ascending, the first
// of them from. Only what has rows in the time range counts.
func (v *View) scanBounds(from []byte, time base.TimeRange) ([][]byte, error) {
	bounds := [][]byte{from}
	add := func(key []byte) {
		if bytes.Compare(key, bounds[len(bounds)-1]) > 0 {
			bounds = append(bounds, bytes.Clone(key))
		}
	}
	var largest *part.Part
	for _, p := range v.parts {
		if !p.Meta().Time.Overlaps(time) {
			continue
		}
		if largest == nil || p.Meta().Blocks > largest.Meta().Blocks {
			largest = p
		}
	}
	if largest != nil {
		for b := scanBlocks; b < largest.Meta().Blocks; b += scanBlocks {
			id, err := largest.ReadIdentity(b)
			if err != nil {
				return nil, v.damaged(largest, err)
			}
			add(id.Keys.Value(0))
		}
		return bounds, nil
	}
	if len(v.runs) == 0 {
		return bounds, nil
	}
	for i, key := range v.runs[0].SortedKeys() { // the largest would do; the first is as good
		if i%scanKeys == scanKeys-1 {
			add(key)
		}
	}
	return bounds, nil
}

// keyRange gathers the rows whose key lies in [lo, hi); a nil hi is unbounded.
func (g *gatherer) keyRange(lo, hi []byte) error {
	for _, run := range g.view.runs {
		if !run.Time.Overlaps(g.time) {
			continue
		}
		if rows := run.RowsBetween(lo, hi); len(rows) > 0 {
			g.unsorted = true
			if err := g.add(run.Pick(g.columns).Select(rows)); err != nil {
				return err
			}
		}
	}
	for _, p := range g.view.parts {
		if !p.Meta().Time.Overlaps(g.time) {
			continue
		}
		if err := g.rangeOfPart(p, lo, hi); err != nil {
			return g.view.damaged(p, err)
		}
	}
	return nil
}

// rangeOfPart adds the part's rows with keys in [lo, hi).
func (g *gatherer) rangeOfPart(p *part.Part, lo, hi []byte) error {
	cols := columnsIn(p, g.columns)
	from := len(g.pieces)
	for b := p.SeekKey(lo); b < p.Meta().Blocks; b++ {
		id, err := p.ReadIdentity(b)
		if err != nil {
			return err
		}
		if hi != nil && bytes.Compare(id.Keys.Value(0), hi) >= 0 {
			break
		}
		first, end := rowsBetween(id, lo, hi)
		if first == end || !p.Block(b).Time.Overlaps(g.time) {
			continue
		}
		batch := &column.Batch{}
		if err := p.ReadRows(b, first, end, cols, batch); err != nil {
			return err
		}
		if err := g.add(batch); err != nil {
			return err
		}
	}
	if len(g.pieces)-from > 1 {
		g.unsorted = true // several blocks: to be joined
	}
	return nil
}

// rowsBetween returns the rows [first, end) of a block whose key is in [lo, hi).
func rowsBetween(id *column.Identity, lo, hi []byte) (first, end int) {
	n := id.Keys.Len()
	from := sort.Search(n, func(i int) bool { return bytes.Compare(id.Keys.Value(uint32(i)), lo) >= 0 })
	to := n
	if hi != nil {
		to = sort.Search(n, func(i int) bool { return bytes.Compare(id.Keys.Value(uint32(i)), hi) >= 0 })
	}
	for i, r := range id.Runs[:max(from, to)] {
		if i < from {
			first += int(r)
		}
		end += int(r)
	}
	return first, max(first, end)
}

package columnar

import (
	"bytes"
	"cmp"
	"context"
	"iter"
	"slices"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/part"
)

// linkKey names the links from one place to another. What they are never changes,
// so they are remembered with the one of them that is likely to go first.
type linkKey struct{ from, to any } // *memPlace or base.PartID

func (p place) name() any {
	if p.mem != nil {
		return p.mem
	}
	return p.part.Meta().ID
}

// links returns the links of a place with a digest to all others.
func (v *View) links(ctx context.Context, from place, digest any, places []place) ([]*Links, error) {
	if v.layout.Digest.Refs == nil {
		return nil, nil
	}
	var refs []column.RowRef
	var out []*Links
	reach := widen(from.time(), linkReach)
	for _, to := range places {
		if to == from || !to.time().Overlaps(reach) {
			continue
		}
		l, known := v.knownLinks(from, to)
		if !known {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if refs == nil {
				refs = v.layout.Digest.Refs(digest)
			}
			if len(refs) == 0 {
				return nil, nil
			}
			var err error
			if l, err = v.findLinks(ctx, refs, to); err != nil {
				return nil, err
			}
			v.rememberLinks(from, to, l)
		}
		if len(l.Refs) > 0 {
			out = append(out, l)
		}
	}
	return out, nil
}

// widen returns r with so much time added at either end.
func widen(r base.TimeRange, by int64) base.TimeRange {
	return base.TimeRange{
		Start: max(r.Start, base.AllTime.Start+by) - by,
		End:   min(r.End, base.AllTime.End-by) + by,
	}
}

// keeper returns the place that remembers links between two: the younger one of
// two parts or of two memtables, and a memtable rather than a part.
func keeper(a, b place) place {
	switch {
	case a.mem != nil && b.mem != nil:
		if a.mem.age > b.mem.age {
			return a
		}
		return b
	case a.mem != nil:
		return a
	case b.mem != nil || b.part.Meta().ID > a.part.Meta().ID:
		return b
	default:
		return a
	}
}

func (v *View) knownLinks(from, to place) (l *Links, ok bool) {
	key := linkKey{from.name(), to.name()}
	var known any
	if k := keeper(from, to); k.mem != nil {
		known, ok = k.mem.links.Load(key)
	} else {
		known, ok = v.tablet.memo.find(k.part, key)
	}
	if !ok {
		return nil, false
	}
	return known.(*Links), true
}

func (v *View) rememberLinks(from, to place, l *Links) {
	key := linkKey{from.name(), to.name()}
	if k := keeper(from, to); k.mem != nil {
		k.mem.links.Store(key, l)
	} else {
		v.tablet.memo.put(k.part, key, l)
	}
}

// findLinks looks for the refs in a place.
func (v *View) findLinks(ctx context.Context, refs []column.RowRef, to place) (*Links, error) {
	if to.mem != nil {
		if _, err := to.mem.fold(v.layout); err != nil {
			return nil, err
		}
		return linksInBatch(to.mem.batch, v.layout.Digest.Target, refs), nil
	}
	l, err := linksInPart(ctx, to.part, v.layout.Digest.Target, refs)
	if err != nil {
		return nil, v.damaged(to.part, err)
	}
	return l, nil
}

// linksInBatch looks for the refs among sorted rows.
func linksInBatch(b *column.Batch, target column.ID, refs []column.RowRef) *Links {
	w := linkWriter{}
	values := b.Col(target)
	read := func(row int) []byte {
		if values == nil {
			return nil
		}
		pos, ok := values.Find(uint32(row))
		if !ok {
			return nil
		}
		return values.Dict.Value(values.Codes[pos])
	}
	row := 0
	for at, of := range eachKey(refs) {
		for row < b.Rows && bytes.Compare(b.Key(row), of[0].Key) < 0 {
			row++
		}
		end := row
		for end < b.Rows && bytes.Equal(b.Key(end), of[0].Key) {
			end++
		}
		for _, h := range w.match(of, b.IDs[row:end]) {
			w.add(at+h.ref, read(row+h.row))
		}
		row = end
	}
	return w.sorted()
}

// eachKey iterates over the refs of each key, with the position of the first.
func eachKey(refs []column.RowRef) iter.Seq2[int, []column.RowRef] {
	return func(yield func(int, []column.RowRef) bool) {
		for i := 0; i < len(refs); {
			end := i + 1
			for end < len(refs) && bytes.Equal(refs[end].Key, refs[i].Key) {
				end++
			}
			if !yield(i, refs[i:end]) {
				return
			}
			i = end
		}
	}
}

// linkWriter collects links.
type linkWriter struct {
	links Links
	codes map[string]uint32
	byID  map[uint64]int // scratch: the first of the refs with an id
	next  []int          // scratch: by ref, the next with its id, or negative
	hits  []hit          // scratch
}

// hit says that a ref leads to a row.
type hit struct{ ref, row int }

// maxLinks is how many rows with the id of a ref are looked at: spans that share
// an id are few, unless somebody sends nonsense.
const maxLinks = 16

// match returns which of the refs of a key lead to which of its rows, of which ids
// are the ids. The result is good until the next call.
func (w *linkWriter) match(refs []column.RowRef, ids []uint64) []hit {
	w.hits = w.hits[:0]
	if len(ids) == 0 {
		return nil
	}
	if w.byID == nil {
		w.byID = make(map[uint64]int)
	}
	clear(w.byID)
	w.next = w.next[:0]
	for i := range refs {
		first, ok := w.byID[refs[i].ID]
		if !ok {
			first = -1
		}
		w.next = append(w.next, first)
		w.byID[refs[i].ID] = i
	}
	var seen map[uint64]int
	for row, id := range ids {
		i, ok := w.byID[id]
		if !ok || seen[id] == maxLinks {
			continue
		}
		if seen == nil {
			seen = make(map[uint64]int)
		}
		seen[id]++
		for ; i >= 0; i = w.next[i] {
			w.hits = append(w.hits, hit{i, row})
		}
	}
	return w.hits
}

// sorted returns the links in the order of their refs.
func (w *linkWriter) sorted() *Links {
	l := &w.links
	if slices.IsSorted(l.Refs) {
		return l
	}
	order := make([]int, len(l.Refs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(l.Refs[a], l.Refs[b]) })
	refs, codes := make([]uint32, len(order)), make([]uint32, len(order))
	for i, from := range order {
		refs[i], codes[i] = l.Refs[from], l.Codes[from]
	}
	l.Refs, l.Codes = refs, codes
	return l
}

func (w *linkWriter) add(ref int, value []byte) {
	c, ok := w.codes[string(value)]
	if !ok {
		if w.codes == nil {
			w.codes = make(map[string]uint32)
		}
		c = w.links.Values.Append(value)
		w.codes[string(value)] = c
	}
	w.links.Refs, w.links.Codes = append(w.links.Refs, uint32(ref)), append(w.links.Codes, c)
}

// linksPerLook is for how many keys a part is asked before a look at whether somebody
// still waits: each may take a block to be read.
const linksPerLook = 64

// linksInPart looks for the refs in a part: keys go through its filter first, and
// of rows only identities and the target are read.
func linksInPart(ctx context.Context, p *part.Part, target column.ID, refs []column.RowRef) (*Links, error) {
	w := linkWriter{}
	values, err := newTargetReader(p, target)
	if err != nil {
		return nil, err
	}
	looked := 0
	for at, of := range eachKey(refs) {
		if looked%linksPerLook == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		looked++
		if !p.MayContainKey(of[0].Key) {
			continue
		}
		lo, hi, _ := p.FindKey(of[0].Key)
		for b := lo; b < hi; b++ {
			id, err := p.ReadIdentity(b)
			if err != nil {
				return nil, err
			}
			first, end := rowsOfKey(id, of[0].Key)
			for _, h := range w.match(of, id.IDs[first:end]) {
				v, err := values.read(b, int(first)+h.row)
				if err != nil {
					return nil, err
				}
				w.add(at+h.ref, v)
			}
		}
	}
	return w.sorted(), nil
}

// targetReader reads single values of a coded column of a part.
type targetReader struct {
	part  *part.Part
	col   int          // negative: no row has the column
	terms *column.Dict // of a Dict column
}

func newTargetReader(p *part.Part, id column.ID) (*targetReader, error) {
	r := &targetReader{part: p, col: -1}
	col, ok := p.Column(id)
	if !ok {
		return r, nil
	}
	r.col = col
	if p.ColumnInfo(col).Mode != part.Dict {
		return r, nil
	}
	var err error
	r.terms, err = p.Values(col)
	return r, err
}

// read returns the value of a row of a block, nil when it has none.
func (r *targetReader) read(block, row int) ([]byte, error) {
	if r.col < 0 {
		return nil, nil
	}
	v, err := r.part.ReadColumn(block, r.col)
	if err != nil {
		return nil, err
	}
	pos, ok := v.Find(uint32(row))
	if !ok {
		return nil, nil
	}
	if r.terms != nil {
		return r.terms.Value(v.Codes[pos]), nil
	}
	return v.Dict.Value(v.Codes[pos]), nil
}

package columnar

import (
	"slices"

	"github.com/pandodb/pando/internal/column"
)

// rowPlace is a row of one of several batches.
type rowPlace struct {
	piece int32
	row   uint32
}

// gatherRows returns a batch of the rows at the places, in that order, from any
// number of batches. It stands for itself: equal keys and values of dictionaries
// are in it once, and none that it does not use.
func gatherRows(pieces []*column.Batch, places []rowPlace) *column.Batch {
	out := &column.Batch{
		Rows:     len(places),
		KeyCodes: make([]uint32, len(places)),
		Times:    make([]int64, len(places)),
		IDs:      make([]uint64, len(places)),
	}
	keys := newDictJoiner(&out.Keys, len(pieces))
	for i, x := range places {
		b := pieces[x.piece]
		out.Times[i], out.IDs[i] = b.Times[x.row], b.IDs[x.row]
		out.KeyCodes[i] = keys.code(x.piece, &b.Keys, b.KeyCodes[x.row])
	}
	vectors := make([]*column.Vector, len(pieces))
	for _, id := range columnsOf(pieces) {
		for i, b := range pieces {
			vectors[i] = b.Col(id)
		}
		if v := gatherColumn(id, vectors, places); v.Len() > 0 {
			out.Cols = append(out.Cols, v)
		}
	}
	return out
}

// columnsOf returns the columns that any of the batches has, ascending.
func columnsOf(pieces []*column.Batch) []column.ID {
	seen := make(map[column.ID]struct{})
	var ids []column.ID
	for _, b := range pieces {
		for i := range b.Cols {
			id := b.Cols[i].ID
			if _, ok := seen[id]; !ok {
				seen[id] = struct{}{}
				ids = append(ids, id)
			}
		}
	}
	slices.SortFunc(ids, column.ID.Compare)
	return ids
}

// gatherColumn returns the values of one column; a piece without it has no
// vector.
func gatherColumn(id column.ID, vectors []*column.Vector, places []rowPlace) column.Vector {
	out := column.Vector{ID: id, Rows: []uint32{}}
	values := newDictJoiner(&out.Dict, len(vectors))
	for i, x := range places {
		v := vectors[x.piece]
		if v == nil {
			continue
		}
		p, ok := v.Find(x.row)
		if !ok {
			continue
		}
		out.Rows = append(out.Rows, uint32(i))
		switch t := id.Type; {
		case t.Coded():
			out.Codes = append(out.Codes, values.code(x.piece, &v.Dict, v.Codes[p]))
		case t == column.Float64:
			out.Floats = append(out.Floats, v.Floats[p])
		default:
			out.Ints = append(out.Ints, v.Ints[p])
		}
	}
	if len(out.Rows) == len(places) {
		out.Rows = nil
	}
	return out
}

// dictJoiner gives the values of several dictionaries codes in one.
type dictJoiner struct {
	dst   *column.Dict
	codes map[string]uint32
	known [][]uint32 // by piece and code there: the code in dst plus one
}

func newDictJoiner(dst *column.Dict, pieces int) dictJoiner {
	return dictJoiner{dst: dst, known: make([][]uint32, pieces)}
}

func (n *dictJoiner) code(piece int32, d *column.Dict, code uint32) uint32 {
	known := n.known[piece]
	if known == nil {
		known = make([]uint32, d.Len())
		n.known[piece] = known
	}
	if c := known[code]; c > 0 {
		return c - 1
	}
	if n.codes == nil {
		n.codes = make(map[string]uint32)
	}
	value := d.Value(code)
	c, ok := n.codes[string(value)]
	if !ok {
		c = n.dst.Append(value)
		n.codes[string(value)] = c
	}
	known[code] = c + 1
	return c
}

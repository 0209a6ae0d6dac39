package trace

import (
	"slices"

	"github.com/pandodb/pando/internal/column"
)

// Finish returns what was added as a batch in the order it came. The batch owns
// its memory, sized to fit; the builder may be Reset at once.
func (b *Builder) Finish() *column.Batch {
	if !b.sorted {
		slices.SortFunc(b.columns, func(x, y *columnBuilder) int { return x.id.Compare(y.id) })
		b.sorted = true
	}
	rows := int(b.rows)
	mem := b.newArenas(rows)
	out := &column.Batch{
		Rows:     rows,
		Keys:     mem.dict(&b.keys.dict),
		KeyCodes: take(&mem.words, b.keyCodes),
		Times:    take(&mem.ints, b.times),
		IDs:      slices.Clone(b.ids),
		Cols:     make([]column.Vector, 0, mem.columns),
	}
	for _, c := range b.columns {
		if len(c.rows) == 0 {
			continue
		}
		v := column.Vector{
			ID:     c.id,
			Ints:   take(&mem.ints, c.ints),
			Floats: take(&mem.floats, c.floats),
			Codes:  take(&mem.words, c.codes),
			Dict:   mem.dict(&c.values.dict),
		}
		if len(c.rows) < rows {
			v.Rows = take(&mem.words, c.rows)
		}
		out.Cols = append(out.Cols, v)
	}
	return out
}

// arenas are the batch's memory: one allocation per element type.
type arenas struct {
	columns int
	bytes   []byte
	words   []uint32
	ints    []int64
	floats  []float64
}

func (b *Builder) newArenas(rows int) arenas {
	var columns, bytes, ints, floats int
	words := 0
	dict := func(d *column.Dict) { bytes, words = bytes+len(d.Data), words+len(d.Offsets) }
	for _, c := range b.columns {
		if len(c.rows) == 0 {
			continue
		}
		columns++
		ints, floats, words = ints+len(c.ints), floats+len(c.floats), words+len(c.codes)
		if len(c.rows) < rows {
			words += len(c.rows)
		}
		dict(&c.values.dict)
	}
	dict(&b.keys.dict)
	return arenas{
		columns: columns,
		bytes:   make([]byte, 0, bytes),
		words:   make([]uint32, 0, words+rows),
		ints:    make([]int64, 0, ints+rows),
		floats:  make([]float64, 0, floats),
	}
}

func (m *arenas) dict(d *column.Dict) column.Dict {
	return column.Dict{Offsets: take(&m.words, d.Offsets), Data: take(&m.bytes, d.Data)}
}

// take copies src to the end of the arena, which has room for it. Nothing stays
// nil.
func take[T any](arena *[]T, src []T) []T {
	if len(src) == 0 {
		return nil
	}
	n := len(*arena)
	*arena = append(*arena, src...)
	return (*arena)[n:len(*arena):len(*arena)]
}

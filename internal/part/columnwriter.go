package part

import (
	"math"
	"sort"
	"sync"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// When to give up the dictionary of a column while its values still come.
const (
	// probeValues is how many values are seen before the first decision, and
	// twice as many before every further one.
	probeValues = 16 << 10
	// A column of which more than 15/16 are distinct so far never repeats enough
	// later; a user id with a tenth distinct in the end is at 11/12 after 16k.
	hopelessNum, hopelessDen = 15, 16
	// maxDictBytes bounds the memory of values that repeat too little to be worth
	// it.
	maxDictBytes = 64 << 20
)

// ColumnWriter writes one column. Values come in row order, by any mix of the
// Append methods that fit the column's type:
//
//	shared dictionary   codes := MapDict(dict) once; AppendCodes(rows, codes…)
//	dictionary per call AppendValues(rows, dict, codes)
//	numbers             AppendInts, AppendFloats
//
// rows lists the absolute rows of the values, strictly ascending over all
// calls; nil means the rows that follow the last one. Values are interned: the
// cost of MapDict is per distinct value, that of AppendCodes a plain loop. When
// few values repeat the column becomes raw, at the latest in Close, and goes
// out block by block.
//
// Memory: four bytes per value, four more if the column is sparse, and the
// distinct values.
type ColumnWriter struct {
	w     *Writer
	id    column.ID
	spec  column.Spec
	coded bool

	*columnScratch
	sparse bool // rows lists the values' rows
	count  int
	next   uint32 // smallest row that may come
	probe  int    // count at which to decide again
	maps   []uint32

	began bool // the column is in the part's list
	raw   bool
	zone  *zone
	err   error // of a method that returns none
}

// columnScratch is the memory that columns use one after the other, in one
// writer and then in the next.
type columnScratch struct {
	bytes byteTable // distinct values of coded columns
	words wordTable // distinct values of numeric columns
	codes []uint32  // of every value so far, in dict mode
	rows  []uint32  // their rows; unused while dense
	block rawBlock
	dict  dictEncoder
}

var columnScratches = sync.Pool{New: func() any { return new(columnScratch) }}

// maxScratchBytes is the size above which a writer gives its scratch to the
// garbage collector: that of flushes fits, that of large merges need not stay.
const maxScratchBytes = 32 << 20

// release ends the use of the scratch.
func (c *ColumnWriter) release() {
	s := c.columnScratch
	if c.columnScratch = nil; s == nil {
		return
	}
	s.block.c = nil
	if s.sizeBytes() <= maxScratchBytes {
		columnScratches.Put(s)
	}
}

// sizeBytes returns about what memory the scratch holds.
func (s *columnScratch) sizeBytes() int {
	d := &s.dict
	return 8*cap(s.bytes.slots) + cap(s.bytes.vals.Data) + 4*cap(s.bytes.vals.Offsets) +
		4*cap(s.words.slots) + 8*cap(s.words.vals) + 4*cap(s.codes) + 4*cap(s.rows) +
		cap(s.block.dict.Data) + cap(s.block.scratch) + cap(s.block.filters) +
		cap(d.marks) + 4*cap(d.used) + 16*cap(d.sorter) + cap(d.terms.Data) + 4*cap(d.terms.Offsets) +
		cap(d.unit) + cap(d.packed) + 4*(cap(d.ords)+cap(d.stamp)+cap(d.rank))
}

// reset prepares the writer for the next column and keeps memory of usual size.
func (c *ColumnWriter) reset(w *Writer, id column.ID) {
	if c.columnScratch == nil {
		c.columnScratch = columnScratches.Get().(*columnScratch)
	}
	c.w, c.id, c.spec, c.coded = w, id, w.o.Layout.Spec(id), id.Type.Coded()
	c.bytes.reset()
	c.words.reset()
	c.codes, c.rows, c.maps = c.codes[:0], c.rows[:0], c.maps[:0]
	c.sparse, c.began, c.raw = false, false, false
	c.count, c.next, c.probe, c.err = 0, 0, probeValues, nil
	c.zone = nil
	if c.spec.Zone {
		c.zone = &zone{}
	}
	c.block.reset(c)
	// References have a codec that needs their values, not codes of them.
	c.raw = c.spec.Codec == column.CodecIDRef
}

// MapDict returns, for every value of d, the code to pass to AppendCodes. In a
// column of numbers the values of d are terms. The result is the caller's to
// read until Close. It interns: call it once per dictionary, not per row.
func (c *ColumnWriter) MapDict(d *column.Dict) []uint32 {
	n := d.Len()
	if c.columnScratch == nil {
		c.fail(base.Errorf(base.ClassBug, "column %v: the part is finished", c.id))
		return make([]uint32, n)
	}
	if cap(c.maps)-len(c.maps) < n {
		c.maps = make([]uint32, 0, max(n, 4096))
	}
	start := len(c.maps)
	c.maps = c.maps[:start+n]
	codes := c.maps[start : start+n : start+n]
	for i := range codes {
		v := d.Value(uint32(i))
		switch {
		case !c.coded && len(v) != 8:
			c.fail(base.Errorf(base.ClassBug, "column %v: term of %d bytes", c.id, len(v)))
		case !c.coded:
			codes[i] = c.addWord(wordOf(column.TermValue(c.id.Type, v)))
		case len(v) >= math.MaxUint32-len(c.bytes.vals.Data):
			c.fail(base.Errorf(base.ClassTooLarge, "column %v: dictionary of 4 GiB", c.id))
		case c.raw:
			codes[i] = c.bytes.vals.Append(v)
		default:
			codes[i] = c.bytes.intern(v)
		}
	}
	return codes
}

// addWord returns a code of the word. Once the column is raw, equal words need
// not have equal codes.
func (c *ColumnWriter) addWord(v uint64) uint32 {
	if !c.raw {
		return c.words.intern(v)
	}
	c.words.vals = append(c.words.vals, v)
	return uint32(len(c.words.vals) - 1)
}

func (c *ColumnWriter) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// distinct returns the number of codes.
func (c *ColumnWriter) distinct() int {
	if c.coded {
		return c.bytes.vals.Len()
	}
	return len(c.words.vals)
}

// AppendCodes adds values by codes that MapDict returned.
func (c *ColumnWriter) AppendCodes(rows []uint32, codes []uint32) error {
	if err := c.checkRows(rows, len(codes)); err != nil {
		return err
	}
	top := uint32(0)
	for _, code := range codes {
		top = max(top, code)
	}
	if len(codes) > 0 && int(top) >= c.distinct() {
		return base.Errorf(base.ClassBug, "column %v: code %d of %d", c.id, top, c.distinct())
	}
	if c.raw {
		return c.spread(rows, len(codes), func(lo, hi int) { c.block.addCodes(codes[lo:hi]) })
	}
	c.codes = append(c.codes, codes...)
	return c.took(rows, len(codes))
}

// AppendValues adds values out of a dictionary that only this call uses: value
// i is d.Value(codes[i]). Unlike with MapDict, no value is kept once its block
// is written, so use it for columns that hardly repeat.
func (c *ColumnWriter) AppendValues(rows []uint32, d *column.Dict, codes []uint32) error {
	if err := c.checkRows(rows, len(codes)); err != nil {
		return err
	}
	if !c.coded {
		return base.Errorf(base.ClassBug, "column %v: values of a dictionary", c.id)
	}
	for _, code := range codes {
		if int(code) >= d.Len() {
			return base.Errorf(base.ClassBug, "column %v: code %d of %d", c.id, code, d.Len())
		}
	}
	if c.raw {
		return c.spread(rows, len(codes), func(lo, hi int) { c.block.addValues(d, codes[lo:hi]) })
	}
	for _, code := range codes {
		v := d.Value(code)
		if len(v) >= math.MaxUint32-len(c.bytes.vals.Data) {
			return base.Errorf(base.ClassTooLarge, "column %v: dictionary of 4 GiB", c.id)
		}
		c.codes = append(c.codes, c.bytes.intern(v))
	}
	return c.took(rows, len(codes))
}

// AppendInts adds values of an Int64 or Bool column.
func (c *ColumnWriter) AppendInts(rows []uint32, vals []int64) error {
	if err := c.checkRows(rows, len(vals)); err != nil {
		return err
	}
	if c.coded || c.id.Type == column.Float64 {
		return base.Errorf(base.ClassBug, "column %v: integers", c.id)
	}
	if c.raw {
		return c.spread(rows, len(vals), func(lo, hi int) { c.block.ints = append(c.block.ints, vals[lo:hi]...) })
	}
	for _, v := range vals {
		c.codes = append(c.codes, c.words.intern(uint64(v)))
	}
	return c.took(rows, len(vals))
}

// AppendFloats adds values of a Float64 column.
func (c *ColumnWriter) AppendFloats(rows []uint32, vals []float64) error {
	if err := c.checkRows(rows, len(vals)); err != nil {
		return err
	}
	if c.id.Type != column.Float64 {
		return base.Errorf(base.ClassBug, "column %v: floats", c.id)
	}
	if c.raw {
		return c.spread(rows, len(vals), func(lo, hi int) { c.block.floats = append(c.block.floats, vals[lo:hi]...) })
	}
	for _, v := range vals {
		c.codes = append(c.codes, c.words.intern(math.Float64bits(v)))
	}
	return c.took(rows, len(vals))
}

// checkRows checks the rows of n further values.
func (c *ColumnWriter) checkRows(rows []uint32, n int) error {
	if c.err != nil {
		return c.err
	}
	if c.w.state != stateColumn || c.columnScratch == nil {
		return base.Errorf(base.ClassBug, "column %v is closed", c.id)
	}
	total := c.w.meta.rows
	if rows == nil {
		if n > total-int(c.next) {
			return base.Errorf(base.ClassBug, "column %v: %d values from row %d of %d", c.id, n, c.next, total)
		}
		return nil
	}
	if len(rows) != n {
		return base.Errorf(base.ClassBug, "column %v: %d rows for %d values", c.id, len(rows), n)
	}
	next := c.next
	for _, r := range rows {
		if r < next {
			return base.Errorf(base.ClassBug, "column %v: row %d after %d", c.id, r, int64(next)-1)
		}
		next = r + 1
	}
	if n > 0 && int(rows[n-1]) >= total {
		return base.Errorf(base.ClassBug, "column %v: row %d of %d", c.id, rows[n-1], total)
	}
	return nil
}

// took enters the rows of n values whose codes were added, and decides whether
// the column stays in dict mode.
func (c *ColumnWriter) took(rows []uint32, n int) error {
	if n == 0 {
		return nil
	}
	first, last := c.next, c.next+uint32(n)-1
	if rows != nil {
		first, last = rows[0], rows[n-1]
	}
	if !c.sparse && (first != c.next || int(last-first) != n-1) {
		c.sparse = true
		c.rows = appendConsecutive(c.rows, 0, c.count)
	}
	if c.sparse && rows != nil {
		c.rows = append(c.rows, rows...)
	} else if c.sparse {
		c.rows = appendConsecutive(c.rows, first, n)
	}
	c.next = last + 1
	c.count += n
	if c.count < c.probe {
		return nil
	}
	c.probe = 2 * c.count
	used := len(c.dict.usedCodes(c.codes, c.distinct()))
	if hopelessDen*used > hopelessNum*c.count || 2*used > c.count && len(c.bytes.vals.Data) > maxDictBytes {
		return c.becomeRaw()
	}
	return nil
}

// appendConsecutive appends n rows from first on.
func appendConsecutive(dst []uint32, first uint32, n int) []uint32 {
	for i := range uint32(n) {
		dst = append(dst, first+i)
	}
	return dst
}

// becomeRaw writes what was collected block by block, and all that comes.
func (c *ColumnWriter) becomeRaw() error {
	rows, codes := c.rows, c.codes
	if !c.sparse {
		rows = nil
	}
	c.raw, c.next, c.count = true, 0, 0
	return c.spread(rows, len(codes), func(lo, hi int) { c.block.addCodes(codes[lo:hi]) })
}

// spread deals n values out to blocks: put adds the values [lo, hi) to the
// present one.
func (c *ColumnWriter) spread(rows []uint32, n int, put func(lo, hi int)) error {
	first := c.next
	b := &c.block
	for lo := 0; lo < n; {
		row := first + uint32(lo)
		if rows != nil {
			row = rows[lo]
		}
		if row >= b.end {
			if err := c.flushBlock(); err != nil {
				return err
			}
			b.seek(row)
		}
		hi := min(n, lo+int(b.end-row))
		if rows != nil {
			hi = lo + sort.Search(n-lo, func(i int) bool { return rows[lo+i] >= b.end })
			for _, r := range rows[lo:hi] {
				b.rows = append(b.rows, r-b.start)
			}
		} else {
			b.rows = appendConsecutive(b.rows, row-b.start, hi-lo)
		}
		put(lo, hi)
		c.next = b.start + b.rows[len(b.rows)-1] + 1
		lo = hi
	}
	c.count += n
	return nil
}

// Close writes the column, or what is left of it. The writer takes the next
// column afterwards.
func (c *ColumnWriter) Close() error {
	if c.w.state != stateColumn {
		return base.Errorf(base.ClassBug, "column %v closed twice", c.id)
	}
	if c.err != nil {
		return c.err
	}
	if err := c.close(); err != nil {
		return err
	}
	c.w.state = stateColumns
	return nil
}

func (c *ColumnWriter) close() error {
	if c.count == 0 {
		return nil
	}
	if !c.raw {
		used := c.dict.usedCodes(c.codes, c.distinct())
		if 2*len(used) <= c.count {
			return c.writeDict(used)
		}
		if err := c.becomeRaw(); err != nil {
			return err
		}
	}
	return c.finishRaw()
}

// begin enters the column in the part's list, at its first page at the latest.
func (c *ColumnWriter) begin() error {
	if c.began {
		return nil
	}
	c.began = true
	c.w.meta.columns = append(c.w.meta.columns, columnMeta{id: c.id})
	return c.w.pages.column(c.id.Family)
}

// columnMeta returns the column's entry in the part's list.
func (c *ColumnWriter) columnMeta() *columnMeta { return &c.w.meta.columns[len(c.w.meta.columns)-1] }

// wordOf returns a number's 64 bits.
func wordOf(v column.Value) uint64 {
	if v.Type == column.Float64 {
		return math.Float64bits(v.Float)
	}
	return uint64(v.Int)
}

// valueOf returns the value of a number's 64 bits.
func valueOf(t column.Type, word uint64) column.Value {
	if t == column.Float64 {
		return column.Value{Type: t, Float: math.Float64frombits(word)}
	}
	return column.Value{Type: t, Int: int64(word)}
}

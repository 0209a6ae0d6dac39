package part

import (
	"encoding/binary"
	"math"
	"sort"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// The skipping index, meta.bin, is one unit that an open part holds in memory:
// what every block covers, which columns there are, and where the units of the
// other files lie.
//
//	uvarint rows, uvarint distinct keys, uvarint blocks
//	blocks:   section ints rows, section ints earliest times,
//	          section ints latest times less earliest times
//	          section rows blocks that begin inside a key's run
//	          per block: section separator (below)
//	columns:  uvarint number, then per column
//	          u8 family, u8 type, u8 mode, section name,
//	          uvarint values, uvarint distinct values (zero if raw)
//	          dict:  unit terms, unit postings      (in index.seg)
//	          raw:   units filters, by filter group (in filter.bin)
//	          zone:  section rows blocks with values,
//	                 section ints smallest, section ints largest
//	units     of the page directory, by chunk       (in primary.bin)
//	unit      of the key filter                     (in filter.bin)
//	projections: uvarint number, then section name and unit (in index.seg)
//
//	unit:     uvarint offset, uvarint size with frame (0: none)
//	units:    uvarint number, then units
//
// A block's separator is the shortest key that is greater than every key of
// the blocks before it and not greater than its own first key. A block that
// begins inside a key's run has that key as separator.

// Mode says how a column is stored. The numbers are persisted.
type Mode uint8

// The modes. Zero is invalid.
const (
	// Dict columns have a sorted dictionary of terms for the whole part; pages
	// hold ordinals in it, and postings say which rows have a term.
	Dict Mode = 1
	// Raw columns hold values in their pages; a filter per block says which
	// values it may have.
	Raw Mode = 2
)

// String returns the mode's name.
func (m Mode) String() string {
	switch m {
	case Dict:
		return "dict"
	case Raw:
		return "raw"
	}
	return "invalid"
}

// The largest part and block a reader accepts, far above what writers aim at.
const (
	maxRows      = 1 << 28
	maxBlockRows = 1 << 22
)

// blockMeta is what the skipping index knows about a block.
type blockMeta struct {
	firstRow uint32
	rows     uint32
	minTime  int64
	maxTime  int64 // inclusive
	// continues: the block's first key is the last key of the block before.
	continues bool
}

// columnMeta is what the skipping index knows about a column.
type columnMeta struct {
	id       column.ID
	mode     Mode
	values   int
	distinct int
	terms    pageRef
	postings pageRef
	filters  []pageRef // by filter group; empty: none
	zone     *zone
}

// zone holds the smallest and largest value of every block that has one.
type zone struct {
	blocks   []uint32 // ascending
	min, max []int64
}

// find returns the block's bounds.
func (z *zone) find(block int) (lo, hi int64, ok bool) {
	i := sort.Search(len(z.blocks), func(i int) bool { return int(z.blocks[i]) >= block })
	if i == len(z.blocks) || int(z.blocks[i]) != block {
		return 0, 0, false
	}
	return z.min[i], z.max[i], true
}

// add widens the bounds of the block, which is not before the last one added.
func (z *zone) add(block uint32, v int64) {
	n := len(z.blocks)
	if n == 0 || z.blocks[n-1] != block {
		z.blocks, z.min, z.max = append(z.blocks, block), append(z.min, v), append(z.max, v)
		return
	}
	z.min[n-1], z.max[n-1] = min(z.min[n-1], v), max(z.max[n-1], v)
}

// meta is the parsed skipping index.
type meta struct {
	rows      int
	keys      int
	blocks    []blockMeta
	seps      column.Dict // per block
	columns   []columnMeta
	chunks    []pageRef
	keyFilter pageRef
	// projections are small answers that the engine computed from the rows,
	// ascending by name.
	projections []projectionMeta
}

// projectionMeta names a projection and where it lies, in index.seg.
type projectionMeta struct {
	name string
	ref  pageRef
}

// append appends the unit's payload.
func (m *meta) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(m.rows))
	dst = binary.AppendUvarint(dst, uint64(m.keys))
	dst = m.appendBlocks(dst)
	dst = binary.AppendUvarint(dst, uint64(len(m.columns)))
	for i := range m.columns {
		dst = m.columns[i].append(dst, len(m.blocks))
	}
	dst = appendUnits(dst, m.chunks)
	dst = appendUnit(dst, m.keyFilter)
	dst = binary.AppendUvarint(dst, uint64(len(m.projections)))
	for _, p := range m.projections {
		dst = appendUnit(appendSection(dst, []byte(p.name)), p.ref)
	}
	return dst
}

func (m *meta) appendBlocks(dst []byte) []byte {
	n := len(m.blocks)
	rows, first, length := make([]int64, n), make([]int64, n), make([]int64, n)
	var continues []uint32
	for i, b := range m.blocks {
		rows[i], first[i], length[i] = int64(b.rows), b.minTime, b.maxTime-b.minTime
		if b.continues {
			continues = append(continues, uint32(i))
		}
	}
	dst = binary.AppendUvarint(dst, uint64(n))
	var scratch []byte
	for _, vals := range [...][]int64{rows, first, length} {
		dst, scratch = appendInts(dst, scratch, vals)
	}
	dst, _ = appendRows(dst, scratch, continues, n)
	for i := range n {
		dst = appendSection(dst, m.seps.Value(uint32(i)))
	}
	return dst
}

func (c *columnMeta) append(dst []byte, blocks int) []byte {
	dst = append(dst, c.id.Family, byte(c.id.Type), byte(c.mode))
	dst = appendSection(dst, []byte(c.id.Name))
	dst = binary.AppendUvarint(dst, uint64(c.values))
	dst = binary.AppendUvarint(dst, uint64(c.distinct))
	if c.mode == Dict {
		dst = appendUnit(appendUnit(dst, c.terms), c.postings)
	} else {
		dst = appendUnits(dst, c.filters)
	}
	if c.zone == nil {
		return appendSection(dst, nil)
	}
	dst, scratch := appendRows(dst, nil, c.zone.blocks, blocks)
	dst, scratch = appendInts(dst, scratch, c.zone.min)
	dst, _ = appendInts(dst, scratch, c.zone.max)
	return dst
}

func appendUnit(dst []byte, r pageRef) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(dst, r.off), uint64(r.size))
}

func appendUnits(dst []byte, refs []pageRef) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(refs)))
	for _, r := range refs {
		dst = appendUnit(dst, r)
	}
	return dst
}

// parseMeta reads the unit's payload.
func parseMeta(src []byte) (*meta, error) {
	d := decoder{src: src}
	m := &meta{}
	m.rows = d.count("rows", maxRows)
	m.keys = d.count("keys", m.rows)
	m.parseBlocks(&d)
	n := d.count("columns", len(d.src)/8)
	if d.err != nil {
		return nil, d.err
	}
	m.columns = make([]columnMeta, n)
	for i := range m.columns {
		c := &m.columns[i]
		c.parse(&d, m)
		if d.err == nil && i > 0 && m.columns[i-1].id.Compare(c.id) >= 0 {
			d.fail(corruptf("column %v is not after %v", c.id, m.columns[i-1].id))
		}
		if d.err != nil {
			return nil, d.err
		}
	}
	m.chunks = d.units()
	m.keyFilter = d.unit()
	m.parseProjections(&d)
	if d.err == nil && len(m.chunks) != chunks(len(m.blocks)) {
		d.fail(corruptf("%d chunks for %d blocks", len(m.chunks), len(m.blocks)))
	}
	return m, d.done()
}

func (m *meta) parseProjections(d *decoder) {
	n := d.count("projections", len(d.src)/3)
	for range n {
		p := projectionMeta{name: string(d.section()), ref: d.unit()}
		if k := len(m.projections); d.err == nil && k > 0 && m.projections[k-1].name >= p.name {
			d.fail(corruptf("projection %q is not after %q", p.name, m.projections[k-1].name))
		}
		if d.err != nil {
			return
		}
		m.projections = append(m.projections, p)
	}
}

func (m *meta) parseBlocks(d *decoder) {
	n := d.count("blocks", min(m.rows, len(d.src)))
	rows := d.ints(nil, n)
	first := d.ints(nil, n)
	length := d.ints(nil, n)
	continues := d.rows(n)
	if d.err != nil {
		return
	}
	m.blocks = make([]blockMeta, n)
	at := 0
	for i := range m.blocks {
		last := first[i] + length[i]
		if rows[i] <= 0 || rows[i] > maxBlockRows || last < first[i] || last == math.MaxInt64 {
			d.fail(corruptf("block %d: %d rows from time %d to %d", i, rows[i], first[i], last))
			return
		}
		m.blocks[i] = blockMeta{firstRow: uint32(at), rows: uint32(rows[i]), minTime: first[i], maxTime: last}
		if at += int(rows[i]); at > m.rows {
			break
		}
	}
	if at != m.rows {
		d.fail(corruptf("blocks hold %d rows, want %d", at, m.rows))
		return
	}
	if len(continues) > 0 && continues[0] == 0 {
		d.fail(corruptf("block 0 continues the one before"))
		return
	}
	for _, i := range continues {
		m.blocks[i].continues = true
	}
	for range n {
		m.seps.Append(d.section())
	}
}

func (c *columnMeta) parse(d *decoder, m *meta) {
	c.id = column.ID{Family: d.byte(), Type: column.Type(d.byte())}
	c.mode = Mode(d.byte())
	c.id.Name = string(d.section())
	c.values = d.count("values", m.rows)
	c.distinct = d.count("distinct values", c.values)
	if d.err == nil && (!c.id.Type.Valid() || c.mode != Dict && c.mode != Raw || c.values == 0) {
		d.fail(corruptf("column %v: mode %d, %d values", c.id, c.mode, c.values))
		return
	}
	if c.mode == Dict {
		c.terms, c.postings = d.unit(), d.unit()
	} else {
		c.filters = d.units()
	}
	if d.err == nil && len(c.filters) != 0 && len(c.filters) != filterGroups(len(m.blocks)) {
		d.fail(corruptf("column %v: %d filter groups for %d blocks", c.id, len(c.filters), len(m.blocks)))
	}
	if len(d.src) > 0 && d.src[0] == 0 { // an empty section: no zone
		d.byte()
		return
	}
	z := &zone{blocks: d.rows(len(m.blocks))}
	z.min = d.ints(nil, len(z.blocks))
	z.max = d.ints(nil, len(z.blocks))
	c.zone = z
}

func (d *decoder) unit() pageRef {
	r := pageRef{off: d.uvarint(), size: uint32(d.count("unit", maxUnitBytes))}
	if r.off > math.MaxInt64-maxUnitBytes {
		d.fail(corruptf("unit at offset %d", r.off))
	}
	return r
}

func (d *decoder) units() []pageRef {
	n := d.count("units", len(d.src)/2)
	if n == 0 {
		return nil
	}
	refs := make([]pageRef, n)
	for i := range refs {
		refs[i] = d.unit()
	}
	return refs
}

// timeRange returns the half-open range of all times. There is a block.
func (m *meta) timeRange() base.TimeRange {
	t := m.blocks[0].timeRange()
	for i := range m.blocks {
		b := m.blocks[i].timeRange()
		t.Start, t.End = min(t.Start, b.Start), max(t.End, b.End)
	}
	return t
}

// timeRange returns the half-open range of a block's times.
func (b *blockMeta) timeRange() base.TimeRange {
	return base.TimeRange{Start: b.minTime, End: b.maxTime + 1}
}

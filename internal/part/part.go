package part

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"sort"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/block"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/filter"
	"github.com/pandodb/pando/internal/invariants"
)

// Cache holds what was decoded from parts, one cache for a whole node.
type Cache = block.Cache[any]

// NewCache returns a cache of the given budget for all parts of a node.
func NewCache(budgetBytes int64) *Cache { return block.NewCache[any](budgetBytes) }

// OpenOptions say which part to open. FS and Dir must be set.
type OpenOptions struct {
	FS  vfs.FS
	Dir string
	// Layout, when set, must have the name of the part's layout.
	Layout *column.Layout
	// Cache keeps what was decoded; nil decodes anew at every read.
	Cache *Cache
	// Hold opens every file at once, not at its first read: another process may
	// remove them at any moment.
	Hold bool
}

// maxMetadataBytes bounds metadata.json: a few fields and at most 40 files.
const maxMetadataBytes = 1 << 20

// Part reads one part. All methods are safe for concurrent use while the caller
// holds a reference. Slices and objects they return are shared and read-only,
// unless they were written to the caller's dst.
type Part struct {
	o     OpenOptions
	m     Meta
	meta  *meta
	keys  *filter.Fuse
	cache uint64 // number of the part in the cache

	primary  *fileReader
	index    *fileReader
	filter   *fileReader
	times    *fileReader   // identity pages
	families []*fileReader // column pages, by family; nil where a family has none
	files    []*fileReader // each of the above once

	lastChunk atomic.Pointer[numberedChunk] // most reads stay in one chunk

	refs     atomic.Int64
	obsolete atomic.Bool
}

// Open opens a part. It reads the skipping index and the key filter, about 30
// bytes a block and two a key, and checks that all files are there with their
// lengths; everything else is read when asked for. Damage is a ClassCorruption
// error. The caller holds one reference; Close drops it.
func Open(o OpenOptions) (*Part, error) {
	p := &Part{o: o}
	p.refs.Store(1)
	if err := p.open(); err != nil {
		_ = p.closeFiles() // read only: nothing is lost
		return nil, fmt.Errorf("open part: %w", err)
	}
	p.cache = o.Cache.NextPart()
	return p, nil
}

func (p *Part) open() error {
	path := p.path(metadataName)
	src, err := readWhole(p.o.FS, path, maxMetadataBytes)
	if err != nil {
		return err
	}
	m, err := parseMetadata(src)
	if err != nil {
		return at(path, 0, err)
	}
	p.m = *m
	if l := p.o.Layout; l != nil && l.Name != m.Layout {
		return base.Errorf(base.ClassInvalid, "%s: part of layout %q, want %q", p.o.Dir, m.Layout, l.Name)
	}
	if err := p.readMeta(); err != nil {
		return err
	}
	if err := p.openFiles(); err != nil {
		return err
	}
	payload, err := p.filter.unit(p.meta.keyFilter)
	if err != nil {
		return err
	}
	p.keys, err = filter.OpenFuse(payload)
	return at(p.filter.path, int64(p.meta.keyFilter.off), err)
}

func (p *Part) path(name string) string { return p.o.FS.PathJoin(p.o.Dir, name) }

func (p *Part) ident(kind fileKind, family int) fileIdent {
	return fileIdent{tablet: p.m.Tablet, part: p.m.ID, kind: kind, family: uint8(family)}
}

// readMeta reads the skipping index: a header and one unit, in one read.
func (p *Part) readMeta() error {
	path := p.path(metaName)
	file, ok := p.m.file(metaName)
	if !ok {
		return base.Corruptionf(p.path(metadataName), 0, "no file %s", metaName)
	}
	src, err := readWhole(p.o.FS, path, maxUnitBytes)
	if err != nil {
		return err
	}
	if int64(len(src)) != file.Bytes {
		return base.Corruptionf(path, int64(len(src)), "file has %d bytes, want %d", len(src), file.Bytes)
	}
	if sum := crc32.Checksum(src, castagnoli); sum != file.CRC {
		return base.Corruptionf(path, 0, "checksum %08x, want %08x", sum, file.CRC)
	}
	ident := p.ident(kindMeta, 0)
	if err := checkHeader(src[:headerSize], ident); err != nil {
		return at(path, 0, err)
	}
	payload, err := block.CheckPage(src[headerSize:], block.PageIdentity(ident.id(), headerSize))
	if err == nil {
		p.meta, err = parseMeta(payload)
	}
	if err == nil {
		err = p.agree()
	}
	return at(path, headerSize, err)
}

// agree compares the skipping index with metadata.json.
func (p *Part) agree() error {
	m, x := &p.m, p.meta
	if m.Rows != x.rows || m.Keys != x.keys || m.Blocks != len(x.blocks) || m.Columns != len(x.columns) {
		return corruptf("%d rows, %d keys, %d blocks, %d columns; metadata.json says %d, %d, %d, %d",
			x.rows, x.keys, len(x.blocks), len(x.columns), m.Rows, m.Keys, m.Blocks, m.Columns)
	}
	if t := x.timeRange(); m.Time != t {
		return corruptf("times %d to %d; metadata.json says %d to %d", t.Start, t.End, m.Time.Start, m.Time.End)
	}
	for i := range x.columns {
		if f := int(x.columns[i].id.Family); f >= len(m.Families) {
			return corruptf("column %v: %d families", x.columns[i].id, len(m.Families))
		}
	}
	return nil
}

// openFiles checks the files that are read on demand.
func (p *Part) openFiles() error {
	var err error
	if p.primary, err = p.openFile(primaryName, kindPrimary, 0); err != nil {
		return err
	}
	if p.index, err = p.openFile(indexName, kindIndex, 0); err != nil {
		return err
	}
	if p.filter, err = p.openFile(filterName, kindFilter, 0); err != nil {
		return err
	}
	p.families = make([]*fileReader, len(p.m.Families))
	if !p.m.Wide {
		p.times, err = p.openFile(dataName, kindData, 0)
		for i := range p.families {
			p.families[i] = p.times
		}
		return err
	}
	if p.times, err = p.openFile(timestampsName, kindTimestamps, 0); err != nil {
		return err
	}
	for i := range p.meta.columns {
		family := int(p.meta.columns[i].id.Family)
		if p.families[family] != nil {
			continue
		}
		name := p.m.Families[family] + familySuffix
		if p.families[family], err = p.openFile(name, kindFamily, family); err != nil {
			return err
		}
	}
	return nil
}

func (p *Part) openFile(name string, kind fileKind, family int) (*fileReader, error) {
	file, ok := p.m.file(name)
	if !ok {
		return nil, base.Corruptionf(p.path(metadataName), 0, "no file %s", name)
	}
	r, err := newFileReader(p.o.FS, p.path(name), p.ident(kind, family), file.Bytes)
	if err != nil {
		return nil, err
	}
	p.files = append(p.files, r)
	if p.o.Hold {
		_, err = r.file()
	}
	return r, err
}

// Meta returns what the part says about itself.
func (p *Part) Meta() *Meta { return &p.m }

// ColumnInfo describes a column of a part.
type ColumnInfo struct {
	ID     column.ID
	Mode   Mode
	Values int
	// Distinct is the number of terms of a Dict column; unknown, zero, for Raw.
	Distinct int
	// Indexed says that a Dict column has postings, a Raw column value filters.
	Indexed bool
}

// Columns returns the part's columns, ascending by ID. Other methods take a
// column's position in this list.
func (p *Part) Columns() []ColumnInfo {
	out := make([]ColumnInfo, len(p.meta.columns))
	for i := range out {
		out[i] = p.ColumnInfo(i)
	}
	return out
}

// ColumnInfo returns the description of one column.
func (p *Part) ColumnInfo(col int) ColumnInfo {
	c := &p.meta.columns[col]
	return ColumnInfo{
		ID: c.id, Mode: c.mode, Values: c.values, Distinct: c.distinct,
		Indexed: c.postings.size != 0 || len(c.filters) != 0,
	}
}

// Column returns the position of a column, or false when no row has it.
func (p *Part) Column(id column.ID) (col int, ok bool) {
	cols := p.meta.columns
	i := sort.Search(len(cols), func(i int) bool { return cols[i].id.Compare(id) >= 0 })
	return i, i < len(cols) && cols[i].id == id
}

// BlockInfo describes a block.
type BlockInfo struct {
	FirstRow int
	Rows     int
	Time     base.TimeRange
}

// Block returns the description of block i.
func (p *Part) Block(i int) BlockInfo {
	b := &p.meta.blocks[i]
	return BlockInfo{FirstRow: int(b.firstRow), Rows: int(b.rows), Time: b.timeRange()}
}

// BlockOfRow returns the block that holds the row, which is below Meta().Rows.
func (p *Part) BlockOfRow(row int) int {
	blocks := p.meta.blocks
	return sort.Search(len(blocks), func(i int) bool { return int(blocks[i].firstRow) > row }) - 1
}

// MayContainKey reports whether the part may have rows of the key. False is
// certain; true is wrong about once in 65,000.
func (p *Part) MayContainKey(key []byte) bool {
	return p.inKeyRange(key) && p.keys.Contains(column.HashTerm(key))
}

func (p *Part) inKeyRange(key []byte) bool {
	return bytes.Compare(p.m.MinKey, key) <= 0 && bytes.Compare(key, p.m.MaxKey) <= 0
}

// FindKey returns the blocks [lo, hi) that have the rows of the key if there
// are any: one block, or all that a long run is spread over. ok is false when
// the key lies outside the part's range; it does not ask the key filter.
func (p *Part) FindKey(key []byte) (lo, hi int, ok bool) {
	if !p.inKeyRange(key) {
		return 0, 0, false
	}
	hi = p.blocksUpTo(key)
	return p.SeekKey(key), hi, true
}

// SeekKey returns the first block that may have a key that is not less than
// key, or Meta().Blocks.
func (p *Part) SeekKey(key []byte) int {
	if bytes.Compare(key, p.m.MaxKey) > 0 {
		return len(p.meta.blocks)
	}
	lo := max(p.blocksUpTo(key)-1, 0)
	for p.meta.blocks[lo].continues && bytes.Equal(p.meta.seps.Value(uint32(lo)), key) {
		lo--
	}
	return lo
}

// blocksUpTo returns the number of blocks that begin with a key not above key.
func (p *Part) blocksUpTo(key []byte) int {
	seps := &p.meta.seps
	return sort.Search(len(p.meta.blocks), func(i int) bool {
		return bytes.Compare(seps.Value(uint32(i)), key) > 0
	})
}

// Zone returns the smallest and largest value of a zone column in a block. ok
// is false when the column keeps no zones or has no value in the block.
func (p *Part) Zone(col, block int) (lo, hi int64, ok bool) {
	z := p.meta.columns[col].zone
	if z == nil {
		return 0, 0, false
	}
	return z.find(block)
}

// HasZone reports whether the column keeps zones: then a block without one has
// no value.
func (p *Part) HasZone(col int) bool { return p.meta.columns[col].zone != nil }

// Ref adds a reference. The caller must hold one already, or know that somebody
// does.
func (p *Part) Ref() {
	if n := p.refs.Add(1); invariants.Enabled {
		invariants.Check(n > 1, "part %s referenced after its last reader left", p.o.Dir)
	}
}

// Unref drops a reference. The last one closes the files and, if the part is
// obsolete, removes it; the error is about that.
func (p *Part) Unref() error {
	n := p.refs.Add(-1)
	if invariants.Enabled {
		invariants.Check(n >= 0, "part %s dropped twice", p.o.Dir)
	}
	if n != 0 {
		return nil
	}
	err := p.closeFiles()
	p.o.Cache.EvictPart(p.cache)
	if err != nil || !p.obsolete.Load() {
		return err
	}
	if err := p.o.FS.RemoveAll(p.o.Dir); err != nil {
		return fmt.Errorf("remove part %s: %w", p.o.Dir, err)
	}
	return syncDir(p.o.FS, p.o.FS.PathDir(p.o.Dir))
}

// SetObsolete makes the drop of the last reference remove the part's files. The
// owner calls it once no manifest names the part, before it drops its own
// reference.
func (p *Part) SetObsolete() { p.obsolete.Store(true) }

// Close drops the reference that Open gave.
func (p *Part) Close() error { return p.Unref() }

func (p *Part) closeFiles() error {
	var first error
	for _, f := range p.files {
		if err := f.close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

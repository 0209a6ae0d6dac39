package part

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// Verify reads every byte of a part and checks every checksum, count and order,
// and that zones, filters and postings agree with the values. Tags of documents
// in filters are the exception: only the layout knows them. It returns nil or the first damage found: a ClassCorruption error that names
// the file and the offset of the damaged unit. It neither uses nor fills a
// cache.
func Verify(fs vfs.FS, dir string) error {
	p, err := Open(OpenOptions{FS: fs, Dir: dir})
	if err != nil {
		return err
	}
	err = p.verify()
	if cerr := p.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("verify part: %w", err)
	}
	return nil
}

func (p *Part) verify() error {
	if err := p.walk(unitVisitor{}); err != nil {
		return err
	}
	if err := p.verifyRows(); err != nil {
		return err
	}
	for _, f := range p.m.Files {
		if err := p.verifySum(f); err != nil {
			return err
		}
	}
	return nil
}

// verifySum compares the checksum of a whole file.
func (p *Part) verifySum(m FileMeta) error {
	path := p.path(m.Name)
	f, err := p.o.FS.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() // read only: nothing is lost
	sum := crc32.New(castagnoli)
	n, err := io.Copy(sum, f)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if n != m.Bytes || sum.Sum32() != m.CRC {
		return base.Corruptionf(path, 0, "checksum %08x of %d bytes, want %08x of %d", sum.Sum32(), n, m.CRC, m.Bytes)
	}
	return nil
}

// verifyRows decodes all rows and compares them with the skipping index.
func (p *Part) verifyRows() error {
	checks := make([]columnCheck, len(p.meta.columns))
	for col := range checks {
		var err error
		if checks[col], err = newColumnCheck(p, col); err != nil {
			return err
		}
	}
	keys := 0
	var last []byte
	var v column.Vector
	for i := range p.meta.blocks {
		id, err := p.ReadIdentity(i)
		if err != nil {
			return err
		}
		if err := p.verifyIdentity(i, id, last); err != nil {
			return at(p.times.path, 0, err)
		}
		if keys += id.Keys.Len(); p.meta.blocks[i].continues {
			keys--
		}
		last = id.Keys.Value(uint32(id.Keys.Len() - 1))
		for col := range checks {
			if err := p.ReadColumnRange(i, col, 0, int(p.meta.blocks[i].rows), &v); err != nil {
				return err
			}
			if err := checks[col].page(i, &v); err != nil {
				return err
			}
		}
	}
	for col := range checks {
		if err := checks[col].finish(); err != nil {
			return err
		}
	}
	if keys != p.m.Keys || !bytes.Equal(last, p.m.MaxKey) {
		return base.Corruptionf(p.path(metadataName), 0, "%d keys up to %x, want %d", keys, last, p.m.Keys)
	}
	return nil
}

// verifyIdentity checks a block's rows; last is the greatest key before it.
func (p *Part) verifyIdentity(block int, id *column.Identity, last []byte) error {
	b := &p.meta.blocks[block]
	first := id.Keys.Value(0)
	separator := p.meta.seps.Value(uint32(block))
	switch order := bytes.Compare(last, first); {
	case block == 0 && !bytes.Equal(first, p.m.MinKey):
		return corruptf("block 0 begins with key %x, want %x", first, p.m.MinKey)
	case block > 0 && (order > 0 || (order == 0) != b.continues):
		return corruptf("block %d begins with key %x after %x", block, first, last)
	case bytes.Compare(separator, first) > 0 || block > 0 && !b.continues && bytes.Compare(separator, last) <= 0:
		return corruptf("block %d: separator %x does not part %x from %x", block, separator, last, first)
	}
	if lo, hi := slices.Min(id.Times), slices.Max(id.Times); lo != b.minTime || hi != b.maxTime {
		return corruptf("block %d: times %d to %d, want %d to %d", block, lo, hi, b.minTime, b.maxTime)
	}
	for k := range id.Keys.Len() {
		if key := id.Keys.Value(uint32(k)); !p.MayContainKey(key) {
			return corruptf("block %d: filter excludes key %x", block, key)
		}
	}
	check := cutter{}
	return base.Mark(base.ClassCorruption, check.check(id))
}

// unitVisitor is called with every unit of the part's files, file by file, in
// no particular order inside a file. Nil fields are skipped.
type unitVisitor struct {
	header func(f *fileReader) error
	unit   func(u unitInfo) error
}

// unitKind says what a unit holds.
type unitKind uint8

const (
	unitIdentity unitKind = iota
	unitPage
	unitChunk
	unitTerms
	unitPostings
	unitFilters
	unitKeyFilter
	unitProjection
)

// unitInfo is a unit and what it holds.
type unitInfo struct {
	file    *fileReader
	ref     pageRef
	kind    unitKind
	col     int
	i       int // block, chunk or filter group
	payload []byte
}

// walk visits all units and checks that they fill their files without gaps.
func (p *Part) walk(v unitVisitor) error {
	units, err := p.units()
	if err != nil {
		return err
	}
	for _, f := range p.files {
		if _, err := f.file(); err != nil {
			return err
		}
		if v.header != nil {
			if err := v.header(f); err != nil {
				return err
			}
		}
		if err := p.walkFile(f, units[f], v); err != nil {
			return err
		}
	}
	return nil
}

func (p *Part) walkFile(f *fileReader, units []unitInfo, v unitVisitor) error {
	slices.SortStableFunc(units, func(a, b unitInfo) int { return int(int64(a.ref.off) - int64(b.ref.off)) })
	next := uint64(headerSize)
	for _, u := range units {
		if u.ref.off != next {
			return base.Corruptionf(f.path, int64(next), "next unit is at %d", u.ref.off)
		}
		next = u.ref.end()
		var err error
		if u.payload, err = f.unit(u.ref); err != nil {
			return err
		}
		if err := p.checkUnit(&u); err != nil {
			return at(f.path, int64(u.ref.off), err)
		}
		if v.unit != nil {
			if err := v.unit(u); err != nil {
				return err
			}
		}
	}
	if int64(next) != f.size {
		return base.Corruptionf(f.path, int64(next), "units end before the file does, at %d", f.size)
	}
	return nil
}

// checkUnit decodes units that reading all rows does not touch.
func (p *Part) checkUnit(u *unitInfo) error {
	var err error
	switch u.kind {
	case unitTerms:
		_, err = p.values(u.col)
	case unitPostings:
		err = p.verifyPostings(u.col)
	case unitFilters:
		_, err = p.filterGroup(u.col, u.i)
	case unitIdentity, unitPage, unitChunk, unitKeyFilter, unitProjection:
		// Listing the units and reading all rows decodes them.
	}
	return err
}

// verifyPostings decodes the rows of every term.
func (p *Part) verifyPostings(col int) error {
	x, err := p.Postings(col)
	if err != nil {
		return err
	}
	total := 0
	var rows []uint32
	for ord := range uint32(x.Terms()) {
		if rows, err = x.AppendRows(rows[:0], ord); err != nil {
			return err
		}
		total += x.Count(ord)
		if !x.Dense(ord) && len(rows) != x.Count(ord) {
			return corruptf("column %v: term %d has %d rows, want %d", p.meta.columns[col].id, ord, len(rows), x.Count(ord))
		}
	}
	if want := p.meta.columns[col].values; total != want {
		return corruptf("column %v: postings of %d values, want %d", p.meta.columns[col].id, total, want)
	}
	return nil
}

// units lists the units of every file.
func (p *Part) units() (map[*fileReader][]unitInfo, error) {
	units := map[*fileReader][]unitInfo{}
	add := func(u unitInfo) {
		if u.ref.size != 0 {
			units[u.file] = append(units[u.file], u)
		}
	}
	for i, ref := range p.meta.chunks {
		add(unitInfo{file: p.primary, ref: ref, kind: unitChunk, i: i})
	}
	for col := range p.meta.columns {
		m := &p.meta.columns[col]
		add(unitInfo{file: p.index, ref: m.terms, kind: unitTerms, col: col})
		add(unitInfo{file: p.index, ref: m.postings, kind: unitPostings, col: col})
		for i, ref := range m.filters {
			add(unitInfo{file: p.filter, ref: ref, kind: unitFilters, col: col, i: i})
		}
	}
	add(unitInfo{file: p.filter, ref: p.meta.keyFilter, kind: unitKeyFilter})
	for i := range p.meta.projections {
		add(unitInfo{file: p.index, ref: p.meta.projections[i].ref, kind: unitProjection, i: i})
	}
	for i := range p.meta.blocks {
		c, k, err := p.chunk(i)
		if err != nil {
			return nil, err
		}
		add(unitInfo{file: p.times, ref: c.identity[k], kind: unitIdentity, i: i})
		for _, pg := range c.blockPages(k) {
			ref := pageRef{off: pg.off, size: pg.size}
			add(unitInfo{file: p.columnFile(int(pg.col)), ref: ref, kind: unitPage, col: int(pg.col), i: i})
		}
	}
	return units, nil
}

// IsTemporary reports whether a directory name is one that a writer works under
// and that only a crash leaves behind.
func IsTemporary(name string) bool {
	return len(name) > len(tmpSuffix) && name[len(name)-len(tmpSuffix):] == tmpSuffix
}

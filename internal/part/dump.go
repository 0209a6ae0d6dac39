package part

import (
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/block"
	"github.com/pandodb/pando/internal/column"
)

// Dump writes everything a part holds to w as text: metadata.json as it is, and
// every other file byte by byte with its meaning. It is for people and for
// golden tests; of a large part it is very long. It fails at the first damage
// with a ClassCorruption error.
func Dump(fs vfs.FS, dir string, w io.Writer) error {
	p, err := Open(OpenOptions{FS: fs, Dir: dir})
	if err != nil {
		return err
	}
	defer p.Close() // read only: nothing is lost
	d := dumper{p: p, a: annotator{w: w}}
	if err := d.dump(); err != nil {
		return fmt.Errorf("dump part: %w", err)
	}
	return d.a.err
}

type dumper struct {
	p *Part
	a annotator
}

func (d *dumper) dump() error {
	p := d.p
	src, err := readWhole(p.o.FS, p.path(metadataName), maxMetadataBytes)
	if err != nil {
		return err
	}
	d.a.printf("# %s\n%s", metadataName, src)
	if src, err = readWhole(p.o.FS, p.path(metaName), maxUnitBytes); err != nil {
		return err
	}
	d.begin(metaName, src[:headerSize])
	d.a.src = src[headerSize : len(src)-block.TrailerSize]
	d.meta()
	d.a.src = src[len(src)-block.TrailerSize:]
	d.a.take(block.TrailerSize, "checksum")
	return p.walk(unitVisitor{header: d.header, unit: d.unit})
}

// begin writes the name and the header of a file.
func (d *dumper) begin(name string, header []byte) {
	d.a.printf("\n# %s", name)
	d.a.off, d.a.src = 0, header
	d.a.take(4, "magic")
	d.a.take(1, "format version")
	d.a.take(1, "kind of file")
	d.a.take(2, "family, zero")
	d.a.take(8, "tablet")
	d.a.take(8, "part")
	d.a.take(block.TrailerSize, "checksum")
}

func (d *dumper) header(f *fileReader) error {
	file, err := f.file()
	if err != nil {
		return err
	}
	head := make([]byte, headerSize)
	if err := readAt(file, f.path, head, 0); err != nil {
		return err
	}
	d.begin(d.p.o.FS.PathBase(f.path), head)
	return nil
}

// unit writes one unit and its checksum.
func (d *dumper) unit(u unitInfo) error {
	d.a.off, d.a.src = int64(u.ref.off), u.payload
	switch u.kind {
	case unitIdentity:
		d.a.printf("-- identity of block %d", u.i)
		d.identity(u.i)
	case unitPage:
		d.a.printf("-- block %d, column %v", u.i, d.p.meta.columns[u.col].id)
		if err := d.page(u); err != nil {
			return err
		}
	case unitChunk:
		d.a.printf("-- page directory, chunk %d", u.i)
		d.chunk(u.i)
	case unitTerms:
		d.a.printf("-- terms of column %v", d.p.meta.columns[u.col].id)
		if err := d.terms(u.col); err != nil {
			return err
		}
	case unitPostings:
		d.a.printf("-- postings of column %v", d.p.meta.columns[u.col].id)
		d.a.take(len(u.payload), "package index")
	case unitFilters:
		d.a.printf("-- value filters of column %v, group %d", d.p.meta.columns[u.col].id, u.i)
		d.a.ints("lengths by block", min(filterBlocks, len(d.p.meta.blocks)-u.i*filterBlocks))
		d.a.take(len(d.a.src), "filters, package filter")
	case unitProjection:
		d.a.printf("-- projection %q", d.p.meta.projections[u.i].name)
		d.a.take(len(u.payload), "bytes of the engine")
	case unitKeyFilter:
		d.a.printf("-- key filter")
		d.a.take(len(u.payload), "package filter")
	}
	sum := block.AppendPage(nil, block.PageIdentity(u.file.id, u.ref.off), u.payload)
	d.a.src = sum[len(u.payload):]
	d.a.take(block.TrailerSize, "checksum")
	return d.a.err
}

// meta writes the skipping index.
func (d *dumper) meta() {
	a := &d.a
	a.uvarint("rows: %d")
	a.uvarint("distinct keys: %d")
	blocks := int(a.uvarint("blocks: %d"))
	a.ints("rows by block", blocks)
	a.ints("earliest times", blocks)
	a.ints("latest times less earliest", blocks)
	a.rows("blocks that begin inside a key", blocks)
	for range blocks {
		a.text("separator")
	}
	columns := int(a.uvarint("columns: %d"))
	for col := range columns {
		c := &d.p.meta.columns[col]
		a.printf("-- column %d", col)
		a.take(1, "family %d", c.id.Family)
		a.take(1, "type %v", c.id.Type)
		a.take(1, "mode %v", c.mode)
		a.text("name")
		a.uvarint("values: %d")
		a.uvarint("distinct values: %d")
		if c.mode == Dict {
			d.place("terms")
			d.place("postings")
		} else {
			d.places("filter groups")
		}
		if present := a.rows("zone: blocks", blocks); c.zone != nil {
			a.ints("zone: smallest", len(present))
			a.ints("zone: largest", len(present))
		}
	}
	a.printf("-- units elsewhere")
	d.places("chunks of the page directory")
	d.place("key filter")
	for range d.a.uvarint("projections: %d") {
		d.a.text("name")
		d.place("projection")
	}
}

// place writes where a unit lies.
func (d *dumper) place(what string) {
	d.a.uvarint(what + " at %d")
	d.a.uvarint(what + ": %d bytes")
}

func (d *dumper) places(what string) {
	for range d.a.uvarint(what + ": %d") {
		d.place(what)
	}
}

// chunk writes a piece of the page directory.
func (d *dumper) chunk(i int) {
	a := &d.a
	blocks := int(a.uvarint("blocks: %d"))
	a.uvarint("first identity page at %d")
	a.ints("lengths of identity pages", blocks)
	col := uint64(0)
	for range a.uvarint("columns: %d") {
		col += a.uvarint("column, %d on")
		if d.p.m.Wide {
			a.uvarint("first page at %d")
		}
		present := a.rows(fmt.Sprintf("column %d: blocks of chunk %d", col-1, i), blocks)
		a.ints("lengths of pages", len(present))
	}
}

// identity writes an identity page.
func (d *dumper) identity(block int) {
	a := &d.a
	rows := int(a.uvarint("rows: %d"))
	keys := int(a.uvarint("keys: %d"))
	a.ints("rows by key", keys)
	codec := a.take(1, "codec of the times: 1 runs, 2 shared")
	first, steps := keys, rows-keys
	if len(codec) == 1 && codec[0] == timesShared {
		first, steps = 1, rows/max(keys, 1)-1
	}
	a.ints("first times", first)
	a.ints("steps", steps)
	a.ints("ids", rows)
	a.take(1, "codec of the keys: 1 strings, 2 hash8")
	id, err := d.p.ReadIdentity(block)
	if err != nil {
		return // the walk has read it before
	}
	a.take(len(a.src), "keys")
	for i := range id.Keys.Len() {
		a.printf("        key %x", id.Keys.Value(uint32(i)))
	}
}

// pageCodecs names the codecs of column pages.
var pageCodecs = map[byte]string{
	pageCodes: "codes", pageLocal: "local", pageInts: "ints",
	pageFloats: "floats", pageBytes: "bytes", pageIDRefs: "idrefs",
}

// page writes a column page, which has been read before.
func (d *dumper) page(u unitInfo) error {
	a := &d.a
	rows := int(d.p.meta.blocks[u.i].rows)
	v := new(column.Vector)
	if err := d.p.ReadColumnRange(u.i, u.col, 0, rows, v); err != nil {
		return err
	}
	codec := u.payload[0] &^ pageRowsMask
	switch u.payload[0] & pageRowsMask {
	case pageOwnRows:
		a.take(1, "codec %s, with rows", pageCodecs[codec])
		a.rows("rows with a value", rows)
	case pageSharedRows:
		a.take(1, "codec %s, with rows of another", pageCodecs[codec])
		a.uvarint("the rows of the column %d places before")
	default:
		a.take(1, "codec %s", pageCodecs[codec])
	}
	switch codec {
	case pageCodes:
		a.take(len(a.src), "ordinals %v", v.Codes)
	case pageLocal:
		a.rows("ordinals of the block", d.p.meta.columns[u.col].distinct)
		a.take(len(a.src), "indices of %v", v.Codes)
	case pageInts, pageIDRefs:
		a.take(len(a.src), "%v", v.Ints)
	case pageFloats:
		a.take(len(a.src), "%v", v.Floats)
	case pageBytes:
		a.uvarint("bytes of all values: %d")
		a.take(len(a.src), "values, package bytesenc")
		for i := range v.Dict.Len() {
			a.printf("        %q", v.Dict.Value(uint32(i)))
		}
	}
	return nil
}

// terms writes the dictionary of a column.
func (d *dumper) terms(col int) error {
	d.a.take(len(d.a.src), "package index")
	v, err := d.p.Values(col)
	if err != nil {
		return err
	}
	for i := range v.Len() {
		value := column.TermValue(d.p.meta.columns[col].id.Type, v.Value(uint32(i)))
		switch {
		case value.Type.Coded():
			d.a.printf("        %d = %q", i, value.Bytes)
		case value.Type == column.Float64:
			d.a.printf("        %d = %v", i, value.Float)
		default:
			d.a.printf("        %d = %d", i, value.Int)
		}
	}
	return nil
}

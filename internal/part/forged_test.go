package part

import (
	"fmt"
	"hash/crc32"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/block"
	"github.com/pandodb/pando/internal/column"
)

// forgeMeta replaces the skipping index and seals it.
func forgeMeta(t *testing.T, fs vfs.FS, ident fileIdent, change func(*meta)) {
	t.Helper()
	body := contents(t, fs, metaName)
	m, err := parseMeta(body[headerSize : len(body)-block.TrailerSize])
	if err != nil {
		t.Fatal(err)
	}
	change(m)
	body = m.append(body[:headerSize])
	replace(t, fs, metaName, block.SealPage(body, headerSize, block.PageIdentity(ident.id(), headerSize)))
}

// forgeMetadata makes metadata.json agree with meta.bin as it is, but for what
// change does.
func forgeMetadata(t *testing.T, fs vfs.FS, change func(*Meta)) {
	t.Helper()
	m, err := parseMetadata(contents(t, fs, metadataName))
	if err != nil {
		t.Fatal(err)
	}
	change(m)
	body, err := encodeMetadata(m)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, fs, metadataName, body)
}

func wantCorrupt(t *testing.T, fs vfs.FS, what string) {
	t.Helper()
	if p, err := Open(OpenOptions{FS: fs, Dir: "p"}); !base.IsCorruption(err) {
		if err == nil {
			_ = p.Close()
		}
		t.Errorf("%s: %v", what, err)
	}
}

// The skipping index of another part under the same numbers, as another replica
// may have written it, has sound checksums and may have the same counts.
func TestMetaOfAnotherWriteIsCorruption(t *testing.T) {
	fs, _, m := smallPart(t, false)
	forgeMeta(t, fs, fileIdent{tablet: m.Tablet, part: m.ID, kind: kindMeta}, func(m *meta) {
		m.blocks[0].maxTime++
		m.blocks[0].minTime++
	})
	wantCorrupt(t, fs, "another meta.bin")
}

func TestTimesOfMetadataMustBeThoseOfBlocks(t *testing.T) {
	for _, change := range []func(*Meta){
		func(m *Meta) { m.Time.Start++ },
		func(m *Meta) { m.Time.Start-- },
		func(m *Meta) { m.Time.End-- },
		func(m *Meta) { m.Time.End++ },
	} {
		fs, _, _ := smallPart(t, false)
		forgeMetadata(t, fs, change)
		wantCorrupt(t, fs, "other times")
	}
}

// A block continues the key of the one before: the first has none, and a reader
// that steps back from it would leave the part.
func TestFirstBlockContinuesNothing(t *testing.T) {
	src := (&meta{rows: 2, keys: 1, blocks: []blockMeta{
		{rows: 1, continues: true},
		{rows: 1, firstRow: 1},
	}, seps: column.Dict{Offsets: []uint32{0, 0, 1}, Data: []byte("b")}, chunks: []pageRef{{}}}).append(nil)
	if m, err := parseMeta(src); !base.IsCorruption(err) {
		t.Errorf("%+v, %v", m, err)
	}
}

// A number's term has eight bytes, also where terms are read one by one.
func TestShortTermOfNumberIsCorruption(t *testing.T) {
	layout := &column.Layout{Name: "numbers", Families: []column.Family{{Name: "span", Dynamic: true}}, Rule: column.KeepAll}
	fs := vfs.NewMem()
	w, err := NewWriter(WriterOptions{FS: fs, Dir: "p", ID: 5, Layout: layout})
	if err != nil {
		t.Fatal(err)
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	const distinct = smallDict + 10
	var id column.Identity
	var dict column.Dict
	var codes []uint32
	for i := range 2 * distinct {
		id.Append([]byte("k"), int64(i), 0)
		codes = append(codes, uint32(i%distinct))
	}
	for i := range distinct {
		dict.Append(fmt.Appendf(nil, "%d", i))
	}
	check(w.AddRows(&id))
	check(w.FinishRows())
	c, err := w.Column(column.ID{Type: column.String, Name: "n"})
	check(err)
	check(c.AppendValues(nil, &dict, codes))
	check(c.Close())
	m, err := w.Finish()
	check(err)

	forgeMeta(t, fs, fileIdent{part: m.ID, kind: kindMeta}, func(m *meta) { m.columns[0].id.Type = column.Int64 })
	resum(t, fs)
	p, err := Open(OpenOptions{FS: fs, Dir: "p"})
	check(err)
	defer p.Close()
	var b column.Batch
	if err := p.ReadRows(0, 0, 10, nil, &b); !base.IsCorruption(err) {
		t.Errorf("%v, %v", b.Cols, err)
	}
}

// resum makes metadata.json agree with all files as they are.
func resum(t *testing.T, fs vfs.FS) {
	t.Helper()
	forgeMetadata(t, fs, func(m *Meta) {
		for i := range m.Files {
			m.Files[i].CRC = crc32.Checksum(contents(t, fs, m.Files[i].Name), castagnoli)
		}
	})
}

// What a writer's mistake would leave: every checksum is right and the index is
// not that of the values.
func TestVerifyFindsIndexThatDisagrees(t *testing.T) {
	pick := func(t *testing.T, m *meta, fits func(a, b *columnMeta) bool) (a, b *columnMeta) {
		for i := range m.columns {
			for j := range i {
				if fits(&m.columns[i], &m.columns[j]) {
					return &m.columns[i], &m.columns[j]
				}
			}
		}
		t.Fatal("the part has no such columns")
		return nil, nil
	}
	for name, change := range map[string]func(*testing.T, *meta){
		"zone": func(t *testing.T, m *meta) {
			a, _ := pick(t, m, func(a, _ *columnMeta) bool { return a.zone != nil })
			a.zone.max[0]++
		},
		"zone of a block without values": func(t *testing.T, m *meta) {
			a, _ := pick(t, m, func(a, _ *columnMeta) bool { return a.zone != nil })
			a.zone.blocks, a.zone.min, a.zone.max = a.zone.blocks[1:], a.zone.min[1:], a.zone.max[1:]
		},
		"postings of another column": func(t *testing.T, m *meta) {
			a, b := pick(t, m, func(a, b *columnMeta) bool {
				return a.mode == Dict && b.mode == Dict && a.distinct == b.distinct && a.values == b.values && b.postings.size > 0
			})
			a.postings, b.postings = b.postings, a.postings
		},
		"filters of another column": func(t *testing.T, m *meta) {
			a, b := pick(t, m, func(a, b *columnMeta) bool {
				return len(a.filters) > 0 && len(b.filters) > 0 && a.id.Type != column.Doc && b.id.Type != column.Doc
			})
			a.filters, b.filters = b.filters, a.filters
		},
	} {
		t.Run(name, func(t *testing.T) {
			fs, ident := indexedPart(t)
			if err := Verify(fs, "p"); err != nil {
				t.Fatal(err)
			}
			forgeMeta(t, fs, ident, func(m *meta) { change(t, m) })
			resum(t, fs)
			if err := Verify(fs, "p"); !base.IsCorruption(err) {
				t.Errorf("Verify says %v", err)
			}
		})
	}
}

// indexedPart writes a part with two columns of every kind that has an index.
func indexedPart(t *testing.T) (*vfs.MemFS, fileIdent) {
	t.Helper()
	layout := &column.Layout{
		Name: "indexed", Families: []column.Family{{Name: "span", Dynamic: true}}, Rule: column.KeepAll, BlockRows: 64,
		Columns: []column.Spec{{ID: column.ID{Type: column.Int64, Name: "zone"}, Zone: true}},
	}
	fs := vfs.NewMem()
	w, err := NewWriter(WriterOptions{FS: fs, Dir: "p", ID: 5, Layout: layout})
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(err)
	const rows = 400
	var id column.Identity
	for i := range rows {
		id.Append(fmt.Appendf(nil, "%04d", i/4), int64(i), 0)
	}
	check(w.AddRows(&id))
	check(w.FinishRows())
	for i, name := range []string{"dict1", "dict2", "raw1", "raw2", "zone"} {
		ints := make([]int64, rows)
		for row := range ints {
			if ints[row] = int64((row + 7*i) % 50); i >= 2 {
				ints[row] = int64(1000*i + row)
			}
		}
		c, err := w.Column(column.ID{Type: column.Int64, Name: name})
		check(err)
		check(c.AppendInts(nil, ints))
		check(c.Close())
	}
	m, err := w.Finish()
	check(err)
	return fs, fileIdent{part: m.ID, kind: kindMeta}
}

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
	body, err := appendMetadata(nil, m)
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
	forgeMetadata(t, fs, func(m *Meta) {
		for i := range m.Files {
			if m.Files[i].Name == metaName {
				m.Files[i].CRC = crc32.Checksum(contents(t, fs, metaName), castagnoli)
			}
		}
	})
	p, err := Open(OpenOptions{FS: fs, Dir: "p"})
	check(err)
	defer p.Close()
	var b column.Batch
	if err := p.ReadRows(0, 0, 10, nil, &b); !base.IsCorruption(err) {
		t.Errorf("%v, %v", b.Cols, err)
	}
}

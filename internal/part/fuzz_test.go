package part

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/block"
	"github.com/pandodb/pando/internal/column"
)

// FuzzMutatedFiles cuts and overwrites files of a part. Whatever is read without
// an error must be right, and errors must say corruption.
func FuzzMutatedFiles(f *testing.F) {
	f.Add(uint8(0), uint16(3), []byte("x"), false)
	f.Add(uint8(1), uint16(30), []byte{0xff, 0xff}, true)
	f.Add(uint8(9), uint16(400), []byte{}, false)
	var files [2]*vfs.MemFS
	var twins [2]*twin
	var metas [2]Meta
	for i := range files {
		files[i], twins[i], metas[i] = smallPart(f, i == 1)
	}
	f.Fuzz(func(t *testing.T, file uint8, off uint16, with []byte, wide bool) {
		i := 0
		if wide {
			i = 1
		}
		names := fileNames(&metas[i])
		name := names[int(file)%len(names)]
		body := contents(t, files[i], name)
		defer replace(t, files[i], name, body)
		mutated := bytes.Clone(body)
		at := int(off) % len(body)
		if len(with) == 0 {
			mutated = mutated[:at]
		} else {
			copy(mutated[at:], with)
		}
		replace(t, files[i], name, mutated)
		if err := readAll(t, files[i], twins[i]); err != nil && !base.IsCorruption(err) {
			t.Fatal(err)
		}
		if err := Verify(files[i], "p"); err == nil && !bytes.Equal(mutated, body) || err != nil && !base.IsCorruption(err) {
			t.Fatalf("Verify says %v", err)
		}
	})
}

// FuzzHostileUnits replaces the payload of a unit and seals it again, as
// nothing but a forger would. The part may then say anything, but not panic and
// not take memory without bound.
func FuzzHostileUnits(f *testing.F) {
	for wide := range 2 {
		fs, _, _ := smallPart(f, wide == 1)
		p, err := Open(OpenOptions{FS: fs, Dir: "p"})
		if err != nil {
			f.Fatal(err)
		}
		n := uint16(0)
		err = p.walk(unitVisitor{unit: func(u unitInfo) error {
			f.Add(wide == 1, n, bytes.Clone(u.payload))
			n++
			return nil
		}})
		if err != nil {
			f.Fatal(err)
		}
		_ = p.Close()
	}
	f.Fuzz(func(t *testing.T, wide bool, at uint16, payload []byte) {
		fs, _, _ := smallPart(t, wide)
		p, err := Open(OpenOptions{FS: fs, Dir: "p"})
		if err != nil {
			t.Fatal(err)
		}
		var units []unitInfo
		byFile, err := p.units()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range p.files {
			units = append(units, byFile[f]...)
		}
		u := units[int(at)%len(units)]
		forge(t, fs, u, payload)
		_ = p.Close()
		readHostile(t, fs)
		_ = Verify(fs, "p")
		_ = Dump(fs, "p", new(bytes.Buffer))
	})
}

// forge writes the payload in the place of the unit, cut or filled up to its
// length.
func forge(t *testing.T, fs vfs.FS, u unitInfo, payload []byte) {
	t.Helper()
	name := fs.PathBase(u.file.path)
	body := contents(t, fs, name)
	forged := make([]byte, int(u.ref.size)-block.TrailerSize)
	copy(forged, payload)
	framed := block.AppendPage(nil, block.PageIdentity(u.file.id, u.ref.off), forged)
	copy(body[u.ref.off:], framed)
	replace(t, fs, name, body)
}

// readHostile calls every reading method and ignores what they say.
func readHostile(t *testing.T, fs vfs.FS) {
	t.Helper()
	p, err := Open(OpenOptions{FS: fs, Dir: "p"})
	if err != nil {
		return
	}
	defer p.Close()
	var b column.Batch
	key := p.Meta().MinKey
	for i := range p.Meta().Blocks {
		_ = p.ReadRows(i, 0, p.Block(i).Rows, nil, &b)
		_ = p.ReadKey(i, key, nil, &b)
		for col := range p.Columns() {
			_, _ = p.ReadColumn(i, col)
			_, _ = p.MayContain(col, i, 77)
		}
	}
	for col, c := range p.Columns() {
		_, _ = p.MayContainBlocks(nil, col, 77)
		if c.Mode == Dict {
			_, _ = p.Values(col)
			_, _ = p.Postings(col)
		}
	}
	_ = p.MayContainKey(key)
}

func FuzzParseMetadata(f *testing.F) {
	fs, _, _ := smallPart(f, false)
	f.Add(contents(f, fs, metadataName))
	f.Add([]byte(`{"format":2,"checksum":"00000000"}`))
	f.Fuzz(func(t *testing.T, src []byte) {
		m, err := parseMetadata(src)
		if err != nil {
			return
		}
		again, err := encodeMetadata(m)
		if err != nil || !bytes.Equal(again, src) {
			t.Fatalf("%s\nreads as\n%s, %v", src, again, err)
		}
	})
}

func FuzzParseMeta(f *testing.F) {
	for wide := range 2 {
		fs, _, _ := smallPart(f, wide == 1)
		body := contents(f, fs, metaName)
		f.Add(body[headerSize : len(body)-block.TrailerSize])
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		m, err := parseMeta(src)
		if err != nil {
			if !base.IsCorruption(err) {
				t.Fatal(err)
			}
			return
		}
		if _, err := parseMeta(m.append(nil)); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzParseChunk(f *testing.F) {
	tw := newTwin(rand.New(rand.NewPCG(1, 1)), 400, 3, 8)
	for wide := range 2 {
		p := writeTwin(f, rand.New(rand.NewPCG(1, 1)), tw, wide == 1)
		payload, err := p.primary.unit(p.meta.chunks[0])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(payload, wide == 1, uint8(len(p.meta.blocks)), uint8(len(p.meta.columns)))
	}
	f.Fuzz(func(t *testing.T, src []byte, wide bool, blocks, columns uint8) {
		c, err := parseChunk(src, chunkShape{wide: wide, blocks: int(blocks), columns: int(columns)})
		if err != nil && !base.IsCorruption(err) {
			t.Fatal(err)
		}
		if err != nil {
			return
		}
		for i := range int(blocks) {
			for _, pg := range c.blockPages(i) {
				if ref := c.find(i, int(pg.col)); ref.size != pg.size || pg.col >= uint32(columns) {
					t.Fatalf("block %d column %d: %v", i, pg.col, ref)
				}
			}
		}
	})
}

func FuzzParseIdentity(f *testing.F) {
	tw := newTwin(rand.New(rand.NewPCG(1, 1)), 60, 4, 8)
	var e identityEncoder
	id := tw.identity(0, tw.rows())
	f.Add(e.append(nil, id), uint16(tw.rows()))
	shared := &column.Identity{}
	for k := range 3 {
		for i := range 4 {
			shared.Append([]byte{byte(k)}, int64(10*i), 1)
		}
	}
	f.Add(e.append(nil, shared), uint16(12))
	f.Fuzz(func(t *testing.T, src []byte, rows uint16) {
		id, err := parseIdentity(src, int(rows))
		if err != nil {
			if !base.IsCorruption(err) {
				t.Fatal(err)
			}
			return
		}
		if rows == 0 {
			return
		}
		again, err := parseIdentity(e.append(nil, id), int(rows))
		if err != nil || !sameIdentity(id, again) {
			t.Fatalf("%v reads as %v, %v", id, again, err)
		}
	})
}

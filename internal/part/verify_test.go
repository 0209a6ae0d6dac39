package part

import (
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// smallPart writes a part of few rows that has every kind of unit.
func smallPart(t testing.TB, wide bool) (*vfs.MemFS, *twin, Meta) {
	t.Helper()
	rng := rand.New(rand.NewPCG(3, 3))
	tw := newTwin(rng, 30, 5, 16)
	fs := vfs.NewMem()
	m, err := tw.write(rng, WriterOptions{FS: fs, Dir: "p", Tablet: 4, ID: 5, Wide: wide})
	if err != nil {
		t.Fatal(err)
	}
	return fs, tw, m
}

// fileNames lists all files of a part.
func fileNames(m *Meta) []string {
	names := []string{metadataName}
	for _, f := range m.Files {
		names = append(names, f.Name)
	}
	return names
}

// contents reads a file whole.
func contents(t testing.TB, fs vfs.FS, name string) []byte {
	t.Helper()
	f, err := fs.Open(fs.PathJoin("p", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	body, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// replace overwrites a file.
func replace(t testing.TB, fs vfs.FS, name string, body []byte) {
	t.Helper()
	f, err := fs.Create(fs.PathJoin("p", name), vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(append([]byte(nil), body...)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// readAll opens the part and reads everything. Whatever it returns without an
// error must be right.
func readAll(t testing.TB, fs vfs.FS, tw *twin) error {
	t.Helper()
	p, err := Open(OpenOptions{FS: fs, Dir: "p", Cache: NewCache(1 << 22)})
	if err != nil {
		return err
	}
	defer p.Close()
	if p.Meta().Rows != tw.rows() {
		t.Fatalf("%d rows, want %d", p.Meta().Rows, tw.rows())
	}
	var b column.Batch
	for i := range p.Meta().Blocks {
		info := p.Block(i)
		if err := p.ReadRows(i, 0, info.Rows, nil, &b); err != nil {
			return err
		}
		tw.checkBatch(t, &b, info.FirstRow, info.FirstRow+info.Rows, everyColumn)
	}
	return nil
}

func TestEveryFlippedByteIsFound(t *testing.T) {
	for _, wide := range []bool{false, true} {
		t.Run(fmt.Sprintf("wide=%v", wide), func(t *testing.T) {
			t.Parallel()
			fs, tw, m := smallPart(t, wide)
			if err := Verify(fs, "p"); err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(8, 8))
			for _, name := range fileNames(&m) {
				body := contents(t, fs, name)
				for i := range body {
					flipped := append([]byte(nil), body...)
					flipped[i] ^= 1 << rng.IntN(8)
					replace(t, fs, name, flipped)
					if err := Verify(fs, "p"); !base.IsCorruption(err) {
						t.Fatalf("%s byte %d: Verify says %v", name, i, err)
					}
					if i%4 != 0 {
						continue // reading all is slow
					}
					if err := readAll(t, fs, tw); err != nil && !base.IsCorruption(err) {
						t.Fatalf("%s byte %d: read says %v", name, i, err)
					}
				}
				replace(t, fs, name, body)
			}
			if err := Verify(fs, "p"); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestTruncatedAndMissingFilesAreCorruption(t *testing.T) {
	for _, wide := range []bool{false, true} {
		fs, _, m := smallPart(t, wide)
		for _, name := range fileNames(&m) {
			body := contents(t, fs, name)
			for _, n := range []int{0, 1, headerSize - 1, headerSize, len(body) / 2, len(body) - 1} {
				replace(t, fs, name, body[:min(n, len(body)-1)])
				if p, err := Open(OpenOptions{FS: fs, Dir: "p"}); !base.IsCorruption(err) {
					t.Errorf("%s of %d bytes: %v, %v", name, n, p, err)
				}
			}
			replace(t, fs, name, append(append([]byte(nil), body...), 0))
			if _, err := Open(OpenOptions{FS: fs, Dir: "p"}); !base.IsCorruption(err) {
				t.Errorf("%s with a byte more: %v", name, err)
			}
			if err := fs.Remove(fs.PathJoin("p", name)); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(OpenOptions{FS: fs, Dir: "p"}); !base.IsCorruption(err) {
				t.Errorf("no %s: %v", name, err)
			}
			replace(t, fs, name, body)
		}
	}
}

func TestSwappedFilesAreCorruption(t *testing.T) {
	fs, _, m := smallPart(t, true)
	other := vfs.NewMem()
	rng := rand.New(rand.NewPCG(3, 3))
	tw := newTwin(rng, 60, 5, 16)
	if _, err := tw.write(rng, WriterOptions{FS: other, Dir: "p", Tablet: 4, ID: 6, Wide: true}); err != nil {
		t.Fatal(err)
	}
	for _, f := range m.Files {
		body := contents(t, fs, f.Name)
		replace(t, fs, f.Name, contents(t, other, f.Name))
		if err := Verify(fs, "p"); !base.IsCorruption(err) {
			t.Errorf("%s of another part: %v", f.Name, err)
		}
		replace(t, fs, f.Name, body)
	}
}

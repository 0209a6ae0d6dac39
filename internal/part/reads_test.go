package part

import (
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/pandodb/pando/internal/column"
)

// countReads returns the number of reads of files that f makes.
func countReads(t *testing.T, wide bool, f func(tw *twin, p *Part) error) int {
	t.Helper()
	rng := rand.New(rand.NewPCG(6, 6))
	tw := newTwin(rng, 2000, 10, 200)
	mem := vfs.NewMem()
	if _, err := tw.write(rng, WriterOptions{FS: mem, Dir: "p", ID: 1, Wide: wide}); err != nil {
		t.Fatal(err)
	}
	reads := 0
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileReadAt || op.Kind == errorfs.OpFileRead {
			reads++
		}
		return nil
	}))
	p, err := Open(OpenOptions{FS: fs, Dir: "p", Cache: NewCache(1 << 24)})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	// Dictionaries, the page directory and the files' headers are read before.
	for col := range p.Columns() {
		if _, err := p.ReadColumn(0, col); err != nil {
			t.Fatal(err)
		}
		if p.ColumnInfo(col).Mode != Dict {
			continue
		}
		if _, err := p.Values(col); err != nil {
			t.Fatal(err)
		}
	}
	reads = 0
	if err := f(tw, p); err != nil {
		t.Fatal(err)
	}
	return reads
}

func TestReadsAreFew(t *testing.T) {
	row := 500 // in a block that was not read
	readKey := func(cols []int) func(*twin, *Part) error {
		return func(tw *twin, p *Part) error {
			var b column.Batch
			return p.ReadKey(p.BlockOfRow(row), tw.keys[row], cols, &b)
		}
	}
	if n := countReads(t, false, readKey(nil)); n != 1 {
		t.Errorf("a key's rows in a packed part take %d reads, want 1", n)
	}
	if n := countReads(t, false, readKey([]int{2, 5})); n != 1 {
		t.Errorf("two columns of a packed part take %d reads, want 1", n)
	}
	if n := countReads(t, true, readKey([]int{1, 6})); n != 3 {
		t.Errorf("two columns of a wide part take %d reads, want 3", n)
	}
	absent := func(_ *twin, p *Part) error {
		for range 3 {
			if p.MayContainKey([]byte("no such key")) {
				t.Error("an absent key may be there")
			}
		}
		return nil
	}
	if n := countReads(t, true, absent); n != 0 {
		t.Errorf("the key filter takes %d reads", n)
	}
	cached := func(_ *twin, p *Part) error {
		for col := range p.Columns() {
			if _, err := p.ReadColumn(0, col); err != nil {
				return err
			}
		}
		return nil
	}
	if n := countReads(t, true, cached); n != 0 {
		t.Errorf("cached pages take %d reads", n)
	}
}

func TestOpenReadsLittle(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	tw := newTwin(rng, 2000, 10, 200)
	mem := vfs.NewMem()
	if _, err := tw.write(rng, WriterOptions{FS: mem, Dir: "p", ID: 1, Wide: true}); err != nil {
		t.Fatal(err)
	}
	opened := map[string]int{}
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileReadAt {
			opened[mem.PathBase(op.Path)]++
		}
		return nil
	}))
	p, err := Open(OpenOptions{FS: fs, Dir: "p"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if len(opened) != 3 || opened[metadataName] != 1 || opened[metaName] != 1 || opened[filterName] != 2 {
		t.Errorf("Open reads %v", opened)
	}
}

func TestAbsentColumnsTakeNoCache(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	p := writeTwin(t, rng, newTwin(rng, 400, 4, 16), false)
	absent := 0
	for b := range p.Meta().Blocks {
		if _, _, err := p.chunk(b); err != nil {
			t.Fatal(err)
		}
		for col := range p.Columns() {
			before := p.o.Cache.Stats().Entries
			v, err := p.ReadColumn(b, col)
			if err != nil {
				t.Fatal(err)
			}
			if v.Rows == nil || len(v.Rows) > 0 {
				continue
			}
			absent++
			if v.ID != p.ColumnInfo(col).ID || p.o.Cache.Stats().Entries != before {
				t.Fatalf("block %d: absent column %v: vector of %v, %d more entries",
					b, p.ColumnInfo(col).ID, v.ID, p.o.Cache.Stats().Entries-before)
			}
		}
	}
	if absent == 0 {
		t.Fatal("every column has a value in every block")
	}
}

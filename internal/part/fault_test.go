package part

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// faultTwin is a part of a few blocks; writing it takes some fifty operations.
func faultTwin() *twin { return newTwin(rand.New(rand.NewPCG(2, 7)), 200, 9, 32) }

func TestNoFailedWriteIsVisible(t *testing.T) {
	tw := faultTwin()
	for _, wide := range []bool{false, true} {
		t.Run(fmt.Sprintf("wide=%v", wide), func(t *testing.T) {
			for n := int32(0); ; n++ {
				mem := vfs.NewMem()
				inject := errorfs.OnIndex(n)
				_, err := tw.write(rand.New(rand.NewPCG(1, 1)), WriterOptions{
					FS: errorfs.Wrap(mem, inject), Dir: "p", ID: 1, Wide: wide,
				})
				if err == nil {
					if n < 20 {
						t.Fatalf("operation %d failed and the write did not", n)
					}
					if err := Verify(mem, "p"); err != nil {
						t.Fatal(err)
					}
					return
				}
				if !errors.Is(err, errorfs.ErrInjected) {
					t.Fatalf("operation %d: %v", n, err)
				}
				names, err := mem.List("")
				if err != nil || len(names) != 0 {
					t.Fatalf("operation %d left %v, %v", n, names, err)
				}
			}
		})
	}
}

// closeFS makes the close of the n-th written file fail.
type closeFS struct {
	vfs.FS
	left *int
}

type closeFile struct {
	vfs.File
	left *int
}

func (fs closeFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.Create(name, c)
	return closeFile{f, fs.left}, err
}

func (f closeFile) Close() error {
	err := f.File.Close()
	if *f.left--; *f.left == 0 {
		return errorfs.ErrInjected
	}
	return err
}

func TestFailedCloseFailsTheWrite(t *testing.T) {
	tw := faultTwin()
	for n := 1; ; n++ {
		mem, left := vfs.NewMem(), n
		_, err := tw.write(rand.New(rand.NewPCG(1, 1)), WriterOptions{FS: closeFS{mem, &left}, Dir: "p", ID: 1, Wide: true})
		if left > 0 {
			if err != nil || n < 6 {
				t.Fatalf("%d files: %v", n-1, err)
			}
			return
		}
		if !errors.Is(err, errorfs.ErrInjected) {
			t.Fatalf("close of file %d: %v", n, err)
		}
		if names, err := mem.List(""); err != nil || len(names) != 0 {
			t.Fatalf("close of file %d left %v, %v", n, names, err)
		}
	}
}

func TestCrashLeavesThePartWholeOrAbsent(t *testing.T) {
	tw := faultTwin()
	for _, wide := range []bool{false, true} {
		t.Run(fmt.Sprintf("wide=%v", wide), func(t *testing.T) {
			whole, absent := 0, 0
			check := func(fs *vfs.MemFS) {
				names, err := fs.List("db")
				if err != nil {
					t.Fatal(err)
				}
				for _, name := range names {
					switch {
					case IsTemporary(name):
					case name != "p":
						t.Fatalf("unknown directory %q", name)
					default:
						if err := Verify(fs, "db/p"); err != nil {
							t.Fatal(err)
						}
						whole++
						return
					}
				}
				absent++
			}
			for round := range int64(8) {
				mem := vfs.NewCrashableMem()
				if err := errors.Join(mem.MkdirAll("db", 0o700), syncDir(mem, "/")); err != nil {
					t.Fatal(err)
				}
				rng := rand.New(rand.NewPCG(uint64(round), 1))
				crash := func() *vfs.MemFS {
					return mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: int(round) * 14, RNG: rng})
				}
				hook := errorfs.InjectorFunc(func(errorfs.Op) error { check(crash()); return nil })
				_, err := tw.write(rand.New(rand.NewPCG(1, 1)), WriterOptions{FS: errorfs.Wrap(mem, hook), Dir: "db/p", ID: 1, Wide: wide})
				if err != nil {
					t.Fatal(err)
				}
				before := whole
				if check(crash()); whole == before {
					t.Fatal("a finished part is lost in a crash")
				}
			}
			if absent == 0 {
				t.Error("no crash came before the part was whole")
			}
		})
	}
}

func TestFailedReadsAreErrors(t *testing.T) {
	tw := faultTwin()
	for _, wide := range []bool{false, true} {
		mem := vfs.NewMem()
		if _, err := tw.write(rand.New(rand.NewPCG(1, 1)), WriterOptions{FS: mem, Dir: "p", ID: 1, Wide: wide}); err != nil {
			t.Fatal(err)
		}
		for n := int32(0); ; n++ {
			inject := errorfs.OnIndex(n)
			err := readAll(t, errorfs.Wrap(mem, inject), tw)
			if err == nil {
				if n < 10 {
					t.Fatalf("operation %d failed and the read did not", n)
				}
				break
			}
			if !errors.Is(err, errorfs.ErrInjected) || base.IsCorruption(err) {
				t.Fatalf("operation %d: %v", n, err)
			}
		}
	}
}

func TestWriterRefusesMisuse(t *testing.T) {
	fs := vfs.NewMem()
	tw := faultTwin()
	rng := rand.New(rand.NewPCG(1, 1))
	if _, err := tw.write(rng, WriterOptions{FS: fs, Dir: "p", ID: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := tw.write(rng, WriterOptions{FS: fs, Dir: "p", ID: 2}); base.ClassOf(err) != base.ClassConflict {
		t.Errorf("existing directory: %v", err)
	}
	if _, err := NewWriter(WriterOptions{FS: fs, Dir: "q", Layout: tw.layout}); err == nil {
		t.Error("no id: accepted")
	}
	w, err := NewWriter(WriterOptions{FS: fs, Dir: "q", ID: 1, Layout: tw.layout})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.AddRows(tw.identity(50, 60)); err != nil {
		t.Fatal(err)
	}
	if err := w.AddRows(tw.identity(0, 10)); err == nil {
		t.Error("rows out of order: accepted")
	}
	if _, err := w.Column(tw.cols[0].id); err == nil {
		t.Error("column before FinishRows: accepted")
	}
	if err := w.FinishRows(); err != nil {
		t.Fatal(err)
	}
	c, err := w.Column(tw.cols[2].id)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AppendInts([]uint32{3, 3}, []int64{1, 2}); err == nil {
		t.Error("row twice: accepted")
	}
	if err := c.AppendCodes([]uint32{9}, []uint32{0}); err == nil {
		t.Error("unknown code: accepted")
	}
	if _, err := w.Finish(); err == nil {
		t.Error("Finish with an open column: accepted")
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Column(tw.cols[1].id); err == nil {
		t.Error("columns out of order: accepted")
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	if names, _ := fs.List(""); len(names) != 1 {
		t.Errorf("Abort left %v", names)
	}
}

func TestObsoletePartIsRemovedByItsLastReader(t *testing.T) {
	fs, _, _ := smallPart(t, true)
	p, err := Open(OpenOptions{FS: fs, Dir: "p", Cache: NewCache(1 << 20)})
	if err != nil {
		t.Fatal(err)
	}
	p.Ref()
	p.SetObsolete()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.ReadIdentity(0); err != nil {
		t.Fatal(err)
	}
	if err := p.Unref(); err != nil {
		t.Fatal(err)
	}
	if names, _ := fs.List(""); len(names) != 0 {
		t.Errorf("left %v", names)
	}
	if s := p.o.Cache.Stats(); s.Entries != 0 {
		t.Errorf("%d cache entries left", s.Entries)
	}
}

// A part opens its files when it reads them. When its directory was moved away
// in between, it says so, and takes no other part that got the name.
func TestMovedPartReadsNothingElse(t *testing.T) {
	for _, replaced := range []bool{false, true} {
		fs := vfs.NewMem()
		tw := faultTwin()
		rng := rand.New(rand.NewPCG(1, 1))
		if _, err := tw.write(rng, WriterOptions{FS: fs, Dir: "p", ID: 1}); err != nil {
			t.Fatal(err)
		}
		p, err := Open(OpenOptions{FS: fs, Dir: "p"})
		if err != nil {
			t.Fatal(err)
		}
		if err := fs.Rename("p", "aside"); err != nil {
			t.Fatal(err)
		}
		if replaced {
			if _, err := tw.write(rng, WriterOptions{FS: fs, Dir: "p", ID: 2}); err != nil {
				t.Fatal(err)
			}
		}
		if id, err := p.ReadIdentity(0); !base.IsCorruption(err) {
			t.Errorf("replaced %v: %v, %v", replaced, id, err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Families name files: a part whose names its reader refuses must not be written.
func TestWriterRefusesFamiliesThatNameNoFile(t *testing.T) {
	for _, names := range [][]string{{"Span"}, {"../span"}, {""}, {"span2"}, {"abcdefghijklmnopq"}, {"span", "span"}} {
		layout := &column.Layout{Name: "x", Rule: column.KeepAll}
		for _, name := range names {
			layout.Families = append(layout.Families, column.Family{Name: name})
		}
		fs := vfs.NewMem()
		w, err := NewWriter(WriterOptions{FS: fs, Dir: "p", ID: 1, Layout: layout})
		if base.ClassOf(err) != base.ClassInvalid {
			t.Errorf("families %q: %v", names, err)
		}
		if err == nil {
			_ = w.Abort()
		}
	}
}

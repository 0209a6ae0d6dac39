package splitfs

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
)

func open(t *testing.T, disk vfs.FS) *FS {
	t.Helper()
	f, err := New(disk, "data", "fast", "index.seg", "meta.bin")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.MkdirAll("data", 0o700); err != nil {
		t.Fatal(err)
	}
	return f
}

func write(t *testing.T, fs vfs.FS, path, text string) {
	t.Helper()
	file, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := file.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

func read(fs vfs.FS, path string) string {
	file, err := fs.Open(path)
	if err != nil {
		return "error"
	}
	data, _ := io.ReadAll(file)
	_ = file.Close()
	return string(data)
}

func sync(t *testing.T, fs vfs.FS, dirs ...string) {
	t.Helper()
	for _, path := range dirs {
		d, err := fs.OpenDir(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Sync(); err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPlaces: files go where their names say, and are found by their one path.
func TestPlaces(t *testing.T) {
	mem := vfs.NewMem()
	f := open(t, mem)
	if err := f.MkdirAll("data/p.tmp", 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, f, "data/p.tmp/index.seg", "index")
	write(t, f, "data/p.tmp/data.bin", "values")
	if err := f.Rename("data/p.tmp", "data/p"); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"fast/p/index.seg": "index", "data/p/data.bin": "values", "data/p/index.seg": "error", "fast/p/data.bin": "error",
	} {
		if got := read(mem, path); got != want {
			t.Errorf("%s holds %q, want %q", path, got, want)
		}
	}
	if got := read(f, "data/p/index.seg") + " " + read(f, "data/p/data.bin"); got != "index values" {
		t.Errorf("through the split: %q", got)
	}
	names, err := f.List("data/p")
	if err != nil || strings.Join(names, " ") != "data.bin index.seg" {
		t.Errorf("list: %v, %v", names, err)
	}
	if err := f.RemoveAll("data/p"); err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{"data", "fast"} {
		if names, err := mem.List(root); err != nil || len(names) > 0 {
			t.Errorf("%s after the removal: %v, %v", root, names, err)
		}
	}
}

// TestOutside: paths beyond the tree are left alone, also those that only begin
// like it.
func TestOutside(t *testing.T) {
	mem := vfs.NewMem()
	f := open(t, mem)
	if err := f.MkdirAll("database", 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, f, "database/index.seg", "x")
	if got := read(mem, "database/index.seg"); got != "x" {
		t.Errorf("a file outside holds %q", got)
	}
	if _, err := mem.Stat("fast/base"); err == nil {
		t.Error("a directory outside got a twin")
	}
}

func TestNewRefusesNestedRoots(t *testing.T) {
	for _, pair := range [][2]string{{"a", "a"}, {"a", "a/b"}, {"a/b", "a"}, {"", "a"}, {"a", ""}} {
		if _, err := New(vfs.NewMem(), pair[0], pair[1], "x"); base.ClassOf(err) != base.ClassInvalid {
			t.Errorf("%q: %v", pair, err)
		}
	}
}

// TestCrashBetweenRoots publishes directories by rename, the way parts are, and
// cuts the power at random: every directory whose publication was synced is
// whole afterwards; what is left of others can be seen and removed.
func TestCrashBetweenRoots(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 7))
		mem := vfs.NewCrashableMem()
		if err := mem.MkdirAll("fast", 0o700); err != nil {
			t.Fatal(err)
		}
		f := open(t, mem)
		sync(t, f, "", "data")
		var published []string
		for i := range 1 + r.IntN(4) {
			name := fmt.Sprint("data/", i)
			if err := f.MkdirAll(name+".tmp", 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, f, name+".tmp/index.seg", name)
			write(t, f, name+".tmp/data.bin", name)
			sync(t, f, name+".tmp")
			if err := f.Rename(name+".tmp", name); err != nil {
				t.Fatal(err)
			}
			if r.IntN(3) > 0 || i == 0 {
				sync(t, f, "data")
				for len(published) <= i {
					published = append(published, fmt.Sprint("data/", len(published)))
				}
			}
		}
		f = open(t, mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.IntN(101), RNG: r}))
		for _, p := range published {
			if a, b := read(f, p+"/index.seg"), read(f, p+"/data.bin"); a != p || b != p {
				t.Fatalf("seed %d: %s was synced and holds %q and %q", seed, p, a, b)
			}
		}
		names, err := f.List("data")
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			if err := f.RemoveAll("data/" + n); err != nil {
				t.Fatal(err)
			}
		}
		for _, root := range []string{"data", "fast"} {
			if left, err := f.FS.List(root); err != nil || len(left) > 0 {
				t.Fatalf("seed %d: %s keeps %v, %v", seed, root, left, err)
			}
		}
	}
}

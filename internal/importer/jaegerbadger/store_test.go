package jaegerbadger

import (
	"bytes"
	"errors"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pandodb/pando/internal/base"
)

// treeSum hashes names, times and bytes of all files below a directory.
func treeSum(t testing.TB, dir string) uint64 {
	t.Helper()
	h := fnv.New64a()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		_, _ = h.Write(append(data, path+info.ModTime().String()...))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return h.Sum64()
}

func TestOpenFindsTheDirectories(t *testing.T) {
	src := newSource(t)
	src.spans(2, 3)
	src.close()
	for _, o := range []Options{
		{Keys: src.keys, Values: src.values},
		{Values: filepath.Dir(src.keys)}, // holds keys and values
	} {
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		if keys, values := s.Dirs(); keys != src.keys || values != src.values {
			t.Errorf("opened %s and %s", keys, values)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, o := range []Options{{Values: src.values}, {Values: t.TempDir()}, {Keys: src.values, Values: src.values}} {
		if _, err := Open(o); !errors.Is(err, ErrNoStore) || base.ClassOf(err) != base.ClassNotFound {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestOpenWhileInUse(t *testing.T) {
	src := newSource(t)
	src.spans(1, 1)
	defer src.close()
	if _, err := Open(Options{Keys: src.keys, Values: src.values}); !errors.Is(err, ErrInUse) {
		t.Errorf("error %v", err)
	}
}

func TestOpenOtherFormat(t *testing.T) {
	src := newSource(t)
	src.close()
	path := filepath.Join(src.keys, manifestName)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[7] = 4 // of badger 1.5
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Keys: src.keys, Values: src.values}); !errors.Is(err, ErrFormat) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
	data[0] = 'x'
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Keys: src.keys, Values: src.values}); base.ClassOf(err) != base.ClassCorruption {
		t.Errorf("error %v", err)
	}
}

func TestOpenDamagedTable(t *testing.T) {
	src := newSource(t)
	src.spans(20, 50)
	src.close()
	tables, err := filepath.Glob(filepath.Join(src.keys, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("tables %v, %v", tables, err)
	}
	data, err := os.ReadFile(tables[0])
	if err != nil {
		t.Fatal(err)
	}
	data[100] ^= 1
	if err := os.WriteFile(tables[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Keys: src.keys, Values: src.values}); base.ClassOf(err) != base.ClassCorruption {
		t.Errorf("error %v", err)
	}
}

// TestOpenAfterACrash copies the directory while badger has it open, which is
// what a kill would leave.
func TestOpenAfterACrash(t *testing.T) {
	src := newSource(t)
	src.spans(10, 10)
	crashed := t.TempDir()
	if err := os.CopyFS(crashed, os.DirFS(filepath.Dir(src.keys))); err != nil {
		t.Fatal(err)
	}
	src.close()
	before := treeSum(t, crashed)
	o := Options{Values: crashed}
	if _, err := Open(o); !errors.Is(err, ErrUnclean) || base.ClassOf(err) != base.ClassConflict {
		t.Fatalf("error %v", err)
	}
	o.RepairIn = src.keys // not empty
	if _, err := Open(o); base.ClassOf(err) != base.ClassConflict {
		t.Fatalf("error %v", err)
	}
	o.RepairIn = filepath.Join(crashed, "values", "copy") // the source is not written to
	if _, err := Open(o); base.ClassOf(err) != base.ClassInvalid {
		t.Fatalf("error %v", err)
	}
	o.RepairIn = filepath.Join(t.TempDir(), "copy")
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Scan(t.Context(), s, ScanOptions{})
	if err != nil || r.Spans != 100 || r.Traces != 10 {
		t.Errorf("%+v, %v", r, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if treeSum(t, crashed) != before {
		t.Error("the source has changed")
	}
}

func TestCopyFile(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	for name, data := range map[string]struct {
		size   int64
		blocks map[int64]string
	}{
		"empty": {0, nil},
		"short": {3, map[int64]string{0: "abc"}},
		"holes": {9<<20 + 5, map[int64]string{0: "a", 1 << 20: "b", 5<<20 - 1: "cd", 9 << 20: "end"}},
		"hole":  {1<<20 + 1, nil},
	} {
		f, err := os.Create(from)
		if err != nil {
			t.Fatal(err)
		}
		for at, text := range data.blocks {
			if _, err := f.WriteAt([]byte(text), at); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(f.Truncate(data.size), f.Close(), copyFile(from, to)); err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(to)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, want %d: %v", name, len(got), len(want), err)
		}
		if err := os.Remove(to); err != nil {
			t.Fatal(err)
		}
	}
}

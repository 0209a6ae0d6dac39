package server_test

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/corpus"
	"github.com/pandodb/pando/internal/server"
)

// tryStart opens a server of which change has set the configuration.
func tryStart(t *testing.T, change func(c *server.Config)) (*server.Server, error) {
	t.Helper()
	cfg := server.DefaultConfig()
	cfg.Listen, cfg.NoAliases = "127.0.0.1:0", true
	cfg.Storage.Memtable = 2 << 20
	change(&cfg)
	s, err := server.Open(t.Context(), server.Options{Config: cfg, Version: "test"})
	if err != nil {
		return nil, err
	}
	return s, s.Listen()
}

// filesBelow returns the base names of the files in a directory tree.
func filesBelow(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// TestIndexDir keeps the index files of parts in a directory of their own, over
// merges and restarts, and takes no other for it.
func TestIndexDir(t *testing.T) {
	c := corpusOf(200)
	oracle := corpus.NewOracle(c.Config())
	data, index := t.TempDir(), t.TempDir()
	split := func(c *server.Config) { c.DataDir, c.Storage.IndexDir = data, index }
	s, err := tryStart(t, split)
	if err != nil {
		t.Fatal(err)
	}
	send(t, s.Addr(), c)
	for _, task := range []func() error{
		func() error { return s.Flush(t.Context()) },
		func() error { return s.Compact(t.Context()) },
		s.Close,
	} {
		if err := task(); err != nil {
			t.Fatal(err)
		}
	}
	if names := filesBelow(t, filepath.Join(index, "tablets")); !slices.Contains(names, "index.seg") || slices.Contains(names, "data.bin") {
		t.Errorf("index directory holds %q", names)
	}
	if names := filesBelow(t, filepath.Join(data, "tablets")); slices.Contains(names, "index.seg") || !slices.Contains(names, "data.bin") {
		t.Errorf("data directory holds %q", names)
	}
	if s, err = tryStart(t, split); err != nil {
		t.Fatal(err)
	}
	compare(t, "reopened", s, oracle)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	f := func(what, want string, change func(c *server.Config)) {
		t.Helper()
		s, err := tryStart(t, change)
		if err == nil {
			_ = s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", what, err, want)
		}
	}
	f("without it", "set storage.index_dir", func(c *server.Config) { c.DataDir = data })
	f("with an empty one", "the file is gone", func(c *server.Config) { c.DataDir, c.Storage.IndexDir = data, t.TempDir() })
	f("inside the data", "neither lies in the other", func(c *server.Config) {
		c.DataDir, c.Storage.IndexDir = data, data
	})
	f("for new data", "is the index of node", func(c *server.Config) {
		c.DataDir, c.Storage.IndexDir = t.TempDir(), index
	})
	if s, err = tryStart(t, split); err != nil {
		t.Fatal(err)
	}
	compare(t, "after others were refused", s, oracle)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestIndexDirComesFirst: a directory that has data cannot be split later.
func TestIndexDirComesFirst(t *testing.T) {
	data := t.TempDir()
	s, err := tryStart(t, func(c *server.Config) { c.DataDir = data })
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = tryStart(t, func(c *server.Config) { c.DataDir, c.Storage.IndexDir = data, t.TempDir() })
	if base.ClassOf(err) != base.ClassInvalid {
		t.Errorf("a split of what is there: %v", err)
	}
}

// TestEphemeral answers like any store and leaves nothing on the disk.
func TestEphemeral(t *testing.T) {
	c := corpusOf(200)
	oracle := corpus.NewOracle(c.Config())
	dir := t.TempDir()
	t.Chdir(dir)
	s, err := tryStart(t, func(c *server.Config) { c.DataDir, c.Storage.Ephemeral = "", true })
	if err != nil {
		t.Fatal(err)
	}
	send(t, s.Addr(), c)
	compare(t, "in memory", s, oracle)
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	compare(t, "merged", s, oracle)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) > 0 {
		t.Errorf("the directory it ran in holds %v, %v", names, err)
	}
}

// TestBadgerDirectoryIsLeftAlone: Jaeger's options name directories that hold a
// badger store until it is imported.
func TestBadgerDirectoryIsLeftAlone(t *testing.T) {
	for _, name := range []string{"000001.vlog", "000001.sst", "KEYREGISTRY"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := tryStart(t, func(c *server.Config) { c.DataDir = dir })
		if base.ClassOf(err) != base.ClassInvalid || !strings.Contains(err.Error(), "import jaeger-badger") {
			t.Errorf("%s: %v", name, err)
		}
		if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
			t.Errorf("%s: the directory holds %v, %v", name, names, err)
		}
	}
}

// TestPurge drops spans and the catalogue of names; what comes after is taken.
func TestPurge(t *testing.T) {
	c := corpusOf(50)
	s, err := tryStart(t, func(c *server.Config) { c.Storage.Ephemeral = true })
	if err != nil {
		t.Fatal(err)
	}
	send(t, s.Addr(), c)
	if names, err := s.Traces().Services(t.Context()); err != nil || len(names) == 0 {
		t.Fatalf("services before: %v, %v", names, err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.Addr()+"/api/admin/purge", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("purge: %v, %v", res, err)
	}
	_ = res.Body.Close()
	if names, err := s.Traces().Services(t.Context()); err != nil || len(names) != 0 {
		t.Errorf("services after: %v, %v", names, err)
	}
	send(t, s.Addr(), c)
	compare(t, "sent again", s, corpus.NewOracle(c.Config()))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

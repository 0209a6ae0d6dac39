package server_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/corpus"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/server"
)

// TestRepair damages what a start needs. Without the option the start is refused
// and the message names it; with it everything that was in parts is served, spans
// are taken again, and the next start needs no option.
func TestRepair(t *testing.T) {
	c := corpusOf(60)
	oracle := corpus.NewOracle(c.Config())
	for what, damage := range map[string]func(t *testing.T, dir string){
		"log": func(t *testing.T, dir string) { flipIn(t, dir, "log/*.log", 4096+1000) },
		"no log": func(t *testing.T, dir string) {
			if err := os.RemoveAll(filepath.Join(dir, "log")); err != nil {
				t.Fatal(err)
			}
		},
		"manifest": func(t *testing.T, dir string) { flipIn(t, dir, "tablets/*/*.snp", 40) },
		"identity": func(t *testing.T, dir string) { flipIn(t, dir, "NODE", 20) },
		"no identity": func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "NODE")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			s := start(t, dir)
			send(t, s.Addr(), c)
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			damage(t, dir)
			if _, err := tryStart(t, func(c *server.Config) { c.DataDir = dir }); !base.IsCorruption(err) || !strings.Contains(err.Error(), "storage.repair") {
				t.Fatalf("without the option: %v", err)
			}
			var logged bytes.Buffer
			cfg := server.DefaultConfig()
			cfg.DataDir, cfg.Listen, cfg.NoAliases, cfg.Storage.Repair = dir, "127.0.0.1:0", true, true
			s, err := server.Open(t.Context(), server.Options{Config: cfg, Logger: slog.New(slog.NewTextHandler(&logged, nil))})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Listen(); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(logged.String(), "level=ERROR") {
				t.Errorf("repaired in silence: %s", logged.String())
			}
			compare(t, "repaired", s, oracle)
			more := corpus.New(corpus.Config{Traces: 10, Seed: 5, Base: c.Config().Base})
			both := corpus.NewOracle(more.Config())
			send(t, s.Addr(), more)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = start(t, dir)
			for _, id := range someTraces(both) {
				if _, err := s.Traces().Trace(t.Context(), trace.ID(id)); err != nil {
					t.Errorf("after another start: %v", err)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// flipIn changes a byte of the first file that matches.
func flipIn(t *testing.T, dir, pattern string, at int) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %v, %v", pattern, paths, err)
	}
	data, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	data[at] ^= 1
	if err := os.WriteFile(paths[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
}

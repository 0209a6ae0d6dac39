package server_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/server"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		http.DefaultClient.CloseIdleConnections()
		os.Exit(code)
	}))
}

// TestLifetime: a server closes whether it listened or not, once or twice, and
// gives its directory free.
func TestLifetime(t *testing.T) {
	dir := t.TempDir()
	cfg := server.DefaultConfig()
	cfg.DataDir, cfg.Listen, cfg.NoAliases = dir, "127.0.0.1:0", true
	for _, listen := range []bool{false, true} {
		s, err := server.Open(t.Context(), server.Options{Config: cfg})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := server.Open(t.Context(), server.Options{Config: cfg}); base.ClassOf(err) != base.ClassUnavailable {
			t.Errorf("a directory in use: %v", err)
		}
		if listen {
			if err := s.Listen(); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("second close: %v", err)
		}
	}
}

// TestOpenFails halfway and leaves nothing behind: not a goroutine, not the lock.
func TestOpenFails(t *testing.T) {
	dir := t.TempDir()
	cfg := server.DefaultConfig()
	cfg.DataDir, cfg.Listen, cfg.NoAliases = dir, "127.0.0.1:0", true
	log := filepath.Join(dir, "log")
	if err := os.WriteFile(log, []byte("in the way"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Open(t.Context(), server.Options{Config: cfg}); err == nil {
		t.Fatal("opened with a file where the log belongs")
	}
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	s, err := server.Open(t.Context(), server.Options{Config: cfg})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

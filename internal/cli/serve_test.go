package cli

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/pandodb/pando/internal/server"
)

// screen is a standard output that does something once a text was printed.
type screen struct {
	wait string
	then func(all string)

	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := strings.Contains(s.text.String(), s.wait)
	n, err := s.text.Write(p)
	if !seen && strings.Contains(s.text.String(), s.wait) {
		s.then(s.text.String())
	}
	return n, err
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func TestServeRunsUntilItIsAskedToStop(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	addressFile := filepath.Join(dir, "address")
	status := ""
	out := &screen{wait: "Ctrl-C", then: func(string) {
		addr, err := os.ReadFile(addressFile)
		if err != nil {
			t.Error(err)
		}
		status = get(t, fmt.Sprintf("http://%s/readyz", bytes.TrimSpace(addr)))
		cancel()
	}}
	var logged bytes.Buffer
	c := server.DefaultConfig()
	c.DataDir, c.Listen, c.NoAliases, c.Log.Level = filepath.Join(dir, "data"), "127.0.0.1:0", true, "error"
	if err := serve(ctx, &Env{Stdout: out, Stderr: &logged}, &c, addressFile); err != nil {
		t.Fatal(err)
	}
	if status != "200 OK" || logged.Len() > 0 {
		t.Errorf("ready: %s; logged: %s", status, logged.String())
	}
	for _, want := range []string{"page, API  http://127.0.0.1:", "no well-known port", c.DataDir, "OTEL_EXPORTER_OTLP_ENDPOINT"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("banner lacks %q:\n%s", want, out)
		}
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Error(err)
		return ""
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer func() { _ = resp.Body.Close() }() // only the status matters
	return resp.Status
}

// Supervisors and terminals often deliver a signal twice at once; only one that
// comes later means impatience.
func TestASignalSentTwiceStopsInPeace(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such signals")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "serve", "--data-dir", t.TempDir(), "--listen", "127.0.0.1:0", "--no-aliases")
	cmd.Args[0] = "pando" // TestMain looks at it
	signals := 0
	signal := func(string) {
		if cmd.Process.Signal(syscall.SIGTERM) == nil {
			signals++
		}
	}
	cmd.Stdout = &screen{wait: "Ctrl-C", then: signal}
	cmd.Stderr = &screen{wait: "stopping", then: signal}
	if err := cmd.Run(); err != nil || signals != 2 {
		t.Errorf("ended with %v after %d signals", err, signals)
	}
}

func TestServeTellsWhenTheDirectoryIsTaken(t *testing.T) {
	c := server.DefaultConfig()
	c.DataDir, c.Listen, c.NoAliases, c.Log.Level = t.TempDir(), "127.0.0.1:0", true, "error"
	s, err := server.Open(t.Context(), server.Options{Config: c})
	if err != nil {
		t.Fatal(err)
	}
	err = serve(t.Context(), &Env{Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}}, &c, "")
	if err == nil || outcomeOf(&workError{err}).exit != exitUnavailable || !strings.Contains(err.Error(), "is in use by another process") {
		t.Errorf("error %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestDemoShowsTheWay(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	out := &screen{wait: "Ctrl-C", then: func(string) { cancel() }}
	f := &demoFlags{listen: "127.0.0.1:0", history: 45 * 60e9, noOpen: true}
	if err := runDemo(ctx, &Env{Stdout: out, Stderr: &bytes.Buffer{}}, f); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"spans of 12 services", "removed at the end", "trace search --server 127.0.0.1:", "--slowest", "trace get --server"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("welcome lacks %q:\n%s", want, out)
		}
	}
}

func TestReachable(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:1": "127.0.0.1:1", "0.0.0.0:1": "127.0.0.1:1", "[::]:1": "127.0.0.1:1", "db:1": "db:1", "odd": "odd",
	} {
		if got := reachable(addr); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}

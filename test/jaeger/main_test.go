package pandotest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	startTimeout = 30 * time.Second
	stopTimeout  = 30 * time.Second
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if binary = os.Getenv("PANDO_BINARY"); binary != "" {
		return m.Run(), nil
	}
	dir, err := os.MkdirTemp("", "pando-jaeger-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary = filepath.Join(dir, "pando")
	cmd := exec.Command("go", "build", "-o", binary, "./cmd/pando")
	cmd.Dir, cmd.Stdout, cmd.Stderr = filepath.Join("..", ".."), os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return 1, fmt.Errorf("build pando: %w", err)
	}
	return m.Run(), nil
}

// startServer runs the binary in a directory of its own until the test ends, and
// returns the address that answers every protocol.
func startServer(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	address := filepath.Join(dir, "address")
	var said bytes.Buffer
	cmd := exec.Command(binary, "serve", "--data-dir", filepath.Join(dir, "data"),
		"--listen", "127.0.0.1:0", "--address-file", address, "--no-aliases")
	cmd.Stdout, cmd.Stderr = io.Discard, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // ProcessState says how it ended
		close(done)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case <-done:
		case <-time.After(stopTimeout):
			_ = cmd.Process.Kill()
			t.Error("the server did not stop")
			<-done
		}
		if t.Failed() {
			t.Logf("the server said:\n%s", said.String())
		}
	})
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(startTimeout)
	for {
		if data, err := os.ReadFile(address); err == nil && bytes.HasSuffix(data, []byte("\n")) {
			addr := strings.TrimSpace(string(data))
			if err := request(t.Context(), http.MethodGet, "http://"+addr+"/readyz"); err == nil {
				return addr
			}
		}
		select {
		case <-tick.C:
		case <-done:
			t.Fatalf("the server ended with %v:\n%s", cmd.ProcessState, said.String())
		case <-late:
			t.Fatal("the server is not ready")
		}
	}
}

func request(ctx context.Context, method, url string) error {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
		return fmt.Errorf("%s: %s: %s", url, res.Status, text)
	}
	return nil
}

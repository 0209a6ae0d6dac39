package e2e

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
	"sync"
	"syscall"
	"testing"
	"time"
)

// pando is the server that all tests share.
var pando server

// server is one process of the binary.
type server struct {
	binary  string
	aliases bool   // open the well-known ports too
	addr    string // host:port that answers every protocol
	logFile string
	cmd     *exec.Cmd
	done    chan struct{} // closed when the process ended
}

const (
	startTimeout = 30 * time.Second
	stopTimeout  = 30 * time.Second
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "pando-e2e-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := pando.build(dir); err != nil {
		return 1, err
	}
	if err := pando.start(dir); err != nil {
		return 1, err
	}
	code = m.Run()
	if err := pando.stop(); err != nil {
		return 1, err
	}
	if code != 0 {
		fmt.Fprintf(os.Stderr, "the server said:\n%s", pando.log())
	}
	return code, nil
}

// build makes the binary from the repository around this module.
func (s *server) build(dir string) error {
	if s.binary = os.Getenv("PANDO_BINARY"); s.binary != "" {
		return nil
	}
	s.binary = filepath.Join(dir, "pando")
	cmd := exec.CommandContext(context.Background(), "go", "build", "-o", s.binary, "./cmd/pando")
	cmd.Dir, cmd.Stdout, cmd.Stderr = filepath.Join("..", ".."), os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build pando: %w", err)
	}
	return nil
}

// start runs the binary on a free port and waits until it is ready.
func (s *server) start(dir string) error {
	address := filepath.Join(dir, "address")
	args := []string{"serve", "--data-dir", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0", "--address-file", address}
	if !s.aliases {
		args = append(args, "--no-aliases")
	}
	s.cmd = exec.CommandContext(context.Background(), s.binary, args...)
	s.logFile = filepath.Join(dir, "server.log")
	log, err := os.Create(s.logFile)
	if err != nil {
		return err
	}
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := errors.Join(s.cmd.Start(), log.Close()); err != nil { // the process has its own
		return err
	}
	s.done = make(chan struct{})
	go func() {
		_ = s.cmd.Wait() // ProcessState says how it ended
		close(s.done)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if data, err := os.ReadFile(address); err == nil && bytes.HasSuffix(data, []byte("\n")) {
			s.addr = strings.TrimSpace(string(data))
			if _, err := s.get(ctx, "/readyz"); err == nil {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-s.done:
			return fmt.Errorf("the server ended with %v:\n%s", s.cmd.ProcessState, s.log())
		case <-ctx.Done():
			return errors.Join(errors.New("the server is not ready"), s.cmd.Process.Kill())
		}
	}
}

// log returns what the process has said.
func (s *server) log() string {
	text, err := os.ReadFile(s.logFile)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// stop asks the server to end, which it must do in order.
func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("the server ended by itself with %v:\n%s", s.cmd.ProcessState, s.log())
	}
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-s.done:
	case <-timer.C:
		return errors.Join(errors.New("the server does not stop"), s.cmd.Process.Kill())
	}
	if !s.cmd.ProcessState.Success() {
		return fmt.Errorf("the server stopped with %v:\n%s", s.cmd.ProcessState, s.log())
	}
	return nil
}

// get returns the body of a document that must be there.
func (s *server) get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.addr+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // only read
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode == http.StatusNotFound {
		err = fmt.Errorf("GET %s: %w: %.300s", path, errNotFound, body)
	} else if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %.300s", path, resp.Status, body)
	}
	return body, err
}

// errNotFound is an answer with status 404.
var errNotFound = errors.New("not found")

// tools are the programs of this module's tool lines, built once each: `go tool`
// looks at all of their sources whenever it is called.
var tools sync.Map // name -> func() (string, error)

// tool returns the path of a program of this module's tool lines.
func tool(t *testing.T, name string) string {
	t.Helper()
	build, _ := tools.LoadOrStore(name, sync.OnceValues(func() (string, error) {
		out, err := exec.CommandContext(context.Background(), "go", "tool", "-n", name).Output()
		return strings.TrimSpace(string(out)), err
	}))
	path, err := build.(func() (string, error))()
	if err != nil {
		t.Fatalf("build %s: %v", name, err)
	}
	return path
}

// command runs a program that must succeed and returns its standard output.
func command(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out.Bytes(), errs.Bytes())
	}
	return out.Bytes()
}

package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	// startTimeout is generous: a loaded machine, a log to replay.
	startTimeout = 60 * time.Second
	stopTimeout  = 60 * time.Second
	pollInterval = 2 * time.Millisecond
	// logTail is how much of the process's log a failure shows.
	logTail = 6 << 10
)

// process is one run of the binary on a data directory.
type process struct {
	cmd      *exec.Cmd
	address  string // file that will name the listener
	logFile  string
	launched time.Time
	addr     string        // host:port, once await returned
	done     chan struct{} // closed when the process ended
	err      error         // how; read after done
}

// launch starts the binary on dir/data and does not wait for it. The variables
// have the form NAME=value.
func launch(t *testing.T, dir string, variables ...string) *process {
	t.Helper()
	p := &process{address: filepath.Join(dir, "address"), logFile: filepath.Join(dir, "server.log"), done: make(chan struct{})}
	if err := os.RemoveAll(p.address); err != nil {
		t.Fatal(err)
	}
	log, err := os.OpenFile(p.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.CommandContext(t.Context(), executable, "serve", "--data-dir", filepath.Join(dir, "data"),
		"--listen", "127.0.0.1:0", "--no-aliases", "--address-file", p.address)
	p.cmd.Env = append(os.Environ(), variables...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.launched = time.Now()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil { // the process has its own
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(p.kill)
	return p
}

// start launches the binary and waits until it is ready.
func start(t *testing.T, dir string, variables ...string) *process {
	t.Helper()
	p := launch(t, dir, variables...)
	if err := p.await(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

// await waits until the process answers that it is ready.
func (p *process) await(ctx context.Context) error {
	return p.poll(ctx, startTimeout, "become ready", func() bool {
		if !p.listens(ctx) {
			return false
		}
		status, _, err := p.get(ctx, "/readyz")
		return err == nil && status == http.StatusOK
	})
}

// listens reports whether the process answers, and learns its address.
func (p *process) listens(ctx context.Context) bool {
	if p.addr == "" {
		data, err := os.ReadFile(p.address)
		if err != nil || !bytes.HasSuffix(data, []byte("\n")) {
			return false
		}
		p.addr = strings.TrimSpace(string(data))
	}
	_, _, err := p.get(ctx, "/livez")
	return err == nil
}

// poll asks until the answer is yes, the process ends or time is up.
func (p *process) poll(ctx context.Context, timeout time.Duration, what string, ask func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for !ask() {
		select {
		case <-tick.C:
		case <-p.done:
			return fmt.Errorf("the process ended (%w) before it could %s\n%s", p.exit(), what, p.tail())
		case <-ctx.Done():
			return fmt.Errorf("the process did not %s within %v\n%s", what, timeout, p.tail())
		}
	}
	return nil
}

// exit returns how the ended process ended.
func (p *process) exit() error {
	if p.err == nil {
		return errors.New("exit status 0")
	}
	return p.err
}

// kill ends the process as a power switch would, and waits.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.done
}

// stop asks the process to end and reports if it does not do so in order.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("the process ended by itself: %w\n%s", p.err, p.tail())
	}
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		return fmt.Errorf("the process did not stop within %v\n%s", stopTimeout, p.tail())
	}
	if p.err != nil {
		return fmt.Errorf("the process stopped with %w\n%s", p.err, p.tail())
	}
	return nil
}

// alive reports whether the process runs.
func (p *process) alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// tail returns the end of the process's log.
func (p *process) tail() string {
	data, err := os.ReadFile(p.logFile)
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-logTail):])
}

// rss returns the resident memory of the process in bytes.
func (p *process) rss() (int64, error) {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return n << 10, err
		}
	}
	return 0, errors.New("no VmRSS in status")
}

// client has no limit on connections per host, as tests drive many at once.
var client = &http.Client{Timeout: 60 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}

// maxAnswer bounds what a test reads.
const maxAnswer = 64 << 20

func (p *process) do(ctx context.Context, method, path string, body io.Reader, header ...string) (status int, h http.Header, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+p.addr+path, body)
	if err != nil {
		return 0, nil, nil, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }() // only read
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return resp.StatusCode, resp.Header, answer, err
}

func (p *process) get(ctx context.Context, path string) (status int, answer []byte, err error) {
	status, _, answer, err = p.do(ctx, http.MethodGet, path, http.NoBody)
	return status, answer, err
}

// getJSON reads a document that must be there.
func (p *process) getJSON(ctx context.Context, path string, doc any) error {
	status, answer, err := p.get(ctx, path)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("GET %s: status %d: %.500s", path, status, answer)
	}
	if err := json.Unmarshal(answer, doc); err != nil {
		return fmt.Errorf("GET %s: %w in %.200s", path, err, answer)
	}
	return nil
}

// compact flushes and merges everything; it returns when that is done.
func (p *process) compact(ctx context.Context) error {
	return p.admin(ctx, "compact")
}

func (p *process) admin(ctx context.Context, task string) error {
	status, _, answer, err := p.do(ctx, http.MethodPost, "/api/admin/"+task, http.NoBody)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("%s: status %d: %s", task, status, answer)
	}
	return nil
}

// metric returns the sum over the labels of one of the process's own metrics.
func (p *process) metric(ctx context.Context, name string) (float64, error) {
	status, answer, err := p.get(ctx, "/metrics")
	if err != nil || status != http.StatusOK {
		return 0, fmt.Errorf("metrics: status %d, %w", status, err)
	}
	sum, found := 0.0, false
	for line := range strings.Lines(string(answer)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if key, _, _ := strings.Cut(key, "{"); key != name {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("metric %s: %w", line, err)
		}
		sum, found = sum+v, true
	}
	if !found {
		return 0, fmt.Errorf("there is no metric %s", name)
	}
	return sum, nil
}

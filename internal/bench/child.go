package bench

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
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pandodb/pando/internal/base"
)

// child is a server in a process of its own.
type child struct {
	cmd  *exec.Cmd
	addr string // host:port that answers every protocol
	log  *tail
	done chan struct{} // closed once the process ended
	err  error         // how; read after done
	up   time.Duration // from start to listening
}

const (
	startTimeout = 60 * time.Second
	stopTimeout  = 60 * time.Second
	// pollInterval bounds what waiting adds to a measured start.
	pollInterval = time.Millisecond
)

// startChild runs command with the flags that make it serve dataDir on a free
// port, and returns once it listens.
func startChild(ctx context.Context, command []string, dataDir string) (*child, error) {
	addressFile := filepath.Join(filepath.Dir(dataDir), "address")
	if err := os.RemoveAll(addressFile); err != nil {
		return nil, err
	}
	args := append(command[1:len(command):len(command)],
		"--data-dir", dataDir, "--listen", "127.0.0.1:0", "--no-aliases", "--address-file", addressFile)
	c := &child{log: &tail{}, done: make(chan struct{})}
	// The context must not kill it: an interrupted run stops it in peace, too.
	c.cmd = exec.CommandContext(context.WithoutCancel(ctx), command[0], args...)
	c.cmd.Stdout, c.cmd.Stderr = io.Discard, c.log
	started := time.Now()
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.done)
	}()
	if err := c.awaitAddress(ctx, addressFile); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	c.up = time.Since(started)
	return c, nil
}

// awaitAddress waits until the server has written where it listens.
func (c *child) awaitAddress(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		if data, err := os.ReadFile(path); err == nil && bytes.HasSuffix(data, []byte("\n")) {
			c.addr = strings.TrimSpace(string(data))
			return nil
		}
		select {
		case <-tick.C:
		case <-c.done:
			return fmt.Errorf("server ended while starting: %w\n%s", c.err, c.log)
		case <-ctx.Done():
			return base.Errorf(base.ClassUnavailable, "server did not listen within %s\n%s", startTimeout, c.log)
		}
	}
}

// stop asks the server to end and waits. A server that does not is killed.
func (c *child) stop() error {
	select {
	case <-c.done:
	default:
		_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	}
	timeout := time.NewTimer(stopTimeout)
	defer timeout.Stop()
	select {
	case <-c.done:
	case <-timeout.C:
		_ = c.cmd.Process.Kill() // the next line says how it ended
		<-c.done
		return fmt.Errorf("server did not stop within %s\n%s", stopTimeout, c.log)
	}
	if c.err != nil {
		return fmt.Errorf("server: %w\n%s", c.err, c.log)
	}
	return nil
}

// url returns the address of a path on the server.
func (c *child) url(path string) string { return "http://" + c.addr + path }

// compact flushes and merges everything and waits for it.
func (c *child) compact(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url("/api/admin/compact"), http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("compact: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // only read
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, bytes.TrimSpace(body))
	}
	if err != nil {
		return fmt.Errorf("compact: %w", err)
	}
	return nil
}

// Usage is what a process has used so far.
type Usage struct {
	CPU      time.Duration // user and system
	RSS      int64         // bytes now
	PeakRSS  int64         // bytes at most
	Measured bool          // false where /proc is missing
}

// usage reads what the server has used.
func (c *child) usage() Usage { return ReadUsage(c.cmd.Process.Pid) }

// ReadUsage reads what a living process has used; its granularity is 10 ms.
func ReadUsage(pid int) Usage {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return Usage{}
	}
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return Usage{}
	}
	return Usage{
		CPU: cpuOf(string(stat)), RSS: kilobytesOf(string(status), "VmRSS:"),
		PeakRSS: kilobytesOf(string(status), "VmHWM:"), Measured: true,
	}
}

// tick is the unit of processor time in /proc: USER_HZ, 100 on every platform
// that Go runs on.
const tick = 10 * time.Millisecond

// cpuOf adds fields 14 and 15 of /proc/pid/stat, utime and stime. The second
// field, the name, may hold blanks: counting starts behind its parenthesis.
func cpuOf(stat string) time.Duration {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)   // a kernel's number
	system, _ := strconv.ParseInt(fields[12], 10, 64) // likewise
	return time.Duration(user+system) * tick
}

func kilobytesOf(status, key string) int64 {
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, key); ok {
			n, _ := strconv.ParseInt(strings.Fields(value)[0], 10, 64) // a kernel's number
			return n << 10
		}
	}
	return 0
}

// tail keeps the end of what a process wrote.
type tail struct {
	mu struct {
		sync.Mutex
		buf []byte
	}
}

const tailBytes = 4 << 10

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.buf = append(t.mu.buf, p...)
	if extra := len(t.mu.buf) - tailBytes; extra > 0 {
		t.mu.buf = append(t.mu.buf[:0], t.mu.buf[extra:]...)
	}
	return len(p), nil
}

// String returns what was kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.mu.buf))
}

package crash

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
)

const (
	// diskBytes holds the log, the control plane's log, both preallocated, and
	// some data.
	diskBytes = 640 << 20
	// resumeWithin is how soon ingest goes on once there is room.
	resumeWithin = 10 * time.Second
)

// disk is a file system of a few hundred megabytes with a ballast file.
type disk struct{ dir string }

// newDisk mounts one, or skips the test.
func newDisk(t *testing.T) disk {
	t.Helper()
	dir := filepath.Join(workDir(t), "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", diskBytes))
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		t.Skipf("a disk that can run full needs the right to mount a tmpfs: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return disk{dir}
}

func (d disk) ballast() string { return filepath.Join(d.dir, "ballast") }

// free returns the bytes left.
func (d disk) free() (int64, error) {
	var s syscall.Statfs_t
	err := syscall.Statfs(d.dir, &s)
	return int64(s.Bavail) * s.Bsize, err
}

// fill lets the ballast take all but about leave bytes.
func (d disk) fill(leave int64) error {
	f, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	free, err := d.free()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	if free > leave {
		err = syscall.Fallocate(int(f.Fd()), 0, 0, free-leave)
		if errors.Is(err, syscall.ENOSPC) {
			err = nil // others took it meanwhile
		}
	}
	return errors.Join(err, f.Close())
}

// relieve gives the ballast's room back.
func (d disk) relieve() error { return os.Remove(d.ballast()) }

// TestFaultDiskBelowWatermark fills the disk up to storage.min_free: writes are
// refused in a way that clients retry, reads go on, and ingest resumes by itself.
func TestFaultDiskBelowWatermark(t *testing.T) {
	_, seed := newRand(t)
	d := newDisk(t)
	p := start(t, d.dir, append([]string{"PANDO_STORAGE_MIN_FREE=32MiB"}, busy...)...)
	c := newCampaign(seed)
	conn := mustConnect(t, p)
	transports := []sender{sendGRPC(conn), sendHTTP(p, true), sendHTTP(p, false)}
	c.mustWrite(t, transports, 0)
	if err := d.fill(8 << 20); err != nil {
		t.Fatal(err)
	}
	for w, send := range transports {
		k := key{1, w, 0}
		c.ledger.set(k, absent)
		err := p.poll(t.Context(), resumeWithin, "refuse a write for want of room", func() bool {
			v, err := send(t.Context(), c.load.request(k))
			if err != nil {
				t.Fatal(err)
			}
			if v == acknowledged {
				c.ledger.set(k, stored)
			}
			return v == refused
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	status, answer, err := p.get(t.Context(), "/readyz")
	if err != nil || status != http.StatusServiceUnavailable || !strings.Contains(string(answer), "disk is full") {
		t.Errorf("/readyz on a full disk: %d %s, %v", status, answer, err)
	}
	c.verifyRound(t, p, conn, 0)
	c.verifyRound(t, p, conn, 1)
	if err := d.relieve(); err != nil {
		t.Fatal(err)
	}
	c.mustResume(t, p, sendGRPC(conn), key{2, 0, 0})
	c.mustWrite(t, transports, 3)
	p.kill()
	p = start(t, d.dir, busy...)
	conn = mustConnect(t, p)
	for round := range 4 {
		c.verifyRound(t, p, conn, round)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
}

// mustWrite has every transport send requests that must be taken.
func (c *campaign) mustWrite(t *testing.T, transports []sender, round int) {
	t.Helper()
	for w, send := range transports {
		for seq := range 10 {
			k := key{round, w, seq}
			if v, err := send(t.Context(), c.load.request(k)); err != nil || v != acknowledged {
				t.Fatalf("request %v: verdict %d, %v", k, v, err)
			}
			c.ledger.set(k, stored)
		}
	}
}

// mustResume sends a request until it is taken, which must not take long.
func (c *campaign) mustResume(t *testing.T, p *process, send sender, k key) {
	t.Helper()
	err := p.poll(t.Context(), resumeWithin, "take writes again", func() bool {
		v, err := send(t.Context(), c.load.request(k))
		if err != nil {
			t.Fatal(err)
		}
		return v == acknowledged
	})
	if err != nil {
		t.Fatal(err)
	}
	c.ledger.set(k, stored)
}

// TestFaultDiskFull lets the disk run full for real, so that log, flushes and
// merges meet ENOSPC wherever they are: the process lives, or starts again, and
// nothing acknowledged is lost.
func TestFaultDiskFull(t *testing.T) {
	rng, seed := newRand(t)
	d := newDisk(t)
	variables := append([]string{"PANDO_STORAGE_MIN_FREE=4KiB"}, busy...)
	p := start(t, d.dir, variables...)
	c := newCampaign(seed)
	end, rounds, died, failed := time.Now().Add(crashTime(t)/2), 0, 0, 0.0
	for ; rounds == 0 || time.Now().Before(end); rounds++ {
		round := rounds
		leave := rng.Int64N(4 << 20)
		c.liveOnFullDisk(t, p, d, round, leave, rng)
		if !p.alive() {
			died++
			t.Logf("round %d, %d bytes left: the process ended: %v\n%s", round, leave, p.exit(), p.tail())
		} else {
			c.verifyStored(t, p, round)
			n, err := p.metric(t.Context(), "pando_background_errors_total")
			if err != nil {
				t.Fatal(err)
			}
			failed += n
		}
		if rng.IntN(2) == 0 {
			p.kill()
			c.mayStartOnFullDisk(t, d, variables, round)
		}
		if err := d.relieve(); err != nil {
			t.Fatal(err)
		}
		if !p.alive() {
			p = start(t, d.dir, variables...)
		}
		conn := mustConnect(t, p)
		c.mustResume(t, p, sendGRPC(conn), key{round, writers, 0})
		c.look(t, p, round+1, rng)
	}
	t.Logf("seed %d: %d rounds, the process ended by itself in %d; at least %v flushes and merges failed", seed, rounds, died, failed)
	p.kill()
	p = start(t, d.dir, variables...)
	c.lookAtAll(t, p, rounds)
}

// liveOnFullDisk has writers write while the room goes.
func (c *campaign) liveOnFullDisk(t *testing.T, p *process, d disk, round int, leave int64, rng *rand.Rand) {
	t.Helper()
	conn := mustConnect(t, p)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	errs := make([]error, writers+1)
	for w := range writers {
		send := transport(p, conn, rng)
		wg.Go(func() { errs[w] = c.write(ctx, send, round, w) })
	}
	wg.Go(func() {
		for ctx.Err() == nil && p.alive() {
			_ = p.admin(ctx, "compact") // fails for want of room
		}
	})
	wg.Go(func() { gorge(ctx, conn) })
	timer := time.NewTimer(200 * time.Millisecond)
	<-timer.C
	errs[writers] = d.fill(leave)
	timer.Reset(time.Second)
	select {
	case <-timer.C:
	case <-p.done:
	}
	cancel()
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatalf("round %d, %d bytes left: %v\n%s", round, leave, err, p.tail())
	}
}

// gorge sends spans with large values, which nobody asks for, so that log files
// fill up and memtables follow each other, until there is no room.
func gorge(ctx context.Context, conn *grpc.ClientConn) {
	rng := rand.New(rand.NewPCG(1, 1))
	send := sendGRPC(conn)
	for v := acknowledged; v == acknowledged && ctx.Err() == nil; {
		l := &load{seed: rng.Uint64(), now: time.Now().UnixNano()}
		req := l.request(key{writer: writers + 1})
		for i := range 20 {
			root := req.ResourceSpans[0].ScopeSpans[0].Spans[0]
			root.Attributes = append(root.Attributes, text(fmt.Sprint("z", i), noise(rng, 40<<10)))
		}
		v, _ = send(ctx, req) // an error ends it too
	}
}

// mayStartOnFullDisk starts the process where there is no room: it serves what
// it has, or says what is wrong.
func (c *campaign) mayStartOnFullDisk(t *testing.T, d disk, variables []string, round int) {
	t.Helper()
	p := launch(t, d.dir, variables...)
	defer p.kill()
	err := p.poll(t.Context(), startTimeout, "start", func() bool { return p.listens(t.Context()) })
	if err == nil {
		c.verifyStored(t, p, round)
		return
	}
	if p.alive() || !strings.Contains(p.tail(), "no space left on device") {
		t.Fatalf("round %d: start on a full disk: %v", round, err)
	}
}

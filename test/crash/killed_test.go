package crash

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
)

// busy makes flushes and merges happen all the time.
var busy = []string{"PANDO_STORAGE_MEMTABLE=1MiB", "PANDO_STORAGE_FLUSH_AGE=1s", "PANDO_LOG_LEVEL=warn"}

const (
	writers = 5
	// maxLife is how long a process lives before it is killed.
	maxLife = 1200 * time.Millisecond
	// newRequests is how many requests a writer makes in a round, which bounds
	// what has to be compared; afterwards it repeats those it has made.
	newRequests = 25
)

// TestKilled kills the process again and again, a quarter of the times while it
// is still recovering, and loses nothing that was acknowledged.
func TestKilled(t *testing.T) {
	rng, seed := newRand(t)
	dir := workDir(t)
	c := newCampaign(seed)
	end, rounds, kills := time.Now().Add(crashTime(t)), 0, 0
	for ; rounds < 3 || time.Now().Before(end); rounds++ {
		p := start(t, dir, busy...)
		c.look(t, p, rounds, rng)
		c.live(t, p, rounds, rng)
		for rng.IntN(4) == 0 {
			recovering := launch(t, dir, busy...)
			wait(t, recovering, time.Duration(rng.IntN(400))*time.Millisecond)
			recovering.kill()
			kills++
		}
		kills++
	}
	p := start(t, dir, busy...)
	c.look(t, p, rounds, rng)
	if err := errors.Join(p.compact(t.Context()), p.stop()); err != nil {
		t.Fatal(err)
	}
	p = start(t, dir, busy...)
	c.lookAtAll(t, p, rounds)
	t.Logf("seed %d: %d rounds, %d kills, %d requests stored, %d not", seed, rounds, kills, len(c.ledger.keys(stored)), len(c.ledger.keys(absent)))
}

func newCampaign(seed uint64) *campaign {
	return &campaign{load: &load{seed: seed, now: time.Now().UnixNano()}, ledger: newLedger()}
}

// crashTime is how long to go on.
func crashTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("PANDO_CRASH_TIME")
	switch {
	case text != "":
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("PANDO_CRASH_TIME: %v", err)
		}
		return d
	case testing.Short():
		return time.Second
	default:
		return 20 * time.Second
	}
}

// wait lets the process live for a while.
func wait(t *testing.T, p *process, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.done:
		t.Fatalf("the process ended by itself: %v\n%s", p.exit(), p.tail())
	}
}

// look repeats some requests as clients do, settles the others, and compares the
// last round and an older one.
func (c *campaign) look(t *testing.T, p *process, round int, rng *rand.Rand) {
	t.Helper()
	conn := mustConnect(t, p)
	for _, k := range c.ledger.keys(unknown) {
		if rng.IntN(3) > 0 {
			continue
		}
		if v, err := transport(p, conn, rng)(t.Context(), c.load.request(k)); err != nil || v != acknowledged {
			t.Fatalf("repeated request %v: verdict %d, %v", k, v, err)
		}
		c.ledger.set(k, stored)
	}
	if err := c.settle(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	if round == 0 {
		return
	}
	c.verifyRound(t, p, conn, round-1)
	if round > 1 {
		c.verifyRound(t, p, conn, rng.IntN(round-1))
	}
}

// lookAtAll compares all rounds.
func (c *campaign) lookAtAll(t *testing.T, p *process, rounds int) {
	t.Helper()
	conn := mustConnect(t, p)
	for round := range rounds {
		c.verifyRound(t, p, conn, round)
	}
}

func mustConnect(t *testing.T, p *process) *grpc.ClientConn {
	t.Helper()
	conn, err := p.connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // its process is gone
	return conn
}

func (c *campaign) verifyRound(t *testing.T, p *process, conn *grpc.ClientConn, round int) {
	t.Helper()
	var wg sync.WaitGroup
	errs := make([]error, writers+1) // the last one wrote what tests resumed with
	for w := range errs {
		wg.Go(func() { errs[w] = c.verify(t.Context(), p, conn, round, w) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatalf("round %d: %v\n%s", round, err, p.tail())
	}
}

// live lets writers write, and background work be disturbed, until the process
// is killed or, one time in eight, stopped.
func (c *campaign) live(t *testing.T, p *process, round int, rng *rand.Rand) {
	t.Helper()
	conn := mustConnect(t, p)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	errs := make([]error, writers)
	for w := range writers {
		send := transport(p, conn, rng)
		wg.Go(func() { errs[w] = c.write(ctx, send, round, w) })
	}
	if rng.IntN(2) == 0 {
		task := []string{"flush", "compact"}[rng.IntN(2)]
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := p.admin(ctx, task); err != nil {
					return // the process is gone
				}
			}
		})
	}
	wait(t, p, time.Duration(20+rng.Int64N(int64(maxLife/time.Millisecond)))*time.Millisecond)
	if rng.IntN(8) == 0 {
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	} else {
		p.kill()
	}
	cancel()
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatalf("round %d: %v\n%s", round, err, p.tail())
	}
}

// write sends requests until one is cut, writing down what came of each.
func (c *campaign) write(ctx context.Context, send sender, round, writer int) error {
	for n := 0; ctx.Err() == nil; n++ {
		k := key{round, writer, n % newRequests}
		if n < newRequests {
			c.ledger.set(k, unknown)
		}
		v, err := send(ctx, c.load.request(k))
		if err != nil {
			return err
		}
		if v == acknowledged {
			c.ledger.set(k, stored)
		}
		if v == cut {
			return nil
		}
	}
	return nil
}

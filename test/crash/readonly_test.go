package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// readBound is how old a reader's answers may be here.
const readBound = 200 * time.Millisecond

// startReader starts a second process on dir/data that only reads.
func startReader(t *testing.T, dir string) *process {
	t.Helper()
	own := workDir(t)
	if err := os.Symlink(filepath.Join(dir, "data"), filepath.Join(own, "data")); err != nil {
		t.Fatal(err)
	}
	return start(t, own, "PANDO_STORAGE_READ_ONLY=true", "PANDO_STORAGE_MAINTENANCE_INTERVAL="+readBound.String(), "PANDO_LOG_LEVEL=warn")
}

// TestReadOnlyBesideKilled keeps one reader through the lives and deaths of the
// process that writes: while that one works as fast as it can, and after each
// kill and restart, every trace acknowledged longer ago than the bound is whole.
func TestReadOnlyBesideKilled(t *testing.T) {
	rng, seed := newRand(t)
	dir := workDir(t)
	c := newCampaign(seed)
	p := start(t, dir, busy...)
	reader := startReader(t, dir)
	conn := mustConnect(t, reader)
	rounds, looked := 5, 0
	if testing.Short() {
		rounds = 2
	}
	for round := range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		type outcome struct {
			looked int
			err    error
		}
		watched := make(chan outcome, 1)
		go func() {
			n, err := c.watch(ctx, reader, rand.New(rand.NewPCG(seed, uint64(round))))
			watched <- outcome{n, err}
		}()
		c.live(t, p, round, rng)
		cancel()
		o := <-watched
		if looked += o.looked; o.err != nil {
			t.Fatalf("round %d: beside the writer: %v\n%s", round, o.err, reader.tail())
		}
		p = start(t, dir, busy...)
		c.look(t, p, round+1, rng)
		wait(t, reader, readBound) // look may have sent what was cut once more
		c.verifyRound(t, reader, conn, round)
	}
	t.Logf("seed %d: %d rounds, %d traces were looked at beside the writer", seed, rounds, looked)
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	c.lookAtAll(t, reader, rounds) // and without a writer
	if err := reader.stop(); err != nil {
		t.Error(err)
	}
}

// watch asks the reader for traces that were acknowledged longer ago than the
// bound, until ctx ends.
func (c *campaign) watch(ctx context.Context, reader *process, rng *rand.Rand) (looked int, err error) {
	for {
		keys := c.ledger.keys(stored)
		select {
		case <-ctx.Done():
			return looked, nil
		case <-time.After(readBound):
		}
		for range min(len(keys), 20) {
			k := keys[rng.IntN(len(keys))]
			for _, m := range c.load.traces(k) {
				got, err := reader.outline(ctx, m.id)
				if err != nil {
					if ctx.Err() != nil {
						err = nil // the test has seen enough
					}
					return looked, err
				}
				want := outlineOf(m.expect(k.writer, true, false))
				for id := range got {
					if _, ok := want[id]; !ok {
						delete(got, id) // the late span, which may be there
					}
				}
				if err := compare(want, got); err != nil {
					return looked, fmt.Errorf("request %v, trace %s: %w", k, m.id, err)
				}
				looked++
			}
		}
	}
}

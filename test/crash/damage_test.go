package crash

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// TestFaultDamage flips one bit of one file at a time. The process either refuses
// to start and names the damage, or serves: then what it serves is right, and
// whatever is missing was set aside with an event.
func TestFaultDamage(t *testing.T) {
	rng, seed := newRand(t)
	dir := workDir(t)
	c := newCampaign(seed)
	pristine := filepath.Join(dir, "pristine")
	c.makePristine(t, pristine)
	areas := []string{"tablets", "tablets", "tablets", "log", "meta", "NODE"}
	flips := 15
	if testing.Short() {
		flips = len(areas)
	}
	outcomes := make(map[string]int)
	end := time.Now().Add(crashTime(t) / 2)
	for i := 0; i < flips || os.Getenv("PANDO_CRASH_TIME") != "" && time.Now().Before(end); i++ {
		run := filepath.Join(dir, fmt.Sprint("run", i))
		if err := copySparse(filepath.Join(pristine, "data"), filepath.Join(run, "data")); err != nil {
			t.Fatal(err)
		}
		area := areas[i%len(areas)]
		where := flip(t, filepath.Join(run, "data", area), rng)
		outcome, err := c.judge(t, run, area)
		if err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		outcomes[area+": "+outcome]++
		if err := os.RemoveAll(run); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("seed %d: %v", seed, outcomes)
}

// makePristine writes two writers' traces into few parts, and some that are only
// in the log.
func (c *campaign) makePristine(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p := start(t, dir)
	conn := mustConnect(t, p)
	transports := []sender{sendGRPC(conn), sendHTTP(p, true)}
	c.mustWrite(t, transports, 0)
	if err := p.admin(t.Context(), "flush"); err != nil {
		t.Fatal(err)
	}
	c.mustWrite(t, transports, 1)
	if err := p.compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.mustWrite(t, transports, 2)
	p.kill()
}

// judge starts the process on damaged data and reads everything.
func (c *campaign) judge(t *testing.T, dir, area string) (outcome string, err error) {
	t.Helper()
	p := launch(t, dir)
	defer p.kill()
	if err := p.await(t.Context()); err != nil {
		if p.alive() {
			return "", err
		}
		_, why, _ := strings.Cut(p.tail(), "why: ")
		if !strings.Contains(why, filepath.Join(dir, "data", area)) && !strings.Contains(why, "catalog: ") {
			return "", fmt.Errorf("refuses to start and does not say where the damage is: %w", err)
		}
		return "refused to start", nil
	}
	conn := mustConnect(t, p)
	if _, err := c.missing(t.Context(), conn); err != nil { // wrong, or hidden from view
		return "", fmt.Errorf("%w\n%s", err, p.tail())
	}
	var failures []error // of indexes, too
	for round := range 3 {
		failures = append(failures, c.verify(t.Context(), p, conn, round, 0), c.verify(t.Context(), p, conn, round, 1))
	}
	if errors.Join(failures...) == nil {
		return "all right", nil
	}
	aside, err := p.metric(t.Context(), "pando_quarantined_parts")
	if err != nil {
		return "", err
	}
	missing, err := c.missing(t.Context(), conn)
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, p.tail())
	}
	if aside == 0 || !strings.Contains(p.tail(), "part quarantined") {
		return "", fmt.Errorf("%d traces are missing and nothing was set aside: %w\n%s", missing, errors.Join(failures...), p.tail())
	}
	return "set aside", nil
}

// missing reads every trace and counts those that are not all there. What is
// there must be right.
func (c *campaign) missing(ctx context.Context, conn *grpc.ClientConn) (n int, err error) {
	for _, k := range c.ledger.keys(stored) {
		next := c.ledger.stored(key{k.round, k.writer, k.seq + 1})
		for _, m := range c.load.traces(k) {
			want := m.expect(k.writer, true, next)
			got, err := content(ctx, conn, m.id)
			if code := status.Code(errors.Unwrap(err)); code == codes.Internal || code == codes.DataLoss {
				n++
				continue
			}
			if err != nil {
				return n, err
			}
			if len(got) < len(want) {
				n++
			}
			for id := range want {
				if _, ok := got[id]; !ok {
					delete(want, id)
				}
			}
			if err := compare(want, got); err != nil {
				return n, fmt.Errorf("wrong answer: trace %s: %w", m.id, err)
			}
		}
	}
	return n, nil
}

// flip inverts one bit of a random file below dir, in a byte that is in use, and
// tells which.
func flip(t *testing.T, dir string, rng *rand.Rand) string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil && info.Size() > 0 {
				files = append(files, path)
			}
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: no files to damage (%v)", dir, err)
	}
	path := files[rng.IntN(len(files))]
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}()
	used, err := usedBytes(f)
	if err != nil {
		t.Fatal(err)
	}
	at, bit := rng.Int64N(max(used, 1)), rng.IntN(8)
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1 << bit
	if _, err := f.WriteAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("bit %d of byte %d of %s (%d in use)", bit, at, path, used)
}

// usedBytes returns the size of a file without the zeros at its end.
func usedBytes(f *os.File) (int64, error) {
	used, at := int64(0), int64(0)
	buf := make([]byte, 1<<20)
	for {
		n, err := f.ReadAt(buf, at)
		for i := n - 1; i >= 0; i-- {
			if buf[i] != 0 {
				used = at + int64(i) + 1
				break
			}
		}
		at += int64(n)
		if errors.Is(err, io.EOF) {
			return used, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// copySparse copies a tree of directories and files. Zeros at the ends of files,
// of which preallocated logs are full, become holes.
func copySparse(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		return copyFile(path, target)
	})
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // only read
	used, err := usedBytes(in)
	if err != nil {
		return err
	}
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.LimitReader(in, used))
	return errors.Join(err, out.Truncate(info.Size()), out.Close())
}

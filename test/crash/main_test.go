package crash

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	// What the program is made of: without it, a change of the program would leave
	// go test to repeat a remembered result of the one before.
	_ "github.com/pandodb/pando/internal/cli"
	"github.com/pandodb/pando/internal/invariants"
)

// program is the package of the binary under test.
const program = "github.com/pandodb/pando/cmd/pando"

// executable is the path of the program, built once for all tests unless
// PANDO_BINARY names one.
var executable = os.Getenv("PANDO_BINARY")

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	if executable != "" {
		return m.Run()
	}
	dir, err := makeDir("pando-crash-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }() // what stays is a temporary directory
	executable = filepath.Join(dir, "pando")
	args := []string{"build", "-o", executable}
	if invariants.Enabled {
		args = append(args, "-tags", "invariants")
	}
	build := exec.CommandContext(context.Background(), "go", append(args, program)...)
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintf(os.Stderr, "build %s: %v\n", program, err)
		return 1
	}
	return m.Run()
}

// newRand returns the source of a test's choices, and has a failure print how to
// repeat them.
func newRand(t *testing.T) (*rand.Rand, uint64) {
	t.Helper()
	seed := uint64(time.Now().UnixNano()) % 1_000_000_000
	if text := os.Getenv("PANDO_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("PANDO_SEED=%q: want a number", text)
		}
		seed = n
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d; to repeat: PANDO_SEED=%d go test ./test/crash -count 1 -run '^%s$'", seed, seed, t.Name())
		}
	})
	return rand.New(rand.NewPCG(seed, 0)), seed
}

// makeDir makes a directory that nobody removes but who asked for it.
func makeDir(prefix string) (string, error) { return os.MkdirTemp("", prefix) }

// workDir returns a directory that is removed, unless the test failed: then it is
// evidence.
func workDir(t *testing.T) string {
	t.Helper()
	dir, err := makeDir("pando-crash-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("data and log of the process are kept in %s", dir)
			return
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

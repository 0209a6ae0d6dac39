package meta

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/catalog"
)

// crashChildDir, when set, turns the test binary into the process to be killed.
const crashChildDir = "PANDO_META_CRASH_DIR"

// crashChild creates groups and resources in the catalog in dir, prints each
// once it is acknowledged, and goes on until it is killed.
func crashChild(dir string) {
	ctx := context.Background()
	store := must(OpenEtcd(ctx, EtcdOptions{Dir: dir}))
	c := must(Open(ctx, Options{Store: store}))
	must(c.Lead(ctx, 1))
	node := must(c.RegisterNode(ctx, Node{Identity: "first", Address: "127.0.0.1:4317"}))
	must(c.EnsureReplicationGroups(ctx, 4, []base.NodeID{node.ID}))
	fmt.Println("ready")
	for i := c.View().Revision(); ; i++ {
		group := fmt.Sprint("g", i)
		g := must(c.CreateGroup(ctx, named(group)))
		fmt.Println("group", g.ID, group)
		for j := range 5 {
			r := must(c.CreateResource(ctx, group, catalog.Resource{Name: fmt.Sprint("r", j)}))
			fmt.Println("resource", r.ID, group, r.Name)
		}
	}
}

// TestKilledProcessLosesNothing kills a writing process at a random moment, many
// acknowledgements in, and opens what it left. Twice in the same directory, so
// that the second crash follows a recovery.
func TestKilledProcessLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir() + "/meta"
	acked := map[string]bool{}
	for range 3 {
		killAfter(t, dir, 20+rng.IntN(200), time.Duration(rng.IntN(2000))*time.Microsecond, acked)
		checkAfterCrash(t, dir, acked)
	}
}

// killAfter runs the child, kills it some time after n acknowledgements, and
// adds to acked all it has printed.
func killAfter(t *testing.T, dir string, n int, later time.Duration, acked map[string]bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crashChildDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for seen := 0; lines.Scan(); seen++ {
		if line := lines.Text(); line != "ready" {
			acked[line] = true
		}
		if seen == n {
			time.AfterFunc(later, func() { _ = cmd.Process.Kill() })
		}
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the child was not killed: %v", err)
	}
}

// checkAfterCrash opens the catalog, which verifies that it is sound and whole,
// and looks for everything that was acknowledged.
func checkAfterCrash(t *testing.T, dir string, acked map[string]bool) {
	t.Helper()
	start := time.Now()
	store := openEtcd(t, dir)
	defer mustClose(t, store)
	c := openCatalog(t, Options{Store: store})
	defer c.Close()
	took := time.Since(start)
	v := c.View()
	have := map[string]bool{}
	for _, g := range v.Groups() {
		have[fmt.Sprint("group ", g.ID, " ", g.Name)] = true
		if m := must(v.TabletMap(g.ID)); m.Len() != g.ShardNum {
			t.Errorf("group %s has %d tablets", g.Name, m.Len())
		}
		for _, r := range v.Resources(g.ID) {
			have[fmt.Sprint("resource ", r.ID, " ", g.Name, " ", r.Name)] = true
		}
	}
	for line := range acked {
		if !have[line] {
			t.Errorf("lost: %s", line)
		}
	}
	if len(have) > len(acked)+1 {
		t.Error("more than the write in flight was not acknowledged")
	}
	t.Logf("%d acknowledged, %d found, opened in %v", len(acked), len(have), took.Round(time.Millisecond))
	for line := range have {
		acked[line] = true
	}
}

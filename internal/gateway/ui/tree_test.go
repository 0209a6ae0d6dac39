package ui

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pandodb/pando/internal/model/trace"
)

// draw renders a tree as one line per row: indentation, the span's name, and
// its flags.
func draw(spans []trace.Span, t *tree) string {
	letters := []string{"error", "orphan", "cycle", "skewed", "shared"}
	var b strings.Builder
	for row, i := range t.order {
		fmt.Fprintf(&b, "%s%s", strings.Repeat("  ", int(t.depth[row])), spans[i].Name)
		for bit, name := range letters {
			if t.flags[row]&(1<<bit) != 0 {
				b.WriteString(" " + name)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func named(s trace.Span, name string) trace.Span {
	s.Name = name
	return s
}

func TestBuildTree(t *testing.T) {
	f := func(name, want string, spans ...trace.Span) {
		t.Helper()
		got := draw(spans, buildTree(spans))
		if want = strings.ReplaceAll(strings.TrimPrefix(want, "\n"), "\t", ""); got != want {
			t.Errorf("%s:\n%swant\n%s", name, got, want)
		}
	}
	failed := named(newSpan(3, 1), "three")
	failed.StatusCode = trace.StatusError
	f("empty", "")
	f("siblings by time, children below", `
		root
		  two
		    four
		  three error
		`, named(newSpan(1, 0), "root"), named(newSpan(2, 1), "two"), failed, named(newSpan(4, 2), "four"))
	f("input in any order", `
		root
		  two
		  three error
		`, failed, named(newSpan(2, 1), "two"), named(newSpan(1, 0), "root"))
	f("orphans come after roots", `
		root
		lost orphan
		  below
		`, named(newSpan(1, 99), "lost"), named(newSpan(2, 0), "root"), named(newSpan(3, 1), "below"))
	f("two roots", `
		one
		two
		`, named(newSpan(1, 0), "one"), named(newSpan(2, 0), "two"))
	f("own parent", "self cycle\n", named(newSpan(1, 1), "self"))
	f("circle with a tail", `
		two cycle
		  three
		    four
		      five
		`, named(newSpan(2, 4), "two"), named(newSpan(3, 2), "three"), named(newSpan(4, 3), "four"), named(newSpan(5, 4), "five"))
	f("a tail that starts before its circle", `
		three cycle
		  four
		    one skewed
		`, named(newSpan(1, 4), "one"), named(newSpan(3, 4), "three"), named(newSpan(4, 3), "four"))
	f("copies are dropped", `
		root
		  two
		`, named(newSpan(1, 0), "root"), named(newSpan(2, 1), "two"), named(newSpan(2, 1), "two"))
	f("skew", `
		parent
		  early skewed
		`, named(newSpan(1, 2), "early"), named(newSpan(2, 0), "parent"))
}

func TestBuildTreeSharedID(t *testing.T) {
	client, server := newSpan(2, 1), newSpan(2, 1)
	client.Name, client.Kind = "client", trace.KindClient
	server.Name, server.Kind, server.Resource = "server", trace.KindServer, newResource("other")
	server.StartNanos++
	ofServer := named(newSpan(3, 2), "of server")
	ofServer.Resource = server.Resource
	ofClient := named(newSpan(4, 2), "of client")
	spans := []trace.Span{named(newSpan(1, 0), "root"), client, server, ofServer, ofClient}
	got := draw(spans, buildTree(spans))
	want := "root\n  client shared\n    server shared\n      of server\n    of client\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestBuildTreeCounts(t *testing.T) {
	spans := []trace.Span{newSpan(1, 0), newSpan(2, 99), newSpan(3, 3), newSpan(4, 1), newSpan(4, 1), newSpan(5, 6), newSpan(6, 1)}
	tree := buildTree(spans)
	got := [...]int{len(tree.order), tree.orphans, tree.cycles, tree.copies, tree.skewed}
	if want := [...]int{6, 1, 1, 1, 1}; got != want {
		t.Errorf("rows, orphans, cycles, copies, skewed = %v, want %v", got, want)
	}
}

func TestBuildTreeDeepChain(t *testing.T) {
	spans := make([]trace.Span, 50_000)
	for i := range spans {
		spans[i] = newSpan(uint64(i)+1, uint64(i))
	}
	tree := buildTree(spans)
	if last := tree.depth[len(spans)-1]; int(last) != len(spans)-1 {
		t.Errorf("depth of the last row = %d", last)
	}
}

// TestBuildTreeHostile checks the promises that the page relies on, whatever
// the parents are: every span that is no copy has one row, depths grow by at
// most one, and parents are the rows that depths say.
func TestBuildTreeHostile(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		spans := randomTrace(rng, 1+rng.IntN(40))
		tree := buildTree(spans)
		if err := checkTree(spans, tree); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, draw(spans, tree))
		}
	}
}

func checkTree(spans []trace.Span, t *tree) error {
	if len(t.order)+t.copies != len(spans) {
		return fmt.Errorf("%d rows and %d copies of %d spans", len(t.order), t.copies, len(spans))
	}
	sorted := slices.Clone(t.order)
	slices.Sort(sorted)
	if len(slices.Compact(sorted)) != len(t.order) {
		return fmt.Errorf("a span has two rows: %v", t.order)
	}
	var path []int32 // row of each open ancestor
	for row := range t.order {
		depth := int(t.depth[row])
		if depth > len(path) {
			return fmt.Errorf("row %d: depth %d below depth %d", row, depth, len(path)-1)
		}
		path = append(path[:depth], int32(row))
		want := int32(noRow)
		if depth > 0 {
			want = path[depth-1]
		}
		if t.parent[row] != want {
			return fmt.Errorf("row %d: parent %d, its depth says %d", row, t.parent[row], want)
		}
	}
	return nil
}

// FuzzBuildTree reads each pair of bytes as span id and parent id.
func FuzzBuildTree(f *testing.F) {
	f.Add([]byte{1, 0, 2, 1, 3, 2})
	f.Add([]byte{1, 1})
	f.Add([]byte{1, 2, 2, 1, 3, 9, 3, 1})
	f.Add([]byte{5, 5, 5, 4, 5, 3, 4, 5, 3, 4, 0, 0})
	f.Fuzz(func(t *testing.T, ids []byte) {
		var spans []trace.Span
		for i := 0; i+1 < len(ids) && i < 200; i += 2 {
			s := newSpan(uint64(ids[i]), uint64(ids[i+1]%32))
			s.Kind = trace.Kind(ids[i] % 6)
			spans = append(spans, s)
		}
		tree := buildTree(spans)
		if err := checkTree(spans, tree); err != nil {
			t.Fatalf("%v\n%s", err, draw(spans, tree))
		}
	})
}

func BenchmarkBuildTree(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprintf("spans=%d", n), func(b *testing.B) {
			spans := calls(n)
			b.ReportAllocs()
			for b.Loop() {
				buildTree(spans)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/span")
		})
	}
}

// calls is a sound trace: each span below one of the fifty before it.
func calls(n int) []trace.Span {
	rng := rand.New(rand.NewPCG(1, 2))
	spans := make([]trace.Span, n)
	for i := range spans {
		parent := uint64(0)
		if i > 0 {
			parent = uint64(max(1, i-rng.IntN(50)))
		}
		spans[i] = newSpan(uint64(i)+1, parent)
		spans[i].StartNanos = uint64(testNow.UnixNano()) + uint64(i)*10_000
		spans[i].EndNanos = spans[i].StartNanos + rng.Uint64N(1e6)
	}
	return spans
}

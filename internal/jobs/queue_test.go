package jobs

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// step drives a queue by words: "+f1" adds flush job 1, "-f1" finishes it,
// "pick" starts what may start. It returns what was started, in order.
func step(t *testing.T, q *queue, s *Scope, words string) string {
	t.Helper()
	kinds := map[byte]Kind{'f': Flush, 'm': MergeSmall, 'M': MergeLarge, 'r': Retention}
	var started []string
	for w := range strings.FieldsSeq(words) {
		if w == "pick" {
			for e := q.pick(); e != nil; e = q.pick() {
				started = append(started, e.Key)
			}
			continue
		}
		k := kinds[w[1]]
		key, cost := w[1:], int64(0)
		if at := strings.IndexByte(key, ':'); at > 0 {
			if _, err := fmt.Sscan(key[at+1:], &cost); err != nil {
				t.Fatalf("cost of %s: %v", w, err)
			}
			key = key[:at]
		}
		id := identity{s, k, key}
		switch w[0] {
		case '+':
			q.add(&entry{Job: Job{Kind: k, Key: key, Priority: kindPriorities[k], CostBytes: cost}, id: id})
		case '-':
			e := q.active[id]
			if e == nil {
				t.Fatalf("%s does not run", w)
			}
			q.finish(e)
		}
	}
	return strings.Join(started, " ")
}

func TestQueueOrder(t *testing.T) {
	scope := &Scope{}
	f := func(o Options, steps ...string) {
		t.Helper()
		q := newQueue(o.withDefaults())
		for i := 0; i < len(steps); i += 2 {
			if got := step(t, &q, scope, steps[i]); got != steps[i+1] {
				t.Fatalf("%d workers: %q started %q, want %q", q.workers, steps[i], got, steps[i+1])
			}
		}
	}
	// Priority first, then age; merges leave a worker to flushes, large merges
	// one to small ones.
	f(Options{Workers: 3}, "+r1 +M1 +m1 +f1 +f2 +f3 +f4 pick", "f1 f2 f3",
		"-f1 pick", "f4", "-f2 pick", "m1", "-f3 pick", "M1", "-f4 pick", "",
		"-M1 pick", "r1")
	f(Options{Workers: 3}, "+M1 +M2 +m1 +m2 pick", "m1 m2", "+f1 pick", "f1", "-m1 pick", "M1", "-m2 pick", "", "-M1 pick", "M2")
	f(Options{Workers: 1}, "+r1 +M1 +m1 pick", "m1 M1", "+f1 +f2 pick", "f1")
	f(Options{Workers: 6}, "+r1 +r2 +r3 +r4 pick", "r1 r2 r3", "+M1 +M2 pick", "M1", "+m1 +m2 pick", "m1", "+f1 +f2 pick", "f1")
	// One identity waits once, runs once, and runs again after its run.
	f(Options{}, "+f1 +f1 pick", "f1", "+f1 +f1 +f2 pick", "f2", "-f1 pick", "f1", "-f1 -f2 pick", "")
	// The byte budget holds for all but urgent jobs, and never for the first.
	f(Options{Workers: 8, MaxRunningBytes: 100},
		"+M1:500 pick", "M1", "+M2:10 +m1:1 +f1:900 pick", "f1", "-M1 pick", "m1 M2",
		"+m2:90 pick", "", "+m3:1 pick", "", "-M2 pick", "m2 m3")
}

func TestQueueRaisesPriority(t *testing.T) {
	scope := &Scope{}
	q := newQueue(Options{}.withDefaults())
	step(t, &q, scope, "+r1 +m1")
	id := identity{scope, Retention, "r1"}
	in, full := q.add(&entry{Job: Job{Kind: Retention, Key: "r1", Priority: Urgent}, id: id})
	if full || in.Priority != Urgent {
		t.Fatalf("folded into %+v, full %v", in, full)
	}
	if got := step(t, &q, scope, "pick"); got != "r1 m1" {
		t.Errorf("started %q", got)
	}
	step(t, &q, scope, "-r1 -m1")
	if q.running != [priorityEnd]int{} || q.runningBytes != 0 || len(q.active)+len(q.queued) != 0 {
		t.Errorf("the queue is not empty again: %+v", q)
	}
}

// TestQueueInvariants runs random operations and checks what must always hold.
func TestQueueInvariants(t *testing.T) {
	const seed = 42
	rng := rand.New(rand.NewPCG(seed, seed))
	scopes := []*Scope{{name: "a"}, {name: "b"}}
	q := newQueue(Options{Workers: 5, MaxQueued: 20, MaxRunningBytes: 50}.withDefaults())
	var running []*entry
	for i := range 20_000 {
		switch rng.IntN(3) {
		case 0:
			k := Kind(1 + rng.IntN(int(kindEnd-1)))
			s := scopes[rng.IntN(2)]
			key := fmt.Sprint(rng.IntN(4))
			e := &entry{Job: Job{Kind: k, Key: key, Priority: kindPriorities[k], CostBytes: rng.Int64N(40)}, id: identity{s, k, key}}
			in, full := q.add(e)
			if full != (in == nil) || full && len(q.queued) < 20 {
				t.Fatalf("step %d: full is %v with %d queued", i, full, len(q.queued))
			}
		case 1:
			for e := q.pick(); e != nil; e = q.pick() {
				running = append(running, e)
			}
		case 2:
			if n := len(running); n > 0 {
				at := rng.IntN(n)
				q.finish(running[at])
				running = append(running[:at], running[at+1:]...)
			}
		}
		checkQueue(t, &q, running)
	}
	for len(running) > 0 || len(q.queued) > 0 {
		for e := q.pick(); e != nil; e = q.pick() {
			running = append(running, e)
		}
		if len(running) == 0 {
			t.Fatalf("%d jobs wait for ever", len(q.queued))
		}
		q.finish(running[0])
		running = running[1:]
	}
}

func checkQueue(t *testing.T, q *queue, running []*entry) {
	t.Helper()
	if len(q.active) != len(running) {
		t.Fatalf("%d identities run as %d jobs", len(q.active), len(running))
	}
	waiting, bytes := 0, int64(0)
	for p := Urgent; p < priorityEnd; p++ {
		waiting += len(q.waiting[p])
		below := 0
		for _, e := range running {
			if e.Priority >= p {
				below++
			}
		}
		if below > q.limit(p) || below != q.running[p] {
			t.Fatalf("priority %d: %d run, counted %d, limit %d", p, below, q.running[p], q.limit(p))
		}
	}
	var biggest int64
	for _, e := range running {
		if e.Priority != Urgent {
			bytes += e.CostBytes
			biggest = max(biggest, e.CostBytes)
		}
	}
	if waiting != len(q.queued) || bytes != q.runningBytes || bytes > max(q.maxRunningBytes, biggest) {
		t.Fatalf("%d wait of %d, %d bytes run, counted %d", waiting, len(q.queued), bytes, q.runningBytes)
	}
}

func BenchmarkQueue(b *testing.B) {
	scope := &Scope{}
	q := newQueue(Options{}.withDefaults())
	e := &entry{Job: Job{Kind: Flush, Priority: Urgent}, id: identity{scope, Flush, ""}}
	b.ReportAllocs()
	for b.Loop() {
		q.add(e)
		q.finish(q.pick())
	}
}

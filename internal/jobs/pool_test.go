package jobs

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/invariants"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sleeper returns a job that takes d of the bubble's time and appends its key
// to log when it starts.
func sleeper(kind Kind, key string, d time.Duration, log *[]string) Job {
	return Job{Kind: kind, Key: key, Run: func(ctx context.Context) error {
		*log = append(*log, key)
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
}

func mustSubmit(t *testing.T, s *Scope, j Job) bool {
	t.Helper()
	added, err := s.Submit(j)
	if err != nil {
		t.Fatal(err)
	}
	return added
}

func TestFlushDoesNotWaitForMerges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(Options{Workers: 3})
		defer p.Close()
		s := p.Scope("tablet 1")
		for i := range 4 {
			mustSubmit(t, s, Job{Kind: MergeLarge, Key: fmt.Sprint(i), Run: func(ctx context.Context) error {
				<-ctx.Done() // longer than the test
				return nil
			}})
		}
		start := time.Now()
		for _, k := range []Kind{Flush, MergeSmall} {
			var log []string
			if err := s.Do(t.Context(), sleeper(k, "x", time.Second, &log)); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("a flush and a small merge took %v behind large merges", took)
		}
	})
}

func TestResubmittedJobRunsAgainAfterItsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var results []Result
		p := New(Options{OnDone: func(r Result) { results = append(results, r) }})
		defer p.Close()
		s := p.Scope("tablet 1")
		var log []string
		if !mustSubmit(t, s, sleeper(Flush, "a", time.Second, &log)) {
			t.Error("the first submission was folded")
		}
		synctest.Wait() // it runs
		if !mustSubmit(t, s, sleeper(Flush, "a", time.Second, &log)) {
			t.Error("a submission during the run was folded")
		}
		if mustSubmit(t, s, sleeper(Flush, "a", time.Second, &log)) {
			t.Error("a submission was queued twice")
		}
		if err := s.Do(t.Context(), sleeper(Flush, "a", time.Second, &log)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(log) != 2 || len(results) != 2 {
			t.Fatalf("ran %q, results %+v", log, results)
		}
		if r := results[1]; r.Wait != time.Second || r.Dur != time.Second || r.Scope != "tablet 1" || r.Key != "a" || r.Kind != Flush || r.Err != nil {
			t.Errorf("second result is %+v", r)
		}
		other := p.Scope("tablet 2")
		if !mustSubmit(t, other, sleeper(Flush, "a", time.Second, &log)) {
			t.Error("two scopes share an identity")
		}
	})
}

func TestScopeCloseLeavesOthersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(Options{Workers: 3})
		defer p.Close()
		a, b := p.Scope("a"), p.Scope("b")
		var log []string
		for i := range 3 {
			mustSubmit(t, a, sleeper(Retention, fmt.Sprint("a", i), time.Hour, &log))
		}
		mustSubmit(t, b, sleeper(Retention, "b", time.Second, &log))
		waited := make(chan error, 1)
		go func() { waited <- a.Do(t.Context(), sleeper(Retention, "a1", time.Hour, &log)) }()
		synctest.Wait()
		a.Close()
		a.Close()
		if err := <-waited; !errors.Is(err, ErrClosed) {
			t.Errorf("waiting for a dropped job returned %v", err)
		}
		if _, err := a.Submit(sleeper(Flush, "", 0, &log)); !errors.Is(err, ErrClosed) || base.ClassOf(err) != base.ClassUnavailable {
			t.Errorf("submitting to a closed scope returned %v", err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := strings.Join(log, " "); got != "a0 b" {
			t.Errorf("ran %q", got)
		}
		stats := p.Stats()
		if k := stats.Kind(Retention); k.Done != 2 || k.Failed != 0 || k.Queued != 0 || k.Running != 0 {
			t.Errorf("stats %+v", k)
		}
	})
}

func TestCloseWaitsForRunningJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(Options{})
		s := p.Scope("a")
		var ended atomic.Bool
		mustSubmit(t, s, Job{Kind: Flush, Run: func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(time.Minute) // tidying up
			ended.Store(true)
			return ctx.Err()
		}})
		synctest.Wait()
		p.Close()
		if !ended.Load() {
			t.Error("Close returned before the job")
		}
		if _, err := s.Submit(Job{Kind: Flush, Run: func(context.Context) error { return nil }}); !errors.Is(err, ErrClosed) {
			t.Errorf("submitting to a closed pool returned %v", err)
		}
		p.Close()
		s.Close()
	})
}

func TestDoReturnsWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(Options{})
		defer p.Close()
		s := p.Scope("a")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var log []string
		if err := s.Do(ctx, sleeper(Flush, "a", time.Hour, &log)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		stats := p.Stats()
		if total := stats.Total(); total.Running != 1 {
			t.Errorf("the job did not go on: %+v", total)
		}
	})
}

func TestFailuresAreContained(t *testing.T) {
	p := New(Options{})
	defer p.Close()
	s := p.Scope("tablet 7")
	cause := errors.New("disk on fire")
	err := s.Do(t.Context(), Job{Kind: MergeSmall, Key: "k", Run: func(context.Context) error { return cause }})
	if !errors.Is(err, cause) || err.Error() != `merge_small job "k" of tablet 7: disk on fire` {
		t.Errorf("an error became %v", err)
	}
	err = s.Do(t.Context(), Job{Kind: MergeSmall, Run: func(context.Context) error { runtime.Goexit(); return nil }})
	if err == nil {
		t.Error("a job that left its goroutine is a success")
	}
	failed := uint64(2)
	if !invariants.Enabled {
		failed++
		err = s.Do(t.Context(), Job{Kind: MergeSmall, Run: func(context.Context) error { panic("boom") }})
		if base.ClassOf(err) != base.ClassBug || !strings.Contains(err.Error(), "boom") || !strings.Contains(err.Error(), "pool_test.go") {
			t.Errorf("a panic became %v", err)
		}
	}
	stats := p.Stats()
	if got := stats.Kind(MergeSmall); got.Failed != failed || got.Done != failed {
		t.Errorf("stats %+v", got)
	}
}

func TestSubmitRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(Options{MaxQueued: 2})
		defer p.Close()
		s := p.Scope("a")
		nothing := func(context.Context) error { return nil }
		for _, j := range []Job{
			{Run: nothing},
			{Kind: kindEnd, Run: nothing},
			{Kind: Flush},
			{Kind: Flush, Priority: priorityEnd, Run: nothing},
			{Kind: Flush, CostBytes: -1, Run: nothing},
		} {
			if _, err := s.Submit(j); base.ClassOf(err) != base.ClassBug || err == nil {
				t.Errorf("%+v: %v", j, err)
			}
		}
		var log []string
		for i := range 3 { // one runs, two wait
			mustSubmit(t, s, sleeper(Scrub, fmt.Sprint(i), time.Hour, &log))
		}
		if _, err := s.Submit(sleeper(Scrub, "3", 0, &log)); base.ClassOf(err) != base.ClassOverload {
			t.Errorf("a full queue answers %v", err)
		}
		if added := mustSubmit(t, s, sleeper(Scrub, "2", 0, &log)); added {
			t.Error("a full queue took a duplicate as new")
		}
	})
}

func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(Options{Workers: 4})
		defer p.Close()
		s := p.Scope("a")
		var log []string
		for i := range 3 {
			j := sleeper(Scrub, fmt.Sprint(i), time.Second, &log)
			j.CostBytes = 10
			mustSubmit(t, s, j)
		}
		synctest.Wait()
		stats := p.Stats()
		if k := stats.Kind(Scrub); k.Running != 1 || k.RunningBytes != 10 || k.Queued != 2 || k.QueuedBytes != 20 || stats.Workers != 4 {
			t.Errorf("under way: %+v", k)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		stats = p.Stats()
		if k := stats.Total(); k != (KindStats{Done: 3, Busy: 3 * time.Second, Waited: 3 * time.Second}) {
			t.Errorf("after: %+v", k)
		}
	})
}

func TestKindNames(t *testing.T) {
	for _, k := range Kinds() {
		if k.String() == "" || kindPriorities[k] == 0 {
			t.Errorf("kind %d has no name or priority", uint8(k))
		}
	}
	if Kind(0).String() != "kind(0)" {
		t.Error(Kind(0))
	}
}

func BenchmarkPoolDo(b *testing.B) {
	p := New(Options{})
	defer p.Close()
	s := p.Scope("a")
	ctx := context.Background()
	j := Job{Kind: Flush, Run: func(context.Context) error { return nil }}
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Do(ctx, j); err != nil {
			b.Fatal(err)
		}
	}
}

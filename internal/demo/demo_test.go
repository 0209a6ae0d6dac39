package demo

import (
	"context"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/query/search"
	"github.com/pandodb/pando/internal/server"
)

func config() server.Config {
	c := server.DefaultConfig()
	c.DataDir, c.Listen, c.NoAliases = "", "127.0.0.1:0", true
	return c
}

func open(t *testing.T, o Options) *Demo {
	t.Helper()
	d, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDemoTellsOfTheIncident(t *testing.T) {
	now := time.Now()
	d := open(t, Options{Config: config(), History: 45 * time.Minute, Clock: func() time.Time { return now }})
	dir := d.server.DataDir()
	filled, err := d.Fill(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	services, err := d.server.Traces().Services(t.Context())
	if err != nil || len(services) != len(d.Services()) {
		t.Errorf("services %v, %v", services, err)
	}
	slow, err := d.Slowest(t.Context())
	if err != nil || slow.RootName != SlowOperation || slow.Spans < 50 || filled.Spans < 10_000 {
		t.Errorf("of %d spans the slowest trace is %+v, %v", filled.Spans, slow, err)
	}
	if got := d.FirstLook(); got != "/#/search?limit=1000&operation=GET+%2Fproducts%2F%7Bsku%7D&service=frontend" {
		t.Errorf("first look at %s", got)
	}
	if !d.incident.Contains(int64(slow.StartNanos)) {
		t.Errorf("the slowest trace is not of the incident")
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) || d.Kept() != "" {
		t.Errorf("temporary directory is left: %v", err)
	}
}

func TestDemoGoesOnLive(t *testing.T) {
	started := time.Now()
	var ahead atomic.Int64
	clock := func() time.Time { return started.Add(time.Duration(ahead.Load())) }
	d := open(t, Options{Config: config(), History: time.Minute, Clock: clock})
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	ahead.Store(int64(time.Minute)) // what happens until then is sent at the first tick
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- d.Live(ctx) }()
	q := search.Query{Time: base.TimeRange{Start: started.Add(-liveDelay).UnixNano(), End: clock().UnixNano()}, Limit: 100}
	for found := 0; found == 0; {
		got, err := d.server.Traces().FindIDs(ctx, &q)
		if err != nil {
			t.Fatal(err)
		}
		found = len(got)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("live ended with %v", err)
	}
}

func TestDemoTakesAFreePort(t *testing.T) {
	first := open(t, Options{Config: config()})
	c := config()
	c.Listen, c.DataDir = first.server.Addr(), t.TempDir()
	second, err := Open(t.Context(), Options{Config: c})
	if err != nil {
		t.Fatal(err)
	}
	if second.server.Addr() == first.server.Addr() || second.Kept() != c.DataDir {
		t.Errorf("second demo at %s in %q", second.server.Addr(), second.Kept())
	}
	for _, d := range []*Demo{first, second} {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(c.DataDir); err != nil {
		t.Errorf("kept directory: %v", err)
	}
}

package bench

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/corpus"
	"github.com/pandodb/pando/internal/query/search"
)

var (
	testCorpus = corpus.Config{Traces: 400}
	testOracle = corpus.NewOracle(testCorpus)
)

// oracleTarget answers rightly, unless the test spoils the answer.
type oracleTarget struct {
	spoil func(q *corpus.Query, found []Found) ([]Found, error)
}

func (t oracleTarget) Trace(_ context.Context, id corpus.TraceID) (int, error) {
	spans, _ := testOracle.Trace(id)
	return len(spans), nil
}

func (t oracleTarget) Search(_ context.Context, q *corpus.Query) ([]Found, error) {
	var out []Found
	for _, h := range testOracle.Find(*q) {
		spans, _ := testOracle.Trace(h.TraceID)
		out = append(out, Found{ID: h.TraceID, Spans: len(spans)})
	}
	if t.spoil != nil {
		return t.spoil(q, out)
	}
	return out, nil
}

func TestMeasureTakesRightAnswers(t *testing.T) {
	p := NewPlan(testOracle, 5, 8)
	results, err := Measure(t.Context(), oracleTarget{}, p)
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != len(corpus.Classes()) {
		t.Fatalf("%d classes", len(results))
	}
	for i := range results {
		r := &results[i]
		if !r.Right() || r.Wrong+r.Missing+r.Partial != 0 || r.Returned != r.Expected || r.Queries == 0 {
			t.Errorf("%s: %s", r.Class, r.verdict())
		}
	}
	if text := ClassTable(results); !strings.Contains(text, "slowest") || strings.Contains(text, "missing,") {
		t.Errorf("table:\n%s", text)
	}
}

func TestMeasureFindsEveryKindOfMistake(t *testing.T) {
	stranger := Found{ID: corpus.TraceID{1, 2, 3}}
	for name, c := range map[string]struct {
		spoil func(*corpus.Query, []Found) ([]Found, error)
		seen  func(*ClassResult) bool
	}{
		"wrong": {
			func(_ *corpus.Query, f []Found) ([]Found, error) { return append(f, stranger), nil },
			func(r *ClassResult) bool { return r.Wrong == r.Queries && r.Exact == 0 },
		},
		"missing": {
			func(_ *corpus.Query, f []Found) ([]Found, error) { return f[:len(f)-1], nil },
			func(r *ClassResult) bool { return r.Missing == r.Queries && r.Exact == 0 },
		},
		"order": {
			func(_ *corpus.Query, f []Found) ([]Found, error) { slices.Reverse(f); return f, nil },
			func(r *ClassResult) bool { return r.Missing == 0 && r.Wrong == 0 && r.Exact < r.Queries },
		},
		"partial": {
			func(_ *corpus.Query, f []Found) ([]Found, error) { f[0].Spans--; return f, nil },
			func(r *ClassResult) bool { return r.Partial == r.Queries && r.Exact == r.Queries },
		},
		"refused": {
			func(*corpus.Query, []Found) ([]Found, error) { return nil, ErrRefused },
			func(r *ClassResult) bool { return r.Refused },
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := NewPlan(testOracle, 10, 1)
			p.Classes = slices.DeleteFunc(p.Classes, func(c ClassPlan) bool { return c.Class != corpus.ClassSlowest })
			results, err := Measure(t.Context(), oracleTarget{c.spoil}, p)
			if err != nil {
				t.Fatal(err)
			}
			if r := &results[0]; !c.seen(r) || r.Right() {
				t.Errorf("not noticed: %s", r.verdict())
			}
		})
	}
}

func TestLowerKeepsTheQuery(t *testing.T) {
	q := corpus.Query{
		Service: "s", Operation: "o", Start: 3, End: 9, MinDuration: 1, MaxDuration: 2, Limit: 4, Slowest: true,
		Tags: []corpus.Tag{{Level: corpus.LevelScope, Key: "k", Value: corpus.Bool(true)}},
	}
	got := Lower(&q)
	if got.Service != "s" || got.Operation != "o" || got.Time != (base.TimeRange{Start: 3, End: 9}) ||
		got.MinDuration != 1 || got.MaxDuration != 2 || got.Limit != 4 || got.Order != search.Slowest ||
		len(got.Tags) != 1 || got.Tags[0].Level != search.LevelScope || got.Tags[0].Value.Int != 1 {
		t.Errorf("lowered to %+v", got)
	}
	open := Lower(&corpus.Query{Service: "s"})
	if err := open.Validate(); err != nil {
		t.Errorf("a query without bounds is refused: %v", err)
	}
}

func TestUsageIsReadFromProc(t *testing.T) {
	stat := "17 (pando) serve) R 1 17 17 0 -1 4194560 900 0 0 0 250 50 0 0 20 0 9 0 100 200 300"
	if got := cpuOf(stat); got != 3*time.Second {
		t.Errorf("cpu %v", got)
	}
	if got := cpuOf("nonsense"); got != 0 {
		t.Errorf("cpu of nonsense %v", got)
	}
	status := "Name:\tpando\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n"
	if rss, peak := kilobytesOf(status, "VmRSS:"), kilobytesOf(status, "VmHWM:"); rss != 1<<20 || peak != 2<<20 {
		t.Errorf("rss %d, peak %d", rss, peak)
	}
	if u := ReadUsage(os.Getpid()); u.Measured && (u.RSS <= 0 || u.PeakRSS < u.RSS/2) {
		t.Errorf("usage of this process: %+v", u)
	}
}

func TestDiskUsageByKind(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int{
		"LOCK": 0, "NODE": 33, "log/1.log": 1000, "meta/member/snap/db": 500,
		"tablets/1/2.snp": 10, "tablets/1/20260101T000000Z/3/data.bin": 70, "tablets/2/20260101T000000Z/3/data.bin": 30,
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := DiskUsage(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []DiskKind{
		{"write-ahead log", 1, 1000, false},
		{"control plane", 1, 500, false},
		{"data.bin", 2, 100, true},
		{"other", 2, 33, false},
		{"manifests", 1, 10, true},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if all, data := SumBytes(got); all != 1643 || data != 110 {
		t.Errorf("sums %d, %d", all, data)
	}
}

func TestDefaultBaseIsAWholeHourInThePast(t *testing.T) {
	now := time.Date(2026, 11, 20, 10, 59, 59, 0, time.UTC)
	if got := time.Unix(0, DefaultBase(now)).UTC(); got != time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC) {
		t.Errorf("base %v", got)
	}
}

func TestRunRefusesAUsedDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Run(t.Context(), Options{Dir: dir, Command: []string{"/nonexistent"}})
	if base.ClassOf(err) != base.ClassConflict {
		t.Errorf("error %v", err)
	}
}

func TestRunTellsWhyAServerDoesNotStart(t *testing.T) {
	script := filepath.Join(t.TempDir(), "server")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho out of order >&2\nexit 7\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Run(t.Context(), Options{Dir: t.TempDir(), Command: []string{script}, Corpus: testCorpus})
	if err == nil || !strings.Contains(err.Error(), "out of order") {
		t.Errorf("error %v", err)
	}
}

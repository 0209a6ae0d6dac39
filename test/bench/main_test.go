package main

import (
	"os"
	"slices"
	"testing"

	"github.com/pandodb/pando/internal/bench"
)

// TestMain lets the test binary be its own child process.
func TestMain(m *testing.M) {
	if slices.Contains(os.Args, "-child") {
		main()
		return
	}
	os.Exit(m.Run())
}

// Both stores take the load; Pando answers everything rightly, badger what it
// can.
func TestSideBySide(t *testing.T) {
	results, err := measureAll(t.Context(), &options{
		traces: 200, queries: 3, byID: 10, senders: 2, base: defaultBase(), systems: "pando,badger",
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range results {
		r := &results[i]
		if r.Spans == 0 || r.Data == 0 || r.PeakRSS == 0 || len(r.Classes) == 0 {
			t.Errorf("%s: figures are missing: %+v", r.System, r)
		}
	}
	for i := range results[0].Classes {
		if c := &results[0].Classes[i]; !c.Right() {
			t.Errorf("pando: %s: %s", c.Class, bench.ClassTable(results[0].Classes))
		}
	}
	if c := &results[1].Classes[0]; !c.Right() {
		t.Errorf("badger: %s", bench.ClassTable(results[1].Classes))
	}
}

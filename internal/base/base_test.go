package base

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestClassOf(t *testing.T) {
	f := func(err error, want Class) {
		t.Helper()
		if got := ClassOf(err); got != want {
			t.Errorf("ClassOf(%v) = %v, want %v", err, got, want)
		}
	}
	f(io.EOF, ClassBug)
	f(Errorf(ClassInvalid, "bad id %q", "x"), ClassInvalid)
	f(fmt.Errorf("write: %w", Retry(0, "queue full")), ClassOverload)
	f(Mark(ClassUnavailable, Errorf(ClassInvalid, "x")), ClassUnavailable)
	f(Corruptionf("a.bin", 7, "checksum"), ClassCorruption)
	for c := ClassBug; c <= ClassCorruption; c++ {
		if c.String() == "" {
			t.Errorf("class %d has no name", c)
		}
	}
	if got := Class(200).String(); got != "class(200)" {
		t.Errorf("unknown class: %q", got)
	}
	if Mark(ClassInvalid, nil) != nil {
		t.Error("Mark(nil) is an error")
	}
	if err := Mark(ClassInvalid, io.EOF); !errors.Is(err, io.EOF) || err.Error() != "EOF" {
		t.Errorf("Mark lost the chain: %v", err)
	}
	if got := Corruptionf("a.bin", 7, "checksum %x", 1).Error(); got != "a.bin: offset 7: checksum 1" {
		t.Errorf("Corruptionf: %q", got)
	}
}

func TestTimeRange(t *testing.T) {
	r := TimeRange{10, 20}
	f := func(o TimeRange, overlaps, covers, empty bool) {
		t.Helper()
		if r.Overlaps(o) != overlaps || r.Covers(o) != covers || r.Intersect(o).Empty() != empty {
			t.Errorf("%v against %v", o, r)
		}
	}
	f(TimeRange{0, 10}, false, false, true)
	f(TimeRange{20, 30}, false, false, true)
	f(TimeRange{19, 30}, true, false, false)
	f(TimeRange{10, 20}, true, true, false)
	if r.Contains(20) || !r.Contains(10) {
		t.Error("range is not half-open")
	}
}

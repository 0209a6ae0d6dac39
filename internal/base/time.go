package base

import (
	"math"
	"time"
)

// TimeRange is a half-open interval [Start, End) of Unix nanoseconds.
type TimeRange struct {
	Start int64
	End   int64
}

// AllTime covers every representable instant but the last nanosecond.
var AllTime = TimeRange{Start: math.MinInt64, End: math.MaxInt64}

// Contains reports whether t lies in the range.
func (r TimeRange) Contains(t int64) bool { return r.Start <= t && t < r.End }

// Overlaps reports whether the two ranges share an instant.
func (r TimeRange) Overlaps(o TimeRange) bool { return r.Start < o.End && o.Start < r.End }

// Covers reports whether every instant of o lies in r.
func (r TimeRange) Covers(o TimeRange) bool { return r.Start <= o.Start && o.End <= r.End }

// Intersect returns the shared part of the two ranges; it may be empty.
func (r TimeRange) Intersect(o TimeRange) TimeRange {
	return TimeRange{Start: max(r.Start, o.Start), End: min(r.End, o.End)}
}

// Empty reports whether the range holds no instant.
func (r TimeRange) Empty() bool { return r.Start >= r.End }

// Clock tells the time. Production passes SystemClock; tests pass their own.
type Clock func() time.Time

// SteadyClock returns a clock that starts at the wall clock's time and from then
// on counts what passes, whatever is done to the wall clock. What deletes data by
// age uses it: a clock set a year ahead must not empty the database.
func SteadyClock() Clock {
	start := time.Now()
	return func() time.Time { return start.Add(time.Since(start)) }
}

// SystemClock is the wall clock.
func SystemClock() time.Time { return time.Now() }

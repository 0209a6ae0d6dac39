package serve

import (
	"math"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/pandodb/pando/internal/base"
)

// Interval is a time range as requests give it, in Unix nanoseconds; either end
// may be missing.
type Interval struct {
	Start, End       int64
	HasStart, HasEnd bool
}

// NewInterval reads a time range. Go clients of Jaeger write the zero time.Time,
// in year 1, for a time they have not: that is a missing one.
func NewInterval(start, end *timestamppb.Timestamp) (in Interval, err error) {
	if in.Start, in.HasStart, err = instant("start", start); err != nil {
		return in, err
	}
	in.End, in.HasEnd, err = instant("end", end)
	return in, err
}

func instant(what string, ts *timestamppb.Timestamp) (nanos int64, ok bool, err error) {
	if ts == nil {
		return 0, false, nil
	}
	if err := ts.CheckValid(); err != nil {
		return 0, false, base.Errorf(base.ClassInvalid, "%s time: %w", what, err)
	}
	t := ts.AsTime()
	return UnixNanos(t), !t.IsZero(), nil
}

// UnixNanos returns the time as Unix nanoseconds, or the farthest there are.
func UnixNanos(t time.Time) int64 {
	switch {
	case t.Year() < 1678:
		return math.MinInt64
	case t.Year() > 2261:
		return math.MaxInt64
	default:
		return t.UnixNano()
	}
}

// Duration reads a duration, which the message calls what; nil is zero. Beyond
// 292 years it is the longest there is.
func Duration(what string, d *durationpb.Duration) (time.Duration, error) {
	if d == nil {
		return 0, nil
	}
	if err := d.CheckValid(); err != nil {
		return 0, base.Errorf(base.ClassInvalid, "%s: %w", what, err)
	}
	if d.AsDuration() < 0 {
		return 0, base.Errorf(base.ClassInvalid, "%s: %v: a duration must not be negative", what, d.AsDuration())
	}
	return d.AsDuration(), nil
}

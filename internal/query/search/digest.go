package search

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/model/trace"
)

// minutes is a half-open range of minutes.
type minutes struct{ lo, hi int32 }

// minutesOf rounds a time range outwards.
func minutesOf(r base.TimeRange) minutes {
	return minutes{trace.MinuteOf(r.Start), trace.MinuteOf(r.End-1) + 1}
}

// since cuts off the minutes that have rows before an instant.
func (m minutes) since(t int64) minutes {
	if t > math.MinInt64 {
		m.lo = max(m.lo, trace.MinuteOf(t-1)+1)
	}
	return m
}

func (m minutes) contains(minute int32) bool { return m.lo <= minute && minute < m.hi }

// timeRange returns the minutes as instants.
func (m minutes) timeRange() base.TimeRange {
	at := func(minute int32) int64 {
		const first, last = math.MinInt64/int64(time.Minute) + 1, math.MaxInt64 / int64(time.Minute)
		return min(max(int64(minute), first), last) * int64(time.Minute)
	}
	return base.TimeRange{Start: at(m.lo), End: at(m.hi)}
}

// eachDigest calls fn with what every part and memtable says of the minutes, and
// which of them retention still serves, until it returns an error. What fn keeps of
// a digest keeps all of it in memory.
func (t *Traces) eachDigest(ctx context.Context, m minutes, fn func(d *trace.Digest, m minutes, links []*columnar.Links) error) error {
	return t.store.Digests(ctx, m.timeRange(), func(of *columnar.Digest) error {
		d, ok := of.Value.(*trace.Digest)
		if !ok {
			return base.Errorf(base.ClassBug, "a digest of spans is a %T", of.Value)
		}
		return fn(d, m.since(of.Since), of.Links)
	})
}

// noCaller and ownCall stand for a caller that is not known, and for one of the
// call's own service.
const (
	noCaller int32 = -1
	ownCall  int32 = -2
)

// callers returns the callers of a digest's open calls, by position, as positions
// in names: of several spans with the parent's id one of the call's own service, or
// else the first.
func callers(d *trace.Digest, links []*columnar.Links) (of []int32, names []string) {
	if len(links) == 0 {
		return nil, nil
	}
	of = make([]int32, len(d.Open))
	for i := range of {
		of[i] = noCaller
	}
	var own []uint32 // by name: its place in d.Texts plus one, zero for none
	for _, l := range links {
		first := len(names)
		for c := range l.Values.Len() {
			name := string(trace.ServiceOf(l.Values.Value(uint32(c))))
			names = append(names, name)
			place, ok := slices.BinarySearch(d.Texts, name)
			if !ok {
				place = -1
			}
			own = append(own, uint32(place+1))
		}
		for i, ref := range l.Refs {
			name := first + int(l.Codes[i])
			switch {
			case own[name] == d.Open[ref].Service+1:
				of[ref] = ownCall
			case of[ref] == noCaller:
				of[ref] = int32(name)
			}
		}
	}
	return of, names
}
